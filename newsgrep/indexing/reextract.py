"""The plan of a run that extracts again what older rules have extracted."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Iterator, Sequence

from newsgrep._io import path_key
from newsgrep.extraction.walk import File, iter_parents, spelled_paths
from newsgrep.indexing.known import PENDING, KnownRecords
from newsgrep.indexing.plan import Plan, Shard, reread_duplicates
from newsgrep.indexing.record_table import FindRecords
from newsgrep.models import FileRecord, Status


def make_reextraction_plan(
    paths: Sequence[str],
    records: Iterable[FileRecord],
    *,
    extractor: str,
    largest: int,
    articles: Container[str] | None = None,
    shard: Shard | None = None,
    find: FindRecords | None = None,
) -> Plan:
    """Return a plan to read the files again that were not read by the rules ``extractor``.

    Only files under ``paths`` are read, if any are given, and only those with one of
    ``articles``, ids, if these are given. Nothing is removed: articles whose files are gone are
    counted in ``plan.missing``. ``find`` is described at
    :class:`newsgrep.indexing.known.KnownRecords`.
    """
    roots = set(spelled_paths(paths))
    chosen: dict[str, File] = {}
    missing = 0

    def choose(record: FileRecord) -> None:
        nonlocal missing
        if record.extractor == extractor or (shard and not shard.takes(record.file)):
            return
        if articles is not None and record.article_id not in articles:
            return
        if roots and roots.isdisjoint(iter_parents(record.file)):
            return
        if record.file in chosen:
            return
        if file := _find_file(record.file):
            chosen[file.path] = file
        else:
            missing += record.status is Status.INDEXED

    def choosing() -> Iterator[FileRecord]:
        for record in records:
            choose(record)
            yield record

    known = KnownRecords(choosing(), find)
    plan = Plan(known, largest, shard, prune=False, missing=missing)
    for file in chosen.values():
        plan.read(file)
    plan.changed = known.files_of(chosen)
    reread_duplicates(plan)
    exists = {file.path: _find_file(file.path) is not None for file in plan.to_read}
    for file in plan.to_read:
        if not exists[file.path]:
            known.unmark(file.path + file.locator, PENDING)
    plan.to_read = [file for file in plan.to_read if exists[file.path]]
    plan.to_read.sort(key=lambda file: path_key(file.path))
    return plan


def _find_file(path: str) -> File | None:
    """Return the file at ``path``, ``None`` if there is no such file now."""
    try:
        status = os.stat(path)  # noqa: PTH116  (any bytes)
    except (OSError, ValueError):
        return None
    is_file = stat.S_ISREG(status.st_mode)
    return File(path, status.st_size, status.st_mtime_ns) if is_file else None
