"""The plan of a run: which files to read, which are unchanged, and which are gone.

It is made before anything is written, so that a run that would empty an index can be refused.
A shard is a part of all files, so that several machines can share a run. The shard of a file
depends only on its path, and so it is the same on every machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from newsgrep._io import path_key, read_regular
from newsgrep.errors import InputError, MassDeletion, UsageError
from newsgrep.extraction.records.base import DEFAULT_OPTIONS, ReadOptions
from newsgrep.extraction.records.names import RECORD_SUFFIXES, has_container_name
from newsgrep.extraction.walk import File, Skipped, find_files, iter_parents, spelled_paths
from newsgrep.indexing.addresses import is_better
from newsgrep.indexing.containers import unpack_ledger
from newsgrep.indexing.known import (
    GONE,
    PENDING,
    PRESENT,
    UNCHANGED,
    KnownFile,
    KnownRecords,
)
from newsgrep.indexing.record_table import FindRecords
from newsgrep.messages import message
from newsgrep.models import FileRecord, Status

STREAM: Final = "stdin"
"""What records from standard input have in place of the path of a file."""

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes. A larger file is hardly an article, and reading it takes many times its size."""

_MAX_COMPARED: Final = 2**26
"""Bytes of the largest file that is read to find out whether it was moved."""

_PRESENT_KINDS: Final = frozenset(("format", "hidden", "tool"))
"""Kinds of skipped paths that may have an article in the index, from a run that named them."""


@dataclass(slots=True)
class Plan:
    """All files that a run found, by what to do with them.

    ``known`` has the file records of the index, and marks on them: which are unchanged, and which
    are gone. ``largest`` is the maximum size of a file in bytes. If ``shard`` is given, only its
    files are in the lists. ``missing`` is how many articles are kept whose files are gone.
    ``absent`` is how many known files and records are gone and stay in the index, because
    ``prune`` is ``False``.
    """

    known: KnownRecords
    largest: int
    shard: Shard | None = None
    to_read: list[File] = field(default_factory=list)
    gone_rows: Sequence[int] = ()
    missing: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    prune: bool | None = None
    absent: int = 0
    changed: dict[str, KnownFile] = field(default_factory=dict)
    """What is known about the files of many records that are read, by path."""
    moved: dict[str, str] = field(default_factory=dict)
    """The new path of each known file that was found elsewhere with the same content."""
    stream: bool = False
    """Whether records are read from standard input, in place of files."""
    deleted: Set[tuple[str, str]] = frozenset()
    """File and digest of each record whose article was deleted on request."""

    @property
    def has_work(self) -> bool:
        """Whether there may be something to write."""
        return bool(self.to_read or self.gone_rows or self.stream or self.known.superseded)

    @property
    def gone(self) -> list[FileRecord]:
        """The file records of files that are gone and whose articles are deleted."""
        return list(self.known.records(self.gone_rows))

    @property
    def seen(self) -> int:
        """Return how many readable files of the shard were found; records in them do not count."""
        unchanged = sum(
            number
            for (_, is_member, marks, _), number in self.known.count().items()
            if marks & UNCHANGED and not is_member
        )
        return unchanged + sum(not file.locator and self.counts(file.path) for file in self.to_read)

    def counts(self, file: str) -> bool:
        """Return whether the run of this shard counts ``file``; one of another shard may be read.

        Its article may have to take the place of one of this shard.
        """
        return self.shard is None or self.shard.takes(file)

    def read(self, file: File) -> None:
        """Add a file, or one record in a file, to those to read."""
        self.to_read.append(file)
        self.known.mark(file.path + file.locator, PENDING)

    def set_gone(self, rows: Sequence[int]) -> None:
        """Mark the records in these rows as gone."""
        self.gone_rows = rows
        for row in rows:
            self.known.marks[row] |= GONE


