"""Updating an index from files: one plan, its commits, one summary.

A long run commits at intervals, so that little is lost if it dies.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from newsgrep.engines.base import (
    Change,
    Engine,
    EngineRequest,
    Order,
    Stored,
    count_matches,
    first_match,
)
from newsgrep.errors import ChangesRejected, IndexLocked, Interrupted, ServerProblem, UsageError
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records.base import DEFAULT_OPTIONS, ReadOptions
from newsgrep.extraction.records.registry import is_container
from newsgrep.extraction.version import extraction_version
from newsgrep.extraction.walk import File
from newsgrep.indexing.history import Histories
from newsgrep.indexing.known import KnownRecords
from newsgrep.indexing.known_table import MIN_ROWS, ChangeLog, load_table, save_after_run
from newsgrep.indexing.outcomes import SharedAddress, UpdateSummary
from newsgrep.indexing.plan import MAX_FILE_SIZE, STREAM, Plan, Shard, make_plan, make_stream_plan
from newsgrep.indexing.preparing import (
    Prepared,
    PrepareOptions,
    ignore_bytes,
    prepare_files,
    prepare_stream,
)
from newsgrep.indexing.reextract import make_reextraction_plan
from newsgrep.indexing.removal import note_deleted
from newsgrep.indexing.run import Prepare, UpdateRun
from newsgrep.indexing.store import Index, Session
from newsgrep.indexing.workers import Progress, no_progress, rewrite_articles
from newsgrep.messages import message
from newsgrep.models import FileRecord
from newsgrep.query.ast import Changed, DateRange, Node, Not

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_MIN_FILES_FOR_WORKERS: Final = 300
_MIN_BYTES_FOR_WORKERS: Final = 1_000_000
"""Bytes of files of many records, compressed or not."""


_MAX_ROUNDS: Final = 20
"""How often a run decides again about articles that other processes change at the same time."""


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How to update an index.

    ``outlets_file`` has the user's own outlet rules. ``jobs`` is the number of worker processes.
    ``prune``, ``follow``, ``largest`` and ``shard`` are described at
    :func:`newsgrep.indexing.plan.make_plan`. ``wait`` is how many seconds to wait for another
    writer, and ``commit_every`` how many seconds to write before a commit. ``engine`` is the
    engine of a new index; an existing one must have the same. ``progress`` is called with the
    number of files read, and their total; if some have many records, ``byte_progress`` is called
    with numbers of bytes instead.
    With ``reextract`` only files that older rules have read are read again, of the articles that
    match ``only`` if that is given (:func:`newsgrep.indexing.reextract.make_reextraction_plan`).
    ``read`` says how to read files of many records. ``stream`` has JSON Lines with records to
    update, in place of files (:mod:`newsgrep.indexing.stream`). ``keep_versions`` is how many
    earlier versions are kept of each article that is written; ``None`` keeps all.
    ``user_dictionary`` is that of a new index; an existing one must have the same.
    """

    outlets_file: Path | None = None
    jobs: int = 1
    prune: bool | None = None
    wait: float = 0.0
    progress: Progress = no_progress
    byte_progress: Progress = no_progress
    commit_every: float = 300.0
    follow: bool = False
    largest: int = MAX_FILE_SIZE
    engine: str | None = None
    shard: Shard | None = None
    reextract: bool = False
    only: Node | None = None
    read: ReadOptions = DEFAULT_OPTIONS
    stream: BinaryIO | None = None
    keep_versions: int | None = None
    user_dictionary: UserDictionary | None = None


def update_index(
    index: Index, paths: Sequence[str], options: UpdateOptions | None = None
) -> UpdateSummary:
    """Bring the index up to date with the files under ``paths``; create it if there is none.

    The plan is made before the index is locked, so that a run without changes needs no lock. If
    another process has written by the time it is locked, the plan is made again.

    Raises what :meth:`Index.session`, :meth:`Index.lock`,
    :func:`newsgrep.indexing.plan.make_plan` and the engine do; then nothing has changed since the
    last commit, but a server keeps what it has taken. Raises :class:`Interrupted` for a
    KeyboardInterrupt after a commit, and on a server for every one. Raises
    :class:`ChangesRejected` when everything else is written.
    """
    options = options or UpdateOptions()
    started = time.monotonic()
    extractor = extraction_version(load_outlets(options.outlets_file))  # reports mistakes first
    plan_for = partial(_make_plan, index, paths, options, extractor)
    engine_name = index.choose_engine(options.engine)
    with ExitStack() as stack:
        commit, planned = 0, None
        if session := _open(index, options):
            stack.enter_context(closing(session))
            engine = session.engine
            commit, planned, plan = engine.commit(), engine, plan_for(session)
            if not plan.has_work:
                return _finish_unchanged(index, session, plan, extractor, started)
        elif options.reextract:
            raise index.missing()
        else:
            plan = plan_for(None)
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
            engine = stack.enter_context(index.create(engine_name, options.user_dictionary))
        if engine.commit() != commit or (planned and engine is not planned):
            plan = plan_for(session)
        engine.remove_leftovers()
        changed = partial(_all_matches, engine, Changed())
        run, log = UpdateRun(plan, Histories(engine, options.keep_versions, changed)), ChangeLog()
        if plan.has_work:
            _write(index, engine, run, options, log)
        index.confirm()  # there may have been nothing to write
        summary = _summary(engine, run, extractor, started)
        _save_table(index, session, engine, plan, log)
        return summary


