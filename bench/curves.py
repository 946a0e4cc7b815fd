"""Curves as an SVG picture: small panels with logarithmic axes, one for each figure.

Text is in the colour of the page's text, so that the picture can be read on a light and on a dark
page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

Curve = Sequence[tuple[float, float]]
"""The points of a curve: number of articles, and value."""

_COLOURS: Final = ("#3b6ea5", "#b5651d", "#4d7c4d")
_COLUMNS: Final = 3
_WIDTH, _HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 34, 30
_MIN_RATIO: Final = 10.0
"""The vertical axis of each panel covers at least this ratio, so that noise looks flat."""

_STYLE: Final = (
    "text{font:11px system-ui,sans-serif;fill:#555}.t{font-weight:600}"
    ".g{stroke:#8884;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
)


def draw(panels: Mapping[str, Mapping[str, Curve]]) -> str:
    """Return a picture with a panel for each title, and in it a curve for each name.

    Points that are not positive are left out, since they have no logarithm.
    """
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT + 24
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    label = escape(f"Growth: {', '.join(panels)}", quote=True)
    box = f'viewBox="0 0 {width} {height}" role="img" aria-label="{label}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>', f"<style>{_STYLE}</style>"]
    for number, (title, curves) in enumerate(panels.items()):
        x, y = number % _COLUMNS * _WIDTH, number // _COLUMNS * _HEIGHT
        parts.append(f'<g transform="translate({x} {y})">')
        parts += _panel(title, curves, names)
        parts.append("</g>")
    parts += _legend(names, height - 8)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, curves: Mapping[str, Curve], names: Sequence[str]) -> Iterator[str]:
    yield f'<text class="t" x="{_LEFT}" y="18">{escape(title)}</text>'
    points = [point for curve in curves.values() for point in curve if min(point) > 0]
    if not points:
        return
    xs, ys = ([math.log10(value) for value in values] for values in zip(*points, strict=True))
    left, right = min(xs), max(max(xs), min(xs) + 0.1)
    middle, span = (min(ys) + max(ys)) / 2, max(max(ys) - min(ys), math.log10(_MIN_RATIO))
    low, high = middle - span / 2 - 0.1, middle + span / 2 + 0.1

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / (right - left)
        up = (math.log10(y) - low) / (high - low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    for value in _marks(low, high):
        _, at = place(10**left, value)
        yield f'<path class="g" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    for value in sorted({x for x, _ in points}):
        at, _ = place(value, 10**low)
        yield f'<text x="{at:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{_short(value)}</text>'
    for name, curve in curves.items():
        colour = _COLOURS[names.index(name) % len(_COLOURS)]
        at_points = [place(*point) for point in sorted(curve) if min(point) > 0]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at_points)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in at_points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _marks(low: float, high: float) -> list[float]:
    """Return the values on the vertical axis between two logarithms: powers of ten, or 1, 2, 5."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    steps = (1.0,) if high - low > 2 else (1.0, 2.0, 5.0)
    values = (step * 10.0**power for power in powers for step in steps)
    return [value for value in values if low <= math.log10(value) <= high]


def _short(value: float) -> str:
    """Return a number in few characters.

    >>> _short(300_000), _short(0.05), _short(2.0)
    ('300k', '0.05', '2')
    """
    for limit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def _legend(names: Sequence[str], y: float) -> Iterator[str]:
    for number, name in enumerate(names):
        x, colour = _LEFT + 110 * number, _COLOURS[number % len(_COLOURS)]
        yield f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>'
        yield f'<text x="{x + 10}" y="{y}">{escape(name)}</text>'
