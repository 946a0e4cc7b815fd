"""Headlines: the parts of a page's title, and where the page shows one of them by itself.

A ``title`` element is a headline with sections and the name of the site around it. Which part is
the headline is seen from the page: it shows the headline by itself, and often in a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from newsgrep.analysis.characters import SOLO
from newsgrep.extraction.outlets import url_host
from newsgrep.extraction.page.dom import MIN_OWN_TEXT, Element, Tree, iter_elements, short_text
from newsgrep.extraction.whitespace import comparison_key

_SEPARATOR = re.compile(
    r"\s*(?:[|｜︱丨┃_»«›‹•·~]|--|——|::|>)+\s*|\s+[-–—:：/]\s+|(?<=\S)[:：]\s+|(?<=\S)\s[:：](?=\S)"
    rf"|(?<=[{SOLO}\w！？。”》）」』】)])[-–—－](?=[{SOLO}\w])"
)
"""What separates the parts of a title. Some of these signs also occur inside headlines."""
_MAX_TITLE: Final = 400
_MAX_PARTS: Final = 10
_MIN_KEY: Final = MIN_OWN_TEXT
"""Letters and digits; a shorter part of a title occurs anywhere."""
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_MAX_HEADINGS: Final = 60
_MAX_PROBES: Final = 100
_MAX_LEVELS: Final = 6
"""Elements around a text that are looked at: a headline may be in several lines."""
_MAX_HOME_LINKS: Final = 8
_MAX_HREF: Final = 200
_MAX_SLASHES: Final = 3
"""Slashes in the longest address of a home page."""
_HOME_PATHS: Final = frozenset(("", "/", "./", "../", "index.html", "/index.html", "/index.htm"))
_NOT_SHOWN: Final = frozenset(("title", "option", "textarea", "button", "label", "script", "style"))


def title_parts(title: str) -> Iterator[tuple[str, bool]]:
    """Yield the ways to cut ``title`` at separators: what, and whether the rest is behind it.

    >>> list(title_parts("Fog_Harbour - Site"))[:2]
    [('Fog_Harbour', True), ('Fog', True)]
    """
    if len(title) > _MAX_TITLE:
        return
    cuts = [match.span() for match in _SEPARATOR.finditer(title) if match.start() > 0][:_MAX_PARTS]
    for begin, _ in reversed(cuts):
        yield title[:begin].strip(), True
    for _, end in cuts:
        if rest := title[end:].strip():
            yield rest, False


def title_sections(title: str) -> list[str]:
    """Return what is between two separators of ``title``: names of sections in most titles.

    >>> title_sections("Fog delays ferries | News | Site")
    ['News']
    """
    if len(title) > _MAX_TITLE:
        return []
    return [part for part in _SEPARATOR.split(title)[1:-1] if part]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: its ``headlines`` with their elements, and the names of the ``site``.

    ``main`` is the ``h1`` of the article, if there is one. A heading that links to the home page
    is a name of the site.
    """

    headlines: tuple[tuple[str, Element], ...] = ()
    site: tuple[str, ...] = ()
    main: Element | None = None


def find_headlines(
    tree: Tree, root: Element | None, titles: Iterable[str], urls: Iterable[str]
) -> Shown:
    """Return where the page ``tree``, from one of ``urls``, shows its ``titles`` or their parts.

    ``root`` contains the article. Headings are looked at first, other elements only if no heading
    is a part of a title.
    """
    site: dict[str, None] = {}
    headings: list[tuple[int, Element]] = []
    home_links = begin = 0
    home = Home(urls)
    for index, element in enumerate(tree.elements):
        name = element.name
        if name in _HEADINGS:
            headings.append((index, element))
        elif name == "a" and home_links < _MAX_HOME_LINKS:
            if home.is_at(element.attribute("href")):
                home_links += 1
                site.update(dict.fromkeys(_names_in(element)))
        elif element is root:
            begin = index
    keys, starts = _wanted(titles)
    found: dict[str, Element] = {}
    h1s: list[tuple[bool, Element]] = []
    for index, heading in headings[:_MAX_HEADINGS]:
        text = short_text(heading)
        if _links_home(heading, home):
            site.setdefault(text)
            continue
        if heading.name == "h1":
            h1s.append((index < begin, heading))
        if comparison_key(text) in keys:
            found.setdefault(text.rstrip(" :：|"), heading)
    keys -= {comparison_key(name) for name in site}
    if starts and not any(comparison_key(text) in keys for text in found):
        found.update(_find_texts(tree, keys, starts))
    return Shown(tuple(found.items()), tuple(site), _main_heading(h1s, root))


