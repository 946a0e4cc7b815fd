"""Reading files of many records in a run: which records are new, changed, unchanged or gone.

A record whose bytes are those of its file record is not extracted again. A file that only grew is
read from where it ended, if programs append to its format, after its beginning was compared with
what was there. What is known for that is the ledger in the file record of the file.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from newsgrep.errors import NoArticle
from newsgrep.extraction.formats import FIELDS_FORMAT
from newsgrep.extraction.records import registry
from newsgrep.extraction.records.base import (
    HEAD_BYTES,
    NO_FIELDS,
    BadRecord,
    ReadOptions,
    ReadReport,
    Record,
    RecordFormat,
    Records,
    Source,
    bad_record,
    file_source,
    without_records,
)
from newsgrep.extraction.walk import File
from newsgrep.indexing.known import KnownFile
from newsgrep.models import FileRecord, Status

_CHUNK_BYTES: Final = 1 << 20
_DIGEST_BYTES: Final = 16
_MAX_LISTED: Final = 20
"""Rejected records of one file and kind that have a file record; the others are counted."""
_MAX_KINDS: Final = 100
NO_COUNTS: Final[Mapping[str, int]] = {}


class RecordTask(NamedTuple):
    """A record to extract: its file, and the record's digest in hexadecimal digits."""

    file: File
    record: Record
    digest: str
    fields: Mapping[str, str]


class KnownRecord(NamedTuple):
    """A record that has not changed; ``path`` is that of its file record."""

    path: str


class KnownBeginning(NamedTuple):
    """The records with numbers up to ``number`` in a file that has only grown after them."""

    file: str
    number: int


class ContainerEnd(NamedTuple):
    """The end of a file of many records: its file record, and how many records it has.

    ``uncounted`` has the numbers of rejected records without a file record, by kind, and
    ``others`` those of records that are no articles, by kind.
    """

    file_record: FileRecord
    records: int
    uncounted: Mapping[str, int]
    others: Mapping[str, int]

    def with_uncounted(self, more: Mapping[str, int]) -> ContainerEnd:
        """Return this with ``more`` rejected records that have no file record."""
        uncounted = dict(Counter(self.uncounted) + Counter(more))
        ledger = replace(unpack_ledger(self.file_record.ledger), uncounted=uncounted)
        record = self.file_record._replace(ledger=ledger.pack())
        return self._replace(file_record=record, uncounted=uncounted)


_NUMBER = re.compile(r"[0-9][0-9,.]*")


