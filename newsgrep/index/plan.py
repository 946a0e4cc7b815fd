"""What a run has to do: which files to read, which to leave alone, which are gone.

Made before anything is written, so that a run that would empty an index can be refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from newsgrep.errors import InputError, UsageError
from newsgrep.extract.walk import File, Skipped, find_files, iter_parents
from newsgrep.models import FileRecord, Status

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes; what is larger is hardly an article, and takes many times its size to read."""

_PRESENT_KINDS: Final = frozenset(("format", "hidden"))
"""Kinds of paths left out that hold an article all the same, once it was asked for by name."""


@dataclass(slots=True)
class Plan:
    """The files seen, by what is to be done with them.

    ``largest`` is of how many bytes; ``shard`` is the part of all files that this is about.
    """

    known: dict[str, FileRecord]
    largest: int
    shard: Shard | None = None
    to_read: list[File] = field(default_factory=list)
    unchanged: list[FileRecord] = field(default_factory=list)
    gone: list[FileRecord] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Return how many files of a format that newsgrep reads were found."""
        return len(self.to_read) + len(self.unchanged)


def make_plan(
    paths: Sequence[str],
    records: Iterable[FileRecord],
    *,
    prune: bool | None,
    follow: bool = False,
    largest: int = MAX_FILE_SIZE,
    shard: Shard | None = None,
) -> Plan:
    """Compare the files under ``paths`` with what an index knows of them.

    ``prune`` is ``False`` to keep articles whose files are gone, ``True`` to take them out
    however many they are, and ``None`` to take them out unless that is more than half.
    ``follow`` is what it is for :func:`find_files`; what is reached only through a link that
    is not followed counts as gone. What can't be read now, or lies in a folder that can't,
    does not. With ``shard`` other files are as if they were not there, and their articles
    stay. Raises :class:`InputError` for a path that does not exist, and :class:`UsageError`
    for a refusal.
    """
    plan = Plan({record.path: record for record in records}, largest, shard)
    roots = {os.path.abspath(path) for path in paths}  # noqa: PTH100  (links stay as they are)
    seen: set[str] = set()
    unreadable: set[str] = set()
    for found in find_files(paths, follow=follow):
        if shard and not shard.takes(found.path) and not _concerns_all(found, roots):
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
        if record and _is_unchanged(found, record, largest):
            plan.unchanged.append(record)
        else:
            plan.to_read.append(found)
    under = [path for path in plan.known if not roots.isdisjoint(iter_parents(path))]
    _check_missing(plan, roots, under)
    if shard:
        under = list(filter(shard.takes, under))
    if prune is not False:
        plan.gone = [
            plan.known[path]
            for path in under
            if path not in seen and (not unreadable or unreadable.isdisjoint(iter_parents(path)))
        ]
        if prune is None and len(plan.gone) * 2 > len(under):
            raise UsageError(
                f"{len(plan.gone)} of the {len(under)} files that the index knows under "
                f"{', '.join(paths)} are gone: is a disk not mounted? Nothing was changed. "
                "Say --prune to take them out, or --no-prune to keep them."
            )
    _reread_duplicates(plan)
    return plan


def _concerns_all(found: File | Skipped, roots: Set[str]) -> bool:
    """Return whether what was found is no file of one shard: a folder, or a wrong path."""
    return isinstance(found, Skipped) and (found.kind == "unreadable" or found.path in roots)


def _is_unchanged(file: File, record: FileRecord, largest: int) -> bool:
    """Tell whether ``file`` is as ``record`` says, and need not be read now.

    What was too large to be read, and for this run is not, was never looked at.
    """
    same = (record.size, record.mtime_ns) == (file.size, file.mtime_ns)
    return same and bool(record.digest or file.size > largest)


def _check_missing(plan: Plan, roots: Set[str], under: Sequence[str]) -> None:
    missing = [
        skipped.path
        for skipped in plan.skipped
        if skipped.kind == "missing" and skipped.path in roots
    ]
    known = {above for path in under for above in iter_parents(path)} if missing else set()
    for path in missing:
        if path not in known:
            raise InputError(
                f"There is nothing at {path}: check the path and try again. Nothing was changed."
            )


def is_better(record: FileRecord, other: FileRecord) -> bool:
    """Return whether the version in ``record`` is to be taken; the path decides between equals."""
    if record.version_key != other.version_key:
        return record.version_key > other.version_key
    return record.path < other.path


def _reread_duplicates(plan: Plan) -> None:
    """Where the file of an article changes or goes, let its duplicates compete anew.

    Also where a duplicate should be the one that is shown: machines that wrote at the same
    time could not know of each other.
    """
    duplicates = [record for record in plan.known.values() if record.status is Status.DUPLICATE]
    if not duplicates:
        return
    touched = {file.path for file in plan.to_read} | {record.path for record in plan.gone}
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
        # Where it was not seen, the run that sees it does it: it may be of another machine.
        return record.path in seen and (winner is None or is_better(record, winner))

    rivals = [record for record in duplicates if record.path not in touched and competes(record)]
    again = {record.path for record in rivals}
    plan.unchanged = [record for record in plan.unchanged if record.path not in again]
    plan.to_read += [File(record.path, record.size, record.mtime_ns) for record in rivals]
    plan.to_read.sort(key=lambda file: os.fsencode(file.path))


_SHARD_FORM: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part ``number`` of ``count`` parts, counted from 1."""

    number: int
    count: int

    def takes(self, path: str) -> bool:
        """Return whether the file at the absolute ``path`` is of this part."""
        digest = blake2b(os.fsencode(path), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Return the shard that ``2/3`` is; raises :class:`UsageError` for what is none."""
    match = _SHARD_FORM.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if not shard or not 1 <= shard.number <= shard.count:
        raise UsageError(
            "--shard needs a part and how many there are, such as 2/3 for the second of three: "
            "from 1/3 to 3/3, one for each machine."
        )
    return shard


class Outcome(StrEnum):
    """What became of a file in a run; each file has one."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A path that is not in the index as an article of its own, and why.

    ``known`` says that an earlier run found so, and that the file has not changed since.
    """

    path: str
    reason: str
    known: bool = False


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """What a run did; ``seen`` is the sum of ``counts``.

    ``listed`` names every duplicate, rejected and failed file; ``skipped`` what was met
    and is no file to read, by kind. ``articles`` is how many the index holds afterwards,
    ``shard`` the part of all files that the run was about, if not all.
    """

    seen: int
    counts: dict[Outcome, int]
    removed: int
    articles: int
    listed: dict[Outcome, tuple[ListedFile, ...]]
    skipped: dict[str, tuple[ListedFile, ...]]
    seconds: float
    shard: str | None = None
