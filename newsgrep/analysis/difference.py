"""The difference of two texts, word by word.

Paragraphs are compared first, then the words of those that differ: Han in the likeliest words of
the dictionary, other letters and digits in runs, everything else character by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from newsgrep.analysis.characters import CharKind, fold, runs
from newsgrep.analysis.segment import likeliest_words


class Kind(StrEnum):
    """What happened to a part of a text."""

    EQUAL = "equal"
    REMOVED = "removed"
    ADDED = "added"


class Piece(NamedTuple):
    """A part of two texts that are compared; ``text`` is unchanged, never empty."""

    kind: Kind
    text: str


Pieces = tuple[Piece, ...]
"""Without the added pieces they are the earlier text, without the removed ones the later text.

A removed piece comes before the added one that replaces it, and no two of one kind are adjacent.
"""

_MAX_COMPARISONS: Final = 4e8
"""Pairs of units that are compared in one step, for which a bit each is kept: 50 MB."""

_MAX_DISTANCE: Final = 400
"""Characters by which a change is moved to the beginning of a line or a sentence."""

_SENTENCE_ENDS: Final = "。！？；.!?;”"

_LINE: Final = re.compile(r"[^\n]*\n+|[^\n]+")

_SPACE: Final = re.compile(r"\s+")


def compare_texts(before: str, after: str) -> Pieces:
    """Return how ``before`` became ``after``.

    Changed paragraphs that are too long to be compared are one removed and one added piece.

    >>> [(kind.value, text) for kind, text in compare_texts("渔业声明发布", "渔业声明今天发布")]
    [('equal', '渔业声明'), ('added', '今天'), ('equal', '发布')]
    """
    lines = _LINE.findall(before), _LINE.findall(after)
    changes = _Changes()
    for equal, removed, added in _blocks(*lines):
        changes.add("".join(equal), "", "")
        words = _words("".join(removed)), _words("".join(added))
        for equal_words, removed_words, added_words in _blocks(*words):
            changes.add("".join(equal_words), "".join(removed_words), "".join(added_words))
    return changes.pieces()


def count_characters(pieces: Iterable[Piece]) -> tuple[int, int]:
    """Return how many characters, without white space, were removed and added."""
    counts = {Kind.REMOVED: 0, Kind.ADDED: 0, Kind.EQUAL: 0}
    for kind, text in pieces:
        counts[kind] += len(_SPACE.sub("", text))
    return counts[Kind.REMOVED], counts[Kind.ADDED]


def _words(text: str) -> list[str]:
    """Return ``text`` cut into words, white space and other characters."""
    folded = fold(text)  # of the same length
    words: list[str] = []
    at = 0
    for kind, start, end in runs(folded):
        words += text[at:start]
        if kind is CharKind.HAN:
            for word in likeliest_words(folded[start:end]):
                words.append(text[start : start + len(word)])
                start += len(word)
        elif kind is CharKind.WORD:
            words.append(text[start:end])
        else:
            words += text[start:end]
        at = end
    return [*words, *text[at:]]


_Block = tuple[Sequence[str], Sequence[str], Sequence[str]]
"""Equal units, and those that are removed and added after them."""


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[_Block]:
    """Yield the difference of two sequences of units as blocks."""
    first, last = _common_ends(before, after)
    yield before[:first], (), ()
    yield from _inner_blocks(before[first : len(before) - last], after[first : len(after) - last])
    yield before[len(before) - last :], (), ()


def _common_ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many units at the beginning, and at the end, are the same."""
    shorter = min(len(before), len(after))
    first = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    left = shorter - first
    last = next((n for n in range(left) if before[-1 - n] != after[-1 - n]), left)
    return first, last


def _inner_blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[_Block]:
    if len(before) * len(after) > _MAX_COMPARISONS:
        yield (), before, after
        return
    equal = removed = added = slice(0, 0)
    for kind, at, other_at in _steps(before, after):
        if kind is Kind.EQUAL:
            if removed.stop or added.stop or not equal.stop:
                yield before[equal], before[removed], after[added]
                equal = slice(at, at)
                removed = added = slice(0, 0)
            equal = slice(equal.start, at + 1)
        elif kind is Kind.REMOVED:
            removed = slice(removed.start if removed.stop else at, at + 1)
        else:
            added = slice(added.start if added.stop else other_at, other_at + 1)
    yield before[equal], before[removed], after[added]


