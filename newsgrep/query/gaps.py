"""Which characters stand how near behind each other in every text that holds a pattern.

An engine that keeps positions narrows down with that which texts are read; they decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from newsgrep.query.regex import parsed
from newsgrep.query.tree import Near, Phrase, Regex, Spot, Wildcard
from newsgrep.text.characters import SOLO

FARTHEST: Final = 100
"""Characters between two; farther apart they narrow nothing down."""

_MOST: Final = 8
"""Pairs of one pattern; the first ones do."""

_ALONE: Final = re.compile(f"[{SOLO}]")

_Step = str | int | None
"""A character, up to so many others, or any number of them."""


class Pair(NamedTuple):
    """A character of Han or its like and one behind it, ``between`` others at most between."""

    first: str
    second: str
    between: int


def pairs(spot: Spot) -> tuple[Pair, ...]:
    """Return pairs of characters that every text which holds ``spot`` has, in that order."""
    return tuple(islice(dict.fromkeys(_pairs(spot)), _MOST))


def _pairs(spot: Spot) -> Iterator[Pair]:
    match spot:
        case Near(left, right):
            yield from _pairs(left)
            yield from _pairs(right)
        case Phrase(literal):
            yield from _beside(literal)
        case Wildcard(pattern):
            yield from _beside(None if character == "*" else character for character in pattern)
        case Regex(pattern) if "{," not in pattern:  # characters to look for, to RE2
            yield from _beside(_steps(parsed(pattern)))
        case _:
            pass


def _beside(steps: Iterable[_Step]) -> Iterator[Pair]:
    """Yield each character that is a token by itself with the next one, where that is near."""
    last, between = "", 0
    for step in steps:
        match step:
            case str() if _ALONE.match(step):
                if last:
                    yield Pair(last, step, between)
                last, between = step, 0
            case None:
                last = ""
            case _:
                between += step if isinstance(step, int) else 1
                if between > FARTHEST:
                    last = ""


def _steps(tree: Any) -> Iterator[_Step]:
    """Yield what every match of an expression has, in its order."""
    for number, (code, value) in enumerate(tree):
        match str(code):
            case "LITERAL":
                yield chr(value)
            case "SUBPATTERN":
                yield from _steps(value[-1])
            case _:
                _, widest = tree[number : number + 1].getwidth()
                yield int(widest) if widest <= FARTHEST else None
