"""An index is brought up to date with its files: one plan, its commits, one summary.

A long run commits now and then, so that little is lost with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from newsgrep.archive.changes import Run
from newsgrep.archive.location import Location, Remote, refuse_engine
from newsgrep.archive.lock import forget_dead_writer
from newsgrep.archive.place import (
    ENGINE,
    confirm,
    has_index,
    made,
    make_room,
    opened,
    read_manifest,
    tidy_up,
    writing_to,
)
from newsgrep.archive.plan import MAX_FILE_SIZE, make_plan
from newsgrep.archive.prepare import Prepared, prepare_all
from newsgrep.archive.progress import Progress, no_progress
from newsgrep.archive.shard import Shard
from newsgrep.archive.summary import Summary
from newsgrep.engines.base import Change, Engine
from newsgrep.errors import IndexLocked, Refused, Stopped, UsageError
from newsgrep.ingest.sites import load_sites
from newsgrep.query.tree import Everything

_FEW: Final = 300


@dataclass(frozen=True, slots=True)
class How:
    """How an index is brought up to date.

    ``prune`` is for :func:`newsgrep.archive.plan.make_plan`, ``jobs`` how many processes
    read articles, ``wait`` for how many seconds to wait for another writer, ``trust``
    whether to open an index that others may have written, ``commit_every`` after how many
    seconds what is done is committed, ``follow`` whether to follow links that lead out of
    what was named, and ``largest`` how many bytes a file may have. ``engine`` is that of an
    index that is made; one that is there has its own, and another named is an error. Of all
    files found, only those of ``shard`` are looked at.
    """

    sites_file: Path | None = None
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


def update_index(index: Location, paths: Sequence[str], how: How | None = None) -> Summary:
    """Bring the index up to date with the files under ``paths``.

    Makes an index where there is none. Raises what :mod:`newsgrep.archive.place`,
    :func:`newsgrep.archive.lock.writing`, :func:`newsgrep.archive.plan.make_plan` and the
    engine do; then nothing has changed since the last commit, but on a server what was sent
    stays. Raises :class:`Stopped` for a KeyboardInterrupt after a commit, and on a server for
    every one; :class:`Refused` when all else is done.
    """
    how = how or How()
    started = time.monotonic()
    look = partial(
        make_plan,
        paths,
        prune=how.prune,
        follow=how.follow,
        largest=how.largest,
        shard=how.shard,
    )
    load_sites(how.sites_file)  # a mistake in it is told before anything is done
    refuse_engine(index, how.engine)
    seen = 0
    if has_index(index):
        _refuse_other_engine(index, how.engine)
        with opened(index, trust=how.trust) as engine:
            seen, plan = engine.commit(), look(engine.stamps())
            if not (plan.to_read or plan.gone):
                if isinstance(index, Path):
                    forget_dead_writer(index)
                with suppress(IndexLocked):
                    engine.tidy()  # a run that died may have left files, or a server's settings
                return _summary(engine, Run(plan), started)
    else:
        plan = look(())
        make_room(index)
    with writing_to(index, how.wait), _open_or_make(index, how) as engine:
        if engine.commit() != seen:  # somebody else has written since
            plan = look(engine.stamps())
        engine.tidy()
        run = Run(plan)
        if plan.to_read or plan.gone:
            _write(index, engine, run, how)
        confirm(index)  # there may have been nothing to write
        return _summary(engine, run, started)


def _refuse_other_engine(index: Location, engine: str | None) -> None:
    if engine is None:
        return
    own = read_manifest(index, any_analyser=True).engine
    if own != engine:
        raise UsageError(
            f"The index in {index} is of the engine “{own}”: leave --engine out, or make one of "
            f"“{engine}” from it with newsgrep copy --index {index} --to INDEX --engine {engine}."
        )


def _open_or_make(index: Location, how: How) -> AbstractContextManager[Engine]:
    tidy_up(index)
    if not has_index(index):
        return made(index, how.engine or ENGINE)
    _refuse_other_engine(index, how.engine)
    return opened(index, trust=how.trust)


def _summary(engine: Engine, run: Run, started: float) -> Summary:
    articles = engine.search(Everything(), limit=0).total
    return run.summary(articles, time.monotonic() - started)


def _write(index: Location, engine: Engine, run: Run, how: How) -> None:
    files = run.plan.to_read
    # Starting processes costs as much as reading some hundreds of files.
    jobs = how.jobs if len(files) > _FEW else 1
    prepared = _counted(
        prepare_all(files, how.sites_file, jobs, how.largest), len(files), how.progress
    )
    refused: list[Refused] = []
    try:
        for changes in _commits(run.changes(prepared), how.commit_every):
            try:
                engine.write(changes)
            except Refused as exc:
                refused.append(exc)  # what comes after it has to be in as well
            confirm(index)
            run.commit()
    except KeyboardInterrupt as exc:
        if isinstance(index, Remote):
            raise Stopped(
                f"stopped; what {index} has taken by now stays there. The same command goes on "
                "from there."
            ) from exc
        if _commit_of(index, how.trust) != engine.commit():
            run.commit()  # it was done, but there was no time to say so
        if run.committed:
            raise Stopped(
                f"stopped; {run.committed:,} of {len(files):,} files are in the index. The same "
                "command goes on from there."
            ) from exc
        raise
    if refused:
        items = tuple(item for each in refused for item in each.items)
        raise Refused(refused[0].index, items) from refused[0]


def _commit_of(folder: Path, trust: bool) -> int:
    if not has_index(folder):
        return 0
    with opened(folder, trust=trust) as engine:
        return engine.commit()


def _commits(groups: Iterator[Iterable[Change]], seconds: float) -> Iterator[Iterator[Change]]:
    """Cut a run into commits: what belongs together is in one, and none takes much longer."""

    def commit(first: Iterable[Change]) -> Iterator[Change]:
        until = time.monotonic() + seconds
        yield from first
        while time.monotonic() < until and (group := next(groups, None)) is not None:
            yield from group

    for first in groups:
        yield commit(first)


def _counted(prepared: Iterator[Prepared], total: int, progress: Progress) -> Iterator[Prepared]:
    progress(0, total)
    for done, item in enumerate(prepared, 1):
        yield item
        progress(done, total)
