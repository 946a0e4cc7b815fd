"""Suspected inline elements: which of them are part of the sentence around them."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from newsgrep.extraction.page.dom import Element
from newsgrep.extraction.page.passages import Suspect, is_prose, size_of
from newsgrep.extraction.whitespace import CELL_SEPARATOR

_SENTENCE_ELEMENTS: Final = frozenset((
    "b", "cite", "em", "font", "i", "label", "mark", "math", "q", "strong", "sub", "sup", "time",
    "u",
))  # fmt: skip
"""Inline elements that are part of the sentence that they end; others are if they end it."""
_BLANKS: Final = " \n\t\r\f\xa0\u3000|｜·•,/-–—" + CELL_SEPARATOR
"""White space, and signs between the parts of a line."""
_TERMINAL: Final = tuple(".!?。！？…」』”")
_SEPARATORS: Final = tuple("|｜·•/:：")


class Mark(NamedTuple):
    """A suspected inline element, and where its text is in the line."""

    start: int
    end: int
    element: Element
    suspect: Suspect | None


def resolve_marks(
    line: list[str], marks: list[Mark]
) -> tuple[Suspect | None, list[tuple[str, Suspect | None]]]:
    """Remove suspected inline elements from the line unless they are part of a sentence.

    ``marks`` are in document order and do not overlap. Returns the suspect if the whole line is in
    suspected elements, and the sentences that were removed with their suspects.
    """
    removed: list[tuple[str, Suspect | None]] = []
    filled = [at for at, part in enumerate(line) if part.strip(_BLANKS)]
    covered = 0
    for start, end, _, _ in marks:
        if covered < len(filled) and filled[covered] < start:
            break
        while covered < len(filled) and filled[covered] < end:
            covered += 1
    if covered == len(filled):
        return (marks[0].suspect if filled else None), removed
    for start, end, element, suspect in reversed(marks):
        first, after = bisect_left(filled, start), bisect_left(filled, end)
        if first == after:
            continue
        before_text = line[filled[first - 1]].rstrip() if first else ""
        after_text = line[filled[after]].lstrip() if after < len(filled) else ""
        text = "".join(line[start:end])
        if not _in_sentence(before_text, text, after_text, element):
            line[start:end] = [" "] + [""] * (end - start - 1)
            if is_prose(text, size_of(text)):
                removed.append((text, suspect))
    return None, removed


def _in_sentence(before: str, text: str, after: str, element: Element) -> bool:
    """Return whether an inline element with ``text`` is part of the sentence around it.

    ``before`` and ``after`` are the other texts of its line.
    """
    if before and after:
        return not before.endswith(_SEPARATORS) or element.name in _SENTENCE_ELEMENTS
    if before:
        return not before.endswith((*_TERMINAL, *_SEPARATORS)) and (
            element.name in _SENTENCE_ELEMENTS or text.rstrip().endswith(_TERMINAL)
        )
    return element.name != "button" and not after.startswith(_SEPARATORS)
