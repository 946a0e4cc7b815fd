"""WARC and ARC: the pages that a crawler has stored, each with its address and time.

A page is an HTML response with the status 200, or a resource or a conversion that is HTML or
text. Other records (requests, pictures, redirects) are counted by kind. A locator is the offset of
a record in bytes, in a file that is compressed as a whole that in its content.

The formats are WARC 1.0 and 1.1 (ISO 28500) and ARC 1 and 2 (the Internet Archive's format until
2008). There is no library between: their readers do not read ARC, and after damage or a false
length, what they lose is not known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extract.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    ReadReport,
    Record,
    RecordFormat,
    Records,
    Source,
)
from newsgrep.extract.records.blocks import (
    Blocks,
    Damaged,
    Dialect,
    GzipBlocks,
    Header,
    Input,
    PlainBlocks,
    first_bytes,
    open_input,
)
from newsgrep.extract.records.compressed import codec_of, decompressed
from newsgrep.extract.records.http import (
    BadResponse,
    charset_of,
    decode_body,
    media_type,
    parse_head,
    parse_http_date,
)

_HEAD_BYTES: Final = 16_384
"""Bytes of a response in which its header is searched."""
_HTML_TYPES: Final = frozenset(
    ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
)
_TEXT_TYPES: Final = {"text/plain": "text", "text/markdown": "markdown"}
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml)\b", re.IGNORECASE)
DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2}))?")


_KINDS: Final = frozenset(("warcinfo", "request", "metadata", "revisit", "continuation"))
_GOOD_STATUSES: Final = (200, 203)


class Content:
    """The content of a record, of which ``left`` bytes are not read."""

    def __init__(self, file: Input, size: int) -> None:
        self.left = size
        self._file = file

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end of the content.

        Raises :class:`Damaged` if the file ends before.
        """
        size = min(size, self.left)
        data = self._file.read(size)
        self.left -= len(data)
        if len(data) < size:
            raise Damaged(f"the file ends in the middle of this record: {self.left:,} bytes missing")
        return data


def read_archive(source: Source, options: ReadOptions, dialect: Dialect) -> Records:
    """Yield a record for each page of a web archive."""
    is_compressed = source.head().startswith(_GZIP_MAGIC)
    if is_compressed and not _is_packed_by_record(source, dialect):
        codec = codec_of(_GZIP_MAGIC)
        assert codec is not None
        source, is_compressed = decompressed(source, codec), False
    yield from _read_from(source, options, dialect, 0, is_compressed)


def resume_archive(source: Source, options: ReadOptions, dialect: Dialect, end: int) -> Records:
    """Yield a record for each page from the offset ``end`` on, to which the file was read."""
    yield from _read_from(source, options, dialect, end, source.head().startswith(_GZIP_MAGIC))


