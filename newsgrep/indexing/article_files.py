"""Which file each article of an index is taken from, and which files have the same article.

At first it is what the index says, as :mod:`newsgrep.indexing.known` has it in little memory; then
the run changes it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from newsgrep.analysis.document import IndexDocument
from newsgrep.analysis.packed_texts import unpack_folded
from newsgrep.engines.compact import HashIndex, RecordFile, hash_key
from newsgrep.indexing.addresses import (
    Leaders,
    address_of,
    best_first,
    find_leaders,
    ids_of_texts,
    texts_agree,
)
from newsgrep.indexing.known import GONE, LOST, OUT, PENDING, KnownRecords
from newsgrep.models import FileRecord, Status


class ArticleFiles:
    """The file records of all articles by id, with those that lost theirs, and all duplicates.

    An article of the index is lost if its file changes in this run or is gone, unless it is added
    again. ``duplicates`` are the files of this run whose article is taken from another one, by
    address, and ``vacant`` the addresses of lost articles whose duplicates may take their place.
    """

    def __init__(self, known: KnownRecords) -> None:
        self.known = known
        self.duplicates: dict[str, list[FileRecord]] = {}
        self.vacant: set[str] = set()
        self._now = _Articles()  # those of this run
        self._lost_now: dict[str, FileRecord] = {}
        self._out: list[int] = []  # rows that articles are not taken from any more
        self._others = known.others
        self._extractors: Counter[str] = Counter()
        # Only of addresses that several files of this run have.
        self._leaders: dict[str, Leaders] = {}
        for row in known.rows(mark=PENDING | GONE):
            if known.is_indexed(row):
                self._take_out(row, LOST)
            else:
                known.marks[row] |= OUT

    # Articles --------------------------------------------------------------------------------

    def __contains__(self, article_id: str | None) -> bool:
        """Return whether there is an article with this id."""
        return article_id in self._now or self._row_of(article_id or "") is not None

    def get(self, article_id: str) -> FileRecord | None:
        """Return the file record of an article."""
        if record := self._now.get(article_id):
            return record
        row = self._row_of(article_id)
        return None if row is None else self.known.find(row)

    def _row_of(self, article_id: str) -> int | None:
        """Return the row of an article that this run has not changed."""
        row = self.known.row_of_article(article_id)
        return None if row is None or self.known.marks[row] & OUT else row

    def was_known(self, article_id: str) -> bool:
        """Return whether the index had an article with this id before the run."""
        return self.known.row_of_article(article_id) is not None

    def add(self, record: FileRecord) -> None:
        """Take the article of ``record`` from its file."""
        address, article_id = address_of(record), record.article_id or ""
        self._remove(article_id)
        self._now.add(record)
        self._extractors[record.extractor] += 1
        if record.address and article_id not in self._others.setdefault(address, []):
            self._others[address].append(article_id)
        if address in self._leaders:
            self._leaders[address].add(record)

    def _remove(self, article_id: str, mark: int = 0) -> None:
        if record := self._now.pop(article_id):
            self._extractors[record.extractor] -= 1
        elif (row := self._row_of(article_id)) is not None:
            self._take_out(row, mark)

    def _take_out(self, row: int, mark: int = 0) -> None:
        self.known.marks[row] |= OUT | mark
        self._out.append(row)

    def demote(self, record: FileRecord, address: str) -> None:
        """Make the file of an article one of its duplicates."""
        self.remove(record)
        self.duplicates.setdefault(address, []).append(record)

    def remove(self, record: FileRecord) -> None:
        """Forget that the article of ``record`` is taken from its file."""
        if address_of(record) in self._leaders:
            self._leaders[address_of(record)].remove(record)
        self._remove(record.article_id or "")

    def lose(self, record: FileRecord) -> None:
        """Forget what a file has; its article is lost unless it is added again."""
        if record.status is Status.DUPLICATE or not self.is_winner(record):
            self.forget_duplicate(record)  # another file may have taken its article
            return
        address, article_id = address_of(record), record.article_id or ""
        if article_id in self._now:
            self._lost_now[article_id] = record
        self._remove(article_id, LOST)
        if address in self._leaders:
            self._leaders[address].remove(record)
        self.vacant.add(address)

    def is_winner(self, record: FileRecord) -> bool:
        """Return whether an article is taken from the file of ``record``."""
        winner = self.get(record.article_id or "")
        return winner is not None and winner.path == record.path

    def is_from(self, row: int) -> bool:
        """Return whether an article is still taken from the file in this row."""
        article_id = self.known.id_of(row)
        if article_id not in self._now:
            return not self.known.marks[row] & OUT
        record = self.known.find(row)
        return record is not None and self.is_winner(record)

    # Lost articles ---------------------------------------------------------------------------

    def lost_at(self, address: str) -> list[FileRecord]:
        """Return the records of lost articles at an address whose ids no article has."""
        return _records_at(address, map(self.lost, self._ids_at(address)))

    def lost(self, article_id: str) -> FileRecord | None:
        """Return the record of a lost article whose id no article has."""
        return None if article_id in self else self._lost_record(article_id)

    def _lost_record(self, article_id: str) -> FileRecord | None:
        if record := self._lost_now.get(article_id):
            return record
        row = self.known.row_of_article(article_id)
        return self.known.find(row) if row is not None and self.known.marks[row] & LOST else None

    def lost_ids(self) -> set[str]:
        """Return the ids of lost articles that were not added again."""
        marks = self.known.marks
        known = (self.known.id_of(row) for row in self._out if marks[row] & LOST)
        return {each for each in (*known, *self._lost_now) if each not in self}

    def count_removed(self) -> int:
        """Return how many articles the index had before and has no more."""
        return sum(self.known.id_of(row) not in self._now for row in self._out)

    def count_older(self, extractor: str) -> int:
        """Return how many articles other rules than ``extractor`` have extracted."""
        known = sum(
            number
            for (status, _, marks, each), number in self.known.count().items()
            if status is Status.INDEXED and not marks & OUT and each != extractor
        )
        return known + self._extractors.total() - self._extractors[extractor]

    # Addresses -------------------------------------------------------------------------------

    def at(self, address: str) -> list[FileRecord]:
        """Return the records of all articles at an address."""
        return _records_at(address, map(self.get, self._ids_at(address)))

    def _ids_at(self, address: str) -> tuple[str, ...]:
        return (address, *self._others.get(address, ()))

    def leaders_at(self, address: str) -> Leaders:
        """Return the leaders at an address; they are kept if there is one."""
        leaders = self._leaders.get(address)
        if leaders is None:
            found = self.at(address)
            leaders = Leaders(found)
            if found:
                self._leaders[address] = leaders
        return leaders

    def shared(self) -> Mapping[str, list[FileRecord]]:
        """Return the files of addresses that have several articles."""
        shared: dict[str, list[FileRecord]] = {}
        for address in self._others:
            records = self.at(address)
            if len(records) > 1:
                shared[address] = sorted(records, key=lambda record: record.path)
        return shared

    # Ids --------------------------------------------------------------------------------------

    def choose_id(self, document: IndexDocument, agreeing: Sequence[FileRecord]) -> str:
        """Return the id of an article that is to be added or replaced.

        It has the id of the version that it replaces, if an earlier run gave it, else that of
        its own file, else that of a version whose file has changed or is gone. ``agreeing`` are
        the files of articles at its address that it replaces.
        """
        record, address = document.file_record, document.article_id
        own = self._own_record(record, address, document.url)
        if agreeing:
            ids = [each.article_id or "" for each in agreeing]
            known = [each for each in ids if self.was_known(each)]
            known = known or [each.article_id or "" for each in own] or ids
            return address if address in known else known[0]
        left = self.lost_at(address)
        with_text = [each for each in (*own, *best_first(left)) if texts_agree(record, each)]
        for each in (*with_text, *own):
            return each.article_id or ""
        reserved = {each.article_id for each in left if self._is_pending(each.path)}
        if not (self.leaders_at(address) or reserved or address in self):
            return address
        title, _, _ = unpack_folded(document.folded)
        free = ids_of_texts(address, record, title)
        return next(each for each in free if each not in self and each not in reserved)

    def _is_pending(self, path: str) -> bool:
        """Return whether a known file is still to be read by itself."""
        return self.known.is_marked(path, PENDING)

    def _own_record(self, record: FileRecord, address: str, url: str | None) -> list[FileRecord]:
        """Return the previous record of a file if its article may keep its id.

        The address may be another one, if new rules read the same bytes, or if a record without
        a URL, which its bytes identify, was edited at its place.
        """
        known = self.known.get(record.path)
        if not known or known.status is not Status.INDEXED or known.article_id in self:
            return []
        is_same = address_of(known) == address or known.digest == record.digest
        is_edited = bool(
            url is None and known.sketch and record.sketch and texts_agree(record, known)
        )
        return [known] if is_same or is_edited else []

    # Duplicates ------------------------------------------------------------------------------

    def followers_at(self, address: str) -> list[FileRecord]:
        """Return the duplicates at an address that this run has not changed."""
        known = self.known
        rows = (row for row in known.duplicates_at(address) if not known.marks[row] & OUT)
        return list(known.records(rows))

    def versions_at(self, address: str) -> list[FileRecord]:
        """Return the file records of all files with an article at an address."""
        return [
            *self.at(address),
            *self.followers_at(address),
            *self.duplicates.get(address, ()),
        ]

    def without_leader(self) -> Iterator[FileRecord]:
        """Yield duplicates that agree with no article now."""
        for address in {**self.duplicates, **dict.fromkeys(sorted(self.vacant))}:
            for path, record in find_leaders(self.versions_at(address)).items():
                if record.path == path and not self.is_winner(record):
                    yield record

    def with_duplicates(
        self, addresses: Iterable[str]
    ) -> Iterator[tuple[FileRecord, list[FileRecord]]]:
        """Yield the file record of each article at some addresses, and those of its duplicates."""
        for address in dict.fromkeys(addresses):
            versions = self.versions_at(address)
            leaders = find_leaders(versions)
            for leader in self.at(address):
                yield leader, [each for each in versions if leaders[each.path].path == leader.path]

    def forget_duplicate(self, record: FileRecord) -> None:
        """Forget that a file has the article of another one."""
        row = self.known.row_of(record.path)
        if row is not None and self.known.status_of(row) is Status.DUPLICATE:
            self.known.marks[row] |= OUT
        kept: Sequence[FileRecord] = self.duplicates.get(address_of(record), ())
        if kept:
            self.duplicates[address_of(record)] = [e for e in kept if e.path != record.path]


class _Articles:
    """File records by article id: about 20 bytes of memory for each, the records in a file."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._places = array("I")  # 0 for an id that was removed
        self._index = HashIndex(self._keys)
        self._file = RecordFile()

    def _row_of(self, article_id: str) -> int | None:
        return next(self._index.rows(hash_key(article_id)), None)

    def __contains__(self, article_id: object) -> bool:
        row = self._row_of(article_id) if isinstance(article_id, str) else None
        return row is not None and self._places[row] > 0

    def get(self, article_id: str) -> FileRecord | None:
        """Return the file record of an article."""
        row = self._row_of(article_id)
        return None if row is None or not self._places[row] else self._file[self._places[row]]

    def add(self, record: FileRecord) -> None:
        """Add or replace the record of an article."""
        article_id = record.article_id or ""
        place = self._file.append(record)
        row = self._row_of(article_id)
        if row is None:
            self._keys.append(hash_key(article_id))
            self._places.append(place)
        else:
            self._places[row] = place

    def pop(self, article_id: str) -> FileRecord | None:
        """Remove an article and return its record."""
        record, row = self.get(article_id), self._row_of(article_id)
        if row is not None:
            self._places[row] = 0
        return record


def _records_at(address: str, found: Iterable[FileRecord | None]) -> list[FileRecord]:
    return [record for record in found if record and address_of(record) == address]
