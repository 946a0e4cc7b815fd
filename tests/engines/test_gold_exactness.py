"""A quoted string finds exactly the gold articles that contain it, on every engine."""

from __future__ import annotations

import random
from pathlib import Path

import opencc
import pytest

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import EngineRequest
from newsgrep.models import Article
from newsgrep.query.lexer import normalize
from newsgrep.query.match import contains_literal
from newsgrep.query.parser import make_phrase
from tests.support.factories import ENGINES, engine_with
from tests.support.gold_corpus import extract, write_archive
from tests.support.stress import trial_count


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> list[Article]:
    return [extract(path) for path, _ in write_archive(tmp_path_factory.mktemp("gold"))]


@pytest.mark.parametrize("name", ENGINES)
def test_phrase_finds_exactly_the_containing_articles(
    name: str, articles: list[Article], tmp_path: Path
) -> None:
    engine = engine_with(name, tmp_path, articles)
    chance = random.Random(20261127)
    folded = {each.id: (fold(each.title), fold(each.body)) for each in articles}
    converters = [opencc.OpenCC(each).convert for each in ("s2t", "t2s")]
    for _ in range(trial_count(100, 1000)):
        body = chance.choice(articles).body
        start = chance.randrange(len(body))
        piece = normalize(body[start : start + chance.randint(1, 12)])
        for quoted in (piece, *(convert(piece) for convert in converters)):
            literal = fold(normalize(quoted))
            if not literal:
                continue
            expected = {
                article_id
                for article_id, texts in folded.items()
                if any(contains_literal(text, literal) for text in texts)
            }
            page = engine.search(EngineRequest(make_phrase(quoted), limit=1000))
            assert {each.id for each in page.candidates} == expected, quoted
            assert page.total == len(expected)
    engine.close()
