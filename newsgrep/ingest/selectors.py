"""CSS selectors of outlets' rules, asked of a whole tree at once.

Each step of a selector sifts the list of all elements, so that no nesting makes it slow.
What is beyond the selectors that rules are usually made of is left to BeautifulSoup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final

from newsgrep.ingest.nodes import Element, Tree

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
_PLACE = re.compile(r":(first-child|first-of-type)(?![\w(-])")
_LIST = re.compile(r":(not|is)\(")
_HAS = re.compile(rf":has\({_SPACE}*(>?){_SPACE}*")
_RELATION = re.compile(rf"{_SPACE}*([>+~]){_SPACE}*|({_SPACE}+)(?![ \t\r\n\f,)]|$)")
_COMMA = re.compile(rf"{_SPACE}*,{_SPACE}*")
_SPACES = re.compile(rf"{_SPACE}+")


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
        if match := self._take(_PLACE):
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
    "~": lambda value, wanted: wanted in _SPACES.split(value),
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
