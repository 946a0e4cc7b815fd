"""HTML becomes a tree of plain elements, which costs a fifth of what BeautifulSoup's costs.

lxml parses and reports what it meets; nothing is changed afterwards, so that an element
needs to know no more than its parent, its place there, and what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from lxml import etree

from newsgrep.extract.decode import MAX_CHARACTERS, MAX_ELEMENTS, check_limit


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


class HiddenText(str):
    """Text that is none for readers: a comment, a script, the reading of a character."""

    __slots__ = ()


_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}
_HIDDEN_ELEMENTS: Final = frozenset(("script", "style", "template", "rt", "rp"))
_PREFORMATTED_ELEMENTS: Final = frozenset(("pre", "textarea"))
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


def parse_html(markup: str) -> Tree:
    """Return the tree of ``markup``; names of elements and attributes are in lower case.

    Raises ``Rejected`` for a page beyond the bounds of :mod:`newsgrep.extract.decode`.
    """
    try:
        parser = _idle_parsers.pop()
    except IndexError:
        # Beyond ten million characters libxml2 ends a comment by itself, starts anew behind its
        # first character, and is never done with a page of many beginnings.
        parser = etree.HTMLParser(target=_TreeBuilder(), recover=True, huge_tree=True)
    parser.feed(markup)
    tree: Tree = parser.close()
    _idle_parsers.append(parser)  # one that failed is not used again
    return tree


_idle_parsers: Final[list[etree.HTMLParser]] = []
"""Parsers that are not in use: to make one takes as long as to read a short article."""


class _TreeBuilder:
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
        if len(elements) > MAX_ELEMENTS:
            check_limit(len(elements), MAX_ELEMENTS, "elements")
        self._inside = element
        if name in _HIDDEN_ELEMENTS:
            self._unseen += 1
        elif name in _PREFORMATTED_ELEMENTS:
            self._preformatted += 1

    def end(self, name: str) -> None:
        if self._text:
            self._end_text()
        self._inside = self._inside.parent or self._inside
        if name in _HIDDEN_ELEMENTS:
            self._unseen -= 1
        elif name in _PREFORMATTED_ELEMENTS:
            self._preformatted -= 1

    def comment(self, text: str) -> None:
        if self._text:
            self._end_text()
        self._comments += 1
        check_limit(self._comments, MAX_ELEMENTS, "comments")
        self._inside.contents.append(HiddenText(text))

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
            text = HiddenText(text)
        elif text.isspace() and not self._preformatted and not text.strip(_SPACES):
            text = "\n" if "\n" in text else " "  # only the source is indented there
        else:
            self._characters += len(text)
            check_limit(self._characters, MAX_CHARACTERS, "characters of text")
        self._inside.contents.append(text)


Elements = Sequence[Element]
_Sieve = Callable[[Elements, Elements], Elements]
"""Takes all elements and those that are left, and returns those of these that pass."""
_Steps = list[tuple[str, list[_Sieve]]]
"""For each step how it stands to the one before, and what an element has to be."""


class Page:
    """A page that selectors are asked of."""

    def __init__(self, tree: Tree, markup: str) -> None:
        self._tree = tree
        self._markup = markup
        self._elements = _outside_of_templates(tree.elements)

    def select(self, *selectors: str) -> list[Element]:
        """Return the elements that one of ``selectors`` names, in the page's order."""
        found: set[Element] = set()
        for selector in filter(None, selectors):
            known = compiled(selector)
            found.update(self._by_soup(selector) if known is None else _any(known, self._elements))
        return [element for element in self._elements if element in found] if found else []

    def _by_soup(self, selector: str) -> list[Element]:
        from bs4 import BeautifulSoup  # seldom needed, and long to load

        # It builds its tree of the same reports of lxml: an element for each of ours.
        soup = BeautifulSoup(self._markup, "lxml", multi_valued_attributes=None)
        wanted = set(map(id, soup.select(selector)))
        pairs = zip(self._tree.elements, soup.find_all(True), strict=True)
        return [ours for ours, theirs in pairs if id(theirs) in wanted]


