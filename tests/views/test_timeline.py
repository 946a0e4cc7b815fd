"""Timelines, compared with counts by brute force, on every engine."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine
from newsgrep.errors import UsageError
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query.ast import describe
from newsgrep.query.parser import parse
from newsgrep.search.bins import (
    MAX_BINS,
    Interval,
    Period,
    bin_at,
    bin_number,
    parse_partial_date,
)
from newsgrep.views.timeline import Measure, Timeline, filters_only, make_timeline
from tests.support.factories import ENGINES, engine_with, make_article

# Names that contain others, and one that is spelled in both scripts.
SOURCES = ("日报", "雾港日报", "霧港日報", "雾港日报海外版", "Harbour Post", "harbour", "报", None)
DATES = ("2023", "2024", "2024-01", "2024-02", None)


def some_articles(count: int, seed: int) -> list[Article]:
    chance = random.Random(seed)
    first = date(2023, 11, 20)
    articles = []
    for number in range(count):
        day = (first + timedelta(chance.randrange(160))).isoformat()
        moment = f"{day}T{chance.choice(('03:00', '23:30'))}{chance.choice(('+00:00', '+08:00'))}"
        articles.append(
            make_article(
                f"n{number}",
                f"第{number}号",
                chance.choice(("潮汐公报。", "灯塔与潮汐。", "灯塔。")),
                source=chance.choice(SOURCES),
                date=chance.choice((day, day, moment, chance.choice(DATES))),
            )
        )
    return articles


ARTICLES = some_articles(240, seed=7)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(request.param, tmp_path, ARTICLES)
    yield engine
    engine.close()


def name_of(day: date, by: Interval) -> str:
    match by:
        case Interval.DAY:
            return day.isoformat()
        case Interval.WEEK:
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case Interval.MONTH:
            return day.isoformat()[:7]
        case Interval.YEAR:
            return day.isoformat()[:4]


def by_hand(articles: list[Article], by: Interval) -> tuple[Counter[str], Counter[str]]:
    """Count articles by bin, and those in no bin by the precision of their date."""
    bins, apart = Counter[str](), Counter[str]()
    for each in articles:
        if each.published is None:
            apart["undated"] += 1
            continue
        first, last = each.published.days(ARCHIVE_ZONE)
        if name_of(first, by) == name_of(last, by):
            bins[name_of(first, by)] += 1
        else:
            apart[each.published.precision.value] += 1
    return bins, apart


def counted(line: Timeline, at: int = 0) -> Counter[str]:
    counts = zip(line.bins, line.series[at].counts, strict=True)
    return Counter({each.name: count for each, count in counts if count})


@pytest.mark.parametrize("by", Interval)
def test_timeline_counts_every_article_once(engine: Engine, by: Interval) -> None:
    line = make_timeline(engine, parse("潮汐"), by=by)
    matching = [each for each in ARTICLES if "潮汐" in each.body]
    bins, apart = by_hand(matching, by)
    assert counted(line) == bins
    assert line.total == len(matching) == line.series[0].total
    whole = line.totals[0]
    assert (whole.known_to_year, whole.known_to_month, whole.undated) == (
        apart["year"],
        apart["month"],
        apart["undated"],
    )
    assert line.total == sum(bins.values()) + sum(apart.values())
    assert apart["undated"]
    assert bool(apart["year"]) == (by is not Interval.YEAR)


@pytest.mark.parametrize("by", Interval)
def test_timeline_bins_have_no_gaps(engine: Engine, by: Interval) -> None:
    line = make_timeline(engine, parse("潮汐"), by=by)
    assert line.series[0].counts[0] > 0
    assert line.series[0].counts[-1] > 0
    for before, after in zip(line.bins, line.bins[1:], strict=False):
        assert before.last + timedelta(1) == after.first
    for each in line.bins:
        assert name_of(each.first, by) == name_of(each.last, by) == each.name


@pytest.mark.parametrize("by", Interval)
def test_timeline_per_source_excludes_longer_names(engine: Engine, by: Interval) -> None:
    line = make_timeline(engine, parse("潮汐"), by=by, per_source=True, max_sources=99)
    assert line.other_sources == ()
    names = {fold(each.source or "") for each in ARTICLES if "潮汐" in each.body}
    assert {fold(series.source.name) for series in line.series if series.source} == names
    for at, series in enumerate(line.series):
        assert series.source is not None
        own = [each for each in ARTICLES if fold(each.source or "") == fold(series.source.name)]
        matching = [each for each in own if "潮汐" in each.body]
        assert counted(line, at) == by_hand(matching, by)[0]
        assert series.total == series.source.articles == len(matching)
        assert set(series.source.spellings) == {each.source or "" for each in matching}
        whole, _ = by_hand(own, by)
        assert series.all == tuple(whole[each.name] for each in line.bins)
        for place, each in enumerate(line.bins):
            expected = 100 * series.counts[place] / whole[each.name] if whole[each.name] else None
            assert series.share(place) == expected
    merged = next(s.source for s in line.series if s.source and fold(s.source.name) == "雾港日报")
    assert len(merged.spellings) == 2


def test_timeline_share_is_of_filtered_articles(engine: Engine) -> None:
    line = make_timeline(engine, parse("潮汐 source:雾港"), by=Interval.MONTH)
    own = [each for each in ARTICLES if "雾港" in fold(each.source or "")]
    whole, _ = by_hand(own, Interval.MONTH)
    assert line.series[0].all == tuple(whole[each.name] for each in line.bins)
    assert line.series[0].share_of == 'source:"雾港"'


@pytest.mark.parametrize(
    ("typed", "filters"),
    [
        ("潮汐", "*"),
        ("潮汐 -灯塔", "*"),
        ("(潮汐 OR source:报)", "*"),
        ("潮汐 -source:报 date:2024", 'NOT source:"报" AND date:2024-01-01..2024-12-31'),
        ("潮汐 (source:报 OR source:post)", 'source:"报" OR source:"post"'),
        ("source:报", "*"),
        ("source:报 date:2024", "date:2024-01-01..2024-12-31"),
    ],
)
def test_filters_only_keeps_filters(typed: str, filters: str) -> None:
    assert describe(filters_only(parse(typed).root)) == filters


def test_timeline_limits_sources(engine: Engine) -> None:
    whole = make_timeline(engine, parse("潮汐"), per_source=True, max_sources=99)
    line = make_timeline(engine, parse("潮汐"), per_source=True, max_sources=2)
    assert line.series == whole.series[:2]
    assert line.other_sources == tuple(series.source for series in whole.series[2:])
    counts = [series.total for series in whole.series]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == whole.total


@pytest.mark.parametrize(
    ("days", "by"),
    [
        (["2024-01-01", "2024-02-09"], Interval.DAY),
        (["2024-01-01", "2024-02-10"], Interval.WEEK),
        (["2024-01-01", "2024-10-06"], Interval.WEEK),
        (["2024-01-01", "2024-10-07"], Interval.MONTH),
        (["2021-01-01", "2024-04-30"], Interval.MONTH),
        (["2021-01-01", "2024-05-01"], Interval.YEAR),
        (["2024", "2024", "2024-05-01"], Interval.YEAR),
        (["2024-05", "2024-05", "2024-05-01"], Interval.MONTH),
        (["2024-05", "2024-05-02", "2024-05-01"], Interval.DAY),
        (["0001-01-01", "9999-12-31"], None),
        ([None], Interval.DAY),
    ],
)
def test_timeline_chooses_interval(
    tmp_path: Path, days: list[str | None], by: Interval | None
) -> None:
    articles = [make_article(f"n{at}", "", "潮汐", date=day) for at, day in enumerate(days)]
    engine = engine_with("memory", tmp_path, articles)
    if by is None:
        with pytest.raises(UsageError, match="Narrow the query with --since"):
            make_timeline(engine, parse("潮汐"))
        return
    line = make_timeline(engine, parse("潮汐"))
    assert line.by is by
    whole = line.totals[0]
    apart = whole.known_to_year + whole.known_to_month + whole.undated
    assert sum(whole.counts) + apart == len(days)


def test_timeline_rejects_too_many_bins(tmp_path: Path) -> None:
    days = ["2000-01-01", (date(2000, 1, 1) + timedelta(MAX_BINS - 1)).isoformat()]
    more = (date(2000, 1, 1) + timedelta(MAX_BINS)).isoformat()
    articles = [make_article(f"n{at}", "", "潮汐", date=day) for at, day in enumerate(days)]
    engine = engine_with("memory", tmp_path, articles)
    assert len(make_timeline(engine, parse("潮汐"), by=Interval.DAY).bins) == MAX_BINS
    engine = engine_with("memory", tmp_path, [*articles, make_article("m", "", "潮汐", date=more)])
    with pytest.raises(
        UsageError, match=f"{MAX_BINS + 1:,} bins, more than {MAX_BINS:,}. Use --by week, or"
    ):
        make_timeline(engine, parse("潮汐"), by=Interval.DAY)


@given(st.dates(), st.sampled_from(Interval))
def test_bin_at_inverts_bin_number(day: date, by: Interval) -> None:
    number = bin_number(day, by)
    own = bin_at(number, by)
    assert own.first <= day <= own.last
    assert bin_number(own.first, by) == bin_number(own.last, by) == number
    if own.last < date.max:
        assert bin_at(number + 1, by).first == own.last + timedelta(1)
    if by is Interval.WEEK:
        assert own.first.weekday() == 0
        assert own.name == "{:04}-W{:02}".format(*day.isocalendar())
    else:
        size = {Interval.DAY: 10, Interval.MONTH: 7, Interval.YEAR: 4}[by]
        assert own.name == day.isoformat()[:size]
        assert parse_partial_date(own.name) == (own.first, own.last, by)


@pytest.mark.parametrize("by", Interval)
def test_timeline_spans_the_requested_dates(engine: Engine, by: Interval) -> None:
    line = make_timeline(engine, parse("第3号 date:2023-10-05..2024-12-30"), by=by)
    assert line.bins[0].name == name_of(date(2023, 10, 5), by)
    assert line.bins[-1].name == name_of(date(2024, 12, 30), by)
    whole, _ = by_hand(ARTICLES, by)
    assert line.series[0].all == tuple(whole[each.name] for each in line.bins)


def test_timeline_open_range_ends_with_matches(engine: Engine) -> None:
    line = make_timeline(engine, parse("潮汐 date:2023-10.."), by=Interval.MONTH)
    assert line.bins[0].name == "2023-10"
    assert line.series[0].counts[0] == 0
    assert line.series[0].counts[-1] > 0


def test_timeline_without_matches_spans_the_range(engine: Engine) -> None:
    line = make_timeline(engine, parse("海豚 date:2023-12..2024-02"), by=Interval.MONTH)
    assert not line.has_matches
    assert [each.name for each in line.bins] == ["2023-12", "2024-01", "2024-02"]
    assert line.series[0].counts == (0, 0, 0)
    assert all(line.series[0].all)


@pytest.mark.parametrize(
    ("typed", "by", "partial"),
    [
        ("潮汐", Interval.DAY, set()),
        ("潮汐", Interval.MONTH, {"2023-11", "2024-04"}),
        ("潮汐", Interval.YEAR, {"2023", "2024"}),
        ("潮汐 date:2024-01-01..2024-03-31", Interval.MONTH, set()),
        ("潮汐 date:2024-01-02..2024-03-30", Interval.MONTH, {"2024-01", "2024-03"}),
        ("潮汐 date:2024-01..2024-06", Interval.MONTH, {"2024-04", "2024-05", "2024-06"}),
    ],
)
def test_timeline_marks_partial_bins(
    engine: Engine, typed: str, by: Interval, partial: set[str]
) -> None:
    days = [each.published.days(ARCHIVE_ZONE)[0] for each in ARTICLES if each.published]
    assert "2024-04" in {name_of(day, Interval.MONTH) for day in days}
    line = make_timeline(engine, parse(typed), by=by)
    assert {each.name for each in line.bins if line.is_partial(each)} == partial


def test_timeline_covers_exact_days(engine: Engine) -> None:
    exact = [
        each.published.days(ARCHIVE_ZONE)[0]
        for each in ARTICLES
        if each.published and each.published.precision.value not in {"year", "month"}
    ]
    assert make_timeline(engine, parse("潮汐")).covered == Period(min(exact), max(exact))


def test_timeline_of_several_queries_shares_bins(engine: Engine) -> None:
    queries = [parse("潮汐 date:2024"), parse("灯塔 source:雾港"), parse("海豚")]
    line = make_timeline(engine, *queries, by=Interval.MONTH)
    assert [series.query for series in line.series] == [query.text for query in queries]
    first, second, third = line.series
    assert line.bins[0].name == "2023-11"
    assert line.bins[-1].name == "2024-12"
    assert sum(third.counts) == third.total == 0
    matching = [
        each for each in ARTICLES if "灯塔" in each.body and "雾港" in fold(each.source or "")
    ]
    assert counted(line, 1) == by_hand(matching, Interval.MONTH)[0]
    assert second.total == len(matching)
    own = [each for each in ARTICLES if "雾港" in fold(each.source or "")]
    assert second.all == tuple(by_hand(own, Interval.MONTH)[0][each.name] for each in line.bins)
    assert counted(line) == Counter(
        {
            name: count
            for name, count in by_hand(
                [each for each in ARTICLES if "潮汐" in each.body], Interval.MONTH
            )[0].items()
            if name >= "2024"
        }
    )
    assert first.known_to_year > 0


@pytest.mark.parametrize("per_source", [False, True])
def test_timeline_occurrences_equal_brute_force(tmp_path: Path, per_source: bool) -> None:
    chance = random.Random(5)
    articles = [
        make_article(
            f"n{number}",
            "潮汐" * chance.randrange(2) + "公报",
            "灯塔 潮汐。\n\n" * chance.randrange(4) + "渡轮。" * chance.randrange(1, 9),
            source=chance.choice(("雾港日报", "汀海晚报")),
            date=f"2024-0{chance.randrange(1, 6)}-1{chance.randrange(10)}",
        )
        for number in range(60)
    ]
    engine = engine_with("memory", tmp_path, articles)
    line = make_timeline(
        engine,
        parse("潮汐"),
        by=Interval.MONTH,
        measure=Measure.PER_MILLION,
        per_source=per_source,
    )
    assert len(line.series) == 1 + per_source
    for series in line.series:
        own = [
            each for each in articles if series.source is None or each.source == series.source.name
        ]
        occurrences, characters = Counter[str](), Counter[str]()
        for each in own:
            assert each.published is not None
            month = each.published.iso[:7]
            occurrences[month] += each.title.count("潮汐") + each.body.count("潮汐")
            characters[month] += len("".join(f"{each.title}{each.body}".split()))
        names = [each.name for each in line.bins]
        assert series.occurrences == tuple(occurrences[name] for name in names)
        assert series.characters == tuple(characters[name] for name in names)
        assert series.total_occurrences == sum(occurrences.values()) > series.total
        for at, name in enumerate(names):
            expected = 1e6 * occurrences[name] / characters[name]
            assert series.per_million(at) == series.value(at) == pytest.approx(expected)


def test_timeline_occurrences_need_a_text(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no text to count"):
        make_timeline(engine, parse("source:报"), measure=Measure.OCCURRENCES)
