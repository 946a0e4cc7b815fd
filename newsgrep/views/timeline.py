"""How many articles match in each day, week, month or year, in all or source by source.

What is known of a date less finely than the bins are is counted apart and never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from math import ceil
from typing import Final, NamedTuple

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
from newsgrep.search.search import SourceCount, group_sources, only_source
from newsgrep.terminal import (
    StyledLine,
    StyledText,
    bar,
    column_chart,
    one_line,
    pad,
    sanitize,
    truncate,
)
from newsgrep.views.hits import csv_row

MAX_BINS: Final = 9_000
"""Bins of one timeline: the days of 24 years, and more than a picture can tell apart."""

DEFAULT_SOURCES: Final = 8
"""Sources with a series of their own, where nobody said how many: about a screen."""

_SCREEN_BINS: Final = 40
"""Bins of a timeline for which nobody said how long they are: about a screen."""


class Series(NamedTuple):
    """Counts by bin: of all sources (``None``) or of one; ``all`` counts all its articles.

    ``total`` counts also what has no bin. ``all`` is there where shares were asked for.
    """

    source: SourceCount | None
    total: int
    counts: tuple[int, ...]
    all: tuple[int, ...] | None

    def share(self, at: int) -> float | None:
        """Return the per cent of all articles of bin ``at``; ``None`` where there are none."""
        if self.all is None or not self.all[at]:
            return None
        return 100 * self.counts[at] / self.all[at]


class Timeline(NamedTuple):
    """An answer over time.

    ``by_year`` and ``by_month`` count articles that are known to the year or month only,
    where bins are finer; ``undated`` those without any date. ``among`` says of which
    articles shares are. ``rest`` are the sources that have no series.
    """

    parsed: str
    by: Interval
    total: int
    bins: tuple[Bin, ...]
    series: tuple[Series, ...]
    rest: tuple[SourceCount, ...]
    by_year: int
    by_month: int
    undated: int
    among: str | None

    @property
    def per_source(self) -> bool:
        """Return whether each series is of one source."""
        return any(series.source is not None for series in self.series)


def make_timeline(
    engine: Engine,
    root: Node,
    *,
    by: Interval | None = None,
    per_source: bool = False,
    most: int = DEFAULT_SOURCES,
    share: bool = False,
) -> Timeline:
    """Return how the matches of ``root`` lie in time.

    Without ``by`` the finest bins are taken of which there are few. With ``per_source`` the
    ``most`` frequent sources have a series each; with ``share`` all articles are counted,
    too. Raises :class:`UsageError` where there would be more than :data:`MAX_BINS` bins.
    """
    page = engine.search(EngineRequest(root, limit=0, facets=("day", "source")))
    dates = {parse_partial_date(text): count for text, count in page.facets["day"] if text}
    by = by or _choose_interval(dates)
    numbers = _checked_bin_range(dates, by)
    base = filters_only(root) if share else None
    names = [name for name, _ in page.facets["source"]]
    if base is not None and per_source:
        whole = engine.search(EngineRequest(base, limit=0, facets=("source",)))
        names = [name for name, _ in whole.facets["source"]]
    sources = group_sources(page.facets["source"]) if per_source else []
    series = []
    for source in sources[:most] if per_source else [None]:
        narrow = () if source is None else (only_source(source, names),)
        series.append(
            Series(
                source,
                source.articles if source else page.total,
                _count_bins(engine, root, narrow, by, numbers)
                if source
                else _sum_into_bins(dates.items(), by, numbers),
                _count_bins(engine, base, narrow, by, numbers) if base is not None else None,
            )
        )
    apart = Counter[Interval]()
    for day, count in dates.items():
        if not _fits_one_bin(day, by):
            apart[day.by] += count
    return Timeline(
        parsed=describe(root),
        by=by,
        total=page.total,
        bins=tuple(bin_at(number, by) for number in numbers),
        series=tuple(series),
        rest=tuple(sources[most:]),
        by_year=apart[Interval.YEAR],
        by_month=apart[Interval.MONTH],
        undated=dict(page.facets["day"]).get("", 0),
        among=None if base is None else describe(base),
    )


def filters_only(root: Node) -> Node:
    """Return the query for all articles that pass the filters of ``root``.

    What a query asks for beside words are its filters. One that asks for nothing else is
    itself the question, and only its dates are filters.
    """
    parts = conditions(root)
    filters = [part for part in parts if is_filter(part, exclusions=False)]
    if len(filters) == len(parts):
        filters = [part for part in parts if isinstance(part, DateRange)]
    if not filters:
        return MatchAll()
    return And(tuple(filters)) if len(filters) > 1 else filters[0]


def _count_bins(
    engine: Engine, root: Node, narrow: tuple[Node, ...], by: Interval, numbers: range
) -> tuple[int, ...]:
    asked = And((root, *narrow)) if narrow else root
    facet = engine.search(EngineRequest(asked, limit=0, facets=("day",))).facets["day"]
    return _sum_into_bins(
        ((parse_partial_date(text), count) for text, count in facet if text), by, numbers
    )


def _sum_into_bins(
    dates: Iterable[tuple[PartialDate, int]], by: Interval, numbers: range
) -> tuple[int, ...]:
    counts = [0] * len(numbers)
    for day, count in dates:
        number = bin_number(day.first, by)
        if _fits_one_bin(day, by) and number in numbers:
            counts[number - numbers.start] += count
    return tuple(counts)


def _fits_one_bin(date: PartialDate, by: Interval) -> bool:
    """Return whether all days that ``date`` may mean lie in one bin."""
    return bin_number(date.first, by) == bin_number(date.last, by)


def _bin_range(dates: Iterable[PartialDate], by: Interval) -> range:
    numbers = [bin_number(date.first, by) for date in dates if _fits_one_bin(date, by)]
    return range(min(numbers), max(numbers) + 1) if numbers else range(0)


def _choose_interval(dates: dict[PartialDate, int]) -> Interval:
    """Return the finest bins of which there are few, and which most dates are known to."""
    dated = sum(dates.values())
    for by in Interval:
        has_bins = sum(count for date, count in dates.items() if _fits_one_bin(date, by))
        if len(_bin_range(dates, by)) <= _SCREEN_BINS and has_bins * 2 >= dated:
            return by
    return Interval.YEAR


def _checked_bin_range(dates: dict[PartialDate, int], by: Interval) -> range:
    numbers = _bin_range(dates, by)
    if len(numbers) <= MAX_BINS:
        return numbers
    first, last = bin_at(numbers[0], by), bin_at(numbers[-1], by)
    coarser: Sequence[Interval] = list(Interval)[list(Interval).index(by) + 1 :]
    fits = next((other for other in coarser if len(_bin_range(dates, other)) <= MAX_BINS), None)
    cure = f"say --by {fits}, or ask for less" if fits else "ask for less"
    raise UsageError(
        f"From {first.name} to {last.name} there are {len(numbers):,} bins, more than "
        f"{MAX_BINS:,}: {cure} with --since and --until."
    )


class Interval(StrEnum):
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


class PartialDate(NamedTuple):
    """The days, first and last, that a date may mean, and how finely it is known."""

    first: date
    last: date
    by: Interval


def parse_partial_date(text: str) -> PartialDate:
    """Return what ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY`` says."""
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
    """Return the number of the bin in which ``day`` lies."""
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


_CSV_COLUMNS: Final = ("bin", "first", "last", "source", "count", "all", "share")
_MAX_BAR: Final = 60
_LABEL_WIDTH: Final = 26
_CHART_HEIGHT: Final = 3
_MAX_NAMED: Final = 5
_NO_SOURCE: Final = "(none)"


def timeline_to_text(line: Timeline, width: int, *, blocks: bool) -> Iterator[StyledLine]:
    """Yield the chart, no wider than ``width`` cells, and what it leaves out.

    ``blocks`` says whether it may be made of blocks.
    """
    if line.bins:
        draw = _source_charts if line.per_source else _bar_rows
        yield from draw(line, width, blocks)
    yield from (StyledLine([StyledText(note, "dim")]) for note in timeline_notes(line))


def timeline_notes(line: Timeline) -> Iterator[str]:
    """Yield what there is in all, of what shares are, and what has no place in the chart."""
    yield f"{_article_count(line.total)} by {line.by}" + (
        f", {line.bins[0].name} to {line.bins[-1].name}" if line.bins else ""
    )
    if line.among is not None:
        which = "" if line.among == "*" else f" that match {sanitize(line.among)}"
        whose = " of the source" if line.per_source else ""
        yield f"per cent of all articles{whose}{which}, {line.by} by {line.by}"
    for count, what in ((line.by_year, "year"), (line.by_month, "month")):
        if count:
            verb = "is" if count == 1 else "are"
            yield f"{_article_count(count)} {verb} known to the {what} only and in no {line.by}"
    if line.undated:
        yield f"{_article_count(line.undated)} without a date"
    if line.rest:
        named = ", ".join(f"{source_name(s)} {s.articles:,}" for s in line.rest[:_MAX_NAMED])
        more = len(line.rest) - _MAX_NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        yield f"not shown: {named}{rest}: --top shows more sources"


def timeline_to_csv(line: Timeline) -> Iterator[str]:
    """Yield a heading and one row for each bin of each series."""
    yield csv_row(_CSV_COLUMNS)
    for series in line.series:
        source = series.source.name if series.source else ""
        for at, each in enumerate(line.bins):
            share = series.share(at)
            yield csv_row(
                (
                    *each,
                    source,
                    series.counts[at],
                    "" if series.all is None else series.all[at],
                    "" if share is None else round(share, 4),
                )
            )


def _bar_rows(line: Timeline, width: int, blocks: bool) -> Iterator[StyledLine]:
    """Yield a row with a bar for each bin."""
    (series,) = line.series
    values, texts = series_values(series), _value_texts(series)
    label = max(len(each.name) for each in line.bins)
    number = max(map(len, texts))
    room = max(min(width - label - number - 5, _MAX_BAR), 5)
    for each, value, text in zip(line.bins, values, texts, strict=True):
        drawn = bar(value, max(values), room, blocks=blocks)
        yield StyledLine(
            [StyledText(f"{each.name:{label}}  {text:>{number}}  "), StyledText(drawn, "source")]
        )
    yield StyledLine()


def _source_charts(line: Timeline, width: int, blocks: bool) -> Iterator[StyledLine]:
    """Yield a small chart for each source, its name beside it, all with one scale."""
    room = max(width - _LABEL_WIDTH - 1, 10)
    joined = ceil(len(line.bins) / room)
    each_wide = max(min(room // ceil(len(line.bins) / joined), 4), 1)
    drawn = [_join_bins(series, joined) for series in line.series]
    most = max(max(map(series_values, drawn), key=max))
    for series, small in zip(line.series, drawn, strict=True):
        values = [value for value in series_values(small) for _ in range(each_wide)]
        labels = _chart_labels(series, line.bins)
        rows = column_chart(values, most, _CHART_HEIGHT, blocks=blocks)
        for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
            style = "dim" if number else "title"
            text = pad(truncate(label, _LABEL_WIDTH - 2), _LABEL_WIDTH)
            yield StyledLine([StyledText(text, style), StyledText(row.rstrip(), "source")])
        yield StyledLine()
    first, last = line.bins[0].name, line.bins[-1].name
    wide = ceil(len(line.bins) / joined) * each_wide
    axis = f"{first}{last:>{max(wide - len(first), len(last) + 1)}}"
    yield StyledLine([StyledText(axis, "dim")], indent=_LABEL_WIDTH)
    yield StyledLine()
    per = f", a column for {joined} {line.by}s" if joined > 1 else ""
    text = f"{most:.2f} %" if line.among is not None else f"{most:,.0f}"
    yield StyledLine([StyledText(f"full height: {text}{per}", "dim")])


def _chart_labels(series: Series, bins: Sequence[Bin]) -> list[str]:
    texts, values = _value_texts(series), series_values(series)
    at = max(range(len(values)), key=values.__getitem__)
    most = f"most {texts[at].strip()} in {bins[at].name}" if values[at] else ""
    return [source_name(series.source), _article_count(series.total), most]


def _join_bins(series: Series, joined: int) -> Series:
    """Return the series with so many bins in one."""
    starts = range(0, len(series.counts), joined)
    return series._replace(
        counts=tuple(sum(series.counts[at : at + joined]) for at in starts),
        all=series.all and tuple(sum(series.all[at : at + joined]) for at in starts),
    )


def series_values(series: Series) -> list[float]:
    """Return what is drawn of each bin: its per cent where shares were asked for, or its count."""
    if series.all is None:
        return list(series.counts)
    return [series.share(at) or 0 for at in range(len(series.counts))]


def _value_texts(series: Series) -> list[str]:
    if series.all is None:
        return [f"{count:,}" for count in series.counts]
    shares = [series.share(at) for at in range(len(series.counts))]
    return ["–" if share is None else f"{share:.2f} %" for share in shares]


def source_name(source: SourceCount | None) -> str:
    """Return a source's name on one line, made harmless."""
    return one_line(source.name) if source and source.name else _NO_SOURCE


def _article_count(count: int) -> str:
    return "1 article" if count == 1 else f"{count:,} articles"
