"""Words that are nearly like another one, for names that are spelled in many ways."""

from __future__ import annotations

from collections.abc import Iterator

SHORTEST = 3
"""Letters of a word that can be misspelled and still be known."""

_LONG = 6


def edits_for(word: str) -> int:
    """Return how many letters may be off: one, or two for words of six letters and more."""
    return 2 if len(word) >= _LONG else 1


def is_like(word: str, other: str, edits: int) -> bool:
    """Return whether two words begin alike and are at most ``edits`` apart.

    The distance is the one of optimal string alignment: neighbours that are exchanged are
    one edit.
    """
    if word[0] != other[0] or abs(len(word) - len(other)) > edits:
        return False
    from rapidfuzz.distance import OSA  # most queries have no use for it

    return OSA.distance(word, other, score_cutoff=edits) <= edits


def find_fuzzy(folded: str, word: str, edits: int, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the spans of the words of a folded text that are like ``word``."""
    from newsgrep.text.patterns import WORD_RUN  # for whole texts only

    for run in WORD_RUN.finditer(folded, start):
        if is_like(word, run[0], edits):
            yield run.span()
