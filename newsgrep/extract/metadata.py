"""What a page says about itself beside its text: meta tags, JSON-LD, microdata, bylines.

Claims are collected as they stand, each with its place; nobody decides here which is true.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract.claims import Claim, Claims
from newsgrep.extract.dom import Element
from newsgrep.extract.tree import iter_text
from newsgrep.extract.whitespace import collapse_whitespace
from newsgrep.models import Provenance

_META_DATES: Final = {
    name: rank
    for rank, name in enumerate(
        (
            "article:published_time",
            "og:article:published_time",
            "datepublished",
            "og:published_time",
            "og:release_date",
            "publishdate",
            "pubdate",
            "publish_date",
            "publication_date",
            "parsely-pub-date",
            "sailthru.date",
            "dc.date.issued",
            "dcterms.created",
            "dcterms.issued",
            "dc.date",
            "date",
            "weibo:article:create_at",
            "bytedance:published_time",
        )
    )
}
_META_TITLES: Final = ("og:title", "twitter:title", "dc.title", "headline")
_META_AUTHORS: Final = frozenset(
    ("author", "article:author", "dc.creator", "parsely-author", "byl", "sailthru.author")
)
_META_SOURCES: Final = frozenset(("og:site_name", "application-name", "publisher", "dc.publisher"))
_META_TAGS: Final = frozenset(("keywords", "news_keywords", "article:tag", "parsely-tags"))
_PUBLISHED = re.compile(
    r"(?:^|\s)(?:published|datepublished|entry-date|entry-time|pub-?date|post-date|dt-published|publish\S*)(?:\s|$)",
    re.IGNORECASE,
)
_UPDATED = re.compile(
    r"(?:^|\s)(?:updated|modified|dt-updated|date-?modified)(?:\s|$)", re.IGNORECASE
)
_UPDATE_LABEL = re.compile(
    r"(?:(?:最后|最後|最近)?(?:更新|修改|修訂|修订|编辑|編輯)(?:时间|時間|日期|于|於|在)?"
    r"|\b(?:last\s+)?(?:updated|modified|edited)(?:\s+(?:on|at))?)\s*[:：]?\s*$",
    re.IGNORECASE,
)
_MIN_RUNNING_TEXT: Final = 80
"""Characters: a paragraph of more is text, and a time in it is when something happened."""
_MAX_PER_KIND: Final = 200
"""Elements of a kind that are looked at; a page that has more says nothing with them."""
_AUTHOR_CLASS = re.compile(
    r"(?:^|\s)(?:byline(?:-name)?|by-line|author(?:-name|s)?|field-name-author|post-author|p-author|"
    r"article-author|entry-author)(?:\s|$)",
    re.IGNORECASE,
)
_ARTICLE_TYPE = re.compile(r"Article|BlogPosting|Report|NewsStory", re.IGNORECASE)
_TAG_SPLIT = re.compile(r"[,，;；、]")
_MAX_JSON: Final = 500_000


class MetadataReader:
    """Collects claims during a walk; smaller ranks are better evidence."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self._titles: list[tuple[int, Claim]] = []
        self._sources: list[tuple[int, Claim]] = []
        self._authors: list[tuple[int, Claim]] = []
        self._dates: list[tuple[int, Claim]] = []
        self._urls: list[tuple[int, Claim]] = []
        self._tags: dict[str, None] = {}
        self._looks: Counter[str] = Counter()

    def claims(self) -> Claims:
        """Return all claims, best first."""

        def ordered(ranked: list[tuple[int, Claim]]) -> tuple[Claim, ...]:
            return tuple(claim for _, claim in sorted(ranked, key=lambda pair: pair[0]))

        return Claims(
            titles=ordered(self._titles),
            sources=ordered(self._sources),
            authors=ordered(self._authors),
            dates=ordered(self._dates),
            urls=ordered(self._urls),
            tags=tuple(self._tags),
        )

    def author(self, text: str, provenance: Provenance, rank: int) -> None:
        """Note who is named as author."""
        if text:
            self._authors.append((rank, Claim(text, provenance)))

    def date(self, text: str, provenance: Provenance, rank: int) -> None:
        """Note when the article is said to be published."""
        if text:
            self._dates.append((rank, Claim(text, provenance)))

    def _title(self, text: str, provenance: Provenance, rank: int) -> None:
        clean = collapse_whitespace(strip_invisible(text))
        if clean:
            self._titles.append((rank, Claim(clean, provenance)))

    def head(self, tag: Element) -> None:
        """Read a ``meta``, ``title``, ``link`` or ``script`` element."""
        if tag.name == "title":
            self._title("".join(iter_text(tag, all_of_it=True)), Provenance.TITLE_ELEMENT, 60)
        elif tag.name == "link":
            if "canonical" in tag.attribute("rel").lower().split():
                self._url(tag.attribute("href"), Provenance.LINK_ELEMENT, 10)
        elif tag.name == "script":
            if "ld+json" in tag.attribute("type").lower():
                self._json("".join(part for part in tag.contents if isinstance(part, str)))
        else:
            self._meta(tag)

    def _url(self, url: str, provenance: Provenance, rank: int) -> None:
        if url.startswith(("http://", "https://")):
            self._urls.append((rank, Claim(url.strip(), provenance)))

    def _meta(self, tag: Element) -> None:
        content = tag.attribute("content").strip()
        if not content:
            return
        for key in ("property", "name", "itemprop"):
            for name in tag.attribute(key).lower().split():
                self._meta_value(name, content)

    def _meta_value(self, name: str, content: str) -> None:
        if name in _META_DATES:
            self.date(content, Provenance.META_TAG, 30 + _META_DATES[name])
        elif name in _META_TITLES:
            self._title(content, Provenance.META_TAG, 40 + _META_TITLES.index(name))
        elif name in _META_AUTHORS:
            self.author(content, Provenance.META_TAG, 50)
        elif name in _META_SOURCES:
            self._sources.append(
                (10 + (name != "og:site_name"), Claim(content, Provenance.META_TAG))
            )
        elif name in _META_TAGS:
            for item in _TAG_SPLIT.split(content):
                self._tag(item)
        elif name == "og:url":
            self._url(content, Provenance.META_TAG, 20)

    def _tag(self, text: str) -> None:
        clean = collapse_whitespace(strip_invisible(text)).lstrip("#＃").strip()
        if clean and len(clean) <= 60:  # longer is no tag
            self._tags.setdefault(clean)

    def _json(self, text: str) -> None:
        if len(text) > _MAX_JSON:
            return
        try:
            loaded = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return
        for node in _iter_articles(loaded):
            for name in _text_values(node.get("headline") or node.get("name")):
                self._title(name, Provenance.JSON_LD, 35)
            for stated in _text_values(node.get("datePublished") or node.get("dateCreated")):
                self.date(stated, Provenance.JSON_LD, 25)
            for name in _text_values(node.get("author")):
                self.author(name, Provenance.JSON_LD, 40)
            for name in _text_values(node.get("publisher")):
                self._sources.append((20, Claim(name, Provenance.JSON_LD)))
            for name in _text_values(node.get("keywords")):
                for item in _TAG_SPLIT.split(name):
                    self._tag(item)

    def properties(self, tag: Element, rank: int, text: Callable[[Element], str]) -> None:
        """Read microdata and RDFa of ``tag``, seen or hidden."""
        stated = (tag.attribute("itemprop") + " " + tag.attribute("property")).lower().split()
        if not stated:
            return
        value = tag.attribute("content") or tag.attribute("datetime")
        outside = 100 * rank
        for name in stated:
            if name in (
                "datepublished",
                "dc:date",
                "dc:created",
                "dcterms:created",
                "schema:datepublished",
            ):
                self.date(value or text(tag), Provenance.MICRODATA, 20 + outside)
            elif name in ("dc:title", "headline", "schema:headline") and value:
                self._title(value, Provenance.MICRODATA, 30 + outside)
            elif name in ("author", "schema:author", "dc:creator"):
                self.author(value or text(tag), Provenance.MICRODATA, 20 + outside)
            elif name == "keywords":
                for item in _TAG_SPLIT.split(value or text(tag)):
                    self._tag(item)

    def element(self, tag: Element, rank: int, text: Callable[[Element], str]) -> None:
        """Read an element of the page; ``rank`` 0 inside of the article, 1 outside."""
        outside = 100 * rank
        name = tag.name
        if name == "time":
            if self._may_look("time"):
                self._time(tag, outside, text)
        elif name == "h1" and self._may_look("h1"):
            self._title(text(tag), Provenance.HEADING, 20 + outside)
        elif name == "address" and self._may_look("address"):
            self.author(text(tag), Provenance.ADDRESS_ELEMENT, 5 + outside)
        elif name == "a":
            rel = tag.attribute("rel").lower().split()
            if "author" in rel:
                self.author(text(tag), Provenance.BYLINE, 10 + outside)
            if "tag" in rel and not rank:
                self._tag(text(tag))
        author = "class" in tag.attrs and _AUTHOR_CLASS.search(tag.attribute("class")[:300])
        if author and self._may_look("byline"):
            self.author(text(tag), Provenance.BYLINE, 12 + outside)
        if ("property" in tag.attrs or "itemprop" in tag.attrs) and self._may_look("property"):
            self.properties(tag, rank, text)

    def _may_look(self, kind: str) -> bool:
        self._looks[kind] += 1
        return self._looks[kind] <= _MAX_PER_KIND

    def _time(self, tag: Element, outside: int, text: Callable[[Element], str]) -> None:
        classes = " ".join(tag.attribute(name)[:300] for name in ("class", "itemprop", "property"))
        published = bool(_PUBLISHED.search(classes)) or "pubdate" in tag.attrs
        if not published and (
            _UPDATED.search(classes)
            or _UPDATE_LABEL.search(_text_before(tag))
            or _in_running_text(tag, text)
        ):
            return
        stated = tag.attribute("datetime").strip()
        rank = 2 if published else 8
        if stated:
            self.date(stated, Provenance.TIME_ELEMENT, rank + outside)
        else:
            self.date(text(tag), Provenance.TIME_ELEMENT, rank + 1 + outside)


