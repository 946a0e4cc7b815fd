"""What surrounds an element that may state a date: its line, labels, names and containers.

Every look is bounded, because broken pages nest elements deeply and put many into one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from newsgrep.extraction.page import boilerplate
from newsgrep.extraction.page.dom import Element, HiddenText, short_text
from newsgrep.extraction.whitespace import collapse_whitespace

MAX_NAMES: Final = 300
"""Characters of a class, an id or a property that are looked at."""
_MAX_LABEL: Final = 40
"""Characters of a label beside a date."""
_MAX_AROUND: Final = 5
"""Characters of a link around its date."""
_INLINE_RUN: Final = 30
"""Neighbours of a text that may be on its line."""
_CAPTION_NAMES = re.compile(r"caption|footnote|chart|credit|citation|reference", re.IGNORECASE)


def names_around(element: Element) -> str:
    """Return class, id and properties of an element and of the inline elements around it."""
    names: list[str] = []
    node: Element | None = element
    for _ in range(3):
        if node is None:
            break
        attrs = node.attrs
        names += [
            attrs[key][:MAX_NAMES]
            for key in ("class", "id", "itemprop", "property")
            if key in attrs
        ]
        node = node.parent
    return " ".join(names)


def in_long_link(element: Element, date: str) -> bool:
    """Return whether ``element`` is in a link that has more than its date: to another text."""
    node: Element | None = element
    for _ in range(3):
        if node is None:
            return False
        if node.name == "a":
            return len(short_text(node)) > len(date) + _MAX_AROUND
        node = node.parent
    return False


def in_caption(element: Element) -> bool:
    """Return whether ``element`` is in a caption, a footnote, a chart or code."""
    node: Element | None = element
    for _ in range(4):
        if node is None:
            return False
        if node.name == "pre" or _CAPTION_NAMES.search(node.attribute("class")[:MAX_NAMES]):
            return True
        if not {"caption", "credit"}.isdisjoint(boilerplate.traits_of(node)):
            return True
        node = node.parent
    return False


def fact_of(element: Element) -> Element | None:
    """Return the cell, the item of a list or the definition that ``element`` is in, or None.

    A row of a single cell is layout.
    """
    node: Element | None = element
    for _ in range(4):
        if node is None or node.name in ("li", "dd", "dt"):
            return node
        if node.name in ("td", "th"):
            row = node.parent.contents if node.parent else []
            cells = sum(
                1 for part in row if isinstance(part, Element) and part.name in ("td", "th")
            )
            return node if cells > 1 else None
        node = node.parent
    return None


def cell_before(fact: Element) -> str:
    """Return the text of the cell or term before ``fact``, which says what it is."""
    if fact.parent is None:
        return ""
    before = fact.parent.contents[max(fact.position - 3, 0) : fact.position]
    cells = [part for part in before if isinstance(part, Element)]
    return short_text(cells[-1])[:_MAX_LABEL] if cells else ""


def line_of(element: Element, index: int) -> tuple[Element, int, str, int]:
    """Return the block of a text, where its line begins, the line, and the length of links."""
    contents = element.contents
    if len(contents) == 1 and element.name in boilerplate.BLOCK_ELEMENTS:
        return element, 0, collapse_whitespace(str(contents[0])), 0
    block, at = element, index
    while (
        block.name not in boilerplate.BLOCK_ELEMENTS
        and block.parent is not None
        and block.parent.name
    ):
        block, at = block.parent, block.position
    contents = block.contents
    start, end = at, at + 1
    while start > 0 and at - start < _INLINE_RUN and _is_inline(contents[start - 1]):
        start -= 1
    while end < len(contents) and end - at < _INLINE_RUN and _is_inline(contents[end]):
        end += 1
    parts: list[str] = []
    links = 0
    for part in contents[start:end]:
        if isinstance(part, Element):
            inner = _spaced_text(part)
            parts.append(inner)
            links += sum(len(short_text(link)) for link in _links(part))
        elif type(part) is str:
            parts.append(part)
    return block, start, collapse_whitespace(" ".join(parts)), links


def _links(element: Element) -> Iterator[Element]:
    if element.name == "a":
        yield element
    else:
        for part in element.contents[:_INLINE_RUN]:
            if isinstance(part, Element):
                yield from _links(part) if part.name == "a" else ()


def _spaced_text(element: Element) -> str:
    """Return the text of an inline element, with a space between those inside it."""
    parts: list[str] = []
    stack: list[Element | str] = [element]
    for _ in range(60):
        if not stack:
            break
        node = stack.pop()
        if isinstance(node, Element):
            if not boilerplate.is_hidden(node):
                stack.extend(reversed(node.contents))
        elif not isinstance(node, HiddenText):
            parts.append(node)
    return " ".join(parts)


def _is_inline(part: Element | str) -> bool:
    return not isinstance(part, Element) or (
        part.name not in boilerplate.BLOCK_ELEMENTS and part.name != "br"
    )


def text_before(element: Element) -> str:
    """Return the end of the text before ``element``, which may be its label."""
    for _ in range(3):
        parent = element.parent
        if parent is None:
            break
        for previous in reversed(parent.contents[: element.position]):
            if isinstance(previous, Element):
                last = previous.contents[-1] if previous.contents else None
                return last.strip()[-_MAX_LABEL:] if isinstance(last, str) else ""
            if previous.strip():
                return previous.strip()[-_MAX_LABEL:]
        if parent.name in boilerplate.BLOCK_ELEMENTS:
            break
        element = parent
    return ""


_MIN_RUNNING_TEXT: Final = 80
"""Characters next to a time element; with more it is in running text and dates an event."""


def in_running_text(element: Element) -> bool:
    """Return whether ``element`` is part of a paragraph or a list item with other text."""
    parent = element.parent
    for _ in range(3):
        if parent is None or parent.name in boilerplate.BLOCK_ELEMENTS:
            break
        parent = parent.parent
    if parent is None or parent.name not in ("p", "li", "td", "dd", "blockquote"):
        return False
    whole = short_text(parent)
    rest = len(whole) - len(short_text(element))
    return rest > _MIN_RUNNING_TEXT or (rest > 10 and any(mark in whole for mark in "。！？"))
