"""Whether and where a folded text holds a literal string.

Han and other scripts without spaces match anywhere; a literal that begins or ends in a
letter or digit matches there only at a word's edge, so that ``gpt`` is not in ``gpts``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.analysis.characters import SOLO, CharKind, kind_of
from newsgrep.analysis.fold import fold
from newsgrep.models import Span
from newsgrep.query.ast import (
    Field,
    Fuzzy,
    Near,
    Phrase,
    Regex,
    Terms,
    TextNode,
    TextPattern,
    Wildcard,
    describe,
)
from newsgrep.query.patterns import find_fuzzy, find_regex, find_wildcard


def _is_word_character(character: str) -> bool:
    return kind_of(character) is CharKind.WORD


def find_literal(folded: str, literal: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans, in characters of ``folded``, at which ``literal`` stands.

    Both must be folded. Spans do not overlap and come in order. An empty literal is
    nowhere.
    """
    size = len(literal)
    if not size:
        return
    edge_before = _is_word_character(literal[0])
    edge_after = _is_word_character(literal[-1])
    at = folded.find(literal, start)
    while at >= 0:
        end = at + size
        joined_before = edge_before and at > 0 and _is_word_character(folded[at - 1])
        joined_after = edge_after and end < len(folded) and _is_word_character(folded[end])
        if joined_before:
            # So is every other place in this word, which may be as long as the text.
            while at < len(folded) and _is_word_character(folded[at]):
                at += 1
            at = folded.find(literal, at)
        elif joined_after:
            at = folded.find(literal, at + 1)
        else:
            yield at, end
            at = folded.find(literal, end)


def contains_literal(folded: str, literal: str) -> bool:
    """Return whether ``literal`` stands anywhere in ``folded``; both must be folded."""
    return next(find_literal(folded, literal), None) is not None


MAX_MATCHES: Final = 500
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


def find_needles(
    folded: str, needles: Iterable[Needle], *, most: int | None = MAX_MATCHES
) -> list[Match]:
    """Return the matches of all needles, by start; they may overlap.

    Where a whole literal stands, its single characters are not marked elsewhere. Of each
    string the first ``most`` places are looked at, or all.
    """
    found: dict[tuple[int, int], Match] = {}
    for needle in needles:
        whole = _literal_matches(folded, needle.literal, 4.0, most)
        for match in whole:
            found[match.start, match.end] = match
        for term in needle.terms:
            if term == needle.literal or (whole and _is_single(term)):
                continue
            for match in _literal_matches(folded, term, 1.0 if _is_single(term) else 2.0, most):
                found.setdefault((match.start, match.end), match)
    return sorted(found.values(), key=lambda match: (match.start, -match.end))


def _is_single(term: str) -> bool:
    return len(term) == 1 and kind_of(term) in {CharKind.HAN, CharKind.SOLO}


def _literal_matches(folded: str, text: str, weight: float, most: int | None) -> list[Match]:
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


Offsets = tuple[int, int]

_MAX_PAIRS: Final = 100_000
"""Pairs of a text: one that repeats a word for ever has that many of it with itself."""


def find_pattern(folded: str, spot: TextPattern) -> Iterator[Offsets]:
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
            yield from sorted(set(islice(_near(folded, spot), _MAX_PAIRS)))


def contains_pattern(folded: str, spot: TextPattern) -> bool:
    """Return whether ``spot`` stands anywhere in ``folded``."""
    found = _near(folded, spot) if isinstance(spot, Near) else find_pattern(folded, spot)
    return next(found, None) is not None


def _near(folded: str, near: Near) -> Iterator[Offsets]:
    """Yield the spans from one side to the other, wherever they are near enough."""
    left, right = list(_overlapping(folded, near.left)), list(_overlapping(folded, near.right))
    if not left or not right:
        return
    yield from _pairs(folded, left, right, near.distance)
    if not near.ordered:
        yield from _pairs(folded, right, left, near.distance)


def _pairs(
    folded: str, before: list[Offsets], behind: list[Offsets], distance: int
) -> Iterator[Offsets]:
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


def _overlapping(folded: str, spot: TextPattern) -> Iterator[Offsets]:
    """Yield every place of a literal, overlapping ones as well: each may be the near one."""
    if not isinstance(spot, Phrase):
        yield from find_pattern(folded, spot)
        return
    at = 0
    while (place := next(find_literal(folded, spot.literal, at), None)) is not None:
        yield place
        at = place[0] + 1


def highlight_spans(text: str, wanted: Iterable[TextNode], field: Field) -> tuple[Span, ...]:
    """Return what of ``text``, a title, body or caption as ``field`` says, is asked for."""
    return merged_spans(text_matches(fold(text), wanted, field))


def text_matches(
    folded: str, wanted: Iterable[TextNode], field: Field, *, most: int | None = MAX_MATCHES
) -> list[Match]:
    """Return where in a folded text wanted texts stand; ``field`` says what the text is.

    By start; they may overlap. Of each text at most ``most`` places are given.
    """
    allowed = {field, Field.TEXT} if field is not Field.CAPTION else {Field.CAPTION}
    here = [text for text in wanted if text.field in allowed]
    needles = [
        Needle(text.literal, text.terms if isinstance(text, Terms) else ())
        for text in here
        if isinstance(text, Terms | Phrase)
    ]
    found = find_needles(folded, needles, most=most)
    for spot in here:
        if not isinstance(spot, Terms | Phrase):
            found += _pattern_matches(folded, spot, most)
    return sorted(found, key=lambda match: (match.start, -match.end))


def _pattern_matches(folded: str, spot: TextPattern, most: int | None) -> list[Match]:
    """Return the places of a pattern; of what is near, those of its sides."""
    if isinstance(spot, Near):
        spans = list(islice(find_pattern(folded, spot), most))
        sides = (
            match
            for side in (spot.left, spot.right)
            for match in _pattern_matches(folded, side, most)
        )
        return [m for m in sides if any(start <= m.start and m.end <= end for start, end in spans)]
    spans = list(islice(find_pattern(folded, spot), most))
    return [Match(start, end, describe(spot), 4.0) for start, end in spans]


def occurrence_spans(folded: str, wanted: Iterable[TextNode], field: Field) -> list[Span]:
    """Return every place of what is asked for in ``folded``, each apart, by start.

    A string counts each time, also where it follows itself. Words that do not stand
    together as typed count by runs of their terms, as they are highlighted. What lies
    inside of another place is no place of its own.
    """
    # Everything but a word stands as a whole where it stands.
    wholes = {
        text.literal if isinstance(text, Terms | Phrase) else describe(text) for text in wanted
    }
    whole: list[Span] = []
    parts = []
    for match in text_matches(folded, wanted, field, most=None):
        if match.text in wholes:
            whole.append(Span(match.start, match.end))
        else:
            parts.append(match)
    kept: list[Span] = []
    reached = 0
    for span in sorted((*whole, *merged_spans(parts)), key=lambda span: (span.start, -span.end)):
        if span.end > reached:
            kept.append(span)
            reached = span.end
    return kept
