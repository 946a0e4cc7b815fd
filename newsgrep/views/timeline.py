"""Timelines: the number of matching articles per day, week, month or year, also by source.

Articles whose date is known less precisely than a bin are counted separately, never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from math import ceil
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import UsageError
from newsgrep.models import month_index, month_span
from newsgrep.query.ast import (
    And,
    DateRange,
    MatchAll,
    Node,
    conditions,
    describe,
    is_filter,
)
from newsgrep.query.parser import Query
from newsgrep.search.search import SourceCount, group_sources, only_source
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    bar,
    column_chart,
    count_noun,
    one_line,
    pad,
    sanitize,
    truncate,
)
from newsgrep.views import SCHEMA_VERSION

MAX_BINS: Final = 9_000
"""Bins of a timeline: the days of 24 years, more than a chart can show."""

DEFAULT_SOURCES: Final = 8
"""Sources with a series of their own by default: about one screen."""

_SCREEN_BINS: Final = 40
"""Bins of a timeline with the default interval: about one screen."""


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


class Series(NamedTuple):
    """Counts by bin, of all sources (``source`` is ``None``) or of one.

    ``total`` includes articles in no bin. With shares, ``all`` counts all articles by bin.
    """

    source: SourceCount | None
    total: int
    counts: tuple[int, ...]
    all: tuple[int, ...] | None

    def share(self, at: int) -> float | None:
        """Return the percentage of all articles in bin ``at``; ``None`` if there are none."""
        if self.all is None or not self.all[at]:
            return None
        return 100 * self.counts[at] / self.all[at]

    @property
    def values(self) -> list[float]:
        """The height of each bin in a chart: its percentage if there are shares, or its count."""
        if self.all is None:
            return list(self.counts)
        return [self.share(at) or 0 for at in range(len(self.counts))]

    @property
    def source_name(self) -> str:
        """The name of the source, sanitized, on one line."""
        return one_line(self.source.name) if self.source and self.source.name else _NO_SOURCE


class Timeline(NamedTuple):
    """The matches of ``query`` over time.

    ``known_to_year`` and ``known_to_month`` count articles whose date is less precise than a
    bin, ``undated`` those without a date. ``share_of`` describes the articles that shares are
    relative to. ``other_sources`` are those without a series.
    """

    query: str
    parsed: str
    by: Interval
    total: int
    bins: tuple[Bin, ...]
    series: tuple[Series, ...]
    other_sources: tuple[SourceCount, ...]
    known_to_year: int
    known_to_month: int
    undated: int
    share_of: str | None

    @property
    def per_source(self) -> bool:
        """Whether each series belongs to one source."""
        return any(series.source is not None for series in self.series)


def make_timeline(
    engine: Engine,
    query: Query,
    *,
    by: Interval | None = None,
    per_source: bool = False,
    max_sources: int = DEFAULT_SOURCES,
    share: bool = False,
) -> Timeline:
    """Return the timeline of the articles that match ``query``.

    ``by`` defaults to the shortest interval that gives few bins. With ``per_source``, the
    ``max_sources`` most frequent sources have a series each; with ``share``, all articles are
    counted as well. Raises :class:`UsageError` for more than :data:`MAX_BINS` bins.
    """
    root = query.root
    page = engine.search(EngineRequest(root, limit=0, facets=("day", "source")))
    dates = {parse_partial_date(text): count for text, count in page.facets["day"] if text}
    by = by or _choose_interval(dates)
    numbers = _checked_bin_range(dates, by)
    base = filters_only(root) if share else None
    sources = group_sources(page.facets["source"]) if per_source else []
    series = []
    for source in sources[:max_sources] if per_source else [None]:
        filters = () if source is None else (only_source(source),)
        series.append(
            Series(
                source,
                source.articles if source else page.total,
                _count_bins(engine, root, filters, by, numbers)
                if source
                else _sum_into_bins(dates.items(), by, numbers),
                _count_bins(engine, base, filters, by, numbers) if base is not None else None,
            )
        )
    imprecise = Counter[Interval]()
    for day, count in dates.items():
        if not _fits_one_bin(day, by):
            imprecise[day.precision] += count
    return Timeline(
        query=query.text,
        parsed=describe(root),
        by=by,
        total=page.total,
        bins=tuple(bin_at(number, by) for number in numbers),
        series=tuple(series),
        other_sources=tuple(sources[max_sources:]),
        known_to_year=imprecise[Interval.YEAR],
        known_to_month=imprecise[Interval.MONTH],
        undated=dict(page.facets["day"]).get("", 0),
        share_of=None if base is None else describe(base),
    )


def filters_only(root: Node) -> Node:
    """Return the query for all articles that pass the filters of ``root``.

    Filters are everything in the query but its texts. If a query has only filters, it is itself
    the subject, and only its dates count as filters.
    """
    parts = conditions(root)
    filters = [part for part in parts if is_filter(part, exclusions=False)]
    if len(filters) == len(parts):
        filters = [part for part in parts if isinstance(part, DateRange)]
    if not filters:
        return MatchAll()
    return And(tuple(filters)) if len(filters) > 1 else filters[0]


# Bins


class PartialDate(NamedTuple):
    """A date that may be known to the month or year only: its first and last possible day."""

    first: date
    last: date
    precision: Interval


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


def _count_bins(
    engine: Engine, root: Node, filters: tuple[Node, ...], by: Interval, numbers: range
) -> tuple[int, ...]:
    query = And((root, *filters)) if filters else root
    facet = engine.search(EngineRequest(query, limit=0, facets=("day",))).facets["day"]
    dates = ((parse_partial_date(text), count) for text, count in facet if text)
    return _sum_into_bins(dates, by, numbers)


def _sum_into_bins(
    dates: Iterable[tuple[PartialDate, int]], by: Interval, numbers: range
) -> tuple[int, ...]:
    counts = [0] * len(numbers)
    for day, count in dates:
        number = bin_number(day.first, by)
        if _fits_one_bin(day, by) and number in numbers:
            counts[number - numbers.start] += count
    return tuple(counts)


def _fits_one_bin(day: PartialDate, by: Interval) -> bool:
    """Return whether all days that ``day`` may be are in one bin."""
    return bin_number(day.first, by) == bin_number(day.last, by)


def _bin_range(dates: Iterable[PartialDate], by: Interval) -> range:
    numbers = [bin_number(day.first, by) for day in dates if _fits_one_bin(day, by)]
    return range(min(numbers), max(numbers) + 1) if numbers else range(0)


def _choose_interval(dates: dict[PartialDate, int]) -> Interval:
    """Return the shortest interval that gives few bins and fits most dates."""
    dated = sum(dates.values())
    for by in Interval:
        in_bins = sum(count for day, count in dates.items() if _fits_one_bin(day, by))
        if len(_bin_range(dates, by)) <= _SCREEN_BINS and in_bins * 2 >= dated:
            return by
    return Interval.YEAR


def _checked_bin_range(dates: dict[PartialDate, int], by: Interval) -> range:
    numbers = _bin_range(dates, by)
    if len(numbers) <= MAX_BINS:
        return numbers
    first, last = bin_at(numbers[0], by), bin_at(numbers[-1], by)
    longer: Sequence[Interval] = list(Interval)[list(Interval).index(by) + 1 :]
    fits = next((other for other in longer if len(_bin_range(dates, other)) <= MAX_BINS), None)
    advice = f"Use --by {fits}, or narrow the query" if fits else "Narrow the query"
    raise UsageError(
        f"{first.name} to {last.name} gives {len(numbers):,} bins, more than {MAX_BINS:,}. "
        f"{advice} with --since and --until."
    )


# Forms

_MAX_BAR: Final = 60
_LABEL_WIDTH: Final = 30
_CHART_HEIGHT: Final = 3
_MAX_NAMED: Final = 5
_NO_SOURCE: Final = "(none)"


def to_text(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield the chart and notes on what it does not show; nothing without matches."""
    if not timeline.total:
        return
    if timeline.bins:
        draw = _source_charts if timeline.per_source else _bar_rows
        yield from draw(timeline, screen)
    yield from (StyledLine([StyledText(note, "dim")]) for note in notes(timeline))