def _finish_unchanged(
    index: Index, session: Session, plan: Plan, extractor: str, started: float
) -> UpdateSummary:
    """Return the summary of a run that has nothing to write."""
    engine = session.engine
    index.clean_up(session.manifest)
    with suppress(IndexLocked):
        # A writer that died may have left files, or a server's settings.
        engine.remove_leftovers()
    summary = _summary(engine, UpdateRun(plan, Histories(None)), extractor, started)
    _save_table(index, session, engine, plan, ChangeLog())
    return summary


def _save_table(
    index: Index, session: Session | None, engine: Engine, plan: Plan, log: ChangeLog
) -> None:
    """Write down what is known of files now, where there is a place for it.

    Without a ``session``, the index is new.
    """
    if not index.has_commits or (session is None and len(log) < MIN_ROWS):
        return
    if table := index.table_of_known_files(session.manifest if session else index.read_manifest()):
        save_after_run(table, plan, log, engine)


def _open(index: Index, options: UpdateOptions) -> Session | None:
    opened = index.try_open(engine=options.engine)
    if opened is None:
        return None
    if opened.manifest.origin and not options.reextract:
        opened.engine.close()
        raise UsageError(
            "The index {where} is a sub-corpus, which newsgrep copy has made of articles that "
            "match “{query}”: index the files elsewhere, or copy them again with --replace.",
            where=index.where,
            query=opened.manifest.origin[-1]["parsed"],
        )
    wanted = options.user_dictionary
    if wanted and opened.engine.user_dictionary != wanted:
        opened.engine.close()
        raise UsageError(
            "The index {where} was not created with this dictionary: leave --dictionary out, or "
            "rebuild the index with newsgrep reindex --dictionary FILE.",
            where=index.where,
        )
    return Session(index, opened)


def _make_plan(
    index: Index,
    paths: Sequence[str],
    options: UpdateOptions,
    extractor: str,
    session: Session | None,
) -> Plan:
    deleted: set[tuple[str, str]] = set()
    engine = session.engine if session else None
    known = None
    if session and not options.reextract:
        known = load_table(index, session.manifest, session.engine)
    records: Iterable[FileRecord] = ()
    if known is not None:
        without_article = (record for _, record in known.records_without_article())
        deque(note_deleted(without_article, deleted), maxlen=0)
    elif engine:
        records = note_deleted(engine.file_records(), deleted)
    plan = _plan_for_records(
        index, paths, options, extractor, engine, records if known is None else known
    )
    # An article stays deleted where its file was moved.
    moved = {(plan.moved[file], digest) for file, digest in deleted if file in plan.moved}
    plan.deleted = deleted | moved
    return plan


def _plan_for_records(
    index: Index,
    paths: Sequence[str],
    options: UpdateOptions,
    extractor: str,
    engine: Engine | None,
    records: Iterable[FileRecord] | KnownRecords,
) -> Plan:
    find = engine.find_file_records if engine else None
    if options.stream:
        return make_stream_plan(records, options.largest, find)
    if not (options.reextract and engine) or isinstance(records, KnownRecords):
        return make_plan(
            paths,
            records,
            prune=options.prune,
            follow=options.follow,
            largest=options.largest,
            shard=options.shard,
            own_folders=index.own_folders,
            read=options.read,
            find=find,
            is_local=index.is_local,
        )
    return make_reextraction_plan(
        paths,
        records,
        extractor=extractor,
        largest=options.largest,
        articles=_all_matches(engine, options.only) if options.only else None,
        shard=options.shard,
        find=find,
    )


def _all_matches(engine: Engine, query: Node) -> frozenset[str]:
    total = count_matches(engine, query)
    page = engine.search(EngineRequest(query, Order.NEWEST, limit=total))
    return frozenset(candidate.id for candidate in page.candidates)


_UNDATED: Final = Not(DateRange(None, None))


def _summary(engine: Engine, run: UpdateRun, extractor: str, started: float) -> UpdateSummary:
    undated = count_matches(engine, _UNDATED)
    example = first_match(engine, _UNDATED, Order.NEWEST) if undated else None
    summary = run.summary(count_matches(engine), 0)
    return replace(
        summary,
        older=run.count_older(extractor),
        undated=undated,
        undated_example=example.path if example else "",
        shared_addresses=_shared_addresses(engine, run),
        seconds=time.monotonic() - started,
    )


def _shared_addresses(engine: Engine, run: UpdateRun) -> tuple[SharedAddress, ...]:
    shared = run.shared_addresses()
    first = (records[0].article_id or "" for records in shared.values())
    urls = {article.path: article.url or "" for article in engine.get(first)}
    return tuple(
        SharedAddress(
            urls.get(records[0].path, ""),
            tuple(record.path for record in records),
            known=not any(map(run.has_changed, records)),
        )
        for records in shared.values()
    )


