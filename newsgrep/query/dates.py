"""Dates as people type them: in figures, Chinese or English, absolute or relative, and ranges.

A date is read as its first and last day. Texts are folded before, so that traditional, full-width
and upper-case spellings are one. Today is always passed in, so that the result does not depend on
when the code runs. Written by hand because general parsers of dates return a moment, not a range
of days, and guess where nothing is certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from newsgrep.analysis.characters import HAN_DIGITS, fold, parse_number
from newsgrep.errors import QueryError, UsageError
from newsgrep.messages import alternatives, mark, message
from newsgrep.models import ARCHIVE_ZONE, month_index, month_span
from newsgrep.query.ast import DateRange

# Calendars

ARCHIVE_TIMEZONE_NAME: Final = "Asia/Shanghai"
"""The time zone in which indexes store days of publication."""

_ALIASES: Final = {"asia/beijing": ARCHIVE_TIMEZONE_NAME, "beijing": ARCHIVE_TIMEZONE_NAME}
"""Names that people expect although no table has them, in lower case."""


class Calendar(NamedTuple):
    """Which day is today, and the time zone in which a moment is on one day or the next."""

    today: date
    zone: tzinfo = ARCHIVE_ZONE


def calendar_in(name: str = ARCHIVE_TIMEZONE_NAME) -> Calendar:
    """Return the calendar of the time zone with this IANA name, as it is now.

    Raises :class:`UsageError` for an unknown name.
    """
    zone = timezone_named(name)
    return Calendar(datetime.now(zone).date(), zone)


def timezone_named(name: str) -> tzinfo:
    """Return the time zone with this IANA name; raises :class:`UsageError` for an unknown one.

    Asia/Shanghai is always UTC+8, as in every index: the summer times of 1986 to 1991 are
    ignored.
    """
    if name == ARCHIVE_TIMEZONE_NAME:
        return ARCHIVE_ZONE
    from zoneinfo import ZoneInfo  # its tables are read only for another zone

    try:
        return ZoneInfo(name)
    # A name is looked up as a file: it may be that of a folder, too long, or out of bounds.
    except (LookupError, ValueError, OSError) as exc:
        raise UsageError(
            "Unknown time zone “{name}”: {name2}.", name=name[:60], name2=_timezone_advice(name)
        ) from exc


def _timezone_advice(name: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {zone.lower(): zone for zone in available_timezones()}
    if not known:
        return message("this system has no time zone tables; “pip install tzdata” installs them")
    typed = name[:60].strip().lower().replace(" ", "_")
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(known, reverse=True)}
    if typed in _ALIASES:
        similar = [_ALIASES[typed]]
    elif typed in known or typed in cities:
        similar = [known[cities.get(typed, typed)]]
    else:
        close = get_close_matches(typed, [*known, *cities], n=3, cutoff=0.8)
        similar = [known[cities.get(zone, zone)] for zone in close]
    if not similar:
        return message("write one such as Asia/Taipei or Europe/London")
    return message("write {examples}", examples=alternatives(list(dict.fromkeys(similar))))


# Ranges

OpenDaySpan = tuple[date | None, date | None]
"""First and last day, both included; ``None`` is open."""

_EXAMPLES: Final = message(
    "write YYYY, YYYY-MM, YYYY-MM-DD, 2024年5月, yesterday, 上周 or 7d, such as 2024-05-17"
)
_RANGE_SIGNS: Final = "~—–-至到"
"""Signs that people put between two dates where .. is meant."""

_MAX_SHOWN: Final = 30


def date_field_filter(field: str, text: str, calendar: Calendar) -> DateRange:
    """Return the filter of ``date:``, ``since:`` or ``until:`` (``field``) with ``text`` after it.

    Raises :class:`QueryError`, whose position counts characters of ``text``.
    """
    first, last = parse_date_range(text, calendar.today)
    match field:
        case "since":
            _require_end(
                first,
                text,
                message(
                    mark("“{text}” is open where since: needs a beginning, such as since:2024."),
                    text=_shorten(text),
                ),
            )
            last = None
        case "until":
            _require_end(
                last,
                text,
                message(
                    "“{text}” is open where until: needs an end, such as until:2024.",
                    text=_shorten(text),
                ),
            )
            first = None
    return DateRange(first, last, calendar.zone)


def _require_end(day: date | None, text: str, problem: str) -> None:
    if day is None:
        raise QueryError(problem, text, fold(text).find(".."), text=_shorten(text))


def date_filter(since: str, until: str, calendar: Calendar) -> DateRange:
    """Return the filter for the days from ``since`` to ``until``, either of which may be empty.

    Raises :class:`QueryError` for an invalid date, and :class:`UsageError` if there is no day
    between the two.
    """
    first = date_field_filter("since", since, calendar).first if since else None
    last = date_field_filter("until", until, calendar).last if until else None
    if first and last and last < first:
        raise UsageError(
            "No day is since {first} and until {last}: swap the two dates.", first=first, last=last
        )
    return DateRange(first, last, calendar.zone)


def parse_date_range(text: str, today: date) -> OpenDaySpan:
    """Return the days of ``A``, ``A..B``, ``A..`` or ``..B``.

    Raises :class:`QueryError`, whose position counts characters of ``text``, for an invalid
    date, for a day that does not exist, and for an end before the beginning.

    >>> parse_date_range("上周", date(2024, 5, 16))
    (datetime.date(2024, 5, 6), datetime.date(2024, 5, 12))
    """
    folded = fold(text)
    start, dots, end = folded.partition("..")
    end_at = len(start) + len(dots)
    if not dots:
        return _parse_part(text, folded, 0, today)
    first = _parse_part(text, start, 0, today)[0] if start.strip() else None
    last = _parse_part(text, end, end_at, today)[1] if end.strip() else None
    if first is None and last is None:
        raise QueryError(
            "“..” has no date: write 2024-05-16..2024-05-20, 2024.. or ..2021.", text, len(start)
        )
    if first and last and last < first:
        raise QueryError(
            "“{text}” ends before it begins: swap the two dates.",
            text,
            end_at + len(end) - len(end.lstrip()),
            text=_shorten(text),
        )
    return first, last


def _parse_part(text: str, part: str, begins: int, today: date) -> DaySpan:
    """Return the days of ``part``, which begins at ``begins`` in ``text``."""
    typed = part.strip()
    begins += len(part) - len(part.lstrip())
    try:
        return parse_days(typed, today)
    except InvalidDate as exc:
        at = min(begins + exc.at, max(len(text) - 1, 0))
        message = str(exc) or _date_advice(text, typed, exc.at)
        raise QueryError(message, text, at) from exc


def _date_advice(text: str, typed: str, at: int) -> str:
    if not typed:
        return message("There is no date here: {examples}.", examples=_EXAMPLES)
    rest = typed[at:].lstrip()
    if at and rest[:1] in _RANGE_SIGNS and len(rest) > 1:
        return message(
            "“{text}” is not a date: a range has .. in it, as in 2024-05-16..2024-05-20.",
            text=_shorten(text),
        )
    return message("“{text}” is not a date: {examples}.", text=_shorten(text), examples=_EXAMPLES)


def _shorten(text: str) -> str:
    typed = text.strip()
    return typed if len(typed) <= _MAX_SHOWN else f"{typed[:_MAX_SHOWN]}…"


# One date

DaySpan = tuple[date, date]
"""First and last day, both included."""

_DIGIT: Final = "[一二两三四五六七八九]"
_HAN_NUMBER: Final = (
    rf"(?:{_DIGIT}?百(?:零{_DIGIT}|{_DIGIT}十{_DIGIT}?)?|{_DIGIT}?十{_DIGIT}?|{_DIGIT})"
)
_SMALL: Final = rf"(?:[0-9]{{1,2}}|{_HAN_NUMBER})"
_COUNT: Final = rf"(?P<count>[0-9]{{1,6}}|{_HAN_NUMBER})"

_NAMED_DAYS: Final = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2}
_ENGLISH_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_NAMED_YEARS: Final = {"前": -2, "去": -1, "今": 0, "本": 0, "明": 1}
_WHICH: Final = {"上上": -2, "上": -1, "last": -1, "本": 0, "这": 0, "this": 0, "下": 1, "next": 1}
_MAX_DATE_LENGTH: Final = 60
"""Characters that are read: a longer text is not a date, whatever it begins with."""

_UNITS: Final = {"天": "d", "日": "d", "周": "w", "星": "w", "礼": "w", "月": "m", "年": "y"}


class InvalidDate(Exception):
    """A text is not a date; ``at`` is where in it, in characters."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def parse_days(text: str, today: date) -> DaySpan:
    """Return the first and the last day of a folded date.

    Raises :class:`InvalidDate`, with an empty message for an unknown form.
    """
    furthest, head = 0, text[:_MAX_DATE_LENGTH]
    for form in _DATE_FORMS:
        match = re.match(form.pattern, head)
        if match and match.end() == len(text):
            try:
                return form.read(match, today)
            except (ValueError, OverflowError) as exc:
                raise InvalidDate(message("Years go from 1 to 9999."), 0) from exc
        furthest = max(furthest, match.end() if match else 0)
    raise InvalidDate("", furthest)


