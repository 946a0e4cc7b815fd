"""Whether and where a folded text matches: the only module that decides it.

Candidates of an engine are verified by it (:mod:`newsgrep.query.verify`), and highlighting,
snippets and concordances use the same functions, so that what is found is what is shown. All texts
are folded; all offsets count characters of the text that is passed in, and of the article's own
text as well, since folding keeps length.

**Word boundaries.** Han characters, and others of scripts without spaces, match anywhere. Where
a literal or pattern begins or ends with a letter or digit of another script, it matches only at
the edge of a word: ``gpt`` occurs in ``gpt-4``, but not in ``gpts``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.analysis.characters import SOLO, SOLO_KINDS, CharKind, fold, kind_of, word_run
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
    covers,
    describe,
)

Offsets = tuple[int, int]
"""Start and end of an occurrence, in characters of the text."""


# Occurrences


def find_pattern(folded: str, pattern: TextPattern) -> Iterator[Offsets]:
    """Yield the occurrences of ``pattern`` in ``folded``, by start.

    Only those of :class:`~newsgrep.query.ast.Near` may overlap.
    """
    match pattern:
        case Phrase(literal):
            yield from find_literal(folded, literal)
        case Wildcard(wildcard):
            yield from find_wildcard(folded, wildcard)
        case Fuzzy(word, edits):
            yield from _find_similar(folded, word, edits)
        case Regex(regex):
            yield from _find_regex(folded, regex)
        case Near():
            yield from sorted(set(islice(_find_near(folded, pattern), _MAX_PAIRS)))


def contains_pattern(folded: str, pattern: TextPattern) -> bool:
    """Return whether ``pattern`` occurs anywhere in ``folded``."""
    if isinstance(pattern, Near):
        return _contains_near(folded, pattern)
    return next(find_pattern(folded, pattern), None) is not None


def contains_literal(folded: str, literal: str) -> bool:
    """Return whether the folded string ``literal`` occurs in ``folded``."""
    return next(find_literal(folded, literal), None) is not None


def is_inside_word(folded: str, at: int) -> bool:
    """Return whether the same word is before and after ``at``: no match begins or ends there.

    This is the rule for word boundaries that everything here follows.
    """
    return (
        0 < at < len(folded)
        and kind_of(folded[at - 1]) is CharKind.WORD
        and kind_of(folded[at]) is CharKind.WORD
    )


def find_literal(folded: str, literal: str, start: int = 0) -> Iterator[Offsets]:
    """Yield the occurrences of ``literal`` from ``start`` on, in order and without overlaps.

    Both strings are folded. An empty literal occurs nowhere.

    >>> list(find_literal("gpts, gpt-4", "gpt"))
    [(6, 9)]
    """
    size = len(literal)
    if not size:
        return
    # Only such a literal can begin or end inside a word: for Han the rule is not evaluated.
    begins_word, ends_word = (kind_of(literal[at]) is CharKind.WORD for at in (0, -1))
    at = folded.find(literal, start)
    while at >= 0:
        end = at + size
        if begins_word and is_inside_word(folded, at):
            # So is every other occurrence in this word, which may be as long as the text.
            at = folded.find(literal, _end_of_letters(folded, at, _WORD_ONLY))
        elif ends_word and is_inside_word(folded, end):
            at = folded.find(literal, at + 1)
        else:
            yield at, end
            at = folded.find(literal, end)


_WORD_ONLY: Final = frozenset((CharKind.WORD,))
_LETTERS: Final = frozenset((CharKind.WORD, CharKind.HAN, CharKind.SOLO))


def _end_of_letters(folded: str, at: int, kinds: frozenset[CharKind]) -> int:
    """Return where the run of characters of these kinds ends that contains or begins at ``at``."""
    while at < len(folded) and kind_of(folded[at]) in kinds:
        at += 1
    return at


class _Wildcard(NamedTuple):
    """A pattern split at its stars; each piece matches as many characters as it has.

    Wildcards in a pattern of one word match letters of that word, others also match Han.
    """

    pieces: tuple[re.Pattern[str], ...]
    begins_open: bool
    ends_open: bool
    letters: frozenset[CharKind]


@lru_cache(maxsize=64)
def _compile_wildcard(pattern: str) -> _Wildcard:
    from newsgrep.query.patterns import word_prefix  # most queries are words

    is_word = word_prefix(pattern) is not None
    any_letter = rf"[^\W_{SOLO}]" if is_word else r"[^\W_]"
    pieces = (
        "".join(any_letter if each == "?" else re.escape(each) for each in piece)
        for piece in pattern.split("*")
        if piece
    )
    return _Wildcard(
        tuple(map(re.compile, pieces)),
        pattern.startswith("*"),
        pattern.endswith("*"),
        _WORD_ONLY if is_word else _LETTERS,
    )


def find_wildcard(folded: str, pattern: str) -> Iterator[Offsets]:
    """Yield the occurrences of a pattern with ``*`` and ``?``, without overlaps.

    Every text is read once, whatever the pattern: the first occurrence of each piece is taken,
    as in matching file names, and nothing is tried twice.
    """
    wildcard = _compile_wildcard(pattern)
    first, *others = wildcard.pieces
    at = reached = 0
    while found := first.search(folded, at):
        begin = found.start()
        if not wildcard.begins_open and is_inside_word(folded, begin):
            at = begin + 1
            continue
        end = _wildcard_end(folded, found.end(), others, wildcard)
        if end is None:
            # Further on in the same letters there is no more of what follows than here.
            end = found.end()
            if others:
                end = _end_of_letters(folded, end, wildcard.letters)
            at = max(found.start() + 1, end)
        else:
            while wildcard.begins_open and begin > reached and is_inside_word(folded, begin):
                begin -= 1
            yield begin, end
            at = reached = max(end, begin + 1)


def _wildcard_end(
    folded: str, at: int, others: Sequence[re.Pattern[str]], wildcard: _Wildcard
) -> int | None:
    """Return where an occurrence ends whose first piece ends at ``at``; else ``None``."""
    for number, piece in enumerate(others):
        is_last = number == len(others) - 1
        limit = _end_of_letters(folded, at, wildcard.letters)
        following = piece.search(folded, at)
        while following and following.start() <= limit:
            if not is_last or wildcard.ends_open or not is_inside_word(folded, following.end()):
                break
            following = piece.search(folded, following.start() + 1)
        else:
            return None
        at = following.end()
    if wildcard.ends_open:
        while is_inside_word(folded, at):
            at += 1
        return at
    return None if is_inside_word(folded, at) else at


def _find_similar(folded: str, word: str, edits: int) -> Iterator[Offsets]:
    """Yield the words of ``folded`` that are at most ``edits`` edits from ``word``."""
    from newsgrep.query.patterns import is_similar_word  # likewise

    for run in word_run().finditer(folded):
        if is_similar_word(word, run[0], edits):
            yield run.span()


def _find_regex(folded: str, regex: str) -> Iterator[Offsets]:
    """Yield the matches of a folded regular expression that are not empty."""
    from newsgrep.query.patterns import compile_regex  # likewise

    for start, end in compile_regex(regex)(folded):
        if start < end:
            yield start, end


_MAX_PAIRS: Final = 100_000
"""Pairs in one text: one that repeats a word endlessly has that many of it with itself."""


def _find_near(folded: str, near: Near) -> Iterator[Offsets]:
    """Yield the spans from one side to the other, wherever they are near enough."""
    left, right = list(_overlapping(folded, near.left)), list(_overlapping(folded, near.right))
    if not left or not right:
        return
    yield from _near_pairs(folded, left, right, near.distance)
    if not near.ordered:
        yield from _near_pairs(folded, right, left, near.distance)


def _contains_near(folded: str, near: Near) -> bool:
    left, right = list(_overlapping(folded, near.left)), list(_overlapping(folded, near.right))
    orders = ((left, right),) if near.ordered else ((left, right), (right, left))
    return any(
        _is_within(folded, end, start, near.distance)
        for before, after in orders
        for end, start in _shortest_gaps(before, after)
    )


def _shortest_gaps(before: list[Offsets], after: list[Offsets]) -> Iterator[Offsets]:
    """Yield the gaps between two sides that contain no other gap: they do not overlap."""
    ends, last = sorted(end for _, end in before), -1
    for start in sorted(start for start, _ in after):
        at = bisect_right(ends, start) - 1
        if at >= 0 and ends[at] > last:
            last = ends[at]
            yield last, start


def _near_pairs(
    folded: str, before: list[Offsets], after: list[Offsets], distance: int
) -> Iterator[Offsets]:
    starts = [start for start, _ in after]
    for start, end in before:
        for other_start, other_end in after[bisect_left(starts, end) :]:
            if not _is_within(folded, end, other_start, distance):
                break
            yield start, other_end


def _is_within(folded: str, start: int, end: int, distance: int) -> bool:
    """Return whether there are at most ``distance`` characters and words from start to end."""
    if end - start <= distance:
        return True
    between = islice(distance_unit().finditer(folded, start, end), distance + 1)
    return len(list(between)) <= distance


@cache
def distance_unit() -> re.Pattern[str]:
    """Return the pattern of what counts one in a distance: a Han character or another word."""
    return re.compile(rf"[{SOLO}]|[^\W_{SOLO}]+")


def _overlapping(folded: str, pattern: TextPattern) -> Iterator[Offsets]:
    """Yield also the overlapping occurrences of a literal: each of them may be the near one."""
    if not isinstance(pattern, Phrase):
        yield from find_pattern(folded, pattern)
        return
    literal, size = pattern.literal, len(pattern.literal)
    begins_word, ends_word = (kind_of(literal[at]) is CharKind.WORD for at in (0, -1))
    at = folded.find(literal)
    while at >= 0:
        end = at + size
        is_cut = begins_word and is_inside_word(folded, at)
        if not is_cut and not (ends_word and is_inside_word(folded, end)):
            yield at, end
        at = folded.find(literal, at + 1)


# Highlighting

MAX_MATCHES: Final = 500
"""Occurrences of each string that are looked at: more say nothing new about where to look."""

MAX_ALL_MATCHES: Final = 20_000
"""Occurrences of all strings of a query that are looked at, but a few of each: a query of 3,000
characters has 300,000 in an article of a megabyte."""

_FEWEST_MATCHES: Final = 8

_WHOLE, _WORD, _SINGLE = 4.0, 2.0, 1.0
"""Weights: of a whole literal or pattern, of one of several terms, of a single character."""


class Match(NamedTuple):
    """An occurrence of ``text``, a literal, term or pattern; a greater ``weight`` says more."""

    start: int
    end: int
    text: str
    weight: float


def find_matches(
    folded: str, texts: Iterable[TextNode], field: Field, *, most: int | None = MAX_MATCHES
) -> list[Match]:
    """Return where in ``folded``, which is a ``field`` of an article, parts of a query occur.

    By start; they may overlap. Of each string at most ``most`` occurrences are returned, and
    fewer for more than :data:`MAX_ALL_MATCHES` together, unless ``most`` is ``None``. Where a
    whole literal occurs, its single characters are not marked elsewhere.
    """
    found: dict[Offsets, Match] = {}
    patterns: list[Match] = []
    texts = list(texts)
    if most is not None:
        strings = sum(1 + len(text.terms) for text in texts)
        most = min(most, max(MAX_ALL_MATCHES // max(strings, 1), _FEWEST_MATCHES))
    for text in texts:
        if not covers(text.field, field):
            continue
        if not isinstance(text, Terms | Phrase):
            patterns += _pattern_matches(folded, text, most)
            continue
        whole = _literal_matches(folded, text.literal, _WHOLE, most)
        found |= {(match.start, match.end): match for match in whole}
        for term in text.terms if isinstance(text, Terms) else ():
            is_single = len(term) == 1 and kind_of(term) in SOLO_KINDS
            if term == text.literal or (whole and is_single):
                continue
            for match in _literal_matches(folded, term, _SINGLE if is_single else _WORD, most):
                found.setdefault((match.start, match.end), match)
    return sorted((*found.values(), *patterns), key=lambda match: (match.start, -match.end))


def _literal_matches(folded: str, literal: str, weight: float, most: int | None) -> list[Match]:
    spans = islice(find_literal(folded, literal), most)
    return [Match(start, end, literal, weight) for start, end in spans]


def _pattern_matches(folded: str, pattern: TextPattern, most: int | None) -> list[Match]:
    """Return the occurrences of a pattern; of NEAR, those of its sides that are near enough."""
    spans = list(islice(find_pattern(folded, pattern), most))
    if isinstance(pattern, Near):
        sides = (
            match
            for side in (pattern.left, pattern.right)
            for match in _pattern_matches(folded, side, most)
        )
        return [m for m in sides if any(start <= m.start and m.end <= end for start, end in spans)]
    return [Match(start, end, describe(pattern), _WHOLE) for start, end in spans]


def merge_spans(matches: Iterable[Match], offset: int = 0) -> tuple[Span, ...]:
    """Return sorted matches as spans that neither overlap nor touch, moved left by ``offset``."""
    spans: list[Span] = []
    for match in matches:
        if spans and match.start - offset <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, match.end - offset))
        else:
            spans.append(Span(match.start - offset, match.end - offset))
    return tuple(spans)


def highlight_spans(text: str, texts: Iterable[TextNode], field: Field) -> tuple[Span, ...]:
    """Return what to highlight in ``text``, which is not folded and a ``field`` of an article."""
    return merge_spans(find_matches(fold(text), texts, field))


def occurrence_spans(folded: str, texts: Iterable[TextNode], field: Field) -> list[Span]:
    """Return every occurrence of the query's texts in ``folded``, each apart, by start.

    A literal counts each time, also where it follows itself. Where several words do not occur
    together as typed, runs of their terms count, as they are highlighted. An occurrence inside
    another one does not count.
    """
    texts = list(texts)
    # Everything but one of several terms occurs as a whole.
    wholes = {
        text.literal if isinstance(text, Terms | Phrase) else describe(text) for text in texts
    }
    whole: list[Span] = []
    parts: list[Match] = []
    for match in find_matches(folded, texts, field, most=None):
        if match.text in wholes:
            whole.append(Span(match.start, match.end))
        else:
            parts.append(match)
    distinct: list[Span] = []
    reached = 0
    for span in sorted((*whole, *merge_spans(parts)), key=lambda span: (span.start, -span.end)):
        if span.end > reached:
            distinct.append(span)
            reached = span.end
    return distinct
