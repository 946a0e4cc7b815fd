"""Updating an index from files: one plan, its commits, one summary.

A long run commits at intervals, so that little is lost if it dies.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from newsgrep.analysis.document import IndexDocument
from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    Engine,
    PutArticle,
    PutFileRecord,
    count_matches,
)
from newsgrep.errors import ChangesRejected, IndexLocked, Interrupted
from newsgrep.extract.outlets import load_outlets
from newsgrep.index.plan import (
    MAX_FILE_SIZE,
    ListedFile,
    Outcome,
    Plan,
    Shard,
    UpdateSummary,
    is_better,
    make_plan,
)
from newsgrep.index.store import Index, Session
from newsgrep.index.workers import FailedFile, Prepared, Progress, no_progress, prepare_files
from newsgrep.models import FileRecord, Status

_MIN_FILES_FOR_WORKERS: Final = 300


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How to update an index.

    ``outlets_file`` has the user's own outlet rules. ``jobs`` is the number of worker processes.
    ``prune``, ``follow``, ``largest`` and ``shard`` are described at
    :func:`newsgrep.index.plan.make_plan`. ``wait`` is how many seconds to wait for another
    writer, and ``commit_every`` how many seconds to write before a commit. ``trust`` allows an
    index that others may have written. ``engine`` is the engine of a new index; an existing one
    must have the same. ``progress`` is called with the number of files read, and their total.
    """

    outlets_file: Path | None = None
    jobs: int = 1
    prune: bool | None = None
    wait: float = 0.0
    trust: bool = False
    progress: Progress = no_progress
    commit_every: float = 300.0
    follow: bool = False
    largest: int = MAX_FILE_SIZE
    engine: str | None = None
    shard: Shard | None = None


def update_index(
    index: Index, paths: Sequence[str], options: UpdateOptions | None = None
) -> UpdateSummary:
    """Bring the index up to date with the files under ``paths``; create it if there is none.

    The plan is made before the index is locked, so that a run without changes needs no lock. If
    another process has written by the time it is locked, the plan is made again.

    Raises what :meth:`Index.session`, :meth:`Index.lock`,
    :func:`newsgrep.index.plan.make_plan` and the engine do; then nothing has changed since the
    last commit, but a server keeps what it has taken. Raises :class:`Interrupted` for a
    KeyboardInterrupt after a commit, and on a server for every one. Raises
    :class:`ChangesRejected` when everything else is written.
    """
    options = options or UpdateOptions()
    started = time.monotonic()
    plan_for = partial(
        make_plan,
        paths,
        prune=options.prune,
        follow=options.follow,
        largest=options.largest,
        shard=options.shard,
    )
    load_outlets(options.outlets_file)  # a mistake in it is reported first
    engine_name = index.choose_engine(options.engine)
    with ExitStack() as stack:
        commit = 0
        if session := _open(index, options):
            stack.enter_context(closing(session))
            engine = session.engine
            commit, plan = engine.commit(), plan_for(engine.file_records())
            if not (plan.to_read or plan.gone):
                index.remove_stale_holder()
                with suppress(IndexLocked):
                    # A writer that died may have left files, or a server's settings.
                    engine.remove_leftovers()
                return _summary(engine, UpdateRun(plan), started)
        else:
            plan = plan_for(())
            index.prepare()
        stack.enter_context(index.lock(options.wait))
        if session:
            session.refresh()
        else:
            session = _open(index, options)  # another process may have created it meanwhile
        index.remove_leftovers(session.manifest if session else None)
        if session:
            stack.enter_context(closing(session))  # before the lock is released
            engine = session.engine
        else:
            engine = stack.enter_context(index.create(engine_name))
        if engine.commit() != commit:
            plan = plan_for(engine.file_records())
        engine.remove_leftovers()
        run = UpdateRun(plan)
        if plan.to_read or plan.gone:
            _write(index, engine, run, options)
        index.confirm()  # there may have been nothing to write
        return _summary(engine, run, started)


