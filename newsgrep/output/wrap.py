"""Where lines break on a terminal, counted in its cells: between words where they can.

It is rich's way, without the time that rich takes to load.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.output.cells import cell, cells

_WORD: Final = re.compile(r"(?:^\s++)?\S+\s*")


def wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Return the rows of ``text``, from start to end, none wider than ``width`` cells.

    White space at the end of a row may reach beyond. A word that is wider than a row,
    as Chinese sentences are, begins a row and is broken anywhere.
    """
    breaks = [0]
    used = 0
    for word in _WORD.finditer(text):
        at, size = word.start(), cells(word[0].rstrip())
        if size <= width - used:
            used += cells(word[0])
        elif size <= width:
            breaks.append(at)
            used = cells(word[0])
        else:
            pieces = _chopped(word[0], width)
            for piece in pieces:
                breaks.append(at)
                at += len(piece)
            used = cells(pieces[-1])
    breaks = list(dict.fromkeys(breaks))
    return list(zip(breaks, [*breaks[1:], len(text)], strict=True))


def _chopped(word: str, width: int) -> list[str]:
    pieces = []
    start = used = 0
    for at, character in enumerate(word):
        size = cell(character)
        if used + size > width:
            pieces.append(word[start:at])
            start, used = at, 0
        used += size
    return [*pieces, word[start:]]
