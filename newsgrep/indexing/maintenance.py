"""Verifying, repairing, rebuilding and copying whole indexes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.engines.base import Engine, Problem, Stored, Unreadable, count_matches
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexProblem, UsageError
from newsgrep.indexing.annotations import merge_annotations, read_annotations
from newsgrep.indexing.known_table import find_problem
from newsgrep.indexing.manifest import Manifest
from newsgrep.indexing.store import Index, Session
from newsgrep.indexing.user_state import merge_saved, read_saved
from newsgrep.indexing.workers import Progress, Transfer, no_progress

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary


class HealthReport(NamedTuple):
    """The problems of an index; ``articles`` is how many it contains if there are none."""

    problems: tuple[Problem, ...]
    articles: int

    @property
    def is_repairable(self) -> bool:
        """Whether a rebuild may solve one of the problems."""
        return any(problem.in_data for problem in self.problems)


def verify_index(index: Index, *, deep: bool = False) -> HealthReport:
    """Compare all files of the index with their checksums, and read every article.

    With ``deep``, also compare every term with the stored articles. Raises what
    :meth:`Index.open` does, except for :class:`IndexDamaged`, which is reported as a problem.
    """
    try:
        with index.session() as session:
            return _verify(index, session, deep)
    except IndexDamaged as exc:
        return HealthReport((Problem(str(exc)),), 0)


_VERIFICATIONS: Final = 3
"""How often an index is verified that changes meanwhile."""


def _verify(index: Index, session: Session, deep: bool) -> HealthReport:
    problems: list[Problem] = []
    for _ in range(_VERIFICATIONS):
        # A server has no commits, and can't number its state if a shard is missing.
        verified = session.manifest, session.engine.commit() if index.has_commits else 0
        problems = session.engine.verify(deep=deep)
        if not problems:
            table = index.table_of_known_files(session.manifest) if index.has_commits else None
            if table and (sentence := find_problem(table, session.engine)):
                problems = [Problem(sentence, in_data=False)]
                break
            return HealthReport((), count_matches(session.engine))
        if not index.has_commits:
            break
        # Two more commits delete files of this one, which is no damage.
        session.refresh()
        if (session.manifest, session.engine.commit()) == verified:
            break
    return HealthReport(tuple(problems), 0)


def clean_up_index(index: Index, *, wait: float = 0.0) -> list[str]:
    """Delete what interrupted runs have left behind, and return the names."""
    with index.lock(wait):
        return _remove_leftovers(index)


def _remove_leftovers(index: Index) -> list[str]:
    with index.session() as session:
        return index.remove_leftovers(session.manifest) + session.engine.remove_leftovers()


class RebuildResult(NamedTuple):
    """How many articles a rebuilt index contains, and what could not be read.

    ``lost`` has, for each unreadable article, the path of its file, ``None`` if unknown.
    """

    articles: int
    lost: tuple[str | None, ...]


class DictionaryChange(NamedTuple):
    """The user's dictionary that an index gets, ``None`` if it gets none."""

    dictionary: UserDictionary | None


def rebuild_index(
    index: Index,
    *,
    change: DictionaryChange | None = None,
    jobs: int = 1,
    wait: float = 0.0,
    progress: Progress = no_progress,
) -> RebuildResult:
    """Rebuild the index from its stored articles with the analyser of this newsgrep.

    ``change`` replaces or removes its user's dictionary, which otherwise stays.
    An unreadable article raises :class:`IndexDamaged`, and nothing has changed. ``jobs`` is the
    number of worker processes, ``wait`` how many seconds to wait for another writer;
    ``progress`` is called with the number of articles read. Also raises what
    :meth:`Index.read_manifest` and :meth:`Index.lock` do.
    """
    with index.lock(wait):
        return _rebuild(index, Transfer(), jobs, progress, change)


class RepairResult(NamedTuple):
    """What a repair has done.

    ``restored`` is the name of the file if a manifest was written again, ``rebuilt`` the result if
    the index was rebuilt, and ``deleted`` has the names of what interrupted runs had left behind.
    """

    restored: str | None
    rebuilt: RebuildResult | None
    deleted: tuple[str, ...]


def repair_index(
    index: Index,
    *,
    jobs: int = 1,
    wait: float = 0.0,
    progress: Progress = no_progress,
) -> RepairResult:
    """Restore a damaged or lost manifest, and rebuild the index if its data is damaged.

    Articles that can't be read are left out. If it fails, nothing is deleted. The arguments and
    errors are those of :func:`rebuild_index`.
    """
    with index.lock(wait):
        restored = index.restore_manifest()
        if restored and _is_sound(index):
            return RepairResult(restored, None, tuple(_remove_leftovers(index)))
        rebuilt = _rebuild(index, Transfer(lossy=True), jobs, progress)
        return RepairResult(restored, rebuilt, ())


def _is_sound(index: Index) -> bool:
    try:
        return not verify_index(index).is_repairable
    except IndexMismatch:
        return False


def _rebuild(
    index: Index,
    transfer: Transfer,
    jobs: int,
    progress: Progress,
    change: DictionaryChange | None = None,
) -> RebuildResult:
    manifest = index.read_manifest(any_analyser=True)
    user = change.dictionary if change else manifest.user_dictionary
    with _stored(index, manifest) as stored, index.replace(manifest.engine, user) as engine:
        engine.write(transfer.changes(stored, jobs, progress, user))
    index.remove_leftovers(index.read_manifest())
    return RebuildResult(transfer.articles, tuple(transfer.lost))


