"""Which files newsgrep reads, by their names: of articles, of pages, and of many records.

A name is only the first sign: :mod:`newsgrep.extraction.records.registry` decides by the content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from newsgrep.extraction.formats import PAGE_SUFFIXES, plain_suffix, suffixes
from newsgrep.messages import mark, message

RECORD_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "jsonl": (".jsonl", ".ndjson", ".jl"),
    "json": (".json",),
    "csv": (".csv", ".tsv", ".tab"),
    "feed": (".rss", ".atom", ".rdf", ".xml"),
    "sqlite": (".db", ".db3", ".sqlite", ".sqlite3", ".sqlitedb"),
    "warc": (".warc",),
    "arc": (".arc",),
    "mhtml": (".mhtml", ".mht"),
    "eml": (".eml", ".emlx"),
    "mbox": (".mbox", ".mbx"),
    "webarchive": (".webarchive",),
    "pdf": (".pdf",),
    "docx": (".docx", ".docm"),
    "epub": (".epub",),
}
"""The suffixes of each format of many records."""

COMPRESSED_SUFFIXES: Final = (".gz", ".xz", ".bz2", ".zst", ".gzip", ".zstd")

TAR_SUFFIXES: Final[Mapping[str, str]] = {
    ".tgz": ".tar", ".txz": ".tar", ".tbz2": ".tar", ".tbz": ".tar", ".tzst": ".tar",
}  # fmt: skip
"""Suffixes of compressed archives, and what remains of each without the compression."""

ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".wacz")

_CONTAINER_SUFFIXES: Final = frozenset((
    *(suffix for each in RECORD_SUFFIXES.values() for suffix in each),
    *COMPRESSED_SUFFIXES,
    *TAR_SUFFIXES,
    *ARCHIVE_SUFFIXES,
))  # fmt: skip

_DOCUMENT_SUFFIXES: Final = frozenset(
    suffix
    for each in ("mhtml", "eml", "webarchive", "pdf", "docx", "epub")
    for suffix in RECORD_SUFFIXES[each]
)


_ROTATED = re.compile(
    r"(?:\.[1-9][0-9]{0,2}|[.-][0-9]{8}(?:-?[0-9]{2,6})?|\.[0-9]{4}-[0-9]{2}-[0-9]{2})\Z"
)


def unrotated(name: str) -> str:
    """Return ``name`` without what a program appended when it began a new file of records.

    >>> unrotated("items.jsonl.1"), unrotated("items.jsonl-20240517"), unrotated("part.1")
    ('items.jsonl', 'items.jsonl', 'part.1')
    """
    match = _ROTATED.search(name) if name[-1:].isdigit() else None
    if match and _plain_suffix_of(name[: match.start()]) in _CONTAINER_SUFFIXES:
        return name[: match.start()]
    return name


def suffix_of(name: str) -> str:
    """Return the suffix of ``name`` in lower case, with its dot."""
    return _plain_suffix_of(unrotated(name))


def _plain_suffix_of(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name may contain any byte


def has_container_name(name: str) -> bool:
    """Return whether the name of a file says that it has many records."""
    suffix = suffix_of(name)
    return suffix in _CONTAINER_SUFFIXES or (not _is_own(name) and _is_declared(suffix))


def has_document_name(name: str) -> bool:
    """Return whether the name of a file says that it is one document, or a page with its parts."""
    return suffix_of(name) in _DOCUMENT_SUFFIXES


def _is_own(name: str) -> bool:
    suffix = suffix_of(name)
    if suffix in suffixes() or suffix in _CONTAINER_SUFFIXES:
        return True
    suffix = plain_suffix(name)
    return suffix in PAGE_SUFFIXES or suffix in suffixes()


def _is_declared(suffix: str) -> bool:
    """Return whether a format of another package has this suffix."""
    # Importing importlib.metadata and scanning the installed packages takes 80 ms; this happens
    # only for a suffix that is not newsgrep's own.
    from newsgrep.extraction.records.base import declared_formats

    return any(suffix in each.suffixes for each in declared_formats())


def readable_suffixes() -> frozenset[str]:
    """Return the suffixes of files of which newsgrep reads all, in lower case with their dot.

    Those of other packages' formats are not among them.
    """
    return suffixes() | _CONTAINER_SUFFIXES


def may_be_readable(name: str) -> bool:
    """Return whether newsgrep reads a file of this name if its content is right.

    Names of pages that servers generate end in many ways, also in a query string.
    """
    return _is_own(name) or _is_declared(suffix_of(name))


def unknown_format(name: str) -> str:
    """Return the reason why a file that is not of any format is not read."""
    suffix = suffix_of(name)
    for format_name, what in _EXPECTED.items():
        if suffix in RECORD_SUFFIXES[format_name]:
            return message("a {suffix} file that is not {what}", suffix=suffix, what=message(what))
    if suffix in COMPRESSED_SUFFIXES or suffix in TAR_SUFFIXES:
        return message("a {suffix} file that is not compressed in this way", suffix=suffix)
    if suffix in ARCHIVE_SUFFIXES:
        return message("a {suffix} file that is not an archive of this kind", suffix=suffix)
    if may_be_readable(name):
        return (
            message("a {suffix} file that is not HTML", suffix=suffix)
            if suffix
            else message("a file that is not HTML")
        )
    return message("newsgrep does not read {suffix} files", suffix=suffix or message("suffix-less"))


_EXPECTED: Final[Mapping[str, str]] = {
    "sqlite": mark("an SQLite database, or is encrypted"),
    "feed": mark("a feed"),
    "mhtml": mark("a saved page"),
    "eml": mark("a mail message"),
    "mbox": mark("a mailbox"),
    "webarchive": mark("a saved page"),
    "pdf": mark("a PDF document"),
    "docx": mark("a Word document, or is encrypted"),
    "epub": mark("an EPUB"),
}
"""What a file must be whose name has a suffix of a format."""
