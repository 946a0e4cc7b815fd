"""Whether an index is sound, and what helps where it is not.

Mending makes it anew from all articles that can be read; going back drops the last commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Problem, Stored
from newsgrep.engines.registry import is_on_server, rollback, salvage
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing, IndexProblem, UsageError
from newsgrep.index.location import Index, ServerIndex, check_engine_choice, described, same_index
from newsgrep.index.lock import write_lock
from newsgrep.index.manifest import INDEX_FORMAT, Manifest, confirm_draft, data_folders, write_draft
from newsgrep.index.store import (
    DEFAULT_ENGINE,
    ensure_folder,
    index_exists,
    lock_index,
    open_index,
    read_manifest,
    refuse_untrusted,
    remove_leftovers,
    replace_index,
    stored_in,
)
from newsgrep.index.user_state import merge_saved, read_saved
from newsgrep.index.workers import Progress, Transfer, no_progress
from newsgrep.query.ast import MatchAll


class HealthReport(NamedTuple):
    """What is wrong with an index, and how many articles it holds if nothing."""

    problems: tuple[Problem, ...]
    articles: int

    @property
    def can_be_mended(self) -> bool:
        """Whether something is wrong that making the index anew may help against."""
        return any(problem.in_data for problem in self.problems)


def verify_index(index: Index, *, deep: bool = False, trust: bool = False) -> HealthReport:
    """Compare everything in the index with its checksums, and read every article.

    With ``deep`` every term is compared with the articles' texts. Raises what
    :func:`newsgrep.index.store.open_index` does, but for damage, which is what is looked for.
    """
    try:
        with open_index(index, trust=trust) as engine:
            problems = engine.check(deep=deep)
            articles = 0 if problems else engine.search(EngineRequest(MatchAll(), limit=0)).total
    except IndexDamaged as exc:
        return HealthReport((Problem(str(exc)),), 0)
    return HealthReport(tuple(problems), articles)


def rollback_index(index: Index, *, wait: float = 0.0, trust: bool = False) -> None:
    """Make the commit before the last the last one; raises what the engine's own does.

    Raises :class:`UsageError` for an index on a server, which keeps none.
    """
    if isinstance(index, ServerIndex):
        raise UsageError(
            f"{index} is on a server, which keeps no commit before the last: bring back one of "
            "the server's own snapshots."
        )
    with lock_index(index, wait):
        manifest = read_manifest(index)
        data = index / manifest.data
        if not trust:
            refuse_untrusted(data)
        rollback(manifest.engine, data)


def clean_up_index(index: Index, *, wait: float = 0.0, trust: bool = False) -> list[str]:
    """Delete what interrupted runs have left behind, and return the names."""
    with lock_index(index, wait):
        left = remove_leftovers(index)
        with open_index(index, trust=trust) as engine:
            return left + engine.tidy()


class RebuildResult(NamedTuple):
    """How many articles were taken over, and what could not be read any more.

    ``lost`` has the path of the file, where that could be read.
    """

    articles: int
    lost: tuple[str | None, ...]


def rebuild_index(
    index: Index,
    *,
    jobs: int = 1,
    wait: float = 0.0,
    trust: bool = False,
    lossy: bool = False,
    progress: Progress = no_progress,
) -> RebuildResult:
    """Make the index anew with the analyser of this newsgrep.

    Without ``lossy`` it raises :class:`IndexDamaged` as soon as something can't be read, and
    nothing has changed; with it, that is left out, and the damaged data stays in a folder
    until the next writer comes. ``progress`` is told how many articles have been read. Raises what
    :func:`newsgrep.index.manifest.read_folder_manifest` and
    :func:`newsgrep.index.lock.write_lock` do.
    """
    transfer = Transfer(lossy=lossy)
    with lock_index(index, wait):
        if lossy and isinstance(index, Path):
            _restore_manifest(index, trust)
        manifest = read_manifest(index, any_analyser=True)
        if isinstance(index, Path) and not trust:
            refuse_untrusted(index / manifest.data)
        with replace_index(index, manifest.engine) as engine:
            engine.write(transfer.changes(stored_in(index, manifest), jobs, progress))
        if not transfer.lost:
            remove_leftovers(index)
    return RebuildResult(transfer.articles, tuple(transfer.lost))


def _restore_manifest(folder: Path, trust: bool) -> None:
    """Give an index whose manifest is lost or makes no sense another one."""
    try:
        read_manifest(folder, any_analyser=True)
    except IndexDamaged:
        for name in reversed(data_folders(folder)):
            if not trust:
                refuse_untrusted(folder / name)
            engine_name = name.split("-")[0]
            if _has_articles(engine_name, folder / name):
                write_draft(
                    folder, Manifest(engine_name, name, INDEX_FORMAT, {}, "an unknown version")
                )
                confirm_draft(folder)
                return
        raise


def _has_articles(engine_name: str, data: Path) -> bool:
    with suppress(IndexDamaged):
        return any(isinstance(item, Stored) for item in salvage(engine_name, data))
    return False


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How an index is copied.

    ``engine`` is that of the new one (else that of the one it replaces, or of the source where
    it can be), ``replace`` whether it may take the place of one that holds something, ``jobs``
    how many processes cut articles up, ``wait`` for how many seconds to wait for another
    writer, and ``trust`` whether to open indexes that others may have written.
    """

    engine: str | None = None
    replace: bool = False
    jobs: int = 1
    wait: float = 0.0
    trust: bool = False
    progress: Progress = no_progress


