"""Whether and where a folded text holds a literal string.

Han and other scripts without spaces match anywhere; a literal that begins or ends in a
letter or digit matches there only at a word's edge, so that ``gpt`` is not in ``gpts``.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsgrep.text.characters import Kind, kind_of


def _is_word_character(character: str) -> bool:
    return kind_of(character) is Kind.WORD


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


def holds_literal(folded: str, literal: str) -> bool:
    """Return whether ``literal`` stands anywhere in ``folded``; both must be folded."""
    return next(find_literal(folded, literal), None) is not None
