"""Lists of links to other articles of the same outlet: no part of the one that they follow."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from newsgrep.ingest.layout import comparable
from newsgrep.ingest.nodes import Element
from newsgrep.ingest.tree import LOOK, elements, strings

CONTAINERS: Final = frozenset(("ul", "ol", "section", "aside"))
_LEAD_IN = re.compile(
    r"(?=.{0,40}(?:下面|以下|这里|這裡|此处|此處|回顾|回顧|看到|列表|系列|阅读|閱讀|前文|链接|鏈接|连结|連結|错过|錯過|更多|相关|相關"
    r"|\b(?:read|see|here|more|series)\b))[^。！？!?，,]{0,40}(?:[，,][^。！？!?，,]{0,40})?[:：]",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and what Cloudflare makes of somebody's."""


def host_of(url: str | None) -> str:
    """Return the host of ``url`` without ``www.``, empty if there is none."""
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def is_link_list(tag: Element, host: str) -> bool:
    """Tell whether ``tag`` is nothing but links to ``host``, the outlet's, or into this page."""
    links = [node for node in elements(tag) if node.name == "a"]
    if len(links) < (1 if tag.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += (host_of(address) or None) == host or not _ELSEWHERE.match(address)
    if inside * 5 < len(links) * 4:
        return False
    total = len(comparable("".join(strings(tag, limit=4 * LOOK))))
    plain = len(comparable("".join(strings(tag, limit=4 * LOOK, links=False))))
    return plain * 5 <= total


def is_lead_in(text: str) -> bool:
    """Tell whether a paragraph only leads over to a list, so that it goes where the list goes."""
    return len(text) <= 41 and _LEAD_IN.fullmatch(text) is not None  # longer says something
