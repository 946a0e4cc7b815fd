"""The plan of a run: which files to read, which are unchanged, and which are gone.

It is made before anything is written, so that a run that would empty an index can be refused.
A shard is a part of all files, so that several machines can share a run. The shard of a file
depends only on its path, and so it is the same on every machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from newsgrep.errors import InputError, MassDeletion, UsageError
from newsgrep.extract.records.base import DEFAULT_OPTIONS, ReadOptions
from newsgrep.extract.records.names import RECORD_SUFFIXES, has_container_name, suffix_of
from newsgrep.extract.walk import File, Skipped, find_files, iter_parents
from newsgrep.index.addresses import is_better
from newsgrep.index.containers import unpack_ledger
from newsgrep.models import FileRecord, Status

STREAM: Final = "stdin"
"""What records from standard input have in place of the path of a file."""

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes. A larger file is hardly an article, and reading it takes many times its size."""

_PRESENT_KINDS: Final = frozenset(("format", "hidden", "tool"))
"""Kinds of skipped paths that may have an article in the index, from a run that named them."""


@dataclass(slots=True)
class Plan:
    """All files that a run found, by what to do with them.

    ``known`` has the file records of the index by path. ``largest`` is the maximum size of a
    file in bytes. If ``shard`` is given, only its files are in the lists. ``missing`` has files
    that are gone and whose articles are kept. ``absent`` is how many known files and records are
    gone and stay in the index, because ``prune`` is ``False``.
    """

    known: dict[str, FileRecord]
    largest: int
    shard: Shard | None = None
    to_read: list[File] = field(default_factory=list)
    unchanged: list[FileRecord] = field(default_factory=list)
    gone: list[FileRecord] = field(default_factory=list)
    missing: list[FileRecord] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    prune: bool | None = None
    absent: int = 0
    changed: dict[str, dict[str, FileRecord]] = field(default_factory=dict)
    """The known file records of files of many records that are read, by file and path."""
    stream: bool = False
    """Whether records are read from standard input, in place of files."""

    @property
    def has_work(self) -> bool:
        """Whether there may be something to write."""
        return bool(self.to_read or self.gone or self.stream)

    @property
    def seen(self) -> int:
        """Return how many readable files were found; records in them do not count."""
        unchanged = sum(not record.locator for record in self.unchanged)
        return unchanged + sum(not file.locator for file in self.to_read)


def make_plan(
    paths: Sequence[str],
    records: Iterable[FileRecord],
    *,
    prune: bool | None,
    follow: bool = False,
    largest: int = MAX_FILE_SIZE,
    shard: Shard | None = None,
    own_folders: Set[str] = frozenset(),
    read: ReadOptions = DEFAULT_OPTIONS,
) -> Plan:
    """Compare the files under ``paths`` with the ``records`` of an index.

    ``prune`` decides about articles whose files are gone: ``False`` keeps them, ``True`` deletes
    them, and ``None`` deletes them unless they are more than half of all. A file that is
    reached only through a link, without ``follow``, counts as gone; an unreadable file, and a
    file in an unreadable folder, do not. With ``shard``, other files are ignored, and their
    articles stay. Files in ``own_folders``, absolute paths, are the index's own, and are
    neither read nor listed. An unchanged file of many records is read again if ``read`` states
    other names of fields, or another query. Raises :class:`InputError` for a path
    that does not exist, and :class:`MassDeletion` if ``prune`` is ``None`` and too many files
    are gone.
    """
    plan = Plan({record.path: record for record in records}, largest, shard, prune=prune)
    roots = {os.path.abspath(path) for path in paths}  # noqa: PTH100  (links stay as they are)
    own = tuple(os.path.join(folder, "") for folder in own_folders)  # noqa: PTH118  (likewise)
    seen: set[str] = set()
    unreadable: set[str] = set()
    for found in find_files(paths, follow=follow):
        if shard and not shard.takes(found.path) and not _concerns_all(found, roots):
            continue
        if found.path.startswith(own) or found.path in own_folders:
            continue
        if isinstance(found, Skipped):
            plan.skipped.append(found)
            if found.kind in _PRESENT_KINDS:
                seen.add(found.path)
            elif found.kind == "unreadable":
                unreadable.add(found.path)
            continue
        seen.add(found.path)
        record = plan.known.get(found.path)
        if record and _is_unchanged(found, record, largest) and _was_read_with(read, record):
            plan.unchanged.append(record)
        else:
            plan.to_read.append(found)
    _add_records(plan)
    under = _paths_under(plan.known, roots)
    _check_missing(plan, roots, under)
    if shard:
        under = [path for path in under if shard.takes(plan.known[path].file)]
    gone = [
        plan.known[path]
        for path in under
        if plan.known[path].file not in seen
        and (not unreadable or unreadable.isdisjoint(iter_parents(plan.known[path].file)))
    ]
    if prune is False:
        plan.absent = len(gone)
    elif prune is None and len(gone) * 2 > len(under):
        raise MassDeletion(
            f"{len(gone)} of the {len(under)} indexed files under {', '.join(paths)} are gone",
            ": is a disk not mounted? Nothing was changed. Use --prune to delete their "
            "articles, or --no-prune to keep them.",
        )
    else:
        plan.gone = gone
    reread_duplicates(plan)
    # Of several texts at one address, the first file's has the id of the address.
    plan.to_read.sort(key=lambda file: os.fsencode(file.path))
    return plan


def make_stream_plan(records: Iterable[FileRecord], largest: int) -> Plan:
    """Return the plan of a run that reads records from standard input; nothing is removed."""
    known = {record.path: record for record in records}
    plan = Plan(known, largest, prune=False, stream=True)
    plan.changed[STREAM] = {p: record for p, record in known.items() if record.file == STREAM}
    return plan