def _write(
    index: Index, engine: Engine, run: UpdateRun, options: UpdateOptions, log: ChangeLog
) -> None:
    prepared, prepare, jobs = _prepare(engine, run, options)
    rejected: list[ChangesRejected] = []
    has_table = index.has_commits

    def again(files: Sequence[File]) -> Iterator[Prepared]:
        return prepare_files(files, prepare, 1)

    def rewrite(articles: Iterator[Stored]) -> Iterable[Change]:
        first = list(islice(articles, _MIN_FILES_FOR_WORKERS))
        is_long = len(first) == _MIN_FILES_FOR_WORKERS
        stored = chain(first, articles)
        return rewrite_articles(stored, jobs if is_long else 1, engine.user_dictionary)

    def write(changes: Iterable[Change]) -> None:
        try:
            engine.write(log.note(changes) if has_table else changes)
        except ChangesRejected as exc:
            rejected.append(exc)  # the following changes are to be written, too

    try:
        groups = run.changes(prepared, again, rewrite)
        for changes in _timed_commits(groups, options.commit_every):
            write(changes)
            index.confirm()
            run.commit()
            _settle(run, again, write, engine.user_dictionary)
    except KeyboardInterrupt as exc:
        if interrupted := _interrupted(index, engine, run, options):
            raise interrupted from exc
        raise
    if rejected:
        items = tuple(item for each in rejected for item in each.items)
        raise ChangesRejected(rejected[0].index, items) from rejected[0]


def _prepare(
    engine: Engine, run: UpdateRun, options: UpdateOptions
) -> tuple[Iterator[Prepared], PrepareOptions, int]:
    """Return the prepared files of a run, how they are prepared, and by how many processes."""
    files = run.plan.to_read
    # Starting processes costs as much as reading some hundreds of files.
    size = _size_of_containers(files)
    is_long = len(files) > _MIN_FILES_FOR_WORKERS or size > _MIN_BYTES_FOR_WORKERS
    jobs = options.jobs if is_long else 1
    prepare = PrepareOptions(
        options.outlets_file,
        options.largest,
        options.read,
        run.plan.changed,
        options.reextract,
        run.plan.known,
        _count_bytes(files, options) if size else ignore_bytes,
        engine.user_dictionary,
    )
    if options.stream:
        # Reading formats is imported where files are read: a run without changes needs none.
        from newsgrep.indexing.stream import read_ahead, read_stream

        lines = read_stream(options.stream, run.plan.changed[STREAM], options.read)
        lines, is_long = read_ahead(lines)
        results = prepare_stream(lines, prepare, options.jobs if is_long else 1)
        return _with_progress(results, None, options.progress), prepare, jobs
    results = prepare_files(files, prepare, jobs)
    if not size:
        results = _with_progress(results, len(files), options.progress)
    return results, prepare, jobs


def _size_of_containers(files: Iterable[File]) -> int:
    return sum(file.size for file in files if is_container(file.path))


def _interrupted(
    index: Index, engine: Engine, run: UpdateRun, options: UpdateOptions
) -> Interrupted | None:
    """Return the error that says what is in the index after an interrupt, ``None`` if nothing is.

    A server keeps what it has received.
    """
    if not index.has_commits:
        return Interrupted(
            "stopped; {index} keeps what it has received. The same command continues from there.",
            index=index,
        )
    if _last_commit(index) != engine.commit():
        run.commit()  # it was complete, but the interrupt came before it was recorded
    if not run.committed:
        return None
    files = run.plan.to_read
    if options.stream or _size_of_containers(files):
        done = message("{done:,} records", done=run.committed)
    else:
        done = message("{done:,} of {count:,} files", done=run.committed, count=len(files))
    return Interrupted(
        "stopped; {done} are in the index. The same command continues from there.", done=done
    )


def _settle(
    run: UpdateRun,
    prepare: Prepare,
    write: Callable[[Iterable[Change]], None],
    user: UserDictionary | None,
) -> None:
    """Write the changes for articles that another process has written meanwhile."""
    for _ in range(_MAX_ROUNDS):
        if not run.conflicts:
            return
        write(run.reconsidered(prepare, partial(rewrite_articles, jobs=1, user=user)))
        run.commit()
    raise ServerProblem(
        "Other processes change the same articles all the time. The others are written: run the "
        "command again to complete it."
    )


def _last_commit(index: Index) -> int:
    if not index.exists():
        return 0
    with index.open() as engine:
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


def _count_bytes(files: Iterable[File], options: UpdateOptions) -> Callable[[int], None]:
    """Return a function that adds a number of bytes to those that were read of ``files``."""
    total = sum(file.size for file in files if not file.locator)
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        options.byte_progress(min(done, total), total)

    add(0)
    return add


def _with_progress(
    prepared: Iterator[Prepared], total: int | None, progress: Progress
) -> Iterator[Prepared]:
    progress(0, total)
    for done, item in enumerate(prepared, 1):
        yield item
        progress(done, total)
