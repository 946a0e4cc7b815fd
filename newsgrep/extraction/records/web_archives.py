"""WARC and ARC: the pages that a crawler has stored, each with its address and time.

A page is an HTML or PDF response with the status 200, or a resource or a conversion that is HTML
or text. A revisit, by which a crawler states that it has received the bytes of an earlier page of
the file again, is that page at another time or address, unless its address had it at last. Other
records (requests, pictures, redirects) are counted by kind. A locator is the offset
of a record in bytes, in a file that is compressed as a whole that in its content.

The formats are WARC 1.0 and 1.1 (ISO 28500) and ARC 1 and 2 (the Internet Archive's format until
2008). There is no library between: their readers do not read ARC, and after damage or a false
length, what they lose is not known.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import (
    DEFAULT_OPTIONS,
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    ReadReport,
    Record,
    RecordFormat,
    Records,
    Source,
    bad_record,
    bytes_source,
)
from newsgrep.extraction.records.blocks import (
    GZIP_MAGIC,
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
from newsgrep.extraction.records.compressed import decompressed, gzip_codec
from newsgrep.extraction.records.http import (
    charset_of,
    decode_body,
    media_type,
    parse_head,
    parse_http_date,
)
from newsgrep.messages import message

_HEAD_BYTES: Final = 16_384
"""Bytes of a response in which its header is searched."""
_HTML_TYPES: Final = frozenset(
    ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
)
_PDF_TYPE: Final = "application/pdf"
_TEXT_TYPES: Final = {"text/plain": "text", "text/markdown": "markdown"}
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml)\b", re.IGNORECASE)
DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2}))?")


_KINDS: Final = frozenset(("warcinfo", "request", "metadata", "revisit", "continuation"))
_ALGORITHMS: Final = ("sha1", "sha256", "sha512", "md5")
_NOT_EXACT: Final = message("its length is not exactly what its header says: bytes may be missing")
_NOT_INTACT: Final = message("its bytes are not those of its WARC-Block-Digest: damaged or changed")
_GOOD_STATUSES: Final = (200, 203)


class Content:
    """The content of a record, of which ``left`` bytes are not read."""

    def __init__(self, file: Input, size: int, digest: str = "") -> None:
        self.left = size
        self._file = file
        algorithm, _, self._expected = digest.partition(":")
        self._hash = (
            hashlib.new(algorithm, usedforsecurity=False) if algorithm in _ALGORITHMS else None
        )

    @property
    def is_intact(self) -> bool:
        """Whether the bytes are those of the digest in the header, if they are all read."""
        if self._hash is None or self.left:
            return True
        found = self._hash.digest()
        forms = (base64.b32encode(found).decode().rstrip("="), found.hex().upper())
        return self._expected.upper().rstrip("=") in forms

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end of the content.

        Raises :class:`Damaged` if the file ends before.
        """
        size = min(size, self.left)
        data = self._file.read(size)
        self.left -= len(data)
        if self._hash:
            self._hash.update(data)
        if len(data) < size:
            raise Damaged(
                message(
                    "the file ends in the middle of this record: {left:,} bytes missing",
                    left=self.left,
                )
            )
        return data


def read_archive(source: Source, options: ReadOptions, dialect: Dialect) -> Records:
    """Yield a record for each page of a web archive."""
    is_compressed = _is_compressed(source)
    if is_compressed and not _is_packed_by_record(source, dialect):
        source, is_compressed = decompressed(source, gzip_codec), False
        options = replace(options, report=options.report.inner())
    captures = _Captures(source, dialect)
    with source.open_stream() as stream:
        reader = _Reader(open_input(stream), dialect, is_compressed, captures)
        yield from reader.records(options.report)


def resume_archive(source: Source, options: ReadOptions, dialect: Dialect, end: int) -> Records:
    """Yield a record for each page from the offset ``end`` on, to which the file was read."""
    with source.open_stream() as stream:
        captures = _Captures(source, dialect, end)
        reader = _Reader(open_input(stream, end), dialect, _is_compressed(source), captures)
        yield from reader.records(options.report)


def seek_record(source: Source, dialect: Dialect, offset: int) -> Records:
    """Yield the record at ``offset``; nothing if none begins there, or only after decompression."""
    with source.open_stream() as stream:
        is_compressed = _is_compressed(source)
        if not stream.seekable() or (is_compressed and not _is_packed_by_record(source, dialect)):
            return
        file = open_input(stream, offset)
        if is_compressed:
            begins = file.peek(len(GZIP_MAGIC)) == GZIP_MAGIC
        else:
            begins = dialect.begins.match(b"\n" + file.peek(4096)) is not None
        if begins:
            captures = _Captures(source, dialect, offset)
            found = _Reader(file, dialect, is_compressed, captures).read_next(ReadReport())
            locator = f"@{offset}"
            if isinstance(found, str):
                yield BadRecord(locator, message("not an article: {found}", found=found))
            elif found and found.locator == locator:
                yield found


