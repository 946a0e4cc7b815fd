"""Forms of dates: how news writes them, in fields, in lines and in URLs.

A date is never more precise than it is written: midnight filled in by a program is a day, and a
time without an offset has none until the time zone of the outlet or of the text is known. Which
dates are dates of publication is decided in ``ranks`` and ``choice``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from newsgrep.analysis.characters import HAN_DIGITS, parse_number
from newsgrep.extraction.dates.months import month_number, names_month
from newsgrep.models import Precision, Published

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


EARLIEST_YEAR: Final = 1800
"""Earlier years in news are typing errors or history."""


@dataclass(frozen=True, slots=True)
class StatedDate:
    """A date as it is written; ``value`` has an offset only if one is written with it."""

    value: datetime
    precision: Precision

    @property
    def day(self) -> date:
        """Return the calendar day, in the date's own offset."""
        return self.value.date()

    @property
    def has_time(self) -> bool:
        """Return whether a time of day is known."""
        return self.precision in (Precision.MINUTE, Precision.SECOND)

    @property
    def has_day(self) -> bool:
        """Return whether the day is known, and not only the month or the year."""
        return self.has_time or self.precision is Precision.DAY

    def in_zone(self, zone: tzinfo | None) -> Published:
        """Return the value to store; a time without an offset is in ``zone``, or cut to its day."""
        value, precision = self.value, self.precision
        if self.has_time and value.tzinfo is None:
            if zone is None:
                precision = Precision.DAY
            else:
                value = value.replace(tzinfo=zone)
        shapes = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}
        if precision in shapes:
            return Published(value.date().isoformat()[: shapes[precision]], precision)
        spec = "minutes" if precision is Precision.MINUTE else "seconds"
        return Published(value.replace(microsecond=0).isoformat(timespec=spec), precision)


class FoundDate(NamedTuple):
    """A date in a text, from ``start`` to ``end``, its time of day included."""

    start: int
    end: int
    stated: StatedDate


# Digits and signs of other scripts; a text keeps its length.
_OTHERS: Final = "０１２３４５６７８９٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹：／－．　（）\u00a0\u202f\u2013\u2014"
_OTHER_FORMS: Final = str.maketrans(_OTHERS, "0123456789" * 3 + ":/-. ()" + "  --")
_OTHER = re.compile(f"[{_OTHERS}]")
_DIGITS: Final = "0-9０-９٠-٩۰-۹"
_CUE = re.compile(
    # Begins with a set of characters, which the engine looks for much faster than for the rest,
    # and faster still without a category such as that of all digits.
    rf"[{_DIGITS}一二民令平昭](?:(?:(?<=1)[89]|(?<=2)0)\d\d|(?<=1)(?<!\d1)[0-4]\d ?年"
    rf"|(?<=[一二])[{HAN_DIGITS}]{{3}} ?年|(?<=[民令平昭])[國国和成]|(?<=[０-９٠-٩۰-۹])"
    r"|(?<=[0-9])[./／．－-][01]?\d[./／．－-]\d\d)"
)
"""What a text contains if it states a date in any form."""
_SPACE: Final = "[ 　\u00a0\u202f]?"
_DAY_CUE = re.compile(
    rf"[{_DIGITS}月월](?:(?<=[月월]){_SPACE}[{_DIGITS}{HAN_DIGITS}十廿卅]"
    rf"|(?<=[{_DIGITS}]){_SPACE}[-/.／．－–—]{_SPACE}[{_DIGITS}])"
)
"""What a text contains if it states a day without the name of a month."""
_DAY_NUMBER = re.compile(rf"(?<![{_DIGITS}])[{_DIGITS}]{{1,2}}(?![{_DIGITS}])")

_YEAR: Final = r"(?P<year>1[89]\d\d|20\d\d)"
_MONTH: Final = r"(?P<month>1[0-2]|0?[1-9])"
_DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])"
_WORD: Final = r"(?P<name>[^\W\d_]{3,14})"
_HAN: Final = rf"[{HAN_DIGITS}十廿卅]"

