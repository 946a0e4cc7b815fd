"""Reading files of many records in a run: which records are new, changed, unchanged or gone.

A record whose bytes are those of its file record is not extracted again. A file of lines that
only grew is read from where it ended, after its beginning was compared with what was there. What
is known for that is the ledger in the file record of the file.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from newsgrep.errors import NoArticle
from newsgrep.extract.records.base import (
    NO_FIELDS,
    BadRecord,
    ReadOptions,
    Record,
    Records,
    Source,
    file_source,
)
from newsgrep.extract.records.json_lines import read_lines
from newsgrep.extract.records.registry import find_format, read_records
from newsgrep.extract.walk import File
from newsgrep.models import FileRecord, Status

_CHUNK_BYTES: Final = 1 << 20
_DIGEST_BYTES: Final = 16
_MAX_BAD: Final = 20
"""Unreadable records of one file and reason that have a file record; the others are counted."""


class RecordTask(NamedTuple):
    """A record to extract: its file, and the record's digest in hexadecimal digits."""

    file: File
    record: Record
    digest: str
    fields: Mapping[str, str]


class KnownRecord(NamedTuple):
    """A record that has not changed; ``path`` is that of its file record."""

    path: str


class ContainerEnd(NamedTuple):
    """The end of a file of many records: its file record, and how many records it has.

    ``uncounted`` has the numbers of unreadable records without a file record, by reason.
    """

    file_record: FileRecord
    records: int
    uncounted: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known about a file of many records.

    ``end`` is the offset in bytes after its last whole line, ``lines`` how many there are before
    it, and ``digest`` the hash of the bytes before it, if the file is one of lines. ``fields``
    are the user's names of fields, ``uncounted`` the unreadable records without a file record.
    """

    end: int = 0
    lines: int = 0
    digest: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    uncounted: Mapping[str, int] = field(default_factory=dict)

    def pack(self) -> str:
        """Return the ledger as text."""
        values = [self.end, self.lines, self.digest, dict(self.fields), dict(self.uncounted)]
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def unpack_ledger(text: str) -> Ledger:
    """Return the ledger that ``text`` describes; an empty one if it is invalid."""
    try:
        end, lines, digest, fields, uncounted = json.loads(text)
        return Ledger(int(end), int(lines), str(digest), dict(fields), dict(uncounted))
    except (ValueError, TypeError, RecursionError):
        return Ledger()


ContainerItem = RecordTask | KnownRecord | FileRecord | ContainerEnd


def read_container(
    file: File,
    known: Mapping[str, FileRecord],
    *,
    extractor: str,
    options: ReadOptions,
    again: bool = False,
) -> Iterator[ContainerItem]:
    """Yield what the records of ``file`` are, in the order of the file, and at last its end.

    ``known`` has the file records of this file and its records by path; with ``again``, all records
    are extracted, whether they have changed or not. Raises ``OSError`` and :class:`ValueError` if
    the file cannot be read.
    """
    status = os.stat(file.path)  # noqa: PTH116  (any bytes)
    file = File(file.path, status.st_size, status.st_mtime_ns)
    source = file_source(Path(file.path))
    before = known.get(file.path)
    ledger = unpack_ledger(before.ledger) if before else Ledger()
    fields = options.fields or ledger.fields
    reader = _ContainerReader(file, {} if again else known, extractor, fields)
    head = source.head()
    found = find_format(source.name, head)
    end = Ledger(fields=fields)
    if found is not None and found.is_lines:
        end = _measure_lines(source, fields)
    if not again and end.digest and _only_grew(source, ledger, end):
        yield from map(KnownRecord, reader.known_records(ledger))
        with source.open_stream() as stream:
            stream.seek(ledger.end)
            yield from reader.items(read_lines(stream, ledger.lines))
    else:
        yield from reader.items(read_records(source, ReadOptions(fields, options.query)))
    if reader.is_empty:
        yield from reader.items(iter([BadRecord("", "it contains no records")]))
    yield reader.end(end)


def _only_grew(source: Source, before: Ledger, now: Ledger) -> bool:
    """Return whether the first ``before.end`` bytes are those that were read before."""
    if not before.digest or before.fields != now.fields or before.end > now.end:
        return False
    with source.open_stream() as stream:
        return _hash(stream, before.end) == before.digest


def _hash(stream: BinaryIO, size: int) -> str:
    digest = blake2b(digest_size=_DIGEST_BYTES)
    while size > 0 and (chunk := stream.read(min(size, _CHUNK_BYTES))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def _measure_lines(source: Source, fields: Mapping[str, str]) -> Ledger:
    """Return the ledger of a file of lines; a last line without its end is not in it."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    end = lines = 0
    pending = b""
    with source.open_stream() as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            whole, newline, rest = chunk.rpartition(b"\n")
            if newline:
                digest.update(pending)
                digest.update(whole + newline)
                end += len(pending) + len(whole) + 1
                lines += whole.count(b"\n") + 1
                pending = rest
            else:
                pending += chunk
    return Ledger(end, lines, digest.hexdigest(), fields)


