"""A whole archive moves to another index, of another engine or in another place.

What is copied is what the index keeps: articles, what is known of every file, saved queries.
The other index is there when all of that is in it, and not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from newsgrep.archive.location import Location, Remote, refuse_engine, same_index, where
from newsgrep.archive.lock import writing
from newsgrep.archive.place import (
    ENGINE,
    anew,
    has_index,
    kept_in,
    make_room,
    opened,
    read_manifest,
    tidy_up,
    writing_to,
)
from newsgrep.archive.progress import Progress, no_progress
from newsgrep.archive.saved import read_saved, take_over
from newsgrep.archive.transfer import Transfer
from newsgrep.engines.base import Engine, lives_on_server
from newsgrep.errors import (
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    IndexProblem,
    UsageError,
)
from newsgrep.query.tree import Everything


@dataclass(frozen=True, slots=True)
class Manner:
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


class Copied(NamedTuple):
    """How much is in the new index, and of which engine that is."""

    articles: int
    files: int
    queries: int
    engine: str


def copy_index(source: Location, target: Location, manner: Manner) -> Copied:
    """Put everything that ``source`` keeps into an index at ``target``.

    Raises :class:`UsageError` where an index is there that holds something, unless it is to be
    replaced; :class:`IndexDamaged` where something can't be read; :class:`IndexProblem` where
    the source changes meanwhile; and what opening and making an index do. Then there is no
    index at ``target``, or the one that was there.
    """
    if same_index(source, target):
        raise UsageError("--index and --to name the same index: newsgrep reindex makes it anew.")
    refuse_engine(target, manner.engine)
    queries = read_saved(source)
    read_saved(target)  # what is wrong with them is told before the work
    with _held_still(source, manner.wait), opened(source, trust=manner.trust) as old:
        _refuse_what_is_there(target, manner)
        if not has_index(target):
            make_room(target)
        with writing_to(target, manner.wait):
            _refuse_what_is_there(target, manner)
            engine_name = _engine_for(target, source, manner.engine)
            transfer, seen = Transfer(), old.commit()
            kept = kept_in(source, read_manifest(source))
            with anew(target, engine_name) as new:
                new.write(transfer.changes(kept, manner.jobs, manner.progress))
                _refuse_changed(source, seen, manner.trust)
                _refuse_incomplete(source, old, new)
                take_over(target, queries)
            tidy_up(target)
    return Copied(transfer.articles, transfer.files, len(queries), engine_name)


@contextmanager
def _held_still(index: Location, wait: float) -> Iterator[None]:
    """Keep writers away from the index while it is read, where that can be done."""
    read_manifest(index)  # where there is none, no lock is made
    with ExitStack() as stack:
        if isinstance(index, Path):
            with suppress(IndexMissing):  # it may be read, but not written, not even its lock
                stack.enter_context(writing(index, wait))
        yield


def _refuse_what_is_there(target: Location, manner: Manner) -> None:
    if manner.replace or not has_index(target):
        return
    try:
        with opened(target, trust=manner.trust) as engine:
            holds_something = any(_held(engine))
    except (IndexDamaged, IndexMismatch):
        holds_something = True
    if holds_something:
        raise UsageError(
            f"There is an index {where(target)} already: name another with --to, or say "
            "--replace to put the copy in its place."
        )


def _engine_for(target: Location, source: Location, engine: str | None) -> str:
    if isinstance(target, Remote):
        return target.engine
    if engine:
        return engine
    own = read_manifest(target if has_index(target) else source, any_analyser=True).engine
    return ENGINE if lives_on_server(own) else own


def _refuse_changed(source: Location, seen: int, trust: bool) -> None:
    with opened(source, trust=trust) as now:
        if now.commit() != seen:
            raise IndexProblem(
                f"The index {where(source)} has changed while it was copied, and nothing was "
                "made: run the same command again when nobody writes to it."
            )


def _refuse_incomplete(source: Location, old: Engine, new: Engine) -> None:
    kept, taken = _held(old), _held(new)
    if kept != taken:
        raise IndexDamaged(
            f"Of {kept.articles:,} articles and {kept.files:,} files of the index "
            f"{where(source)}, {taken.articles:,} and {taken.files:,} could be read, not all of "
            "them as they were last, and nothing was made: newsgrep doctor tells what is wrong "
            "with it, and newsgrep doctor --fix saves what can be read."
        )


class _Held(NamedTuple):
    """What an engine has: how many articles and stamps, and a sum that tells stamps apart.

    Where a commit is damaged, the one before it may still give an older version of an
    article; its stamp is another.
    """

    articles: int
    files: int
    sum_of_stamps: int


def _held(engine: Engine) -> _Held:
    files = sum_of_stamps = 0
    for stamp in engine.stamps():
        files += 1
        sum_of_stamps += hash(stamp)
    return _Held(engine.search(Everything(), limit=0).total, files, sum_of_stamps)