def _outside_of_templates(elements: list[Element]) -> list[Element]:
    if all(element.name != "template" for element in elements):
        return elements
    closed = {element for element in elements if element.name == "template"}
    inside = set(_inside(elements, elements, closed))
    return [element for element in elements if element not in inside]


def _any(alternatives: list[_Steps], elements: Elements) -> set[Element]:
    found: set[Element] = set()
    for steps in alternatives:
        passed: Elements = ()
        for relation, sieves in steps:
            left = elements
            for sieve in sieves:
                left = sieve(elements, left)
            passed = _RELATIONS[relation](elements, left, set(passed)) if relation else left
            if not passed:
                break
        found.update(passed)
    return found


def _inside(elements: Elements, left: Elements, before: set[Element]) -> Elements:
    within: set[Element | None] = {*before}
    if left:
        within.update(element for element in elements if element.parent in within)
    return [element for element in left if element.parent in within]


def _child(_: Elements, left: Elements, before: set[Element]) -> Elements:
    return [element for element in left if element.parent in before]


def _next(_: Elements, left: Elements, before: set[Element]) -> Elements:
    return [element for element in left if _previous(element) in before]


def _later(elements: Elements, left: Elements, before: set[Element]) -> Elements:
    behind: set[Element] = set()
    begun: set[Element | None] = set()
    for element in elements:
        if element.parent in begun:
            behind.add(element)
        if element in before:
            begun.add(element.parent)
    return [element for element in left if element in behind]


_RELATIONS: Final = {" ": _inside, ">": _child, "+": _next, "~": _later}


def _previous(element: Element) -> Element | None:
    siblings = element.parent.contents if element.parent else []
    for place in range(element.place - 1, -1, -1):
        sibling = siblings[place]
        if isinstance(sibling, Element):
            return sibling
    return None


@lru_cache(maxsize=500)
def compiled(selector: str) -> list[_Steps] | None:
    """Return the steps of each alternative of ``selector``, or None if it is beyond us."""
    try:
        return _Reader(selector).alternatives("")
    except _BeyondUsError:
        return None


class _BeyondUsError(Exception):
    """A selector has something that is seldom met in rules."""


_NAME: Final = r"(-?[^\W\d][\w-]*)"
_VALUE: Final = rf"""(?:"([^"\\\n]*)"|'([^'\\\n]*)'|{_NAME})"""
_SPACE: Final = r"[ \t\r\n\f]"
_BLANK = re.compile(rf"{_SPACE}*")
_TAG = re.compile(rf"\*|{_NAME}")
_CLASS = re.compile(rf"\.{_NAME}")
_ID = re.compile(rf"#{_NAME}")
_HAS_ATTRIBUTE = re.compile(rf"\[{_SPACE}*{_NAME}{_SPACE}*\]")
# The values of many other attributes are compared without regard to case.
_ATTRIBUTE = re.compile(
    rf"\[{_SPACE}*(class|id|role|name|itemprop|property|href|src|(?:data|aria)-[a-z0-9_-]+)"
    rf"{_SPACE}*([~|^$*]?)={_SPACE}*{_VALUE}{_SPACE}*\]"
)
_POSITION = re.compile(r":(first-child|first-of-type)(?![\w(-])")
_LIST = re.compile(r":(not|is)\(")
_HAS = re.compile(rf":has\({_SPACE}*(>?){_SPACE}*")
_RELATION = re.compile(rf"{_SPACE}*([>+~]){_SPACE}*|({_SPACE}+)(?![ \t\r\n\f,)]|$)")
_COMMA = re.compile(rf"{_SPACE}*,{_SPACE}*")
_SPACE_RUN = re.compile(rf"{_SPACE}+")


