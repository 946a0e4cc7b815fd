"""Dates in queries: every form, relative to a fixed day."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsgrep.errors import QueryError, UsageError
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.ast import DateRange
from newsgrep.query.dates import (
    Calendar,
    OpenDaySpan,
    calendar_in,
    date_field_filter,
    date_filter,
    parse_date_range,
    timezone_named,
)
from newsgrep.query.parser import parse

THURSDAY = date(2024, 5, 16)


def span_text(text: str, today: date) -> str:
    first, last = parse_date_range(text, today)
    ends = [day.isoformat() if day else "" for day in (first, last)]
    return ends[0] if first == last else "..".join(ends)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024-01-01..2024-12-31"),
        ("0001", "0001-01-01..0001-12-31"),
        ("9999", "9999-01-01..9999-12-31"),
        ("2024-05", "2024-05-01..2024-05-31"),
        ("2023-02", "2023-02-01..2023-02-28"),
        ("2023-12", "2023-12-01..2023-12-31"),
        ("9999-12", "9999-12-01..9999-12-31"),
        ("2024-5-6", "2024-05-06"),
        ("2024-05-16", "2024-05-16"),
        ("2024/05/16", "2024-05-16"),
        ("2024/5", "2024-05-01..2024-05-31"),
        ("2024.5.16", "2024-05-16"),
        ("20240516", "2024-05-16"),
        ("２０２４－０５－１６", "2024-05-16"),
        ("２０２４．５．１６", "2024-05-16"),
        (" 2024-05-16 ", "2024-05-16"),
        ("2024年", "2024-01-01..2024-12-31"),
        ("2024年5月", "2024-05-01..2024-05-31"),
        ("2024年5月份", "2024-05-01..2024-05-31"),
        ("2024年05月", "2024-05-01..2024-05-31"),
        ("2024年5月16日", "2024-05-16"),
        ("2024年5月16號", "2024-05-16"),
        ("2024 年 5 月 16 日", "2024-05-16"),
        ("二〇二四年五月十六日", "2024-05-16"),
        ("二零二三年十二月三十一日", "2023-12-31"),
        ("5月16日", "2024-05-16"),
        ("5月17日", "2023-05-17"),
        ("12月31日", "2023-12-31"),
        ("2月29日", "2024-02-29"),
        ("五月十五号", "2024-05-15"),
        ("5月", "2024-05-01..2024-05-31"),
        ("6月", "2023-06-01..2023-06-30"),
        ("今天", "2024-05-16"),
        ("今日", "2024-05-16"),
        ("昨天", "2024-05-15"),
        ("昨日", "2024-05-15"),
        ("前天", "2024-05-14"),
        ("大前天", "2024-05-13"),
        ("明天", "2024-05-17"),
        ("後天", "2024-05-18"),
        ("today", "2024-05-16"),
        ("Yesterday", "2024-05-15"),
        ("ＹＥＳＴＥＲＤＡＹ", "2024-05-15"),
        ("tomorrow", "2024-05-17"),
        ("本周", "2024-05-13..2024-05-19"),
        ("这周", "2024-05-13..2024-05-19"),
        ("這週", "2024-05-13..2024-05-19"),
        ("這個星期", "2024-05-13..2024-05-19"),
        ("this-week", "2024-05-13..2024-05-19"),
        ("上周", "2024-05-06..2024-05-12"),
        ("上週", "2024-05-06..2024-05-12"),
        ("上个礼拜", "2024-05-06..2024-05-12"),
        ("上禮拜", "2024-05-06..2024-05-12"),
        ("last-week", "2024-05-06..2024-05-12"),
        ("last week", "2024-05-06..2024-05-12"),
        ("上上周", "2024-04-29..2024-05-05"),
        ("下周", "2024-05-20..2024-05-26"),
        ("本月", "2024-05-01..2024-05-31"),
        ("这个月", "2024-05-01..2024-05-31"),
        ("這個月", "2024-05-01..2024-05-31"),
        ("this-month", "2024-05-01..2024-05-31"),
        ("上月", "2024-04-01..2024-04-30"),
        ("上个月", "2024-04-01..2024-04-30"),
        ("上個月", "2024-04-01..2024-04-30"),
        ("last-month", "2024-04-01..2024-04-30"),
        ("上上个月", "2024-03-01..2024-03-31"),
        ("今年", "2024-01-01..2024-12-31"),
        ("去年", "2023-01-01..2023-12-31"),
        ("前年", "2022-01-01..2022-12-31"),
        ("去年5月", "2023-05-01..2023-05-31"),
        ("去年十月一日", "2023-10-01"),
        ("this-year", "2024-01-01..2024-12-31"),
        ("Last-Year", "2023-01-01..2023-12-31"),
        ("1d", "2024-05-16"),
        ("7d", "2024-05-10..2024-05-16"),
        ("７Ｄ", "2024-05-10..2024-05-16"),
        ("7days", "2024-05-10..2024-05-16"),
        ("last-7-days", "2024-05-10..2024-05-16"),
        ("past 7 days", "2024-05-10..2024-05-16"),
        ("2w", "2024-05-03..2024-05-16"),
        ("3m", "2024-02-17..2024-05-16"),
        ("1y", "2023-05-17..2024-05-16"),
        ("最近7天", "2024-05-10..2024-05-16"),
        ("最近 7 天", "2024-05-10..2024-05-16"),
        ("近七日", "2024-05-10..2024-05-16"),
        ("最近十天", "2024-05-07..2024-05-16"),
        ("过去十五天", "2024-05-02..2024-05-16"),
        ("最近二十天", "2024-04-27..2024-05-16"),
        ("近三十天", "2024-04-17..2024-05-16"),
        ("近一百天", "2024-02-07..2024-05-16"),
        ("近一百零一天", "2024-02-06..2024-05-16"),
        ("最近三百六十五天", "2023-05-18..2024-05-16"),
        ("最近一周", "2024-05-10..2024-05-16"),
        ("過去兩週", "2024-05-03..2024-05-16"),
        ("近两个星期", "2024-05-03..2024-05-16"),
        ("最近三个月内", "2024-02-17..2024-05-16"),
        ("過去3個月", "2024-02-17..2024-05-16"),
        ("过去一年", "2023-05-17..2024-05-16"),
        ("2024-05-16..2024-05-20", "2024-05-16..2024-05-20"),
        ("2024-05..2024-06", "2024-05-01..2024-06-30"),
        ("2024.5.1..2024.5.3", "2024-05-01..2024-05-03"),
        ("２０２４．．２０２５", "2024-01-01..2025-12-31"),
        ("2024-05-16 .. 2024-05-20", "2024-05-16..2024-05-20"),
        ("2022..", "2022-01-01.."),
        ("..2021", "..2021-12-31"),
        ("上周..昨天", "2024-05-06..2024-05-15"),
        ("2024年5月1日..今天", "2024-05-01..2024-05-16"),
        ("去年..", "2023-01-01.."),
        ("..last-week", "..2024-05-12"),
        ("7d..", "2024-05-10.."),
        ("2w..yesterday", "2024-05-03..2024-05-15"),
        ("2024-05-16..2024-05-16", "2024-05-16"),
    ],
)
def test_parse_date_range(text: str, expected: str) -> None:
    assert span_text(text, THURSDAY) == expected


@pytest.mark.parametrize(
    ("today", "text", "expected"),
    [
        # The leap day
        ("2024-02-29", "1y", "2023-03-01..2024-02-29"),
        ("2024-02-29", "4y", "2020-03-01..2024-02-29"),
        ("2024-02-29", "12m", "2023-03-01..2024-02-29"),
        ("2024-02-29", "1m", "2024-01-30..2024-02-29"),
        ("2024-02-29", "2月29日", "2024-02-29"),
        ("2024-02-29", "上个月", "2024-01-01..2024-01-31"),
        ("2024-03-01", "昨天", "2024-02-29"),
        ("2025-01-10", "2月29日", "2024-02-29"),
        ("2025-02-28", "1y", "2024-02-29..2025-02-28"),
        # Ends of months that are longer than the one before
        ("2024-03-31", "1m", "2024-03-01..2024-03-31"),
        ("2023-03-31", "1m", "2023-03-01..2023-03-31"),
        ("2024-05-31", "3m", "2024-03-01..2024-05-31"),
        # New Year's Day, which was a Monday in 2024 and a Sunday in 2023
        ("2024-01-01", "昨天", "2023-12-31"),
        ("2024-01-01", "本周", "2024-01-01..2024-01-07"),
        ("2024-01-01", "上周", "2023-12-25..2023-12-31"),
        ("2024-01-01", "上月", "2023-12-01..2023-12-31"),
        ("2024-01-01", "上上个月", "2023-11-01..2023-11-30"),
        ("2024-01-01", "去年", "2023-01-01..2023-12-31"),
        ("2024-01-01", "1月1日", "2024-01-01"),
        ("2024-01-01", "1月2日", "2023-01-02"),
        ("2024-01-01", "1m", "2023-12-02..2024-01-01"),
        ("2024-01-01", "2d", "2023-12-31..2024-01-01"),
        ("2023-01-01", "本周", "2022-12-26..2023-01-01"),
        ("2023-01-01", "上周", "2022-12-19..2022-12-25"),
        ("2023-01-01", "this-month", "2023-01-01..2023-01-31"),
        # Mondays and Sundays
        ("2024-05-13", "本周", "2024-05-13..2024-05-19"),
        ("2024-05-19", "本周", "2024-05-13..2024-05-19"),
        ("2024-05-13", "上周", "2024-05-06..2024-05-12"),
        ("2024-05-19", "上周", "2024-05-06..2024-05-12"),
        ("2024-05-19", "上上周", "2024-04-29..2024-05-05"),
        ("2024-05-20", "last week", "2024-05-13..2024-05-19"),
        # The last day of a year
        ("2023-12-31", "12月31日", "2023-12-31"),
        ("2023-12-31", "明天", "2024-01-01"),
        ("2023-12-31", "next-month", "2024-01-01..2024-01-31"),
        ("2023-12-31", "next-year", "2024-01-01..2024-12-31"),
    ],
)
def test_relative_dates_follow_the_calendar(today: str, text: str, expected: str) -> None:
    assert span_text(text, date.fromisoformat(today)) == expected


@pytest.mark.parametrize(
    ("text", "position", "remedy"),
    [
        ("", 0, "YYYY-MM-DD"),
        ("   ", 2, "YYYY-MM-DD"),
        ("gestern", 0, "昨天|yesterday"),
        ("24", 0, "YYYY"),
        ("24-05-16", 0, "YYYY-MM-DD"),
        ("2024-", 4, "YYYY-MM-DD"),
        ("2024-05-16x", 10, "YYYY-MM-DD"),
        ("2024-05/16", 7, "YYYY-MM-DD"),
        ("2024-1-1-1", 8, "has .. in it"),
        ("昨天晚上", 2, "YYYY-MM-DD"),
        ("2024-13", 5, "months go from 1 to 12"),
        ("2024-00", 5, "months go from 1 to 12"),
        ("2024年13月", 5, "months go from 1 to 12"),
        ("十三月一日", 0, "months go from 1 to 12"),
        ("2024-02-30", 8, "2024-02 has no day 30: its last is 2024-02-29"),
        ("2023-2-29", 7, "2023-02 has no day 29: its last is 2023-02-28"),
        ("20240431", 6, "its last is 2024-04-30"),
        ("2024-05-00", 8, "the first is 2024-05-01"),
        ("2024年4月31日", 7, "its last is 2024-04-30"),
        ("2月30日", 2, "from 1 to 29"),
        ("4月三十一日", 2, "from 1 to 30"),
        ("0000", 0, "from 1 to 9999"),
        ("0d", 0, "at least 1"),
        ("最近0天", 2, "at least 1"),
        ("999999y", 0, "from 1 to 9999"),
        ("最近几天", 0, "7d"),
        ("..", 0, "2024-05-16..2024-05-20"),
        (" .. ", 1, "2024-05-16..2024-05-20"),
        ("2024..2023", 6, "swap the two dates"),
        ("2024-05-20.. 2024-05-16", 13, "swap the two dates"),
        ("今天..昨天", 4, "swap the two dates"),
        ("2024..2024-13", 11, "months go from 1 to 12"),
        ("..2024-02-30", 10, "its last is 2024-02-29"),
        ("2024..2025..2026", 10, "YYYY-MM-DD"),
        ("2024...2025", 6, "YYYY-MM-DD"),
        ("2024-05-16-2024-05-20", 10, "has .. in it"),
        ("5月16日至5月20日", 5, "has .. in it"),
        ("2023~2024", 4, "has .. in it"),
        ("最近" + " " * 100_000 + "7天", 0, "YYYY-MM-DD"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_date_has_position_and_remedy(text: str, position: int, remedy: str) -> None:
    with pytest.raises(QueryError, match=remedy) as caught:
        parse_date_range(text, THURSDAY)
    assert (caught.value.query, caught.value.position) == (text, position)
    assert len(str(caught.value)) < 250


def test_leap_day_without_year_may_need_one() -> None:
    for today in (date(2023, 5, 1), date(2024, 2, 28), date(2022, 12, 31)):
        with pytest.raises(QueryError, match="write the year") as caught:
            parse_date_range("2月29日", today)
        assert caught.value.position == 2


_PIECES = st.sampled_from(
    (
        *("2024", "1999", "0", "00", "1", "2", "5", "12", "13", "16", "29", "30", "31", "32"),
        *("-", "/", ".", "..", "~", "至", " ", "\u3000", "年", "月", "日", "号", "份", "内"),
        *("个", "周", "週", "星期", "天", "今", "昨", "前", "去", "上", "本", "这"),
        *("最近", "近", "过去", "一", "二", "两", "十", "三十", "百", "零", "〇"),
        *("d", "w", "m", "y", "last-", "this-", "week", "month", "year", "days"),
        *("today", "yesterday"),
    )
)


@settings(max_examples=3000, deadline=None)
@given(
    st.one_of(st.text(max_size=20), st.lists(_PIECES, max_size=8).map("".join)),
    st.dates(),
)
@example("明天", date.max)
@example("昨天", date.min)
@example("本周", date.min)
@example("本周", date.max)
@example("下个月", date.max)
@example("1月1日", date.min)
@example("12月31日", date.min)
@example("999999w", date.max)
@example("9998y", date.max)
def test_parse_date_range_accepts_or_rejects_any_text(text: str, today: date) -> None:
    found, error = parse_range_or_error(text, today)
    if error:
        assert error.query == text
        assert error.position is not None
        assert 0 <= error.position < max(len(text), 1)
        assert str(error).endswith(".")
    else:
        first, last = found
        assert first or last
        assert not (first and last) or first <= last


def parse_range_or_error(text: str, today: date) -> tuple[OpenDaySpan, QueryError | None]:
    try:
        return parse_date_range(text, today), None
    except QueryError as error:
        return (None, None), error


@settings(max_examples=500, deadline=None)
@given(st.dates(), st.dates())
def test_parse_date_range_reads_written_days(one: date, other: date) -> None:
    first, last = sorted((one, other))
    spelled = f"{first.year:04}年{first.month}月{first.day}日..{last.isoformat()}"
    assert parse_date_range(spelled, THURSDAY) == (first, last)


@settings(max_examples=500, deadline=None)
@given(st.dates(min_value=date(2, 1, 1)))
def test_month_and_day_without_year_is_the_latest(day: date) -> None:
    for today in (day, day + timedelta(days=min(300, (date.max - day).days))):
        assert parse_date_range(f"{day.month}月{day.day}日", today) == (day, day)


@settings(max_examples=500, deadline=None)
@given(st.dates(min_value=date(1900, 1, 1)), st.integers(1, 900))
def test_counted_days_and_weeks_end_today(today: date, count: int) -> None:
    for text, days in ((f"{count}d", count), (f"{count}w", 7 * count), (f"最近{count}天", count)):
        first, last = parse_date_range(text, today)
        assert first is not None
        assert last == today
        assert (last - first).days + 1 == days


@settings(max_examples=500, deadline=None)
@given(st.dates(min_value=date(1900, 1, 1)), st.integers(1, 36), st.integers(1, 36))
def test_counted_months_reach_further_back(today: date, one: int, more: int) -> None:
    near, far = (parse_date_range(f"{count}m", today)[0] for count in (one, one + more))
    assert near is not None
    assert far is not None
    assert far < near <= today
    months = [(day.year * 12 + day.month) for day in (near - timedelta(days=1), today)]
    assert months[1] - months[0] == one
    assert parse_date_range(f"{12 * one}m", today) == parse_date_range(f"{one}y", today)


CALENDAR = Calendar(THURSDAY)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("date:昨天", DateRange(date(2024, 5, 15), date(2024, 5, 15))),
        ("date：昨天", DateRange(date(2024, 5, 15), date(2024, 5, 15))),
        ('date:"last week"', DateRange(date(2024, 5, 6), date(2024, 5, 12))),
        ("since:上周", DateRange(date(2024, 5, 6), None)),
        ("until:上周", DateRange(None, date(2024, 5, 12))),
        ("since:7d", DateRange(date(2024, 5, 10), None)),
        ("until:去年", DateRange(None, date(2023, 12, 31))),
        ("since:2023..2024", DateRange(date(2023, 1, 1), None)),
        ("until:2023..2024", DateRange(None, date(2024, 12, 31))),
    ],
)
def test_date_fields_take_every_form(typed: str, expected: DateRange) -> None:
    assert parse(typed, calendar=CALENDAR).root == expected


@pytest.mark.parametrize(
    ("typed", "position", "remedy"),
    [
        ("渔业 date:2024-02-30 台风", 16, "its last is 2024-02-29"),
        ('渔业 date:"2024-02-30"', 17, "its last is 2024-02-29"),
        ("渔业 OR (台风 date:今天..昨天)", 19, "swap the two dates"),
        ("since:..2024", 6, "since:2024"),
        ("until:2024．．", 10, "until:2024"),
        ('date:""', 6, "YYYY-MM-DD"),
    ],
)
def test_date_error_has_position_in_query(typed: str, position: int, remedy: str) -> None:
    with pytest.raises(QueryError, match=remedy) as caught:
        parse(typed, calendar=CALENDAR)
    assert (caught.value.query, caught.value.position) == (typed, position)


def test_date_filters_have_the_calendars_zone() -> None:
    zone = ZoneInfo("America/St_Johns")
    there = Calendar(THURSDAY, zone)
    assert date_field_filter("date", "今天", there) == DateRange(THURSDAY, THURSDAY, zone)
    assert date_filter("今天", "", there) == DateRange(THURSDAY, None, zone)
    assert parse("date:今天", calendar=there).root == DateRange(THURSDAY, THURSDAY, zone)


def test_date_filter_without_days_is_an_error() -> None:
    assert date_filter("上周", "昨天", CALENDAR) == DateRange(date(2024, 5, 6), date(2024, 5, 15))
    with pytest.raises(UsageError, match="swap the two dates"):
        date_filter("昨天", "上周", CALENDAR)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_calendar_in_has_today_of_the_zone(name: str) -> None:
    zone: tzinfo = ZoneInfo(name)
    before = datetime.now(zone).date()
    today = calendar_in(name).today
    assert before <= today <= datetime.now(zone).date()


def test_calendar_in_defaults_to_archive_zone() -> None:
    assert calendar_in().zone is timezone_named("Asia/Shanghai") is ARCHIVE_ZONE
    assert timezone_named("Asia/Taipei") == ZoneInfo("Asia/Taipei")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("asia/tokyo", "Asia/Tokyo"),
        ("London", "Europe/London"),
        ("New York", "America/New_York"),
        ("Asia/Shangai", "Asia/Shanghai"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("", "Europe/London"),
        ("../../etc/passwd", "Europe/London"),
        ("/etc/passwd", "Europe/London"),
        ("Asia", "Europe/London"),
        ("北京", "Asia/Taipei"),
        ("a\0b", "Asia/Taipei"),
        ("\udcff", "Asia/Taipei"),
        ("x" * 100_000, "Asia/Taipei"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_unknown_time_zone_suggests_one(name: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="Unknown time zone") as caught:
        calendar_in(name)
    assert remedy in str(caught.value)
    assert len(str(caught.value)) < 250


def test_dates_in_documentation_are_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "QUERY.md").read_text("utf-8")
    table = page.partition("If today is Thursday, 16 May 2024:")[2].partition("A period of")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    said = [text for row in rows for text in re.findall("`([^`]+)`", row) if text != "号"]
    assert len(said) > 50
    for text in said:
        assert span_text(text, THURSDAY)
    assert span_text("1m", date(2024, 3, 31)) == "2024-03-01..2024-03-31"
    assert span_text("1y", date(2024, 2, 29)).startswith("2023-03-01")
