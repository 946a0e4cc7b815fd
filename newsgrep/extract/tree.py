"""Looks into an HTML tree that stay bounded, however deep or wide a broken page is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract.boilerplate import DROPPED_ELEMENTS
from newsgrep.extract.dom import Element
from newsgrep.extract.whitespace import collapse_whitespace

MAX_NODES: Final = 400
"""Nodes that a look into a subtree takes in at most."""
_MAX_DEPTH: Final = 60
"""Levels that it goes down at most: where each element holds the next one, a look at each would
take in as many nodes as the limit allows.
"""


def iter_text(
    tag: Element, *, limit: int | None = None, links: bool = True, all_of_it: bool = False
) -> Iterator[str]:
    """Yield the visible text under ``tag``, from its first ``limit`` nodes at most.

    With ``all_of_it`` nothing is left out that stands in elements that usually hold no text.
    """
    stack: list[Iterator[Element | str]] = [iter(tag.contents)]
    seen = 0
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        seen += 1
        if limit is not None and seen > limit:
            return
        if type(child) is str:
            yield child
        elif isinstance(child, Element):
            if not all_of_it:
                if child.name in DROPPED_ELEMENTS or (child.name == "a" and not links):
                    continue
                if child.name == "br":
                    yield "\n"
            if limit is None or len(stack) < _MAX_DEPTH:
                stack.append(iter(child.contents))


def short_text(tag: Element) -> str:
    """Return the text under ``tag`` on one line, from its first few hundred nodes."""
    contents = tag.contents
    if len(contents) == 1 and type(contents[0]) is str:
        return collapse_whitespace(strip_invisible(contents[0]))
    return collapse_whitespace(strip_invisible("".join(iter_text(tag, limit=MAX_NODES))))


def iter_elements(tag: Element, *, limit: int = MAX_NODES) -> Iterator[Element]:
    """Yield the elements among the first ``limit`` nodes under ``tag``."""
    stack: list[Iterator[Element | str]] = [iter(tag.contents)]
    for _ in range(limit):
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            if not stack:
                return
        elif isinstance(child, Element):
            yield child
            if len(stack) < _MAX_DEPTH:
                stack.append(iter(child.contents))


def contains_element(tag: Element, *names: str) -> bool:
    """Tell whether an element of one of ``names`` is among the first few hundred nodes."""
    return any(node.name in names for node in iter_elements(tag))
