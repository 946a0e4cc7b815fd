"""Feeds that were saved as files: RSS, Atom, RDF and JSON Feed; each entry is a record.

Exports of WordPress are RSS, too: their drafts, menus and attachments are not articles.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats import ENTRY_FORMAT
from newsgrep.extraction.identity import entry_identity
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    MissingPackage,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    pack_fields,
)
from newsgrep.messages import message

_XML: Final = re.compile(
    # Atomic groups: otherwise the end of a comment could be searched in the comments after it.
    rb"\s*+(?>(?>"
    rb"<\?[^>]{0,500}>|<!--.{0,2000}?-->|<!DOCTYPE[^>\[]{0,300}(?:\[.{0,4000}?\]\s*)?>"
    rb")\s*+)*+"
    rb"<(?:rss[\s>]|(?:[a-z]{1,9}:)?feed\s[^>]{0,2000}Atom|(?:[a-z]{1,9}:)?RDF\s[^>]{0,2000}/rss/)",
    re.DOTALL | re.IGNORECASE,
)
_JSON: Final = re.compile(
    rb'\s*\{.{0,2000}?"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org', re.DOTALL
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES: Final = 8192


def recognises(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a feed."""
    sample = _plain(head)
    return _XML.match(sample) is not None or _is_json(sample)


def _plain(head: bytes) -> bytes:
    """Return the beginning of a file without a byte order mark, in an encoding like ASCII."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            text = head[len(mark) : len(mark) + _SAMPLE_BYTES].decode(encoding, "replace")
            return text.encode("utf-8", "replace")
    return head[:_SAMPLE_BYTES]


def _is_json(sample: bytes) -> bool:
    return _JSON.match(sample) is not None


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each entry; ``data`` is a JSON object of what it states."""
    with source.open_stream() as stream:
        data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("a feed of more than 64M")
    text = decode(data).text
    if _is_json(_plain(data)):
        yield from _json_records(text)
    else:
        yield from _xml_records(text, options)


_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]{0,500}\?>")
_DOCTYPE: Final = re.compile(
    r"<!DOCTYPE[^>\[]{0,300}(?:\[.{0,4000}?\]\s*)?>", re.DOTALL | re.IGNORECASE
)
_BEGINNING: Final = re.compile(r"<(?:[\w-]{1,30}:)?(?:item|entry)[\s>]")
_ENDING: Final = re.compile(r"</(?:[\w-]{1,30}:)?(?:item|entry)\s*>")
_ROOT_END: Final = re.compile(
    r"</(?:[\w-]{1,30}:)?(?:rss|feed|RDF)\s*>\s*(?:<!--|\Z)", re.IGNORECASE
)
_CDATA: Final = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)", re.DOTALL)


def _xml_records(text: str, options: ReadOptions) -> Records:
    try:
        # Loading it takes 0.1 seconds.
        from newsgrep.extraction.records.feed_entries import Unpublished, read_entries
    except ModuleNotFoundError as exc:
        raise MissingPackage("a feed", "feeds") from exc

    # The text is decoded, so a declared encoding is wrong now.
    text = _DECLARATION.sub("", text, count=1)
    # A feed needs no definitions of entities; a hostile one refers to files or grows without end.
    text = _DOCTYPE.sub("", text, count=1)
    marks = _CDATA.sub("", text)
    begun = len(_BEGINNING.findall(marks))
    whole = len(_ENDING.findall(marks))
    is_truncated = _ROOT_END.search(marks, max(0, len(marks) - 2000)) is None
    count = 0
    for count, entry in enumerate(read_entries(text), 1):
        if is_truncated and count > whole:
            break
        if isinstance(entry, Unpublished):
            options.report.others[entry.kind] += 1
        else:
            yield _record(count, entry)
    if is_truncated:
        yield BadRecord(
            f"#{whole + 1}", message("the feed is truncated: it ends in the middle of an entry")
        )
    elif count < begun:
        yield BadRecord(
            f"#{count + 1}",
            message("the feed is damaged: {count:,} entries are lost", count=begun - count),
        )


def _record(number: int, entry: dict[str, Any]) -> Record:
    return Record(f"#{number}", pack_fields(entry), ENTRY_FORMAT)


def _json_records(text: str) -> Records:
    """Yield the entries of a JSON Feed, https://www.jsonfeed.org/version/1.1/."""
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise NoArticle("a JSON Feed that is truncated or damaged") from exc
    items = feed.get("items") if isinstance(feed, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else (), 1):
        if isinstance(item, dict):
            yield _record(number, dict(_json_entry(item, feed)))
        else:
            yield BadRecord(f"#{number}", message("not a JSON object"))


def _json_entry(item: dict[str, Any], feed: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "body", item.get("content_html") or item.get("content_text") or item.get("summary")
    yield "title", item.get("title")
    yield "url", item.get("url") or item.get("external_url")
    yield "published", item.get("date_published") or item.get("date_modified")
    authors = item.get("authors") or item.get("author") or feed.get("authors") or feed.get("author")
    authors = authors if isinstance(authors, list) else [authors]
    yield "authors", [each.get("name") for each in authors if isinstance(each, dict)]
    yield "tags", item.get("tags")
    yield "source", feed.get("title")
    yield "identity", entry_identity(item.get("id"), feed.get("feed_url") or feed.get("title"))


FORMAT = RecordFormat("feed", read, recognises)
