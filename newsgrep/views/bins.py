"""Days, ISO weeks, months and years as numbered bins, so that a span of time can be counted.

A bin's number is its place on a line without gaps: the next day, week, month or year has
the next number.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class By(StrEnum):
    """How long a bin is, the finest first; a week is an ISO week, from Monday to Sunday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Bin(NamedTuple):
    """A span of time: its name (``2024-05-17``, ``2024-W20``, ``2024-05``, ``2024``) and days."""

    name: str
    first: date
    last: date


class Known(NamedTuple):
    """The days, first and last, that a date may mean, and how finely it is known."""

    first: date
    last: date
    by: By


def known(text: str) -> Known:
    """Return what ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY`` says."""
    parts = [int(part) for part in text.split("-")]
    match parts:
        case [year, month, day]:
            first = last = date(year, month, day)
            return Known(first, last, By.DAY)
        case [year, month]:
            number, by = number_of(date(year, month, 1), By.MONTH), By.MONTH
        case _:
            number, by = parts[0], By.YEAR
    whole = bin_of(number, by)
    return Known(whole.first, whole.last, by)


def number_of(day: date, by: By) -> int:
    """Return the number of the bin in which ``day`` lies."""
    match by:
        case By.DAY:
            return day.toordinal()
        case By.WEEK:
            return (day.toordinal() - 1) // 7  # the first day of the calendar is a Monday
        case By.MONTH:
            return day.year * 12 + day.month - 1
        case By.YEAR:
            return day.year


def bin_of(number: int, by: By) -> Bin:
    """Return the bin with this number."""
    first = _first_day(number, by)
    after = None if _is_last(number, by) else _first_day(number + 1, by).toordinal()
    last = date.max if after is None else date.fromordinal(after - 1)
    match by:
        case By.DAY:
            return Bin(first.isoformat(), first, last)
        case By.WEEK:
            year, week, _ = first.isocalendar()
            return Bin(f"{year:04}-W{week:02}", first, last)
        case By.MONTH:
            return Bin(f"{first.year:04}-{first.month:02}", first, last)
        case By.YEAR:
            return Bin(f"{first.year:04}", first, last)


def _first_day(number: int, by: By) -> date:
    match by:
        case By.DAY:
            return date.fromordinal(number)
        case By.WEEK:
            return date.fromordinal(number * 7 + 1)
        case By.MONTH:
            year, month = divmod(number, 12)
            return date(year, month + 1, 1)
        case By.YEAR:
            return date(number, 1, 1)


def _is_last(number: int, by: By) -> bool:
    return number == number_of(date.max, by)
