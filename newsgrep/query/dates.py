"""Dates and ranges of them, as people type them into a query, become ranges of days.

What one date may look like is in :mod:`newsgrep.query.days`; errors point into the text.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from newsgrep.errors import QueryError, UsageError
from newsgrep.query.days import Days, NoDate, days_of
from newsgrep.query.tree import Dates
from newsgrep.query.zones import Calendar
from newsgrep.text.fold import fold

Range = tuple[date | None, date | None]
"""First and last day, both included; ``None`` is open."""

_FORMS: Final = (
    "write YYYY, YYYY-MM, YYYY-MM-DD, 2024年5月, yesterday, 上周 or 7d, such as 2024-05-17"
)
_BETWEEN: Final = "~—–-至到"
"""What people put between two dates where .. is meant."""

_SHOWN: Final = 30


def date_range(text: str, today: date) -> Range:
    """Return the days of ``A``, ``A..B``, ``A..`` or ``..B``, as of ``today``.

    Raises :class:`QueryError`, whose position counts characters of ``text``, for what is
    no date, for days that do not exist, and where the end is before the start.
    """
    folded = fold(text)
    start, dots, end = folded.partition("..")
    end_at = len(start) + len(dots)
    if not dots:
        return _days(text, folded, 0, today)
    first = _days(text, start, 0, today)[0] if start.strip() else None
    last = _days(text, end, end_at, today)[1] if end.strip() else None
    if first is None and last is None:
        raise QueryError(
            "“..” names no date: write 2024-05-16..2024-05-20, 2024.. or ..2021.", text, len(start)
        )
    if first and last and last < first:
        raise QueryError(
            f"“{_shown(text)}” ends before it begins: turn the two dates round.",
            text,
            end_at + len(end) - len(end.lstrip()),
        )
    return first, last


def _days(text: str, part: str, begins: int, today: date) -> Days:
    """Return the days of ``part``, which stands in ``text`` at ``begins``."""
    said = part.strip()
    begins += len(part) - len(part.lstrip())
    try:
        return days_of(said, today)
    except NoDate as exc:
        at = min(begins + exc.at, max(len(text) - 1, 0))
        message = str(exc) or _advice(text, said, exc.at)
        raise QueryError(message, text, at) from exc


def _advice(text: str, said: str, at: int) -> str:
    if not said:
        return f"There is no date here: {_FORMS}."
    behind = said[at:].lstrip()
    if at and behind[:1] in _BETWEEN and len(behind) > 1:
        return (
            f"“{_shown(text)}” is not a date: a range has .. in it, as in 2024-05-16..2024-05-20."
        )
    return f"“{_shown(text)}” is not a date: {_FORMS}."


def _shown(text: str) -> str:
    said = text.strip()
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def field_filter(field: str, text: str, calendar: Calendar) -> Dates:
    """Return the filter that ``date:``, ``since:`` or ``until:``, the ``field``, makes of ``text``.

    Raises :class:`QueryError`, whose position counts characters of ``text``.
    """
    first, last = date_range(text, calendar.today)
    match field:
        case "since":
            _known(first, text, "since: needs a beginning, such as since:2024")
            last = None
        case "until":
            _known(last, text, "until: needs an end, such as until:2024")
            first = None
    return Dates(first, last, calendar.zone)


def _known(day: date | None, text: str, cure: str) -> None:
    if day is None:
        raise QueryError(f"“{_shown(text)}” is open where {cure}.", text, fold(text).find(".."))


def since_until(since: str, until: str, calendar: Calendar) -> Dates:
    """Return the filter for the days from ``since`` to ``until``; each may be empty.

    Raises :class:`QueryError` for what is no date, and :class:`UsageError` where the
    two leave no day.
    """
    first = field_filter("since", since, calendar).first if since else None
    last = field_filter("until", until, calendar).last if until else None
    if first and last and last < first:
        raise UsageError(f"Since {first} until {last} leaves no day: turn the two dates round.")
    return Dates(first, last, calendar.zone)
