"""Patterns with ``*`` and ``?``: where they stand in a folded text, and which words are like them.

Every text is gone through once, whatever the pattern: what comes first is taken, as in the
matching of file names, and nothing is tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from newsgrep.query.tree import Field, Wildcard
from newsgrep.text.characters import SOLO, Kind, kind_of, runs
from newsgrep.text.segment import query_terms

_MARK = re.compile(r"\*+")


def is_pattern(text: str) -> bool:
    """Return whether a word as typed is a pattern: a star in or behind it, or a ``?`` inside.

    Other stars and question marks are punctuation.
    """
    if all(kind_of(character) is Kind.OTHER for character in text):
        return False
    return "*" in text or any(_is_inside(text, at) for at, c in enumerate(text) if c == "?")


def _is_inside(text: str, at: int) -> bool:
    neighbours = text[at - 1 : at] + text[at + 1 : at + 2]
    return at > 0 and len(neighbours) == 2 and all(map(_may_stand_beside, neighbours))


def _may_stand_beside(character: str) -> bool:
    return character in "?*" or kind_of(character) is not Kind.OTHER


def wildcard(folded: str, field: Field) -> Wildcard | str:
    """Return the node for a folded pattern, or the literal that it comes to.

    A star beside Han adds nothing: 联合* is wherever 联合 is.
    """
    pattern = _MARK.sub("*", folded)
    literal = pattern.strip("*")
    begins, ends = (kind_of(literal[at]) is Kind.WORD for at in (0, -1))
    needs_start = begins and pattern.startswith("*")
    needs_end = ends and pattern.endswith("*")
    if not needs_start and not needs_end and not set("*?") & set(literal):
        return literal
    terms: list[str] = []
    pieces = re.split(r"[*?]", pattern)
    for at, piece in enumerate(pieces):
        terms += sure_terms(piece, open_before=at > 0, open_after=at < len(pieces) - 1)
    return Wildcard(pattern, tuple(dict.fromkeys(terms)), field)


def sure_terms(piece: str, *, open_before: bool, open_after: bool) -> tuple[str, ...]:
    """Return the terms of every text that holds ``piece``; words at open ends may go on."""
    start, end = 0, len(piece)
    for kind, first, last in runs(piece):
        if kind is Kind.WORD and first == 0 and open_before:
            start = last
        if kind is Kind.WORD and last == len(piece) and open_after:
            end = first
    return query_terms(piece[start:end])


def latin_prefix(pattern: str) -> str | None:
    """Return the letters before the first wildcard if a pattern is of one word, and else None."""
    letters = pattern.replace("*", "").replace("?", "")
    if not letters or any(kind_of(character) is not Kind.WORD for character in letters):
        return None
    return re.split(r"[*?]", pattern)[0]


class _Pieces(NamedTuple):
    """A pattern taken apart at its stars; each piece is as long as what it stands for.

    Wildcards of a pattern of one word stand for its letters, others for Han as well.
    """

    pieces: tuple[re.Pattern[str], ...]
    goes_on: bool
    letters: frozenset[Kind]


@lru_cache(maxsize=64)
def _taken_apart(pattern: str) -> _Pieces:
    is_word = latin_prefix(pattern) is not None
    one = rf"[^\W_{SOLO}]" if is_word else r"[^\W_]"
    as_regex = (
        "".join(one if character == "?" else re.escape(character) for character in piece)
        for piece in pattern.split("*")
        if piece
    )
    letters = {Kind.WORD} if is_word else {Kind.WORD, Kind.HAN, Kind.SOLO}
    return _Pieces(tuple(map(re.compile, as_regex)), pattern.endswith("*"), frozenset(letters))


def find_wildcard(folded: str, pattern: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans at which ``pattern`` stands, by start; they do not overlap.

    A pattern that begins or ends with a letter of a word matches at the word's edge only.
    """
    known = _taken_apart(pattern)
    first, *others = known.pieces
    at = start
    while found := first.search(folded, at):
        begin = found.start()
        if pattern.startswith("*"):
            while begin > at and _is_in_word(folded, begin):
                begin -= 1
        elif _is_in_word(folded, begin):
            at = begin + 1
            continue
        end = _end_of(folded, found.end(), others, known)
        if end is None:
            # Further on in the same letters there is no more of what follows than here.
            end = found.end() if not others else _letters_end(folded, found.end(), known.letters)
            at = max(found.start() + 1, end)
        else:
            yield begin, end
            at = max(end, begin + 1)


def _end_of(folded: str, at: int, others: list[re.Pattern[str]], known: _Pieces) -> int | None:
    goes_on = known.goes_on
    for number, piece in enumerate(others):
        is_last = number == len(others) - 1
        limit = _letters_end(folded, at, known.letters)
        following = piece.search(folded, at)
        while following and following.start() <= limit:
            if not is_last or goes_on or not _is_in_word(folded, following.end()):
                break
            following = piece.search(folded, following.start() + 1)
        else:
            return None
        at = following.end()
    if goes_on:
        while at < len(folded) and at > 0 and _is_in_word(folded, at):
            at += 1
        return at
    return None if _is_in_word(folded, at) else at


def _letters_end(folded: str, at: int, letters: frozenset[Kind]) -> int:
    while at < len(folded) and kind_of(folded[at]) in letters:
        at += 1
    return at


def _is_in_word(folded: str, at: int) -> bool:
    """Return whether letters of one word stand before and behind ``at``."""
    return (
        0 < at < len(folded)
        and kind_of(folded[at - 1]) is Kind.WORD
        and kind_of(folded[at]) is Kind.WORD
    )
