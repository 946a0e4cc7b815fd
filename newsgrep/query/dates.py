"""Dates and ranges of them, as people type them into a query, become ranges of days.

What one date may look like is in :mod:`newsgrep.query.dates`; errors point into the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from newsgrep.analysis.fold import fold
from newsgrep.errors import QueryError, UsageError
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.ast import DateRange

OpenDaySpan = tuple[date | None, date | None]
"""First and last day, both included; ``None`` is open."""

_EXAMPLES: Final = (
    "write YYYY, YYYY-MM, YYYY-MM-DD, 2024年5月, yesterday, 上周 or 7d, such as 2024-05-17"
)
_RANGE_SIGNS: Final = "~—–-至到"
"""What people put between two dates where .. is meant."""

_MAX_SHOWN: Final = 30


def parse_date_range(text: str, today: date) -> OpenDaySpan:
    """Return the days of ``A``, ``A..B``, ``A..`` or ``..B``, as of ``today``.

    Raises :class:`QueryError`, whose position counts characters of ``text``, for what is
    no date, for days that do not exist, and where the end is before the start.
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
            "“..” names no date: write 2024-05-16..2024-05-20, 2024.. or ..2021.", text, len(start)
        )
    if first and last and last < first:
        raise QueryError(
            f"“{_shorten(text)}” ends before it begins: turn the two dates round.",
            text,
            end_at + len(end) - len(end.lstrip()),
        )
    return first, last


def _parse_part(text: str, part: str, begins: int, today: date) -> DaySpan:
    """Return the days of ``part``, which stands in ``text`` at ``begins``."""
    said = part.strip()
    begins += len(part) - len(part.lstrip())
    try:
        return parse_date(said, today)
    except InvalidDate as exc:
        at = min(begins + exc.at, max(len(text) - 1, 0))
        message = str(exc) or _date_advice(text, said, exc.at)
        raise QueryError(message, text, at) from exc


def _date_advice(text: str, said: str, at: int) -> str:
    if not said:
        return f"There is no date here: {_EXAMPLES}."
    behind = said[at:].lstrip()
    if at and behind[:1] in _RANGE_SIGNS and len(behind) > 1:
        return (
            f"“{_shorten(text)}” is not a date: a range has .. in it, as in 2024-05-16..2024-05-20."
        )
    return f"“{_shorten(text)}” is not a date: {_EXAMPLES}."


def _shorten(text: str) -> str:
    said = text.strip()
    return said if len(said) <= _MAX_SHOWN else f"{said[:_MAX_SHOWN]}…"


def date_field_filter(field: str, text: str, calendar: Calendar) -> DateRange:
    """Return the filter that ``date:``, ``since:`` or ``until:``, the ``field``, makes of ``text``.

    Raises :class:`QueryError`, whose position counts characters of ``text``.
    """
    first, last = parse_date_range(text, calendar.today)
    match field:
        case "since":
            _require_end(first, text, "since: needs a beginning, such as since:2024")
            last = None
        case "until":
            _require_end(last, text, "until: needs an end, such as until:2024")
            first = None
    return DateRange(first, last, calendar.zone)


def _require_end(day: date | None, text: str, cure: str) -> None:
    if day is None:
        raise QueryError(f"“{_shorten(text)}” is open where {cure}.", text, fold(text).find(".."))


def date_filter(since: str, until: str, calendar: Calendar) -> DateRange:
    """Return the filter for the days from ``since`` to ``until``; each may be empty.

    Raises :class:`QueryError` for what is no date, and :class:`UsageError` where the
    two leave no day.
    """
    first = date_field_filter("since", since, calendar).first if since else None
    last = date_field_filter("until", until, calendar).last if until else None
    if first and last and last < first:
        raise UsageError(f"Since {first} until {last} leaves no day: turn the two dates round.")
    return DateRange(first, last, calendar.zone)


DaySpan = tuple[date, date]
"""First and last day, both included."""

