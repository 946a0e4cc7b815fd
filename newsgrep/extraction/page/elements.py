"""Elements on the walk through a page (:mod:`newsgrep.extraction.page.clean`).

What to do with an element by its kind, and the context of the text in it; which suspected inline
elements are part of the sentence around them; the texts of images and charts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from newsgrep.analysis.characters import solo_character
from newsgrep.extraction.claims import BlockKind
from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.boilerplate import LINK_LIST_ELEMENTS
from newsgrep.extraction.page.dom import (
    DROPPED_ELEMENTS,
    MAX_NODES,
    SILENT_ELEMENTS,
    Element,
    contains_element,
    iter_elements,
    short_text,
)
from newsgrep.extraction.page.passages import Suspect, is_prose, size_of
from newsgrep.extraction.whitespace import CELL_SEPARATOR, clean_line

CAPTION_ELEMENTS: Final = frozenset(("figcaption", "small"))
CLAIMING_ELEMENTS: Final = frozenset(("time", "address", "h1"))
SPECIAL_ELEMENTS: Final = boilerplate.RULED_ELEMENTS | LINK_LIST_ELEMENTS | CAPTION_ELEMENTS
"""Elements that may be suspected or captions by their name alone."""
_MAX_ROW: Final = 600
"""Characters of a table row that becomes one line; in a longer one the table is layout."""
NOTABLE_ELEMENTS: Final = SPECIAL_ELEMENTS | CLAIMING_ELEMENTS
# In this order: elements without text, those within a line, and blocks, the last of which change
# the context of their text.
BREAK, HEAD, SILENT, IMAGE, INLINE, LINK, CELL, BLOCK, FORMED_BLOCK = range(1, 10)
KIND_OF: Final[dict[str, int]] = {
    **dict.fromkeys(boilerplate.BLOCK_ELEMENTS, BLOCK),
    **dict.fromkeys((*boilerplate.HEADING_ELEMENTS, "ul", "ol", "tr", "pre"), FORMED_BLOCK),
    **dict.fromkeys(("td", "th"), CELL),
    **dict.fromkeys(SILENT_ELEMENTS, SILENT),
    "a": LINK,
    "br": BREAK,
    "img": IMAGE,
    **dict.fromkeys(("meta", "title", "link", "script"), HEAD),
}
"""What to do with an element by its name; all others are inline elements."""


class Context:
    """What the walk knows about the text in an element: ``block`` is its innermost block."""

    __slots__ = (
        "block",
        "careful",
        "in_link",
        "in_list",
        "in_row",
        "kind",
        "plain",
        "preformatted",
        "suspect",
    )

    def __init__(
        self,
        block: Element,
        suspect: Suspect | None = None,
        kind: BlockKind = BlockKind.TEXT,
        careful: bool = True,  # positional: keywords take time, and a page has many contexts
        in_link: bool = False,
        in_list: bool = False,
        in_row: bool = False,
        preformatted: bool = False,
    ) -> None:
        self.block = block
        self.suspect = suspect
        self.kind = kind
        self.careful = careful
        self.in_link = in_link
        self.in_list = in_list
        self.in_row = in_row
        self.preformatted = preformatted
        self.plain = not (in_link or preformatted)
        """Whether text is added to the line as it is."""

    def form(self, block: Element) -> None:
        """Change the context of the text in ``block`` for what its name means."""
        name = block.name
        if name == "ul" or name == "ol":
            self.in_list = True
        elif name == "tr":
            self.in_row = _is_row(block)
        elif name == "pre":
            self.preformatted = True
            self.plain = False
        else:
            self.kind = BlockKind.HEADING


def _is_row(element: Element) -> bool:
    """Return whether a table row becomes one line; else the table is layout."""
    return not contains_element(element, "table") and len(short_text(element)) <= _MAX_ROW


# Inline elements -----------------------------------------------------------------------------

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


# Captions ------------------------------------------------------------------------------------


def caption_text(element: Element, credited: Set[Element]) -> str:
    """Return the text of a caption on one line, without credits and hidden parts.

    ``credited`` are the elements that the outlet's rules select as credits.
    """
    kept: list[str] = []
    stack: list[Iterator[Element | str]] = [iter(element.contents)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif type(child) is str:
            kept.append(child)
        elif isinstance(child, Element):
            if (
                child.name in DROPPED_ELEMENTS
                or boilerplate.is_hidden(child)
                or boilerplate.is_credit(child, boilerplate.traits_of(child))
                or child in credited
            ):
                continue
            if child.name in ("br", "p", "div"):
                kept.append(" ")
            stack.append(iter(child.contents))
    return clean_line("".join(kept))


def chart_sentences(element: Element) -> Iterator[str]:
    """Yield the whole sentences in a chart, which may be drawn for several widths."""
    for node in iter_elements(element, limit=10 * MAX_NODES):
        if node.name == "p" and is_sentence(text := short_text(node)):
            yield text


def is_sentence(alt: str) -> bool:
    """Return whether the alternative text of an image is a sentence, as captions are."""
    if not 8 <= len(alt) <= 300 or ("/" in alt[:-1] and " " not in alt):  # a label or a path
        return False
    if solo_character().search(alt):
        return any(mark in alt for mark in "。！？，；") and len(alt) >= 12
    return alt.count(" ") >= 5 and alt.rstrip("”\"')").endswith((".", "!", "?"))