_YEAR_FIRST = re.compile(
    rf"(?<!\d){_YEAR} ?(?P<sep>[-/.])? ?(?(sep)|(?=\d\d ?/)){_MONTH} ?(?(sep)(?P=sep)|/) ?{_DAY}(?!\d)"
)
_COMPACT = re.compile(
    r"(?<!\d)(?P<year>1[89]\d\d|20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:T?(?P<clock>(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)(?:Z|(?=\D|$)))?(?!\d)"
)
_CHINESE = re.compile(
    rf"(?<!\d)(?:{_YEAR}|(?P<han>[一二][{HAN_DIGITS}]{{3}})"
    rf"|(?:民國|民国) ?(?P<minguo>\d{{1,3}}|{_HAN}{{1,3}}|元)|(?P<bare>1[0-4]\d)"
    rf"|(?P<era>令和|平成|昭和) ?(?P<reign>\d{{1,2}}|元))"
    rf" ?[年년] ?(?P<month>1[0-2]|0?[1-9]|{_HAN}{{1,2}}) ?[月월]"
    rf"(?: ?(?P<day>3[01]|[12]\d|0?[1-9]|{_HAN}{{1,3}}) ?[日号號일])?"
)
DAY_FIRST = re.compile(
    rf"(?<![\d./-])(?P<first>\d\d?) ?(?P<sep>[./-]) ?(?P<second>\d\d?) ?(?P=sep) ?{_YEAR}(?![\d:])"
)
_SHORT_YEAR = re.compile(
    r"(?<![\d./:-])(?P<first>[0-3]?\d)(?P<sep>[./])(?P<second>[01]?\d)(?P=sep)(?P<short>\d\d)(?:(?![\d./-])|(?=\d\d:\d\d))"
)
_MINGUO_NUMBERS = re.compile(
    r"(?<![\d./-])(?P<bare>1[0-4]\d)(?P<sep>[./-])(?P<month>1[0-2]|0?[1-9])(?P=sep)(?P<day>3[01]|[12]\d|0?[1-9])(?!\d)"
)
_DAY_NAME_YEAR = re.compile(
    rf"(?<!\d){_DAY}(?:st|nd|rd|th|er|re|[.ºª°])?[ ,/-]{{0,2}}(?:of |de |di |d['’])?{_WORD}\.?"
    rf"[ ,/-]{{1,2}}(?:(?:de|del|of) )?{_YEAR}(?!\d)",
    re.IGNORECASE,
)
_NAME_DAY_YEAR = re.compile(
    rf"(?<![^\W\d_]){_WORD}\.? {{1,2}}{_DAY}(?:st|nd|rd|th|er|\.)?,? {{1,2}}(?:de )?{_YEAR}(?!\d)",
    re.IGNORECASE,
)
_YEAR_NAME_DAY = re.compile(
    rf"(?<!\d){_YEAR}(?:\.| m\.|-|/)? ?(?:gada |metų )?{_WORD}(?:\.|-|/)? ?{_DAY}(?!\d)",
    re.IGNORECASE,
)
_LATVIAN = re.compile(rf"(?<!\d){_YEAR}\. ?gada {_DAY}\. ?{_WORD}", re.IGNORECASE)
_VIETNAMESE = re.compile(rf"(?<!\d){_DAY} tháng {_MONTH}(?:,| năm)? {_YEAR}(?!\d)", re.IGNORECASE)
_CTIME = re.compile(
    rf"(?<![^\W\d_]){_WORD} {{1,2}}{_DAY} (?P<clock>\d\d:\d\d(?::\d\d)?)"
    rf" (?:(?P<zone>[A-Z]{{2,5}}|[+-]\d{{4}}) )?{_YEAR}(?!\d)"
)
_NUMERIC_FORMS: Final = (_YEAR_FIRST, DAY_FIRST)
_FORMS_WITH_NAMES: Final = (
    _DAY_NAME_YEAR,
    _NAME_DAY_YEAR,
    _YEAR_NAME_DAY,
    _LATVIAN,
    _VIETNAMESE,
    _CTIME,
)
_WHOLE_YEAR = re.compile(r"[12](?:(?<=1)[89]|(?<=2)0)\d\d")
_NAME = re.compile(r"[A-Za-z\u00c0-\u06ff]{3}")
_FIELD_FORMS: Final = (_COMPACT, _MINGUO_NUMBERS, _SHORT_YEAR)
"""Forms that mean a date only where nothing but a date is expected."""

