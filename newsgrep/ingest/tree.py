"""Looks into an HTML tree that stay bounded, however deep or wide a broken page is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from newsgrep.ingest import furniture
from newsgrep.ingest.layout import collapse
from newsgrep.text.characters import tidy

LOOK: Final = 400
"""Nodes that a look into a subtree takes in at most."""


def parse(markup: str) -> BeautifulSoup:
    """Return the tree of ``markup``; class attributes stay plain strings."""
    return BeautifulSoup(markup, "lxml", multi_valued_attributes=None)


def strings(tag: Tag, *, limit: int | None = None, links: bool = True) -> Iterator[str]:
    """Yield the visible text under ``tag``, from its first ``limit`` nodes at most."""
    stack: list[Iterator[object]] = [iter(tag.contents)]
    seen = 0
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        seen += 1
        if limit is not None and seen > limit:
            return
        if type(child) is NavigableString:
            yield child
        elif isinstance(child, Tag):
            if child.name in furniture.DROPPED_ELEMENTS or (child.name == "a" and not links):
                continue
            if child.name == "br":
                yield "\n"
            stack.append(iter(child.contents))


def short_text(tag: Tag) -> str:
    """Return the text under ``tag`` on one line, from its first few hundred nodes."""
    return collapse(tidy("".join(strings(tag, limit=LOOK))))


def elements(tag: Tag, *, limit: int = LOOK) -> Iterator[Tag]:
    """Yield the elements among the first ``limit`` nodes under ``tag``.

    bs4's own ``descendants`` looks for the last one first, however deep that lies.
    """
    stack: list[Iterator[object]] = [iter(tag.contents)]
    for _ in range(limit):
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            if not stack:
                return
        elif isinstance(child, Tag):
            yield child
            stack.append(iter(child.contents))


def contains(tag: Tag, *names: str) -> bool:
    """Tell whether an element of one of ``names`` is among the first few hundred nodes."""
    return any(node.name in names for node in elements(tag))
