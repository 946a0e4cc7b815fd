"""A timeline as a self-contained SVG document for print and for web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import floor, log10
from typing import Final
from xml.sax.saxutils import escape

from newsgrep.search.bins import Interval, bin_number
from newsgrep.terminal import one_line, truncate
from newsgrep.views.timeline import Measure, Series, Timeline
from newsgrep.views.timeline_text import notes, value_text

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
