"""Keywords in context as lines whose keywords stand in one column, and as rows of a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.models import PARAGRAPH_BREAK
from newsgrep.output.cells import beginning, cells, ending, padded, shortened
from newsgrep.output.human import web_link
from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece
from newsgrep.output.table import csv_row
from newsgrep.views.kwic import Place

NARROWEST: Final = 60
"""Cells of the narrowest line that can be asked for."""

_DATE: Final = 10
_SOURCE: Final = 12
_GAP: Final = 2
_MOST_OF_ROOM: Final = 3


def place_lines(places: Iterable[Place], width: int) -> Iterator[Line]:
    """Yield a line of ``width`` cells for each place: date, source, and keyword in context.

    A paragraph's end is a ¶. The keywords begin in the same column, as near to the middle
    of the text as the first one allows; one that takes too much room is cut.
    """
    room = width - _DATE - _SOURCE - 2 * _GAP
    before = 0
    for place in places:
        keyword = shortened(_shown(place.keyword), room // _MOST_OF_ROOM)
        if not before:
            before = (room - 2 - cells(keyword)) // 2
        after = room - 2 - before - cells(keyword)
        left = padded(ending(_shown(place.left), before), before, right=True)
        source = padded(shortened(one_line(place.source or ""), _SOURCE), _SOURCE)
        yield Line(
            [
                Piece(padded((place.published or "")[:_DATE], _DATE + _GAP), "dim"),
                Piece(source, "source", web_link(place.url)),
                Piece(" " * _GAP + left + " "),
                Piece(keyword, "mark"),
                Piece(" " + beginning(_shown(place.right), after)),
            ]
        )


def cut(place: Place, room: int) -> Place:
    """Return ``place`` with at most ``room`` cells of text on either side."""
    return place._replace(left=ending(place.left, room), right=beginning(place.right, room))


def csv_lines(places: Iterable[Place]) -> Iterator[str]:
    """Yield a heading and one row a place; a paragraph's end is a ¶ here, too."""
    yield csv_row(Place._fields)
    for place in places:
        flat = place._replace(
            path=os.fsencode(place.path).decode("utf-8", "replace"),
            left=_flat(place.left),
            keyword=_flat(place.keyword),
            right=_flat(place.right),
        )
        yield csv_row("" if cell is None else cell for cell in flat)


def _flat(text: str) -> str:
    return text.replace(PARAGRAPH_BREAK, "¶").replace("\n", " ")


def _shown(text: str) -> str:
    return one_line(_flat(text))
