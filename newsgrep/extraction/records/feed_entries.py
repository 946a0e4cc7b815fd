"""The entries of RSS, Atom and RDF, as feedparser reads them, with the fields of an article."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import feedparser

from newsgrep.errors import NoArticle
from newsgrep.extraction.dates.forms import parse_date
from newsgrep.extraction.identity import entry_identity


class Unpublished(NamedTuple):
    """An entry that is not an article, and what it is."""

    kind: str


_TYPE: Final = {"content-type": "application/xml; charset=utf-8"}


def read_entries(text: str) -> Iterator[dict[str, Any] | Unpublished]:
    """Yield the entries in the text of a feed; raises :class:`NoArticle` if it cannot be read."""
    stream = io.BytesIO(text.encode("utf-8", "replace"))  # a string may be taken for an address
    try:
        parsed = feedparser.parse(stream, response_headers=_TYPE, sanitize_html=False)
    except (RecursionError, ValueError, AssertionError, LookupError, TypeError) as exc:
        raise NoArticle("a feed that is damaged or nested too deeply") from exc
    feed = parsed.get("feed", {})
    is_atom = str(parsed.get("version", "")).startswith("atom")
    for entry in parsed.get("entries", ()):
        kind = entry.get("wp_post_type", "post")
        status = entry.get("wp_status", "publish")
        if kind in _NOT_ARTICLES or status in _NOT_PUBLIC:
            yield Unpublished(f"WordPress {kind if kind in _NOT_ARTICLES else status}")
        else:
            yield dict(_fields(entry, feed, is_atom=is_atom))


_NOT_ARTICLES: Final = frozenset((
    "attachment", "nav_menu_item", "revision", "custom_css", "customize_changeset", "wp_block",
    "wp_template", "wp_template_part", "wp_global_styles", "wp_navigation", "oembed_cache",
))  # fmt: skip
_NOT_PUBLIC: Final = frozenset(("draft", "auto-draft", "pending", "trash", "private", "inherit"))


def _fields(
    entry: Mapping[str, Any], feed: Mapping[str, Any], *, is_atom: bool
) -> Iterator[tuple[str, Any]]:
    yield "body", _content(entry) or entry.get("summary") or entry.get("description")
    yield "title", _title(entry)
    yield "url", entry.get("feedburner_origlink") or entry.get("link")
    yield "published", _published(entry)
    authors = _names(entry) or (_names(feed) if is_atom else [])
    yield "authors", authors
    tags = [tag.get("label") or tag.get("term") for tag in entry.get("tags", ())]
    yield "tags", [tag for tag in tags if tag and "://" not in tag]
    origin = entry.get("source") or {}
    yield "source", _feed_title(origin.get("title") or feed.get("title") or "")
    scope = feed.get("id") or feed.get("link") or feed.get("title")
    yield "identity", entry_identity(entry.get("id"), scope)


def _content(entry: Mapping[str, Any]) -> str:
    """Return the longest content that is text."""
    found = [
        str(each.get("value", ""))
        for each in entry.get("content", ())
        if str(each.get("type", "text")).startswith(("text", "application/xhtml"))
    ]
    best = max(found, key=len, default="")
    return best if best.strip() else ""


_INLINE_TAG: Final = re.compile(
    r"</?(?:a|b|i|u|em|strong|span|font|sub|sup|br|wbr|mark|small)(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)


def _title(entry: Mapping[str, Any]) -> str:
    title = str(entry.get("title") or "")
    is_html = "html" in str(entry.get("title_detail", {}).get("type", ""))
    return _INLINE_TAG.sub("", title) if is_html else title


def _published(entry: Mapping[str, Any]) -> str | None:
    """Return the date as it is written if it can be read, because its zone says the day."""
    for key in ("published", "created", "updated"):
        if not dict.__contains__(entry, key):  # get() would return another
            continue
        # In Chinese feeds this is the time of China, elsewhere that of Chicago.
        text = str(entry[key]).strip().removesuffix(" CST")
        if parse_date(text):
            return text
        parsed = entry.get(f"{key}_parsed")
        if isinstance(parsed, time.struct_time):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", parsed)
    return None


_EMAIL: Final = re.compile(r"<?[^\s<>()@]{1,100}@[^\s<>()]{1,100}>?")


def _names(stated: Mapping[str, Any]) -> list[str]:
    """Return the names of authors without their mail addresses.

    A single author is read from its text: feedparser divides addresses of some domains wrongly.
    """
    authors = [str(each.get("name") or "") for each in stated.get("authors", ())]
    if len(authors) < 2:
        authors = [str(stated.get("author") or "")]
    names = [_EMAIL.sub("", name).strip(" ()") for name in authors]
    return [name for name in names if name]


_OF_FEEDS: Final = re.compile(
    r"\s*[-–—|:：·]?\s*(?:RSS(?:\s?Feed)?|Atom|Feed|订阅)\s*$", re.IGNORECASE
)


def _feed_title(title: str) -> str:
    return _OF_FEEDS.sub("", title) or title
