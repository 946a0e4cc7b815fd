"""One pass over the elements of a page: what may state a date, and where the headline is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from newsgrep.extraction.dates.forms import may_state_date
from newsgrep.extraction.dates.surroundings import MAX_NAMES
from newsgrep.extraction.page.dom import Element, Tree, short_text
from newsgrep.extraction.whitespace import comparison_key

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


MAX_CANDIDATES: Final = 300
"""Texts with digits that are looked at; a page with more of them is a table or a list."""
_MAX_TEXT: Final = 120
"""Characters of a text with a date; its line may be longer."""
LONG_TEXT: Final = 60
"""Characters of a text that counts as running text."""
_MIN_TITLE: Final = 4
_MIN_INSIDE: Final = 8
_MIN_BARE_TITLE: Final = 8
MAX_TITLES: Final = 3
_NO_TITLE: Final = 4
"""Level of a heading that is not the title."""
MAX_TITLE: Final = 300
NAMED = re.compile(
    r"date|datum|fecha|(?<!status-)publi|pub-?time|posted|(?<![a-z])time(?!line|out|table)|byline|submitted|post-?footer|entry-footer|post-?meta|(?:^|[\s_-])(?:meta|info)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NOT_SHOWN: Final = frozenset(("script", "style", "title", "textarea", "option"))
_HEADINGS: Final = frozenset(("h1", "h2", "h3"))
_SPECIAL: Final = _NOT_SHOWN | {"html"}
_TITLE_NAMES = re.compile(r"title|headline|titel|subject", re.IGNORECASE)
STATING_ATTRIBUTES: Final = (
    "datetime", "data-utime", "data-time", "data-date", "data-datetime", "data-timestamp", "data-val",
    "data-publish-time", "data-published", "data-pubdate", "title",
)  # fmt: skip
_STATING: Final = frozenset(STATING_ATTRIBUTES)


@dataclass(slots=True)
class Scan:
    """What one pass over the elements collects, with positions in document order."""

    texts: list[tuple[int, Element, int]] = field(default_factory=list)
    stating: list[tuple[int, Element]] = field(default_factory=list)
    running: list[tuple[int, int]] = field(default_factory=list)
    headings: list[tuple[int, Element]] = field(default_factory=list)
    bare_titles: list[tuple[int, Element, int]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    language: str = ""


def scan_page(tree: Tree, titles: tuple[str, ...]) -> Scan:
    """Return what the elements of ``tree`` state; ``titles`` are what the head of the page states.

    A text that begins one of the titles, above all running text, may be the headline.
    """
    scan = Scan()
    texts, running = scan.texts, scan.running
    with_text = tree.with_text
    begins = {title[:1] for title in titles}
    for position, element in enumerate(tree.elements):
        name, attrs = element.name, element.attrs
        if name in _SPECIAL:
            if name in _NOT_SHOWN:
                inner = name == "script" and "src" not in attrs
                if inner and "ld+json" not in attrs.get("type", ""):
                    scan.scripts += [part for part in element.contents if isinstance(part, str)]
                continue
            if name == "html":
                scan.language = attrs.get("lang", attrs.get("xml:lang", "")).lower()
        titled = name in _HEADINGS
        if attrs:
            if name == "time" or (not _STATING.isdisjoint(attrs) and _may_state(attrs, name)):
                scan.stating.append((position, element))
            if not titled:
                titled = _names_title(attrs["class"]) if "class" in attrs else False
                if not titled and "id" in attrs:
                    titled = _names_title(attrs["id"])
        elif name == "time":
            scan.stating.append((position, element))
        if titled:
            scan.headings.append((position, element))
        if element not in with_text:
            continue
        for index, part in enumerate(element.contents):
            if type(part) is not str or len(part) <= 3:
                continue
            if len(part) >= LONG_TEXT and (length := len(part.strip())) >= LONG_TEXT:
                running.append((position, length))
            if titles and len(part) > _MIN_BARE_TITLE and not running:
                stripped = part.strip()
                bare = stripped[:1] in begins and len(stripped) > _MIN_BARE_TITLE
                if bare and any(title.startswith(stripped) for title in titles):
                    scan.bare_titles.append((position, element, len(stripped)))
            if len(part) <= _MAX_TEXT and may_state_date(part) and len(texts) < MAX_CANDIDATES:
                texts.append((position, element, index))
    return scan


@lru_cache(maxsize=5000)  # pages of an outlet have the same classes
def _names_title(names: str) -> bool:
    return bool(names) and _TITLE_NAMES.search(names[:MAX_NAMES]) is not None


def _may_state(attrs: Mapping[str, str], name: str) -> bool:
    """Return whether one of the stating attributes of an element may state a date."""
    return (
        "datetime" in attrs
        or name == "abbr"
        or ("class" in attrs and NAMED.search(attrs["class"][:MAX_NAMES]) is not None)
    )


def find_headline(scan: Scan, titles: Iterable[str]) -> tuple[int, Element] | None:
    """Return the element whose text is the title, or the beginning of one; h1 before others."""
    keys = [comparison_key(title) for title in titles]
    best: tuple[int, int, int, Element] | None = None
    for position, element in scan.headings[:MAX_CANDIDATES]:
        key = comparison_key(short_text(element)[:MAX_TITLE])
        if len(key) < _MIN_TITLE:
            continue
        # Keys have no spaces: a short one may be found across two words.
        inside = len(key) >= _MIN_INSIDE
        matches = any(title.startswith(key) or (inside and key in title) for title in keys)
        level = {"h1": 0, "h2": 1, "h3": 2}.get(element.name, 3)
        if matches:
            order = (level, -len(key), position, element)
        elif element.name == "h1":
            order = (_NO_TITLE, 0, position, element)
        else:
            continue
        if best is None or order[:3] < best[:3]:
            best = order
    if scan.bare_titles and (best is None or best[0] == _NO_TITLE):
        position, element, _ = max(scan.bare_titles, key=lambda each: (each[2], each[0]))
        return position, element
    return (best[2], best[3]) if best else None
