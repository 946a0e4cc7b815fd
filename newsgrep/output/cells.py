"""Text measured in a terminal's cells: Han characters take two, combining marks none."""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import takewhile
from typing import Final

_NO_CELL: Final = frozenset(("Mn", "Me", "Cf"))
_CUT: Final = "…"


@cache
def cell(character: str) -> int:
    """Return how many cells a character takes: 0, 1 or 2."""
    if unicodedata.category(character) in _NO_CELL:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cells(text: str) -> int:
    """Return how many cells ``text`` takes."""
    return sum(map(cell, text))


def beginning(text: str, room: int) -> str:
    """Return as much of the beginning of ``text`` as fits into ``room`` cells."""
    used = 0
    for at, character in enumerate(text):
        used += cell(character)
        if used > room:
            return text[:at]
    return text


def ending(text: str, room: int) -> str:
    """Return as much of the end of ``text`` as fits into ``room`` cells.

    It never begins with a mark that belongs to the character before it.
    """
    used = 0
    at = len(text)
    while at and used + cell(text[at - 1]) <= room:
        at -= 1
        used += cell(text[at])
    if at:
        at += sum(1 for _ in takewhile(lambda character: not cell(character), text[at:]))
    return text[at:]


def shortened(text: str, room: int) -> str:
    """Return ``text``, or its beginning and an ellipsis, in at most ``room`` cells."""
    if cells(text) <= room:
        return text
    return beginning(text, room - 1) + _CUT if room > 0 else ""


def padded(text: str, room: int, *, right: bool = False) -> str:
    """Return ``text`` filled up with blanks to ``room`` cells; with ``right`` before it."""
    blanks = " " * (room - cells(text))
    return blanks + text if right else text + blanks
