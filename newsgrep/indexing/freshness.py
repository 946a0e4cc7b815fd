"""Whether files were added, changed or deleted since they were indexed.

The check accompanies an empty result, for which a user waits, so it stops after a fifth of a
second. The folders that changed last come first: new files and missing ones are in them.

For 29,746 files, the table of known files, which a run leaves beside the data, is read in 5 ms of
CPU time, and the file records in 90.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.extraction.records.names import readable_suffixes
from newsgrep.extraction.walk import OF_TOOLS, is_snapshot
from newsgrep.models import FileRecord

if TYPE_CHECKING:
    from newsgrep.engines.base import Engine
    from newsgrep.indexing.known import KnownRecords
    from newsgrep.indexing.store import Index

TIME_LIMIT: Final = 0.2
"""Seconds that a check may take; it takes a little more to finish a step."""

_RECORDS_SHARE: Final = 0.6
"""The part of the time for reading file records; the rest is for comparing files."""

_CLOCK_INTERVAL: Final = 256
"""Files or records between two looks at the clock."""


class FreshnessCheck(NamedTuple):
    """The number of files that differ from their records: a minimum unless ``complete``."""

    differing: int
    complete: bool


class _KnownFiles(NamedTuple):
    """What is known about files.

    ``counts`` has the number of files in each folder. ``find`` returns what is known about the file
    with a path, or ``None``, and ``is_same`` whether that agrees with the status of the file.
    """

    counts: Mapping[str, int]
    find: Callable[[str], Any]
    is_same: Callable[[Any, os.stat_result], bool]


def check_index(engine: Engine, index: Index) -> FreshnessCheck:
    """Return :func:`check_freshness` of the files of ``index``, which ``engine`` has open."""
    start = time.monotonic()
    if index.has_commits:
        from newsgrep.indexing.known_table import load_table

        known = load_table(index, index.read_manifest(any_analyser=True), engine)
        if known is not None:
            return check_table(known, TIME_LIMIT + start - time.monotonic())
    return check_freshness(engine.file_records())


def check_table(known: KnownRecords, time_limit: float = TIME_LIMIT) -> FreshnessCheck:
    """Return :func:`check_freshness` of the file records of which ``known`` is the table."""

    def is_same(row: int, status: os.stat_result) -> bool:
        return known.has_status(row, status.st_size, status.st_mtime_ns)

    files = _KnownFiles(known.count_by_folder(), known.row_of, is_same)
    return _compare_folders(files, time.monotonic() + time_limit)


def check_freshness(
    records: Iterable[FileRecord], time_limit: float = TIME_LIMIT
) -> FreshnessCheck:
    """Compare ``records`` with the files in their folders, for ``time_limit`` seconds at most.

    Counts new, changed and missing files. New folders are not searched. The folders that
    changed last come first. If the time is over before all records are read, only the files of
    these are compared, and new files are not counted.
    """
    start = time.monotonic()
    known: dict[str, FileRecord] = {}
    for number, record in enumerate(records, 1):
        if not record.locator:
            known[record.path] = record
        if number % _CLOCK_INTERVAL == 0 and time.monotonic() - start > time_limit * _RECORDS_SHARE:
            return FreshnessCheck(_count_changed(known, start + time_limit), complete=False)
    counts = Counter(os.path.dirname(path) for path in known)  # noqa: PTH120  (any bytes)
    return _compare_folders(_KnownFiles(counts, known.get, _is_same), start + time_limit)


def _compare_folders(known: _KnownFiles, until: float) -> FreshnessCheck:
    """Compare the folders, the one that changed last first, up to the time ``until``."""
    differing = 0
    changes: list[tuple[int, str]] = []
    for folder in known.counts:
        if len(changes) % _CLOCK_INTERVAL == 0 and time.monotonic() > until:
            return FreshnessCheck(0, complete=False)
        changes.append((_last_change(folder), folder))
    for _, folder in sorted(changes, reverse=True):
        found, complete = _compare_folder(folder, known, until)
        differing += found
        if not complete:
            return FreshnessCheck(differing, complete=False)
    return FreshnessCheck(differing, complete=True)


def _count_changed(known: dict[str, FileRecord], until: float) -> int:
    """Return how many of the ``known`` files are changed or missing, up to the time ``until``."""
    changed = 0
    for number, (path, record) in enumerate(known.items(), 1):
        if number % _CLOCK_INTERVAL == 0 and time.monotonic() > until:
            break
        try:
            changed += not _is_same(record, os.stat(path))  # noqa: PTH116  (any bytes)
        except OSError:
            changed += 1
    return changed


def _compare_folder(folder: str, known: _KnownFiles, until: float) -> tuple[int, bool]:
    """Return how many files in ``folder`` are new, changed or missing, and whether that is all."""
    # In a snapshot of ArchiveBox, one file of several is read; a new snapshot is another folder.
    readable = () if is_snapshot(os.path.basename(folder)) else readable_suffixes()  # noqa: PTH119
    find, is_same = known.find, known.is_same
    differing, seen = 0, 0
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number % _CLOCK_INTERVAL == 0 and time.monotonic() > until:
                    return differing, False
                found = find(entry.path)
                # A file that was named for indexing is known, whatever its name is.
                if found is None and not _would_be_indexed(entry, readable):
                    continue
                if entry.is_file():
                    seen += found is not None
                    differing += found is None or not is_same(found, entry.stat())
    except OSError:
        pass  # the files in the folder count as missing
    return differing + known.counts[folder] - seen, True


def _would_be_indexed(entry: os.DirEntry[str], readable: Container[str]) -> bool:
    """Return whether ``newsgrep index`` would read a new file of this name."""
    is_article = os.path.splitext(entry.name)[1].lower() in readable  # noqa: PTH122  (any bytes)
    # A link may lead elsewhere, or to a file that is known by another name.
    is_own = entry.name.startswith(".") or entry.name in OF_TOOLS
    return is_article and not is_own and not entry.is_symlink()


def _is_same(record: FileRecord, status: os.stat_result) -> bool:
    return (record.size, record.mtime_ns) == (status.st_size, status.st_mtime_ns)


def _last_change(folder: str) -> int:
    """Return when a file was last added to ``folder`` or deleted; the maximum if it is gone."""
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116  (any bytes)
    except OSError:
        return sys.maxsize
