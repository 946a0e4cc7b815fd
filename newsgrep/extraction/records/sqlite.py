"""SQLite databases: how they are opened without being changed, and what may be read from them.

A database may come from a stranger, so nothing that it contains is executed: no views, triggers,
virtual tables or generated columns.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    ReadOptions,
    RecordFormat,
    Records,
    Source,
)
from newsgrep.messages import message

if TYPE_CHECKING:
    import sqlite3

_MAX_COPY_BYTES: Final = 2 * 1024**3
"""Bytes of a database that is copied to a temporary file, because it is in an archive."""
_CHUNK_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 100
_MAX_STATED: Final = 2**40
_CHANGES: Final = ("-wal", "-journal")
"""Endings of the files next to a database that have changes which are not in it yet."""


def recognises(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is an SQLite database."""
    return head.startswith(b"SQLite format 3\0")


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each row of the tables with articles, or for each row of the query."""
    # Python can be built without SQLite, and few archives need it.
    import sqlite3

    from newsgrep.extraction.records.sqlite_tables import read_query, read_tables

    read_rows = read_tables if options.query is None else read_query
    with _database_file(source) as (path, is_copy, damage):
        size = path.stat().st_size
        try:
            with closing(_connect(path, is_copy=is_copy)) as connection:
                yield from read_rows(connection, options, size, damage)
        except sqlite3.DatabaseError as exc:
            raise NoArticle(
                "an SQLite database that is damaged or encrypted ({reason}){damage}",
                reason=exc,
                damage=damage,
            ) from exc


@contextmanager
def _database_file(source: Source) -> Iterator[tuple[Path, bool, str]]:
    """Yield the path of a database, whether it is a copy, and what is missing if it is truncated.

    A copy may be changed. It is made of a database in an archive, of one with changes in a file
    next to it, and of a truncated one, which SQLite opens only at its full size.
    """
    path = source.path
    beside = [Path(f"{path}{ending}") for ending in _CHANGES] if path else []
    beside = [each for each in beside if each.is_file() and each.stat().st_size]
    full = _stated_size(source.head())
    if path and not beside and path.stat().st_size >= full:
        yield path, False, ""
        return
    with TemporaryDirectory(prefix="newsgrep-") as folder:
        copy = Path(folder) / "copy.db"
        with source.open_stream() as stream:
            size = _copy(stream, copy, _MAX_COPY_BYTES)
        for each in beside:
            target = copy.with_name(f"copy.db-{each.name.rpartition('-')[2]}")
            with each.open("rb") as stream:
                _copy(stream, target, _MAX_COPY_BYTES - size)
        damage = ""
        if size < full and not beside:
            os.truncate(copy, full)
            damage = message(
                "; the file ends after {size:,} of {full:,} bytes", size=size, full=full
            )
        yield copy, True, damage


def _stated_size(head: bytes) -> int:
    """Return the size in bytes that the header of a database states, 0 if it is not certain."""
    if len(head) < _HEADER_BYTES or head[24:28] != head[92:96]:  # written by an old version
        return 0
    (page_size,) = struct.unpack_from(">H", head, 16)
    (pages,) = struct.unpack_from(">I", head, 28)
    size: int = (65536 if page_size == 1 else page_size) * pages
    return size if size < _MAX_STATED else 0


def _copy(stream: BinaryIO, target: Path, limit: int) -> int:
    """Copy a stream to a file, and return its size; raises for more than ``limit`` bytes."""
    count = 0
    with target.open("wb") as out:
        while chunk := stream.read(_CHUNK_BYTES):
            count += len(chunk)
            if count > limit:
                raise NoArticle(
                    "an SQLite database of more than 2G that is packed, truncated or being "
                    "written: unpack it, repair it, or close the program that writes it"
                )
            out.write(chunk)
    return count


def _connect(path: Path, *, is_copy: bool) -> sqlite3.Connection:
    import sqlite3

    # Without `immutable`, SQLite may create files next to the database.
    options = "mode=rw" if is_copy else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA query_only = ON")
    # Bytes that are not valid UTF-8 are decoded later.
    connection.text_factory = bytes
    return connection


FORMAT = RecordFormat("sqlite", read, recognises)