def _open(index: Index, options: UpdateOptions) -> Session | None:
    opened = index.try_open(trust=options.trust, engine=options.engine)
    return Session(index, opened, options.trust) if opened else None


def _summary(engine: Engine, run: UpdateRun, started: float) -> UpdateSummary:
    return run.summary(count_matches(engine), time.monotonic() - started)


def _write(index: Index, engine: Engine, run: UpdateRun, options: UpdateOptions) -> None:
    files = run.plan.to_read
    # Starting processes costs as much as reading some hundreds of files.
    jobs = options.jobs if len(files) > _MIN_FILES_FOR_WORKERS else 1
    prepared = _with_progress(
        prepare_files(files, options.outlets_file, jobs, options.largest),
        len(files),
        options.progress,
    )
    rejected: list[ChangesRejected] = []
    try:
        for changes in _timed_commits(run.changes(prepared), options.commit_every):
            try:
                engine.write(changes)
            except ChangesRejected as exc:
                rejected.append(exc)  # the following changes are to be written, too
            index.confirm()
            run.commit()
    except KeyboardInterrupt as exc:
        if not index.has_commits:
            raise Interrupted(
                f"stopped; {index} keeps what it has received. The same command continues from "
                "there."
            ) from exc
        if _last_commit(index, options.trust) != engine.commit():
            run.commit()  # it was complete, but the interrupt came before it was recorded
        if run.committed:
            raise Interrupted(
                f"stopped; {run.committed:,} of {len(files):,} files are in the index. The same "
                "command continues from there."
            ) from exc
        raise
    if rejected:
        items = tuple(item for each in rejected for item in each.items)
        raise ChangesRejected(rejected[0].index, items) from rejected[0]


def _last_commit(index: Index, trust: bool) -> int:
    if not index.exists():
        return 0
    with index.open(trust=trust) as engine:
        return engine.commit()


def _timed_commits(
    groups: Iterator[Iterable[Change]], seconds: float
) -> Iterator[Iterator[Change]]:
    """Join groups of changes to commits, each of which takes ``seconds`` or a little more."""

    def commit(first: Iterable[Change]) -> Iterator[Change]:
        until = time.monotonic() + seconds
        yield from first
        while time.monotonic() < until and (group := next(groups, None)) is not None:
            yield from group

    for first in groups:
        yield commit(first)


def _with_progress(
    prepared: Iterator[Prepared], total: int, progress: Progress
) -> Iterator[Prepared]:
    progress(0, total)
    for done, item in enumerate(prepared, 1):
        yield item
        progress(done, total)


