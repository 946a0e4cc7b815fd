"""Which format a file has, by its content first and by its name second, and its records.

Newsgrep's own formats are in a table here; a format's module is loaded for its first file. Others
declare theirs as entry points: see :mod:`newsgrep.extraction.records.base`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Final, cast

from newsgrep.errors import NoArticle
from newsgrep.extraction.formats import name_of_format
from newsgrep.extraction.records import archives
from newsgrep.extraction.records.base import (
    HEAD_BYTES,
    MAX_RECORD_BYTES,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    UnknownFormat,
    declared_formats,
)
from newsgrep.extraction.records.compressed import codec_of, decompressed
from newsgrep.extraction.records.names import (
    COMPRESSED_SUFFIXES,
    RECORD_SUFFIXES,
    has_container_name,
    readable_suffixes,
    suffix_of,
    unknown_format,
    unrotated,
)

_MAX_NESTING: Final = 3
"""Archives inside of archives that are read."""

_CERTAIN: Final[Mapping[str, str]] = {
    "sqlite": "sqlite",
    "warc": "warc",
    "arc": "arc",
    "feed": "feeds",
    "mhtml": "mhtml",
    "eml": "mail",
    "mbox": "mailbox",
    "webarchive": "webarchive",
    "pdf": "pdf",
    "docx": "docx",
    "epub": "epub",
}
"""Names and modules of the formats that the first bytes of a file show."""
_PACKAGES: Final = ("docx", "epub")
"""Formats that are ZIP archives."""
_REPAIRED: Final = ("warc", "arc", "mhtml", "eml", "mbox")
"""Formats of which a file is also read if its beginning is damaged."""
_BY_NAME: Final[Mapping[str, str]] = {
    "jsonl": "json_lines",
    "json": "json_values",
    "csv": "csv_rows",
}
"""Names and modules of the formats of text, which a file has if its name or its text says so."""


def read_records(
    source: Source,
    options: ReadOptions,
    *,
    default_format: str | None = None,
    nesting: int = 0,
) -> Records:
    """Yield the records of ``source``, a file or a member of one.

    ``default_format`` is the document format of a file that has no other. Raises
    :class:`~newsgrep.errors.NoArticle` if it has no format that newsgrep reads.
    """
    head = source.head()
    if archives.is_tar(head) or (archives.is_zip(head) and not _is_package(head)):
        yield from _read_archive(source, head, options, nesting)
        return
    if found := find_format(source.name, head):
        yield from found.read(source, options)
    elif codec := codec_of(head):
        if nesting > _MAX_NESTING:
            raise NoArticle(
                "archives nested more than {max_nesting} deep", max_nesting=_MAX_NESTING
            )
        inner = decompressed(source, codec)
        options = replace(options, report=options.report.inner())
        yield from read_records(inner, options, default_format=default_format, nesting=nesting + 1)
    else:
        yield _document(source, head, default_format)


def read_located(
    source: Source,
    locators: Collection[str],
    options: ReadOptions,
    *,
    default_format: str | None = None,
) -> Records:
    """Yield the records of ``source`` that have these locators, and no others.

    A record at an offset is read without those before it, if its format allows that; otherwise,
    the file is read from its beginning up to the last of them. Raises as :func:`read_records`.
    """
    left = set(locators)
    found = find_format(source.name, source.head())
    if found and found.seek:
        for offset in sorted(int(each[1:]) for each in left if _OFFSET.fullmatch(each)):
            for record in found.seek(source, options, offset):
                left.discard(record.locator)
                yield record
    if not left:
        return
    for record in read_records(source, options, default_format=default_format):
        if record.locator in left:
            left.remove(record.locator)
            yield record
            if not left:
                return


_OFFSET: Final = re.compile("@[0-9]{1,18}")


def _read_archive(source: Source, head: bytes, options: ReadOptions, nesting: int) -> Records:
    if nesting > _MAX_NESTING:
        raise NoArticle("archives nested more than {max_nesting} deep", max_nesting=_MAX_NESTING)

    def read_member(member: Source, options: ReadOptions) -> Records:
        return read_records(member, options, nesting=nesting + 1)

    options = replace(options, report=options.report.inner())
    read = archives.read_zip if archives.is_zip(head) else archives.read_tar
    yield from read(source, options, read_member)


def _document(source: Source, head: bytes, default_format: str | None) -> Record:
    """Return the record of a file that is one article."""
    name = name_of_format(source.name, head) or default_format
    if name is None:
        if head.strip():
            raise UnknownFormat(unknown_format(source.name))
        raise NoArticle("the file is empty")
    return _whole(source, head, name)


def read_document(source: Source, format_name: str) -> Records:
    """Yield the record of a file that is one article in the document format ``format_name``."""
    yield _whole(source, source.head(), format_name)


def _whole(source: Source, head: bytes, format_name: str) -> Record:
    data = head
    if len(head) == HEAD_BYTES:
        with source.open_stream() as stream:
            data = stream.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise NoArticle("larger than 64M, which is hardly one article")
    return Record("", data, format_name, source.name)


def is_container(name: str, data: bytes | None = None) -> bool:
    """Return whether a file is read as one of many records, by its name or by its ``data``.

    Without ``data``, only the name decides. A file whose name says that it is an article is one of
    many records only if its first bytes are certain.
    """
    if data is None:
        return has_container_name(name)
    head = data[:HEAD_BYTES]
    return _is_packed(head) or any(load_format(each).recognises(head) for each in _CERTAIN)


def _is_package(head: bytes) -> bool:
    return any(load_format(each).recognises(head) for each in _PACKAGES)


def _is_packed(head: bytes) -> bool:
    return archives.is_zip(head) or archives.is_tar(head) or codec_of(head) is not None


def find_format(name: str, head: bytes) -> RecordFormat | None:
    """Return the format with several records that a file has, None if it has none.

    ``name`` is the file's name, ``head`` its first bytes.
    """
    for each in _CERTAIN:
        if (found := load_format(each)).recognises(head):
            return found
    suffix = suffix_of(name)
    if name_of_format(name, head) is not None:
        return None
    if suffix not in readable_suffixes():
        for found in declared_formats():
            if found.recognises(head):
                return found
    candidates = [load_format(each) for each in _BY_NAME]
    candidates.sort(key=lambda each: suffix not in RECORD_SUFFIXES.get(each.name, ()))
    for found in candidates:
        if found.recognises(head):
            return found
    if suffix in COMPRESSED_SUFFIXES and codec_of(head) is None:
        suffix = suffix_of(unrotated(name)[: -len(suffix)])
    named = (each for each in (*_BY_NAME, *_REPAIRED) if suffix in RECORD_SUFFIXES.get(each, ()))
    return next(map(load_format, named), None)


@cache
def load_format(name: str) -> RecordFormat:
    """Return the format ``name``."""
    module = _CERTAIN.get(name) or _BY_NAME[name]
    return cast("RecordFormat", import_module(f"newsgrep.extraction.records.{module}").FORMAT)