def seek_record(source: Source, options: ReadOptions, dialect: Dialect, offset: int) -> Records:
    """Yield the page at ``offset``; nothing if no record begins there."""
    with source.open_stream() as stream:
        if not stream.seekable():
            return
        is_compressed = source.head().startswith(_GZIP_MAGIC)
        file = open_input(stream, offset)
        if is_compressed:
            begins = file.peek(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        else:
            begins = dialect.begins.match(b"\n" + file.peek(4096)) is not None
        if begins:
            reader = _Reader(file, dialect, is_compressed=is_compressed)
            found = next(reader.records(replace(options, report=ReadReport())), None)
            if found and found.locator == f"@{offset}":
                yield found


def _read_from(
    source: Source, options: ReadOptions, dialect: Dialect, offset: int, is_compressed: bool
) -> Records:
    with source.open_stream() as stream:
        file = open_input(stream, offset)
        reader = _Reader(file, dialect, is_compressed=is_compressed)
        yield from reader.records(options)


def _is_packed_by_record(source: Source, dialect: Dialect) -> bool:
    """Return whether the first record of a gzip file is a member of its own, as far as it goes."""
    with source.open_stream() as stream:
        blocks = GzipBlocks(open_input(stream), dialect)
        try:
            blocks.begin()
            blocks.content.skip(dialect.parse(blocks.content).size)
            blocks.content.skip_line_ends()
            return not blocks.content.peek(1)
        except Damaged:
            return True


class _Reader:
    """Reads the records of one file from the position of its input."""

    def __init__(self, file: Input, dialect: Dialect, *, is_compressed: bool) -> None:
        self._dialect = dialect
        self._blocks: Blocks = (
            GzipBlocks(file, dialect) if is_compressed else PlainBlocks(file, dialect)
        )

    def records(self, options: ReadOptions) -> Records:
        """Yield the pages; other records are counted, and all are reported as reached."""
        blocks, report = self._blocks, options.report
        while True:
            try:
                if not blocks.begin() or blocks.offset >= (report.limit or math.inf):
                    return
                header = self._dialect.parse(blocks.content)
                blocks.check(header.size)
                content = Content(blocks.content, header.size)
                found = _interpret(header, content, f"@{blocks.offset}")
                blocks.finish(content.left)
            except NoArticle as exc:  # the file is compressed as a whole, and damaged
                yield BadRecord(f"@{blocks.offset}", str(exc))
                return
            except Damaged as exc:
                offset = blocks.offset
                lost = blocks.resynchronise()
                yield BadRecord(f"@{offset}", f"{exc}; {lost:,} bytes are not read")
                continue
            if isinstance(found, str):
                if report.limit is None or blocks.end <= report.limit:
                    report.others[found] += 1
            else:
                yield found
            report.reached(blocks.end, blocks.offset)


def _interpret(header: Header, content: Content, locator: str) -> Record | BadRecord | str:
    """Return the page in a record, or the kind of a record that is no page."""
    fields = header.fields
    kind = fields.get("warc-type", "").lower()
    url = fields.get("warc-target-uri", "").strip().strip("<>")
    declared = fields.get("content-type")
    if WEB_ADDRESS.match(url):
        stored = Record(locator, b"", "", "", url, _parse_date(fields.get("warc-date", "")))
        if cut := fields.get("warc-truncated"):
            stored = stored._replace(notes=(f"cut off by the crawler ({cut[:40]})",))
        if kind == "response" and media_type(declared) in ("application/http", ""):
            return _read_response(stored, content, fields)
        if kind in ("resource", "conversion"):
            return _read_resource(stored, content, declared)
    if kind in ("response", "resource"):
        return media_type(declared) or kind
    return kind if kind in _KINDS else "record of an unknown type"


def _read_response(
    stored: Record, content: Content, fields: Mapping[str, str]
) -> Record | BadRecord | str:
    data = content.read(_HEAD_BYTES)
    response = parse_head(data)
    if response is None:
        return BadRecord(stored.locator, "not an HTTP response")
    if response.status not in _GOOD_STATUSES:
        return f"status {response.status}"
    declared = response.fields.get("content-type")
    found = media_type(declared) or media_type(fields.get("warc-identified-payload-type"))
    if found and found not in _HTML_TYPES:
        return found
    if content.left > MAX_RECORD_BYTES:
        return BadRecord(stored.locator, "larger than 64M")
    try:
        body, is_complete = decode_body(
            data[response.size :] + content.read(content.left), response.fields
        )
    except BadResponse as exc:
        return BadRecord(stored.locator, str(exc))
    if not found and not _LOOKS_LIKE_HTML.match(body):
        return "response of an unknown type"
    return stored._replace(
        data=body,
        format="html",
        charset=charset_of(declared),
        modified=parse_http_date(response.fields.get("last-modified")),
        notes=stored.notes if is_complete else (*stored.notes, "its compressed data is cut off"),
    )


def _read_resource(stored: Record, content: Content, declared: str | None) -> Record | BadRecord | str:
    found = media_type(declared)
    name = "html" if found in _HTML_TYPES else _TEXT_TYPES.get(found)
    if name is None:
        return found or "resource of an unknown type"
    if content.left > MAX_RECORD_BYTES:
        return BadRecord(stored.locator, "larger than 64M")
    data = content.read(content.left)
    return stored._replace(data=data, format=name, charset=charset_of(declared))


def _parse_date(text: str) -> datetime | None:
    """Return the moment of a capture, as WARC and ARC write it."""
    digits = DIGITS.fullmatch(text)
    try:
        if digits:
            return datetime(*(int(each or 0) for each in digits.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return None


def _recognises(beginning: bytes) -> Callable[[bytes], bool]:
    def recognises(head: bytes) -> bool:
        if head.startswith(_GZIP_MAGIC):
            head = first_bytes(head)
        return head.lstrip(b"\r\n").startswith(beginning)

    return recognises


def archive_format(name: str, beginning: bytes, dialect: Dialect) -> RecordFormat:
    """Return the format of web archives in ``dialect``, whose files begin with ``beginning``."""
    return RecordFormat(
        name,
        lambda source, options: read_archive(source, options, dialect),
        _recognises(beginning),
        resume=lambda source, options, end, _: resume_archive(source, options, dialect, end),
        seek=lambda source, options, offset: seek_record(source, options, dialect, offset),
    )