def _add_records(plan: Plan) -> None:
    """Add the known records of files of many: to ``unchanged`` and to ``changed``."""
    unchanged = {record.path for record in plan.unchanged if record.status is Status.CONTAINER}
    changed = {file.path for file in plan.to_read}
    for record in plan.known.values():
        if record.locator:
            if (path := record.file) in unchanged:
                plan.unchanged.append(record)
            elif path in changed:
                plan.changed.setdefault(path, {})[record.path] = record
    for path, records in plan.changed.items():
        plan.changed[path] = with_container(records, plan.known.get(path))


def _paths_under(known: Mapping[str, FileRecord], roots: Set[str]) -> list[str]:
    """Return the paths of file records whose files are under ``roots``."""
    under = []
    file, is_under = "", False
    for path, record in known.items():
        if record.file != file:  # the records of one file follow each other
            file = record.file
            is_under = not roots.isdisjoint(iter_parents(file))
        if is_under:
            under.append(path)
    return under


def group_records(known: Mapping[str, FileRecord]) -> dict[str, dict[str, FileRecord]]:
    """Return the file records of records by the file that they are in, and by path."""
    found: dict[str, dict[str, FileRecord]] = {}
    for path, record in known.items():
        if record.locator:
            found.setdefault(record.file, {})[path] = record
    return found


def with_container(
    records: dict[str, FileRecord], container: FileRecord | None
) -> dict[str, FileRecord]:
    """Return ``records`` of a file, and its own file record."""
    return records | ({container.path: container} if container else {})


def _concerns_all(found: File | Skipped, roots: Set[str]) -> bool:
    """Return whether every shard reports this: an unreadable folder, or a wrong path."""
    return isinstance(found, Skipped) and (found.kind == "unreadable" or found.path in roots)


def _is_unchanged(file: File, record: FileRecord, largest: int) -> bool:
    """Return whether ``file`` is as its ``record`` says.

    A file without a digest was too large to be read, and may be small enough for this run.
    """
    same = (record.size, record.mtime_ns) == (file.size, file.mtime_ns)
    return same and bool(record.digest or file.size > largest) and not _has_open_log(file.path)


def _has_open_log(path: str) -> bool:
    """Return whether a database has rows that are still in a file next to it."""
    if suffix_of(path) not in RECORD_SUFFIXES["sqlite"]:
        return False
    try:
        return os.path.getsize(f"{path}-wal") > 0  # noqa: PTH202  (a name may contain any byte)
    except OSError:
        return False


def _was_read_with(read: ReadOptions, record: FileRecord) -> bool:
    """Return whether a file was read with the options ``read``, or is read the same without."""
    if record.status is Status.CONTAINER:
        return unpack_ledger(record.ledger).was_read_with(read)
    # A file of one record has no ledger.
    return not read.fields or not has_container_name(record.path)


def _check_missing(plan: Plan, roots: Set[str], under: Sequence[str]) -> None:
    missing = [
        skipped.path
        for skipped in plan.skipped
        if skipped.kind == "missing" and skipped.path in roots
    ]
    files = (plan.known[path].file for path in under) if missing else ()
    known = {above for path in files for above in iter_parents(path)}
    for path in missing:
        if path not in known:
            raise InputError(
                f"No file or folder at {path}: check the path and try again. Nothing was changed."
            )


def reread_duplicates(plan: Plan) -> None:
    """Add duplicates to ``to_read`` that may have to replace their article's file.

    That is so if this file has changed or is gone, and if a duplicate is better than it or it
    does not exist: machines that wrote at the same time could not consider each other's files.
    """
    duplicates = [record for record in plan.known.values() if record.status is Status.DUPLICATE]
    if not duplicates:
        return
    touched = {file.path + file.locator for file in plan.to_read}
    touched |= {record.path for record in plan.gone}
    disputed = {record.article_id for record in duplicates}
    shown = {
        record.article_id: record
        for record in plan.known.values()
        if record.status is Status.INDEXED and record.article_id in disputed
    }

    seen = {record.path for record in plan.unchanged if record.status is Status.DUPLICATE}

    def competes(record: FileRecord) -> bool:
        winner = shown.get(record.article_id)
        if winner and winner.path in touched:
            return True
        # An unseen duplicate may be on another machine; the run that finds it decides.
        return record.path in seen and (winner is None or is_better(record, winner))

    rivals = [
        record
        for record in duplicates
        if record.path not in touched
        and record.file not in touched
        and record.file != STREAM  # its text is in no file
        and competes(record)
    ]
    again = {record.path for record in rivals}
    plan.unchanged = [record for record in plan.unchanged if record.path not in again]
    plan.to_read += map(file_of, rivals)


def file_of(record: FileRecord) -> File:
    """Return what to read for one file record: a file, or one record in it."""
    return File(record.file, record.size, record.mtime_ns, record.locator)


_SHARD_FORM: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part ``number`` of ``count`` parts, counted from 1."""

    number: int
    count: int

    def takes(self, path: str) -> bool:
        """Return whether the file at the absolute ``path`` belongs to this part."""
        digest = blake2b(os.fsencode(path), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Parse a shard such as ``2/3``; raises :class:`UsageError` for other text."""
    match = _SHARD_FORM.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if not shard or not 1 <= shard.number <= shard.count:
        raise UsageError(
            "--shard needs a number and a count, such as 2/3 for the second of three machines "
            "(from 1/3 to 3/3)."
        )
    return shard
