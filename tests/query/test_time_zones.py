"""Days in time zones: every engine against each article's own date."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query.ast import And, DateRange, NameContains, NameField, Node, Not
from tests.support.cli import Cli, write_article
from tests.support.factories import ENGINES, engine_with, make_article

ZONES: tuple[tzinfo, ...] = (
    ARCHIVE_ZONE,
    UTC,
    *map(
        ZoneInfo,
        (
            "Asia/Shanghai",  # with its summer times, up to 1991
            "Asia/Tokyo",
            "Asia/Kathmandu",  # UTC+5:45
            "Asia/Kolkata",  # UTC+5:30
            "America/New_York",
            "America/St_Johns",  # half an hour off, and in 2010 put back a minute after midnight
            "America/Sao_Paulo",  # where summer time began at midnight, which was not
            "Europe/London",
            "Australia/Lord_Howe",  # half an hour of summer time
            "Pacific/Apia",  # where 30 December 2011 never was
            "Pacific/Kiritimati",  # UTC+14
            "Etc/GMT+12",
        ),
    ),
    timezone(timedelta(hours=-23, minutes=-59)),
    timezone(timedelta(hours=23, minutes=59)),
)

DAYS = (
    date(2024, 5, 17),
    date(2024, 3, 31),  # summer time begins in London
    date(2010, 11, 7),  # and ends in St John's
    date(2018, 11, 4),  # and begins in São Paulo
    date(2011, 12, 30),
    date(1988, 4, 17),  # and begins in Shanghai
    date(2024, 1, 1),
    date(2024, 2, 29),
    date(1969, 12, 31),
    date(1900, 1, 1),
)

OFFSETS = ("+08:00", "+00:00", "-05:00", "+05:45", "-03:30", "+14:00", "-12:00")


def _dates() -> Iterator[str]:
    """Yield days, months, years, and moments around midnights near them, here and there."""
    chance = random.Random(20)
    for day in DAYS:
        yield from (f"{day:%Y}", f"{day:%Y-%m}")
        for apart in range(-3, 4):
            near = day + timedelta(days=apart)
            yield near.isoformat()
            # Midnight in UTC, which is what a day is sorted by.
            yield f"{near}T08:00:00+08:00"
            yield f"{near}T00:00+00:00"
            for clock in ("00:00", "23:59", "00:30", "08:00", "07:59", "08:00:01"):
                yield f"{near}T{clock}{chance.choice(OFFSETS)}"
            for _ in range(4):
                minutes = chance.randrange(24 * 60)
                clock = f"{minutes // 60:02}:{minutes % 60:02}"
                yield f"{near}T{clock}{chance.choice(OFFSETS)}"


ARTICLES = [
    make_article(f"n{number:04}", "潮汐", source="甲报" if number % 3 else "乙报", date=iso)
    for number, iso in enumerate(_dates())
] + [make_article("undated", "潮汐", source="甲报")]


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    made = engine_with(request.param, tmp_path_factory.mktemp("zones"), ARTICLES)
    yield made
    made.close()


def found(engine: Engine, node: Node) -> set[str]:
    page = engine.search(EngineRequest(node, limit=len(ARTICLES)))
    assert page.total == len(page.candidates)
    return {candidate.id for candidate in page.candidates}


def expected(first: date | None, last: date | None, zone: tzinfo) -> set[str]:
    """Return the articles that overlap, as each article's own date says."""
    ids = set()
    for each in ARTICLES:
        if each.published is None:
            continue
        begins, ends = each.published.days(zone)
        if (last is None or begins <= last) and (first is None or ends >= first):
            ids.add(each.id)
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_date_range_is_in_the_given_zone(engine: Engine, zone: tzinfo) -> None:
    for day in DAYS:
        for first, last in (
            *((near, near) for near in (day + timedelta(days=n) for n in range(-2, 3))),
            (day, day + timedelta(days=1)),
            (day - timedelta(days=1), day + timedelta(days=4)),
            (day.replace(day=1), day),
            (None, day),
            (day, None),
            (None, None),
            (date.min, date.max),
        ):
            assert found(engine, DateRange(first, last, zone)) == expected(first, last, zone)


def test_expected_days_differ_between_zones() -> None:
    # Or the test above would be one of nothing.
    day = date(2024, 5, 17)
    answers = {frozenset(expected(day, day, zone)) for zone in ZONES}
    assert len(answers) > 8