def _steps(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[Kind, int, int]]:
    """Yield whether each unit is equal, removed or added, and how many of both came before it.

    A longest common subsequence is equal. It is computed with a bit for each unit of ``before``
    (H. Hyyro, Bit-parallel LCS-length computation revisited, 2004), in one addition and a few
    more operations on long integers for each unit of ``after``.
    """
    places: dict[str, int] = {}
    for at, unit in enumerate(before):
        places[unit] = places.get(unit, 0) | 1 << at
    everything = row = (1 << len(before)) - 1
    rows = []
    for unit in after:
        common = row & places.get(unit, 0)
        row = (row + common | row - common) & everything
        rows.append(row)
    at, other_at = len(before), len(after)
    steps: list[tuple[Kind, int, int]] = []
    while at and other_at:
        if rows[other_at - 1] >> (at - 1) & 1:
            at -= 1
            kind = Kind.REMOVED
        else:
            other_at -= 1
            kind = Kind.ADDED
            if not other_at or rows[other_at - 1] >> (at - 1) & 1:
                at -= 1
                kind = Kind.EQUAL
        steps.append((kind, at, other_at))
    steps += ((Kind.REMOVED, each, 0) for each in range(at - 1, -1, -1))
    steps += ((Kind.ADDED, 0, each) for each in range(other_at - 1, -1, -1))
    return reversed(steps)


class _Changes:
    """Collects changes, and joins those with little between them, which are easier to read."""

    def __init__(self) -> None:
        self._found: list[list[str]] = []

    def add(self, equal: str, removed: str, added: str) -> None:
        """Add a text that is equal and what is removed and added after it."""
        if not (equal or removed or added):
            return
        last = self._found[-1] if self._found else None
        if last and (not equal or _is_little(equal, last, (removed, added))):
            last[1] += equal + removed
            last[2] += equal + added
        elif last and not (last[1] or last[2]):
            last[:] = last[0] + equal, removed, added
        else:
            self._found.append([equal, removed, added])

    def pieces(self) -> Pieces:
        """Return all changes as pieces, which begin at a line or a sentence where possible."""
        blocks = [*self._found, ["", "", ""]]
        for number, (block, following) in enumerate(pairwise(blocks)):
            for at, other in ((1, 2), (2, 1)):
                if block[at] and not block[other]:
                    # What is between two changes may not become empty.
                    kept = int(number > 0), int(bool(following[1] or following[2]))
                    block[0], block[at], following[0] = _slide(block, at, following[0], kept)
        self._found = blocks
        kinds = (Kind.EQUAL, Kind.REMOVED, Kind.ADDED)
        return tuple(
            Piece(kind, text)
            for block in self._found
            for kind, text in zip(kinds, block, strict=True)
            if text
        )


def _slide(
    block: Sequence[str], at: int, after: str, kept: tuple[int, int]
) -> tuple[str, str, str]:
    """Return a change and the equal texts around it, moved to where a person would see it.

    What is added between two equal texts can often be seen at several places:
    ``坡{+。今天水位+}。`` is also ``坡。{+今天水位。+}``. Of the texts around it, at least ``kept``
    characters remain.
    """
    text, length = block[0] + block[at] + after, len(block[at])
    first = last = start = len(block[0])
    lowest = max(kept[0], start - _MAX_DISTANCE)
    while first > lowest and text[first - 1] == text[first + length - 1]:
        first -= 1
    highest = min(len(text) - length - kept[1], start + _MAX_DISTANCE)
    while last < highest and text[last] == text[last + length]:
        last += 1
    places = (start, *range(first, last + 1))
    best = max(places, key=lambda place: _rank_of_place(text, place))
    return text[:best], text[best : best + length], text[best + length :]


def _rank_of_place(text: str, at: int) -> int:
    if not at or text[at - 1] == "\n":
        return 3
    return 2 if text[at] == "\n" else int(text[at - 1] in _SENTENCE_ENDS)


def _is_little(equal: str, before: Sequence[str], after: tuple[str, str]) -> bool:
    """Return whether a text is less than half as long as each of the changes around it."""
    sizes = max(map(len, before[1:])), max(map(len, after))
    return "\n" not in equal and 2 * len(equal) < min(sizes)
