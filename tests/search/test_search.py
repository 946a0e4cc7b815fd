"""Asking: what is shown for a hit, what ranks first, and why nothing was found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from newsgrep.analysis.fold import fold
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.query.ast import NameField
from newsgrep.query.dates import Calendar, date_filter
from newsgrep.query.parser import name_contains, parse
from newsgrep.search.diagnose import Diagnosis, diagnose
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import SearchRequest, search, with_filters
from tests.support.factories import ENGINES, engine_with, make_article

CALENDAR = Calendar(date(2024, 5, 17))

ARCHIVE = [
    make_article("apart", "渔业会议", "声明由南屿发表。" + "渔业的事很多。" * 3, date="2024-01-01"),
    make_article(
        "together", "港口会议", "会上宣读渔业声明。" + "港口的事多。" * 3, date="2024-01-02"
    ),
    make_article("title", "渔业声明", "全文如下。" + "港口的事很多。" * 5, date="2024-01-03"),
    make_article(
        "caption", "图片新闻", "没有别的。", captions=["渔业聲明的签署现场"], source="汀海晚报"
    ),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made = engine_with(request.param, tmp_path, ARCHIVE)
    yield made
    made.close()


def ask(engine: Engine, typed: str, **how: int) -> list[str]:
    result = search(engine, SearchRequest(parse(typed), **how))  # type: ignore[arg-type]  # ints only
    return [hit.article.id for hit in result.hits]


def test_words_that_stand_together_rank_higher(engine: Engine) -> None:
    assert ask(engine, "渔业声明") == ["title", "together", "apart"]
    assert set(ask(engine, "渔业 声明")) == {"title", "together", "apart"}
    assert ask(engine, '"渔业声明"') == ["title", "together"]


def test_engines_keep_the_folded_texts(engine: Engine) -> None:
    ids = ["caption", "apart"]
    known = {each.id: (fold(each.title), fold(each.body)) for each in ARCHIVE}
    assert engine.folded(ids) == [known[each] for each in ids]


def test_a_hit_says_where_it_matched(engine: Engine) -> None:
    hits = search(engine, SearchRequest(parse("渔业声明"))).hits
    assert [(span.start, span.end) for span in hits[0].title_spans] == [(0, 4)]
    assert hits[0].snippets[0].offset == 0
    assert hits[0].snippets[0].spans == ()
    snippet = hits[1].snippets[0]
    marked = [snippet.text[span.start : span.end] for span in snippet.spans]
    assert marked == ["渔业声明"]


def test_a_caption_is_searched_by_its_field_and_shown(engine: Engine) -> None:
    (hit,) = search(engine, SearchRequest(parse("caption:渔业声明"))).hits
    assert [snippet.field for snippet in hit.snippets] == ["body", "caption"]
    assert hit.snippets[1].text == "渔业聲明的签署现场"
    assert hit.snippets[1].spans[0].end == 4


def test_pages_of_a_second_look_neither_repeat_nor_skip(tmp_path: Path) -> None:
    many = [
        make_article(f"n{i:03}", f"第{i}号", "渔业的声明。" * (1 + i % 7) + "渔业声明。" * (i % 3))
        for i in range(RERANK_DEPTH + 40)
    ]
    engine = engine_with("whoosh", tmp_path, many)
    whole = ask(engine, "渔业声明", limit=1000)
    assert len(set(whole)) == len(many)
    for size in (7, 50, 100, 130):
        pages = [
            ask(engine, "渔业声明", limit=size, offset=offset)
            for offset in range(0, len(many), size)
        ]
        assert [each for page in pages for each in page] == whole
    engine.close()


def test_filters_narrow_what_was_typed(engine: Engine) -> None:
    query = with_filters(
        parse("渔业 OR 图片"),
        [name_contains(NameField.SOURCE, "汀海"), date_filter("2024", "", CALENDAR)],
    )
    assert search(engine, SearchRequest(query)).total == 0
    query = with_filters(parse("渔业 OR 图片"), [date_filter("2024-01-02", "2024-01", CALENDAR)])
    assert search(engine, SearchRequest(query, Order.OLDEST)).total == 2


def why(engine: Engine, typed: str) -> Diagnosis:
    root = parse(typed).root
    assert engine.search(EngineRequest(root)).total == 0
    return diagnose(engine, root)


def test_nothing_found_is_explained_by_what_each_word_finds(engine: Engine) -> None:
    told = why(engine, "渔业 铁路")
    assert told.articles == 4
    assert [(each.part, each.articles) for each in told.terms] == [("渔业", 3), ("铁路", 0)]
    assert told.any_word == 3


def test_nothing_found_is_explained_by_the_filter_that_emptied_it(engine: Engine) -> None:
    told = why(engine, "渔业 source:汀海 date:2024 -港口")
    without = {each.part: each.articles for each in told.without}
    assert without == {
        'source:"汀海"': 1,
        "date:2024-01-01..2024-12-31": 0,
        "NOT 港口": 0,
    }


def test_nothing_found_is_explained_by_captions(engine: Engine) -> None:
    assert why(engine, '"签署现场"').captions == 1


def test_a_query_of_thousands_of_words_is_explained_briefly(engine: Engine) -> None:
    told = why(engine, " ".join(f"w{i}" for i in range(3000)))
    assert len(told.terms) == 20
    assert told.omitted_terms == 2980
