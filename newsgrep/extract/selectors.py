"""Selectors of outlet rules, evaluated by soupsieve on Beautiful Soup's tags.

The tags are built from the elements that are already parsed, so a page is parsed once and
each tag belongs to one element. Importing Beautiful Soup takes about as long as extracting
ten articles; this module is loaded for the first page of an outlet that has selectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final

import soupsieve
from bs4 import BeautifulSoup, Comment, Tag
from bs4.builder import TreeBuilder
from soupsieve import css_types

from newsgrep.extract import dom

_MAX_ELEMENTS: Final = 50_000
"""A tag takes about 1 kB, ten times as much as an element; no page that people read has more."""
_READS_TEXT = re.compile(r":(?:-soup-)?contains|:empty|:root|:dir\(|:placeholder-shown")
"""Pseudo-classes that depend on text; building the strings too takes as long again as the tags."""
_CLASS_NAME = re.compile(r"[^ \t\r\n\f]+")


def syntax_error(selector: str) -> str | None:
    """Return what is wrong with ``selector`` as CSS, on one line, or None."""
    try:
        soupsieve.compile(selector)
    except soupsieve.SelectorSyntaxError as exc:
        return str(exc).splitlines()[0]
    return None


class SelectorMatcher:
    """Finds the elements of one page that selectors match.

    ``selectors`` are all that will be used on the page. Nothing matches on a page of more than
    50,000 elements; ``too_large`` is True then.
    """

    def __init__(self, tree: dom.Tree, selectors: Iterable[str]) -> None:
        self._elements = tree.elements
        self._root = tree.root
        self._with_text = any(map(_READS_TEXT.search, selectors))
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
        builder = _ElementBuilder(self._root, with_text=self._with_text)
        soup = BeautifulSoup("", builder=builder)
        self._tags = builder.tags
        return soup

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names of elements and attributes on the page, its ``.classes`` and ``#ids``."""
        names: set[str] = set()
        for element in self._elements:
            names.add(element.name)
            if attrs := element.attrs:
                names.update(attrs)
                names.update("." + name for name in _CLASS_NAME.findall(attrs.get("class", "")))
                names.add("#" + attrs.get("id", ""))
        return frozenset(names)

    def _may_match(self, selector: css_types.Selector | css_types.SelectorNull) -> bool:
        """Return whether everything that ``selector`` requires by name occurs on the page.

        Most selectors of an outlet match nothing on most of its pages; for them no tag is built.
        """
        return self._names.issuperset(_required_names(selector))


def _required_names(selector: css_types.Selector | css_types.SelectorNull) -> Iterator[str]:
    """Yield names, written as in ``_names``, that occur wherever ``selector`` matches."""
    while isinstance(selector, css_types.Selector):
        if selector.tag is not None and selector.tag.name not in (None, "*"):
            yield selector.tag.name.lower()
        yield from ("." + name for name in selector.classes)
        yield from ("#" + name for name in selector.ids)
        yield from (each.attribute.lower() for each in selector.attributes if not each.inverse)
        if not selector.relation:
            return
        selector = selector.relation[0]  # the part to the left of the combinator


class _ElementBuilder(TreeBuilder):
    """Builds Beautiful Soup's tags from elements instead of markup."""

    def __init__(self, root: dom.Element, *, with_text: bool) -> None:
        super().__init__()
        self.tags: list[tuple[Tag, dom.Element]] = []
        self._root = root
        self._with_text = with_text

    def feed(self, markup: object) -> None:  # noqa: ARG002 - the elements are parsed already
        soup = self.soup
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
                tag = soup.handle_starttag(node.name, None, None, dict(node.attrs))
                if tag is not None:
                    self.tags.append((tag, node))
                stack.append((iter(node.contents), node.name))
            elif self._with_text:
                soup.endData()
                soup.handle_data(node)
                soup.endData(Comment if isinstance(node, dom.Comment) else None)
