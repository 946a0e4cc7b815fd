"""The plan of a run that extracts again what older rules have extracted."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Sequence

from newsgrep.extract.walk import File, iter_parents
from newsgrep.index.plan import Plan, Shard, group_records, reread_duplicates, with_container
from newsgrep.models import FileRecord, Status


def make_reextraction_plan(
    paths: Sequence[str],
    records: Iterable[FileRecord],
    *,
    extractor: str,
    largest: int,
    articles: Container[str] | None = None,
    shard: Shard | None = None,
) -> Plan:
    """Return a plan to read the files again that were not read by the rules ``extractor``.

    Only files under ``paths`` are read, if any are given, and only those with one of
    ``articles``, ids, if these are given. Nothing is removed: articles whose files are gone are
    in ``plan.missing``.
    """
    plan = Plan({record.path: record for record in records}, largest, shard, prune=False)
    roots = {os.path.abspath(path) for path in paths}  # noqa: PTH100  (links stay as they are)
    records_in = group_records(plan.known)
    chosen: set[str] = set()
    for record in plan.known.values():
        if record.extractor == extractor or (shard and not shard.takes(record.file)):
            continue
        if articles is not None and record.article_id not in articles:
            continue
        if roots and roots.isdisjoint(iter_parents(record.file)):
            continue
        if file := _find(record):
            if file.path not in chosen:
                chosen.add(file.path)
                plan.to_read.append(file)
                if file.path in records_in:
                    container = plan.known.get(file.path)
                    plan.changed[file.path] = with_container(records_in[file.path], container)
        elif record.status is Status.INDEXED:
            plan.missing.append(record)
    reread_duplicates(plan)
    known = plan.known
    plan.to_read = [file for file in plan.to_read if _find(known[file.path + file.locator])]
    plan.to_read.sort(key=lambda file: os.fsencode(file.path))
    return plan


def _find(record: FileRecord) -> File | None:
    """Return the file of a record, ``None`` if there is no such file now."""
    try:
        status = os.stat(record.file)  # noqa: PTH116  (any bytes)
    except (OSError, ValueError):
        return None
    is_file = stat.S_ISREG(status.st_mode)
    return File(record.file, status.st_size, status.st_mtime_ns) if is_file else None