def _text_before(tag: Element) -> str:
    """Return the end of what stands before ``tag``, where its label is."""
    for _ in range(3):
        parent = tag.parent
        if parent is None:
            break
        for previous in reversed(parent.contents[: tag.place]):
            if isinstance(previous, Element):
                last = previous.contents[-1] if previous.contents else None
                return last.strip()[-40:] if isinstance(last, str) else ""
            if previous.strip():
                return previous.strip()[-40:]
        if parent.name not in _INLINE_ELEMENTS:
            break
        tag = parent
    return ""


def _in_running_text(tag: Element, text: Callable[[Element], str]) -> bool:
    parent = tag.parent
    for _ in range(3):
        if parent is None or parent.name not in _INLINE_ELEMENTS:
            break
        parent = parent.parent
    if parent is None or parent.name not in ("p", "li", "td", "dd", "blockquote"):
        return False
    whole = text(parent)
    beside = len(whole) - len(text(tag))
    return beside > _MIN_RUNNING_TEXT or (beside > 10 and any(mark in whole for mark in "。！？"))


_INLINE_ELEMENTS: Final = frozenset(("span", "em", "strong", "b", "i", "a", "small"))


def _iter_articles(loaded: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in JSON-LD that describe an article."""
    stack, seen = [loaded], 0
    while stack and seen < 500:  # a page describes itself, not the world
        node = stack.pop()
        seen += 1
        if isinstance(node, list):
            stack.extend(reversed(node[:50]))
        elif isinstance(node, dict):
            kinds = node.get("@type")
            if any(_ARTICLE_TYPE.search(kind) for kind in _text_values(kinds)):
                yield node
            stack.extend(node.get(key) for key in ("@graph", "mainEntity", "mainEntityOfPage"))


def _text_values(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    texts = (item.get("name") if isinstance(item, dict) else item for item in items[:50])
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]
