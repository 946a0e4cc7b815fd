"""Where lines break on a terminal, counted in its cells: between words where they can.

It is rich's way, without the time that rich takes to load.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_WORD: Final = re.compile(r"(?:^\s++)?\S+\s*")
_NO_CELL: Final = frozenset(("Mn", "Me", "Cf"))


def wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Return the rows of ``text``, from start to end, none wider than ``width`` cells.

    White space at the end of a row may reach beyond. A word that is wider than a row,
    as Chinese sentences are, begins a row and is broken anywhere.
    """
    breaks = [0]
    used = 0
    for word in _WORD.finditer(text):
        at, size = word.start(), _cells(word[0].rstrip())
        if size <= width - used:
            used += _cells(word[0])
        elif size <= width:
            breaks.append(at)
            used = _cells(word[0])
        else:
            pieces = _chopped(word[0], width)
            for piece in pieces:
                breaks.append(at)
                at += len(piece)
            used = _cells(pieces[-1])
    breaks = list(dict.fromkeys(breaks))
    return list(zip(breaks, [*breaks[1:], len(text)], strict=True))


def _chopped(word: str, width: int) -> list[str]:
    pieces = []
    start = used = 0
    for at, character in enumerate(word):
        size = _cell(character)
        if used + size > width:
            pieces.append(word[start:at])
            start, used = at, 0
        used += size
    return [*pieces, word[start:]]


def _cells(text: str) -> int:
    return sum(map(_cell, text))


@cache
def _cell(character: str) -> int:
    if unicodedata.category(character) in _NO_CELL:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return ``text`` with blanks after it, to ``width`` cells of a terminal."""
    return text + " " * (width - _cells(text))