def make_plan(
    paths: Sequence[str],
    records: Iterable[FileRecord] | KnownRecords,
    *,
    prune: bool | None,
    follow: bool = False,
    largest: int = MAX_FILE_SIZE,
    shard: Shard | None = None,
    own_folders: Set[str] = frozenset(),
    read: ReadOptions = DEFAULT_OPTIONS,
    find: FindRecords | None = None,
    is_local: bool = True,
) -> Plan:
    """Compare the files under ``paths`` with the ``records`` of an index.

    ``prune`` decides about articles whose files are gone: ``False`` keeps them, ``True`` deletes
    them, and ``None`` deletes them unless they are more than half of all. A file that is
    reached only through a link, without ``follow``, counts as gone; an unreadable file, and a
    file in an unreadable folder, do not. With ``shard``, other files are ignored, and their
    articles stay. Files in ``own_folders``, absolute paths, are the index's own, and are
    neither read nor listed. An unchanged file of many records is read again if ``read`` states
    other names of fields, or another query. ``find`` is described at :class:`KnownRecords`.

    A known file that does not exist any more, and has the name and content of a new one, was
    moved: its record is gone, wherever it was. If the files of the index may be on other machines,
    not ``is_local``, they may exist there. Raises :class:`InputError` for a path
    that does not exist, and :class:`MassDeletion` if ``prune`` is ``None`` and too many files
    are gone.
    """
    roots = _Roots(paths)
    known = records if isinstance(records, KnownRecords) else KnownRecords(records, find)
    known.set_under(roots.is_above, roots.paths)
    plan = Plan(known, largest, shard, prune=prune)
    own = tuple(os.path.join(folder, "") for folder in own_folders)  # noqa: PTH118  (likewise)
    # Where other names of fields decide, or a part of the files, each file does.
    is_unchanged = None if shard or read.fields else known.folders.is_unchanged
    files = (
        found
        for found in find_files(paths, follow=follow, is_unchanged=is_unchanged)
        if not shard or shard.takes(found.path) or _concerns_all(found, roots.paths)
        if not (found.path.startswith(own) or found.path in own_folders)
    )
    unreadable = _compare_files(plan, files, read)
    plan.changed = known.files_of(file.path for file in plan.to_read)
    _check_missing(plan, roots)
    gone = _absent_rows(plan, unreadable)
    moved = _find_moved(plan) if is_local and not shard and prune is not False else set()
    if prune is False:
        plan.absent = len(gone)
    else:
        if prune is None:
            _refuse_mass_deletion(plan, paths, len(gone) - len(moved.intersection(gone)))
        plan.set_gone(sorted(moved.union(gone)) if moved else gone)
    reread_duplicates(plan)
    # Of several texts at one address, the first file's has the id of the address.
    plan.to_read.sort(key=lambda file: path_key(file.path))
    return plan


def _compare_files(plan: Plan, files: Iterable[File | Skipped], read: ReadOptions) -> set[str]:
    """Mark what is known of ``files``, and add the others to the plan.

    Returns the paths of unreadable files and folders.
    """
    known, unreadable = plan.known, set[str]()
    for found in files:
        if isinstance(found, Skipped):
            plan.skipped.append(found)
            if found.kind in _PRESENT_KINDS:
                known.mark(found.path, PRESENT)
            elif found.kind == "unreadable":
                unreadable.add(found.path)
        elif _is_unchanged(found, known, plan.largest, read):
            known.mark(found.path, PRESENT | UNCHANGED)
            if not known.is_settled(found.path):
                known.folders.note(found.path, 1)
        else:
            known.mark(found.path, PRESENT)
            known.folders.note(found.path, 1)
            plan.read(found)
    known.mark_members()
    return unreadable


def _absent_rows(plan: Plan, unreadable: Set[str]) -> Sequence[int]:
    """Return the rows of records whose files the run is about and are not there."""
    known, shard = plan.known, plan.shard
    gone: Sequence[int] = known.absent_rows()
    if shard:
        gone = [row for row in gone if (each := known.find(row)) and shard.takes(each.file)]
    if unreadable:
        gone = [
            row
            for row in gone
            if (each := known.find(row)) and unreadable.isdisjoint(iter_parents(each.file))
        ]
    return gone


def _refuse_mass_deletion(plan: Plan, paths: Sequence[str], lost: int) -> None:
    """Raise :class:`MassDeletion` if ``lost`` is more than half of the files of the run."""
    known, shard = plan.known, plan.shard
    if not lost:
        return
    under = known.count_under()
    if shard:
        under = sum(shard.takes(each.file) for each in known.records(known.rows_under()))
    if lost * 2 > under:
        raise MassDeletion(
            message(
                "{lost} of the {under} indexed files under {paths} are gone",
                lost=lost,
                under=under,
                paths=", ".join(paths),
            ),
            message(
                "is a disk not mounted? Nothing was changed. Use --prune to delete their "
                "articles, or --no-prune to keep them."
            ),
        )


def _find_moved(plan: Plan) -> set[int]:
    """Find known files that do not exist any more and are new files now; return their rows."""
    known = plan.known
    new: dict[tuple[str, int], list[File]] = {}
    for file in plan.to_read:
        if not file.locator and known.row_of(file.path) is None:
            new.setdefault((os.path.basename(file.path), file.size), []).append(file)  # noqa: PTH119
    wanted = {(file.size, file.mtime_ns) for files in new.values() for file in files}
    absent = known.absent_files(wanted) if new else []
    known.fetch(absent)
    rows: set[int] = set()
    for row in absent:
        record = known.find(row)
        if record is None or os.path.lexists(record.path):
            continue
        found = new.get((os.path.basename(record.path), record.size), [])  # noqa: PTH119
        for at, file in enumerate(found):
            if _has_same_content(record, file):
                plan.moved[record.path] = found.pop(at).path
                rows.add(row)
                break
    for members in known.files_of(plan.moved).values():
        rows.update(members.rows)
    return rows


