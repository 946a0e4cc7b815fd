"""What all readers of records share: their input, what they yield, and how they are declared."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, NamedTuple

MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""A larger record is listed, not read; it is hardly one article."""

HEAD_BYTES: Final = 65_536
"""Bytes at the beginning of a file by which its format and its encoding are recognised."""

NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of bytes to read records from: a file, or a member of an archive.

    ``name`` is the path of the file or the name of the member; it may say the format and a date.
    ``open_stream`` opens it at its beginning, any number of times. ``size`` is in bytes, None if
    it is known only after reading; ``path`` is the file, None for a member and for standard input.
    """

    name: str
    open_stream: Callable[[], BinaryIO]
    size: int | None = None
    path: Path | None = None

    def head(self) -> bytes:
        """Return the first :data:`HEAD_BYTES` bytes."""
        with self.open_stream() as stream:
            return stream.read(HEAD_BYTES)


def bytes_source(name: str, data: bytes) -> Source:
    """Return a source of ``data``, which is in memory."""
    return Source(name, lambda: io.BytesIO(data), len(data))


class Record(NamedTuple):
    """One article-shaped part of a file, before extraction.

    ``locator`` names it in its file, beginning with a sign: ``:12`` is a line, ``@518203`` an
    offset in bytes, ``#17`` a number from 1, ``!/a.html`` a member of an archive; it is empty if
    the record is the whole file. ``format`` is the document format that reads ``data``
    (:func:`newsgrep.extract.formats.format_named`), empty if the name says it. ``name`` is the
    record's own file name, if it has one. ``url``, ``fetched`` and ``charset`` are what the
    container states about it.
    """

    locator: str
    data: bytes
    format: str = ""
    name: str = ""
    url: str | None = None
    fetched: datetime | None = None
    charset: str | None = None


class BadRecord(NamedTuple):
    """A part of a file that cannot be read, and the reason for people; others may follow."""

    locator: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read records.

    ``fields`` maps a field of an article (title, body, published …) to the name of the field in
    the dump that has it. ``query`` is the SQL that yields the rows of a database.
    """

    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    query: str | None = None


Records = Iterator[Record | BadRecord]


@dataclass(frozen=True, slots=True)
class RecordFormat:
    """A format of files with any number of records.

    ``read`` yields them in the order of the file, in memory that does not grow with it. It raises
    :class:`~newsgrep.errors.NoArticle` if the file as a whole cannot be read, and nothing else
    because of its bytes. ``recognises`` decides by the first :data:`HEAD_BYTES` bytes; ``suffixes``
    are in lower case, with their dot. ``appends`` is whether programs append to such files, so that
    what was read stays the same when the file grows.
    """

    name: str
    read: Callable[[Source, ReadOptions], Records]
    recognises: Callable[[bytes], bool]
    suffixes: tuple[str, ...] = ()
    appends: bool = False
