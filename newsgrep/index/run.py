"""One run of an update: prepared files become changes of the index, and outcomes to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from newsgrep.analysis.codec import unpack_folded
from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.engines.base import (
    Change,
    Conflict,
    DeleteArticle,
    DropFileRecord,
    Expected,
    PutArticle,
    PutFileRecord,
    Stored,
)
from newsgrep.errors import MassDeletion
from newsgrep.extract.records.base import is_place
from newsgrep.extract.walk import File
from newsgrep.index.addresses import (
    Leaders,
    address_of,
    best_first,
    find_leaders,
    ids_of_texts,
    is_better,
    texts_agree,
)
from newsgrep.index.article_files import ArticleFiles
from newsgrep.index.containers import (
    ContainerEnd,
    KnownBeginning,
    KnownRecord,
    RejectionLimit,
    unpack_ledger,
)
from newsgrep.index.history import Histories
from newsgrep.index.known import GONE, OUT, PENDING, UNCHANGED, UNSEEN, KnownFile
from newsgrep.index.outcomes import (
    ListedFile,
    OlderRules,
    Outcome,
    Outcomes,
    UpdateSummary,
    previous_outcome,
)
from newsgrep.index.plan import STREAM, Plan, file_of
from newsgrep.index.preparing import FailedFile, Prepared
from newsgrep.models import FileRecord, Status

Prepare = Callable[[Sequence[File]], Iterator[Prepared]]
"""Reads files again that turn out to have an article of their own."""

Rewrite = Callable[[Iterable[Stored]], Iterable[Change]]
"""Turns articles into the changes that write them."""


class UpdateRun:
    """One run: turns prepared files into changes, and counts the outcomes.

    An article may be in several files. The best version is shown, and the others are recorded
    as duplicates, whatever the order of files is. The outcomes add up: every file has one.

    Files at one address whose texts differ have articles of their own. An article keeps its id
    as long as a file with its text is in the index; the first one at an address has the id of
    the address.
    """

    def __init__(self, plan: Plan, histories: Histories) -> None:
        self.committed = 0
        """How many of the files to read are committed."""

        self.conflicts: list[Conflict] = []
        """Versions that a server has not stored; :meth:`reconsidered` decides about them."""

        self.plan = plan
        self.histories = histories
        for record in plan.known.records(plan.gone_rows):
            histories.forget(record)
        self._read = 0
        self._outcomes = Outcomes(plan.known)
        # The numbers of records of each file that have no file record: unreadable, and others.
        self._containers: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {}
        self._known = known = plan.known
        for row, record in known.records_without_article():
            if record.status is Status.CONTAINER and known.marks[row] & UNCHANGED:
                ledger = unpack_ledger(record.ledger)
                self._containers[record.path] = ledger.uncounted, ledger.others
        # Known records of files that are read, until they are found in them again.
        for file in plan.changed.values():
            for row in file.rows:
                known.marks[row] |= UNSEEN
        # Files of which only some records are read.
        self._located = {file.path for file in plan.to_read if file.locator}
        self._articles = ArticleFiles(known)
        # Lost articles that are deleted already.
        self._deleted: set[str] = set()
        # How many articles the file that is being read had, and how many of them were found.
        self._found_in: dict[str, tuple[int, int]] = {}
        self._limits: dict[str, RejectionLimit] = {}
        # Places of articles that are kept although another record has theirs.
        self._kept: set[str] = set()
        # What other processes have stored meanwhile, by path.
        self._of_others: dict[str, FileRecord] = {}

    def commit(self) -> None:
        """Count all changes that :meth:`changes` has yielded as committed."""
        self.committed = self._read
        self.histories.commit()

    def changes(
        self, prepared: Iterator[Prepared], prepare: Prepare, rewrite: Rewrite
    ) -> Iterator[Iterable[Change]]:
        """Yield all changes, in groups that must be in one commit."""
        yield [
            DropFileRecord(record.path)
            for record in self._known.records(self.plan.gone_rows)
            if record.status is not Status.INDEXED
        ]
        for item in prepared:
            yield self._take_group(item, prepared)
        yield from self._promote(prepare)
        # Articles whose file is gone or has another article now, and that no other file has.
        lost = self._articles.lost_ids() - self._deleted
        yield map(self._delete, sorted(lost))
        self._read_followers(prepare)
        gone = map(address_of, self.histories.gone)
        for change in self._complete((*self._articles.duplicates, *gone), rewrite):
            yield (change,)
        yield self._record_duplicates(self._articles.duplicates)

    def _complete(self, addresses: Iterable[str], rewrite: Rewrite) -> Iterator[Change]:
        """Yield the changes that add versions to the articles at some addresses."""
        for change in rewrite(self.histories.complete(self._with_duplicates(addresses))):
            yield self._put(change.document) if isinstance(change, PutArticle) else change

    def _put(self, document: IndexDocument) -> PutArticle:
        return PutArticle(document, self._expected(document.article_id))

    def _delete(self, article_id: str) -> DeleteArticle:
        return DeleteArticle(article_id, self._expected(article_id))

    def _expected(self, article_id: str) -> Expected:
        articles = self._articles
        return Expected(articles.get(article_id) or articles.lost(article_id), self._report)

    def _report(self, conflict: Conflict) -> None:
        article_id = conflict.stored.article_id or ""
        if conflict.document or self._articles.get(article_id) != conflict.stored:
            self.conflicts.append(conflict)

    def reconsidered(self, rewrite: Rewrite) -> Iterator[Change]:
        """Yield the changes for all conflicts, as if this run had read the other files, too."""
        conflicts = sorted(self.conflicts, key=lambda each: each.stored.path)
        self.conflicts.clear()
        addresses: dict[str, None] = {}
        for document, stored in conflicts:
            addresses[address_of(stored)] = None
            if document:
                addresses[address_of(document.file_record)] = None
                yield from self._reconsider(document, stored)
        for document, stored in conflicts:
            if document is None:
                yield from self._consider(stored)
        yield from self._complete(addresses, rewrite)
        yield from self._record_duplicates(addresses)

    def _reconsider(self, document: IndexDocument, stored: FileRecord) -> Iterator[Change]:
        record = document.file_record
        winner = self._articles.get(document.article_id)
        is_own = record.path in self._outcomes
        if winner and is_own and winner.path not in {record.path, stored.path}:
            return  # a later version was chosen instead
        if winner:
            self._articles.remove(winner)
        self._add_of_other(stored)
        self._forget_duplicate(record)
        address = address_of(record)
        record = record._replace(article_id=address, address="")
        yield from self._add(replace(document.with_id(address), file_record=record))
        if not is_own:  # a file of another process
            self._outcomes.remove(record.path)

    def _consider(self, stored: FileRecord) -> Iterator[Change]:
        """Compare an article that another process has stored with others at its address."""
        winner = self._articles.get(stored.article_id or "")
        if winner is None:
            self._add_of_other(stored)
        elif winner != stored:
            return  # its own conflict is reported
        address = address_of(stored)
        best, *others = best_first(self._articles.leaders_at(address).agreeing(stored))
        for each in others:
            yield from self._demote(each, address, best.article_id or "")

    def _add_of_other(self, stored: FileRecord) -> None:
        self._forget_duplicate(stored)
        self._articles.add(stored)
        self._of_others[stored.path] = stored

    def _take_group(self, item: Prepared, following: Iterator[Prepared]) -> Iterator[Change]:
        """Yield the changes by ``item`` and those after it that must be in the same commit.

        While a file of many records may turn out to have lost most of its articles, nothing that
        was read of it is committed, so that the run can be refused without a loss.
        """
        while True:
            self._read += 1
            yield from self._take(item)
            if not self._is_in_doubt(item) or (after := next(following, None)) is None:
                return
            item = after

    def _is_in_doubt(self, item: Prepared) -> bool:
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
        return self.plan.prune is None and 2 * found < known

    def _file_of(self, path: str) -> str:
        """Return the path of the file of many records that a known record is in."""
        row = self._known.row_of(path)
        return "" if row is None else self._known.file_of(row)

    def _note_file(self, file: str) -> None:
        """Note how many articles a file of many records has, when its first record is read."""
        if file in self.plan.changed and file not in self._found_in:
            self._found_in = {file: (self.plan.changed[file].articles, 0)}

    def _note_found(self, file: str) -> None:
        if file in self._found_in:
            known, found = self._found_in[file]
            self._found_in[file] = known, found + 1

    def _take(self, item: Prepared) -> Iterable[Change]:
        match item:
            case FailedFile(path, reason):
                self._known.unmark(path, PENDING)
                return self._failed(path, reason)
            case FileRecord():
                outcome = self._outcomes.get(item.path)
                if self._is_repeated(item) and outcome is not Outcome.REJECTED:
                    self._outcomes.repeated[Outcome.REJECTED] += 1  # the earlier one has a text
                    return ()
                self._see(item)
                return self._rejected(item)
            case KnownRecord(path):
                self._known.unmark(path, PENDING)
                return self._known_record(path)
            case KnownBeginning(file, number):
                self._known.unmark(file, PENDING)
                return self._known_beginning(file, number)
            case ContainerEnd():
                self._known.unmark(item.file_record.path, PENDING)
                return self._container_end(item)
            case _:
                self._see(item.file_record)
                return self._article(item)

    def _rejected(self, record: FileRecord) -> Iterator[Change]:
        """Record a rejection; of many of one kind in a file, the others are only counted."""
        yield from self._delete_former_article(record)
        is_first = not record.locator or record.file in self._located
        if is_first or self._limit_of(record.file).is_listed(record.reason or ""):
            self._outcomes.set(record.path, Outcome.REJECTED, record.reason or "")
            yield PutFileRecord(record)
        else:
            yield from self._drop_known(record.path)

    def _limit_of(self, file: str) -> RejectionLimit:
        return self._limits.setdefault(file, RejectionLimit())

    def _drop_known(self, path: str) -> Iterator[Change]:
        """Drop the file record of a record without an article."""
        known = self.plan.known.get(path)
        if known and known.status is not Status.INDEXED:
            yield DropFileRecord(path)

    def _is_repeated(self, record: FileRecord) -> bool:
        """Return whether this is a later state of a record that the stream had before."""
        return self.plan.stream and self._outcomes.get(record.path) is not None

    def _replace(self, record: FileRecord) -> Iterator[Change]:
        """Forget the earlier state of a record in the stream."""
        outcome = self._outcomes.get(record.path) or Outcome.UNCHANGED
        self._outcomes.repeated[Outcome.UPDATED if outcome is Outcome.ADDED else outcome] += 1
        for each in self._articles.at(address_of(record)):
            if each.path == record.path:
                self._articles.lose(each)
        self._forget_duplicate(record)
        if outcome is Outcome.REJECTED:
            yield DropFileRecord(record.path)

    def _see(self, record: FileRecord) -> None:
        """Note that a file or a record was read; what it had before is lost until it is added."""
        self._note_file(record.file)
        self._known.unmark(record.path, PENDING)
        if other := self._of_others.pop(record.path, None):
            self._articles.lose(other)
        if record.locator and (row := self._found(record.path)) is not None:
            self._lose_row(row)

    def _found(self, path: str) -> int | None:
        """Note that a known record is in its file; return its row unless that was noted before."""
        row = self._known.row_of(path)
        if row is None or not self._known.marks[row] & UNSEEN:
            return None
        self._known.marks[row] &= ~UNSEEN
        return row

    def _lose_row(self, row: int) -> None:
        if known := self._known.find(row):
            self._articles.lose(known)

    def _is_unseen(self, record: FileRecord) -> bool:
        return bool(record.locator) and self._known.is_marked(record.path, UNSEEN)

    def _known_record(self, path: str) -> Iterator[Change]:
        file = self._file_of(path)
        self._note_file(file)
        row = self._found(path)
        if row is None:
            self._outcomes.repeated[Outcome.UNCHANGED] += 1
        else:
            yield from self._unchanged(row, file)

    def _known_beginning(self, file: str, number: int) -> Iterator[Change]:
        """Record that the records in a file with numbers up to ``number`` are known."""
        self._note_file(file)
        if known := self.plan.changed.get(file):
            for row in known.rows_before(number):
                if self._known.marks[row] & UNSEEN:
                    self._known.marks[row] &= ~UNSEEN
                    yield from self._unchanged(row, file)

    def _unchanged(self, row: int, file: str) -> Iterator[Change]:
        """Record that a record in a file is as it was."""
        if not self._known.is_indexed(row):
            known = self._known.find(row)
            is_rejected = known is not None and known.status is Status.REJECTED
            if known and is_rejected and not self._limit_of(file).is_listed(known.reason or ""):
                yield DropFileRecord(known.path)
                return
        self._known.marks[row] |= UNCHANGED
        if self._known.is_indexed(row):
            self._note_found(file)
            if not self._articles.is_from(row) and (known := self._known.find(row)):
                # Another record of the file was taken for this one, moved.
                self._articles.duplicates.setdefault(address_of(known), []).append(known)

    def _container_end(self, end: ContainerEnd) -> Iterator[Change]:
        """Record a file of many records, and drop those that it does not have any more."""
        record = end.file_record
        known = self.plan.known.get(record.path)
        changed = self.plan.changed.get(record.path)
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
            self._containers[record.path] = end.uncounted, end.others
            if known and known.status is Status.INDEXED:
                yield self._delete(known.article_id or "")
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
            if self.plan.prune is False:
                self._outcomes.set(record.path, *previous_outcome(record))
                continue
            self._articles.lose(record)
            self.histories.forget(record)
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
        if self.plan.prune is not None or 2 * len(lost) <= file.articles:
            return
        gone = sum(not self._is_elsewhere(record) for record in known.records(lost))
        if 2 * gone > file.articles:
            raise MassDeletion(
                f"{gone:,} articles are gone from {file.path}",
                ": was it truncated or written again? They are kept. Use --prune to delete them, "
                "or --no-prune to keep them.",
            )

    def _is_elsewhere(self, record: FileRecord) -> bool:
        """Return whether another record has the text, so that it takes the place of ``record``."""
        address = address_of(record)
        articles = self._articles
        others = (*articles.followers_at(address), *articles.duplicates.get(address, ()))
        return any(
            other.path != record.path and not self._is_unseen(other) and texts_agree(record, other)
            for other in others
        )

    def _failed(self, path: str, reason: str) -> Iterable[Change]:
        """Keep the article of a file that can't be read now."""
        self._outcomes.set(path, Outcome.FAILED, reason)
        known = self.plan.known.get(path)
        is_indexed = known is not None and known.status is Status.INDEXED
        if known and is_indexed and known.article_id not in self._articles:
            self._articles.add(known)
        return ()

    def _article(self, document: IndexDocument) -> Iterator[Change]:
        if self._is_repeated(document.file_record):
            yield from self._replace(document.file_record)
        yield from self._add(document)

    def _add(self, document: IndexDocument) -> Iterator[Change]:
        record, address = document.file_record, document.article_id
        articles = self._articles
        leaders = articles.leaders_at(address)
        agreeing = []
        for each in leaders.agreeing(record):
            is_kept = each.path in self._kept
            if (is_kept or self._is_unseen(each)) and each.file == record.file:
                articles.lose(each)  # the record has moved in its file
                if is_kept:
                    self._outcomes.remove(each.path)
                    self._kept.remove(each.path)
            else:
                agreeing.append(each)
        if agreeing and is_better(agreeing[0], record):
            self.histories.add_duplicate(document, agreeing[0])
            self._outcomes.set(record.path, Outcome.DUPLICATE)
            articles.duplicates.setdefault(address, []).append(record)
            return
        article_id = self._choose_id(document, leaders, agreeing)
        if article_id != address:
            record = record._replace(article_id=article_id, address=address)
            document = replace(document.with_id(article_id), file_record=record)
        known = self.plan.known.get(record.path)
        if known and known.status is not Status.INDEXED:
            yield DropFileRecord(record.path)
        yield from self._delete_former_article(record)
        before = articles.lost(article_id)
        yield self._put(self.histories.write(document, before, agreeing))
        self._deleted.discard(article_id)
        existed = articles.was_known(article_id)
        if existed and article_id not in articles:
            self._note_found(record.file)
        self._outcomes.set(record.path, Outcome.UPDATED if existed else Outcome.ADDED)
        for each in agreeing:
            yield from self._demote(each, address, article_id)
        articles.add(record)

    def _delete_former_article(self, record: FileRecord) -> Iterator[Change]:
        """Delete the lost article that a file had before ``record``, in the same commit.

        If it were deleted later, and the run stopped between two commits, the index would have
        two records of one file. A duplicate of the article takes its place, in this run or in the
        next one that finds it without an article.
        """
        known = self.plan.known.get(record.path)
        if known and known.status is Status.INDEXED and known.article_id != record.article_id:
            if self.plan.prune is False and not self.plan.stream and is_place(known.locator):
                yield from self._keep_elsewhere(known)
            yield from self._delete_lost(known.article_id or "")

    def _keep_elsewhere(self, known: FileRecord) -> Iterator[Change]:
        """Keep a lost article at a place of its own: another record has that which it had.

        The article moves on if its record is found further on in the file.
        """
        article_id = known.article_id or ""
        if article_id in self._articles or article_id in self._deleted:
            return
        locator = f"{known.locator}{_KEPT}{known.digest[:_KEPT_DIGITS]}"
        kept = known._replace(path=known.file + locator, locator=locator)
        for article in self.histories.stored(article_id):
            yield self._put(make_document(replace(article, path=kept.path), kept))
            self._articles.add(kept)
            self._kept.add(kept.path)
            self._outcomes.set(kept.path, Outcome.UNCHANGED)

    def _delete_lost(self, article_id: str) -> Iterator[Change]:
        """Delete a lost article if no file has it now that was read until now."""
        if article_id not in self._articles and article_id not in self._deleted:
            self._deleted.add(article_id)
            self.histories.delete(article_id)
            yield self._delete(article_id)

    def _demote(self, record: FileRecord, address: str, article_id: str) -> Iterator[Change]:
        """Make ``record`` a duplicate of the article that has its text now."""
        own_id = record.article_id or ""
        delete = self._delete(own_id)
        self._articles.demote(record, address)
        if own_id != article_id:
            yield delete

    def _choose_id(
        self, document: IndexDocument, leaders: Leaders, agreeing: Sequence[FileRecord]
    ) -> str:
        """Return the id of an article that is to be added or replaced.

        It has the id of the version that it replaces, if an earlier run gave it, else that of
        its own file, else that of a version whose file has changed or is gone.
        """
        record, address = document.file_record, document.article_id
        own = self._own_record(record, address, document.url)
        if agreeing:
            ids = [each.article_id or "" for each in agreeing]
            known = [each for each in ids if self._articles.was_known(each)]
            known = known or [each.article_id or "" for each in own] or ids
            return address if address in known else known[0]
        left = self._articles.lost_at(address)
        with_text = [each for each in (*own, *best_first(left)) if texts_agree(record, each)]
        for each in (*with_text, *own):
            return each.article_id or ""
        reserved = {each.article_id for each in left if self._is_pending(each.path)}
        if not (leaders or reserved or address in self._articles):
            return address
        title, _, _ = unpack_folded(document.folded)
        free = ids_of_texts(address, record, title)
        return next(each for each in free if each not in self._articles and each not in reserved)

    def _is_pending(self, path: str) -> bool:
        """Return whether a known file is still to be read by itself."""
        return self._known.is_marked(path, PENDING)

    def _own_record(self, record: FileRecord, address: str, url: str | None) -> list[FileRecord]:
        """Return the previous record of a file if its article may keep its id.

        The address may be another one, if new rules read the same bytes, or if a record without
        a URL, which its bytes identify, was edited at its place.
        """
        known = self.plan.known.get(record.path)
        if not known or known.status is not Status.INDEXED or known.article_id in self._articles:
            return []
        is_same = address_of(known) == address or known.digest == record.digest
        is_edited = bool(
            url is None and known.sketch and record.sketch and texts_agree(record, known)
        )
        return [known] if is_same or is_edited else []

    def _promote(self, prepare: Prepare) -> Iterator[Iterable[Change]]:
        """Read duplicates that agree with no article now, because a better version replaced it."""
        tried: set[str] = set()
        while True:
            without = self._articles.without_leader()
            found = [record for record in without if record.path not in tried]
            if not found:
                return
            tried.update(record.path for record in found)
            for record in found:
                self._forget_duplicate(record)
            # The text of a record from standard input is in no file.
            yield [DropFileRecord(record.path) for record in found if record.file == STREAM]
            files = [file_of(record) for record in found if record.file != STREAM]
            self._located |= {file.path for file in files}
            for item in prepare(files):
                yield self._take(item)

    def _forget_duplicate(self, record: FileRecord) -> None:
        self._articles.forget_duplicate(record)

    def _record_duplicates(self, addresses: Iterable[str]) -> Iterator[Change]:
        for address in addresses:
            leaders = find_leaders(self._articles.versions_at(address))
            for record in self._articles.duplicates.get(address, ()):
                yield self._duplicate(record, leaders[record.path])
            for record in self._articles.followers_at(address):
                change = self._duplicate(record, leaders[record.path])
                if change.file_record != record:
                    yield change

    def _read_followers(self, prepare: Prepare) -> None:
        """Read duplicates that belong to another article now, which does not have their texts."""
        leader_of: dict[str, FileRecord] = {}
        files = []
        for address in self._articles.duplicates:
            if followers := self._articles.followers_at(address):
                leaders = find_leaders(self._articles.versions_at(address))
                for each in followers:
                    leader = leaders[each.path]
                    is_moved = (
                        each.article_id != leader.article_id
                        or each.article_id in self.histories.joined
                    )
                    if is_moved and each.file != STREAM:
                        leader_of[each.path] = leader
                        files.append(file_of(each))
        for item in prepare(files) if files else ():
            if isinstance(item, IndexDocument):
                self.histories.add_duplicate(item, leader_of[item.file_record.path])

    def _with_duplicates(
        self, addresses: Iterable[str]
    ) -> Iterator[tuple[FileRecord, list[FileRecord]]]:
        """Yield the file record of each article at some addresses, and those of its duplicates."""
        articles = self._articles
        for address in dict.fromkeys(addresses):
            versions = articles.versions_at(address)
            leaders = find_leaders(versions)
            for leader in articles.at(address):
                yield leader, [each for each in versions if leaders[each.path].path == leader.path]

    def _duplicate(self, record: FileRecord, winner: FileRecord) -> PutFileRecord:
        later = winner.version_key[0] > record.version_key[0]
        longer = winner.version_key[1] > record.version_key[1]
        advantage = "was fetched later" if later else "is longer" if longer else "comes first"
        reason = f"the same article as {winner.path}, which {advantage}"
        self._outcomes.set_duplicate(record, reason)
        return PutFileRecord(
            record._replace(
                status=Status.DUPLICATE,
                article_id=winner.article_id,
                reason=reason,
                address=winner.address,
            )
        )

    def count_older(self, extractor: str) -> OlderRules:
        """Count what another version of the rules than ``extractor`` has extracted."""
        read = {file.path for file in self.plan.to_read}
        known = self._known
        others = (
            record
            for row, record in known.records_without_article()
            if record.status is not Status.CONTAINER
            and record.file not in read
            and not known.marks[row] & GONE
        )
        return OlderRules(
            self._articles.count_older(extractor),
            sum(record.extractor != extractor for record in others),
        )

    def shared_addresses(self) -> Mapping[str, list[FileRecord]]:
        """Return the files of addresses that have several articles."""
        return self._articles.shared()

    def has_changed(self, record: FileRecord) -> bool:
        """Return whether this run has added or updated the article of a file."""
        return self._outcomes.get(record.path) in {Outcome.ADDED, Outcome.UPDATED}

    def summary(self, articles: int, seconds: float) -> UpdateSummary:
        """Return the results of the run; the index contains ``articles`` articles now."""
        counts = self._outcomes.counts()
        bad = [uncounted for uncounted, _ in self._containers.values()]
        bad += [limit.uncounted for limit in self._limits.values()]
        uncounted = sum(sum(each.values()) for each in bad)
        counts[Outcome.REJECTED] += uncounted
        listed = self._outcomes.listed()
        skipped: dict[str, list[ListedFile]] = {}
        for item in self.plan.skipped:
            skipped.setdefault(item.kind, []).append(ListedFile(item.path, item.reason))
        others: Counter[str] = Counter()
        for _, kinds in self._containers.values():
            others.update(kinds)
        return UpdateSummary(
            seen=counts.total(),
            files=self.plan.seen,
            counts={outcome: counts[outcome] for outcome in Outcome},
            removed=self._articles.count_removed(),
            articles=articles,
            listed={outcome: tuple(items) for outcome, items in listed.items()},
            skipped={kind: tuple(items) for kind, items in sorted(skipped.items())},
            seconds=seconds,
            shard=str(self.plan.shard) if self.plan.shard else None,
            kept=self.plan.missing,
            absent=self.plan.absent,
            containers=len(self._containers),
            uncounted=uncounted,
            others=dict(others),
            changed=sum(each in self._articles for each in self.histories.changed),
        )


_KEPT: Final = "~"
"""In the locator of a record that its file does not have any more, before a part of its digest."""
_KEPT_DIGITS: Final = 8
