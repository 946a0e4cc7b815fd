"""A timeline as a picture that can be printed: SVG of its own, that refers to nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import floor, log10
from typing import Final
from xml.sax.saxutils import escape

from newsgrep.terminal import one_line, truncate
from newsgrep.views.timeline import (
    Interval,
    Series,
    Timeline,
    bin_number,
    series_values,
    source_name,
    timeline_notes,
)

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
_INVALID_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def timeline_to_svg(line: Timeline, query: str) -> str:
    """Return the timeline of ``query`` as an SVG document, small charts for several sources.

    There must be bins. Texts from articles and people are made harmless and escaped.
    """
    return "\n".join(_document(line, query)) + "\n"


def _document(line: Timeline, query: str) -> Iterator[str]:
    tall = _PANEL_HEIGHT if line.per_source else _SINGLE_HEIGHT
    most, step = _scale(max(max(series_values(series)) for series in line.series), line)
    said = list(timeline_notes(line))
    begin = _TOP_MARGIN + (_PANEL_GAP // 2 if line.per_source else 0)
    bottom = begin + len(line.series) * (tall + _PANEL_GAP) - _PANEL_GAP
    height = bottom + 44 + len(said) * _LINE_HEIGHT
    title = _escaped(query, 90)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" font-family="{_FONTS}" font-size="13">'
    )
    yield f"<title>{title} – {_escaped(said[0], 120)}</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT_MARGIN}" y="34" font-size="20" font-weight="bold">{title}</text>'
    what = "per cent of articles" if line.among is not None else "articles"
    # Options narrow, too: a picture goes where nobody sees the command.
    asked = f" · {line.parsed}" if line.parsed != query else ""
    yield _text_element(_LEFT_MARGIN, 56, _escaped(f"{what} by {line.by}{asked}", 120))
    for number, series in enumerate(line.series):
        top = begin + number * (tall + _PANEL_GAP)
        yield from _panel(line, series, top, tall, most, step)
    yield from _bin_labels(line, bottom)
    for number, note in enumerate(said):
        yield _text_element(
            _LEFT_MARGIN, bottom + 48 + number * _LINE_HEIGHT, _escaped(note, 130), size=12
        )
    yield "</svg>"


def _panel(
    line: Timeline, series: Series, top: int, tall: int, most: float, step: float
) -> Iterator[str]:
    """Yield the axis, the bars and the name of one series."""
    bottom = top + tall
    steps = round(most / step)
    for number in range(0, steps + 1, 1 if not line.per_source else max(steps // 2, 1)):
        y = bottom - tall * number / steps
        color = "#888888" if number == 0 else "#dddddd"
        yield (
            f'<line x1="{_LEFT_MARGIN}" x2="{_WIDTH - _RIGHT_MARGIN}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{color}"/>'
        )
        yield _text_element(
            _LEFT_MARGIN - 8, y + 4, f"{number * step:,.10g}", anchor="end", size=11
        )
    each = _bin_width(line)
    gap = each * 0.15 if each > 3 else 0
    yield '<g fill="#2f6690">'
    for at, value in enumerate(series_values(series)):
        if value:
            high = tall * value / most
            share = series.share(at)
            told = f"{series.counts[at]:,}"
            if series.all is not None and share is not None:
                told += f" of {series.all[at]:,}, {share:.2f} %"
            yield (
                f'<rect x="{_LEFT_MARGIN + at * each + gap / 2:.2f}" y="{bottom - high:.2f}" '
                f'width="{each - gap:.2f}" height="{high:.2f}">'
                f"<title>{line.bins[at].name}: {told}</title></rect>"
            )
    yield "</g>"
    if series.source is not None:
        name = _escaped(source_name(series.source), 60)
        yield _text_element(_LEFT_MARGIN, top - 6, f"{name} · {series.total:,}", weight="bold")


def _bin_labels(line: Timeline, y: int) -> Iterator[str]:
    """Yield the names of some bins under the axis, at round places."""
    first = bin_number(line.bins[0].first, line.by)
    fitting = (step for step in _STEPS[line.by] if len(line.bins) <= step * _MAX_LABELS)
    step = next(fitting, len(line.bins))
    begin = first if line.by in {Interval.DAY, Interval.WEEK} else 0
    each = _bin_width(line)
    for at, bin_ in enumerate(line.bins):
        if (first + at - begin) % step == 0:
            x = _LEFT_MARGIN + (at + 0.5) * each
            name = bin_.name[:4] if line.by is Interval.MONTH and step % 12 == 0 else bin_.name
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}" stroke="#888888"/>'
            yield _text_element(x, y + 19, name, anchor="middle", size=11)


def _bin_width(line: Timeline) -> float:
    """Return how wide a bin is."""
    return (_WIDTH - _LEFT_MARGIN - _RIGHT_MARGIN) / len(line.bins)


def _scale(most: float, line: Timeline) -> tuple[float, float]:
    """Return where the axis ends, and its step: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1, 1
    power: float = 10.0 ** floor(log10(most / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 4.5 >= most)
    if line.among is None:
        step = max(step, 1.0)
    steps = -(-most // step)
    return steps * step, step


def _text_element(
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


def _escaped(text: str, room: int) -> str:
    """Return ``text``, whatever it holds, as XML of at most ``room`` cells."""
    return escape(truncate(_INVALID_XML.sub("\ufffd", one_line(text)), room))