class RejectionLimit:
    """Counts the rejected records of one file: twenty of a kind are listed.

    Reasons that differ only in numbers are of one kind. A file has a hundred kinds; further reasons
    are one kind.
    """

    def __init__(self, uncounted: Mapping[str, int] = NO_COUNTS) -> None:
        self._counts: Counter[str] = Counter()
        for kind, number in uncounted.items():
            self._counts[kind] = number + _MAX_LISTED

    def is_listed(self, reason: str) -> bool:
        """Count a record that is rejected for ``reason``; return whether it is to be listed."""
        kind = _NUMBER.sub("…", reason)
        if kind not in self._counts and len(self._counts) >= _MAX_KINDS:
            kind = "…"
        self._counts[kind] += 1
        return self._counts[kind] <= _MAX_LISTED

    @property
    def uncounted(self) -> dict[str, int]:
        """How many records are not listed, by kind."""
        return {
            kind: number - _MAX_LISTED
            for kind, number in self._counts.items()
            if number > _MAX_LISTED
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known about a file of many records.

    ``end`` is the offset in bytes up to which it was read, ``number`` the greatest number in a
    locator before it, and ``digest`` the hash of the bytes before it, if programs append to files
    of this format. ``fields`` are the user's names of fields, ``uncounted`` the rejected records
    without a file record, and ``others`` the records that are no articles, both by kind. ``query``
    is the SQL that the records of a database are the rows of.
    """

    end: int = 0
    number: int = 0
    digest: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    uncounted: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    query: str | None = None

    def was_read_with(self, options: ReadOptions) -> bool:
        """Return whether ``options`` state nothing else than how the file was read."""
        return (not options.fields or options.fields == self.fields) and (
            options.query is None or options.query == self.query
        )

    def pack(self) -> str:
        """Return the ledger as text."""
        values = [
            self.end,
            self.number,
            self.digest,
            dict(self.fields),
            dict(self.uncounted),
            dict(self.others),
            self.query,
        ]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def unpack_ledger(text: str) -> Ledger:
    """Return the ledger that ``text`` describes; an empty one if it is invalid."""
    try:
        end, number, digest, fields, uncounted, *rest = json.loads(text)
        others, query = (dict(rest[0]), rest[1]) if rest else ({}, None)
        fields, uncounted = dict(fields), dict(uncounted)
        return Ledger(int(end), int(number), str(digest), fields, uncounted, others, query)
    except (ValueError, TypeError, IndexError, RecursionError):
        return Ledger()


def read_as_before(container: FileRecord | None, options: ReadOptions) -> ReadOptions:
    """Return how to read a file: as ``options`` state or, where they do not, as before."""
    if container is None or container.status is not Status.CONTAINER:
        return options
    ledger = unpack_ledger(container.ledger)
    query = ledger.query if options.query is None else options.query
    return replace(options, fields=options.fields or ledger.fields, query=query)


ContainerItem = RecordTask | KnownRecord | KnownBeginning | FileRecord | ContainerEnd


class Position:
    """How far a file is read, in bytes of the file, whatever its format is."""

    def __init__(self) -> None:
        self._stream: BinaryIO | None = None
        self._reached = 0

    def watch(self, source: Source) -> Source:
        """Return ``source`` with streams that this follows."""

        def open_stream() -> BinaryIO:
            self._stream = source.open_stream()
            return self._stream

        return replace(source, open_stream=open_stream)

    def advance(self) -> int:
        """Return how many bytes were read since the last call."""
        before = self._reached
        if self._stream and not self._stream.closed:
            self._reached = max(before, self._stream.tell())
        return self._reached - before


def read_container(
    file: File,
    known: KnownFile | None,
    *,
    extractor: str,
    options: ReadOptions,
    again: bool = False,
    position: Position | None = None,
) -> Iterator[ContainerItem]:
    """Yield what the records of ``file`` are, in the order of the file, and at last its end.

    ``known`` is what the index knows of this file; with ``again``, all records are extracted,
    whether they have changed or not. ``position`` follows the reading. Raises ``OSError`` and
    :class:`ValueError` if the file cannot be read.
    """
    status = os.stat(file.path)  # noqa: PTH116  (any bytes)
    file = File(file.path, status.st_size, status.st_mtime_ns)
    source = file_source(Path(file.path))
    if position:
        source = position.watch(source)
    before = known.container if known else None
    ledger = unpack_ledger(before.ledger) if before else Ledger()
    fields = options.fields or ledger.fields
    query = ledger.query if options.query is None else options.query
    again = again or not ledger.was_read_with(options)
    reader = _ContainerReader(file, None if again else known, extractor, fields, query)
    found = registry.find_format(source.name, source.head())
    report = ReadReport(limit=file.size)
    read = ReadOptions(fields, query, report)
    if found is None or found.resume is None:
        yield from reader.items(registry.read_records(source, read))
        digest = ""
    else:
        beginning, whole = _hash_parts(source, ledger.end, file.size)
        is_longer = ledger.digest and ledger.digest == beginning
        if again or not is_longer or not _resumes(found, source, ledger.end):
            yield from reader.items(registry.read_records(source, read))
        else:
            report.reached(ledger.end, ledger.number)
            report.others.update(ledger.others)
            reader.skip(ledger)
            yield KnownBeginning(file.path, ledger.number)
            yield from reader.items(found.resume(source, read, ledger.end, ledger.number))
        digest = _digest_before(source, report.end, file.size, whole)
    if reader.is_empty:
        yield from reader.items(iter([BadRecord("", without_records(report.others))]))
    yield reader.end(report, digest)


def _resumes(found: RecordFormat, source: Source, end: int) -> bool:
    if found.resumes is None:
        return True
    with source.open_stream() as stream:
        stream.seek(end)
        return found.resumes(stream.read(HEAD_BYTES))


def _hash_parts(source: Source, end: int, size: int) -> tuple[str, str]:
    """Return the digests of the first ``end`` and the first ``size`` bytes of a file.

    The first one is empty if ``end`` is zero or beyond ``size``.
    """
    digest, left, beginning = blake2b(digest_size=_DIGEST_BYTES), size, ""
    with source.open_stream() as stream:
        for part in (end, size - end) if 0 < end <= size else (size,):
            left = part
            while left > 0 and (chunk := stream.read(min(left, _CHUNK_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
            beginning = beginning or (digest.hexdigest() if 0 < end <= size else "")
    return beginning, digest.hexdigest()


def _digest_before(source: Source, end: int, size: int, whole: str) -> str:
    """Return the digest of the first ``end`` bytes; empty if there are none.

    ``whole`` is that of all ``size`` bytes before they were read. The digest is empty if the file
    was rewritten since: then the next run reads it from its beginning.
    """
    if not end or end == size:
        return whole if end else ""
    beginning, now = _hash_parts(source, end, size)
    return beginning if now == whole else ""


class _ContainerReader:
    """Compares the records of one file with what is known about them."""

    def __init__(
        self,
        file: File,
        known: KnownFile | None,
        extractor: str,
        fields: Mapping[str, str],
        query: str | None,
    ) -> None:
        self._query = query
        self._file = file
        self._known = known
        self._extractor = extractor
        self._fields = fields
        self._count = 0
        self._bad = RejectionLimit()
        self._is_whole = False  # the file is one article
        self._retry = False

    @property
    def is_empty(self) -> bool:
        """Whether no record was found."""
        return not self._count

    def skip(self, ledger: Ledger) -> None:
        """Count all records that ``ledger`` covers."""
        self._bad = RejectionLimit(ledger.uncounted)
        self._count += sum(ledger.uncounted.values())
        if self._known:
            self._count += sum(1 for _ in self._known.rows_before(ledger.number))

    def items(self, records: Records) -> Iterator[ContainerItem]:
        """Yield what each of ``records`` is."""
        try:
            for record in records:
                self._count += 1
                if isinstance(record, BadRecord):
                    yield from self._bad_record(record)
                else:
                    yield self._item(record)
        except NoArticle as exc:
            locator = f"#{self._count + 1}" if self._count else ""
            self._count += 1
            yield from self._bad_record(bad_record(locator, exc))

    def _item(self, record: Record) -> RecordTask | KnownRecord:
        digest = _digest_of(record, self._fields)
        path = self._file.path + record.locator
        self._is_whole |= not record.locator
        if self._known and self._known.is_unchanged(path, digest):
            return KnownRecord(path)
        return RecordTask(self._file, record, digest, self._fields)

    def _bad_record(self, record: BadRecord) -> Iterator[FileRecord]:
        self._is_whole |= not record.locator
        self._retry |= record.retry
        if self._bad.is_listed(record.reason):
            yield FileRecord(
                self._file.path + record.locator,
                self._file.size,
                0 if record.retry else self._file.mtime_ns,
                _NO_DIGEST,
                Status.REJECTED,
                reason=record.reason,
                extractor=self._extractor,
                locator=record.locator,
            )

    def end(self, report: ReadReport, digest: str) -> ContainerEnd:
        """Return the end of the file, with what the reader of its records has reported.

        ``digest`` is that of the bytes before ``report.end``, empty if the file is not resumed.
        """
        uncounted = self._bad.uncounted
        others = dict(report.others)
        # What a missing package prevented is found by reading the file from its beginning.
        digest = "" if self._retry else digest
        end, number = (report.end, report.number) if digest else (0, 0)
        packed = Ledger(end, number, digest, self._fields, uncounted, others, self._query).pack()
        record = FileRecord(
            self._file.path,
            self._file.size,
            0 if self._retry else self._file.mtime_ns,
            _NO_DIGEST,
            Status.CONTAINER,
            extractor=self._extractor,
            ledger=packed,
        )
        return ContainerEnd(record, 0 if self._is_whole else self._count, uncounted, others)


_NO_DIGEST: Final = "00"


def _digest_of(record: Record, fields: Mapping[str, str]) -> str:
    digest = blake2b(record.data, digest_size=_DIGEST_BYTES)
    known = (
        record.format,
        record.name,
        record.url,
        record.charset,
        str(record.fetched),
        str(record.modified),
    )
    digest.update("\0".join(each or "" for each in known).encode("utf-8", "surrogatepass"))
    if fields and record.format == FIELDS_FORMAT:
        digest.update(repr(sorted(fields.items())).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def digests_of(record: Record, fields: Mapping[str, str]) -> tuple[str, ...]:
    """Return the digests by which a file record may know ``record``.

    That of a file of one article is of its bytes alone.
    """
    plain = blake2b(record.data, digest_size=_DIGEST_BYTES).hexdigest()
    return _digest_of(record, fields), *(() if record.locator else (plain,))


def read_located(
    path: str, locators: Collection[str], options: ReadOptions
) -> Iterator[tuple[Record, str]]:
    """Yield the records of the file at ``path`` with these locators, and the digest of each.

    Raises ``OSError`` and :class:`ValueError` if the file cannot be read.
    """
    source = file_source(Path(path))
    try:
        for record in registry.read_located(source, locators, options):
            if isinstance(record, Record):
                yield record, _digest_of(record, options.fields)
    except NoArticle:
        return
