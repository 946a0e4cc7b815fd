"""An index is brought up to date with its files: one plan, one commit, one summary.

The numbers of the summary add up: every file seen stands in it exactly once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from newsgrep.archive.lock import writing
from newsgrep.archive.place import has_index, made, make_room, opened
from newsgrep.archive.plan import MAX_FILE_SIZE, Plan, make_plan
from newsgrep.archive.prepare import Failed, Prepared, prepare_all
from newsgrep.archive.summary import Listed, Outcome, Summary
from newsgrep.engines.base import Change, Engine, Forget, Note, Remove, Upsert
from newsgrep.engines.entry import Entry
from newsgrep.errors import IndexLocked
from newsgrep.ingest.sites import load_sites
from newsgrep.models import Stamp, Status
from newsgrep.query.tree import Everything

_FEW: Final = 300

Progress = Callable[[int, int], None]
"""Called with how many files have been read and how many there are to read."""


def update_index(
    folder: Path,
    paths: Sequence[str],
    *,
    sites_file: Path | None = None,
    jobs: int = 1,
    prune: bool | None = None,
    follow: bool = False,
    largest: int = MAX_FILE_SIZE,
    wait: float = 0.0,
    progress: Progress = lambda _done, _total: None,
) -> Summary:
    """Bring the index in ``folder`` up to date with the files under ``paths``, in one commit.

    Makes an index where there is none. Files of more than ``largest`` bytes are listed and
    not read. Raises what :mod:`newsgrep.archive.place`,
    :func:`newsgrep.archive.lock.writing` (which waits for ``wait`` seconds),
    :func:`newsgrep.archive.plan.make_plan` and the engine do; then nothing has changed.
    """
    started = time.monotonic()
    look = partial(make_plan, paths, prune=prune, follow=follow, largest=largest)
    load_sites(sites_file)  # a mistake in it is told before anything is done
    seen = 0
    if has_index(folder):
        with opened(folder) as engine:
            seen, plan = engine.commit(), look(engine.stamps())
            if not (plan.to_read or plan.gone):
                with suppress(IndexLocked):
                    engine.tidy()  # a run that died may have left files
                return _update(engine, plan, sites_file, jobs, progress, started)
    else:
        plan = look(())
        make_room(folder)
    with writing(folder, wait), opened(folder) if has_index(folder) else made(folder) as engine:
        if engine.commit() != seen:  # somebody else has written since
            plan = look(engine.stamps())
        engine.tidy()
        return _update(engine, plan, sites_file, jobs, progress, started)


def _update(
    engine: Engine,
    plan: Plan,
    sites_file: Path | None,
    jobs: int,
    progress: Progress,
    started: float,
) -> Summary:
    run = _Run(plan)
    if plan.to_read or plan.gone:
        # Starting processes costs as much as reading some hundreds of files.
        jobs = jobs if len(plan.to_read) > _FEW else 1
        prepared = prepare_all(plan.to_read, sites_file, jobs, plan.largest)
        engine.write(run.changes(_counted(prepared, len(plan.to_read), progress)))
    articles = engine.search(Everything(), limit=0).total
    return run.summary(articles, time.monotonic() - started)


def _counted(prepared: Iterator[Prepared], total: int, progress: Progress) -> Iterator[Prepared]:
    progress(0, total)
    for done, item in enumerate(prepared, 1):
        yield item
        progress(done, total)


class _Run:
    """Decides, file by file, what changes in the index."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._outcomes: dict[str, tuple[Outcome, str]] = {
            stamp.path: _standing(stamp) for stamp in plan.unchanged
        }
        self._decided_before = {stamp.path for stamp in plan.unchanged}
        stale = {file.path for file in plan.to_read} | {stamp.path for stamp in plan.gone}
        # The file that each article is taken from, as far as it stands unquestioned.
        self._winners: dict[str, Stamp] = {
            stamp.article_id: stamp
            for stamp in plan.known.values()
            if stamp.status is Status.INDEXED and stamp.article_id and stamp.path not in stale
        }
        self._lost: dict[str, Stamp] = {
            stamp.article_id: stamp
            for stamp in plan.known.values()
            if stamp.status is Status.INDEXED and stamp.article_id and stamp.path in stale
        }
        self._before = self._winners.keys() | self._lost.keys()
        self._followers: dict[str, list[Stamp]] = {}
        for stamp in plan.unchanged:
            if stamp.status is Status.DUPLICATE and stamp.article_id:
                self._followers.setdefault(stamp.article_id, []).append(stamp)

    def changes(self, prepared: Iterator[Prepared]) -> Iterator[Change]:
        for stamp in self._plan.gone:
            if stamp.status is not Status.INDEXED:
                yield Forget(stamp.path)
        for item in prepared:
            match item:
                case Failed(path, reason):
                    yield from self._failed(path, reason)
                case Stamp():
                    self._outcomes[item.path] = Outcome.REJECTED, item.reason or ""
                    yield Note(item)
                case _:
                    yield from self._article(item)
        # Articles that lost their file and were found in no other one.
        for article_id in self._lost:
            if article_id not in self._winners:
                yield Remove(article_id)

    def _failed(self, path: str, reason: str) -> Iterator[Change]:
        """Keep what the index has of a file that can't be read now."""
        self._outcomes[path] = Outcome.FAILED, reason
        known = self._plan.known.get(path)
        if known and known.article_id and known.status is Status.INDEXED:
            self._winners.setdefault(known.article_id, known)
        yield from ()

    def _article(self, entry: Entry) -> Iterator[Change]:
        stamp = entry.stamp
        article_id = entry.article_id
        known = self._plan.known.get(stamp.path)
        incumbent = self._winners.get(article_id)
        if incumbent and not _is_better(stamp, incumbent):
            yield from self._duplicate(stamp, incumbent)
            return
        if known and known.status is not Status.INDEXED:
            yield Forget(stamp.path)
        yield Upsert(entry)
        stood = article_id in self._before
        self._outcomes[stamp.path] = (Outcome.UPDATED if stood else Outcome.ADDED), ""
        self._winners[article_id] = stamp
        if incumbent:
            yield from self._duplicate(incumbent, stamp)
            for follower in self._followers.get(article_id, ()):
                yield from self._duplicate(follower, stamp)

    def _duplicate(self, stamp: Stamp, winner: Stamp) -> Iterator[Change]:
        later = winner.rank[0] > stamp.rank[0]
        fuller = winner.rank[1] > stamp.rank[1]
        why = "fetched later" if later else "is fuller" if fuller else "comes first"
        verb = "was " if later else ""
        reason = f"the same article as {winner.path}, which {verb}{why}"
        self._outcomes[stamp.path] = Outcome.DUPLICATE, reason
        yield Note(stamp._replace(status=Status.DUPLICATE, reason=reason))

    def summary(self, articles: int, seconds: float) -> Summary:
        counts = Counter(outcome for outcome, _ in self._outcomes.values())
        listed: dict[Outcome, list[Listed]] = {
            Outcome.DUPLICATE: [],
            Outcome.REJECTED: [],
            Outcome.FAILED: [],
        }
        for path, (outcome, reason) in self._outcomes.items():
            if outcome in listed:
                listed[outcome].append(Listed(path, reason, path in self._decided_before))
        skipped: dict[str, list[Listed]] = {}
        for item in self._plan.skipped:
            skipped.setdefault(item.kind, []).append(Listed(item.path, item.reason))
        removed = [article_id for article_id in self._lost if article_id not in self._winners]
        return Summary(
            seen=self._plan.seen,
            counts={outcome: counts[outcome] for outcome in Outcome},
            removed=len(removed),
            articles=articles,
            listed={outcome: tuple(items) for outcome, items in listed.items()},
            skipped={kind: tuple(items) for kind, items in sorted(skipped.items())},
            seconds=seconds,
        )


def _standing(stamp: Stamp) -> tuple[Outcome, str]:
    match stamp.status:
        case Status.INDEXED:
            return Outcome.UNCHANGED, ""
        case Status.DUPLICATE:
            return Outcome.DUPLICATE, stamp.reason or ""
        case Status.REJECTED:
            return Outcome.REJECTED, stamp.reason or ""


def _is_better(stamp: Stamp, other: Stamp) -> bool:
    """Return whether the version in ``stamp`` is to be taken; the path decides between equals."""
    if stamp.rank != other.rank:
        return stamp.rank > other.rank
    return stamp.path < other.path
