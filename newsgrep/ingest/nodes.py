"""HTML becomes a tree of plain elements, which costs a fifth of what BeautifulSoup's costs.

lxml parses and reports what it meets; nothing is changed afterwards, so that an element
needs to know no more than its parent, its place there, and what stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lxml import etree

from newsgrep.ingest.limits import MOST_CHARACTERS, MOST_ELEMENTS, check


class Element:
    """An element; in ``contents`` are elements, visible text as ``str``, and ``Unseen``.

    ``place`` is where it stands in the contents of its parent.
    """

    __slots__ = ("attrs", "contents", "name", "parent", "place")

    def __init__(
        self, name: str, attrs: Mapping[str, str], parent: Element | None, place: int
    ) -> None:
        self.name = name
        self.attrs = attrs
        self.contents: list[Element | str] = []
        self.parent = parent
        self.place = place

    def attribute(self, name: str) -> str:
        """Return an attribute's value, empty if there is no such attribute."""
        return self.attrs.get(name, "")


class Unseen(str):
    """Text that is none for readers: a comment, a script, the reading of a character."""

    __slots__ = ()


_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}
_UNSEEN: Final = frozenset(("script", "style", "template", "rt", "rp"))
_PREFORMATTED: Final = frozenset(("pre", "textarea"))
_SPACES: Final = " \n\t\f\r"


class Tree:
    """The elements of a page or of a part of one, in the order in which they begin."""

    __slots__ = ("elements", "root")

    def __init__(self) -> None:
        self.root = Element("", _NO_ATTRIBUTES, None, 0)  # above the page, no part of it
        self.elements: list[Element] = []

    @property
    def body(self) -> Element | None:
        """Return the body, which lxml gives to everything that has any text."""
        return next((element for element in self.elements if element.name == "body"), None)

    def forget(self) -> None:
        """Cut the ties to parents, so that the tree is gone without a garbage collector."""
        for element in self.elements:
            element.parent = None


def parse(markup: str) -> Tree:
    """Return the tree of ``markup``; names of elements and attributes are in lower case.

    Raises ``Rejected`` for a page beyond the bounds of :mod:`newsgrep.ingest.limits`.
    """
    try:
        parser = _idle.pop()
    except IndexError:
        # Beyond ten million characters libxml2 ends a comment by itself, starts anew behind its
        # first character, and is never done with a page of many beginnings.
        parser = etree.HTMLParser(target=_Builder(), recover=True, huge_tree=True)
    parser.feed(markup)
    tree: Tree = parser.close()
    _idle.append(parser)  # one that failed is not used again
    return tree


_idle: Final[list[etree.HTMLParser]] = []
"""Parsers that are not in use: to make one takes as long as to read a short article."""


class _Builder:
    """Takes lxml's reports; whatever it says to begin it says to end, the innermost first."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self.data = self._text.append
        self._begin()

    def _begin(self) -> None:
        self._text.clear()
        self._tree = Tree()
        self._comments = 0
        self._characters = 0
        self._inside = self._tree.root
        self._unseen = 0
        self._preformatted = 0

    def start(self, name: str, attrs: Mapping[str, str]) -> None:
        if self._text:
            self._end_text()
        inside = self._inside
        contents = inside.contents
        element = Element(name, attrs or _NO_ATTRIBUTES, inside, len(contents))
        contents.append(element)
        elements = self._tree.elements
        elements.append(element)
        if len(elements) > MOST_ELEMENTS:
            check(len(elements), MOST_ELEMENTS, "elements")
        self._inside = element
        if name in _UNSEEN:
            self._unseen += 1
        elif name in _PREFORMATTED:
            self._preformatted += 1

    def end(self, name: str) -> None:
        if self._text:
            self._end_text()
        self._inside = self._inside.parent or self._inside
        if name in _UNSEEN:
            self._unseen -= 1
        elif name in _PREFORMATTED:
            self._preformatted -= 1

    def comment(self, text: str) -> None:
        if self._text:
            self._end_text()
        self._comments += 1
        check(self._comments, MOST_ELEMENTS, "comments")
        self._inside.contents.append(Unseen(text))

    def close(self) -> Tree:
        if self._text:
            self._end_text()
        tree = self._tree
        self._begin()
        return tree

    def _end_text(self) -> None:
        parts = self._text
        text = parts[0] if len(parts) == 1 else "".join(parts)
        parts.clear()
        if self._unseen:
            text = Unseen(text)
        elif text.isspace() and not self._preformatted and not text.strip(_SPACES):
            text = "\n" if "\n" in text else " "  # only the source is indented there
        else:
            self._characters += len(text)
            check(self._characters, MOST_CHARACTERS, "characters of text")
        self._inside.contents.append(text)