def _is_compressed(source: Source) -> bool:
    """Return whether a file is gzip data, also if its beginning is damaged."""
    head = source.head()
    named = source.name.lower().endswith(".gz")
    return head.startswith(GZIP_MAGIC) or (named and GZIP_MAGIC in head)


def _is_packed_by_record(source: Source, dialect: Dialect) -> bool:
    """Return whether the first record of a gzip file is a member of its own.

    If it is damaged, another one must be.
    """
    with source.open_stream() as stream:
        file = open_input(stream)
        blocks = GzipBlocks(file, dialect)
        try:
            blocks.begin()
            blocks.content.skip(dialect.parse(blocks.content).size)
            blocks.content.skip_line_ends()
            return not blocks.content.peek(1)
        except Damaged:
            blocks.resynchronise()
            return bool(file.peek(1))


_MAX_CAPTURES: Final = 500_000
"""Pages of a file that revisits may refer to: about 200 bytes of memory each."""

_MAX_REPEATED: Final = 64 << 20
_MAX_RATIO: Final = 200
"""Bytes of pages that revisits repeat: so many, and so many for each byte of the file before them.
Otherwise, a small file could state that it contains one long page a million times."""


class _Captures:
    """Which pages a file has, and where, so that revisits can be read.

    Pages before the offset ``begin`` are found when the first revisit is. With ``is_scan``,
    revisits are noted and not read.
    """

    def __init__(
        self, source: Source, dialect: Dialect, begin: int = 0, *, is_scan: bool = False
    ) -> None:
        self._source = source
        self._dialect = dialect
        self._begin = begin
        self._is_scan = is_scan
        self._repeated = 0
        self._offsets: dict[int, int] = {}  # first one by hash of the digest, or of the record's id
        self._last: dict[int, int] = {}  # offset of these bytes by hash of the address

    def add(self, fields: Mapping[str, str], offset: int) -> None:
        """Note that a page is at ``offset``."""
        if len(self._offsets) < _MAX_CAPTURES:
            for name in _names_of(fields, "warc-record-id"):
                offset = self._offsets.setdefault(hash(name), offset)
            self._last[hash(fields.get("warc-target-uri"))] = offset

    def read(self, revisit: Record, fields: Mapping[str, str]) -> Record | None:
        """Return the page of a revisit; None if it says nothing new, or the page is not found."""
        if self._begin:
            self._scan_beginning()
        names = map(hash, _names_of(fields, "warc-refers-to"))
        offset = next((self._offsets[each] for each in names if each in self._offsets), None)
        url = hash(fields.get("warc-target-uri"))
        if offset is None or self._last.get(url) == offset:
            return None
        self._last[url] = offset
        reached = int(revisit.locator[1:])
        if self._is_scan or self._repeated > _MAX_REPEATED + _MAX_RATIO * reached:
            return None
        for page in seek_record(self._source, self._dialect, offset):
            if isinstance(page, Record):
                self._repeated += len(page.data)
                notes = (*page.notes, message("its bytes are stored at @{offset}", offset=offset))
                return page._replace(
                    locator=revisit.locator, url=revisit.url, fetched=revisit.fetched, notes=notes
                )
        return None

    def _scan_beginning(self) -> None:
        end, self._begin = self._begin, 0
        before = _Captures(self._source, self._dialect, is_scan=True)
        with self._source.open_stream() as stream:
            is_compressed = _is_compressed(self._source)
            reader = _Reader(open_input(stream), self._dialect, is_compressed, before)
            for _ in reader.records(ReadReport(limit=end)):
                pass
        first = {offset: before._offsets.get(key, offset) for key, offset in self._offsets.items()}
        self._offsets |= before._offsets
        now = {url: first.get(offset, offset) for url, offset in self._last.items()}
        self._last = before._last | now


def _names_of(fields: Mapping[str, str], record_id: str) -> Iterator[str]:
    """Yield the names of a page: the digest of its bytes, and the id of the record with them."""
    for name in ("warc-payload-digest", record_id):
        if value := fields.get(name, "").strip().strip("<>"):
            yield value


