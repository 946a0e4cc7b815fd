"""Bins of a timeline: days, weeks, months and years, dates in one of them, undated articles.

Bins of an interval are numbered, so that adjacent bins have adjacent numbers. A date that is known
less precisely than a bin is in no bin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, count_matches
from newsgrep.errors import UsageError
from newsgrep.messages import message
from newsgrep.models import month_index, month_span
from newsgrep.query.ast import And, DateRange, MatchAll, Node, Not, conditions

MAX_BINS: Final = 9_000
"""Bins of a timeline: the days of 24 years, more than a chart can show."""


class Interval(StrEnum):
    """The length of a bin, the shortest first. A week is an ISO week, Monday to Sunday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Bin(NamedTuple):
    """A span of days; ``name`` is ``2024-05-17``, ``2024-W20``, ``2024-05`` or ``2024``."""

    name: str
    first: date
    last: date


class PartialDate(NamedTuple):
    """A date that may be known to the month or year only: its first and last possible day."""

    first: date
    last: date
    precision: Interval


Dates = Mapping[PartialDate, int]
"""How many articles have each date."""


def parse_partial_date(text: str) -> PartialDate:
    """Return the date in ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``."""
    parts = [int(part) for part in text.split("-")]
    match parts:
        case [year, month, day]:
            first = last = date(year, month, day)
            return PartialDate(first, last, Interval.DAY)
        case [year, month]:
            number, by = bin_number(date(year, month, 1), Interval.MONTH), Interval.MONTH
        case _:
            number, by = parts[0], Interval.YEAR
    whole = bin_at(number, by)
    return PartialDate(whole.first, whole.last, by)


def bin_number(day: date, by: Interval) -> int:
    """Return the number of the bin that contains ``day``; adjacent bins have adjacent numbers."""
    match by:
        case Interval.DAY:
            return day.toordinal()
        case Interval.WEEK:
            return (day.toordinal() - 1) // 7  # the first day of the calendar is a Monday
        case Interval.MONTH:
            return month_index(day)
        case Interval.YEAR:
            return day.year


def bin_at(number: int, by: Interval) -> Bin:
    """Return the bin with this number."""
    first = _first_day(number, by)
    after = None if _is_last_bin(number, by) else _first_day(number + 1, by).toordinal()
    last = date.max if after is None else date.fromordinal(after - 1)
    match by:
        case Interval.DAY:
            return Bin(first.isoformat(), first, last)
        case Interval.WEEK:
            year, week, _ = first.isocalendar()
            return Bin(f"{year:04}-W{week:02}", first, last)
        case Interval.MONTH:
            return Bin(f"{first.year:04}-{first.month:02}", first, last)
        case Interval.YEAR:
            return Bin(f"{first.year:04}", first, last)


def _first_day(number: int, by: Interval) -> date:
    match by:
        case Interval.DAY:
            return date.fromordinal(number)
        case Interval.WEEK:
            return date.fromordinal(number * 7 + 1)
        case Interval.MONTH:
            return month_span(number)[0]
        case Interval.YEAR:
            return date(number, 1, 1)


def _is_last_bin(number: int, by: Interval) -> bool:
    return number == bin_number(date.max, by)


def sum_into_bins(
    dates: Iterable[tuple[PartialDate, int]], by: Interval, numbers: range
) -> tuple[int, ...]:
    """Return how many of the articles with these dates are in each of the bins ``numbers``."""
    counts = [0] * len(numbers)
    for day, count in dates:
        number = bin_number(day.first, by)
        if fits_one_bin(day, by) and number in numbers:
            counts[number - numbers.start] += count
    return tuple(counts)


def fits_one_bin(day: PartialDate, by: Interval) -> bool:
    """Return whether all days that ``day`` may be are in one bin."""
    return bin_number(day.first, by) == bin_number(day.last, by)


class Period(NamedTuple):
    """Days from ``first`` to ``last``, both included; ``None`` is open."""

    first: date | None
    last: date | None