def to_json(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as a complete object; docs/timeline.schema.json describes it."""
    return {
        "version": SCHEMA_VERSION,
        "query": timeline.query,
        "parsed": timeline.parsed,
        "by": timeline.by.value,
        "share_of": timeline.share_of,
        "total": timeline.total,
        "known_to_year": timeline.known_to_year,
        "known_to_month": timeline.known_to_month,
        "undated": timeline.undated,
        "series": [_series_object(series, timeline.bins) for series in timeline.series],
        "other_sources": [
            {"source": source.name or None, "articles": source.articles}
            for source in timeline.other_sources
        ],
    }


def to_csv(timeline: Timeline) -> Iterator[Sequence[object]]:
    """Yield a row for each bin of each series."""
    yield ("bin", "first", "last", "source", "count", "all", "share")
    for series in timeline.series:
        source = series.source.name if series.source else ""
        for at, each in enumerate(timeline.bins):
            share = series.share(at)
            yield (
                *each,
                source,
                series.counts[at],
                "" if series.all is None else series.all[at],
                "" if share is None else round(share, 4),
            )


def notes(timeline: Timeline) -> Iterator[str]:
    """Yield the total, what shares are relative to, and what the chart does not show."""
    by = timeline.by
    yield f"{count_noun(timeline.total, 'article')} by {by}" + (
        f", {timeline.bins[0].name} to {timeline.bins[-1].name}" if timeline.bins else ""
    )
    if (share_of := timeline.share_of) is not None:
        which = "" if share_of == "*" else f" that match {sanitize(share_of)}"
        whose = " of the source" if timeline.per_source else ""
        yield f"percentage of all articles{whose}{which}, {by} by {by}"
    for count, unit in ((timeline.known_to_year, "year"), (timeline.known_to_month, "month")):
        if count:
            verb = "is" if count == 1 else "are"
            articles = count_noun(count, "article")
            yield f"{articles} {verb} dated to the {unit} only and not in any {by}"
    if timeline.undated:
        yield f"{count_noun(timeline.undated, 'article')} without a date"
    if others := timeline.other_sources:
        named = ", ".join(
            f"{one_line(source.name) or _NO_SOURCE} {source.articles:,}"
            for source in others[:_MAX_NAMED]
        )
        more = len(others) - _MAX_NAMED
        further = f" and {more:,} more" if more > 0 else ""
        yield f"not shown: {named}{further}: --top shows more sources"


def _series_object(series: Series, bins: Sequence[Bin]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if series.source is not None:
        fields["source"] = series.source.name or None
        fields["spellings"] = [name for name in series.source.spellings if name]
    fields["articles"] = series.total
    fields["bins"] = []
    for at, each in enumerate(bins):
        counts: dict[str, Any] = {
            "bin": each.name,
            "first": each.first.isoformat(),
            "last": each.last.isoformat(),
            "count": series.counts[at],
        }
        if series.all is not None:
            share = series.share(at)
            counts["all"] = series.all[at]
            counts["share"] = None if share is None else round(share, 4)
        fields["bins"].append(counts)
    return fields


def _bar_rows(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield a row with a bar for each bin."""
    (series,) = timeline.series
    values, texts = series.values, _value_texts(series)
    label = max(len(each.name) for each in timeline.bins)
    number = max(map(len, texts))
    space = max(min(screen.width - label - number - 5, _MAX_BAR), 5)
    for each, value, text in zip(timeline.bins, values, texts, strict=True):
        drawn = bar(value, max(values), space, blocks=screen.blocks)
        yield StyledLine(
            [StyledText(f"{each.name:{label}}  {text:>{number}}  "), StyledText(drawn, "source")]
        )
    yield StyledLine()


def _source_charts(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield a small chart for each source, with its name beside it, all on one scale."""
    bins = timeline.bins
    space = max(screen.width - _LABEL_WIDTH - 1, 10)
    joined = ceil(len(bins) / space)
    columns = ceil(len(bins) / joined)
    column_width = max(min(space // columns, 4), 1)
    drawn = [_join_bins(series, joined) for series in timeline.series]
    most = max(max(series.values) for series in drawn)
    for series, small in zip(timeline.series, drawn, strict=True):
        values = [value for value in small.values for _ in range(column_width)]
        labels = _chart_labels(series, bins)
        rows = column_chart(values, most, _CHART_HEIGHT, blocks=screen.blocks)
        for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
            style = "dim" if number else "title"
            text = pad(truncate(label, _LABEL_WIDTH - 2), _LABEL_WIDTH)
            yield StyledLine([StyledText(text, style), StyledText(row.rstrip(), "source")])
        yield StyledLine()
    first, last = bins[0].name, bins[-1].name
    axis = f"{first}{last:>{max(columns * column_width - len(first), len(last) + 1)}}"
    yield StyledLine([StyledText(axis, "dim")], indent=_LABEL_WIDTH)
    yield StyledLine()
    per_column = f", a column for {joined} {timeline.by}s" if joined > 1 else ""
    height = f"{most:.2f} %" if timeline.share_of is not None else f"{most:,.0f}"
    yield StyledLine([StyledText(f"full height: {height}{per_column}", "dim")])


def _chart_labels(series: Series, bins: Sequence[Bin]) -> list[str]:
    texts, values = _value_texts(series), series.values
    at = max(range(len(values)), key=values.__getitem__)
    most = f"most {texts[at].strip()} in {bins[at].name}" if values[at] else ""
    return [series.source_name, count_noun(series.total, "article"), most]


def _join_bins(series: Series, joined: int) -> Series:
    """Return the series with ``joined`` bins in one."""
    starts = range(0, len(series.counts), joined)
    return series._replace(
        counts=tuple(sum(series.counts[at : at + joined]) for at in starts),
        all=series.all and tuple(sum(series.all[at : at + joined]) for at in starts),
    )


def _value_texts(series: Series) -> list[str]:
    if series.all is None:
        return [f"{count:,}" for count in series.counts]
    shares = [series.share(at) for at in range(len(series.counts))]
    return ["–" if share is None else f"{share:.2f} %" for share in shares]
