"""Keywords in context: every occurrence, compared with a regular expression, on every engine."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.models import Article
from newsgrep.query.ast import Field, positive_texts
from newsgrep.query.match import occurrence_spans
from newsgrep.query.parser import parse
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import SearchRequest, search
from newsgrep.views.kwic import KwicGroup, KwicLine, KwicOrder, group_occurrences, make_concordance
from tests.support.factories import ENGINES, engine_with, make_article

WORDS = ("渔业", "漁業", "声明", "聲明", "，", "港口的事。", "\n\n", " gpt", " GPTs", "渔")
SOURCES = ("日报", "雾港日报", "霧港日報", "Post", None)
DATES = ("2023", "2024-02", "2024-02-03", "2024-02-03T23:30+08:00", "2021-05-06", None)


def some_articles(count: int, seed: int) -> list[Article]:
    chance = random.Random(seed)
    return [
        make_article(
            f"n{number}",
            "".join(chance.choices(WORDS, k=3)).replace("\n", ""),
            "".join(chance.choices(WORDS, k=chance.randrange(25))).strip(),
            source=chance.choice(SOURCES),
            date=chance.choice(DATES),
            captions=["漁業聲明的签署现场"] if number % 9 == 0 else [],
        )
        for number in range(count)
    ]


ARTICLES = some_articles(RERANK_DEPTH + 80, seed=11)
BY_ID = {each.id: each for each in ARTICLES}
QUERIES = {
    '"渔业"': "渔业",
    "渔业": "渔业",
    '"渔业声明" OR "声明"': "渔业声明|声明",
    '"渔"': "渔",
    "gpt": r"(?<![a-z])gpt(?![a-z])",
    "渔业 -gpt": "渔业",
    '声明 source:报 OR "港口的"': "声明|港口的",
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(request.param, tmp_path, ARTICLES)
    yield engine
    engine.close()


def found(
    engine: Engine, typed: str, sort: KwicOrder = KwicOrder.RELEVANCE, limit: int | None = None
) -> list[KwicLine]:
    return list(make_concordance(engine, parse(typed).root, sort, width=8, limit=limit).lines)


@pytest.mark.parametrize("typed", QUERIES)
def test_concordance_contains_every_occurrence(engine: Engine, typed: str) -> None:
    matching = engine.search(EngineRequest(parse(typed).root, limit=10**6)).candidates
    by_hand = []
    for candidate in matching:
        each = BY_ID[candidate.id]
        for field, text in (("title", each.title), ("body", each.body)):
            for place in re.finditer(QUERIES[typed], fold(text)):
                start, end = place.span()
                parts = text[max(start - 8, 0) : start], text[start:end], text[end : end + 8]
                by_hand.append((each.id, field, start, end, *parts))
    shown = [
        (p.id, p.field, p.start, p.end, p.left, p.keyword, p.right) for p in found(engine, typed)
    ]
    assert sorted(shown) == sorted(by_hand)
    assert len(shown) > 20


def test_concordance_lines_have_article_metadata(engine: Engine) -> None:
    for place in found(engine, '"渔业"'):
        of = BY_ID[place.id]
        assert (place.title, place.source, place.url, place.path) == (
            of.title,
            of.source,
            of.url,
            of.path,
        )
        assert place.published == (of.published.iso if of.published else None)


@pytest.mark.parametrize("typed", ['"渔业"', "渔业声明", "渔业 声明 港口"])
@pytest.mark.parametrize("order", Order)
def test_concordance_follows_order_of_hits(engine: Engine, typed: str, order: Order) -> None:
    hits = search(engine, SearchRequest(parse(typed), order, limit=10**6)).hits
    assert len(hits) > 1
    ids = dict.fromkeys(place.id for place in found(engine, typed, KwicOrder(order.value)))
    assert list(ids) == [hit.article.id for hit in hits]


def test_concordance_sorts_by_context_and_source(engine: Engine) -> None:
    whole = found(engine, '"渔业"')
    for sort in (KwicOrder.LEFT, KwicOrder.RIGHT, KwicOrder.SOURCE):
        assert sorted(found(engine, '"渔业"', sort), key=str) == sorted(whole, key=str)

    def rightwards(place: KwicLine) -> str:
        return re.sub(r"\s", "", fold(place.right))

    def leftwards(place: KwicLine) -> list[str]:
        return list(reversed(re.sub(r"\s", "", fold(place.left))))

    assert found(engine, '"渔业"', KwicOrder.RIGHT) == sorted(whole, key=rightwards)
    assert found(engine, '"渔业"', KwicOrder.LEFT) == sorted(whole, key=leftwards)
    names = [
        fold(place.source or "\U0010ffff") for place in found(engine, '"渔业"', KwicOrder.SOURCE)
    ]
    assert names == sorted(names)
    assert len(set(names)) == 4


@pytest.mark.parametrize("sort", KwicOrder)
@pytest.mark.parametrize("limit", [1, 7, 10**6])
def test_concordance_limit_returns_first_lines(engine: Engine, sort: KwicOrder, limit: int) -> None:
    assert found(engine, "渔业", sort, limit) == found(engine, "渔业", sort)[:limit]


def test_concordance_includes_captions_if_requested(engine: Engine) -> None:
    shown = found(engine, "caption:声明")
    assert {(p.field, p.start, p.keyword, p.left) for p in shown} == {
        ("caption", 2, "聲明", "漁業")
    }
    assert len(shown) == sum(bool(each.captions) for each in ARTICLES)
    assert {p.field for p in found(engine, "声明")} == {"title", "body"}


class _Watched:
    """An engine that counts the articles that are read from it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.taken: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def get(self, ids: Iterable[str]) -> list[Article]:
        articles = self._engine.get(ids)
        self.taken.append(len(articles))
        return articles