def _has_same_content(record: FileRecord, file: File) -> bool:
    """Return whether a file of the same name and size is the one that a record describes."""
    if record.mtime_ns == file.mtime_ns:
        return True
    if not record.digest or file.size > _MAX_COMPARED:
        return False
    try:
        data = read_regular(Path(file.path))
    except OSError:  # the run reports it
        return False
    return blake2b(data, digest_size=16).hexdigest() == record.digest


class _Roots:
    """The paths that a run is about, absolute. ``known`` are those above known files."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = set(spelled_paths(paths))
        self.known: set[str] = set()
        self._folder = ""
        self._is_above_folder = False

    def is_above(self, file: str) -> bool:
        """Return whether ``file`` is one of the paths, or under one."""
        if file in self.paths:
            self.known.add(file)
        folder = os.path.dirname(file)  # noqa: PTH120  (any bytes)
        if folder != self._folder:  # files of one folder follow each other
            found = self.paths.intersection(iter_parents(folder))
            self.known |= found
            self._folder, self._is_above_folder = folder, bool(found)
        return self._is_above_folder or file in self.paths


def make_stream_plan(
    records: Iterable[FileRecord] | KnownRecords, largest: int, find: FindRecords | None = None
) -> Plan:
    """Return the plan of a run that reads records from standard input; nothing is removed."""
    known = records if isinstance(records, KnownRecords) else KnownRecords(records, find)
    plan = Plan(known, largest, prune=False, stream=True)
    plan.changed = known.files_of([STREAM]) or {STREAM: KnownFile(known, STREAM, ())}
    return plan


def _concerns_all(found: File | Skipped, roots: Set[str]) -> bool:
    """Return whether every shard reports this: an unreadable folder, or a wrong path."""
    return isinstance(found, Skipped) and (found.kind == "unreadable" or found.path in roots)


def _is_unchanged(file: File, known: KnownRecords, largest: int, read: ReadOptions) -> bool:
    """Return whether ``file`` is as its file record says, and would be read the same.

    A file without a digest was too large to be read, and may be small enough for this run.
    """
    row = known.unchanged_row(file.path, file.size, file.mtime_ns)
    return (
        row is not None
        and (known.has_digest(row) or file.size > largest)
        and not _has_open_log(file.path)
        and _was_read_with(read, known, row, file.path)
    )


_DATABASE_SUFFIXES: Final = tuple(RECORD_SUFFIXES["sqlite"])


def _has_open_log(path: str) -> bool:
    """Return whether a database has rows that are still in a file next to it."""
    if not path.lower().endswith(_DATABASE_SUFFIXES):
        return False
    try:
        return os.path.getsize(f"{path}-wal") > 0  # noqa: PTH202  (a name may contain any byte)
    except OSError:
        return False


def _was_read_with(read: ReadOptions, known: KnownRecords, row: int, path: str) -> bool:
    """Return whether a file was read with the options ``read``, or is read the same without."""
    if known.status_of(row) is Status.CONTAINER:
        record = known.find(row)
        return record is not None and unpack_ledger(record.ledger).was_read_with(read)
    # A file of one record has no ledger.
    return not read.fields or not has_container_name(path)


def _check_missing(plan: Plan, roots: _Roots) -> None:
    for skipped in plan.skipped:
        path = skipped.path
        if skipped.kind == "missing" and path in roots.paths and path not in roots.known:
            raise InputError(
                "No file or folder at {path}: check the path and try again. Nothing was changed.",
                path=path,
            )


def reread_duplicates(plan: Plan) -> None:
    """Add duplicates to ``to_read`` that may have to replace their article's file.

    That is so if this file has changed or is gone, and if a duplicate is better than it or it
    does not exist: machines that wrote at the same time could not consider each other's files.
    """
    known = plan.known
    rows = list(known.duplicates())
    if not rows:
        return
    touched = {file.path for file in plan.to_read if not file.locator}

    def competes(row: int, record: FileRecord) -> bool:
        winner = known.row_of_article(record.article_id or "")
        if winner is not None and known.marks[winner] & (PENDING | GONE):
            return True
        # An unseen duplicate may be on another machine; the run that finds it decides.
        if not known.marks[row] & UNCHANGED:
            return False
        shown = None if winner is None else known.find(winner)
        return shown is None or is_better(record, shown)

    for row in rows:
        if known.marks[row] & (PENDING | GONE):
            continue
        record = known.find(row)
        # The text of a record from standard input is in no file.
        is_apart = record is not None and record.file not in touched and record.file != STREAM
        if record and is_apart and competes(row, record):
            known.marks[row] &= ~UNCHANGED
            plan.read(file_of(record))


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
        digest = blake2b(path_key(path), digest_size=8).digest()
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
