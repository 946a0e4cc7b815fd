"""Timelines as text: bars for one series, small charts for several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from math import ceil
from typing import Final

from newsgrep.messages import _, localize, mark, message, plural
from newsgrep.search.bins import Bin, Interval
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
from newsgrep.views.timeline import NO_SOURCE, Measure, Series, Timeline

_MAX_BAR: Final = 60
LABEL_WIDTH: Final = 30
"""Cells beside a small chart, for its name."""

_CHART_HEIGHT: Final = 3
_MAX_NAMED: Final = 5


def to_text(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield the chart and notes on what it does not show; nothing without matches."""
    if not timeline.has_matches:
        return
    if timeline.bins:
        draw = _small_charts if timeline.has_charts else _bar_rows
        yield from draw(timeline, screen)
    yield from (StyledLine([StyledText(note, "dim")]) for note in notes(timeline))


def notes(timeline: Timeline) -> Iterator[str]:
    """Yield the total, what counts are relative to, and what the chart does not show."""
    by, bins = timeline.by, timeline.bins
    found = count_noun(timeline.total, "article")
    if len(timeline.totals) > 1:
        found = message("{count} queries", count=len(timeline.totals))
    elif (occurrences := timeline.totals[0].total_occurrences) is not None:
        found = message(
            "{occurrences} in {articles}",
            occurrences=count_noun(occurrences, "occurrence"),
            articles=found,
        )
    values = {"found": found, "by": _(by.value)}
    if len(bins) == 1:
        yield _("{found} by {by}, {bin}", bin=bins[0].name, **values)
    elif bins:
        yield _(
            "{found} by {by}, {first} to {last}", first=bins[0].name, last=bins[-1].name, **values
        )
    else:
        yield _("{found} by {by}", **values)
    if any(map(timeline.is_partial, bins)):
        yield _describe_covered(timeline.covered, _(by.value))
    yield from _base_notes(timeline)
    for series in timeline.totals:
        yield from _notes_of(series, by, several=len(timeline.totals) > 1)
    if others := timeline.other_sources:
        named = ", ".join(
            f"{one_line(source.name) or NO_SOURCE} {source.articles:,}"
            for source in others[:_MAX_NAMED]
        )
        more = len(others) - _MAX_NAMED
        if more > 0:
            yield _(
                "not shown: {named} and {count:,} more: --top shows more sources",
                named=named,
                count=more,
            )
        else:
            yield _("not shown: {named}: --top shows more sources", named=named)


def _describe_covered(covered: tuple[date | None, date | None], by: str) -> str:
    """Return from when to when articles are counted; either end may be open."""
    first, last = covered
    if first and last:
        return _(
            "* not a whole {by}: articles from {first} to {last}", by=by, first=first, last=last
        )
    if first:
        return _("* not a whole {by}: articles from {first}", by=by, first=first)
    return _("* not a whole {by}: articles to {last}", by=by, last=last)


def _base_notes(timeline: Timeline) -> Iterator[str]:
    """Yield which articles percentages, or characters, are relative to."""
    unit = {
        Measure.SHARE: mark("percentage"),
        Measure.PER_MILLION: mark("per million characters"),
    }
    if timeline.measure not in unit:
        return
    for share_of in dict.fromkeys(series.share_of for series in timeline.totals):
        base = _("all articles of the source") if timeline.per_source else _("all articles")
        if share_of != "*":
            base = _("{articles} that match {query}", articles=base, query=sanitize(share_of))
        yield _(
            "{unit} of {articles}, {by} by {by}",
            unit=_(unit[timeline.measure]),
            articles=base,
            by=_(timeline.by.value),
        )


