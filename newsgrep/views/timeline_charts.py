"""Timelines as charts: in a terminal, and as SVG for print and for web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from math import ceil, floor, log10
from typing import Final
from xml.sax.saxutils import escape

from newsgrep.messages import _, localize, mark, message, plural
from newsgrep.search.bins import Bin, Interval, bin_number
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


_WIDTH: Final = 960
_LEFT_MARGIN: Final = 64
_RIGHT_MARGIN: Final = 24
_TOP_MARGIN: Final = 76
_SINGLE_HEIGHT: Final = 280
_PANEL_HEIGHT: Final = 96
_PANEL_GAP: Final = 34
_LINE_HEIGHT: Final = 18
_MAX_LABELS: Final = 12
_FONTS: Final = (
    "'Noto Sans CJK SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', "
    "'Noto Sans', 'Helvetica Neue', Arial, sans-serif"
)
_STEPS: Final = {
    Interval.DAY: (1, 2, 7, 14, 28, 91, 182, 364, 728),
    Interval.WEEK: (1, 2, 4, 13, 26, 52, 104, 260),
    Interval.MONTH: (1, 2, 3, 6, 12, 24, 60, 120, 240, 600),
    Interval.YEAR: (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
}
"""Bins between two labels: round numbers for each interval."""

_UNITS: Final = {
    Measure.ARTICLES: "articles",
    Measure.SHARE: "percentage of articles",
    Measure.OCCURRENCES: "occurrences",
    Measure.PER_MILLION: "occurrences per million characters",
}

_INVALID_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_svg(timeline: Timeline) -> str:
    """Return the timeline as an SVG document, with a small chart for each of several series.

    The timeline must have bins. All texts are sanitized and escaped.
    """
    return "\n".join(_document(timeline)) + "\n"


def _document(timeline: Timeline) -> Iterator[str]:
    panel = _PANEL_HEIGHT if timeline.has_charts else _SINGLE_HEIGHT
    most, step = _scale(max(max(series.values) for series in timeline.series), timeline)
    lines = list(notes(timeline))
    start = _TOP_MARGIN + (_PANEL_GAP // 2 if timeline.has_charts else 0)
    bottom = start + len(timeline.series) * (panel + _PANEL_GAP) - _PANEL_GAP
    height = bottom + 44 + len(lines) * _LINE_HEIGHT
    title = _escaped(timeline.query, 90)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" font-family="{_FONTS}" font-size="13">'
    )
    yield f"<title>{title} – {_escaped(lines[0], 120)}</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT_MARGIN}" y="34" font-size="20" font-weight="bold">{title}</text>'
    # The chart does not show the command, whose options narrow the query as well.
    parsed = f" · {timeline.parsed}" if timeline.parsed != timeline.query else ""
    if len(timeline.totals) > 1:
        parsed = ""  # each chart names its query
    yield _text(
        _LEFT_MARGIN, 56, _escaped(f"{_UNITS[timeline.measure]} by {timeline.by}{parsed}", 120)
    )
    for number, series in enumerate(timeline.series):
        top = start + number * (panel + _PANEL_GAP)
        yield from _panel(timeline, series, top, panel, most, step)
    yield from _bin_labels(timeline, bottom)
    for number, line in enumerate(lines):
        y = bottom + 48 + number * _LINE_HEIGHT
        yield _text(_LEFT_MARGIN, y, _escaped(line, 130), size=12)
    yield "</svg>"


def _panel(
    timeline: Timeline, series: Series, top: int, height: int, most: float, step: float
) -> Iterator[str]:
    """Yield the axis, the bars and the name of one series."""
    bottom = top + height
    steps = round(most / step)
    for number in range(0, steps + 1, 1 if not timeline.has_charts else max(steps // 2, 1)):
        y = bottom - height * number / steps
        color = "#888888" if number == 0 else "#dddddd"
        yield (
            f'<line x1="{_LEFT_MARGIN}" x2="{_WIDTH - _RIGHT_MARGIN}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{color}"/>'
        )
        label = f"{number * step:,.10g}"
        yield _text(_LEFT_MARGIN - 8, y + 4, label, anchor="end", size=11)
    bin_width = _bin_width(timeline)
    gap = bin_width * 0.15 if bin_width > 3 else 0
    yield '<g fill="#2f6690">'
    for at, value in enumerate(series.values):
        if value:
            bar = height * value / most
            yield (
                f'<rect x="{_LEFT_MARGIN + at * bin_width + gap / 2:.2f}" y="{bottom - bar:.2f}" '
                f'width="{bin_width - gap:.2f}" height="{bar:.2f}"{_opacity(timeline, at)}>'
                f"<title>{_bar_title(timeline, series, at)}</title></rect>"
            )
    yield "</g>"
    if timeline.has_charts:
        name = _escaped(series.name, 60)
        yield _text(_LEFT_MARGIN, top - 6, f"{name} · {series.total:,}", weight="bold")


def _bar_title(timeline: Timeline, series: Series, at: int) -> str:
    """Return what a bar shows, with what it is relative to."""
    count = f"{series.counts[at]:,}"
    match series.measure:
        case Measure.SHARE:
            count += f" of {series.all[at]:,}, {value_text(series.share(at), series.measure)}"
        case Measure.OCCURRENCES | Measure.PER_MILLION if series.occurrences is not None:
            count = f"{series.occurrences[at]:,} in {count}"
            if series.characters is not None:
                rate = value_text(series.per_million(at), series.measure)
                count += f", {rate} per million of {series.characters[at]:,} characters"
        case _:
            pass
    partial = f", not a whole {timeline.by}" if timeline.is_partial(timeline.bins[at]) else ""
    return f"{timeline.bins[at].name}: {count}{partial}"


def _opacity(timeline: Timeline, at: int) -> str:
    """Return the attribute of a bar that is lighter because its bin is partial."""
    return ' opacity="0.5"' if timeline.is_partial(timeline.bins[at]) else ""


def _bin_labels(timeline: Timeline, y: int) -> Iterator[str]:
    """Yield the names of some bins under the axis, at round numbers."""
    bins, by = timeline.bins, timeline.by
    first = bin_number(bins[0].first, by)
    fitting = (step for step in _STEPS[by] if len(bins) <= step * _MAX_LABELS)
    step = next(fitting, len(bins))
    offset = first if by in {Interval.DAY, Interval.WEEK} else 0
    width = _bin_width(timeline)
    for at, each in enumerate(bins):
        if (first + at - offset) % step == 0:
            x = _LEFT_MARGIN + (at + 0.5) * width
            name = each.name[:4] if by is Interval.MONTH and step % 12 == 0 else each.name
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}" stroke="#888888"/>'
            yield _text(x, y + 19, name, anchor="middle", size=11)


def _bin_width(timeline: Timeline) -> float:
    return (_WIDTH - _LEFT_MARGIN - _RIGHT_MARGIN) / len(timeline.bins)


def _scale(most: float, timeline: Timeline) -> tuple[float, float]:
    """Return the end of the axis, and its step: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1, 1
    power: float = 10.0 ** floor(log10(most / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 4.5 >= most)
    if timeline.measure in {Measure.ARTICLES, Measure.OCCURRENCES}:
        step = max(step, 1.0)
    steps = -(-most // step)
    return steps * step, step


def _text(
    x: float,
    y: float,
    escaped: str,
    *,
    anchor: str = "start",
    size: int = 13,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="#333333">{escaped}</text>'
    )


def _escaped(text: str, width: int) -> str:
    """Return ``text`` as XML text of at most ``width`` cells; invalid characters are replaced."""
    return escape(truncate(_INVALID_XML.sub("\ufffd", one_line(text)), width))