_GAP: Final = (
    r"(?:[ \t\n.,，、|·•()\[\]-]|г\.|T(?=\d)|(?:星期|周|週|禮拜|礼拜)?[一二三四五六日天月火水木金土월화수목금토일](?=[) ])"
    r"|(?:星期|周|週|禮拜|礼拜)[一二三四五六日天]|[월화수목금토일]요일"
    r"|(?:at|um|kl|kello|klo|alle|ore|las|les|às|as|в|на|στις|saat|den|à|a|u|o|v|om|pukul|lúc)\b\.?){0,10}"
)
_CLOCK = re.compile(
    _GAP
    + r"(?P<half>上午|下午|凌晨|清晨|早上|早晨|中午|正午|午后|午後|傍晚|晚上|晚间|晚間|深夜|夜里|夜裡|午前|오전|오후|[AaPp][Mm])? ?"
    r"(?P<hour>[01]?\d|2[0-4]) ?(?:[:時时點点시]|h(?=\d\d)|\.(?=\d\d ?(?:Uhr|h\b))) ?(?P<minute>[0-5]\d)(?!\d)"
    r"(?: ?[:分분] ?(?P<second>[0-5]\d)(?!\d))?(?:[.,]\d{1,9})? ?[分秒분초]?"
    r" ?(?P<after>[AaPp]\.? ?[Mm]\b\.?|Uhr\b|uur\b|h\b)?"
    r"(?: ?\(?(?P<zone>Z\b|(?:UTC|GMT) ?[+-]\d{1,2}(?::?\d\d)?(?![\d:])|(?<! )[+-]\d{1,2}(?::?\d\d)?(?![\d:])"
    r"|(?<= )[+-]\d\d:?\d\d(?![\d:])|[A-Z]{3,5}\b|(?:北京|臺北|台北|香港|香港|東京|东京|首尔)(?:时间|時間)))?"
)
_CLOCK_BEFORE = re.compile(
    r"(?<![\d:.])(?P<half>上午|下午|凌晨|[AaPp][Mm])? ?(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)"
    r"(?::(?P<second>[0-5]\d))?(?: ?(?P<after>[AaPp]\.?[Mm]\b\.?|Uhr\b))?(?: ?(?P<zone>[A-Z]{3,5}\b))?"
    r"(?: ?(?:on|am|le|el)\b)?[ ,|·-]{1,4}$"
)
_MIN_CLOCK: Final = 5
_MAX_CLOCK_BEFORE: Final = 30
_MAX_CLOCK: Final = 80
"""Characters after a date in which its time of day is read."""
_ZONES: Final = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "北": 8, "臺": 8, "台": 8, "香": 8, "東": 9, "东": 9, "首": 9,
}  # fmt: skip
"""Hours from UTC. Not CST, IST and BST, which are several zones each."""
_ZONE_NAME = re.compile(r"[A-Z]{1,4}T")
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?")
_MAX_OFFSET: Final = timedelta(hours=14)
_LATE_HALVES: Final = frozenset(
    ("下午", "午后", "午後", "傍晚", "晚上", "晚间", "晚間", "深夜", "夜里", "夜裡", "오후", "pm")
)
_EARLY_HALVES: Final = frozenset(("上午", "凌晨", "清晨", "早上", "早晨", "午前", "오전", "am"))
_NIGHT_HALVES: Final = frozenset(("晚上", "晚间", "晚間", "深夜", "夜里", "夜裡"))
_ERAS: Final = {"令和": 2018, "平成": 1988, "昭和": 1925}
_MINGUO: Final = 1911


def _whole_day(day: date) -> StatedDate:
    return StatedDate(datetime.combine(day, time()), Precision.DAY)


def _year(groups: dict[str, str | None]) -> int:
    if year := groups.get("year"):
        return int(year)
    if short := groups.get("short"):
        return 2000 + int(short)
    if han := groups.get("han"):
        return parse_number(han)
    if era := groups.get("era"):
        return _ERAS[era] + _regnal_year(groups["reign"])
    return _MINGUO + _regnal_year(groups.get("minguo") or groups.get("bare"))


def _regnal_year(text: str | None) -> int:
    return 1 if text == "元" else parse_number(text or "")


def _day(groups: dict[str, str | None], day_first: bool | None) -> tuple[int, int]:
    """Return month and day; raises ``ValueError`` if they are none."""
    if first := groups.get("first"):
        one, other = int(first), int(groups["second"] or 0)
        swap = groups["sep"] == "/" and (other > 12 or (one <= 12 and day_first is False))
        return (one, other) if swap else (other, one)
    if name := groups.get("name"):
        month = month_number(name)
        if month is None:
            raise ValueError(name)
    else:
        month = parse_number(groups["month"] or "")
    return month, parse_number(groups.get("day") or "1")


