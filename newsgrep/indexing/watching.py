"""Keeping an index up to date: the system reports changed files, and their path is updated.

What a report names is not trusted: it only says which of the watched paths to compare with the
index, as ``newsgrep index`` does. Reports can be lost (a queue of the system overflows, a drive
sends none), so all paths are compared at intervals, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Final, Protocol

from newsgrep.errors import (
    ChangesRejected,
    IndexLocked,
    IndexMissing,
    InputError,
    MassDeletion,
    ServerProblem,
    UsageError,
    WorkerDied,
)
from newsgrep.extraction.records.names import may_be_readable
from newsgrep.extraction.walk import iter_parents, spelled_paths
from newsgrep.indexing.outcomes import UpdateSummary
from newsgrep.indexing.store import Index
from newsgrep.indexing.update import UpdateOptions, update_index

_QUIET_MS: Final = 400
"""A batch of changes ends after this time without one: a file is often written in parts."""

_MAX_BATCH_MS: Final = 5_000
"""A batch ends after this time anyhow: some files are written to all the time."""

_TICK_MS: Final = 1_000
"""How often to look whether a watched path is gone, or another folder has its name."""

RETRY_SECONDS: Final = 10.0
"""After a failed update: a full disk or an unreachable server is not repaired in a second."""

_TEMPORARY: Final = (
    ChangesRejected,
    IndexLocked,
    IndexMissing,  # also: the lock cannot be created, because the disk is full
    InputError,
    OSError,
    ServerProblem,
    WorkerDied,
)
"""Errors that may be gone at the next attempt, once there was an update without one."""


class WatchReport(Protocol):
    """What happens while paths are watched."""

    def updated(self, path: str, summary: UpdateSummary) -> None:
        """Report one update of ``path``, also if it changed nothing."""

    def kept(self, path: str, gone: str) -> None:
        """Report that the articles of many files that are ``gone`` are kept."""

    def missing(self, path: str) -> None:
        """Report that ``path`` does not exist, and is watched again when it is back."""

    def failed(self, path: str, error: Exception) -> None:
        """Report an update that failed, and is tried again after :data:`RETRY_SECONDS`."""

    def watching(self) -> None:
        """Report that all paths are up to date for the first time."""


def keep_updated(
    index: Index,
    paths: Sequence[str],
    options: UpdateOptions,
    report: WatchReport,
    *,
    interval: float,
) -> None:
    """Update the index with ``paths`` now, after each change, and every ``interval`` seconds.

    Returns only by an exception: a KeyboardInterrupt or :class:`Interrupted` for a signal, and
    the errors of :func:`newsgrep.indexing.update.update_index` that another attempt cannot
    repair. In the first update of each path, that is all of them.

    No more than half of the time is spent on updates: a large archive is compared less often.
    """
    paths = spelled_paths(paths)
    updates = _Updates(index, options, report)
    pending = set(paths)
    missing: set[str] = set()
    next_update, next_comparison = 0.0, 0.0
    for changed in iter_changes(paths, index.own_folders):
        pending |= changed
        absent = {path for path in paths if not os.path.exists(path)}  # noqa: PTH110  (any bytes)
        if updates.done.issuperset(paths):
            for path in sorted(absent - missing):
                report.missing(path)
            missing = absent
        now = time.monotonic()
        is_due = now >= next_comparison
        if is_due:
            pending.update(paths)
        if now < next_update or not (pending - missing):
            continue
        failed = {path for path in paths if path in pending - missing and not updates.run(path)}
        if next_comparison == 0.0:
            report.watching()
        end = time.monotonic()
        next_update = end + max(end - now, RETRY_SECONDS if failed else 0.0)
        if is_due:
            next_comparison = end + interval
        pending = failed


class _Updates:
    """Updates of one index; ``done`` are the paths with a successful one."""

    def __init__(self, index: Index, options: UpdateOptions, report: WatchReport) -> None:
        self.done: set[str] = set()
        self._index = index
        self._options = options
        self._report = report
        self._keeping: set[str] = set()
        """Paths of which no article is removed, because most of their files are gone."""

    def run(self, path: str) -> bool:
        """Update the index with ``path``; return whether that succeeded."""
        try:
            summary = self._update(path)
        except _TEMPORARY as exc:
            if path not in self.done:
                raise
            self._report.failed(path, exc)
            return False
        self.done.add(path)
        self._report.updated(path, summary)
        return True

    def _update(self, path: str) -> UpdateSummary:
        try:
            summary = update_index(self._index, [path], self._options_for(path))
        except MassDeletion as exc:
            self._report.kept(path, exc.gone)
            self._keeping.add(path)
            summary = update_index(self._index, [path], self._options_for(path))
        if not summary.absent:  # they are back, or newsgrep index --prune has removed them
            self._keeping.discard(path)
        return summary

    def _options_for(self, path: str) -> UpdateOptions:
        # Later changes must not delete what is kept because they make it less than a half.
        return replace(self._options, prune=False) if path in self._keeping else self._options


_Identity = tuple[int, int]


def iter_changes(paths: Sequence[str], ignored: Collection[str]) -> Iterator[frozenset[str]]:
    """Yield which of the absolute ``paths`` have changes, every second or sooner.

    Changes in ``ignored`` folders, of hidden files and of files that newsgrep does not read do
    not count. A path that was gone has changes when it is back. Changes that happen while the
    caller works are reported next.

    Raises :class:`InputError` if the system cannot watch that many folders, and
    :class:`UsageError` without the package that watches.
    """
    is_relevant = _relevance(paths, ignored)
    before: Mapping[str, _Identity] = {}
    while True:
        now = _identities(paths)
        if not now:
            before = now
            yield frozenset()
            time.sleep(_TICK_MS / 1000)
            continue
        returned = frozenset(path for path, identity in now.items() if before.get(path) != identity)
        with _notifications(list(now), is_relevant) as batches:
            for changes in batches:
                yield returned | _touched(paths, changes)
                before, returned = now, frozenset()
                if _identities(paths) != now:
                    break  # the system watches the moved folder, not the one of this name


def _identities(paths: Sequence[str]) -> dict[str, _Identity]:
    """Return device and inode of the paths that exist."""
    found = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a name of any bytes)
        except OSError:
            continue
        found[path] = status.st_dev, status.st_ino
    return found


def _touched(paths: Sequence[str], changed: Collection[str]) -> frozenset[str]:
    above = {parent for path in changed for parent in iter_parents(path)}
    found = above.intersection(paths)
    # Names that are not UTF-8 are reported in another form.
    return frozenset(paths if changed and not found else found)


def _relevance(paths: Sequence[str], ignored: Collection[str]) -> Callable[[object, str], bool]:
    """Return a filter for reports; its first argument is the kind of change, which is ignored."""

    def is_relevant(_: object, path: str) -> bool:
        if path in paths:
            return True
        names = []
        for parent in iter_parents(path):
            if parent in paths:
                break
            if parent in ignored:
                return False
            names.append(os.path.basename(parent))  # noqa: PTH119  (likewise)
        if any(name.startswith(".") for name in names):
            return False
        # What is gone may have been a folder.
        return may_be_readable(path) or not os.path.isfile(path)  # noqa: PTH113  (likewise)

    return is_relevant


@contextmanager
def _notifications(
    paths: Sequence[str], is_relevant: Callable[[object, str], bool]
) -> Iterator[Iterator[set[str]]]:
    """Start to watch ``paths``; the value yields the changed paths of each batch."""
    try:
        from watchfiles import watch
    except ImportError as exc:
        raise UsageError(
            'Watching needs another package: pip install "newsgrep[watch]". '
            "Or run newsgrep index at intervals."
        ) from exc
    reports = watch(
        *paths,
        watch_filter=is_relevant,
        debounce=_MAX_BATCH_MS,
        step=_QUIET_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )

    def batches() -> Iterator[set[str]]:
        try:
            for changes in reports:
                yield {path for _, path in changes}
        except FileNotFoundError:  # gone since it was looked for
            time.sleep(_TICK_MS / 1000)
        except (OSError, RuntimeError) as exc:
            raise InputError(
                "The system cannot watch {paths} ({reason}). Raise its limit (on Linux "
                "fs.inotify.max_user_watches), or run newsgrep index at intervals.",
                paths=", ".join(paths),
                reason=exc,
            ) from exc

    with closing(reports):
        yield batches()
