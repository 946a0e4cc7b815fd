"""One run of an update: prepared files become changes of the index, and outcomes to count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

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
from newsgrep.extraction.records.base import is_place
from newsgrep.extraction.walk import File
from newsgrep.indexing.addresses import (
    address_of,
    best_first,
    find_leaders,
    is_better,
    texts_agree,
)
from newsgrep.indexing.article_files import ArticleFiles
from newsgrep.indexing.containers import (
    ContainerEnd,
    KnownBeginning,
    KnownRecord,
)
from newsgrep.indexing.history import Histories
from newsgrep.indexing.known import GONE, PENDING
from newsgrep.indexing.outcomes import (
    ListedFile,
    OlderRules,
    Outcome,
    Outcomes,
    UpdateSummary,
)
from newsgrep.indexing.plan import STREAM, Plan, file_of
from newsgrep.indexing.preparing import FailedFile, Prepared
from newsgrep.indexing.record_files import RecordFiles
from newsgrep.indexing.removal import as_deleted
from newsgrep.messages import message
from newsgrep.models import FileRecord, Status

Prepare = Callable[[Sequence[File]], Iterator[Prepared]]
"""Reads files again that turn out to have an article of their own."""

Rewrite = Callable[[Iterator[Stored]], Iterable[Change]]
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
        self._known = plan.known
        # Files of which only some records are read.
        self._located = {file.path for file in plan.to_read if file.locator}
        self._articles = ArticleFiles(plan.known)
        # Lost articles that are deleted already.
        self._deleted: set[str] = set()
        # Articles of the earlier state of a record that the stream has again.
        self._replaced: set[str] = set()
        self._files = RecordFiles(
            plan, self._articles, self._outcomes, histories, self._delete_lost
        )
        # Places of articles that are kept although another record has theirs.
        self._kept: set[str] = set()
        self._is_reconsidering = False
        # What other processes have stored meanwhile, by path.
        self._of_others: dict[str, FileRecord] = {}
        # Files and records of other shards that this run has read; their own runs count them.
        self._uncounted = {
            file.path + file.locator for file in plan.to_read if not plan.counts(file.path)
        }

    def commit(self) -> None:
        """Count all changes that :meth:`changes` has yielded as committed."""
        self.committed = self._read
        self.histories.commit()

    def changes(
        self, prepared: Iterator[Prepared], prepare: Prepare, rewrite: Rewrite
    ) -> Iterator[Iterable[Change]]:
        """Yield all changes, in groups that must be in one commit."""
        dropped = (*self._known.superseded, *self._known.records(self.plan.gone_rows))
        yield [DropFileRecord(each.path) for each in dropped if each.status is not Status.INDEXED]
        for item in prepared:
            yield self._take_group(item, prepared)
        yield from self._promote(prepare)
        # Articles whose file is gone or has another article now, and that no other file has.
        lost = self._articles.lost_ids() - self._deleted
        yield map(self._delete, sorted(lost))
        self._read_followers(prepare)
        winners = (self._articles.get(each.article_id or "") for each in self.histories.gone)
        gone = map(address_of, filter(None, winners))
        for change in self._complete((*self._articles.duplicates, *gone), rewrite):
            yield (change,)
        yield self._record_duplicates(self._articles.duplicates)

    def _complete(self, addresses: Iterable[str], rewrite: Rewrite) -> Iterator[Change]:
        """Yield the changes that add versions to the articles at some addresses."""
        for change in rewrite(self.histories.complete(self._articles.with_duplicates(addresses))):
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

    def reconsidered(self, prepare: Prepare, rewrite: Rewrite) -> Iterator[Change]:
        """Yield the changes for all conflicts, as if this run had read the other files, too."""
        self._is_reconsidering = True
        conflicts = sorted(self.conflicts, key=lambda each: each.stored.path)
        self.conflicts.clear()
        refused = [(document, stored) for document, stored in conflicts if document]
        stored_now = {stored.article_id: stored for _, stored in conflicts}
        disputed = {stored.article_id for _, stored in refused}
        for article_id, stored in stored_now.items():
            if article_id not in disputed:
                yield from self._take_stored(stored)
        addresses = {address_of(stored): None for _, stored in conflicts}
        for document, stored in refused:
            addresses[address_of(document.file_record)] = None
            yield from self._reconsider(document, stored)
        for stored in stored_now.values():
            yield from self._join_agreeing(stored)
        for group in self._promote(prepare):
            yield from group
        yield from self._complete(addresses, rewrite)
        yield from self._record_duplicates(addresses)
        self._is_reconsidering = False

    def _reconsider(self, document: IndexDocument, stored: FileRecord) -> Iterator[Change]:
        record, address = document.file_record, address_of(document.file_record)
        own = (each for each in self._articles.at(address) if each.path == record.path)
        if any(each.article_id != document.article_id for each in own):
            # An earlier conflict was about the same version, or a later state replaced it.
            if stored.article_id not in self._articles:
                yield from self._take_stored(stored)
            return
        winner = self._articles.get(document.article_id)
        is_own = record.path in self._outcomes
        if winner and is_own and winner.path not in {record.path, stored.path}:
            return  # a later version was chosen instead
        if record.path == stored.path:
            # Another state of one record, such as a line of another standard input.
            yield from self._take_stored(stored)
            if texts_agree(record, stored):
                self.histories.add_duplicate(document, stored)
            return
        if winner:
            self._articles.remove(winner)
        yield from self._take_stored(stored)
        self._forget_duplicate(record)
        record = record._replace(article_id=address, address="")
        yield from self._add(replace(document.with_id(address), file_record=record))
        if not is_own:  # a file of another process
            self._outcomes.remove(record.path)

    def _take_stored(self, stored: FileRecord) -> Iterator[Change]:
        """Note that another process has stored an article, perhaps in place of one of this run.

        Of two articles that are states of one record, all processes leave the same one.
        """
        article_id = stored.article_id or ""
        for own in self._articles.at(address_of(stored)):
            if own.path == stored.path and own.article_id != article_id:
                worse = min(own, stored, key=lambda each: (*each.version_key, each.article_id))
                yield DeleteArticle(worse.article_id or "", Expected(worse, self._report))
                if worse is stored:
                    return
                self._articles.remove(own)
        winner = self._articles.get(article_id)
        if winner and winner.path == stored.path:
            self._articles.remove(winner)
        elif winner and texts_agree(winner, stored):
            self._articles.demote(winner, address_of(winner))
        elif winner:  # the other process has given it another id
            self._articles.remove(winner)
        self._add_of_other(stored)

    def _join_agreeing(self, stored: FileRecord) -> Iterator[Change]:
        """Leave the best one of the articles that agree with what another process has stored."""
        if self._articles.get(stored.article_id or "") != stored:
            return
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
            if not self._files.is_in_doubt(item) or (after := next(following, None)) is None:
                return
            item = after

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
                return self._files.known_record(path)
            case KnownBeginning(file, number):
                self._known.unmark(file, PENDING)
                return self._files.known_beginning(file, number)
            case ContainerEnd():
                self._known.unmark(item.file_record.path, PENDING)
                return self._files.end(item)
            case _:
                self._see(item.file_record)
                return self._article(item)

    def _rejected(self, record: FileRecord) -> Iterator[Change]:
        """Record a rejection; of many of one kind in a file, the others are only counted."""
        yield from self._delete_former_article(record)
        is_first = not record.locator or record.file in self._located
        if is_first or self._files.limit_of(record.file).is_listed(record.reason or ""):
            self._outcomes.set(record.path, Outcome.REJECTED, record.reason or "")
            yield PutFileRecord(record)
        else:
            yield from self._drop_known(record.path)

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
                self._replaced.add(each.article_id or "")
        self._forget_duplicate(record)
        if outcome is Outcome.REJECTED:
            yield DropFileRecord(record.path)

    def _see(self, record: FileRecord) -> None:
        """Note that a file or a record was read; what it had before is lost until it is added."""
        self._files.note(record.file)
        self._known.unmark(record.path, PENDING)
        if other := self._of_others.pop(record.path, None):
            self._articles.lose(other)
        if record.locator and (row := self._files.find_again(record.path)) is not None:
            self._lose_row(row)

    def _lose_row(self, row: int) -> None:
        if known := self._known.find(row):
            self._articles.lose(known)

    def _failed(self, path: str, reason: str) -> Iterable[Change]:
        """Keep the article of a file that can't be read now."""
        self._outcomes.set(path, Outcome.FAILED, reason)
        known = self.plan.known.get(path)
        is_indexed = known is not None and known.status is Status.INDEXED
        if known and is_indexed and known.article_id not in self._articles:
            self._articles.add(known)
        return ()

    def _article(self, document: IndexDocument) -> Iterator[Change]:
        record = document.file_record
        if self._is_repeated(record):
            yield from self._replace(record)
        if (record.file, record.digest) in self.plan.deleted:
            yield from self._rejected(as_deleted(record))
        else:
            yield from self._add(document)

    def _add(self, document: IndexDocument) -> Iterator[Change]:
        record, address = document.file_record, document.article_id
        articles = self._articles
        leaders = articles.leaders_at(address)
        agreeing = []
        for each in leaders.agreeing(record):
            is_kept = each.path in self._kept
            if (is_kept or self._files.is_unseen(each)) and each.file == record.file:
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
        article_id = articles.choose_id(document, agreeing)
        if article_id != address:
            record = record._replace(article_id=article_id, address=address)
            document = replace(document.with_id(article_id), file_record=record)
        known = self.plan.known.get(record.path)
        # A duplicate may have been recorded before another process changed its article.
        if (known and known.status is not Status.INDEXED) or self._is_reconsidering:
            yield DropFileRecord(record.path)
        yield from self._delete_former_article(record)
        before = articles.lost(article_id)
        yield self._put(self.histories.write(document, before, agreeing))
        self._deleted.discard(article_id)
        existed = articles.was_known(article_id)
        if existed and article_id not in articles:
            self._files.note_found(record.file)
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
        replaced = self._replaced - {record.article_id}
        self._replaced.clear()
        for article_id in sorted(replaced):
            yield from self._delete_lost(article_id)
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
            article = article._replace(path=kept.path)
            yield self._put(make_document(article, kept, user=self.histories.user_dictionary))
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
            self._uncounted |= {each.path for each in found if not self.plan.counts(each.file)}
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

    def _duplicate(self, record: FileRecord, winner: FileRecord) -> PutFileRecord:
        later = winner.version_key[0] > record.version_key[0]
        longer = winner.version_key[1] > record.version_key[1]
        if later:
            reason = message(
                "the same article as {path}, which was fetched later", path=winner.path
            )
        elif longer:
            reason = message("the same article as {path}, which is longer", path=winner.path)
        else:
            reason = message("the same article as {path}, which comes first", path=winner.path)
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
        for path in self._uncounted:
            self._outcomes.remove(path)
        counts = self._outcomes.counts()
        uncounted = self._files.count_uncounted()
        counts[Outcome.REJECTED] += uncounted
        listed = self._outcomes.listed()
        skipped: dict[str, list[ListedFile]] = {}
        for item in self.plan.skipped:
            skipped.setdefault(item.kind, []).append(ListedFile(item.path, item.reason))
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
            containers=len(self._files),
            uncounted=uncounted,
            others=self._files.count_others(),
            moved=self.plan.moved,
            changed=sum(each in self._articles for each in self.histories.changed),
        )


_KEPT: Final = "~"
"""In the locator of a record that its file does not have any more, before a part of its digest."""
_KEPT_DIGITS: Final = 8
