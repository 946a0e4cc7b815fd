"""Kinds of elements, and the context of the text in them, for the walk in ``clean``."""

from __future__ import annotations

from typing import Final

from newsgrep.extraction.claims import BlockKind
from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.boilerplate import LINK_LIST_ELEMENTS
from newsgrep.extraction.page.dom import SILENT_ELEMENTS, Element, contains_element, short_text
from newsgrep.extraction.page.passages import Suspect

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
