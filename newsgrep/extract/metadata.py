"""Claims of a page about itself: meta tags, JSON-LD, microdata, ``time`` elements, bylines.

Claims are collected with their provenance, locator and rank: smaller ranks are better evidence.
Which claims to believe is decided later, in ``dates``, ``bylines``, ``outlets`` and ``titles``.
What states a date, and how well, is decided in ``dates``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract import dates
from newsgrep.extract.claims import Claim, ClaimField, Claims
from newsgrep.extract.dom import Element, css_selector, iter_text, short_text
from newsgrep.extract.whitespace import collapse_whitespace
from newsgrep.models import Provenance

_META_TITLES: Final = ("og:title", "twitter:title", "dc.title", "headline")
_META_AUTHORS: Final = frozenset(
    ("author", "article:author", "dc.creator", "parsely-author", "byl", "sailthru.author")
)
_META_SOURCES: Final = frozenset(("og:site_name", "application-name", "publisher", "dc.publisher"))
_META_TAGS: Final = frozenset(("keywords", "news_keywords", "article:tag", "parsely-tags"))
_MAX_PER_KIND: Final = 200
"""Elements of a kind that are read; on a page with more of them they mean nothing."""
_MAX_TAG: Final = 60
"""Characters of a topic; longer values are not topics."""
OUTSIDE_PENALTY: Final = 100
"""Added to the rank of claims from elements outside the article."""
_AUTHOR_CLASS = re.compile(
    r"(?:^|\s)(?:byline(?:-name)?|by-line|author(?:-name|s)?|field-name-author|post-author|p-author|"
    r"article-author|entry-author)(?:\s|$)",
    re.IGNORECASE,
)
_ARTICLE_TYPE = re.compile(r"Article|BlogPosting|Report|NewsStory", re.IGNORECASE)
_TAG_SPLIT = re.compile(r"[,，;；、]")
_MAX_JSON: Final = 500_000


class MetadataReader:
    """Collects the claims of one page while its elements are visited."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []
        self._tags: dict[str, None] = {}
        self._read_counts: Counter[str] = Counter()

    def claims(self) -> Claims:
        """Return all claims; the best evidence for each field comes first."""
        return Claims.ranked(self._claims, self._tags)

    def add_author(self, text: str, provenance: Provenance, rank: int, locator: str = "") -> None:
        """Add a claim about the authors."""
        if text:
            self._claims.append(Claim(ClaimField.AUTHORS, text, provenance, locator, rank))

    def add_date(self, text: str, provenance: Provenance, rank: int, locator: str = "") -> None:
        """Add a claim about the publication date."""
        if text:
            self._claims.append(Claim(ClaimField.PUBLISHED, text, provenance, locator, rank))

    def _add_source(self, text: str, provenance: Provenance, rank: int, locator: str) -> None:
        self._claims.append(Claim(ClaimField.SOURCE, text, provenance, locator, rank))

    def _add_title(self, text: str, provenance: Provenance, rank: int, locator: str) -> None:
        clean = collapse_whitespace(strip_invisible(text))
        if clean:
            self._claims.append(Claim(ClaimField.TITLE, clean, provenance, locator, rank))

    def read_head(self, element: Element) -> None:
        """Read a ``meta``, ``title``, ``link`` or ``script`` element."""
        if element.name == "title":
            text = "".join(iter_text(element, dropped=True))
            self._add_title(text, Provenance.TITLE_ELEMENT, 60, "")
        elif element.name == "link":
            if "canonical" in element.attribute("rel").lower().split():
                href = element.attribute("href")
                self._add_url(href, Provenance.LINK_ELEMENT, 10, "rel=canonical")
        elif element.name == "script":
            if "ld+json" in element.attribute("type").lower():
                self._read_json("".join(part for part in element.contents if isinstance(part, str)))
        else:
            self._read_meta(element)

    def _add_url(self, url: str, provenance: Provenance, rank: int, locator: str) -> None:
        if url.startswith(("http://", "https://")):
            self._claims.append(Claim(ClaimField.URL, url.strip(), provenance, locator, rank))

    def _read_meta(self, element: Element) -> None:
        content = element.attribute("content").strip()
        if not content:
            return
        for key in ("property", "name", "itemprop"):
            for name in element.attribute(key).lower().split():
                self._add_meta(name, content)

    def _add_meta(self, name: str, content: str) -> None:
        if (rank := dates.meta_rank(name)) is not None:
            self.add_date(content, Provenance.META_TAG, rank, name)
        elif name in _META_TITLES:
            rank = 40 + _META_TITLES.index(name)
            self._add_title(content, Provenance.META_TAG, rank, name)
        elif name in _META_AUTHORS:
            self.add_author(content, Provenance.META_TAG, 250, name)
        elif name in _META_SOURCES:
            rank = 10 + (name != "og:site_name")
            self._add_source(content, Provenance.META_TAG, rank, name)
        elif name in _META_TAGS:
            for item in _TAG_SPLIT.split(content):
                self._add_tag(item)
        elif name == "og:url":
            self._add_url(content, Provenance.META_TAG, 20, name)

    def _add_tag(self, text: str) -> None:
        clean = collapse_whitespace(strip_invisible(text)).lstrip("#＃").strip()
        if clean and len(clean) <= _MAX_TAG:
            self._tags.setdefault(clean)

    def _read_json(self, text: str) -> None:
        if len(text) > _MAX_JSON:
            return
        try:
            loaded = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return
        for node in _iter_articles(loaded):
            headline = "headline" if node.get("headline") else "name"
            for name in _text_values(node.get(headline)):
                self._add_title(name, Provenance.JSON_LD, 35, headline)
            key, value = dates.json_ld_date(node)
            for stated in _text_values(value):
                self.add_date(stated, Provenance.JSON_LD, dates.JSON_LD_RANK, key)
            for name in _text_values(node.get("author")):
                self.add_author(name, Provenance.JSON_LD, 240, "author")
            for name in _text_values(node.get("publisher")):
                self._add_source(name, Provenance.JSON_LD, 20, "publisher")
            for name in _text_values(node.get("keywords")):
                for item in _TAG_SPLIT.split(name):
                    self._add_tag(item)

    def read_properties(self, element: Element, penalty: int) -> None:
        """Read microdata and RDFa of an element, which may be hidden; add ``penalty`` to ranks."""
        stated = (
            (element.attribute("itemprop") + " " + element.attribute("property")).lower().split()
        )
        if not stated:
            return
        value = element.attribute("content") or element.attribute("datetime")
        for name in stated:
            if name in dates.PROPERTY_NAMES:
                rank = dates.PROPERTY_RANK + penalty
                self.add_date(value or short_text(element), Provenance.MICRODATA, rank, name)
            elif name in ("dc:title", "headline", "schema:headline") and value:
                self._add_title(value, Provenance.MICRODATA, 30 + penalty, name)
            elif name in ("author", "schema:author", "dc:creator"):
                text = value or short_text(element)
                self.add_author(text, Provenance.MICRODATA, 220 + penalty, name)
            elif name == "keywords":
                for item in _TAG_SPLIT.split(value or short_text(element)):
                    self._add_tag(item)

    def read_element(self, element: Element, *, outside: bool) -> None:
        """Read a visible element; ``outside`` is True outside the article."""
        penalty = OUTSIDE_PENALTY * outside
        name = element.name
        if name == "time":
            if self._may_read("time") and (claimed := dates.date_in_time_element(element)):
                text, rank = claimed
                where = css_selector(element)
                self.add_date(text, Provenance.TIME_ELEMENT, rank + penalty, where)
        elif name == "h1" and self._may_read("h1"):
            where = css_selector(element)
            self._add_title(short_text(element), Provenance.HEADING, 20 + penalty, where)
        elif name == "address" and self._may_read("address"):
            where = css_selector(element)
            self.add_author(short_text(element), Provenance.ADDRESS_ELEMENT, 5 + penalty, where)
        elif name == "a":
            rel = element.attribute("rel").lower().split()
            if "author" in rel:
                where = css_selector(element)
                self.add_author(short_text(element), Provenance.BYLINE, 10 + penalty, where)
            if "tag" in rel and not outside:
                self._add_tag(short_text(element))
        author = "class" in element.attrs and _AUTHOR_CLASS.search(element.attribute("class")[:300])
        if author and self._may_read("byline"):
            where = css_selector(element)
            self.add_author(short_text(element), Provenance.BYLINE, 12 + penalty, where)
        if ("property" in element.attrs or "itemprop" in element.attrs) and self._may_read(
            "property"
        ):
            self.read_properties(element, penalty)

    def _may_read(self, kind: str) -> bool:
        self._read_counts[kind] += 1
        return self._read_counts[kind] <= _MAX_PER_KIND


_MAX_JSON_NODES: Final = 500
_MAX_JSON_ITEMS: Final = 50


def _iter_articles(loaded: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in JSON-LD that describe an article."""
    stack, seen = [loaded], 0
    while stack and seen < _MAX_JSON_NODES:
        node = stack.pop()
        seen += 1
        if isinstance(node, list):
            stack.extend(reversed(node[:_MAX_JSON_ITEMS]))
        elif isinstance(node, dict):
            kinds = node.get("@type")
            if any(_ARTICLE_TYPE.search(kind) for kind in _text_values(kinds)):
                yield node
            stack.extend(node.get(key) for key in ("@graph", "mainEntity", "mainEntityOfPage"))


def _text_values(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    texts = (
        item.get("name") if isinstance(item, dict) else item for item in items[:_MAX_JSON_ITEMS]
    )
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]
