"""Selectors of outlet rules, evaluated by soupsieve on Beautiful Soup's tags.

The tags are built from the elements that are already parsed, so a page is parsed once and
each tag belongs to one element. Tags take longer to build than a page takes to parse; they are
built only if a selector may match, and only for the elements that may decide it. Importing
Beautiful Soup takes a tenth of a second; this module is loaded for the first page of an outlet
that has selectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import Final

import soupsieve
from bs4 import BeautifulSoup, Comment, Tag
from bs4.builder import TreeBuilder
from soupsieve import css_types

from newsgrep.extraction.page import dom

_LINEAR_TIME: Final = tuple(map(int, re.findall(r"\d+", version("soupsieve"))[:2])) >= (4, 1)
"""Older versions, for Python before 3.11.5, take quadratic time for some selectors."""
_MAX_ELEMENTS: Final = 50_000 if _LINEAR_TIME else 5_000
"""A tag takes about 1 kB, ten times as much as an element; pages that people read have fewer."""
_READS_TEXT = re.compile(r":(?:-soup-)?contains|:empty|:root|:dir\(|:placeholder-shown")
"""Pseudo-classes that depend on text. Building strings takes as long again as building tags."""
_CLASS_NAME = re.compile(r"[^ \t\r\n\f]+")
_MAX_CACHED: Final = 500
"""Characters of a ``class`` attribute."""

_Selector = css_types.Selector | css_types.SelectorNull


def syntax_error(selector: str) -> str | None:
    """Return what is wrong with ``selector`` as CSS, on one line, or None."""
    try:
        soupsieve.compile(selector)
    except soupsieve.SelectorSyntaxError as exc:
        return str(exc).splitlines()[0]
    return None


class SelectorMatcher:
    """Finds the elements of one page that selectors match.

    ``selectors`` are all selectors that will be used on the page. On a page of more than
    50,000 elements (5,000 with soupsieve before 4.1) ``too_large`` is True and nothing matches.
    """

    def __init__(self, tree: dom.Tree, selectors: Iterable[str]) -> None:
        self._elements = tree.elements
        self._root = tree.root
        self._selectors = tuple(selectors)
        self._names = _names_in(self._selectors)
        self.too_large = len(tree.elements) > _MAX_ELEMENTS

    def select(self, *selectors: str) -> list[dom.Element]:
        """Return the elements that match one of ``selectors``, in document order."""
        found: set[int] = set()
        for selector in filter(None, selectors):
            compiled = soupsieve.compile(selector)
            if not self.too_large and any(map(self._may_match, compiled.selectors)):
                found.update(map(id, compiled.select(self._soup)))
        return [element for tag, element in self._tags if id(tag) in found] if found else []

    @cached_property
    def _soup(self) -> BeautifulSoup:
        with_text = any(map(_READS_TEXT.search, self._selectors))
        builder = _ElementBuilder(self._root, self._needed(), with_text=with_text)
        soup = BeautifulSoup("", builder=builder)
        self._tags = builder.tags
        return soup

    @cached_property
    def _index(self) -> dict[str, list[dom.Element]]:
        """Elements by name, by attribute name, by ``.class`` and by ``#id``.

        It has the names only that the selectors require.
        """
        wanted = self._names
        index: dict[str, list[dom.Element]] = {}
        for element in self._elements:
            name, attrs = element.name, element.attrs
            names = {name} if name in wanted else set()
            if attrs:
                names.update(wanted.intersection(attrs))
                if "class" in attrs:
                    names |= _classes(attrs["class"], wanted)
                if "id" in attrs and (name := "#" + attrs["id"]) in wanted:
                    names.add(name)
            for name in names:
                index.setdefault(name, []).append(element)
        return index

    def _may_match(self, selector: _Selector) -> bool:
        """Return whether everything that ``selector`` requires by name occurs on the page."""
        if any(name not in self._index for name in _required_names(selector)):
            return False
        candidates = self._candidates(selector)
        return candidates is None or bool(candidates)

    def _candidates(self, selector: _Selector) -> list[dom.Element] | None:
        """Return the elements with the names and attributes of the last compound.

        Returns None if it requires none. There may be more of them than ``selector`` matches.
        """
        names = list(_compound_names(selector))
        if not names or not isinstance(selector, css_types.Selector):
            return None
        rarest = min((self._index.get(name, []) for name in names), key=len)
        return [element for element in rarest if _has_attributes(element, selector.attributes)]

    def _needed(self) -> set[dom.Element] | None:
        """Return the elements for which tags are needed, or None for all.

        A selector without siblings, descendants or positions depends on the candidates for its
        last compound and on their ancestors.
        """
        needed: set[dom.Element] = set()
        for text in self._selectors:
            for selector in filter(self._may_match, soupsieve.compile(text).selectors):
                candidates = self._candidates(selector)
                if candidates is None or not _depends_on_ancestors_only(selector):
                    return None
                for candidate in candidates:
                    element: dom.Element | None = candidate
                    while element is not None and element not in needed:
                        needed.add(element)
                        element = element.parent
        return needed


def _classes(value: str, wanted: frozenset[str]) -> frozenset[str]:
    """Return the classes in an attribute that are ``wanted``, as in the index."""
    if len(value) <= _MAX_CACHED:
        return _cached_classes(value, wanted)
    return wanted.intersection("." + name for name in _CLASS_NAME.findall(value))


@lru_cache(maxsize=5000)  # pages of an outlet have the same classes
def _cached_classes(value: str, wanted: frozenset[str]) -> frozenset[str]:
    return wanted.intersection("." + name for name in _CLASS_NAME.findall(value))


@lru_cache(maxsize=64)
def _names_in(selectors: tuple[str, ...]) -> frozenset[str]:
    """Return all names that a selector requires, as in the index."""
    compiled = (
        each for text in filter(None, selectors) for each in soupsieve.compile(text).selectors
    )
    return frozenset(name for each in compiled for name in _required_names(each))


def _compound_names(selector: _Selector) -> Iterator[str]:
    """Yield the names that the last compound of ``selector`` requires, as in the index."""
    if isinstance(selector, css_types.Selector):
        if selector.tag is not None and selector.tag.name not in (None, "*"):
            yield selector.tag.name.lower()
        yield from ("." + name for name in selector.classes)
        yield from ("#" + name for name in selector.ids)
        yield from (each.attribute.lower() for each in selector.attributes if not _inverse(each))


def _inverse(attribute: css_types.SelectorAttribute) -> bool:
    """Return whether ``attribute`` also matches elements without it, as ``[href!=x]`` does."""
    return getattr(attribute, "inverse", False)  # new in soupsieve 4


def _has_attributes(
    element: dom.Element, attributes: Iterable[css_types.SelectorAttribute]
) -> bool:
    """Return whether ``element`` may have ``attributes``, without the test that ignores case."""
    for each in attributes:
        value = element.attrs.get(each.attribute.lower())
        if _inverse(each) or getattr(each, "ignore_case", False):
            continue
        if value is None or (each.pattern and not each.pattern.search(value)):
            return False
    return True


def _required_names(selector: _Selector) -> Iterator[str]:
    """Yield the names that all compounds of ``selector`` require."""
    while isinstance(selector, css_types.Selector):
        yield from _compound_names(selector)
        if not selector.relation:
            return
        selector = selector.relation[0]  # the part to the left of the combinator


def _depends_on_ancestors_only(selector: _Selector) -> bool:
    if not isinstance(selector, css_types.Selector):
        return False
    if selector.nth or selector.contains or selector.lang or selector.flags:
        return False
    if selector.rel_type not in (None, " ", ">"):
        return False
    inner = (each for group in (selector.relation, *selector.selectors) for each in group)
    return all(map(_depends_on_ancestors_only, inner))


class _ElementBuilder(TreeBuilder):
    """Builds Beautiful Soup's tags from elements instead of markup."""

    def __init__(
        self, root: dom.Element, needed: set[dom.Element] | None, *, with_text: bool
    ) -> None:
        super().__init__()
        self.tags: list[tuple[Tag, dom.Element]] = []
        self._root = root
        self._needed = needed
        self._with_text = with_text

    def feed(self, markup: object) -> None:  # noqa: ARG002 - the elements are parsed already
        soup, needed = self.soup, self._needed
        assert soup is not None  # noqa: S101 - set by Beautiful Soup before it feeds
        stack = [(iter(self._root.contents), "")]
        while stack:
            contents, name = stack[-1]
            node = next(contents, None)
            if node is None:
                stack.pop()
                if stack:
                    soup.handle_endtag(name)
            elif isinstance(node, dom.Element):
                if needed is not None and node not in needed:
                    continue
                tag = soup.handle_starttag(node.name, None, None, dict(node.attrs))
                if tag is not None:
                    self.tags.append((tag, node))
                stack.append((iter(node.contents), node.name))
            elif self._with_text:
                soup.endData()
                soup.handle_data(node)
                soup.endData(Comment if isinstance(node, dom.Comment) else None)
