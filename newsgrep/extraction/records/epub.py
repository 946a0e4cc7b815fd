"""EPUB: each document in the reading order is a record; the book states source and date."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats import DOCUMENT_FORMAT
from newsgrep.extraction.records.base import (
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)
from newsgrep.messages import message

if TYPE_CHECKING:
    from newsgrep.extraction.records.packages import Package

_WHAT: Final = message("an EPUB")
_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PAGE_TYPES: Final = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_NAME_AT: Final = 30
"""Offset of the name of the first member of a ZIP archive."""
_MAX_TYPE: Final = 100
_MAX_TITLE: Final = 1000
"""Characters of the title of a book."""
_MAX_DOCUMENTS: Final = 100_000


def recognises(head: bytes) -> bool:
    """Return whether a file begins like an EPUB, by its first members."""
    first = head[_NAME_AT:]
    return head.startswith(b"PK\x03\x04") and (
        (first.startswith(b"mimetype") and b"application/epub+zip" in first[:_MAX_TYPE])
        or (first.startswith(b"META-INF/") and _CONTAINER.encode() in head)
    )


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each document; its locator is the name of the member."""
    # Loads a parser for XML, which other files do not need.
    from newsgrep.extraction.records.packages import open_package

    with open_package(source, _WHAT) as package:
        book = _read_book(package)
        locked = _encrypted(package)
        for name in book.documents:
            locator = f"!/{name}"
            if name in book.contents:
                options.report.others["table of contents"] += 1
                continue
            if name in locked:
                yield BadRecord(locator, message("encrypted (DRM)"))
                continue
            try:
                yield _record(locator, package.read(name), book, book.labels.get(name, ""))
            except NoArticle as exc:
                yield BadRecord(locator, str(exc))


@dataclass(slots=True)
class _Book:
    """What the package document states.

    ``documents`` are the names of the members in reading order, ``contents`` those that are only
    tables of contents, and ``labels`` the titles that the table of contents gives to members.
    """

    documents: list[str] = field(default_factory=list)
    contents: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    stated: dict[str, Any] = field(default_factory=dict)


def _read_book(package: Package) -> _Book:
    from newsgrep.extraction.records.packages import collect, join_path

    roots = [each[1] for each in collect(package.read(_CONTAINER)) if each[0] == "rootfile"]
    if not roots or not (path := roots[0].get("full-path")):
        raise NoArticle("it does not name its package document")
    elements = collect(package.read(path))
    items = {
        each["id"]: each | {"name": join_path(path, unquote(each["href"]))}
        for tag, each, _ in elements
        if tag == "item" and "id" in each and "href" in each
    }
    book = _Book(stated=_metadata(elements))
    spine = [each.get("idref", "") for tag, each, _ in elements if tag == "itemref"]
    names = (items[idref] for idref in spine[:_MAX_DOCUMENTS] if idref in items)
    book.documents = list(
        dict.fromkeys(each["name"] for each in names if each.get("media-type") in _PAGE_TYPES)
    )
    for each in items.values():
        is_nav = "nav" in each.get("properties", "").split()
        if is_nav:
            book.contents.add(each["name"])
        if (is_nav or each.get("media-type") == "application/x-dtbncx+xml") and (
            each["name"] in package
        ):
            book.labels = {**_labels(package.read(each["name"]), each["name"]), **book.labels}
    if not book.documents:
        raise NoArticle("it has no documents, or it is cut off")
    return book


_PERIODICAL: Final = "periodical"
_ISSUE = re.compile(r"\s{0,9}[\[【(（][^\[\]【】()（）]{4,60}[\]】)）]\s{0,9}$")
"""The date at the end of the title of an issue."""
_NO_PUBLISHERS: Final = frozenset(("calibre", "unknown", "未知"))


def _metadata(elements: list[tuple[str, dict[str, str], str]]) -> dict[str, Any]:
    """Return what the book states about its documents, by keys of front matter."""
    texts: dict[str, list[str]] = {}
    is_periodical = False
    for tag, attributes, text in elements:
        if tag == "meta" and "publication_type" in attributes.get("name", ""):
            is_periodical = _PERIODICAL in attributes.get("content", "")
        elif tag == "date" and attributes.get("event", "publication") != "publication":
            continue
        elif tag in ("title", "creator", "date", "publisher") and text:
            texts.setdefault(tag, []).append(text)
    title = texts.get("title", [""])[0][:_MAX_TITLE]
    publishers = [each for each in texts.get("publisher", ()) if each.lower() not in _NO_PUBLISHERS]
    found: dict[str, Any] = {}
    if is_periodical:
        found["source"] = _ISSUE.sub("", title)
    else:
        found["source"] = publishers[:1]
        found["author"] = [each for each in texts.get("creator", ()) if each.lower() != "calibre"]
        found["tags"] = [title]
    found["published"] = texts.get("date", [])[:1]
    return {key: value for key, value in found.items() if value and value != [""]}


def _labels(data: bytes, name: str) -> dict[str, str]:
    """Return the titles in a table of contents by the member that each is about."""
    from newsgrep.extraction.records.packages import collect, join_path

    found: dict[str, str] = {}
    label = ""
    for tag, attributes, text in collect(data):
        if tag == "a" and "href" in attributes:
            target, label = attributes["href"], text
        elif tag == "content" and "src" in attributes:
            target = attributes["src"]
        else:
            label = text if tag == "text" else label
            continue
        if label:
            found.setdefault(join_path(name, unquote(target.partition("#")[0])), label)
    return found


def _encrypted(package: Package) -> frozenset[str]:
    """Return the names of the members that are encrypted."""
    from newsgrep.extraction.records.packages import collect

    if _ENCRYPTION not in package:
        return frozenset()
    elements = collect(package.read(_ENCRYPTION))
    return frozenset(unquote(each.get("URI", "")) for tag, each, _ in elements if each)


_DOWNLOADED = re.compile(r"<a\b[^>]{0,300}\brel=\"calibre-downloaded-from\"[^>]{0,2000}>")
_HREF = re.compile(r"href=\"(https?://[^\"\s]{3,2000})\"")


def _record(locator: str, data: bytes, book: _Book, label: str) -> Record:
    decoded = decode(data)
    fields = {**book.stated, "html": decoded.text}
    if label:
        fields["title"] = label
    link = _DOWNLOADED.search(decoded.text)
    if link and (address := _HREF.search(link[0])):
        fields["url"] = address[1]
    packed = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    return Record(locator, packed, DOCUMENT_FORMAT, notes=decoded.notes)


FORMAT = RecordFormat("epub", read, recognises)