_DIGITS: Final = {"〇": 0, "零": 0, "○": 0, "两": 2} | {
    digit: value for value, digit in enumerate("一二三四五六七八九", 1)
}
_D: Final = "[一二两三四五六七八九]"
_HAN_NUMBER: Final = rf"(?:{_D}?百(?:零{_D}|{_D}十{_D}?)?|{_D}?十{_D}?|{_D})"
_SMALL: Final = rf"(?:[0-9]{{1,2}}|{_HAN_NUMBER})"
_COUNT: Final = rf"(?P<count>[0-9]{{1,6}}|{_HAN_NUMBER})"

_NAMED_DAYS: Final = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2}
_ENGLISH_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_NAMED_YEARS: Final = {"前": -2, "去": -1, "今": 0, "本": 0, "明": 1}
_WHICH: Final = {"上上": -2, "上": -1, "last": -1, "本": 0, "这": 0, "this": 0, "下": 1, "next": 1}
_MAX_DATE_LENGTH: Final = 60
"""Characters that are read: beyond them a text is no date, whatever it begins with."""

_UNITS: Final = {"天": "d", "日": "d", "周": "w", "星": "w", "礼": "w", "月": "m", "年": "y"}


class InvalidDate(Exception):
    """A text that is no date; ``at`` is the place in it, in characters."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def parse_date(text: str, today: date) -> DaySpan:
    """Return the first and the last day of what ``text``, folded, says as of ``today``.

    Raises :class:`InvalidDate`, with an empty message where the form is none that is known.
    """
    furthest, head = 0, text[:_MAX_DATE_LENGTH]
    for form in _DATE_FORMS:
        match = re.match(form.pattern, head)
        if match and match.end() == len(text):
            try:
                return form.read(match, today)
            except (ValueError, OverflowError) as exc:
                raise InvalidDate("No calendar goes that far: years go from 1 to 9999.", 0) from exc
        furthest = max(furthest, match.end() if match else 0)
    raise InvalidDate("", furthest)


def last_day(year: int, month: int) -> date:
    """Return the last day of a month; raises ``ValueError`` for one that does not exist."""
    if month == 12:
        return date(year, 12, 31)
    return date(year, month + 1, 1) - timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """Return the day of the same number so many months before, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return min(last_day(year, month + 1), date(year, month + 1, 1) + timedelta(days=day.day - 1))


def _number(text: str) -> int:
    if text.isascii():
        return int(text)
    total = digit = 0
    for character in text:
        if character in "十百":
            total += (digit or 1) * (10 if character == "十" else 100)
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


def _read_stated(match: re.Match[str], today: date) -> DaySpan:
    """Return the days of a year, a year and month, or a full date."""
    said = match.groupdict()
    if said.get("which"):
        year = today.year + _NAMED_YEARS[said["which"]]
    elif said["year"].isascii():
        year = int(said["year"])
    else:
        year = int("".join(str(_DIGITS[character]) for character in said["year"]))
    if not said.get("month"):
        return date(year, 1, 1), date(year, 12, 31)
    month = _read_month(match)
    if not said.get("day"):
        return date(year, month, 1), last_day(year, month)
    day, last = _number(said["day"]), last_day(year, month)
    if not 1 <= day <= last.day:
        raise InvalidDate(_no_such_day(day, last), match.start("day"))
    return date(year, month, day), date(year, month, day)


def _read_month(match: re.Match[str]) -> int:
    month = _number(match["month"])
    if not 1 <= month <= 12:
        raise InvalidDate(
            f"There is no month {month}: months go from 1 to 12, such as 2024-05.",
            match.start("month"),
        )
    return month


def _no_such_day(day: int, last: date) -> str:
    if day < 1:
        return f"There is no day {day}: the first is {last.replace(day=1)}."
    return f"{last:%Y-%m} has no day {day}: its last is {last}."


