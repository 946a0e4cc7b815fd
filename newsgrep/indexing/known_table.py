"""What a run knows of an index, on the disk: a table beside the data, for the next run.

Reading a million file records from an index takes ten seconds or more, the columns of
:class:`newsgrep.indexing.known.KnownRecords` a tenth of one. So a run writes them after its last
commit, with a digest of the files in each folder whose files are all known.

The table is a copy, and nothing depends on it: it names its commit, ends with a checksum, and is
written to another file first. If it is missing, damaged, or of another commit, the file records
are read from the index, and the run writes it again. ``newsgrep doctor`` compares both.

A SQLite database was tried instead, with a million rows of five numbers: it reads nothing before
it is queried, but a query takes 9 µs, so a look at each file 9 s. Reading four columns of all rows
took 0.6 s, and a table of the same size 0.1 s.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from zlib import crc32

from newsgrep._io import replace_file
from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    Engine,
    PutArticle,
    PutFileRecord,
)
from newsgrep.engines.commits import open_regular
from newsgrep.engines.compact import RecordFile
from newsgrep.indexing.known import KnownRecords
from newsgrep.indexing.record_table import FindRecords
from newsgrep.messages import message

if TYPE_CHECKING:
    from newsgrep.indexing.manifest import Manifest
    from newsgrep.indexing.plan import Plan
    from newsgrep.indexing.store import Index

TABLE_NAME: Final = "known-files"
"""The name of the table in the folder of an index's data."""

MIN_ROWS: Final = 5_000
"""Fewer file records are read from an index in a tenth of a second."""

_DRAFT: Final = f"{TABLE_NAME}.new"
_FORM: Final = 1
"""Raised whenever the form of the table changes."""

_MAX_HEAD_BYTES: Final = 1 << 12
_CHECKSUM_BYTES: Final = 4
_MAX_DEAD: Final = 0.3
"""The part of all rows that may be of replaced records; then they are read from the index."""


class ChangeLog:
    """The changes that a run writes, in order, packed, to spare memory."""

    def __init__(self) -> None:
        self._records = RecordFile()
        self._places = array("I")  # of records, 0 for the next of the dropped
        self._dropped: list[DeleteArticle | DropFileRecord] = []

    def note(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield ``changes``, and note each."""
        for change in changes:
            match change:
                case PutArticle(document):
                    self._places.append(self._records.append(document.file_record))
                case PutFileRecord(record):
                    self._places.append(self._records.append(record))
                case DeleteArticle(article_id):
                    self._dropped.append(DeleteArticle(article_id))
                    self._places.append(0)
                case DropFileRecord():
                    self._dropped.append(change)
                    self._places.append(0)
            yield change

    def apply(self, known: KnownRecords) -> bool:
        """Make the changes in ``known``; return whether it has the file records of the index."""
        dropped = iter(self._dropped)
        for place in self._places:
            if place:
                if not known.put(self._records[place]):
                    return False
                continue
            match next(dropped):
                case DeleteArticle(article_id):
                    known.drop_article(article_id)
                case DropFileRecord(path):
                    known.drop_file(path)
        return True

    def __len__(self) -> int:
        return len(self._places)


def save_after_run(path: Path, plan: Plan, log: ChangeLog, engine: Engine) -> None:
    """Write the table of a run that is done, if it differs from the one in ``path``.

    ``engine`` has its last commit open. Failing to is no error: the next run reads the file
    records. What the run has in ``plan.known`` is not usable afterwards.
    """
    known = plan.known
    if known.commit == engine.commit() and not len(log) and not known.complete_folders():
        return
    known.read_from(engine.find_file_records)
    if log.apply(known):
        for file in plan.to_read:
            row = None if file.locator else known.unchanged_row(file.path, file.size, file.mtime_ns)
            if row is not None and known.is_settled(file.path):
                known.folders.note(file.path, -1)
        known.complete_folders()
        _save_changed(path, known, engine)
    else:
        _remove(path)


def save_after_removal(path: Path, known: KnownRecords, log: ChangeLog, engine: Engine) -> None:
    """Write the table after changes that are about no files on the disk; failing is no error."""
    if log.apply(known):
        _save_changed(path, known, engine)
    else:
        _remove(path)


def _save_changed(path: Path, known: KnownRecords, engine: Engine) -> None:
    if known.dead_share() > _MAX_DEAD:
        _remove(path)
        return
    known.retain_articles_of_duplicates()
    save(path, known, engine.commit())


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def load_table(index: Index, manifest: Manifest, engine: Engine) -> KnownRecords | None:
    """Return what is known of files by the last run, if nothing was written since.

    ``engine`` has the index open, whose manifest is ``manifest``.
    """
    path = index.table_of_known_files(manifest) if index.has_commits else None
    return load(path, engine.commit(), engine.find_file_records) if path else None


def find_problem(path: Path, engine: Engine) -> str | None:
    """Return a sentence if the table says something else than the index."""
    known = load(path, engine.commit(), engine.find_file_records)
    if known is None or known.digest() == KnownRecords(engine.file_records()).digest():
        return None
    return message(
        "The table of known files differs from the file records of the index: delete {path}, and "
        "newsgrep index writes it again.",
        path=path,
    )


def save(path: Path, known: KnownRecords, commit: int) -> None:
    """Write a table for the commit with this mark, unless there are few rows, or no place."""
    if len(known.kinds) < MIN_ROWS:
        _remove(path)
        return
    parts = known.to_parts()
    draft = path.with_name(_DRAFT)
    with suppress(OSError):
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(draft, flags, 0o644), "wb") as stream:  # noqa: PTH123  (a descriptor)
            head = {
                "form": _FORM,
                "order": sys.byteorder,
                "commit": commit,
                "inode": os.fstat(stream.fileno()).st_ino,
                "sizes": list(map(len, parts)),
            }
            checksum = 0
            for part in ((json.dumps(head) + "\n").encode("ascii"), *parts):
                checksum = crc32(part, checksum)
                stream.write(part)
            stream.write(checksum.to_bytes(_CHECKSUM_BYTES, "little"))
        replace_file(draft, path)


def load(path: Path, commit: int, find: FindRecords | None) -> KnownRecords | None:
    """Return what the table of the commit with this mark says, ``None`` if there is none.

    A damaged table is as good as none, and so is a copied one, which may be made up: its content
    is trusted. ``find`` is described at :class:`newsgrep.indexing.known.KnownRecords`.
    """
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        with open_regular(path) as stream:
            known = KnownRecords.restore(_read_parts(stream, commit), find)
        known.commit = commit
        return known
    return None


def _read_parts(stream: BinaryIO, commit: int) -> list[bytes]:
    line = stream.readline(_MAX_HEAD_BYTES)
    head: Any = json.loads(line)
    status = os.fstat(stream.fileno())
    expected = _FORM, sys.byteorder, commit, status.st_ino
    if (head["form"], head["order"], head["commit"], head["inode"]) != expected:
        raise ValueError("the table is of another commit, or was copied")
    sizes: list[int] = head["sizes"]
    if min(sizes) < 0 or len(line) + sum(sizes) + _CHECKSUM_BYTES != status.st_size:
        raise ValueError("the table is cut off")
    parts = [stream.read(size) for size in sizes]
    checksum = crc32(line)
    for part in parts:
        checksum = crc32(part, checksum)
    if checksum != int.from_bytes(stream.read(), "little"):
        raise ValueError("the checksum of the table is wrong")
    return parts
