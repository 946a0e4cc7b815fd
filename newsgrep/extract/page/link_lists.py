"""Lists of links to other articles, by their addresses and by what is not in links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from newsgrep.extract.outlets import url_host
from newsgrep.extract.page.dom import MAX_NODES, SILENT_ELEMENTS, Element, iter_elements
from newsgrep.extract.whitespace import comparison_key

LINK_LIST_ELEMENTS: Final = frozenset(("ul", "ol", "section", "aside"))
"""Elements that may be such a list."""
_ABSOLUTE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and Cloudflare's form of mail addresses."""


def _is_at(address: str, host: str) -> bool:
    """Return whether ``host`` is the host of an absolute address."""
    if address.startswith(_beginnings(host)):
        return True
    return host in address.lower() and url_host(address) == host


@lru_cache(maxsize=64)
def _beginnings(host: str) -> tuple[str, ...]:
    return tuple(f"{scheme}://{www}{host}/" for scheme in ("https", "http") for www in ("www.", ""))


def is_link_list(element: Element, host: str) -> bool:
    """Return whether ``element`` contains only links to other articles of the same outlet.

    ``host`` is the outlet's, or empty.
    """
    links = [node for node in iter_elements(element) if node.name == "a"]
    if len(links) < (1 if element.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += not _ABSOLUTE_ADDRESS.match(address) or (host != "" and _is_at(address, host))
    if inside * 5 < len(links) * 4:
        return False
    linked, plain = _measure(element)
    return linked > 0 and plain * 4 <= linked


def _measure(element: Element) -> tuple[int, int]:
    """Return the letters in an element that are in links, and those that are not."""
    stack: list[tuple[Iterator[Element | str], bool]] = [(iter(element.contents), False)]
    letters = [0, 0]
    visited = 0
    while stack:
        nodes, in_link = stack[-1]
        for node in nodes:
            if visited >= MAX_NODES:
                return letters[True], letters[False]
            visited += 1
            if isinstance(node, str):
                if not node.isspace():
                    letters[in_link] += len(comparison_key(node))
            elif node.name not in SILENT_ELEMENTS:
                stack.append((iter(node.contents), in_link or node.name == "a"))
                break
        else:
            visited += 1
            stack.pop()
    return letters[True], letters[False]