def _months_before(day: date, months: int) -> date:
    """Return the same day so many months before, or the last day of a shorter month."""
    first, last = month_span(month_index(day) - months)
    return min(last, first + timedelta(days=day.day - 1))


def _read_stated(match: re.Match[str], today: date) -> DaySpan:
    """Return the days of a year, of a year and month, or of a full date."""
    groups = match.groupdict()
    if groups.get("which"):
        year = today.year + _NAMED_YEARS[groups["which"]]
    else:
        year = parse_number(groups["year"])
    if not groups.get("month"):
        return date(year, 1, 1), date(year, 12, 31)
    first, last = month_span(month_index(date(year, _read_month(match), 1)))
    if not groups.get("day"):
        return first, last
    day = parse_number(groups["day"])
    if not 1 <= day <= last.day:
        raise InvalidDate(_no_such_day(day, last), match.start("day"))
    return first.replace(day=day), first.replace(day=day)


def _read_month(match: re.Match[str]) -> int:
    month = parse_number(match["month"])
    if not 1 <= month <= 12:
        raise InvalidDate(
            message(
                "There is no month {month}: months go from 1 to 12, such as 2024-05.", month=month
            ),
            match.start("month"),
        )
    return month


def _no_such_day(day: int, last: date) -> str:
    if day < 1:
        return message(
            "There is no day {day}: the first is {first}.", day=day, first=last.replace(day=1)
        )
    return message("{last:%Y-%m} has no day {day}: its last is {last}.", last=last, day=day)


