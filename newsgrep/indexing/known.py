"""What a run knows about millions of files and records, and what it finds out about them.

A :class:`KnownRecords` is a table of the file records of an index with a mark for each: whether its
file was found, is unchanged, is to be read, or is gone.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import compress
from typing import Final

from newsgrep.engines.compact import HASH_MASK, byte_table, marked_rows, spread, stable_key
from newsgrep.indexing.record_table import (
    DEAD,
    DIGEST,
    MEMBER,
    STATUS_BITS,
    STATUSES,
    UNDER,
    WITHOUT_UNDER,
    FindRecords,
    RecordTable,
    half_of_digest,
)
from newsgrep.models import FileRecord, Status

# Marks: what a plan and a run find out.
PRESENT: Final = 1
"""The file was found."""
UNCHANGED: Final = 2
"""It need not be read, or it was read and is the same."""
PENDING: Final = 4
"""It is to be read by itself: a file, or one record in a file."""
GONE: Final = 8
"""The file is gone, and its articles are deleted."""
UNSEEN: Final = 16
"""A record in a file that is read, until it is found there again."""
OUT: Final = 32
"""The index does not take an article from here any more; a duplicate is no duplicate any more."""
LOST: Final = 64
"""The article was lost; another file may have it."""

_CANDIDATES_PER_FILE: Final = 20
"""Files of one size that are compared with each new file by name and content."""


class KnownRecords(RecordTable, Mapping[str, FileRecord]):
    """The file records of an index by path, with marks.

    ``is_under`` decides by the path of a folder whether a run is about the files in it.
    """

    needed_soon = PENDING | GONE | UNSEEN

    def __init__(
        self,
        records: Iterable[FileRecord] = (),
        find: FindRecords | None = None,
        is_under: Callable[[str], bool] = bool,
    ) -> None:
        super().__init__(records, find)
        self.set_under(is_under)

    def set_under(self, is_under: Callable[[str], bool], files: Iterable[str] = ()) -> None:
        """Note which rows a run is about: those in folders, and those of single ``files``.

        ``is_under`` is called with the path of each folder, with a separator at its end, and of
        each of the files that is known.
        """
        self.kinds = bytearray(self.kinds.translate(WITHOUT_UNDER))
        flags = bytes(UNDER * is_under(f"{name}{os.sep}") for name in self.folders.names)
        spread(self.kinds, flags, self._folders)
        for file in files:
            rows = [*self._by_path.rows(stable_key(file))]
            if number := self._file_numbers.get(file):
                rows += (row for row, each in enumerate(self._containers) if each == number)
            if rows and is_under(file):
                for row in rows:
                    self.kinds[row] |= UNDER

    def get(self, path: str, default: FileRecord | None = None) -> FileRecord | None:  # type: ignore[override]
        """Return the file record with this path."""
        for row in self._by_path.rows(stable_key(path)):
            if (record := self.find(row)) and record.path == path:
                return record
        return default

    def __getitem__(self, path: str) -> FileRecord:
        if (record := self.get(path)) is None:
            raise KeyError(path)
        return record

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.get(path) is not None

    def __iter__(self) -> Iterator[str]:
        return (record.path for record in self.records(self.rows()))

    def __len__(self) -> int:
        alive = byte_table(lambda kind: not kind & DEAD)
        return self.kinds.translate(alive).count(1)

    def rows(self, kind: int = 0, mark: int = 0) -> Iterator[int]:
        """Yield all rows with these bits of their kind and one of these marks."""
        of_kind = byte_table(lambda each: each & kind == kind and not each & DEAD)
        marked = byte_table(lambda each: not mark or each & mark)
        yield from marked_rows(self.kinds.translate(of_kind), self.marks.translate(marked))

    # Planning --------------------------------------------------------------------------------

    def mark(self, path: str, mark: int) -> None:
        """Mark the record with this path, and as present also all records in this file."""
        for row in self._by_path.rows(stable_key(path)):
            self.marks[row] |= mark
        if number := self._file_numbers.get(path):
            self._file_marks[number] |= mark

    def unmark(self, path: str, mark: int) -> None:
        """Remove a mark from the record with this path."""
        for row in self._by_path.rows(stable_key(path)):
            self.marks[row] &= ~mark

    def is_marked(self, path: str, mark: int) -> bool:
        """Return whether the record with this path has one of these marks."""
        return any(self.marks[row] & mark for row in self._by_path.rows(stable_key(path)))

    def unchanged_row(self, path: str, size: int, mtime_ns: int) -> int | None:
        """Return the row of a file that has this size and time."""
        for row in self._by_path.rows(stable_key(path)):
            if self._second[row] == size & HASH_MASK and self._first[row] == mtime_ns & HASH_MASK:
                return None if self.kinds[row] & MEMBER else row
        return None

    def has_status(self, row: int, size: int, mtime_ns: int) -> bool:
        """Return whether the file of a row had this size and time."""
        return self._second[row] == size & HASH_MASK and self._first[row] == mtime_ns & HASH_MASK

    def count_by_folder(self) -> dict[str, int]:
        """Return the number of known files in each folder, without the records in these."""
        is_file = self.kinds.translate(byte_table(lambda kind: not kind & (DEAD | MEMBER)))
        counts = Counter(compress(self._folders, is_file))
        return {self.folders.names[number]: count for number, count in counts.items()}

    def is_settled(self, path: str) -> bool:
        """Return whether size and time of a file decide alone whether it is read again.

        A file of many records may be read with other options, and one without a digest was too
        large to be read.
        """
        row = self.row_of(path)
        if row is None or self.kinds[row] & MEMBER:
            return False
        return self.has_digest(row) and self.status_of(row) is not Status.CONTAINER

    def has_digest(self, row: int) -> bool:
        """Return whether the file was read: one that was too large has no digest."""
        return bool(self.kinds[row] & DIGEST)

    def mark_members(self) -> None:
        """Mark the records in files, and the files in unchanged folders, as these are marked.

        Call it once after all files.
        """
        marks = bytes(each & (PRESENT | UNCHANGED) for each in self._file_marks)
        spread(self.marks, marks, self._containers)
        unchanged = bytes(each * (PRESENT | UNCHANGED) for each in self.folders.unchanged)
        spread(self.marks, unchanged, self._folders)

    def rows_under(self) -> Iterator[int]:
        """Yield the rows of records in the files that the run is about."""
        return self.rows(UNDER)

    def count_under(self) -> int:
        """Return how many records are in the files that the run is about."""
        under = byte_table(lambda kind: kind & UNDER and not kind & DEAD)
        return self.kinds.translate(under).count(1)

    def absent_rows(self) -> array[int]:
        """Return the rows of records whose files the run is about and were not found."""
        under = byte_table(lambda kind: kind & UNDER and not kind & DEAD)
        absent = byte_table(lambda mark: not mark & PRESENT)
        return array("I", marked_rows(self.kinds.translate(under), self.marks.translate(absent)))

    def absent_files(self, sizes_and_times: Set[tuple[int, int]]) -> list[int]:
        """Return the rows of files, not of records in them, that may have been moved.

        Those are files of these sizes that were not found, or if there are many of them, such as
        when a few files are added to a million, those that also have the times in nanoseconds.
        """
        sizes = {size & HASH_MASK for size, _ in sizes_and_times}
        found = [
            row
            for row, (kind, size) in enumerate(zip(self.kinds, self._second, strict=True))
            if size in sizes
            and not kind & (MEMBER | DEAD)
            and not self.marks[row] & PRESENT
            and self._paths[row]
        ]
        if len(found) <= _CANDIDATES_PER_FILE * len(sizes_and_times):
            return found
        wanted = {(size & HASH_MASK, time & HASH_MASK) for size, time in sizes_and_times}
        return [row for row in found if (self._second[row], self._first[row]) in wanted]

    def files_of(self, files: Iterable[str]) -> dict[str, KnownFile]:
        """Return what is known about the records in files of many, by the path of the file.

        Files without a known record are left out.
        """
        wanted = {number: file for file in files if (number := self._file_numbers.get(file))}
        found = {file: array("I") for file in wanted.values()}
        if found:
            for row, number in enumerate(self._containers):
                if number in wanted and not self.kinds[row] & DEAD:
                    found[wanted[number]].append(row)
        return {file: KnownFile(self, file, rows) for file, rows in found.items()}

    def count_statuses(self) -> Counter[tuple[Status, bool]]:
        """Count all records by status, and by whether they are in a file of many."""
        found: Counter[tuple[Status, bool]] = Counter()
        for kind in set(self.kinds):
            if not kind & DEAD:
                found[STATUSES[kind & STATUS_BITS], bool(kind & MEMBER)] += self.kinds.count(kind)
        return found

    def count(self) -> Counter[tuple[Status, bool, int, str]]:
        """Count all records by status, whether they are in a file of many, marks and extractor."""
        names = list(self._extractor_codes)
        found: Counter[tuple[Status, bool, int, str]] = Counter()
        # One number for each row: to count tuples of a million rows takes three times as long.
        extractors = self._extractors.tobytes()
        rows = bytearray(4 * len(self.kinds))
        rows[0::4], rows[1::4] = self.kinds, self.marks
        rows[2::4], rows[3::4] = (extractors[at::4] for at in _LOWEST_BYTES)
        for number_of_row, number in Counter(memoryview(rows).cast("I")).items():
            kind, marks, *of_extractor = number_of_row.to_bytes(4, sys.byteorder)
            extractor = int.from_bytes(bytes(of_extractor), "little")
            if not kind & DEAD:
                status, is_member = STATUSES[kind & STATUS_BITS], bool(kind & MEMBER)
                found[status, is_member, marks, names[extractor]] += number
        return found


class KnownFile:
    """What is known about one file of many records; ``rows`` are those of the records in it."""

    def __init__(self, known: KnownRecords, path: str, rows: Sequence[int]) -> None:
        self._known = known
        self.path = path
        self.rows = rows
        self.container = known.get(path)
        """The record of the file itself."""

        self.articles = sum(1 for _ in self.article_rows())
        """How many articles the index takes from the file."""

    def article_rows(self) -> Iterator[int]:
        """Yield the rows of all articles that the index takes from the file."""
        known = self._known
        own = known.row_of(self.path) if self.container else None
        if own is not None and known.is_indexed(own):
            yield own
        yield from filter(known.is_indexed, self.rows)

    def is_unchanged(self, path: str, digest: str) -> bool:
        """Return whether a record with this digest need not be extracted again.

        A duplicate is: it may be the better version now.
        """
        known = self._known
        if path == self.path:
            return self.container is not None and _is_settled(self.container, digest)
        row = known.row_of(path)
        if row is None or known.status_of(row) not in _SETTLED:
            return False
        return known._first[row] == half_of_digest(digest)  # noqa: SLF001  (one module)

    def rows_before(self, number: int) -> Iterator[int]:
        """Yield the rows of records with numbers in their locators up to ``number``."""
        numbers = self._known._second  # noqa: SLF001
        return (row for row in self.rows if numbers[row] <= number)


_LOWEST_BYTES: Final = (0, 1) if sys.byteorder == "little" else (3, 2)
"""The two lowest bytes in a number of four; there are few extractors."""

_SETTLED: Final = frozenset((Status.INDEXED, Status.REJECTED))


def _is_settled(record: FileRecord, digest: str) -> bool:
    return record.status in _SETTLED and record.digest == digest
