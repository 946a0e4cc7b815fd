"""Where in a folded text the parts of a query stand that are bound to certain places."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final

from newsgrep.query.fuzzy import find_fuzzy
from newsgrep.query.regex import find_regex
from newsgrep.query.tree import Fuzzy, Near, Phrase, Regex, Spot, Wildcard
from newsgrep.query.wildcard import find_wildcard
from newsgrep.text.characters import SOLO
from newsgrep.text.literal import find_literal

Place = tuple[int, int]

_MOST_PAIRS: Final = 100_000
"""Pairs of a text: one that repeats a word for ever has that many of it with itself."""


def find(folded: str, spot: Spot) -> Iterator[Place]:
    """Yield the spans, in characters of ``folded``, at which ``spot`` stands, by start.

    Those of anything but a :class:`Near` do not overlap.
    """
    match spot:
        case Phrase(literal):
            yield from find_literal(folded, literal)
        case Wildcard(pattern):
            yield from find_wildcard(folded, pattern)
        case Fuzzy(word, edits):
            yield from find_fuzzy(folded, word, edits)
        case Regex(pattern):
            yield from find_regex(folded, pattern)
        case Near():
            yield from sorted(set(islice(_near(folded, spot), _MOST_PAIRS)))


def holds(folded: str, spot: Spot) -> bool:
    """Return whether ``spot`` stands anywhere in ``folded``."""
    found = _near(folded, spot) if isinstance(spot, Near) else find(folded, spot)
    return next(found, None) is not None


def _near(folded: str, near: Near) -> Iterator[Place]:
    """Yield the spans from one side to the other, wherever they are near enough."""
    left, right = list(_all_places(folded, near.left)), list(_all_places(folded, near.right))
    if not left or not right:
        return
    yield from _pairs(folded, left, right, near.distance)
    if not near.ordered:
        yield from _pairs(folded, right, left, near.distance)


def _pairs(folded: str, before: list[Place], behind: list[Place], distance: int) -> Iterator[Place]:
    starts = [start for start, _ in behind]
    for start, end in before:
        for other in behind[bisect_left(starts, end) :]:
            if not _is_within(folded, end, other[0], distance):
                break
            yield start, other[1]


def _is_within(folded: str, start: int, end: int, distance: int) -> bool:
    """Return whether no more than ``distance`` characters and words stand from start to end."""
    if end - start <= distance:
        return True
    between = islice(unit_pattern().finditer(folded, start, end), distance + 1)
    return sum(1 for _ in between) <= distance


@cache
def unit_pattern() -> re.Pattern[str]:
    """Return the pattern of a character of Han or its like, or of another word."""
    return re.compile(rf"[{SOLO}]|[^\W_{SOLO}]+")


def _all_places(folded: str, spot: Spot) -> Iterator[Place]:
    """Yield every place of a literal, overlapping ones as well: each may be the near one."""
    if not isinstance(spot, Phrase):
        yield from find(folded, spot)
        return
    at = 0
    while (place := next(find_literal(folded, spot.literal, at), None)) is not None:
        yield place
        at = place[0] + 1
