"""One date as people say it, in figures, Chinese or English, as its first and last day.

Texts are folded already, so that traditional, full-width and upper-case spellings are one.
``today`` is given: what is relative to it is the same whenever it is tested.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, NamedTuple

Days = tuple[date, date]
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
_LONGEST: Final = 60
"""Characters that are read: beyond them a text is no date, whatever it begins with."""

_UNITS: Final = {"天": "d", "日": "d", "周": "w", "星": "w", "礼": "w", "月": "m", "年": "y"}


class NoDate(Exception):
    """A text that is no date; ``at`` is the place in it, in characters."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def days_of(text: str, today: date) -> Days:
    """Return the first and the last day of what ``text``, folded, says as of ``today``.

    Raises :class:`NoDate`, with an empty message where the form is none that is known.
    """
    furthest, head = 0, text[:_LONGEST]
    for form in _FORMS:
        match = re.match(form.pattern, head)
        if match and match.end() == len(text):
            try:
                return form.read(match, today)
            except (ValueError, OverflowError) as exc:
                raise NoDate("No calendar goes that far: years go from 1 to 9999.", 0) from exc
        furthest = max(furthest, match.end() if match else 0)
    raise NoDate("", furthest)


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


def _stated(match: re.Match[str], today: date) -> Days:
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
    month = _month(match)
    if not said.get("day"):
        return date(year, month, 1), last_day(year, month)
    day, last = _number(said["day"]), last_day(year, month)
    if not 1 <= day <= last.day:
        raise NoDate(_no_such_day(day, last), match.start("day"))
    return date(year, month, day), date(year, month, day)


def _month(match: re.Match[str]) -> int:
    month = _number(match["month"])
    if not 1 <= month <= 12:
        raise NoDate(
            f"There is no month {month}: months go from 1 to 12, such as 2024-05.",
            match.start("month"),
        )
    return month


def _no_such_day(day: int, last: date) -> str:
    if day < 1:
        return f"There is no day {day}: the first is {last.replace(day=1)}."
    return f"{last:%Y-%m} has no day {day}: its last is {last}."


def _this_year_or_last(match: re.Match[str], today: date) -> Days:
    """Return the days of a month, or of a month and day: the last that is not to come."""
    month = _month(match)
    day = _number(match["day"]) if match["day"] else 0
    most = last_day(2024, month).day  # in a leap year
    if match["day"] and not 1 <= day <= most:
        raise NoDate(f"Month {month} has days from 1 to {most}, not {day}.", match.start("day"))
    for year in (today.year, today.year - 1):
        last = last_day(year, month)
        first = date(year, month, 1)
        if day > last.day or first + timedelta(days=max(day, 1) - 1) > today:
            continue
        if day:
            first = last = first.replace(day=day)
        return first, last
    raise NoDate(
        f"Neither {today.year - 1} nor {today.year} has had such a day: "
        "write the year, such as 2024年2月29日.",
        match.start("day"),
    )


def _named_day(match: re.Match[str], today: date) -> Days:
    offset = _ENGLISH_DAYS[match[0]] if match[0] in _ENGLISH_DAYS else _NAMED_DAYS[match["which"]]
    day = today + timedelta(days=offset)
    return day, day


def _whole(match: re.Match[str], today: date) -> Days:
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


def _counted(match: re.Match[str], today: date) -> Days:
    """Return the last so many days, weeks, months or years, of which today is the last day."""
    count, unit = _number(match["count"]), match["unit"].removeprefix("个").lstrip()
    if not count:
        raise NoDate(
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


class _Form(NamedTuple):
    """A way to say a date, and how its match is read."""

    pattern: str  # compiled only where those before it do not match: that takes a while
    read: Callable[[re.Match[str], date], Days]


def _form(pattern: str, read: Callable[[re.Match[str], date], Days]) -> _Form:
    """Return a form; a blank in ``pattern`` is white space that may be there."""
    return _Form(pattern.replace(" ", r"\s*"), read)


def _one_of(names: dict[str, int]) -> str:
    return "|".join(names)


_HAN_DAY: Final = rf"(?P<month>{_SMALL}) 月 (?:份 )?(?:(?P<day>{_SMALL}) [日号]?)?"

_FORMS: Final = (
    _form(
        r"(?P<year>[0-9]{4})(?:(?P<mark>[-/.])(?P<month>[0-9]{1,2})"
        r"(?:(?P=mark)(?P<day>[0-9]{1,2}))?)?",
        _stated,
    ),
    _form(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})", _stated),
    _form(
        r"(?:(?P<year>[0-9]{4}|[〇零○一二三四五六七八九]{4}) 年"
        rf"|(?P<which>{_one_of(_NAMED_YEARS)})年) (?:{_HAN_DAY})?",
        _stated,
    ),
    _form(_HAN_DAY, _this_year_or_last),
    _form(rf"(?P<which>{_one_of(_NAMED_DAYS)})[天日]|{_one_of(_ENGLISH_DAYS)}", _named_day),
    _form(r"(?P<which>上上|上|本|这|下) 个? (?P<unit>周|星期|礼拜|月)", _whole),
    _form(r"(?P<which>this|last|next)[-\s]*(?P<unit>week|month|year)", _whole),
    _form(
        rf"(?:最近|近|过去) 的? {_COUNT} (?P<unit>天|日|个? 周|个? 星期|个? 礼拜|个 月|年)"
        r" (?:以? 内)?",
        _counted,
    ),
    _form(
        r"(?:(?:last|past)[-\s]*)?(?P<count>[0-9]{1,6})[-\s]*"
        r"(?P<unit>days?|d|weeks?|w|months?|m|years?|y)",
        _counted,
    ),
)
