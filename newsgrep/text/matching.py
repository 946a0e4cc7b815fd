"""Where in a folded text the things asked for stand, for highlighting and for snippets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.models import Span
from newsgrep.text.characters import Kind, kind_of
from newsgrep.text.literal import find_literal

MOST_PLACES: Final = 500
"""Places looked at for each string: more say nothing new about where to look."""


class Needle(NamedTuple):
    """Something asked for: a folded literal, and the terms that may stand for it."""

    literal: str
    terms: tuple[str, ...] = ()


class Match(NamedTuple):
    """A place where a needle, or one of its terms, stands; ``weight`` is how much it says."""

    start: int
    end: int
    text: str
    weight: float


def find_matches(
    folded: str, needles: Iterable[Needle], *, most: int | None = MOST_PLACES
) -> list[Match]:
    """Return the matches of all needles, by start; they may overlap.

    Where a whole literal stands, its single characters are not marked elsewhere. Of each
    string the first ``most`` places are looked at, or all.
    """
    found: dict[tuple[int, int], Match] = {}
    for needle in needles:
        whole = _places(folded, needle.literal, 4.0, most)
        for match in whole:
            found[match.start, match.end] = match
        for term in needle.terms:
            if term == needle.literal or (whole and _is_single(term)):
                continue
            for match in _places(folded, term, 1.0 if _is_single(term) else 2.0, most):
                found.setdefault((match.start, match.end), match)
    return sorted(found.values(), key=lambda match: (match.start, -match.end))


def _is_single(term: str) -> bool:
    return len(term) == 1 and kind_of(term) in {Kind.HAN, Kind.SOLO}


def _places(folded: str, text: str, weight: float, most: int | None) -> list[Match]:
    spans = islice(find_literal(folded, text), most)
    return [Match(start, end, text, weight) for start, end in spans]


def merged_spans(matches: Sequence[Match], offset: int = 0) -> tuple[Span, ...]:
    """Return the matches as spans that neither overlap nor touch, moved left by ``offset``."""
    spans: list[Span] = []
    for match in matches:
        if spans and match.start - offset <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, match.end - offset))
        else:
            spans.append(Span(match.start - offset, match.end - offset))
    return tuple(spans)