def build_date(
    match: re.Match[str], text: str, day_first: bool | None, after: int = 0
) -> FoundDate | None:
    """Return the date of ``match``, with the time of day that follows it in ``text``.

    Without one, it is the time before the date and from ``after``, where another date ends.
    """
    groups = match.groupdict()
    try:
        day = date(_year(groups), *_day(groups, day_first))
    except ValueError:
        return None
    if day.year < EARLIEST_YEAR:
        return None
    start, end = match.span()
    if "day" in groups and not groups["day"]:
        return FoundDate(start, end, StatedDate(datetime.combine(day, time()), Precision.MONTH))
    if written := groups.get("clock"):
        if ":" not in written:
            written = ":".join(written[at : at + 2] for at in range(0, len(written), 2))
        clock = _CLOCK.match(f"{written} {groups.get('zone') or ''}".strip())
    else:
        clock = _CLOCK.match(text, end, end + _MAX_CLOCK)
        end = clock.end() if clock else end
        if clock is None and start > _MIN_CLOCK:
            clock = _CLOCK_BEFORE.search(text[max(start - _MAX_CLOCK_BEFORE, after) : start])
    return FoundDate(start, end, _with_clock(day, clock) if clock else _whole_day(day))


def _with_clock(day: date, clock: re.Match[str]) -> StatedDate:
    hour = _hour(clock)
    zone = _zone(clock["zone"])
    if hour is None or zone is _UNKNOWN_ZONE:
        return _whole_day(day)
    minute, second = int(clock["minute"]), int(clock["second"] or 0)
    if (hour, minute, second) == (0, 0, 0) and not clock["half"]:
        return _whole_day(day)  # filled in by a program
    value = datetime.combine(day, time(hour, minute, second, tzinfo=zone))
    return StatedDate(value, Precision.SECOND if clock["second"] else Precision.MINUTE)


def _hour(clock: re.Match[str]) -> int | None:
    """Return the hour from 0 to 23, or None if the day is not certain."""
    hour = int(clock["hour"])
    half = (clock["half"] or clock["after"] or "").lower().replace(".", "").replace(" ", "")
    if hour == 24 or (half in _NIGHT_HALVES and hour == 12):
        return None
    if half in _LATE_HALVES and hour < 12:
        return hour + 12
    if half in ("中午", "正午") and hour < 6:
        return hour + 12
    if half in _EARLY_HALVES and hour == 12:
        return 0
    return hour


_UNKNOWN_ZONE: Final = timezone(timedelta(0), "unknown")


def _zone(text: str | None) -> tzinfo | None:
    """Return the zone that ``text`` names; None if it is no zone."""
    if not text:
        return None
    offset = _OFFSET.search(text)
    if offset:
        hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
        delta = timedelta(hours=hours, minutes=minutes)
        if delta > _MAX_OFFSET or minutes > 59:
            return _UNKNOWN_ZONE
        return timezone(-delta if offset["sign"] == "-" else delta) if delta else UTC
    known = _ZONES.get(text, _ZONES.get(text[0]) if text[0] > "z" else None)
    if known is None:
        return _UNKNOWN_ZONE if _ZONE_NAME.fullmatch(text) else None
    return timezone(timedelta(hours=known)) if known else UTC


MAX_FIELD: Final = 200
"""Characters of a field or a line in which a date is searched."""


def may_state_date(text: str) -> bool:
    """Return whether ``text`` may state a date: a quick test."""
    return _CUE.search(text) is not None


def may_state_day(text: str) -> bool:
    """Return whether ``text`` may state a date with its day: a quick test."""
    return _CUE.search(text) is not None and (
        _DAY_CUE.search(text) is not None
        or (_DAY_NUMBER.search(text) is not None and _NAME.search(text) is not None)
    )


def find_dates(text: str, *, day_first: bool | None = None) -> list[FoundDate]:
    """Return the dates in ``text`` that state a year, in order; they do not overlap.

    ``day_first`` says how to read ``05/06/2024``: None is as True, for that is the form of most
    of the world.
    """
    return list(_dates_in_line(text, day_first)) if may_state_date(text) else []