@contextmanager
def _stored(index: Index, manifest: Manifest) -> Iterator[Iterator[Stored | Unreadable]]:
    """Read what is stored; the files are closed at the end, whether all of it was read or not."""
    items = index.iter_stored(manifest)
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy an index.

    ``engine`` is the engine of the copy; by default that of the index to be replaced, or else
    of the source, if the target can have it. ``replace`` allows replacing an index that is not
    empty. ``jobs`` is the number of worker processes, ``wait`` how many seconds to wait for
    another writer, and ``progress`` is
    called with the number of articles read.
    """

    engine: str | None = None
    replace: bool = False
    jobs: int = 1
    wait: float = 0.0
    progress: Progress = no_progress


class CopyResult(NamedTuple):
    """How many articles, files and saved queries were copied, and the engine of the copy.

    ``is_repeated`` says that an earlier run had created the same copy, so that only what it may
    have left was done.
    """

    articles: int
    files: int
    queries: int
    engine: str
    is_repeated: bool = False


def copy_index(source: Index, target: Index, options: CopyOptions) -> CopyResult:
    """Copy everything stored in ``source`` to ``target``: articles, file records, queries.

    The copy exists once it is complete; if something fails, the target is as it was before.
    Raises :class:`UsageError` if the target is neither empty nor a copy already, and is not to be
    replaced, :class:`IndexDamaged` if something can't be read, :class:`IndexProblem` if the source
    changes meanwhile, and what opening and creating an index do.
    """
    if source.same_as(target):
        raise UsageError("--index and --to name the same index: newsgrep reindex rebuilds it.")
    target.choose_engine(options.engine)
    queries, annotations = read_saved(source), read_annotations(source)
    read_saved(target)  # damage to them is reported before the work
    read_annotations(target)
    with source.freeze(options.wait), source.session() as session:
        _is_copied(target, options, session.engine)
        if not target.exists():
            target.prepare()
        with target.lock(options.wait):
            if _is_copied(target, options, session.engine):
                merge_saved(target, queries)
                merge_annotations(target, annotations)
                _remove_leftovers(target)
                articles, files, _ = _store_totals(session.engine)
                engine_name = target.read_manifest().engine
                return CopyResult(articles, files, len(queries), engine_name, is_repeated=True)
            engine_name = _target_engine(target, session.manifest.engine, options.engine)
            transfer, commit = Transfer(), session.engine.commit()
            user = session.manifest.user_dictionary
            with (
                _stored(source, session.manifest) as stored,
                target.replace(engine_name, user) as copy,
            ):
                copy.write(transfer.changes(stored, options.jobs, options.progress, user))
                _verify_unchanged(source, commit)
                _verify_complete(source, session.engine, copy)
                merge_saved(target, queries)
                merge_annotations(target, annotations)
            target.remove_leftovers(target.read_manifest())
    return CopyResult(transfer.articles, transfer.files, len(queries), engine_name)


def _is_copied(target: Index, options: CopyOptions, original: Engine) -> bool:
    """Return whether the target is a copy already.

    Raises :class:`UsageError` if it is another index that is not to be replaced.
    """
    if options.replace or not target.exists():
        return False
    try:
        with target.session() as session:
            totals, engine_name = _store_totals(session.engine), session.manifest.engine
            user = session.engine.user_dictionary
    except (IndexDamaged, IndexMismatch):
        totals, engine_name, user = None, "", None
    if totals and not any(totals):
        return False
    is_alike = options.engine in {None, engine_name} and user == original.user_dictionary
    if is_alike and totals == _store_totals(original):
        return True
    raise UsageError(
        "There is already an index {where}: name another with --to, or replace it with --replace.",
        where=target.where,
    )


def _target_engine(target: Index, source_engine: str, wanted: str | None) -> str:
    preferred = source_engine
    if not wanted and target.exists():
        preferred = target.read_manifest(any_analyser=True).engine
    return target.choose_engine(wanted, preferred)


def _verify_unchanged(source: Index, commit: int) -> None:
    with source.open() as engine:
        if engine.commit() != commit:
            raise IndexProblem(
                "The index {where} changed while it was copied, and no copy was created: "
                "run the same command again when nobody writes to it.",
                where=source.where,
            )


def _verify_complete(source: Index, original: Engine, copy: Engine) -> None:
    expected, copied = _store_totals(original), _store_totals(copy)
    if expected != copied:
        raise IndexDamaged(
            "Of {articles:,} articles and {files:,} files of the index "
            "{where}, {articles2:,} and {files2:,} could be read, some of them "
            "perhaps in an older version, and no copy was created: newsgrep doctor shows the "
            "problems, and newsgrep doctor --fix saves what can be read.",
            articles=expected.articles,
            files=expected.files,
            where=source.where,
            articles2=copied.articles,
            files2=copied.files,
        )


class _StoreTotals(NamedTuple):
    """How many articles and file records an engine has, and a checksum of the records.

    If the last commit is damaged, the previous one may still contain an older version of an
    article; its record is another.
    """

    articles: int
    files: int
    checksum: int


def _store_totals(engine: Engine) -> _StoreTotals:
    files = checksum = 0
    for record in engine.file_records():
        files += 1
        checksum += hash(record)
    articles = count_matches(engine)
    return _StoreTotals(articles, files, checksum)
