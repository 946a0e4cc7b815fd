"""Whether two articles are one story: a reprint with small edits, another title, a cut end.

Folded texts are compared, so a traditional text and its simplified twin are equal. What
is compared are clauses, exactly: no sketch, no sample, nothing that depends on chance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

SAME: Final = 0.95
"""Share of the shorter text that is in the other, from which two texts are one story."""

EDITED: Final = 0.75
"""The share that is enough where something else speaks for a reprint, too."""

LONG: Final = 2_000
"""Characters in common that speak for a reprint: no frame of a bulletin is so long."""

SHORTEST: Final = 60
"""Characters in common below which two texts are one story only if they are equal."""

_HALF: Final = 0.5  # less than half of a text is an excerpt, and a digest holds many of those
_FEWEST: Final = 20
_OTHER_FIGURES: Final = 0.1

_CLAUSE_END: Final = re.compile(r"[。！？；，、：…!?;,:|\n]+|\.(?!\d)")
_NOISE: Final = re.compile(r"[\W_]+")
_NOISE_INSIDE: Final = re.compile(r"(?:[^\w。！？；，、：…!?;,:|\n.]|_)+")
_FIGURE: Final = re.compile(r"\d+(?:[.,:]\d+)*|[〇零一二三四五六七八九十百千万亿两]{2,}")


class Likeness(NamedTuple):
    """What is compared of an article.

    ``clauses`` are the body's, without anything but letters, digits and Han; ``size``
    counts their characters, each clause once. ``figures`` are the numbers in the body.
    """

    title: str
    clauses: frozenset[str]
    size: int
    figures: frozenset[str]
    source: str | None


def likeness(title: str, body: str, source: str | None) -> Likeness:
    """Return what is compared of an article with this folded title and body."""
    parts = _CLAUSE_END.split(_NOISE_INSIDE.sub("", body))
    clauses = frozenset(part for part in parts if len(part) > 1)
    size = sum(map(len, clauses))
    figures = frozenset(_FIGURE.findall(body))
    return Likeness(_NOISE.sub("", title), clauses, size, figures, source)


def one_story(one: Likeness, other: Likeness) -> bool:
    """Return whether two articles are versions of one story."""
    return _is_one(one, other, sum(map(len, one.clauses & other.clauses)))


def _is_one(one: Likeness, other: Likeness, common: int) -> bool:
    """Decide it, given how many characters of clauses they have in common."""
    shorter, longer = sorted((one, other), key=lambda each: (each.size, len(each.figures)))
    if common < EDITED * shorter.size or shorter.size < _HALF * longer.size:
        return False
    if common < SHORTEST:
        equal = one.clauses == other.clauses and one.figures == other.figures
        return equal and one.title == other.title and common >= _FEWEST
    # Bulletins of two days have a frame in common, and differ in their figures; what an
    # outlet announces twice in nearly the same words are two things, but what two outlets
    # tell in nearly the same words is one.
    from_two = one.source != other.source and bool(one.source and other.source)
    missing = len(shorter.figures - longer.figures)
    if missing > (_OTHER_FIGURES * len(shorter.figures) if from_two else 0):
        return False
    return common >= SAME * shorter.size or common >= LONG or from_two


def stories(articles: Sequence[Likeness]) -> list[list[int]]:
    """Return which articles are one story: their places, the first of each story in order.

    Every article in a story is like its first one, not only like another of them: a
    chain of small differences folds nothing. Among several it goes to the first story
    that has most in common with it.
    """
    having = Counter(clause for article in articles for clause in article.clauses)
    leaders: dict[str, list[int]] = {clause: [] for clause, count in having.items() if count > 1}
    found: dict[int, list[int]] = {}
    for place, article in enumerate(articles):
        common: Counter[int] = Counter()
        shared = article.clauses & leaders.keys()
        for clause in shared:
            for leader in leaders[clause]:
                common[leader] += len(clause)
        alike = [
            (-characters, leader)
            for leader, characters in common.items()
            if _is_one(article, articles[leader], characters)
        ]
        if alike:
            found[min(alike)[1]].append(place)
            continue
        found[place] = [place]
        for clause in shared:
            leaders[clause].append(place)
    return list(found.values())
