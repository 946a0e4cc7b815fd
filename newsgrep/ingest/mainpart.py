"""Which element of a whole page holds the article: semantics first, then amount of text.

An element is only believed if it holds at least half of the page's running text; the
whole body is taken otherwise, because nothing is worse than a lost article.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsgrep.ingest import furniture
from newsgrep.ingest.nodes import Element, Tree


def _rank(tag: Element, traits: frozenset[str]) -> int | None:
    """Return how clearly ``tag`` says that it is the article, 0 being clearest."""
    if tag.name == "article":
        return 0
    if "articlebody" in tag.attribute("itemprop").lower():
        return 1
    if tag.name == "main" or tag.attribute("role").lower() == "main":
        return 2
    if "content" in traits and tag.name in ("div", "section", "td"):
        return 3
    return None


def main_part(tree: Tree) -> Element | None:
    """Return the element of a page that holds its article, or its body, or None."""
    found: list[tuple[int, int, Element]] = []
    total = 0
    stack: list[tuple[Iterator[Element | str], Element, int | None, int]] = [
        (iter(tree.root.contents), tree.root, None, 0)
    ]
    while stack:
        children, tag, rank, before = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if rank is not None:
                found.append((rank, total - before, tag))
        elif isinstance(child, Element):
            if child.name in furniture.DROPPED_ELEMENTS or child.name in ("a", "head", "footer"):
                continue
            traits = furniture.traits(child)
            if furniture.is_dropped(child, traits):
                continue
            stack.append((iter(child.contents), child, _rank(child, traits), total))
        elif type(child) is str:
            total += len(child.strip())
    for wanted in range(4):
        candidates = [
            (size, tag) for rank, size, tag in found if rank == wanted and size * 2 >= total
        ]
        if candidates and total:
            return min(candidates, key=lambda pair: pair[0])[1]
    return tree.body
