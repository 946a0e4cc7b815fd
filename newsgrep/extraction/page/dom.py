"""HTML as a tree of plain elements, and bounded walks through it.

lxml parses and reports what it meets to a parser target, which builds the tree. lxml's own
elements are faster to build but are cut off at a depth of 2,048, and the text below is lost;
a tree of Beautiful Soup takes six to eight times as long. ``bench/dom.py`` compares them. The
tree is never changed after parsing, so an element knows its parent and its position there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extraction.decode import MAX_CHARACTERS, MAX_ELEMENTS, check_limit
from newsgrep.extraction.whitespace import collapse_whitespace


class Element:
    """An element of a page.

    ``contents`` are its children in order: elements, visible text as ``str``, and
    :class:`HiddenText`. ``position`` is its index in the contents of ``parent``.
    """

    __slots__ = ("attrs", "contents", "name", "parent", "position")

    def __init__(
        self, name: str, attrs: Mapping[str, str], parent: Element | None, position: int
    ) -> None:
        self.name = name
        self.attrs = attrs
        self.contents: list[Element | str] = []
        self.parent = parent
        self.position = position

    def attribute(self, name: str) -> str:
        """Return the value of an attribute, empty if there is no such attribute."""
        return self.attrs.get(name, "")


_SIMPLE_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,2}")
"""An id or a class that needs no escape in CSS and is not the number of one page."""
_MAX_SELECTOR_CLASSES: Final = 2
_MAX_SELECTOR_STEPS: Final = 4


def css_selector(element: Element) -> str:
    """Return a short CSS selector that matches ``element``, for people and for outlet rules.

    It ends with the element and begins with its nearest ancestor below the body, or itself, that
    has an id or a class: ``div.meta > p > time``. Other elements of the page may match, too.
    """
    steps: list[str] = []
    node: Element | None = element
    while node is not None and node.name and len(steps) < _MAX_SELECTOR_STEPS:
        if steps and node.name in ("body", "html"):
            break
        attrs = node.attrs
        if "id" in attrs and _SIMPLE_NAME.fullmatch(attrs["id"]):
            steps.append(f"{node.name}#{attrs['id']}")
            break
        classes = attrs["class"][:300].split() if "class" in attrs else ()
        named = [f".{each}" for each in classes if _SIMPLE_NAME.fullmatch(each)]
        steps.append(node.name + "".join(named[:_MAX_SELECTOR_CLASSES]))
        if named:
            break
        node = node.parent
    return " > ".join(reversed(steps))


class HiddenText(str):
    """Text that is not for readers: a script, a style sheet, the pronunciation in a ruby."""

    __slots__ = ()


class Comment(HiddenText):
    """The text of a comment."""

    __slots__ = ()


_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}
_HIDDEN_ELEMENTS: Final = frozenset(("script", "style", "template", "rt", "rp"))
_PREFORMATTED_ELEMENTS: Final = frozenset(("pre", "textarea"))
_SPACES: Final = " \n\t\f\r"

SILENT_ELEMENTS: Final = frozenset((
    "script", "style", "template", "iframe", "object", "embed", "applet", "svg", "canvas", "video",
    "audio", "map", "select", "option", "input", "textarea", "datalist", "link", "base", "meta",
    "param", "frame", "frameset", "noframes",
))  # fmt: skip
"""Elements whose text nobody reads."""
DROPPED_ELEMENTS: Final = SILENT_ELEMENTS | {
    "noscript", "math", "nav", "form", "button", "label", "dialog",
}  # fmt: skip
"""Elements that a short text, such as a byline, does not contain."""


MIN_OWN_TEXT: Final = 3
"""Characters of a text that may state a date or a headline."""


class Tree:
    """The elements of a page or of a part of one, in document order."""

    __slots__ = ("elements", "root", "with_text")

    def __init__(self) -> None:
        self.root = Element("", _NO_ATTRIBUTES, None, 0)  # above the page, not part of it
        self.elements: list[Element] = []
        self.with_text: set[Element] = set()
        """The elements that have a text of their own of ``MIN_OWN_TEXT`` characters."""

    @property
    def body(self) -> Element | None:
        """Return the body; lxml adds one to every page that has text."""
        return next((element for element in self.elements if element.name == "body"), None)

    def release(self) -> None:
        """Cut the links to parents, so that the tree is freed without the garbage collector."""
        for element in self.elements:
            element.parent = None


def parse_html(markup: str | bytes) -> Tree:
    """Return the tree of ``markup``; names of elements and attributes are in lower case.

    Bytes must be UTF-8, which the parser reads faster than text.

    Raises :class:`~newsgrep.errors.NoArticle` for a page of more than ``MAX_ELEMENTS`` elements
    or comments, or more than ``MAX_CHARACTERS`` characters of text.
    """
    encoding = "utf-8" if isinstance(markup, bytes) else None
    idle_parsers = _IDLE_PARSERS[encoding]
    try:
        parser = idle_parsers.pop()
    except IndexError:
        # Without huge_tree libxml2 ends a comment after ten million characters and parses again
        # from its second character: a page with many beginnings of comments takes forever.
        parser = etree.HTMLParser(
            target=_TreeBuilder(), recover=True, huge_tree=True, encoding=encoding
        )
    parser.feed(markup)
    tree: Tree = parser.close()
    idle_parsers.append(parser)  # a parser that failed is not used again
    return tree


_IDLE_PARSERS: Final[dict[str | None, list[etree.HTMLParser]]] = {None: [], "utf-8": []}
"""Parsers to use again, by encoding: creating one takes as long as parsing a short article."""


class _TreeBuilder:
    """Builds a tree from lxml's reports; lxml ends every element, the innermost first."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self.data = self._text.append
        self._begin()

    def _begin(self) -> None:
        self._text.clear()
        self._tree = Tree()
        self._comments = 0
        self._characters = 0
        self._parent = self._tree.root
        self._hidden_depth = 0
        self._preformatted_depth = 0

    def start(self, name: str, attrs: Mapping[str, str]) -> None:
        if self._text:
            self._end_text()
        parent = self._parent
        contents = parent.contents
        element = Element(name, attrs or _NO_ATTRIBUTES, parent, len(contents))
        contents.append(element)
        elements = self._tree.elements
        elements.append(element)
        if len(elements) > MAX_ELEMENTS:
            check_limit(len(elements), MAX_ELEMENTS, "elements")
        self._parent = element
        if name in _HIDDEN_ELEMENTS:
            self._hidden_depth += 1
        elif name in _PREFORMATTED_ELEMENTS:
            self._preformatted_depth += 1

    def end(self, name: str) -> None:
        if self._text:
            self._end_text()
        self._parent = self._parent.parent or self._parent
        if name in _HIDDEN_ELEMENTS:
            self._hidden_depth -= 1
        elif name in _PREFORMATTED_ELEMENTS:
            self._preformatted_depth -= 1

    def comment(self, text: str) -> None:
        if self._text:
            self._end_text()
        self._comments += 1
        check_limit(self._comments, MAX_ELEMENTS, "comments")
        self._parent.contents.append(Comment(text))

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
        if self._hidden_depth:
            text = HiddenText(text)
        elif text.isspace() and not self._preformatted_depth and not text.strip(_SPACES):
            text = "\n" if "\n" in text else " "  # indentation of the source
        else:
            self._characters += len(text)
            check_limit(self._characters, MAX_CHARACTERS, "characters of text")
            if len(text) >= MIN_OWN_TEXT:
                self._tree.with_text.add(self._parent)
        self._parent.contents.append(text)