def _main_heading(h1s: list[tuple[bool, Element]], root: Element | None) -> Element | None:
    """Return the first heading in the article, else the last one before it, else the first.

    ``h1s`` has for each heading whether it begins before the ``root`` of the article.
    """
    inside = next((each for _, each in h1s if root and _is_inside(each, root)), None)
    before = [each for is_before, each in h1s if is_before]
    return inside or (before[-1] if before else next((each for _, each in h1s), None))


def _is_inside(element: Element, root: Element) -> bool:
    """Return whether ``root`` is around ``element``."""
    around: Element | None = element
    while around is not None and around is not root:
        around = around.parent
    return around is not None


def _wanted(titles: Iterable[str]) -> tuple[set[str], tuple[str, ...]]:
    """Return the keys of ``titles`` and their parts, and the characters that these begin with."""
    parts = [part for title in titles for part, _ in ((title, True), *title_parts(title))]
    wanted = {key: part[:3] for part in parts if len(key := comparison_key(part)) >= _MIN_KEY}
    return set(wanted), tuple(set(wanted.values()))


def _find_texts(
    tree: Tree, keys: set[str], starts: tuple[str, ...]
) -> Iterator[tuple[str, Element]]:
    """Yield the elements whose text is one of the parts of a title with ``keys``."""
    longest = max(map(len, keys), default=0)
    probes = 0
    for element in tree.elements:
        for node in element.contents if element in tree.with_text else ():
            if type(node) is not str:
                continue
            text = node.lstrip()
            if not text.startswith(starts):
                continue
            if element.name in _NOT_SHOWN or len(text) > _MAX_TITLE:
                break
            probes += 1
            if probes > _MAX_PROBES:
                return
            shown: Element | None = element
            for _ in range(_MAX_LEVELS):
                if shown is None or shown.name in _NOT_SHOWN:
                    break
                text = short_text(shown)
                key = comparison_key(text)
                if key in keys:
                    yield text.rstrip(" :：|"), shown
                    break
                if len(key) > longest:
                    break
                shown = shown.parent
            break


class Home:
    """The home page of a site: that of the host of ``urls``, else the first one linked to."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._hosts = {host for url in urls if (host := url_host(_original(url)))}

    def is_at(self, href: str) -> bool:
        """Return whether ``href`` is the address of the home page."""
        if not href or len(href) > _MAX_HREF:
            return False
        address = _original(href) if "/http" in href else href
        if address.count("/") > _MAX_SLASHES and "#" not in address:
            return False
        if address in _HOME_PATHS:
            return True
        if "?" in address or not address.startswith(("http://", "https://", "//")):
            return False
        slash = address.find("/", address.find("//") + 2)
        path = address[slash:].partition("#")[0] if slash >= 0 else ""
        host = url_host(address) if path in _HOME_PATHS else None
        if host is None:
            return False
        self._hosts = self._hosts or {host}
        return host in self._hosts


def _original(address: str) -> str:
    """Return what ``address``, of the Wayback Machine, is a copy of, or ``address`` itself."""
    _, archived, original = address.rpartition("/http")
    return "http" + original if archived else address


def _links_home(heading: Element, home: Home) -> bool:
    """Return whether ``heading`` is the name of the site: a link to its home page."""
    parent = heading.parent
    links = [node for node in iter_elements(heading, limit=40) if node.name == "a"]
    if parent is not None and parent.name == "a":
        links.append(parent)
    return any(home.is_at(link.attribute("href")) for link in links)


def _names_in(link: Element) -> Iterator[str]:
    """Yield the text of a link to the home page, and of the image in it."""
    if text := short_text(link):
        yield text
    for node in iter_elements(link, limit=20):
        if node.name == "img" and (alt := node.attribute("alt").strip()):
            yield alt