def _read_latest(match: re.Match[str], today: date) -> DaySpan:
    """Return the days of a month, or of a month and day, in the last year that has begun it."""
    month = _read_month(match)
    day = parse_number(match["day"]) if match["day"] else 0
    longest = month_span(month_index(date(2024, month, 1)))[1].day  # in a leap year
    if match["day"] and not 1 <= day <= longest:
        raise InvalidDate(
            message(
                "Month {month} has days from 1 to {longest}, not {day}.",
                month=month,
                longest=longest,
                day=day,
            ),
            match.start("day"),
        )
    for year in (today.year, today.year - 1):
        first, last = month_span(month_index(date(year, month, 1)))
        if day > last.day or first + timedelta(days=max(day, 1) - 1) > today:
            continue
        if day:
            first = last = first.replace(day=day)
        return first, last
    raise InvalidDate(
        message(
            "Neither {last_year} nor {year} has had such a day: "
            "write the year, such as 2024年2月29日.",
            last_year=today.year - 1,
            year=today.year,
        ),
        match.start("day"),
    )


def _read_named_day(match: re.Match[str], today: date) -> DaySpan:
    offset = _ENGLISH_DAYS[match[0]] if match[0] in _ENGLISH_DAYS else _NAMED_DAYS[match["which"]]
    day = today + timedelta(days=offset)
    return day, day