class UpdateRun:
    """One run: turns prepared files into changes, and counts the outcomes.

    An article may be in several files. The best version is shown, and the others are recorded
    as duplicates, whatever the order of files is. The outcomes add up: every file has one.
    """

    def __init__(self, plan: Plan) -> None:
        self.committed = 0
        """How many of the files to read are committed."""

        self.plan = plan
        self._read = 0
        self._outcomes: dict[str, tuple[Outcome, str]] = {
            record.path: _previous_outcome(record) for record in plan.unchanged
        }
        self._decided_before = {record.path for record in plan.unchanged}
        stale = {file.path for file in plan.to_read} | {record.path for record in plan.gone}
        # The file that each article is taken from, unless this file changes in this run.
        self._winners: dict[str, FileRecord] = {
            record.article_id: record
            for record in plan.known.values()
            if record.status is Status.INDEXED and record.article_id and record.path not in stale
        }
        self._lost: dict[str, FileRecord] = {
            record.article_id: record
            for record in plan.known.values()
            if record.status is Status.INDEXED and record.article_id and record.path in stale
        }
        self._before = self._winners.keys() | self._lost.keys()
        self._followers: dict[str, list[FileRecord]] = {}
        for record in plan.known.values():
            if record.status is Status.DUPLICATE and record.article_id and record.path not in stale:
                self._followers.setdefault(record.article_id, []).append(record)
        # Duplicates, recorded at the end, when the file of each article is known.
        self._duplicates: list[tuple[str, FileRecord]] = []

    def commit(self) -> None:
        """Count all changes that :meth:`changes` has yielded as committed."""
        self.committed = self._read

    def changes(self, prepared: Iterator[Prepared]) -> Iterator[Iterable[Change]]:
        """Yield all changes, in groups that must be in one commit."""
        yield [
            DropFileRecord(record.path)
            for record in self.plan.gone
            if record.status is not Status.INDEXED
        ]
        for item in prepared:
            self._read += 1
            match item:
                case FailedFile(path, reason):
                    yield self._failed(path, reason)
                case FileRecord():
                    self._outcomes[item.path] = Outcome.REJECTED, item.reason or ""
                    yield (PutFileRecord(item),)
                case _:
                    yield self._article(item)
        # Articles whose file is gone or has another article now, and that no other file has.
        lost = (article_id for article_id in self._lost if article_id not in self._winners)
        yield map(DeleteArticle, lost)
        yield (self._duplicate(record, self._winners[key]) for key, record in self._duplicates)

    def _failed(self, path: str, reason: str) -> Iterator[Change]:
        """Keep the article of a file that can't be read now."""
        self._outcomes[path] = Outcome.FAILED, reason
        known = self.plan.known.get(path)
        if known and known.article_id and known.status is Status.INDEXED:
            self._winners.setdefault(known.article_id, known)
        yield from ()

    def _article(self, document: IndexDocument) -> Iterator[Change]:
        record = document.file_record
        article_id = document.article_id
        known = self.plan.known.get(record.path)
        incumbent = self._winners.get(article_id)
        if incumbent and not is_better(record, incumbent):
            self._outcomes[record.path] = Outcome.DUPLICATE, ""
            self._duplicates.append((article_id, record))
            return
        if known and known.status is not Status.INDEXED:
            yield DropFileRecord(record.path)
        yield PutArticle(document)
        existed = article_id in self._before
        self._outcomes[record.path] = (Outcome.UPDATED if existed else Outcome.ADDED), ""
        self._winners[article_id] = record
        if incumbent:
            followers = self._followers.pop(article_id, [])
            self._duplicates += [(article_id, each) for each in (incumbent, *followers)]

    def _duplicate(self, record: FileRecord, winner: FileRecord) -> Change:
        later = winner.version_key[0] > record.version_key[0]
        longer = winner.version_key[1] > record.version_key[1]
        advantage = "was fetched later" if later else "is longer" if longer else "comes first"
        reason = f"the same article as {winner.path}, which {advantage}"
        if record.path in self._outcomes:  # not a file of another folder
            self._outcomes[record.path] = Outcome.DUPLICATE, reason
        return PutFileRecord(record._replace(status=Status.DUPLICATE, reason=reason))

    def summary(self, articles: int, seconds: float) -> UpdateSummary:
        """Return the results of the run; the index contains ``articles`` articles now."""
        counts = Counter(outcome for outcome, _ in self._outcomes.values())
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
        removed = [article_id for article_id in self._lost if article_id not in self._winners]
        return UpdateSummary(
            seen=self.plan.seen,
            counts={outcome: counts[outcome] for outcome in Outcome},
            removed=len(removed),
            articles=articles,
            listed={outcome: tuple(items) for outcome, items in listed.items()},
            skipped={kind: tuple(items) for kind, items in sorted(skipped.items())},
            seconds=seconds,
            shard=str(self.plan.shard) if self.plan.shard else None,
        )


def _previous_outcome(record: FileRecord) -> tuple[Outcome, str]:
    match record.status:
        case Status.INDEXED:
            return Outcome.UNCHANGED, ""
        case Status.DUPLICATE:
            return Outcome.DUPLICATE, record.reason or ""
        case Status.REJECTED:
            return Outcome.REJECTED, record.reason or ""