@lru_cache(maxsize=200)  # several rules read the same lines
def _dates_in_line(text: str, day_first: bool | None) -> tuple[FoundDate, ...]:
    return tuple(_iter_dates(plain_signs(text), day_first))


def plain_signs(text: str) -> str:
    """Return ``text`` with digits and signs of other scripts as ASCII, of the same length."""
    return text.translate(_OTHER_FORMS) if _OTHER.search(text) else text


_SLASHES = re.compile(r"(?<![\d/])(\d\d?)/(\d\d?)/(?:19|20)\d\d(?!\d)")


def is_ambiguous(text: str) -> bool:
    """Return whether ``text`` states a date such as ``05/06/2024``, of May or June."""
    match = _SLASHES.search(text) if "/" in text else None
    return match is not None and all(int(part) <= 12 for part in match.groups())


def day_comes_first(text: str) -> bool | None:
    """Return what ``16/05/2024`` and ``05/16/2024`` say about a page's dates; None for others."""
    match = _SLASHES.search(text) if "/" in text else None
    first, second = (int(part) for part in match.groups()) if match else (0, 0)
    return None if first <= 12 and second <= 12 else first > 12


_SHORT_SIGN = re.compile(r"[./．／]")


def find_short_dates(text: str, *, day_first: bool | None = None) -> list[FoundDate]:
    """Return the dates in ``text``, a line of little else, that state a year of two digits.

    ``05.06.24`` is read only if ``day_first`` is True: elsewhere it may begin with the month or
    with the year.
    """
    if _SHORT_SIGN.search(text) is None:
        return []
    text = plain_signs(text)
    found = (
        build_date(match, text, None)
        for match in _SHORT_YEAR.finditer(text)
        if day_first
        or int(match["first"]) > 12
        or (match["sep"] == "/" and int(match["second"]) > 12)
    )
    return [each for each in found if each]


def _iter_dates(text: str, day_first: bool | None) -> Iterator[FoundDate]:
    forms: list[re.Pattern[str]] = [_CHINESE] if "年" in text or "년" in text else []
    if _WHOLE_YEAR.search(text):  # the other forms have none but years of four digits
        if "-" in text or "/" in text or "." in text:
            forms += _NUMERIC_FORMS
        if _NAME.search(text) and names_month(text):
            forms += _FORMS_WITH_NAMES
    if not forms:
        return
    matches = [match for form in forms for match in form.finditer(text)]
    end = 0
    for match in sorted(matches, key=lambda each: (each.start(), -each.end())):
        if match.start() >= end and (found := build_date(match, text, day_first, end)):
            end = found.end
            yield found


def parse_date(text: str, *, day_first: bool | None = None) -> StatedDate | None:
    """Return the first date in ``text``, a short field, in any known form, or None.

    >>> parse_date("2024年5月17日 下午3:05")
    StatedDate(value=datetime.datetime(2024, 5, 17, 15, 5), precision=<Precision.MINUTE: 'minute'>)
    """
    return _parse_cached(text.strip()[:MAX_FIELD], day_first)


_EPOCH = re.compile(r"1\d{9}(?:\d{3})?")


def is_epoch(text: str) -> bool:
    """Return whether ``text`` is a moment in seconds or milliseconds since 1970."""
    return _EPOCH.fullmatch(text.strip()) is not None


_YEAR_MONTH = re.compile(r"(?P<year>1[89]\d\d|20\d\d)(?:[-/.](?P<month>0[1-9]|1[0-2]))?")


@lru_cache(maxsize=1000)  # a file states its date more than once, and neighbouring files the same
def _parse_cached(text: str, day_first: bool | None) -> StatedDate | None:
    if not may_state_date(text) and not _EPOCH.fullmatch(text):
        return None
    text = plain_signs(text)
    if _EPOCH.fullmatch(text):
        value = datetime.fromtimestamp(int(text[:10]), tz=UTC)
        return StatedDate(value, Precision.SECOND)
    for found in _iter_dates(text, day_first):
        return found.stated
    for form in _FIELD_FORMS:
        match = form.search(text)
        if match and (found_date := build_date(match, text, day_first)):
            return found_date.stated
    match = _YEAR_MONTH.fullmatch(text)
    if match:
        month = int(match["month"] or 1)
        precision = Precision.MONTH if match["month"] else Precision.YEAR
        return StatedDate(datetime(int(match["year"]), month, 1), precision)
    return None