def _read_latest(match: re.Match[str], today: date) -> DaySpan:
    """Return the days of a month, or of a month and day: the last that is not to come."""
    month = _read_month(match)
    day = _number(match["day"]) if match["day"] else 0
    most = last_day(2024, month).day  # in a leap year
    if match["day"] and not 1 <= day <= most:
        raise InvalidDate(
            f"Month {month} has days from 1 to {most}, not {day}.", match.start("day")
        )
    for year in (today.year, today.year - 1):
        last = last_day(year, month)
        first = date(year, month, 1)
        if day > last.day or first + timedelta(days=max(day, 1) - 1) > today:
            continue
        if day:
            first = last = first.replace(day=day)
        return first, last
    raise InvalidDate(
        f"Neither {today.year - 1} nor {today.year} has had such a day: "
        "write the year, such as 2024年2月29日.",
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
            first = months_before(today.replace(day=1), -offset)
            return first, last_day(first.year, first.month)
        case _:
            year = today.year + offset
            return date(year, 1, 1), date(year, 12, 31)


def _read_counted(match: re.Match[str], today: date) -> DaySpan:
    """Return the last so many days, weeks, months or years, of which today is the last day."""
    count, unit = _number(match["count"]), match["unit"].removeprefix("个").lstrip()
    if not count:
        raise InvalidDate(
            "None at all is no time to look in: begin with 1, such as 1d.", match.start("count")
        )
    match _UNITS.get(unit[0], unit[0]):
        case "d":
            first = today - timedelta(days=count - 1)
        case "w":
            first = today - timedelta(days=7 * count - 1)
        case "m":
            first = months_before(today, count) + timedelta(days=1)
        case _:
            first = months_before(today, 12 * count) + timedelta(days=1)
    return first, today


class _DateForm(NamedTuple):
    """A way to say a date, and how its match is read."""

    pattern: str  # compiled only where those before it do not match: that takes a while
    read: Callable[[re.Match[str], date], DaySpan]


def _form(pattern: str, read: Callable[[re.Match[str], date], DaySpan]) -> _DateForm:
    """Return a form; a blank in ``pattern`` is white space that may be there."""
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
        r"(?:(?P<year>[0-9]{4}|[〇零○一二三四五六七八九]{4}) 年"
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


ARCHIVE_TIMEZONE_NAME: Final = "Asia/Shanghai"
"""The zone for which indexes keep the days of articles."""

_ALIASES: Final = {"asia/beijing": ARCHIVE_TIMEZONE_NAME, "beijing": ARCHIVE_TIMEZONE_NAME}
"""Names that people expect and no table has, in lower case."""


class Calendar(NamedTuple):
    """In which zone a moment is one day or the next, and which day is today."""

    today: date
    zone: tzinfo = ARCHIVE_ZONE


def calendar_in(name: str = ARCHIVE_TIMEZONE_NAME) -> Calendar:
    """Return the calendar of the time zone ``name``, an IANA name, as it is now.

    Raises :class:`UsageError` for a name that no table has.
    """
    zone = timezone_named(name)
    return Calendar(datetime.now(zone).date(), zone)


def timezone_named(name: str) -> tzinfo:
    """Return the time zone ``name``; raises :class:`UsageError` for a name that no table has.

    Asia/Shanghai is UTC+8 at all times here, as in every index: the summer times of 1986
    to 1991 are left out.
    """
    if name == ARCHIVE_TIMEZONE_NAME:
        return ARCHIVE_ZONE
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    # A name is looked for as a file: it may be a folder's, too long, or out of bounds.
    except (LookupError, ValueError, OSError) as exc:
        raise UsageError(
            f"“{name[:60]}” is not the name of a time zone: {_timezone_advice(name)}."
        ) from exc


def _timezone_advice(name: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {zone.lower(): zone for zone in available_timezones()}
    if not known:
        return "this system has no tables of them, which “pip install tzdata” brings"
    typed = name[:60].strip().lower().replace(" ", "_")
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(known, reverse=True)}
    if typed in _ALIASES:
        near = [_ALIASES[typed]]
    elif typed in known or typed in cities:
        near = [known[cities.get(typed, typed)]]
    else:
        alike = get_close_matches(typed, [*known, *cities], n=3, cutoff=0.8)
        near = [known[cities.get(zone, zone)] for zone in alike]
    return f"write {' or '.join(dict.fromkeys(near)) or 'one such as Asia/Taipei or Europe/London'}"