def _notes_of(series: Series, by: Interval, *, several: bool) -> Iterator[str]:
    """Yield how many articles are in no bin."""
    name = _("{label}: ", label=truncate(series.name, LABEL_WIDTH)) if several else ""
    if count := series.known_to_year:
        text = plural(
            "{count:,} article is dated to the year only and not in any {by}",
            "{count:,} articles are dated to the year only and not in any {by}",
            count,
            by=_(by.value),
        )
        yield name + localize(text)
    if count := series.known_to_month:
        text = plural(
            "{count:,} article is dated to the month only and not in any {by}",
            "{count:,} articles are dated to the month only and not in any {by}",
            count,
            by=_(by.value),
        )
        yield name + localize(text)
    if count := series.undated:
        text = plural(
            "{count:,} article without a date", "{count:,} articles without a date", count
        )
        yield name + localize(text)


def _bar_rows(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield a row with a bar for each bin; ``*`` marks one that is partial."""
    (series,) = timeline.series
    values, texts = series.values, value_texts(series)
    mark = any(map(timeline.is_partial, timeline.bins))
    label = max(len(each.name) for each in timeline.bins) + mark
    number = max(map(len, texts))
    space = max(min(screen.width - label - number - 5, _MAX_BAR), 5)
    for each, value, text in zip(timeline.bins, values, texts, strict=True):
        drawn = bar(value, max(values), space, blocks=screen.blocks)
        name = f"{each.name}*" if timeline.is_partial(each) else each.name
        yield StyledLine(
            [StyledText(f"{name:{label}}  {text:>{number}}  "), StyledText(drawn, "source")]
        )
    yield StyledLine()


def _small_charts(timeline: Timeline, screen: Screen) -> Iterator[StyledLine]:
    """Yield a small chart for each series, with its name beside it, all on one scale."""
    bins = timeline.bins
    space = max(screen.width - LABEL_WIDTH - 1, 10)
    joined = ceil(len(bins) / space)
    columns = ceil(len(bins) / joined)
    column_width = max(min(space // columns, 4), 1)
    drawn = [_join_bins(series, joined) for series in timeline.series]
    most = max(max(series.values) for series in drawn)
    for series, small in zip(timeline.series, drawn, strict=True):
        values = [value for value in small.values for _column in range(column_width)]
        labels = _chart_labels(series, bins)
        rows = column_chart(values, most, _CHART_HEIGHT, blocks=screen.blocks)
        for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
            style = "dim" if number else "title"
            text = pad(truncate(label, LABEL_WIDTH - 2), LABEL_WIDTH)
            yield StyledLine([StyledText(text, style), StyledText(row.rstrip(), "source")])
        yield StyledLine()
    first, last = bins[0].name, bins[-1].name
    axis = f"{first}{last:>{max(columns * column_width - len(first), len(last) + 1)}}"
    yield StyledLine([StyledText(axis, "dim")], indent=LABEL_WIDTH)
    yield StyledLine()
    height = _("full height: {height}", height=value_text(most, timeline.measure))
    if joined > 1:
        height = _(
            "{height}, a column for {count} {by}s",
            height=height,
            count=joined,
            by=_(timeline.by.value),
        )
    yield StyledLine([StyledText(height, "dim")])


def _chart_labels(series: Series, bins: Sequence[Bin]) -> list[str]:
    texts, values = value_texts(series), series.values
    at = max(range(len(values)), key=values.__getitem__)
    most = (
        _("most {number} in {name}", number=texts[at].strip(), name=bins[at].name)
        if values[at]
        else ""
    )
    return [series.name, count_noun(series.total, "article"), most]


def _join_bins(series: Series, joined: int) -> Series:
    """Return the series with ``joined`` bins in one."""

    def join(counts: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sum(counts[at : at + joined]) for at in range(0, len(counts), joined))

    return series._replace(
        counts=join(series.counts),
        all=join(series.all),
        occurrences=series.occurrences and join(series.occurrences),
        characters=series.characters and join(series.characters),
    )


def value_text(value: float | None, measure: Measure) -> str:
    """Return a value of a chart with its unit."""
    if value is None:
        return "–"
    if measure is Measure.SHARE:
        return f"{value:.2f} %"
    return f"{value:,.1f}" if measure is Measure.PER_MILLION else f"{value:,.0f}"


def value_texts(series: Series) -> list[str]:
    """Return the values of a series with their unit."""
    return [value_text(series.value(at), series.measure) for at in range(len(series.counts))]