class _Reader:
    """Reads the records of one file from the position of its input."""

    def __init__(
        self, file: Input, dialect: Dialect, is_compressed: bool, captures: _Captures
    ) -> None:
        self._dialect = dialect
        self._captures = captures
        self._blocks: Blocks = (
            GzipBlocks(file, dialect) if is_compressed else PlainBlocks(file, dialect)
        )

    def records(self, report: ReadReport) -> Records:
        """Yield the pages; others are counted in ``report``, and how far the file is read."""
        try:
            while found := self.read_next(report):
                if not isinstance(found, str):
                    yield found
        except NoArticle as exc:  # the file is compressed as a whole, and damaged
            yield BadRecord(f"@{self._blocks.offset}", str(exc))

    def read_next(self, report: ReadReport) -> Record | BadRecord | str | None:
        """Return the next page, the kind of another record, or None at the end of the file.

        After damage, what is returned says how many bytes are lost.
        """
        blocks = self._blocks
        try:
            if not blocks.begin() or blocks.offset >= (report.limit or math.inf):
                return None
            header = self._dialect.parse(blocks.content)
            blocks.check(header.size)
            digest = header.fields.get("warc-block-digest", "")
            content = Content(blocks.content, header.size, digest)
            found = _interpret(header, content, f"@{blocks.offset}", self._captures)
            is_exact = blocks.finish(content.left)
        except Damaged as exc:
            if blocks.content.error:
                raise blocks.content.error from exc
            offset = blocks.offset
            lost = blocks.resynchronise()
            return BadRecord(
                f"@{offset}",
                message("{reason}; {lost:,} bytes are not read", reason=exc, lost=lost),
            )
        if isinstance(found, Record):
            if header.fields.get("warc-type") != "revisit":
                self._captures.add(header.fields, blocks.offset)
            if not content.is_intact:
                found = found._replace(notes=(*found.notes, _NOT_INTACT))
            elif not is_exact:
                found = found._replace(notes=(*found.notes, _NOT_EXACT))
        if isinstance(found, str) and (report.limit is None or blocks.end <= report.limit):
            report.others[found] += 1
        report.reached(blocks.end, blocks.offset)
        return found


def _interpret(
    header: Header, content: Content, locator: str, captures: _Captures
) -> Record | BadRecord | str:
    """Return the page in a record, or the kind of a record that is no page."""
    fields = header.fields
    kind = fields.get("warc-type", "").lower()
    url = fields.get("warc-target-uri", "").strip().strip("<>")
    declared = fields.get("content-type")
    if WEB_ADDRESS.match(url):
        stored = Record(locator, b"", "", "", url, _parse_date(fields.get("warc-date", "")))
        if cut := fields.get("warc-truncated"):
            stored = stored._replace(
                notes=(message("cut off by the crawler ({cut})", cut=cut[:40]),)
            )
        if kind == "response" and media_type(declared) in ("application/http", ""):
            return _read_response(stored, content, fields)
        if kind in ("resource", "conversion"):
            return _read_resource(stored, content, declared)
        if kind == "revisit":
            return captures.read(stored, fields) or kind
    if kind == "response" and media_type(declared) == "application/http":
        return message("response without a web address")
    if kind in ("response", "resource"):
        return media_type(declared) or kind
    return kind if kind in _KINDS else message("record of an unknown type")


def _read_response(
    stored: Record, content: Content, fields: Mapping[str, str]
) -> Record | BadRecord | str:
    data = content.read(_HEAD_BYTES)
    response = parse_head(data)
    if response is None:
        return BadRecord(stored.locator, message("not an HTTP response"))
    if response.status not in _GOOD_STATUSES:
        return message("status {status}", status=response.status)
    declared = response.fields.get("content-type")
    found = media_type(declared) or media_type(fields.get("warc-identified-payload-type"))
    if found and found not in _HTML_TYPES and found != _PDF_TYPE:
        return found
    if content.left > MAX_RECORD_BYTES:
        return BadRecord(stored.locator, message("larger than 64M"))
    try:
        body, is_complete = decode_body(
            data[response.size :] + content.read(content.left), response.fields
        )
    except NoArticle as exc:
        return bad_record(stored.locator, exc)
    if found == _PDF_TYPE:
        return _read_pdf(stored, body)
    if not found and not _LOOKS_LIKE_HTML.match(body):
        return message("response of an unknown type")
    return stored._replace(
        data=body,
        format="html",
        charset=charset_of(declared),
        modified=parse_http_date(response.fields.get("last-modified")),
        notes=stored.notes if is_complete else (*stored.notes, message("its body is cut off")),
    )


def _read_pdf(stored: Record, body: bytes) -> Record | BadRecord:
    from newsgrep.extraction.records import pdf

    try:
        (found,) = pdf.read(bytes_source("", body), DEFAULT_OPTIONS)
    except NoArticle as exc:
        return bad_record(stored.locator, exc)
    if isinstance(found, BadRecord):
        return found._replace(locator=stored.locator)
    notes = (*stored.notes, *found.notes)
    return stored._replace(data=found.data, format=found.format, notes=notes)


def _read_resource(
    stored: Record, content: Content, declared: str | None
) -> Record | BadRecord | str:
    found = media_type(declared)
    name = "html" if found in _HTML_TYPES else _TEXT_TYPES.get(found)
    if name is None:
        return found or message("resource of an unknown type")
    if content.left > MAX_RECORD_BYTES:
        return BadRecord(stored.locator, message("larger than 64M"))
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
        if head.startswith(GZIP_MAGIC):
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
        seek=lambda source, _, offset: seek_record(source, dialect, offset),
    )
