"""One run of an update: prepared files become changes of the index, and outcomes to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from newsgrep.analysis.codec import unpack_folded
from newsgrep.analysis.document import IndexDocument
from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    PutArticle,
    PutFileRecord,
    Stored,
)
from newsgrep.errors import MassDeletion
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
from newsgrep.index.containers import ContainerEnd, KnownRecord, RejectionLimit, unpack_ledger
from newsgrep.index.history import Histories
from newsgrep.index.outcomes import ListedFile, OlderRules, Outcome, UpdateSummary
from newsgrep.index.packed import PackedRecords
from newsgrep.index.plan import STREAM, Plan, file_of
from newsgrep.index.workers import FailedFile, Prepared
from newsgrep.models import FileRecord, Status

Prepare = Callable[[Sequence[File]], Iterator[Prepared]]
"""Reads files again that turn out to have an article of their own."""

Rewrite = Callable[[Iterable[Stored]], Iterable[Change]]
"""Turns articles into the changes that write them."""


# One value for all files: there may be millions.
_ADDED: Final = (Outcome.ADDED, "")
_UPDATED: Final = (Outcome.UPDATED, "")
_UNCHANGED: Final = (Outcome.UNCHANGED, "")


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

        self.plan = plan
        self.histories = histories
        for record in plan.gone:
            histories.forget(record)
        self._read = 0
        # Records of a stream after the first one with a name.
        self._repeated: Counter[Outcome] = Counter()
        self._outcomes: dict[str, tuple[Outcome, str]] = {
            record.path: _previous_outcome(record)
            for record in plan.unchanged
            if record.status is not Status.CONTAINER
        }
        # The numbers of records of each file that have no file record: unreadable, and others.
        self._containers: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {}
        for record in plan.unchanged:
            if record.status is Status.CONTAINER:
                ledger = unpack_ledger(record.ledger)
                self._containers[record.path] = ledger.uncounted, ledger.others
        # Known records of files that are read, until they are found in them again.
        self._unseen: dict[str, dict[str, FileRecord]] = {
            path: {p: record for p, record in known.items() if record.locator}
            for path, known in plan.changed.items()
        }
        # Addresses of which an article was lost whose duplicates may take its place.
        self._vacant: set[str] = set()
        # Files without an article of their own that an earlier run reported.
        self._decided_before = {
            record.path for record in plan.unchanged if record.status is not Status.INDEXED
        }
        self._pending = {file.path + file.locator for file in plan.to_read}
        stale = self._pending | {record.path for record in plan.gone}
        # The file that each article is taken from, unless this file changes in this run.
        self._winners = PackedRecords()
        self._lost: dict[str, FileRecord] = {}
        # The ids of further texts at an address.
        self._others: dict[str, list[str]] = {}
        # Duplicates that do not change in this run, by address.
        self._followers: dict[str, list[FileRecord]] = {}
        for record in plan.known.values():
            if record.status is Status.INDEXED and record.article_id:
                if record.path in stale:
                    self._lost[record.article_id] = record
                else:
                    self._winners.share(record.article_id, record)
                if record.address:
                    self._others.setdefault(record.address, []).append(record.article_id)
            elif record.status is Status.DUPLICATE and record.path not in stale:
                self._followers.setdefault(address_of(record), []).append(record)
        self._before = self._winners.keys() | self._lost.keys()
        # Lost articles that are deleted already.
        self._deleted: set[str] = set()
        # How many articles the file that is being read had, and how many of them were found.
        self._found_in: dict[str, tuple[int, int]] = {}
        self._limits: dict[str, RejectionLimit] = {}
        # Only of addresses that several files of this run have.
        self._leaders: dict[str, Leaders] = {}
        # Duplicates, recorded at the end, when the file of each article is known.
        self._duplicates: dict[str, list[FileRecord]] = {}

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
            for record in self.plan.gone
            if record.status is not Status.INDEXED
        ]
        for item in prepared:
            yield self._take_group(item, prepared)
        yield from self._promote(prepare)
        # Articles whose file is gone or has another article now, and that no other file has.
        lost = self._lost.keys() - self._winners.keys() - self._deleted
        yield map(DeleteArticle, sorted(lost))
        self._read_followers(prepare)
        for change in rewrite(self.histories.complete(self._articles_with_duplicates())):
            yield (change,)
        yield self._record_duplicates()

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
                file = self.plan.known[path].file
            case FileRecord():
                file = item.file
            case IndexDocument():
                file = item.file_record.file
            case _:
                return False
        known, found = self._found_in.get(file, (0, 0))
        return self.plan.prune is None and 2 * found < known

    def _note_file(self, file: str) -> None:
        """Note how many articles a file of many records has, when its first record is read."""
        if file in self.plan.changed and file not in self._found_in:
            before = self.plan.changed[file].values()
            known = sum(each.status is Status.INDEXED for each in before)
            self._found_in = {file: (known, 0)}

    def _note_found(self, file: str) -> None:
        if file in self._found_in:
            known, found = self._found_in[file]
            self._found_in[file] = known, found + 1

    def _take(self, item: Prepared) -> Iterable[Change]:
        match item:
            case FailedFile(path, reason):
                self._pending.discard(path)
                return self._failed(path, reason)
            case FileRecord():
                if self._is_repeated(item) and self._outcomes[item.path][0] is not Outcome.REJECTED:
                    self._repeated[Outcome.REJECTED] += 1  # the earlier one has a text
                    return ()
                self._see(item)
                return self._rejected(item)
            case KnownRecord(path):
                self._pending.discard(path)
                return self._known_record(path)
            case ContainerEnd():
                self._pending.discard(item.file_record.path)
                return self._container_end(item)
            case _:
                self._see(item.file_record)
                return self._article(item)

    def _rejected(self, record: FileRecord) -> Iterator[Change]:
        """Record a rejection; of many of one kind in a file, the others are only counted."""
        yield from self._delete_former_article(record)
        is_first = not (record.file in self._pending or record.file == STREAM) or (
            self._limit_of(record.file).is_listed(record.reason or "")
        )
        if is_first or not record.locator:
            self._outcomes[record.path] = Outcome.REJECTED, record.reason or ""
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
        return self.plan.stream and record.path in self._outcomes

    def _replace(self, record: FileRecord) -> Iterator[Change]:
        """Forget the earlier state of a record in the stream."""
        outcome, _ = self._outcomes[record.path]
        self._repeated[Outcome.UPDATED if outcome is Outcome.ADDED else outcome] += 1
        for each in self._winners_at(address_of(record)):
            if each.path == record.path:
                self._retract(each)
        self._forget_duplicate(record)
        if outcome is Outcome.REJECTED:
            yield DropFileRecord(record.path)

    def _see(self, record: FileRecord) -> None:
        """Note that a file or a record was read; what it had before is lost until it is added."""
        self._note_file(record.file)
        self._pending.discard(record.path)
        if record.locator and (known := self._unseen.get(record.file, {}).pop(record.path, None)):
            self._retract(known)

    def _is_unseen(self, record: FileRecord) -> bool:
        return bool(record.locator) and record.path in self._unseen.get(record.file, ())

    def _retract(self, known: FileRecord) -> None:
        """Forget what a record in a file had; its article is lost unless it is added again."""
        address = address_of(known)
        if known.status is Status.DUPLICATE:
            self._forget_duplicate(known)
        elif known.status is Status.INDEXED and not self._is_winner(known):
            self._forget_duplicate(known)  # another record has taken its article
        elif known.status is Status.INDEXED:
            article_id = known.article_id or ""
            del self._winners[article_id]
            self._lost[article_id] = known
            if address in self._leaders:
                self._leaders[address].remove(known)
            self._vacant.add(address)

    def _known_record(self, path: str) -> Iterator[Change]:
        file = self.plan.known[path].file
        self._note_file(file)
        known = self._unseen.get(file, {}).pop(path, None)
        if known is None:
            self._repeated[Outcome.UNCHANGED] += 1
            return
        is_rejected = known.status is Status.REJECTED
        if is_rejected and not self._limit_of(file).is_listed(known.reason or ""):
            yield DropFileRecord(path)
            return
        self._outcomes[path] = _previous_outcome(known)
        if known.status is not Status.INDEXED:
            self._decided_before.add(path)
            return
        self._note_found(file)
        if not self._is_winner(known):
            # Another record of the file was taken for this one, moved.
            self._duplicates.setdefault(address_of(known), []).append(known)

    def _container_end(self, end: ContainerEnd) -> Iterator[Change]:
        """Record a file of many records, and drop those that it does not have any more."""
        record = end.file_record
        known = self.plan.known.get(record.path)
        gone = self._unseen.pop(record.path, {})
        self._check_gone(record.path, gone)
        for each in gone.values():
            if self.plan.prune is False:
                self._outcomes[each.path] = _previous_outcome(each)
                continue
            self._retract(each)
            self.histories.forget(each)
            if each.status is not Status.INDEXED:
                yield DropFileRecord(each.path)
        # In one commit with the end of the file: the next run does not read it again.
        for each in self.plan.changed.get(record.path, {}).values():
            yield from self._delete_lost(each)
        if end.records:
            if limit := self._limits.pop(record.path, None):
                end = end.with_uncounted(limit.uncounted)
                record = end.file_record
            self._containers[record.path] = end.uncounted, end.others
            if known and known.status is Status.INDEXED:
                yield DeleteArticle(known.article_id or "")
            yield PutFileRecord(record)
        elif known and known.status is Status.CONTAINER:
            yield DropFileRecord(record.path)

    def _check_gone(self, file: str, unseen: Mapping[str, FileRecord]) -> None:
        """Refuse the run if a file has lost most of its articles; ``unseen`` were not found in it.

        Other articles may be at the same places now.
        """
        before = [
            record
            for record in self.plan.changed.get(file, {}).values()
            if record.status is Status.INDEXED
        ]
        lost = [
            record
            for record in before
            if (
                self._is_winner(record)
                if record.path in unseen
                else record.article_id not in self._winners
            )
        ]
        if self.plan.prune is not None or 2 * len(lost) <= len(before):
            return
        gone = sum(not self._is_elsewhere(record) for record in lost)
        if 2 * gone > len(before):
            raise MassDeletion(
                f"{gone:,} articles are gone from {file}",
                ": was it truncated or written again? They are kept. Use --prune to delete them, "
                "or --no-prune to keep them.",
            )

    def _is_elsewhere(self, record: FileRecord) -> bool:
        """Return whether another record has the text, so that it takes the place of ``record``."""
        address = address_of(record)
        others = (*self._followers.get(address, ()), *self._duplicates.get(address, ()))
        return any(
            other.path != record.path and not self._is_unseen(other) and texts_agree(record, other)
            for other in others
        )

    def _failed(self, path: str, reason: str) -> Iterable[Change]:
        """Keep the article of a file that can't be read now."""
        self._outcomes[path] = Outcome.FAILED, reason
        known = self.plan.known.get(path)
        is_indexed = known is not None and known.status is Status.INDEXED
        if known and is_indexed and known.article_id not in self._winners:
            self._add_winner(known)
        return ()

    def _article(self, document: IndexDocument) -> Iterator[Change]:
        record, address = document.file_record, document.article_id
        if self._is_repeated(record):
            yield from self._replace(record)
        leaders = self._leaders_at(address)
        agreeing = []
        for each in leaders.agreeing(record):
            if self._is_unseen(each) and each.file == record.file:
                self._retract(each)  # the record has moved in its file
            else:
                agreeing.append(each)
        if agreeing and is_better(agreeing[0], record):
            self.histories.add_duplicate(document, agreeing[0])
            self._outcomes[record.path] = Outcome.DUPLICATE, ""
            self._duplicates.setdefault(address, []).append(record)
            return
        article_id = self._choose_id(document, leaders, agreeing)
        if article_id != address:
            record = record._replace(article_id=article_id, address=address)
            document = replace(document.with_id(article_id), file_record=record)
        known = self.plan.known.get(record.path)
        if known and known.status is not Status.INDEXED:
            yield DropFileRecord(record.path)
        yield from self._delete_former_article(record)
        before = None if article_id in self._winners else self._lost.get(article_id)
        yield PutArticle(self.histories.write(document, before, agreeing))
        self._deleted.discard(article_id)
        existed = article_id in self._before
        if existed and article_id not in self._winners:
            self._note_found(record.file)
        self._outcomes[record.path] = _UPDATED if existed else _ADDED
        for each in agreeing:
            yield from self._demote(each, address, article_id)
        self._add_winner(record)

    def _delete_former_article(self, record: FileRecord) -> Iterator[Change]:
        """Delete the lost article that a file had before ``record``, in the same commit.

        If it were deleted later, and the run stopped between two commits, the index would have
        two records of one file. A duplicate of the article takes its place, in this run or in the
        next one that finds it without an article.
        """
        known = self.plan.known.get(record.path)
        if known and known.article_id != record.article_id:
            yield from self._delete_lost(known)

    def _delete_lost(self, record: FileRecord) -> Iterator[Change]:
        """Delete the article of ``record`` if no file has it now that was read until now."""
        article_id = record.article_id or ""
        is_indexed = record.status is Status.INDEXED
        if is_indexed and article_id not in self._winners and article_id not in self._deleted:
            self._deleted.add(article_id)
            self.histories.delete(article_id)
            yield DeleteArticle(article_id)

    def _demote(self, record: FileRecord, address: str, article_id: str) -> Iterator[Change]:
        """Make ``record`` a duplicate of the article that has its text now."""
        self._leaders_at(address).remove(record)
        self._duplicates.setdefault(address, []).append(record)
        own_id = record.article_id or ""
        del self._winners[own_id]
        if own_id != article_id:
            yield DeleteArticle(own_id)

    def _add_winner(self, record: FileRecord) -> None:
        address, article_id = address_of(record), record.article_id or ""
        self._winners[article_id] = record
        if record.address and article_id not in self._others.setdefault(address, []):
            self._others[address].append(article_id)
        if address in self._leaders:
            self._leaders[address].add(record)

    def _leaders_at(self, address: str) -> Leaders:
        """Return the leaders at an address; they are kept if there is one."""
        leaders = self._leaders.get(address)
        if leaders is None:
            found = self._winners_at(address)
            leaders = Leaders(found)
            if found:
                self._leaders[address] = leaders
        return leaders

    def _winners_at(self, address: str) -> list[FileRecord]:
        return _records_at(address, self._others.get(address, ()), self._winners)

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
            known = [each for each in ids if each in self._before]
            known = known or [each.article_id or "" for each in own] or ids
            return address if address in known else known[0]
        left = [
            each
            for each in _records_at(address, self._others.get(address, ()), self._lost)
            if each.article_id not in self._winners
        ]
        with_text = [each for each in (*own, *best_first(left)) if texts_agree(record, each)]
        for each in (*with_text, *own):
            return each.article_id or ""
        reserved = {each.article_id for each in left if each.path in self._pending}
        if not (leaders or reserved or address in self._winners):
            return address
        title, _, _ = unpack_folded(document.folded)
        taken = self._winners.keys() | reserved
        return next(each for each in ids_of_texts(address, record, title) if each not in taken)

    def _own_record(self, record: FileRecord, address: str, url: str | None) -> list[FileRecord]:
        """Return the previous record of a file if its article may keep its id.

        The address may be another one, if new rules read the same bytes, or if a record without
        a URL, which its bytes identify, was edited at its place.
        """
        known = self.plan.known.get(record.path)
        if not known or known.status is not Status.INDEXED or known.article_id in self._winners:
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
            found = [
                record
                for address in {**self._duplicates, **dict.fromkeys(sorted(self._vacant))}
                for record in self._without_leader(address)
                if record.path not in tried
            ]
            if not found:
                return
            tried.update(record.path for record in found)
            for record in found:
                self._forget_duplicate(record)
            # The text of a record from standard input is in no file.
            yield [DropFileRecord(record.path) for record in found if record.file == STREAM]
            files = [file_of(record) for record in found if record.file != STREAM]
            for item in prepare(files):
                yield self._take(item)

    def _without_leader(self, address: str) -> list[FileRecord]:
        leaders = find_leaders(self._versions(address))
        return [
            record
            for path, record in leaders.items()
            if record.path == path and not self._is_winner(record)
        ]

    def _versions(self, address: str) -> list[FileRecord]:
        """Return the file records of all versions at an address."""
        return [
            *self._winners_at(address),
            *self._followers.get(address, ()),
            *self._duplicates.get(address, ()),
        ]

    def _is_winner(self, record: FileRecord) -> bool:
        winner = self._winners.get(record.article_id or "")
        return winner is not None and winner.path == record.path

    def _forget_duplicate(self, record: FileRecord) -> None:
        for duplicates in (self._followers, self._duplicates):
            kept = duplicates.get(address_of(record), [])
            kept[:] = [each for each in kept if each.path != record.path]

    def _record_duplicates(self) -> Iterator[Change]:
        for address in self._duplicates:
            leaders = find_leaders(self._versions(address))
            for record in self._duplicates[address]:
                yield self._duplicate(record, leaders[record.path])
            for record in self._followers.get(address, ()):
                change = self._duplicate(record, leaders[record.path])
                if change.file_record != record:
                    yield change

    def _read_followers(self, prepare: Prepare) -> None:
        """Read duplicates that belong to another article now, which does not have their texts."""
        leader_of: dict[str, FileRecord] = {}
        files = []
        for address in self._duplicates:
            if followers := self._followers.get(address):
                leaders = find_leaders(self._versions(address))
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

    def _articles_with_duplicates(self) -> Iterator[tuple[FileRecord, list[FileRecord]]]:
        """Yield the file record of each article whose duplicates have changed, and theirs."""
        gone = map(address_of, self.histories.gone)
        for address in dict.fromkeys((*self._duplicates, *gone)):
            versions = self._versions(address)
            leaders = find_leaders(versions)
            for leader in self._winners_at(address):
                yield leader, [each for each in versions if leaders[each.path].path == leader.path]

    def _duplicate(self, record: FileRecord, winner: FileRecord) -> PutFileRecord:
        later = winner.version_key[0] > record.version_key[0]
        longer = winner.version_key[1] > record.version_key[1]
        advantage = "was fetched later" if later else "is longer" if longer else "comes first"
        reason = f"the same article as {winner.path}, which {advantage}"
        if record.path in self._outcomes:  # not a file of another folder
            self._outcomes[record.path] = Outcome.DUPLICATE, reason
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
        read = {file.path for file in self.plan.to_read} | {each.file for each in self.plan.gone}
        others = (
            record
            for record in self.plan.known.values()
            if record.status not in {Status.INDEXED, Status.CONTAINER} and record.file not in read
        )
        return OlderRules(
            sum(record.extractor != extractor for record in self._winners.values()),
            sum(record.extractor != extractor for record in others),
        )

    def shared_addresses(self) -> dict[str, list[FileRecord]]:
        """Return the files of addresses that have several articles."""
        shared: dict[str, list[FileRecord]] = {}
        for address in self._others:
            records = self._winners_at(address)
            if len(records) > 1:
                shared[address] = sorted(records, key=lambda record: record.path)
        return shared

    def has_changed(self, record: FileRecord) -> bool:
        """Return whether this run has added or updated the article of a file."""
        outcome, _ = self._outcomes.get(record.path, (Outcome.UNCHANGED, ""))
        return outcome in {Outcome.ADDED, Outcome.UPDATED}

    def summary(self, articles: int, seconds: float) -> UpdateSummary:
        """Return the results of the run; the index contains ``articles`` articles now."""
        counts = Counter(outcome for outcome, _ in self._outcomes.values())
        bad = [uncounted for uncounted, _ in self._containers.values()]
        bad += [limit.uncounted for limit in self._limits.values()]
        uncounted = sum(sum(each.values()) for each in bad)
        counts[Outcome.REJECTED] += uncounted
        counts.update(self._repeated)
        listed: dict[Outcome, list[ListedFile]] = {
            Outcome.DUPLICATE: [],
            Outcome.REJECTED: [],
            Outcome.FAILED: [],
        }
        for path, (outcome, reason) in self._outcomes.items():
            if outcome in listed:
                listed[outcome].append(ListedFile(path, reason, path in self._decided_before))
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
            removed=len(self._before - self._winners.keys()),
            articles=articles,
            listed={outcome: tuple(items) for outcome, items in listed.items()},
            skipped={kind: tuple(items) for kind, items in sorted(skipped.items())},
            seconds=seconds,
            shard=str(self.plan.shard) if self.plan.shard else None,
            kept=len(self.plan.missing),
            absent=self.plan.absent,
            containers=len(self._containers),
            uncounted=uncounted,
            others=dict(others),
            changed=len(self.histories.changed & self._winners.keys()),
        )


def _records_at(
    address: str, others: Iterable[str], records: Mapping[str, FileRecord]
) -> list[FileRecord]:
    """Return the records of the articles at an address; ``others`` are further ids there."""
    found = filter(None, map(records.get, (address, *others)))
    return [record for record in found if address_of(record) == address]


def _previous_outcome(record: FileRecord) -> tuple[Outcome, str]:
    match record.status:
        case Status.INDEXED:
            return _UNCHANGED
        case Status.DUPLICATE:
            return Outcome.DUPLICATE, record.reason or ""
        case Status.REJECTED | Status.CONTAINER:
            return Outcome.REJECTED, record.reason or ""
