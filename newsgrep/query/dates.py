"""Dates as people type them into a query, as ranges of days."""

from __future__ import annotations

import re
from datetime import date, timedelta

from newsgrep.errors import UsageError

_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def day_range(text: str) -> tuple[date, date]:
    """Return the first and the last day of ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.

    Raises :class:`UsageError` for anything else, and for days that do not exist.
    """
    match = _DAY.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError(text)
        year, month, day = (int(part) if part else None for part in match.groups())
        first = date(year or 0, month or 1, day or 1)
    except ValueError as exc:
        raise UsageError(
            f"“{text}” is not a date: write YYYY, YYYY-MM or YYYY-MM-DD, such as 2024-05-17."
        ) from exc
    if day:
        return first, first
    if month:
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, first.replace(month=12, day=31)


def open_range(text: str) -> tuple[date | None, date | None]:
    """Return the days of ``A``, ``A..B``, ``A..`` or ``..B``; ``None`` is an open end.

    Raises :class:`UsageError` for what is no date, and where the end is before the start.
    """
    start, dots, end = text.partition("..")
    if not dots:
        return day_range(text)
    first = day_range(start)[0] if start.strip() else None
    last = day_range(end)[1] if end.strip() else None
    if first is None and last is None:
        raise UsageError("“..” names no date: write 2024-05-16..2024-05-20, 2024.. or ..2021.")
    if first and last and last < first:
        raise UsageError(f"“{text}” ends before it begins: turn the two dates round.")
    return first, last