class _Reader:
    """Reads one selector from its start to its end; what it understands is valid CSS."""

    def __init__(self, selector: str) -> None:
        self._text = selector.strip(" \t\r\n\f")
        self._place = 0

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._place)
        if match:
            self._place = match.end()
        return match

    def _end(self, end: str) -> bool:
        self._take(_BLANK)
        if not end:
            return self._place == len(self._text)
        found = self._text.startswith(end, self._place)
        self._place += len(end)
        return found

    def alternatives(self, end: str) -> list[_Steps]:
        """Read what commas part, up to ``end``."""
        found = [self._steps()]
        while self._take(_COMMA):
            found.append(self._steps())
        if not self._end(end):
            raise _BeyondUsError
        return found

    def _steps(self) -> _Steps:
        self._take(_BLANK)
        steps = [("", self._step())]
        while match := self._take(_RELATION):
            steps.append((match[1] or " ", self._step()))
        return steps

    def _step(self) -> list[_Sieve]:
        tag = self._take(_TAG)
        sieves = [_tag(tag[1].lower())] if tag and tag[1] else []
        start = self._place
        while sieve := self._part():
            sieves.append(sieve)
        if not tag and start == self._place:
            raise _BeyondUsError
        return sieves

    def _part(self) -> _Sieve | None:
        if match := self._take(_CLASS):
            return _attribute("class", "~", match[1])
        if match := self._take(_ID):
            return _attribute("id", "", match[1])
        if match := self._take(_HAS_ATTRIBUTE):
            return _has_attribute(match[1].lower())
        if match := self._take(_ATTRIBUTE):
            return _attribute(match[1], match[2], match[3] or match[4] or match[5] or "")
        if match := self._take(_POSITION):
            return _first_child if match[1] == "first-child" else _first_of_type
        if match := self._take(_LIST):
            return _listed(self.alternatives(")"), wanted=match[1] == "is")
        if match := self._take(_HAS):
            sieve = _has(self._step(), direct=bool(match[1]))
            if not self._end(")"):
                raise _BeyondUsError
            return sieve
        return None


def _tag(name: str) -> _Sieve:
    return lambda _, left: [element for element in left if element.name == name]


def _has_attribute(name: str) -> _Sieve:
    return lambda _, left: [element for element in left if name in element.attrs]


_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "": lambda value, wanted: value == wanted,
    "~": lambda value, wanted: wanted in _SPACE_RUN.split(value),
    "|": lambda value, wanted: value == wanted or value.startswith(wanted + "-"),
    "^": lambda value, wanted: value.startswith(wanted),
    "$": lambda value, wanted: value.endswith(wanted),
    "*": lambda value, wanted: wanted in value,
}


def _attribute(name: str, sign: str, wanted: str) -> _Sieve:
    test = _TESTS[sign]
    if not wanted and sign not in ("", "|"):  # nothing, by the standard
        return lambda _, __: []
    return lambda _, left: [
        element
        for element in left
        if (value := element.attrs.get(name)) is not None
        and wanted in value
        and test(value, wanted)
    ]


def _first_child(_: Elements, left: Elements) -> Elements:
    return [element for element in left if _previous(element) is None]


def _first_of_type(elements: Elements, left: Elements) -> Elements:
    met: dict[tuple[Element | None, str], Element] = {}
    for element in elements:
        met.setdefault((element.parent, element.name), element)
    return [element for element in left if met[element.parent, element.name] is element]


def _listed(alternatives: list[_Steps], *, wanted: bool) -> _Sieve:
    def sieve(elements: Elements, left: Elements) -> Elements:
        found: Collection[Element] = _any(alternatives, elements)
        return [element for element in left if (element in found) is wanted]

    return sieve


def _has(sieves: list[_Sieve], *, direct: bool) -> _Sieve:
    def sieve(elements: Elements, left: Elements) -> Elements:
        inner = elements
        for each in sieves:
            inner = each(elements, inner)
        holders: set[Element] = set()
        for element in inner:
            holder = element.parent
            while holder is not None and holder not in holders:
                holders.add(holder)
                holder = None if direct else holder.parent
        return [element for element in left if element in holders]

    return sieve
