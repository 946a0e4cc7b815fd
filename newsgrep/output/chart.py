"""Numbers as bars and columns of characters, to an eighth of a cell where blocks may be used.

Whatever is more than nothing is seen: it takes an eighth, or one plain character.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = "#"


def bar(value: float, most: float, width: int, *, blocks: bool) -> str:
    """Return a bar from the left, ``width`` cells for ``most``, without blanks after it.

    With ``blocks`` it ends in an eighth of a cell, otherwise it is made of ``#``.
    """
    if not blocks:
        return _PLAIN * _steps(value, most, width)
    whole, rest = divmod(_steps(value, most, width * 8), 8)
    return _EIGHTHS_ACROSS[8] * whole + (_EIGHTHS_ACROSS[rest] if rest else "")


def columns(values: Sequence[float], most: float, height: int, *, blocks: bool) -> list[str]:
    """Return rows from the top, a column for each value, ``height`` rows for ``most``."""
    scale = 8 if blocks else 1
    steps = [_steps(value, most, height * scale) for value in values]
    signs = _EIGHTHS_UP if blocks else f" {_PLAIN}"
    return [
        "".join(signs[min(max(step - row * scale, 0), scale)] for step in steps)
        for row in reversed(range(height))
    ]


def _steps(value: float, most: float, size: int) -> int:
    if value <= 0:
        return 0
    return min(max(round(value * size / most), 1), size)