def requested_period(root: Node) -> Period:
    """Return the days that the dates in ``root`` select, as far as they apply to all matches.

    >>> from newsgrep.query.parser import parse
    >>> requested_period(parse("渔业 date:2024..").root)
    Period(first=datetime.date(2024, 1, 1), last=None)
    """
    ranges = [each for each in conditions(root) if isinstance(each, DateRange)]
    firsts = [each.first for each in ranges if each.first]
    lasts = [each.last for each in ranges if each.last]
    return Period(max(firsts, default=None), min(lasts, default=None))


def covered_period(dates: Iterable[PartialDate], requested: Period) -> Period:
    """Return the days of ``requested`` on which there may be articles with these ``dates``.

    Only dates that are known to the day say when the articles begin and end.
    """
    days = [day.first for day in dates if day.precision is Interval.DAY]
    first, last = min(days, default=None), max(days, default=None)
    return Period(
        max((day for day in (first, requested.first) if day), default=None),
        min((day for day in (last, requested.last) if day), default=None),
    )


def is_partial(each: Bin, covered: Period) -> bool:
    """Return whether a part of the days of a bin is not covered."""
    return bool(
        (covered.first and each.first < covered.first)
        or (covered.last and each.last > covered.last)
    )


def bin_range(dates: Iterable[PartialDate], requested: Period, by: Interval) -> range:
    """Return the numbers of all bins that ``requested`` or one of ``dates`` is in.

    An open side of ``requested`` begins or ends with the dates.
    """
    numbers = [bin_number(day.first, by) for day in dates if fits_one_bin(day, by)]
    first = bin_number(requested.first, by) if requested.first else None
    last = bin_number(requested.last, by) if requested.last else None
    if not numbers and (first is None or last is None):
        return range(0)
    numbers += [number for number in (first, last) if number is not None]
    return range(min(numbers), max(numbers) + 1)


def choose_interval(dates: Dates, requested: Period, most: int) -> Interval:
    """Return the shortest interval that gives at most ``most`` bins and fits most dates."""
    dated = sum(dates.values())
    for by in Interval:
        in_bins = sum(count for day, count in dates.items() if fits_one_bin(day, by))
        if len(bin_range(dates, requested, by)) <= most and in_bins * 2 >= dated:
            return by
    return Interval.YEAR


def checked_bin_range(dates: Dates, requested: Period, by: Interval) -> range:
    """Return the numbers of all bins; raises :class:`UsageError` for too many of them."""
    numbers = bin_range(dates, requested, by)
    if len(numbers) <= MAX_BINS:
        return numbers
    first, last = bin_at(numbers[0], by), bin_at(numbers[-1], by)
    longer = list(Interval)[list(Interval).index(by) + 1 :]
    fitting = (other for other in longer if len(bin_range(dates, requested, other)) <= MAX_BINS)
    fits = next(fitting, None)
    advice = message("Narrow the query with --since and --until.")
    if fits:
        advice = message(
            "Use --by {unit}, or narrow the query with --since and --until.", unit=fits.value
        )
    raise UsageError(
        "{first} to {last} gives {count:,} bins, more than {max_bins:,}. {advice}",
        first=first.name,
        last=last.name,
        count=len(numbers),
        max_bins=MAX_BINS,
        advice=advice,
    )


# Undated articles: no filter by date matches them, so a filtered result counts them


UNDATED: Final = Not(DateRange(None, None))
"""The articles without a date of publication."""


def count_undated(engine: Engine, root: Node) -> int | None:
    """Return how many undated articles match ``root`` without its filters by date.

    Returns ``None`` if it has none. Dates in alternatives and exclusions are no filters.
    """
    parts = conditions(root)
    others = tuple(part for part in parts if not isinstance(part, DateRange))
    if len(others) == len(parts):
        return None
    return count_matches(engine, And((*(others or (MatchAll(),)), UNDATED)))
