"""A quoted string finds every article that contains it, in either script, and no other."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

import opencc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article
from newsgrep.query.lexer import normalize
from newsgrep.query.match import contains_literal
from newsgrep.query.parser import make_phrase
from tests.support.factories import ENGINES, engine_with, make_article
from tests.support.stress import trial_count

TEXTS = (
    "渔场联合声明，七年渔权之争“先搁一搁”。北京大学生在北京大学",
    "漁場聯合聲明，三天後表決；看著鏡頭說：「不簽。」乾隆年間",
    "The ports used GPT-4o in 2024，港口 used 3.5 GPTs",
    "水水水，水。我们爱我们的水库水管水手",
    "研究生命的起源，研究生命苦。南京市长江大桥，下雨天留客天",
    "中华人民共和国，中華人民共和國，中华人民。２０２４年ＡＢＣ",
    "⻓江⻛浪与⺠⽣，｢先到先挑｣､喬‧拜登說──二○二四年 CO₂",
    "长江风浪与民生,「先到先挑」、乔·拜登说——二〇二四年 co2",
)
_ALPHABET = "水我们爱的北京大学生联合声聲明聯GPT4o 20，。“”漁渔 A-⻓长｡・·○〇₂"


# Created once: each takes as long as a hundred searches.
TO_TRADITIONAL = opencc.OpenCC("s2t")
folded = cache(fold)


def brute_force(articles: list[Article], quoted: str) -> set[str]:
    literal = fold(normalize(quoted))
    return {
        each.id
        for each in articles
        if contains_literal(folded(each.title), literal)
        or contains_literal(folded(each.body), literal)
    }


def found(engine: Engine, quoted: str) -> set[str]:
    page = engine.search(EngineRequest(make_phrase(quoted), limit=100_000))
    assert page.total == len(page.candidates)
    return {candidate.id for candidate in page.candidates}


@pytest.fixture(scope="module", params=ENGINES)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, list[Article]]]:
    chance = random.Random(7)
    articles = [make_article(f"s{i}", text[:12], text) for i, text in enumerate(TEXTS)]
    articles += [
        make_article(
            f"r{i}",
            "".join(chance.choices(_ALPHABET, k=chance.randrange(12))),
            "".join(chance.choices(_ALPHABET, k=chance.randrange(60))),
        )
        for i in range(200)
    ]
    articles = [
        Article(each.id, normalize(each.title), normalize(each.body), each.path)
        for each in articles
    ]
    engine = engine_with(request.param, tmp_path_factory.mktemp("small"), articles)
    yield engine, articles
    engine.close()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_phrase_of_article_finds_exactly_its_articles(
    small: tuple[Engine, list[Article]], data: st.DataObject
) -> None:
    engine, articles = small
    text = data.draw(st.sampled_from([each.body for each in articles] + list(TEXTS)))
    start = data.draw(st.integers(0, max(0, len(text) - 1)))
    piece = text[start : start + data.draw(st.integers(1, 12))]
    quoted = data.draw(st.sampled_from([piece, piece.upper(), TO_TRADITIONAL.convert(piece)]))
    if normalize(quoted):
        assert found(engine, quoted) == brute_force(articles, quoted)


@settings(max_examples=200, deadline=None)
@given(quoted=st.text(st.sampled_from(_ALPHABET), min_size=1, max_size=8))
def test_random_phrase_finds_exactly_its_articles(
    small: tuple[Engine, list[Article]], quoted: str
) -> None:
    engine, articles = small
    if normalize(quoted):
        assert found(engine, quoted) == brute_force(articles, quoted)


def test_phrase_ignores_script_width_and_case(
    small: tuple[Engine, list[Article]],
) -> None:
    engine, _ = small
    spellings = ["联合声明", "聯合聲明", "联合聲明"]
    answers = [found(engine, spelling) for spelling in spellings]
    assert answers[0] == answers[1] == answers[2] >= {"s0", "s1"}
    assert found(engine, "ＧＰＴ－４ｏ") == found(engine, "gpt-4O") >= {"s2"}
    radicals = found(engine, "⻓江⻛浪与⺠⽣，｢先到先挑｣､")
    assert radicals == found(engine, "長江風浪与民生，「先到先挑」、") >= {"s6", "s7"}
    assert found(engine, "乔・拜登说──二○二四年 CO2") >= {"s6", "s7"}
    assert found(engine, "2024年abc") == found(engine, "２０２４年ＡＢＣ") >= {"s5"}


@pytest.fixture(scope="module")
def real_articles() -> list[Article]:
    """Return a quarter of the first 3,000 articles of each real archive; skip without archives."""
    folder = Path(__file__).parents[3] / "shared" / "corpus"
    archives = sorted(folder.glob("*.tar.xz"))
    if not archives:
        pytest.skip(f"no real archives in {folder}: exactness is tested on synthetic articles only")
    outlets = load_outlets()
    articles = {}
    for archive in archives:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(islice(tar, 3000)):
                taken = member.isfile() and number % trial_count(12, 4) == 0
                stream = tar.extractfile(member) if taken else None
                if stream is None:
                    continue
                with suppress(NoArticle):
                    data = stream.read()
                    read = extract_article(
                        f"/{member.name}", data, outlets=outlets, mtime=member.mtime
                    )
                    articles[read.id] = read
    return list(articles.values())


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.torture
@pytest.mark.parametrize("name", ENGINES)
def test_phrase_of_real_article_finds_exactly_its_articles(
    name: str, real_articles: list[Article], tmp_path: Path
) -> None:
    articles = real_articles
    engine = engine_with(name, tmp_path, articles)
    chance = random.Random(20261120)
    texts = [(each.id, folded(each.title), folded(each.body)) for each in articles]
    for _ in range(20 if name == "memory" else trial_count(50, 2000)):
        text = chance.choice(articles).body
        if not text:
            continue
        start = chance.randrange(len(text))
        piece = normalize(text[start : start + chance.randint(1, 12)])
        for quoted in (piece, TO_TRADITIONAL.convert(piece), full_width(piece)):
            literal = fold(normalize(quoted))
            if not literal:
                continue
            expected = {
                i
                for i, t, b in texts
                if contains_literal(t, literal) or contains_literal(b, literal)
            }
            assert found(engine, quoted) == expected, quoted
    engine.close()
