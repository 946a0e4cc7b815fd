"""What a run knows about millions of files and records: about 60 bytes of memory for each.

A :class:`KnownRecords` is made while the file records of an index are read once. It retains what
says whether a file has changed; the complete file record of an article is read again from the
index when it is needed. Paths are compared by hashes of 64 bits; of ten million paths two have the
same with probability 3e-6, and then one file may be read again, or only by the next run.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Final

from newsgrep.engines.compact import HASH_MASK, HashIndex, RecordFile, hash_key
from newsgrep.models import FileRecord, Status

FindRecords = Callable[[Sequence[str]], Iterable[FileRecord]]
"""Returns the file records of articles by their ids, as an engine does."""

# Kinds: what does not change. The lowest two bits are the status.
_STATUSES: Final = tuple(Status)
_CODES: Final = {status: code for code, status in enumerate(_STATUSES)}
_INDEXED: Final = _CODES[Status.INDEXED]
_STATUS: Final = 3
_MEMBER: Final = 4  # a record in a file of many
_DIGEST: Final = 8
_UNDER: Final = 16
_DEAD: Final = 32  # another record of the same path counts

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

_FETCHED_AT_ONCE: Final = 100
_CANDIDATES_PER_FILE: Final = 20
"""Files of one size that are compared with each new file by name and content."""

_LOOK_AHEAD: Final = 5_000
"""Rows among which those are found that will be needed next, too."""


class KnownRecords(Mapping[str, FileRecord]):
    """The file records of an index by path, and by article. A row is the number of a record.

    ``find`` reads file records from the index again; without it, all of them are retained in a
    temporary file. ``is_under`` decides by the path of a file whether a run is about it.
    """

    def __init__(
        self,
        records: Iterable[FileRecord] = (),
        find: FindRecords | None = None,
        is_under: Callable[[str], bool] = bool,
    ) -> None:
        self.kinds = bytearray()
        self.marks = bytearray()
        self.others: dict[str, list[str]] = {}
        """The ids of further articles at an address, whose id is that of the first one."""

        self.superseded: list[FileRecord] = []
        """Records without an article, of files with one: two processes wrote at the same time."""

        self._find = find
        self._paths = array("Q")  # hashes
        # Of a file: mtime and size. Of a record in a file: half its digest, number in its locator.
        self._first = array("Q")
        self._second = array("Q")
        self._ids = array("Q")
        self._places = array("I")  # in the file of records, 0 if it is not there
        self._containers = array("I")  # the number of the file of many records, from 1
        self._extractors = array("I")
        self._file = RecordFile()
        self._without_article = array("I")
        self._files = [""]
        self._file_numbers: dict[str, int] = {}
        self._file_marks = bytearray(1)
        self._members: dict[str, array[int]] = {}
        self._extractor_codes: dict[str, int] = {}
        self._odd_ids: dict[int, str] = {}
        self._addresses: dict[int, str] = {}  # of articles with another id, by row
        self._duplicates: dict[int, list[int]] = {}  # rows by address
        self._by_path = HashIndex(self._paths)
        self._by_id = HashIndex(self._ids)
        self._build(records, is_under)

    def _build(self, records: Iterable[FileRecord], is_under: Callable[[str], bool]) -> None:
        disputed: set[int] = set()
        early: dict[int, int] = {}  # records without an article, which come first
        last, last_is_under = None, False
        for row, record in enumerate(records):
            path, status, locator = record.path, record.status, record.locator
            file = record.file if locator else path
            if file != last:
                last, last_is_under = file, is_under(file)
            kind = _CODES[status] | (_DIGEST if record.digest else 0)
            kind |= _UNDER if last_is_under else 0
            key = hash_key(path)
            self._paths.append(key)
            self._containers.append(self._number_of(file) if locator else 0)
            if locator:
                kind |= _MEMBER
                self._first.append(_half(record.digest))
                self._second.append(locator_number(locator) & HASH_MASK)
            else:
                self._first.append(record.mtime_ns & HASH_MASK)
                self._second.append(record.size & HASH_MASK)
            code = self._extractor_codes.setdefault(record.extractor, len(self._extractor_codes))
            self._extractors.append(code)
            article_id, address = record.article_id or "", record.address
            is_retained = self._find is None or bool(address)
            self.kinds.append(kind)
            if status is Status.INDEXED:
                number = self._id_key(article_id)
                self._ids.append(number)
                is_retained |= number in disputed
                if address:
                    self._addresses[row] = address
                    self.others.setdefault(address, []).append(article_id)
                if early and (same := early.pop(key, None)) is not None:
                    self.superseded += self.records((same,))
                    self.kinds[same] |= _DEAD
                    self._paths[same] = 0
            else:
                self._ids.append(0)
                is_retained = True
                early[key] = row
                self._without_article.append(row)
                if status is Status.DUPLICATE:
                    disputed.add(self._id_key(article_id))
                    rows = self._duplicates.setdefault(self._id_key(address or article_id), [])
                    rows.append(row)
            self._places.append(self._file.append(record) if is_retained else 0)
        self.marks.extend(bytes(len(self.kinds)))

    def _number_of(self, file: str) -> int:
        number = self._file_numbers.get(file)
        if number is None:
            number = self._file_numbers[file] = len(self._files)
            self._files.append(file)
            self._file_marks.append(0)
        return number

    def _id_key(self, article_id: str) -> int:
        if _ID.fullmatch(article_id):
            return int(article_id.translate(_TO_DIGITS), 32) + 1
        key = hash(article_id) & HASH_MASK | _IS_ODD
        self._odd_ids[key] = article_id
        return key

    # Looking up ------------------------------------------------------------------------------

    def row_of(self, path: str) -> int | None:
        """Return the row of the file record with this path."""
        return next(self._by_path.rows(hash_key(path)), None)

    def row_of_article(self, article_id: str) -> int | None:
        """Return the row of the file that an article is taken from."""
        return next(self._by_id.rows(self._id_key(article_id)), None)

    def duplicates_at(self, address: str) -> Sequence[int]:
        """Return the rows of duplicates of articles at an address."""
        rows = self._duplicates.get(self._id_key(address), ())
        return [row for row in rows if not self.kinds[row] & _DEAD]

    def duplicates(self) -> Iterator[int]:
        """Yield the rows of all duplicates."""
        for rows in self._duplicates.values():
            yield from (row for row in rows if not self.kinds[row] & _DEAD)

    def records_without_article(self) -> Iterator[tuple[int, FileRecord]]:
        """Yield the rows and records of files and records without an article of their own."""
        for row in self._without_article:
            if not self.kinds[row] & _DEAD and (record := self.find(row)):
                yield row, record

    def status_of(self, row: int) -> Status:
        """Return the status of a row."""
        return _STATUSES[self.kinds[row] & _STATUS]

    def is_indexed(self, row: int) -> bool:
        """Return whether the index takes an article from here."""
        return self.kinds[row] & _STATUS == _INDEXED

    def id_of(self, row: int) -> str:
        """Return the id of the article of a row, whose status is ``indexed``."""
        key = self._ids[row]
        if key & _IS_ODD:
            return self._odd_ids[key]
        return "".join(_ALPHABET[(key - 1) >> shift & 31] for shift in range(55, -1, -5))

    def address_of(self, row: int) -> str:
        """Return the id that the URL of an article gives, which may be that of another one."""
        return self._addresses.get(row) or self.id_of(row)

    def file_of(self, row: int) -> str:
        """Return the path of the file that a record is in, ``""`` for a file of its own."""
        return self._files[self._containers[row]]

    def find(self, row: int) -> FileRecord | None:
        """Return the file record of a row, ``None`` if the index does not have it any more.

        What was returned once is returned again, whatever the run changes meanwhile.
        """
        if not self._places[row]:
            self._fetch(row)
        place = self._places[row]
        return self._file[place] if place else None

    def records(self, rows: Iterable[int]) -> Iterator[FileRecord]:
        """Yield the file records of rows that the index still has."""
        for row in rows:
            if record := self.find(row):
                yield record

    def _fetch(self, row: int) -> None:
        """Read a record from the index, and with it some that will be needed next."""
        wanted = [row]
        for other in range(row + 1, min(row + _LOOK_AHEAD, len(self.marks))):
            if self.marks[other] & (PENDING | GONE | UNSEEN) and not self._places[other]:
                wanted.append(other)
                if len(wanted) == _FETCHED_AT_ONCE:
                    break
        self._fetch_all(wanted)

    def fetch(self, rows: Iterable[int]) -> None:
        """Read the file records of many rows from the index, a hundred at a time."""
        missing = iter([row for row in rows if not self._places[row]])
        while wanted := list(islice(missing, _FETCHED_AT_ONCE)):
            self._fetch_all(wanted)

    def _fetch_all(self, wanted: Sequence[int]) -> None:
        if self._find:
            by_id = {self.id_of(each): each for each in wanted}
            for record in self._find(list(by_id)):
                known = by_id[record.article_id or ""]
                # Another process may have stored the article from another file.
                if hash_key(record.path) == self._paths[known]:
                    self._places[known] = self._file.append(record)

    def get(self, path: str, default: FileRecord | None = None) -> FileRecord | None:  # type: ignore[override]
        """Return the file record with this path."""
        for row in self._by_path.rows(hash_key(path)):
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
        return sum(1 for _ in self.rows())

    def rows(self, kind: int = 0, mark: int = 0) -> Iterator[int]:
        """Yield all rows with these bits of their kind and one of these marks."""
        for row, (each, found) in enumerate(zip(self.kinds, self.marks, strict=True)):
            if each & kind == kind and not each & _DEAD and (not mark or found & mark):
                yield row

    # Planning --------------------------------------------------------------------------------

    def mark(self, path: str, mark: int) -> None:
        """Mark the record with this path, and as present also all records in this file."""
        for row in self._by_path.rows(hash_key(path)):
            self.marks[row] |= mark
        if number := self._file_numbers.get(path):
            self._file_marks[number] |= mark

    def unmark(self, path: str, mark: int) -> None:
        """Remove a mark from the record with this path."""
        for row in self._by_path.rows(hash_key(path)):
            self.marks[row] &= ~mark

    def is_marked(self, path: str, mark: int) -> bool:
        """Return whether the record with this path has one of these marks."""
        return any(self.marks[row] & mark for row in self._by_path.rows(hash_key(path)))

    def unchanged_row(self, path: str, size: int, mtime_ns: int) -> int | None:
        """Return the row of a file that has this size and time."""
        for row in self._by_path.rows(hash_key(path)):
            if self._second[row] == size & HASH_MASK and self._first[row] == mtime_ns & HASH_MASK:
                return None if self.kinds[row] & _MEMBER else row
        return None

    def has_digest(self, row: int) -> bool:
        """Return whether the file was read: one that was too large has no digest."""
        return bool(self.kinds[row] & _DIGEST)

    def mark_members(self) -> None:
        """Mark the records in files as their files are marked; call it once after all files."""
        marks = self._file_marks
        if not any(marks):
            return
        for row, number in enumerate(self._containers):
            if number:
                self.marks[row] |= marks[number] & (PRESENT | UNCHANGED)

    def rows_under(self) -> Iterator[int]:
        """Yield the rows of records in the files that the run is about."""
        return self.rows(_UNDER)

    def count_under(self) -> int:
        """Return how many records are in the files that the run is about."""
        return sum(1 for _ in self.rows_under())

    def absent_rows(self) -> array[int]:
        """Return the rows of records whose files the run is about and were not found."""
        return array("I", (row for row in self.rows(_UNDER) if not self.marks[row] & PRESENT))

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
            and not kind & (_MEMBER | _DEAD)
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
                if number in wanted and not self.kinds[row] & _DEAD:
                    found[wanted[number]].append(row)
        return {file: KnownFile(self, file, rows) for file, rows in found.items()}

    def count(self) -> Counter[tuple[Status, bool, int, str]]:
        """Count all records by status, whether they are in a file of many, marks and extractor."""
        names = list(self._extractor_codes)
        found: Counter[tuple[Status, bool, int, str]] = Counter()
        columns = zip(self.kinds, self.marks, self._extractors, strict=True)
        for (kind, marks, extractor), number in Counter(columns).items():
            if not kind & _DEAD:
                status, is_member = _STATUSES[kind & _STATUS], bool(kind & _MEMBER)
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
        return known._first[row] == _half(digest)  # noqa: SLF001  (one module)

    def rows_before(self, number: int) -> Iterator[int]:
        """Yield the rows of records with numbers in their locators up to ``number``."""
        numbers = self._known._second  # noqa: SLF001
        return (row for row in self.rows if numbers[row] <= number)


_SETTLED: Final = frozenset((Status.INDEXED, Status.REJECTED))


def _is_settled(record: FileRecord, digest: str) -> bool:
    return record.status in _SETTLED and record.digest == digest


def locator_number(locator: str) -> int:
    """Return the number in the locator of a record of a file that is resumed.

    That of a record which its file does not have any more is greater than all.
    """
    digits = locator[1:]
    return int(digits) if digits.isdecimal() else HASH_MASK


def _half(digest: str) -> int:
    """Return the first 64 bits of a digest in hexadecimal digits."""
    return int(digest[:16] or "0", 16)


_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_TO_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_ID: Final = re.compile(f"[{_ALPHABET}]{{12}}")
_IS_ODD: Final = 1 << 63
"""Marks the number of an id of another form than those that articles have: a hash."""