class _ContainerReader:
    """Compares the records of one file with what is known about them."""

    def __init__(
        self,
        file: File,
        known: Mapping[str, FileRecord],
        extractor: str,
        fields: Mapping[str, str],
    ) -> None:
        self._file = file
        self._known = known
        self._extractor = extractor
        self._fields = fields
        self._count = 0
        self._bad: Counter[str] = Counter()
        self._is_whole = False  # the file is one article

    @property
    def is_empty(self) -> bool:
        """Whether no record was found."""
        return not self._count

    def known_records(self, ledger: Ledger) -> Iterator[str]:
        """Yield the paths of all records that ``ledger`` covers, and count them."""
        self._bad.update({reason: n + _MAX_BAD for reason, n in ledger.uncounted.items()})
        self._count += sum(ledger.uncounted.values())
        for path, record in self._known.items():
            if record.locator and int(record.locator[1:]) <= ledger.lines:
                self._count += 1
                yield path

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
            yield from self._bad_record(BadRecord(locator, str(exc)))

    def _item(self, record: Record) -> RecordTask | KnownRecord:
        digest = _digest_of(record)
        path = self._file.path + record.locator
        self._is_whole |= not record.locator
        known = self._known.get(path)
        if known and known.digest == digest and known.status in _SETTLED:
            return KnownRecord(path)
        return RecordTask(self._file, record, digest, self._fields)

    def _bad_record(self, record: BadRecord) -> Iterator[FileRecord]:
        self._is_whole |= not record.locator
        self._bad[record.reason] += 1
        if self._bad[record.reason] <= _MAX_BAD:
            yield FileRecord(
                self._file.path + record.locator,
                self._file.size,
                self._file.mtime_ns,
                _NO_DIGEST,
                Status.REJECTED,
                reason=record.reason,
                extractor=self._extractor,
                locator=record.locator,
            )

    def end(self, ledger: Ledger) -> ContainerEnd:
        """Return the end of the file, of which ``ledger`` says how far it was read."""
        uncounted = {
            reason: number - _MAX_BAD for reason, number in self._bad.items() if number > _MAX_BAD
        }
        packed = Ledger(ledger.end, ledger.lines, ledger.digest, self._fields, uncounted).pack()
        record = FileRecord(
            self._file.path,
            self._file.size,
            self._file.mtime_ns,
            _NO_DIGEST,
            Status.CONTAINER,
            extractor=self._extractor,
            ledger=packed,
        )
        return ContainerEnd(record, 0 if self._is_whole else self._count, uncounted)


_SETTLED: Final = frozenset((Status.INDEXED, Status.REJECTED))
"""A duplicate is extracted again: it may be the better version now."""

_NO_DIGEST: Final = "00"


def _digest_of(record: Record) -> str:
    digest = blake2b(record.data, digest_size=_DIGEST_BYTES)
    known = (record.format, record.name, record.url, record.charset, str(record.fetched))
    digest.update("\0".join(each or "" for each in known).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def read_located(
    path: str, locators: Collection[str], options: ReadOptions
) -> Iterator[tuple[Record, str]]:
    """Yield the records of the file at ``path`` with these locators, and the digest of each.

    Raises ``OSError`` and :class:`ValueError` if the file cannot be read.
    """
    left = set(locators)
    try:
        for record in read_records(file_source(Path(path)), options):
            if record.locator in left and isinstance(record, Record):
                left.discard(record.locator)
                yield record, _digest_of(record)
            if not left:
                return
    except NoArticle:
        return
