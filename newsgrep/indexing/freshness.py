"""Whether files were added, changed or deleted since they were indexed.

The check accompanies an empty result, for which a user waits, so it stops after a second: with
239,937 files it would take 3.3 s.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Final, NamedTuple

from newsgrep.extraction.records.names import readable_suffixes
from newsgrep.extraction.walk import OF_TOOLS, is_snapshot
from newsgrep.models import FileRecord

TIME_LIMIT: Final = 1.0
"""Seconds that a check may take; it takes a little more to finish a step."""

_RECORDS_SHARE: Final = 0.6
"""The part of the time for reading file records; the rest is for comparing files."""

_CLOCK_INTERVAL: Final = 256
"""Files or records between two looks at the clock."""


class FreshnessCheck(NamedTuple):
    """The number of files that differ from their records: a minimum unless ``complete``."""

    differing: int
    complete: bool


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
    by_folder: defaultdict[str, set[str]] = defaultdict(set)
    for path in known:
        by_folder[os.path.dirname(path)].add(path)  # noqa: PTH120  (any bytes)
    differing = 0
    for folder in sorted(by_folder, key=_last_change, reverse=True):
        found, complete = _compare_folder(folder, by_folder[folder], known, start + time_limit)
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


def _compare_folder(
    folder: str, expected: set[str], known: dict[str, FileRecord], until: float
) -> tuple[int, bool]:
    """Return how many files in ``folder`` are new, changed or missing, and whether that is all.

    ``expected`` are the ``known`` paths in it.
    """
    # In a snapshot of ArchiveBox, one file of several is read; a new snapshot is another folder.
    readable = () if is_snapshot(os.path.basename(folder)) else readable_suffixes()  # noqa: PTH119
    differing, seen = 0, 0
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number % _CLOCK_INTERVAL == 0 and time.monotonic() > until:
                    return differing, False
                record = known.get(entry.path)
                # A file that was named for indexing is known, whatever its name is.
                if not (record or _would_be_indexed(entry, readable)) or not entry.is_file():
                    continue
                seen += record is not None
                differing += record is None or not _is_same(record, entry.stat())
    except OSError:
        pass  # the files in the folder count as missing
    return differing + len(expected) - seen, True


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
