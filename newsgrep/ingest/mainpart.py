"""Which element of a whole page holds the article: semantics first, then amount of text.

An element is only believed if it holds at least half of the page's running text; the
whole body is taken otherwise, because nothing is worse than a lost article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from newsgrep.ingest import furniture
from newsgrep.ingest.furniture import attribute

_CONTENT = re.compile(
    r"(?:entry|post|article|story|news|main|page)[-_]{0,2}(?:content|body|text|main)|artibody|articlecontent|"
    r"content|rich_media_content|article|post|main",
    re.IGNORECASE,
)


def _rank(tag: Tag) -> int | None:
    """Return how clearly ``tag`` says that it is the article, 0 being clearest."""
    if tag.name == "article":
        return 0
    if "articlebody" in attribute(tag, "itemprop").lower():
        return 1
    if tag.name == "main" or attribute(tag, "role").lower() == "main":
        return 2
    if tag.name in ("div", "section", "td") and any(
        len(word) < 40 and _CONTENT.fullmatch(word)  # no class is longer
        for word in furniture.tokens(tag)
    ):
        return 3
    return None


def main_part(soup: BeautifulSoup) -> Tag | None:
    """Return the element of a page that holds its article, or its body, or None."""
    found: list[tuple[int, int, Tag]] = []
    total = 0
    stack: list[tuple[Iterator[object], Tag, int | None, int]] = [
        (iter(soup.contents), soup, None, 0)
    ]
    while stack:
        children, tag, rank, before = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if rank is not None:
                found.append((rank, total - before, tag))
        elif isinstance(child, Tag):
            if child.name in furniture.DROPPED_ELEMENTS or child.name in ("a", "head", "footer"):
                continue
            if furniture.is_dropped(child, furniture.tokens(child)):
                continue
            stack.append((iter(child.contents), child, _rank(child), total))
        elif type(child) is NavigableString:
            total += len(child.strip())
    body = soup.body
    for wanted in range(4):
        candidates = [
            (size, tag) for rank, size, tag in found if rank == wanted and size * 2 >= total
        ]
        if candidates and total:
            return min(candidates, key=lambda pair: pair[0])[1]
    return body