def test_skipped_day_matches_dates_without_time_only(engine: Engine) -> None:
    day, zone = date(2011, 12, 30), ZoneInfo("Pacific/Apia")
    known = {each.id: each.published.iso for each in ARTICLES if each.published}
    assert {known[each] for each in found(engine, DateRange(day, day, zone))} == {
        "2011-12-30",
        "2011-12",
        "2011",
    }


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_zoned_date_range_combines_with_filters(engine: Engine, zone: tzinfo) -> None:
    day = date(2024, 5, 17)
    wanted = expected(day, day, zone)
    other = {each.id for each in ARTICLES if each.source == "乙报"}
    dates = DateRange(day, day, zone)
    assert found(engine, And((NameContains(NameField.SOURCE, "乙报"), dates))) == wanted & other
    assert found(engine, Not(dates)) == {each.id for each in ARTICLES} - wanted


def test_day_differs_from_moment_at_midnight(engine: Engine) -> None:
    # In New York 8:00 in Shanghai is the evening before; a day is itself everywhere.
    zone = ZoneInfo("America/New_York")
    isos = ("2024-05-17", "2024-05-17T08:00:00+08:00", "2024-05-17T00:00+00:00")
    ids = [by_iso(iso).id for iso in isos]
    on_the_day = found(engine, DateRange(date(2024, 5, 17), date(2024, 5, 17), zone))
    before = found(engine, DateRange(date(2024, 5, 16), date(2024, 5, 16), zone))
    assert [each in on_the_day for each in ids] == [True, False, False]
    assert [each in before for each in ids] == [False, True, True]


def by_iso(iso: str) -> Article:
    return next(each for each in ARTICLES if each.published and each.published.iso == iso)


@pytest.fixture(scope="module")
def lighthouse(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep where a keeper wrote at night, in the morning, on a day and in a month."""
    cli = Cli(tmp_path_factory.mktemp("lighthouse"))
    for title, stated in (
        ("夜里", '"2024-05-17T01:30:00+08:00"'),
        ("早上", '"2024-05-17T09:00:00+08:00"'),
        ("当天", "2024-05-17"),
        ("当月", "2024-05"),
    ):
        body = f"灯塔{title}亮着，守望者写下一行字。"
        write_article(cli.folder / "kept" / f"{title}.md", title, body, date=stated)
    cli("index", "kept")
    return cli


@pytest.mark.parametrize(
    ("options", "env", "titles"),
    [
        ((), {}, {"夜里", "早上", "当天", "当月"}),
        (("--tz", "Asia/Shanghai"), {}, {"夜里", "早上", "当天", "当月"}),
        (("--tz", "Europe/London"), {}, {"早上", "当天", "当月"}),
        (("--tz", "America/New_York"), {}, {"当天", "当月"}),
        ((), {"NEWSGREP_TZ": "America/New_York"}, {"当天", "当月"}),
        ((), {"NEWSGREP_TZ": ""}, {"夜里", "早上", "当天", "当月"}),
        (
            ("--tz", "Asia/Shanghai"),
            {"NEWSGREP_TZ": "America/New_York"},
            {"夜里", "早上", "当天", "当月"},
        ),
    ],
)
def test_tz_option_selects_the_zone(
    lighthouse: Cli, options: tuple[str, ...], env: dict[str, str], titles: set[str]
) -> None:
    for query in (
        ["灯塔 date:2024-05-17"],
        ["灯塔", "--since", "2024年5月17日", "--until", "2024-05-17"],
    ):
        ran = lighthouse("search", "--csv", *query, *options, env=env)
        assert {title for title in ("夜里", "早上", "当天", "当月") if title in ran.out} == titles


def test_unknown_tz_is_an_error(lighthouse: Cli) -> None:
    for options, env in (
        (("--tz", "asia/tokyo"), {}),
        ((), {"NEWSGREP_TZ": "asia/tokyo"}),
    ):
        ran = lighthouse("search", "灯塔", *options, env=env, status=2)
        assert ran.stdout == b""
        assert ran.err == ("newsgrep: Unknown time zone “asia/tokyo”: write Asia/Tokyo.\n")


def test_today_depends_on_tz(cli: Cli) -> None:
    # Between these two it is never the same day.
    east, west = "Pacific/Kiritimati", "Etc/GMT+12"
    now = datetime.now(UTC)
    for zone in (east, west):
        # The noon of a day that is whole: what is today may turn while this runs.
        for apart in (-1, 0, 1):
            day = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=apart)
            noon = datetime.combine(day, time(12), ZoneInfo(zone)).isoformat()
            path = cli.folder / "kept" / f"{zone.replace('/', '-')}{apart}.md"
            write_article(path, f"{zone} {day}", f"灯塔{zone}{apart}。", date=f'"{noon}"')
    cli("index", "kept")
    for zone in (east, west):
        before = datetime.now(ZoneInfo(zone)).date()
        titles = cli.found("灯塔 date:today", "--tz", zone)
        after = datetime.now(ZoneInfo(zone)).date()
        assert any(f"{zone} {day}" in titles for day in (before, after))
        yesterday = cli.found("灯塔 date:昨天", "--tz", zone)
        assert not set(titles) & set(yesterday) or before != after
