"""New articles as an Atom feed (RFC 4287) in a file, which feed readers and web servers read.

A run adds entries to those of earlier runs, so that a reader that comes rarely misses none of the
last :data:`MAX_ENTRIES`. An article that is new for several saved queries is one entry, with a
category for each. Atom has no place for dates without a time of day; the summary begins with them.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lxml import etree

from newsgrep._io import read_regular
from newsgrep.errors import InputError
from newsgrep.models import Article, Hit, Precision
from newsgrep.terminal import one_line, quote_path
from newsgrep.views.article import web_link
from newsgrep.views.new import NewArticles

MAX_ENTRIES: Final = 500
"""Entries of a feed; the oldest are dropped."""

_ATOM: Final = "http://www.w3.org/2005/Atom"
_TITLE: Final = "newsgrep: new articles"
_INVALID: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot contain."""

_NAMESPACE: Final = uuid.UUID("fbd33e90-646b-5cde-b83d-c23aa82bd610")
"""The namespace of the ids of entries; it must not change, or readers show old entries again."""


def to_atom(new: NewArticles, *, path: Path, time: str) -> bytes:
    """Return the feed in ``path``, if there is one, with the ``new`` articles of a saved query.

    ``time`` (``YYYY-MM-DDTHH:MM:SSZ``) is when they were found. Raises :class:`InputError` if the
    file is something else than a feed of newsgrep.
    """
    feed = _read_feed(path, time)
    old = feed.findall(_tag("entry"))
    known = {entry.findtext(_tag("id")): entry for entry in old}
    added = []
    for hit in new.hits:
        identity = _identity(hit.article.id)
        entry = known.get(identity)
        if entry is None:  # else another saved query has found it
            entry = known[identity] = _entry(hit, identity, time)
            added.append(entry)
        terms = {each.get("term") for each in entry.findall(_tag("category"))}
        if (term := _clean(new.name)) not in terms:
            etree.SubElement(entry, _tag("category"), term=term)
    for entry in old:
        feed.remove(entry)
    feed.extend([*added, *old][:MAX_ENTRIES])
    updated = feed.find(_tag("updated"))
    if updated is not None:
        updated.text = time
    etree.indent(feed)
    data: bytes = etree.tostring(feed, xml_declaration=True, encoding="utf-8")
    return data + b"\n"


def _new_feed(path: Path, time: str) -> Any:
    feed = etree.Element(_tag("feed"), nsmap={None: _ATOM})
    _add(feed, "title", _TITLE)
    _add(feed, "id", _identity(str(path.absolute())))
    _add(feed, "updated", time)
    _add(_add(feed, "author"), "name", "newsgrep")
    return feed


def _read_feed(path: Path, time: str) -> Any:
    """Return the feed in ``path``, or an empty one if there is no file."""
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return _new_feed(path, time)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        feed = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        feed = None
    if feed is None or feed.tag != _tag("feed") or feed.findtext(_tag("title")) != _TITLE:
        raise InputError(
            "{path} is not a feed that newsgrep wrote. Name a new file.", path=quote_path(str(path))
        )
    return feed


def _entry(hit: Hit, identity: str, time: str) -> Any:
    article = hit.article
    entry = etree.Element(_tag("entry"))
    _add(entry, "title", one_line(article.title))
    _add(entry, "id", identity)
    _add(entry, "updated", time)
    if published := _timestamp(article):
        _add(entry, "published", published)
    if link := web_link(article.url):
        etree.SubElement(entry, _tag("link"), rel="alternate", href=link)
    for name in article.authors or filter(None, (article.source,)):
        _add(_add(entry, "author"), "name", one_line(name))
    date = article.published.iso if article.published and not published else ""
    parts = (article.source or "", date, *(snippet.text for snippet in hit.snippets))
    _add(entry, "summary", " · ".join(one_line(part) for part in parts if part))
    return entry


def _timestamp(article: Article) -> str:
    """Return the time of publication as Atom requires it, or "" if it is less precise."""
    published = article.published
    if published is None or published.precision not in {Precision.MINUTE, Precision.SECOND}:
        return ""
    return datetime.fromisoformat(published.iso).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(name: str) -> str:
    return uuid.uuid5(_NAMESPACE, name.encode("utf-8", "replace").decode()).urn


def _add(parent: Any, name: str, text: str | None = None) -> Any:
    child = etree.SubElement(parent, _tag(name))
    child.text = text and _clean(text)
    return child


def _clean(text: str) -> str:
    return _INVALID.sub("\ufffd", text)


def _tag(name: str) -> str:
    return f"{{{_ATOM}}}{name}"