def _read_whole_unit(match: re.Match[str], today: date) -> DaySpan:
    """Return the days of this, the last or the next week, month or year; weeks begin on Monday."""
    offset, unit = _WHICH[match["which"]], match["unit"]
    match _UNITS.get(unit[0], unit[0]):
        case "w":
            first = today + timedelta(days=7 * offset - today.weekday())
            return first, first + timedelta(days=6)
        case "m":
            return month_span(month_index(today) + offset)
        case _:
            year = today.year + offset
            return date(year, 1, 1), date(year, 12, 31)


def _read_counted(match: re.Match[str], today: date) -> DaySpan:
    """Return the last so many days, weeks, months or years, up to and including today."""
    count, unit = parse_number(match["count"]), match["unit"].removeprefix("个").lstrip()
    if not count:
        raise InvalidDate(
            message("The number must be at least 1, such as 1d."), match.start("count")
        )
    match _UNITS.get(unit[0], unit[0]):
        case "d":
            first = today - timedelta(days=count - 1)
        case "w":
            first = today - timedelta(days=7 * count - 1)
        case "m":
            first = _months_before(today, count) + timedelta(days=1)
        case _:
            first = _months_before(today, 12 * count) + timedelta(days=1)
    return first, today


class _DateForm(NamedTuple):
    """A way to write a date, and the function that reads its match.

    The pattern is compiled only if the forms before it do not match, since that takes long.
    """

    pattern: str
    read: Callable[[re.Match[str], date], DaySpan]


def _form(pattern: str, read: Callable[[re.Match[str], date], DaySpan]) -> _DateForm:
    """Return a form; a blank in ``pattern`` is optional white space."""
    return _DateForm(pattern.replace(" ", r"\s*"), read)


def _one_of(names: dict[str, int]) -> str:
    return "|".join(names)


_HAN_DAY: Final = rf"(?P<month>{_SMALL}) 月 (?:份 )?(?:(?P<day>{_SMALL}) [日号]?)?"

_DATE_FORMS: Final = (
    _form(
        r"(?P<year>[0-9]{4})(?:(?P<mark>[-/.])(?P<month>[0-9]{1,2})"
        r"(?:(?P=mark)(?P<day>[0-9]{1,2}))?)?",
        _read_stated,
    ),
    _form(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})", _read_stated),
    _form(
        rf"(?:(?P<year>[0-9]{{4}}|[{HAN_DIGITS}]{{4}}) 年"
        rf"|(?P<which>{_one_of(_NAMED_YEARS)})年) (?:{_HAN_DAY})?",
        _read_stated,
    ),
    _form(_HAN_DAY, _read_latest),
    _form(rf"(?P<which>{_one_of(_NAMED_DAYS)})[天日]|{_one_of(_ENGLISH_DAYS)}", _read_named_day),
    _form(r"(?P<which>上上|上|本|这|下) 个? (?P<unit>周|星期|礼拜|月)", _read_whole_unit),
    _form(r"(?P<which>this|last|next)[-\s]*(?P<unit>week|month|year)", _read_whole_unit),
    _form(
        rf"(?:最近|近|过去) 的? {_COUNT} (?P<unit>天|日|个? 周|个? 星期|个? 礼拜|个 月|年)"
        r" (?:以? 内)?",
        _read_counted,
    ),
    _form(
        r"(?:(?:last|past)[-\s]*)?(?P<count>[0-9]{1,6})[-\s]*"
        r"(?P<unit>days?|d|weeks?|w|months?|m|years?|y)",
        _read_counted,
    ),
)