@pytest.mark.parametrize("sort", [KwicOrder.RELEVANCE, KwicOrder.NEWEST, KwicOrder.OLDEST])
def test_concordance_streams_articles(engine: Engine, sort: KwicOrder) -> None:
    watched = _Watched(engine)
    root = parse("渔业").root
    stream = make_concordance(cast("Engine", watched), root, sort, width=8).lines
    next(stream)
    assert sum(watched.taken) <= 50
    assert sum(1 for _ in stream) > 100
    total = engine.search(EngineRequest(parse("渔业").root, limit=0)).total
    assert sum(watched.taken) == total > 50
    assert max(watched.taken) <= 50


def test_concordance_has_no_limit_per_article(tmp_path: Path) -> None:
    engine = engine_with(
        "memory", tmp_path, [make_article("a", "", "渔业" * 600 + "的渔业。" * 600)]
    )
    assert [p.start for p in found(engine, "渔业")] == [
        *range(0, 1200, 2),
        *range(1201, 1201 + 2400, 4),
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("渔业声明报 "), max_size=40),
    st.lists(
        st.text(st.sampled_from("渔业声明报"), min_size=1, max_size=4), min_size=1, max_size=3
    ),
)
def test_occurrence_spans_excludes_nested_only(text: str, strings: list[str]) -> None:
    wanted = positive_texts(parse(" OR ".join(f'"{each}"' for each in strings)).root)
    every = {place.span() for each in strings for place in re.finditer(each, text)}
    outer = {
        (start, end)
        for start, end in every
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b in every)
    }
    assert occurrence_spans(text, wanted, Field.BODY) == sorted(outer)


def test_occurrence_spans_of_separate_words() -> None:
    wanted = positive_texts(parse("渔业声明").root)
    text = "渔业的声明，声明渔业，渔业声明。"
    shown = [text[start:end] for start, end in occurrence_spans(text, wanted, Field.BODY)]
    assert shown == ["渔业", "声明", "声明渔业", "渔业声明"]


@pytest.mark.parametrize("by", KwicGroup)
def test_groups_count_every_occurrence_once(tmp_path: Path, by: KwicGroup) -> None:
    engine = engine_with("memory", tmp_path, ARTICLES)
    lines = found(engine, "渔业", KwicOrder.SOURCE)
    groups = group_occurrences(engine, parse("渔业").root, by)
    assert groups.tally.occurrences == sum(each.occurrences for each in groups.groups) == len(lines)
    assert groups.tally.articles == len({line.id for line in lines})
    if by in {KwicGroup.SOURCE, KwicGroup.YEAR}:
        values = [
            fold((line.source if by is KwicGroup.SOURCE else (line.published or "")[:4]) or "")
            for line in lines
        ]
        assert {fold(each.value or ""): each.occurrences for each in groups.groups} == Counter(
            values
        )


def test_groups_by_adjacent_word(tmp_path: Path) -> None:
    bodies = [
        "两岸渔业协定，两岸渔业公报。",
        "渔业，協定生效。\n\n港口渔业",
        "港口。\n\n渔业\n\n协定",
    ]
    articles = [make_article(f"n{at}", "", body) for at, body in enumerate(bodies)]
    engine = engine_with("memory", tmp_path, articles)

    def grouped(by: KwicGroup) -> dict[str | None, tuple[int, int]]:
        counted = group_occurrences(engine, parse("渔业").root, by).groups
        return {each.value: (each.occurrences, each.articles) for each in counted}

    assert grouped(KwicGroup.LEFT) == {"两岸": (2, 1), None: (2, 2), "港口": (1, 1)}
    assert grouped(KwicGroup.RIGHT) == {
        "协定": (2, 2),
        None: (2, 2),
        "公报": (1, 1),
    }


@pytest.mark.parametrize("sort", KwicOrder)
def test_concordance_tally_is_what_was_counted(tmp_path: Path, sort: KwicOrder) -> None:
    engine = engine_with("memory", tmp_path, ARTICLES)
    whole = found(engine, "渔业")
    for limit in (None, len(whole), len(whole) - 1, 1):
        concordance = make_concordance(engine, parse("渔业").root, sort, width=8, limit=limit)
        lines = list(concordance.lines)
        tally = concordance.tally
        assert tally.shown == len(lines) == min(len(whole), limit or len(whole))
        reads_all = sort in {KwicOrder.LEFT, KwicOrder.RIGHT}
        read = whole if reads_all else lines
        assert tally.occurrences == len(read)
        assert tally.articles == len({line.id for line in read})
        assert tally.has_more == (not reads_all and len(lines) < len(whole))
