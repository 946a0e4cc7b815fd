"""The file records of an index as columns: about 65 bytes of memory for each of a million.

A :class:`RecordTable` is made while the file records of an index are read once, or from what an
earlier run has written (:mod:`newsgrep.indexing.known_table`). It retains what says whether a file
has changed; the complete file record of an article is read again from the index when it is needed.
Paths are compared by hashes of 64 bits; of ten million paths two have the same with probability
3e-6, and then one file may be read again, or only by the next run.
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, islice
from typing import ClassVar, Final, Self

from newsgrep.engines.compact import (
    HASH_MASK,
    HashIndex,
    RecordFile,
    byte_table,
    stable_key,
)
from newsgrep.models import FileRecord, Status

FindRecords = Callable[[Sequence[str]], Iterable[FileRecord]]
"""Returns the file records of articles by their ids, as an engine does."""

# Kinds: what does not change. The lowest two bits are the status.
STATUSES: Final = tuple(Status)
_CODES: Final = {status: code for code, status in enumerate(STATUSES)}
INDEXED_CODE: Final = _CODES[Status.INDEXED]
STATUS_BITS: Final = 3
MEMBER: Final = 4  # a record in a file of many
DIGEST: Final = 8
UNDER: Final = 16  # the run is about its file
DEAD: Final = 32  # another record of the same path counts, or it was deleted
WITHOUT_UNDER: Final = bytes(kind & ~UNDER for kind in range(256))

_FETCHED_AT_ONCE: Final = 100
_LOOK_AHEAD: Final = 5_000
"""Rows among which those are found that will be needed next, too."""


class RecordTable:
    """The file records of an index by path, and by article. A row is the number of a record.

    ``find`` reads file records from the index again; without it, all of them are retained in a
    temporary file.
    """

    needed_soon: ClassVar[int] = 0
    """The marks of rows whose records will be needed, so that several are read at once."""

    def __init__(
        self,
        records: Iterable[FileRecord] = (),
        find: FindRecords | None = None,
    ) -> None:
        self.kinds = bytearray()
        self.marks = bytearray()
        self.others: dict[str, list[str]] = {}
        """The ids of further articles at an address, whose id is that of the first one."""

        self.superseded: list[FileRecord] = []
        """Records without an article, of files with one: two processes wrote at the same time."""

        self.commit = 0
        """The mark of the commit whose records these are, if they come from a table."""

        self._find = find
        self._paths = array("Q")  # hashes
        # Of a file: mtime and size. Of a record in a file: half its digest, number in its locator.
        self._first = array("Q")
        self._second = array("Q")
        self._ids = array("Q")
        self._places = array("I")  # in the file of records, 0 if it is not there
        self._containers = array("I")  # the number of the file of many records, from 1
        self._extractors = array("I")
        self._folders = array("I")  # of the file
        self._file = RecordFile()
        self._without_article = array("I")
        self._files = [""]
        self._file_numbers: dict[str, int] = {}
        self._file_marks = bytearray(1)
        self.folders = KnownFolders()
        """The folders of all files, and which of them need not be read again."""

        self._extractor_codes: dict[str, int] = {}
        self._odd_ids: dict[int, str] = {}
        self._addresses: dict[int, str] = {}  # of articles with another id, by row
        self._duplicates: dict[int, list[int]] = {}  # rows by address
        self._by_path = HashIndex(self._paths)
        self._by_id = HashIndex(self._ids)
        self._disputed: set[int] = set()  # articles in several files
        self._build(records)

    def _build(self, records: Iterable[FileRecord]) -> None:
        early: dict[int, int] = {}  # records without an article, which come first
        for row, record in enumerate(records):
            key = self._append(record)
            if record.status is not Status.INDEXED:
                early[key] = row
            elif early and (same := early.pop(key, None)) is not None:
                self.superseded += self.records((same,))
                self.kinds[same] |= DEAD
                self._paths[same] = 0
        self.marks.extend(bytes(len(self.kinds)))

    def _append(self, record: FileRecord) -> int:
        """Add a row without marks, and return the hash of its path."""
        row, path, status, locator = len(self.kinds), record.path, record.status, record.locator
        file = record.file if locator else path
        kind = _CODES[status] | (DIGEST if record.digest else 0)
        key = stable_key(path)
        self._paths.append(key)
        self._folders.append(self.folders.number_of(file))
        self._containers.append(self._number_of(file) if locator else 0)
        if locator:
            kind |= MEMBER
            self._first.append(half_of_digest(record.digest))
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
            is_retained |= number in self._disputed
            if address:
                self._addresses[row] = address
                self.others.setdefault(address, []).append(article_id)
        else:
            self._ids.append(0)
            is_retained = True
            self._without_article.append(row)
            if status is Status.DUPLICATE:
                self._disputed.add(self._id_key(article_id))
                rows = self._duplicates.setdefault(self._id_key(address or article_id), [])
                rows.append(row)
        self._places.append(self._file.append(record) if is_retained else 0)
        return key

    # Changing --------------------------------------------------------------------------------

    def read_from(self, find: FindRecords) -> None:
        """Read file records with ``find`` from now on, and retain only those that it can't."""
        self._find = find

    def put(self, record: FileRecord) -> bool:
        """Replace the record of an article, or of a file without one, by a new row.

        Return whether that is possible: of a file with an article, no other record may be left.
        """
        if record.status is Status.INDEXED:
            self.drop_article(record.article_id or "")
            if any(not self.is_indexed(row) for row in self._by_path.rows(stable_key(record.path))):
                return False
        else:
            self.drop_file(record.path)
        row = len(self.kinds)
        self._append(record)
        self.marks.append(0)
        self.folders.digests.pop(self._folders[row], None)
        return True

    def drop_article(self, article_id: str) -> None:
        """Remove the record of an article."""
        for row in [*self._by_id.rows(self._id_key(article_id))]:
            if address := self._addresses.pop(row, ""):
                self.others[address].remove(article_id)
                if not self.others[address]:
                    del self.others[address]
            self._drop(row)

    def drop_file(self, path: str) -> None:
        """Remove the record of a file without an article."""
        for row in [*self._by_path.rows(stable_key(path))]:
            if not self.is_indexed(row):
                self._drop(row)

    def _drop(self, row: int) -> None:
        self.kinds[row] |= DEAD
        self._paths[row] = self._ids[row] = 0
        self.folders.digests.pop(self._folders[row], None)

    def retain_articles_of_duplicates(self) -> None:
        """Read the records again that each run compares with those of duplicates."""
        ids = (number for number in self._disputed if not number & _IS_ODD)
        self.fetch(row for number in ids for row in self._by_id.rows(number))

    # On the disk -------------------------------------------------------------------------------

    def _columns(self) -> tuple[bytearray | array[int], ...]:
        """Return what has an entry for each row, but no marks."""
        numbers = self._paths, self._first, self._second, self._ids, self._places
        return self.kinds, *numbers, self._containers, self._extractors, self._folders

    def to_parts(self) -> list[bytes]:
        """Return everything that :meth:`restore` reads, without marks."""
        self.kinds = bytearray(self.kinds.translate(WITHOUT_UNDER))
        alive = {row for row, _ in self.records_without_article()}
        rest = {
            "files": self._files,
            "extractors": list(self._extractor_codes),
            "odd_ids": list(self._odd_ids.items()),
            "addresses": list(self._addresses.items()),
            "duplicates": [
                (address, [row for row in rows if row in alive])
                for address, rows in self._duplicates.items()
            ],
            "disputed": list(self._disputed),
            "others": self.others,
            "folders": self.folders.names,
            "digests": [(number, each.hex()) for number, each in self.folders.digests.items()],
            "without_article": [row for row in self._without_article if row in alive],
        }
        indexes = (self._by_path.slots, self._by_id.slots)
        columns = (bytes(column) for column in (*self._columns(), *indexes))
        return [*columns, self._file.to_bytes(), json.dumps(rest).encode("ascii")]

    @classmethod
    def restore(cls, parts: Sequence[bytes], find: FindRecords | None) -> Self:
        """Return what :meth:`to_parts` has returned the parts of.

        Raises :class:`ValueError`, :class:`LookupError` or :class:`TypeError` for other parts.
        """
        known = cls((), find)
        columns = known._columns()
        slots = array("I"), array("I")
        *of_columns, records, rest = parts
        for column, part in zip((*columns, *slots), of_columns, strict=True):
            if isinstance(column, bytearray):
                column.extend(part)
            else:
                column.frombytes(part)
        if len(set(map(len, columns))) > 1:
            raise ValueError("the columns differ in length")
        known.marks = bytearray(len(known.kinds))
        known._by_path = HashIndex(known._paths, slots[0])
        known._by_id = HashIndex(known._ids, slots[1])
        known._file = RecordFile(records)
        found = json.loads(rest)
        known._files = found["files"]
        known._file_numbers = {name: number for number, name in enumerate(known._files) if number}
        known._file_marks = bytearray(len(known._files))
        known._extractor_codes = {name: code for code, name in enumerate(found["extractors"])}
        known._odd_ids = dict(found["odd_ids"])
        known._addresses = dict(found["addresses"])
        known._duplicates = dict(found["duplicates"])
        known._disputed = set(found["disputed"])
        known.others = found["others"]
        known._without_article.extend(found["without_article"])
        known.folders = KnownFolders(found["folders"])
        known.folders.digests = {number: bytes.fromhex(each) for number, each in found["digests"]}
        return known

    def digest(self) -> int:
        """Return a number that is equal for equal file records, whatever their order is."""
        names = [stable_key(name) for name in self._extractor_codes]
        files = [stable_key(name) for name in self._files]
        rows = zip(
            self.kinds.translate(WITHOUT_UNDER),
            self._paths,
            self._first,
            self._second,
            self._ids,
            map(files.__getitem__, self._containers),
            map(names.__getitem__, self._extractors),
            strict=True,
        )
        return sum(hash(row) for row in rows if not row[0] & DEAD) & HASH_MASK

    def complete_folders(self) -> bool:
        """Note which folders a later run need not look into, and return whether there are any."""
        alive = self.kinds.translate(byte_table(lambda kind: not kind & DEAD))
        return self.folders.complete(self._folders, alive)

    def dead_share(self) -> float:
        """Return which part of all rows is of records that were replaced or dropped."""
        dead = self.kinds.translate(byte_table(lambda kind: kind & DEAD)).count(1)
        return dead / max(len(self.kinds), 1)

    def _number_of(self, file: str) -> int:
        number = self._file_numbers.get(file)
        if number is None:
            number = self._file_numbers[file] = len(self._files)
            self._files.append(file)
            self._file_marks.append(0)
        return number

    def _id_key(self, article_id: str) -> int:
        if number := _number_of_id(article_id):
            return number
        key = stable_key(article_id) | _IS_ODD
        self._odd_ids[key] = article_id
        return key

    # Looking up ------------------------------------------------------------------------------

    def row_of(self, path: str) -> int | None:
        """Return the row of the file record with this path."""
        return next(self._by_path.rows(stable_key(path)), None)

    def row_of_article(self, article_id: str) -> int | None:
        """Return the row of the file that an article is taken from."""
        return next(self._by_id.rows(self._id_key(article_id)), None)

    def duplicates_at(self, address: str) -> Sequence[int]:
        """Return the rows of duplicates of articles at an address."""
        rows = self._duplicates.get(self._id_key(address), ())
        return [row for row in rows if not self.kinds[row] & DEAD]

    def duplicates(self) -> Iterator[int]:
        """Yield the rows of all duplicates."""
        for rows in self._duplicates.values():
            yield from (row for row in rows if not self.kinds[row] & DEAD)

    def records_without_article(self) -> Iterator[tuple[int, FileRecord]]:
        """Yield the rows and records of files and records without an article of their own."""
        for row in self._without_article:
            if not self.kinds[row] & DEAD and (record := self.find(row)):
                yield row, record

    def status_of(self, row: int) -> Status:
        """Return the status of a row."""
        return STATUSES[self.kinds[row] & STATUS_BITS]

    def is_indexed(self, row: int) -> bool:
        """Return whether the index takes an article from here."""
        return self.kinds[row] & STATUS_BITS == INDEXED_CODE

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
            if self.marks[other] & self.needed_soon and not self._places[other]:
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
                if stable_key(record.path) == self._paths[known]:
                    self._places[known] = self._file.append(record)


