"""Facets as lines for a person: the most frequent values with counts and bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from newsgrep.output.cells import cells, padded, shortened
from newsgrep.output.chart import bar
from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece

_MOST: Final = 10
_WIDEST: Final = 30
_BAR: Final = 30

Facet = Sequence[tuple[str, int]]


def facet_lines(facets: Mapping[str, Facet], *, blocks: bool) -> Iterator[Line]:
    """Yield each facet's most frequent values, and how many more there are.

    ``blocks`` says whether bars may be made of blocks; values are made harmless here.
    """
    for name, values in facets.items():
        yield Line([Piece(name, "title")])
        shown = [(_label(value), count) for value, count in values[:_MOST]]
        wide = max((cells(label) for label, _ in shown), default=0)
        digits = max((len(f"{count:,}") for _, count in shown), default=0)
        most = max((count for _, count in shown), default=0)
        for label, count in shown:
            number = f"{count:>{digits},}"
            drawn = bar(count, most, _BAR, blocks=blocks)
            yield Line(
                [Piece(padded(label, wide)), Piece(f"  {number}  "), Piece(drawn, "source")],
                indent=2,
            )
        if (more := len(values) - _MOST) > 0:
            noun = "value" if more == 1 else "values"
            yield Line([Piece(f"… and {more:,} more {noun}: --json lists all", "dim")], indent=2)
        yield Line()


def _label(value: str) -> str:
    return shortened(one_line(value), _WIDEST) or "(none)"