class CopyResult(NamedTuple):
    """How much is in the new index, and of which engine that is."""

    articles: int
    files: int
    queries: int
    engine: str


def copy_index(source: Index, target: Index, manner: CopyOptions) -> CopyResult:
    """Put everything that ``source`` keeps into an index at ``target``.

    Raises :class:`UsageError` where an index is there that holds something, unless it is to be
    replaced; :class:`IndexDamaged` where something can't be read; :class:`IndexProblem` where
    the source changes meanwhile; and what opening and making an index do. Then there is no
    index at ``target``, or the one that was there.
    """
    if same_index(source, target):
        raise UsageError("--index and --to name the same index: newsgrep reindex makes it anew.")
    check_engine_choice(target, manner.engine)
    queries = read_saved(source)
    read_saved(target)  # what is wrong with them is told before the work
    with _locked_source(source, manner.wait), open_index(source, trust=manner.trust) as old:
        _refuse_existing(target, manner)
        if not index_exists(target):
            ensure_folder(target)
        with lock_index(target, manner.wait):
            _refuse_existing(target, manner)
            engine_name = _target_engine(target, source, manner.engine)
            transfer, seen = Transfer(), old.commit()
            kept = stored_in(source, read_manifest(source))
            with replace_index(target, engine_name) as new:
                new.write(transfer.changes(kept, manner.jobs, manner.progress))
                _verify_unchanged(source, seen, manner.trust)
                _verify_complete(source, old, new)
                merge_saved(target, queries)
            remove_leftovers(target)
    return CopyResult(transfer.articles, transfer.files, len(queries), engine_name)


@contextmanager
def _locked_source(index: Index, wait: float) -> Iterator[None]:
    """Keep writers away from the index while it is read, where that can be done."""
    read_manifest(index)  # where there is none, no lock is made
    with ExitStack() as stack:
        if isinstance(index, Path):
            with suppress(IndexMissing):  # it may be read, but not written, not even its lock
                stack.enter_context(write_lock(index, wait))
        yield


def _refuse_existing(target: Index, manner: CopyOptions) -> None:
    if manner.replace or not index_exists(target):
        return
    try:
        with open_index(target, trust=manner.trust) as engine:
            holds_something = any(_store_totals(engine))
    except (IndexDamaged, IndexMismatch):
        holds_something = True
    if holds_something:
        raise UsageError(
            f"There is an index {described(target)} already: name another with --to, or say "
            "--replace to put the copy in its place."
        )


def _target_engine(target: Index, source: Index, engine: str | None) -> str:
    if isinstance(target, ServerIndex):
        return target.engine
    if engine:
        return engine
    own = read_manifest(target if index_exists(target) else source, any_analyser=True).engine
    return DEFAULT_ENGINE if is_on_server(own) else own


def _verify_unchanged(source: Index, seen: int, trust: bool) -> None:
    with open_index(source, trust=trust) as now:
        if now.commit() != seen:
            raise IndexProblem(
                f"The index {described(source)} has changed while it was copied, and nothing was "
                "made: run the same command again when nobody writes to it."
            )


def _verify_complete(source: Index, old: Engine, new: Engine) -> None:
    kept, taken = _store_totals(old), _store_totals(new)
    if kept != taken:
        raise IndexDamaged(
            f"Of {kept.articles:,} articles and {kept.files:,} files of the index "
            f"{described(source)}, {taken.articles:,} and {taken.files:,} could be read, not all "
            "of them as they were last, and nothing was made: newsgrep doctor tells what is wrong "
            "with it, and newsgrep doctor --fix saves what can be read."
        )


class _StoreTotals(NamedTuple):
    """What an engine has: how many articles and stamps, and a sum that tells stamps apart.

    Where a commit is damaged, the one before it may still give an older version of an
    article; its stamp is another.
    """

    articles: int
    files: int
    sum_of_stamps: int


def _store_totals(engine: Engine) -> _StoreTotals:
    files = sum_of_stamps = 0
    for stamp in engine.stamps():
        files += 1
        sum_of_stamps += hash(stamp)
    return _StoreTotals(
        engine.search(EngineRequest(MatchAll(), limit=0)).total, files, sum_of_stamps
    )
