"""Files of many records in a run: which of their known records were found again, and which not.

What is known of a record that is read again is lost until its article is added. While a file may
turn out to have lost most of its articles, nothing that was read of it is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from newsgrep.analysis.document import IndexDocument
from newsgrep.engines.base import Change, DropFileRecord, PutFileRecord
from newsgrep.errors import MassDeletion
from newsgrep.indexing.addresses import address_of, texts_agree
from newsgrep.indexing.article_files import ArticleFiles
from newsgrep.indexing.containers import (
    ContainerEnd,
    KnownBeginning,
    KnownRecord,
    RejectionLimit,
    unpack_ledger,
)
from newsgrep.indexing.history import Histories
from newsgrep.indexing.known import OUT, UNCHANGED, UNSEEN, KnownFile
from newsgrep.indexing.outcomes import Outcome, Outcomes, previous_outcome
from newsgrep.indexing.plan import Plan
from newsgrep.indexing.preparing import Prepared
from newsgrep.messages import message
from newsgrep.models import FileRecord, Status


class RecordFiles:
    """The files of many records that a run finds, and what has become of their known records.

    ``delete`` yields the changes that delete a lost article, given its id.
    """

    def __init__(
        self,
        plan: Plan,
        articles: ArticleFiles,
        outcomes: Outcomes,
        histories: Histories,
        delete: Callable[[str], Iterator[Change]],
    ) -> None:
        self._plan = plan
        self._known = known = plan.known
        self._articles = articles
        self._outcomes = outcomes
        self._histories = histories
        self._delete_lost = delete
        # The numbers of records of each file that have no file record: rejected, and others.
        self._files: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {}
        for row, record in known.records_without_article():
            if record.status is Status.CONTAINER and known.marks[row] & UNCHANGED:
                ledger = unpack_ledger(record.ledger)
                self._files[record.path] = ledger.uncounted, ledger.others
        # Known records of files that are read, until they are found in them again.
        for file in plan.changed.values():
            for row in file.rows:
                known.marks[row] |= UNSEEN
        # How many articles the file that is being read had, and how many of them were found.
        self._found_in: dict[str, tuple[int, int]] = {}
        self._limits: dict[str, RejectionLimit] = {}

    def __len__(self) -> int:
        """Return how many files of many records there are."""
        return len(self._files)

    def count_uncounted(self) -> int:
        """Return how many records are rejected and have no file record."""
        rejected = [uncounted for uncounted, _ in self._files.values()]
        rejected += [limit.uncounted for limit in self._limits.values()]
        return sum(sum(each.values()) for each in rejected)

    def count_others(self) -> dict[str, int]:
        """Return how many parts of files are no articles, by kind."""
        others: Counter[str] = Counter()
        for _, kinds in self._files.values():
            others.update(kinds)
        return dict(others)

    def is_in_doubt(self, item: Prepared) -> bool:
        """Return whether ``item`` is in a file most of whose known articles are not found yet."""
        match item:
            case KnownRecord(path):
                file = self._file_of(path)
            case KnownBeginning():
                file = item.file
            case FileRecord():
                file = item.file
            case IndexDocument():
                file = item.file_record.file
            case _:
                return False
        known, found = self._found_in.get(file, (0, 0))
        return self._plan.prune is None and 2 * found < known

    def _file_of(self, path: str) -> str:
        """Return the path of the file of many records that a known record is in."""
        row = self._known.row_of(path)
        return "" if row is None else self._known.file_of(row)

    def note(self, file: str) -> None:
        """Note how many articles a file of many records has, when its first record is read."""
        if file in self._plan.changed and file not in self._found_in:
            self._found_in = {file: (self._plan.changed[file].articles, 0)}

    def note_found(self, file: str) -> None:
        """Note that an article of the file that is being read was found again."""
        if file in self._found_in:
            known, found = self._found_in[file]
            self._found_in[file] = known, found + 1

    def limit_of(self, file: str) -> RejectionLimit:
        """Return what counts the rejected records of a file."""
        return self._limits.setdefault(file, RejectionLimit())

    def find_again(self, path: str) -> int | None:
        """Note that a known record is in its file; return its row unless that was noted before."""
        row = self._known.row_of(path)
        if row is None or not self._known.marks[row] & UNSEEN:
            return None
        self._known.marks[row] &= ~UNSEEN
        return row

    def is_unseen(self, record: FileRecord) -> bool:
        """Return whether a record is known that was not found in its file yet."""
        return bool(record.locator) and self._known.is_marked(record.path, UNSEEN)

    def known_record(self, path: str) -> Iterator[Change]:
        """Record that a record in a file is known, and not changed."""
        file = self._file_of(path)
        self.note(file)
        row = self.find_again(path)
        if row is None:
            self._outcomes.repeated[Outcome.UNCHANGED] += 1
        else:
            yield from self._unchanged(row, file)

    def known_beginning(self, file: str, number: int) -> Iterator[Change]:
        """Record that the records in a file with numbers up to ``number`` are known."""
        self.note(file)
        if known := self._plan.changed.get(file):
            for row in known.rows_before(number):
                if self._known.marks[row] & UNSEEN:
                    self._known.marks[row] &= ~UNSEEN
                    yield from self._unchanged(row, file)

    def _unchanged(self, row: int, file: str) -> Iterator[Change]:
        """Record that a record in a file is as it was."""
        if not self._known.is_indexed(row):
            known = self._known.find(row)
            is_rejected = known is not None and known.status is Status.REJECTED
            if known and is_rejected and not self.limit_of(file).is_listed(known.reason or ""):
                yield DropFileRecord(known.path)
                return
        self._known.marks[row] |= UNCHANGED
        if self._known.is_indexed(row):
            self.note_found(file)
            if not self._articles.is_from(row) and (known := self._known.find(row)):
                # Another record of the file was taken for this one, moved.
                self._articles.duplicates.setdefault(address_of(known), []).append(known)

    def end(self, end: ContainerEnd) -> Iterator[Change]:
        """Record a file of many records, and drop those that it does not have any more."""
        record = end.file_record
        known = self._plan.known.get(record.path)
        changed = self._plan.changed.get(record.path)
        if changed:
            self._check_gone(changed)
            yield from self._drop_unseen(changed)
            # In one commit with the end of the file: the next run does not read it again.
            for row in changed.article_rows():
                if self._known.marks[row] & OUT:
                    yield from self._delete_lost(self._known.id_of(row))
        if end.records:
            if limit := self._limits.pop(record.path, None):
                end = end.with_uncounted(limit.uncounted)
                record = end.file_record
            self._files[record.path] = end.uncounted, end.others
            if known and known.status is Status.INDEXED:
                yield from self._delete_lost(known.article_id or "")
            yield PutFileRecord(record)
        elif (
            known
            and known.status is Status.CONTAINER
            and self._outcomes.get(record.path) is not Outcome.REJECTED  # whose record replaced it
        ):
            yield DropFileRecord(record.path)

    def _drop_unseen(self, file: KnownFile) -> Iterator[Change]:
        """Drop what a file does not have any more, unless it is to be kept."""
        for row in file.rows:
            if not self._known.marks[row] & UNSEEN:
                continue
            self._known.marks[row] &= ~UNSEEN
            record = self._known.find(row)
            if record is None:
                continue
            if self._plan.prune is False:
                self._outcomes.set(record.path, *previous_outcome(record))
                continue
            self._articles.lose(record)
            self._histories.forget(record)
            if record.status is not Status.INDEXED:
                yield DropFileRecord(record.path)

    def _check_gone(self, file: KnownFile) -> None:
        """Refuse the run if a file has lost most of its articles.

        Other articles may be at the same places now.
        """
        known, articles = self._known, self._articles
        lost = [
            row
            for row in file.article_rows()
            if (
                articles.is_from(row)
                if known.marks[row] & UNSEEN
                else known.id_of(row) not in articles
            )
        ]
        if self._plan.prune is not None or 2 * len(lost) <= file.articles:
            return
        gone = sum(not self._is_elsewhere(record) for record in known.records(lost))
        if 2 * gone > file.articles:
            raise MassDeletion(
                message("{count:,} articles are gone from {path}", count=gone, path=file.path),
                message(
                    "was it truncated or written again? They are kept. Use --prune to delete "
                    "them, or --no-prune to keep them."
                ),
            )

    def _is_elsewhere(self, record: FileRecord) -> bool:
        """Return whether another record has the text, so that it takes the place of ``record``."""
        address = address_of(record)
        articles = self._articles
        others = (*articles.followers_at(address), *articles.duplicates.get(address, ()))
        return any(
            other.path != record.path and not self.is_unseen(other) and texts_agree(record, other)
            for other in others
        )