MAX_NODES: Final = 400
"""Nodes that a bounded walk visits at most."""
_MAX_DEPTH: Final = 60
"""Levels that a bounded walk descends at most. On a page where each element contains the next
one, a walk from every element would otherwise visit ``MAX_NODES`` nodes each time.
"""


def iter_text(
    element: Element, *, limit: int | None = None, dropped: bool = False
) -> Iterator[str]:
    """Yield the visible text in ``element``, and a newline for each ``br``.

    Visits the first ``limit`` nodes only. Leaves out the elements that usually contain no
    article text unless ``dropped`` is True.
    """
    stack: list[Iterator[Element | str]] = [iter(element.contents)]
    visited = 0
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            continue
        visited += 1
        if limit is not None and visited > limit:
            return
        if type(node) is str:
            yield node
        elif isinstance(node, Element):
            if not dropped:
                if node.name in DROPPED_ELEMENTS:
                    continue
                if node.name == "br":
                    yield "\n"
            if limit is None or len(stack) < _MAX_DEPTH:
                stack.append(iter(node.contents))


def short_text(element: Element) -> str:
    """Return the text in the first ``MAX_NODES`` nodes of ``element``, on one line."""
    contents = element.contents
    if len(contents) == 1 and type(contents[0]) is str:
        return collapse_whitespace(strip_invisible(contents[0]))
    return collapse_whitespace(strip_invisible("".join(iter_text(element, limit=MAX_NODES))))


def iter_elements(element: Element, *, limit: int = MAX_NODES) -> Iterator[Element]:
    """Yield the elements among the first ``limit`` nodes and ends of elements in ``element``."""
    stack: list[Iterator[Element | str]] = [iter(element.contents)]
    while stack:
        for node in stack[-1]:
            if limit <= 0:
                return
            limit -= 1
            if type(node) is Element:
                yield node
                if len(stack) < _MAX_DEPTH:
                    if node.contents:
                        stack.append(iter(node.contents))
                        break
                    limit -= 1
        else:
            limit -= 1
            stack.pop()


def contains_element(element: Element, *names: str) -> bool:
    """Return whether one of the first ``MAX_NODES`` nodes is an element with one of ``names``."""
    return any(node.name in names for node in iter_elements(element))