class KnownFolders:
    """The folders of known files. Of some it is known which files they had when all were unchanged.

    ``digests`` has a digest of the files of a folder by the number of the folder. A run compares
    them with the files that it finds, and need not look at single files where they are equal
    (:func:`newsgrep.extraction.walk.find_files`).
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(names)
        self.digests: dict[int, bytes] = {}
        self.unchanged = bytearray(len(self.names))
        """1 for each folder that this run has found unchanged, else 0."""

        self._numbers = {name: number for number, name in enumerate(self.names)}
        # The folders whose files this run has looked at, with how many of them it must read.
        self._seen: dict[str, _SeenFolder] = {}

    def number_of(self, file: str) -> int:
        """Return the number of the folder of ``file``."""
        name = os.path.dirname(file)  # noqa: PTH120  (any bytes)
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
            self.unchanged.append(0)
        return number

    def is_unchanged(self, path: str, digest: bytes, count: int) -> bool:
        """Return whether the ``count`` files in a folder are as they all were, and mark them."""
        number = self._numbers.get(path, -1)
        if self.digests.get(number) == digest:
            self.unchanged[number] = 1
            return True
        self._seen[path] = _SeenFolder(digest, count)
        self.digests.pop(number, None)
        return False

    def note(self, file: str, left: int) -> None:
        """Note that a file is to be read (1), or was read (-1)."""
        if seen := self._seen.get(os.path.dirname(file)):  # noqa: PTH120  (any bytes)
            seen.left += left

    def complete(self, rows: array[int], alive: bytearray) -> bool:
        """Keep the digests of folders all of whose files are known now; return if there are any.

        ``rows`` has the folder of each row, and ``alive`` a 1 for each that counts. A folder with
        more rows had a file that is known and gone.
        """
        complete = {
            number: seen
            for folder, seen in self._seen.items()
            if not seen.left and (number := self._numbers.get(folder)) is not None
        }
        if not complete:
            return False
        counts = Counter(compress(rows, alive))
        known = {
            number: seen.digest for number, seen in complete.items() if counts[number] == seen.count
        }
        self.digests |= known
        return bool(known)


@dataclass(slots=True)
class _SeenFolder:
    """A folder whose files a run has looked at: how many there are, and how many it must read."""

    digest: bytes
    count: int
    left: int = 0


def locator_number(locator: str) -> int:
    """Return the number in the locator of a record of a file that is resumed.

    That of a record which its file does not have any more is greater than all.
    """
    digits = locator[1:]
    return int(digits) if digits.isdecimal() else HASH_MASK


def half_of_digest(digest: str) -> int:
    """Return the first 64 bits of a digest in hexadecimal digits."""
    return int(digest[:16] or "0", 16)


_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"


@lru_cache(maxsize=1024)  # a run looks up the id of an article a dozen times
def _number_of_id(article_id: str) -> int | None:
    """Return the number that an id of the usual form stands for, ``None`` for another string."""
    return int(article_id.translate(_TO_DIGITS), 32) + 1 if _ID.fullmatch(article_id) else None


_TO_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_ID: Final = re.compile(f"[{_ALPHABET}]{{12}}")
_IS_ODD: Final = 1 << 63
"""Marks the number of an id of another form than those that articles have: a hash."""
