"""Search: the order of hits, their snippets, pages and filters, and the diagnosis of no hits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.query.ast import Field, NameField
from newsgrep.query.dates import Calendar, date_filter
from newsgrep.query.parser import name_contains, parse
from newsgrep.search.diagnose import MAX_CLOSEST, Diagnosis, diagnose, find_closest
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import SearchRequest, search, with_filters
from newsgrep.views.hits import diagnosis_lines
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
    make_article(
        "left out",
        "灯塔复明",
        "灯塔昨夜复明。",
        captions=["守塔人"],
        left_out=[
            ("讀者投票：守塔人該留下嗎？" * 30, "comments"),
            ("灯塔摄影比赛开始报名。", "form"),
        ],
    ),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(request.param, tmp_path, ARCHIVE)
    yield engine
    engine.close()


def search_ids(engine: Engine, typed: str, **options: int) -> list[str]:
    result = search(engine, SearchRequest(parse(typed), **options))  # type: ignore[arg-type]  # ints only
    return [hit.article.id for hit in result.hits]


def test_search_ranks_adjacent_words_higher(engine: Engine) -> None:
    assert search_ids(engine, "渔业声明") == ["title", "together", "apart"]
    assert set(search_ids(engine, "渔业 声明")) == {"title", "together", "apart"}
    assert search_ids(engine, '"渔业声明"') == ["title", "together"]


def test_engine_folded_returns_folded_texts(engine: Engine) -> None:
    ids = ["caption", "apart"]
    known = {each.id: (fold(each.title), fold(each.body)) for each in ARCHIVE}
    assert engine.folded_texts(ids) == [known[each] for each in ids]


def test_search_hit_has_spans_of_matches(engine: Engine) -> None:
    hits = search(engine, SearchRequest(parse("渔业声明"))).hits
    assert [(span.start, span.end) for span in hits[0].title_spans] == [(0, 4)]
    assert hits[0].snippets[0].offset == 0
    assert hits[0].snippets[0].spans == ()
    snippet = hits[1].snippets[0]
    marked = [snippet.text[span.start : span.end] for span in snippet.spans]
    assert marked == ["渔业声明"]


def test_search_caption_field_shows_caption(engine: Engine) -> None:
    (hit,) = search(engine, SearchRequest(parse("caption:渔业声明"))).hits
    assert [snippet.field for snippet in hit.snippets] == ["body", "caption"]
    assert hit.snippets[1].text == "渔业聲明的签署现场"
    assert hit.snippets[1].spans[0].end == 4


def test_search_left_out_field_shows_passage(engine: Engine) -> None:
    (hit,) = search(engine, SearchRequest(parse("leftout:读者投票"))).hits
    assert [snippet.field for snippet in hit.snippets] == ["body", "left out"]
    snippet = hit.snippets[1]
    passage = hit.article.left_out[0].text
    assert passage[snippet.offset :].startswith(snippet.text)
    assert snippet.cut_after or len(snippet.text) < len(passage)
    assert snippet.text[snippet.spans[0].start : snippet.spans[0].end] == "讀者投票"


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ("灯塔", ["body"]),
        ("灯塔 报名", ["body", "left out"]),
        ("守塔人", ["body", "caption"]),
        ("守塔人 投票", ["body", "caption", "left out"]),
        ("leftout:灯塔", ["body", "left out"]),
        ("caption:守塔人 灯塔", ["body", "caption"]),
    ],
)
def test_search_everything_shows_what_body_and_title_do_not(
    engine: Engine, typed: str, fields: list[str]
) -> None:
    request = SearchRequest(parse(typed, field=Field.EVERYTHING))
    (hit,) = search(engine, request).hits
    assert [snippet.field for snippet in hit.snippets] == fields


def test_search_limits_snippets_of_left_out_text(tmp_path: Path) -> None:
    comments = [(f"第{number}樓：渔业很好。", "comments") for number in range(50)]
    engine = engine_with("memory", tmp_path, [make_article("a", "题", "文。", left_out=comments)])
    request = SearchRequest(parse("leftout:渔业"), max_snippets=2)
    (hit,) = search(engine, request).hits
    assert [snippet.field for snippet in hit.snippets] == ["body", "left out", "left out"]
    assert hit.snippets[1].text == "第0樓：渔业很好。"


def test_search_without_everything_ignores_left_out_text(engine: Engine) -> None:
    assert search_ids(engine, "投票") == search_ids(engine, '"摄影比赛"') == []
    assert search_ids(engine, "灯塔 报名") == []
    assert search_ids(engine, "everything:(灯塔 报名)") == ["left out"]
    assert search_ids(engine, "灯塔 -leftout:报名") == []
    assert engine.document_frequencies(["投票"]) == {"投票": 0}


def test_search_pages_by_offset_join_to_whole_result(tmp_path: Path) -> None:
    many = [
        make_article(f"n{i:03}", f"第{i}号", "渔业的声明。" * (1 + i % 7) + "渔业声明。" * (i % 3))
        for i in range(RERANK_DEPTH + 40)
    ]
    engine = engine_with("whoosh", tmp_path, many)
    whole = search_ids(engine, "渔业声明", limit=1000)
    assert len(set(whole)) == len(many)
    for size in (7, 50, 100, 130):
        pages = [
            search_ids(engine, "渔业声明", limit=size, offset=offset)
            for offset in range(0, len(many), size)
        ]
        assert [each for page in pages for each in page] == whole
    engine.close()


def test_with_filters_narrows_the_query(engine: Engine) -> None:
    query = with_filters(
        parse("渔业 OR 图片"),
        [name_contains(NameField.SOURCE, "汀海"), date_filter("2024", "", CALENDAR)],
    )
    assert search(engine, SearchRequest(query)).total == 0
    query = with_filters(parse("渔业 OR 图片"), [date_filter("2024-01-02", "2024-01", CALENDAR)])
    assert search(engine, SearchRequest(query, Order.OLDEST)).total == 2


def diagnosis_of(engine: Engine, typed: str) -> Diagnosis:
    root = parse(typed).root
    assert engine.search(EngineRequest(root)).total == 0
    return diagnose(engine, root)


def test_diagnose_counts_each_word(engine: Engine) -> None:
    diagnosis = diagnosis_of(engine, "渔业 铁路")
    assert diagnosis.articles == 5
    assert [(each.part, each.articles) for each in diagnosis.terms] == [("渔业", 3), ("铁路", 0)]
    assert diagnosis.any_word == 3


def test_diagnose_counts_without_each_filter(engine: Engine) -> None:
    diagnosis = diagnosis_of(engine, "渔业 source:汀海 date:2024 -港口")
    without = {each.part: each.articles for each in diagnosis.without}
    assert without == {
        'source:"汀海"': 1,
        "date:2024-01-01..2024-12-31": 0,
        "NOT 港口": 0,
    }


def test_diagnose_counts_captions(engine: Engine) -> None:
    assert diagnosis_of(engine, '"签署现场"').captions == 1


@pytest.mark.parametrize(
    ("typed", "left_out"),
    [
        ('"摄影比赛"', 1),
        ("灯塔 摄影 报名", 1),
        ("灯塔 摄影 台风", 0),
        ("守塔人", 1),
        ("title:摄影", 0),
        ("leftout:台风", 0),
        ("everything:台风", 0),
        ("摄影 OR 台风", 1),
        ("摄影 source:汀海", 0),
        ("摄影 -读者", 0),
        ("摄?比赛 NEAR/5 报名", 1),
    ],
)
def test_diagnose_counts_left_out_text(engine: Engine, typed: str, left_out: int) -> None:
    diagnosis = diagnosis_of(engine, typed)
    assert diagnosis.left_out == left_out
    lines = "\n".join(diagnosis_lines(diagnosis, typed, "in ./index"))
    assert ("1 article with it in text that was left out: add --everything" in lines) == left_out


def test_diagnose_limits_long_queries(engine: Engine) -> None:
    diagnosis = diagnosis_of(engine, " ".join(f"w{i}" for i in range(3000)))
    assert len(diagnosis.terms) == 20
    assert diagnosis.omitted_terms == 2980


def closest_of(engine: Engine, typed: str, limit: int = 10) -> dict[str, tuple[str, ...]]:
    request = SearchRequest(parse(typed), limit=limit)
    assert search(engine, request).total == 0
    return {each.hit.article.id: each.lacks for each in find_closest(engine, request)}


@pytest.mark.parametrize(
    ("typed", "closest"),
    [
        ("渔业 全文 铁路 date:2024-01-03", {"title": ("铁路",)}),
        ("会上 全文 -渔业", {}),
        ('"渔业的声明" 会上 date:2024-01-01', {"apart": ('"渔业的声明"', "会上")}),
        ('"渔业的铁路" 会上 date:2024-01-02', {"together": ("铁路",)}),
        ("会上 (台风 OR 铁路)", {"together": ("台风 OR 铁路",)}),
        (
            "(会上 全文 铁路) OR (台风 date:2024-01-02)",
            {"together": ("台风",), "title": ("会上", "铁路")},
        ),
        ("(会上 全文) OR (台风 date:2024 -会上)", {"together": ("全文",), "title": ("会上",)}),
        ("title:港口 title:声明 -南屿", {"together": ("title:声明",), "title": ("title:港口",)}),
        ("caption:签署 caption:全文", {"caption": ("caption:全文",)}),
        ("everything:签署 title:港口 -全文 date:2024", {"together": ("everything:签署",)}),
        ("铁路", {}),
        ("铁路 台风", {}),
        ("source:铁路 渔业 声明", {}),
    ],
)
def test_closest_names_what_each_article_lacks(
    engine: Engine, typed: str, closest: dict[str, tuple[str, ...]]
) -> None:
    assert closest_of(engine, typed) == closest


def test_closest_respects_the_limit(engine: Engine) -> None:
    assert len(closest_of(engine, "渔业 铁路", limit=2)) == 2
    assert not closest_of(engine, "渔业 铁路", limit=0)
    assert not closest_of(engine, "渔业 " + " ".join(f"w{i}" for i in range(3000)))


def test_closest_equals_brute_force(tmp_path: Path) -> None:
    words = ["渔业", "声明", "铁路", "台风", "港口", "灯塔", "会议", "图片"]
    chance = random.Random(18)
    bodies = [chance.sample(words, chance.randint(0, 3)) for _ in range(12)]
    articles = [make_article(str(n), "要闻", "，".join(body)) for n, body in enumerate(bodies)]
    engine = engine_with("whoosh", tmp_path, articles)
    compared = 0
    for _ in range(60):
        typed = chance.sample(words, chance.randint(2, 5))
        if any(set(typed) <= set(body) for body in bodies):
            continue
        compared += 1
        some = {n for n, body in enumerate(bodies) if set(typed) & set(body)}
        closest = closest_of(engine, " ".join(typed))
        assert len(closest) == min(len(some), MAX_CLOSEST)
        for article_id, lacks in closest.items():
            assert int(article_id) in some
            assert lacks == tuple(word for word in typed if word not in bodies[int(article_id)])
    assert compared > 20
    engine.close()
