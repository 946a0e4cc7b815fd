"""Verifying, repairing and rebuilding whole indexes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.engines.base import Problem, Stored, Unreadable, count_matches
from newsgrep.errors import IndexDamaged, IndexMismatch
from newsgrep.indexing.known_table import find_problem
from newsgrep.indexing.manifest import Manifest
from newsgrep.indexing.store import Index, Session
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
        return remove_all_leftovers(index)


def remove_all_leftovers(index: Index) -> list[str]:
    """Do what :func:`clean_up_index` does; requires :meth:`Index.lock`."""
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
            return RepairResult(restored, None, tuple(remove_all_leftovers(index)))
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
    with (
        open_stored(index, manifest) as stored,
        index.replace(manifest.engine, user, manifest.origin) as engine,
    ):
        engine.write(transfer.changes(stored, jobs, progress, user))
    index.remove_leftovers(index.read_manifest())
    return RebuildResult(transfer.articles, tuple(transfer.lost))


@contextmanager
def open_stored(index: Index, manifest: Manifest) -> Iterator[Iterator[Stored | Unreadable]]:
    """Read what is stored; the files are closed at the end, whether all of it was read or not."""
    items = index.iter_stored(manifest)
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()
