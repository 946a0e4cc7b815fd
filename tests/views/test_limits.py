"""Views of an archive of huge hostile articles: bounded text, memory and time."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.analysis.words import SegmentedText, find_names
from newsgrep.engines.base import Engine
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.ast import Field, NameContains, NameField, Not, positive_texts
from newsgrep.query.match import MAX_ALL_MATCHES, find_matches
from newsgrep.query.parser import parse
from newsgrep.search.highlight import make_snippets
from newsgrep.search.search import SearchRequest, group_sources, only_source, search
from newsgrep.views import kwic
from newsgrep.views.compare import compare_sources
from newsgrep.views.keywords import (
    MAX_TOTAL_LENGTH,
    article_keywords,
    query_keywords,
    read_spellings,
    read_texts,
)
from newsgrep.views.kwic import KwicOrder, make_concordance
from newsgrep.views.similar import find_similar
from tests.support.factories import engine_with, make_article

pytestmark = pytest.mark.slow

SIZE = 100_000
COUNT = 30
SECONDS = 20.0


def random_han(seed: int, size: int, kinds: int = 20_000) -> str:
    return "".join(
        chr(code) for code in random.Random(seed).choices(range(0x4E00, 0x4E00 + kinds), k=size)
    )


def archive() -> list[Article]:
    """Return articles of random characters, numbers as words, and names that repeat."""
    chance = random.Random(5)
    names = [random_han(seed, 3) for seed in range(50)]
    articles = []
    for number in range(COUNT):
        text = (
            random_han(number, SIZE),
            " ".join(f"w{chance.randrange(10**7)}" for _ in range(SIZE // 9)),
            "，".join(chance.choices(names, k=SIZE // 4)),
        )[number % 3]
        body = text if number % 4 == 3 else f"海带{text}"
        articles.append(
            make_article(f"n{number:02}", f"第{number}条", body, source="甲乙"[number % 2])
        )
    return articles


ARTICLES = archive()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = engine_with("memory", tmp_path_factory.mktemp("huge"), ARTICLES)
    yield engine
    engine.close()


VIEWS: dict[str, Callable[[Engine], object]] = {
    "keywords of a query": lambda engine: query_keywords(engine, parse("海带"), 20).articles,
    "keywords of an article": lambda engine: article_keywords(engine, ARTICLES[2], 20).words,
    "keywords, all of them": lambda engine: article_keywords(engine, ARTICLES[1], 10**9).words,
    "similar": lambda engine: find_similar(engine, ARTICLES[2]),
    "compare": lambda engine: compare_sources(engine, parse("海带"), ["甲", "乙"], 20),
    "search for many words": lambda engine: search(
        engine, SearchRequest(parse(" ".join(random_han(1, 600)), any_word=True))
    ),
}


@pytest.mark.parametrize("view", VIEWS)
def test_view_of_huge_articles_is_bounded(engine: Engine, view: str) -> None:
    started = time.process_time()
    assert VIEWS[view](engine)
    assert time.process_time() - started < SECONDS


def test_read_texts_stops_at_the_total_length(engine: Engine) -> None:
    ids = [each.id for each in ARTICLES]
    length = sum(len(word) for text in read_texts(engine, ids) for run in text.runs for word in run)
    assert MAX_TOTAL_LENGTH * 0.5 < length < MAX_TOTAL_LENGTH * 1.1
    assert MAX_TOTAL_LENGTH <= sum(map(len, read_spellings(engine, ids))) < MAX_TOTAL_LENGTH * 1.1


def test_query_keywords_counts_the_articles_read(engine: Engine) -> None:
    keywords = query_keywords(engine, parse("海带"), 20)
    assert keywords.articles == sum("海带" in each.body for each in ARTICLES)
    assert 0 < keywords.read < keywords.articles


def test_find_names_takes_little_memory_for_random_text() -> None:
    texts = [SegmentedText("", random_han(seed, 50_000)) for seed in range(3)]
    tracemalloc.start()
    assert find_names(texts, 3) == {}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000


def test_find_names_ignores_pairs_that_are_rarer_than_names() -> None:
    # Four pieces, of which each pair occurs as often as the whole.
    texts = [SegmentedText("", f"今天温以澜镝出航{seed}。") for seed in range(3)]
    assert find_names(texts, 3) == {"温以澜镝": 3, "澜镝出航": 3}
    assert find_names(texts, 4) == {}


def test_find_matches_of_many_strings_is_limited() -> None:
    text = fold(random_han(2, 200_000, kinds=3000))
    texts = positive_texts(parse(" ".join(chr(0x4E00 + at) for at in range(3000))).root)
    found = find_matches(text, texts, Field.BODY)
    assert {each.text for each in found} == set(text)
    assert len(found) <= max(MAX_ALL_MATCHES, 3000 * 8)
    assert len(find_matches(text, texts, Field.BODY, most=None)) == 200_000
    assert len(make_snippets(text, text, found)) > 1


def test_only_source_does_not_grow_with_the_sources() -> None:
    facet = [(f"{'报' * (n % 9)}{n}社", 1) for n in range(5000)] + [("", 3), ("1社", 9)]
    whole = [only_source(source) for source in group_sources(facet)]
    assert whole[:2] == [
        NameContains(NameField.SOURCE, "1社", whole=True),
        Not(NameContains(NameField.SOURCE, "")),
    ]
    assert {type(node) for node in whole[2:]} == {NameContains}


def test_concordance_sorted_by_context_is_limited(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kwic, "MAX_SORTED", 20)
    root = parse("海带").root
    matching = sum("海带" in each.body for each in ARTICLES)
    with pytest.raises(UsageError, match="-n"):
        list(make_concordance(engine, root, KwicOrder.LEFT, width=80).lines)
    lines = make_concordance(engine, root, KwicOrder.LEFT, width=80, limit=99).lines
    assert len(list(lines)) == matching > 20
