"""What all readers of records share: their input, what they yield, and how they are declared."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NamedTuple

from newsgrep._io import describe_special_file
from newsgrep.errors import NoArticle, UsageError
from newsgrep.messages import message

MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""A larger record is listed, not read; it is hardly one article."""

_COPY_BYTES: Final = 1 << 20

HEAD_BYTES: Final = 65_536
"""Bytes at the beginning of a file by which its format and its encoding are recognised."""


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
        """Return the first :data:`HEAD_BYTES` bytes, or those before damage."""
        head = bytearray()
        with self.open_stream() as stream, suppress(NoArticle):
            while len(head) < HEAD_BYTES and (part := stream.read1(HEAD_BYTES - len(head))):  # type: ignore[attr-defined]  # all of these streams have it
                head += part
        return bytes(head)


def file_source(path: Path) -> Source:
    """Return a source of the file at ``path``; a pipe or a device is not waited for.

    Raises ``OSError``, and :class:`ValueError` if it is not a regular file.
    """

    def open_stream() -> BinaryIO:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        stream = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115  (no path but a number)
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            stream.close()
            raise ValueError(describe_special_file(status.st_mode))
        return stream

    with open_stream() as stream:
        size = os.fstat(stream.fileno()).st_size
    return Source(str(path), open_stream, size, path)


def bytes_source(name: str, data: bytes) -> Source:
    """Return a source of ``data``, which is in memory."""
    return Source(name, lambda: io.BytesIO(data), len(data))


@contextmanager
def stream_source(stream: BinaryIO) -> Iterator[Source]:
    """Return a source of what ``stream`` has, which can be read once.

    More than :data:`MAX_RECORD_BYTES` are copied to a temporary file. Raises ``OSError``.
    """
    data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) <= MAX_RECORD_BYTES:
        yield bytes_source("", data)
        return
    # Few streams are so long.
    import shutil
    from tempfile import TemporaryFile

    with TemporaryFile(prefix="newsgrep-") as file:
        file.write(data)
        shutil.copyfileobj(stream, file, _COPY_BYTES)
        size = file.tell()
        yield Source("", lambda: io.BufferedReader(_Part(file, size)), size)


class _Part(io.RawIOBase):
    """Reads an open file at a position of its own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class Record(NamedTuple):
    """One article-shaped part of a file, before extraction.

    ``locator`` names it in its file, beginning with a sign: ``:12`` is a line, ``@518203`` an
    offset in bytes, ``#17`` a number from 1, ``!/a.html`` a member of an archive; it is empty if
    the record is the whole file. ``format`` is the document format that reads ``data``
    (:func:`newsgrep.extraction.formats.format_named`), empty if the name says it. ``name`` is the
    record's own file name, if it has one. ``url``, ``fetched``, ``charset`` and ``modified``, the
    time that the server stated for the page, are what the container states about it; ``notes`` are
    for people. With ``has_key``, the number in ``locator`` is a key that the record keeps when
    others are inserted or deleted.
    """

    locator: str
    data: bytes
    format: str = ""
    name: str = ""
    url: str | None = None
    fetched: datetime | None = None
    charset: str | None = None
    modified: datetime | None = None
    notes: tuple[str, ...] = ()
    has_key: bool = False

    @property
    def identity(self) -> str:
        """What identifies the article if nothing in the record does; empty for its path.

        Lines and numbers are only places: another record is there when lines are inserted, or
        when the file is rotated or refilled. So the bytes identify the record.
        """
        if self.has_key or not is_place(self.locator):
            return ""
        return f"record {blake2b(self.data, digest_size=16).hexdigest()}"


_PLACE: Final = re.compile(r"[:#@][0-9]+\Z")


def is_place(locator: str) -> bool:
    """Return whether ``locator`` is a line, a number or an offset, where another record may be.

    >>> is_place("!/a.jsonl:12"), is_place("!/a.html")
    (True, False)
    """
    return _PLACE.search(locator) is not None


class BadRecord(NamedTuple):
    """A part of a file that cannot be read, and the reason for people; others may follow.

    ``retry`` is whether the next run reads the file again although it has not changed, because
    the reason is not in the file.
    """

    locator: str
    reason: str
    retry: bool = False


class MissingPackage(NoArticle):
    """A file whose format needs a package that is not installed.

    >>> str(MissingPackage("a feed", "feeds"))
    'a feed: pip install "newsgrep[feeds]" reads it'
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            message(
                '{what}: pip install "newsgrep[{extra}]" reads it', what=message(what), extra=extra
            )
        )


class UnknownFormat(NoArticle):
    """A file that has no format that newsgrep reads."""


def bad_record(locator: str, exc: NoArticle) -> BadRecord:
    """Return the record at ``locator`` that ``exc`` says cannot be read."""
    return BadRecord(locator, str(exc), isinstance(exc, MissingPackage))


@dataclass(slots=True)
class ReadReport:
    """What a reader reports besides its records.

    ``end`` is an offset in bytes: what is before it is read and stays the same when a program
    appends to the file. ``number`` is the greatest number in a locator of a record before it.
    ``others`` counts the parts of a file that are no articles, such as pictures, by kind.
    ``limit`` is the size of the file when reading began; what is appended later is not counted.
    """

    end: int = 0
    number: int = 0
    others: Counter[str] = field(default_factory=Counter)
    limit: int | None = None

    def reached(self, end: int, number: int) -> None:
        """Note that all records before the offset ``end`` are read; ``number`` is the last one."""
        if self.limit is None or end <= self.limit:
            self.end, self.number = end, number

    def inner(self) -> ReadReport:
        """Return a report for a file in this one: it counts with it, but has its own offsets."""
        return ReadReport(others=self.others)


_MAX_KINDS: Final = 6


def list_others(others: Mapping[str, int]) -> str:
    """Return the numbers of a report's other records, for people; the most frequent kinds first.

    >>> list_others({"request": 3, "image/png": 1200})
    '1,200 image/png, 3 request'
    """
    kinds = sorted(others.items(), key=lambda each: (-each[1], each[0]))
    listed = [f"{count:,} {kind}" for kind, count in kinds[:_MAX_KINDS]]
    if more := sum(count for _, count in kinds[_MAX_KINDS:]):
        return message("{kinds}, {count:,} of other kinds", kinds=", ".join(listed), count=more)
    return ", ".join(listed)


def without_records(others: Mapping[str, int]) -> str:
    """Return the reason why a file without pages or rows has no article, for people."""
    if not others:
        return message("it contains no records")
    return message("it contains no articles, only {others}", others=list_others(others))


def pack_fields(fields: Mapping[str, Any]) -> bytes:
    """Return the data of a record that is a JSON object; half a surrogate pair is preserved."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


NO_FIELDS: Final[Mapping[str, str]] = {}
"""No names of fields in dumps."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read records.

    ``fields`` maps a field of an article (title, body, published …) to the name of the field in
    the dump that has it. ``query`` is the SQL that yields the rows of a database. ``report``
    receives what a reader reports besides records.
    """

    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    query: str | None = None
    report: ReadReport = field(default_factory=ReadReport, compare=False)


DEFAULT_OPTIONS: Final = ReadOptions()

Records = Iterator[Record | BadRecord]


@dataclass(frozen=True, slots=True)
class RecordFormat:
    """A format of files with any number of records.

    ``read`` yields them in the order of the file, in memory that does not grow with it. It raises
    :class:`~newsgrep.errors.NoArticle` if the file as a whole cannot be read, and nothing else
    because of its bytes. ``recognises`` decides by the first :data:`HEAD_BYTES` bytes.

    ``resume`` is for formats to which programs append: it yields the records from the offset
    ``end`` in bytes on, whose locators have numbers greater than ``number``. Both are what the
    reader passed to :meth:`ReadReport.reached` before; ``read`` and ``resume`` call it after each
    complete record. ``resumes`` decides by the bytes from ``end`` on whether a record begins there;
    without it, one always does.

    ``seek`` yields the record at an offset, which is the number in its locator ``@518203``,
    without reading those before it.

    ``suffixes`` are those of files that newsgrep opens for a format of another package, in lower
    case with their dot; those of its own formats are in :mod:`newsgrep.extraction.records.names`.
    """

    name: str
    read: Callable[[Source, ReadOptions], Records]
    recognises: Callable[[bytes], bool]
    resume: Callable[[Source, ReadOptions, int, int], Records] | None = None
    resumes: Callable[[bytes], bool] | None = None
    seek: Callable[[Source, ReadOptions, int], Records] | None = None
    suffixes: tuple[str, ...] = ()


ENTRY_POINTS: Final = "newsgrep.formats"
"""The entry-point group in which packages declare formats::

    [project.entry-points."newsgrep.formats"]
    mbox = "newsgrep_mbox:FORMAT"

The value is a :class:`RecordFormat` with ``suffixes``. Newsgrep opens files of these names, also in
archives, and reads those that ``recognises`` accepts.
"""

_OWN_PACKAGE: Final = "newsgrep."


@cache
def declared_formats() -> tuple[RecordFormat, ...]:
    """Return the formats of other packages, in the order of their names.

    Raises :class:`~newsgrep.errors.UsageError` for one that cannot be loaded.
    """
    from importlib.metadata import entry_points  # slow: newsgrep's own formats do not need it

    points = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return tuple(
        _load_declared(point.name, point.value, point.load)
        for point in points
        if not point.value.startswith(_OWN_PACKAGE)
    )


def _load_declared(name: str, value: str, load: Callable[[], object]) -> RecordFormat:
    try:
        found = load()
    except Exception as exc:
        raise UsageError(
            "The format {name} ({value}) cannot be loaded: {name2}: {reason}. "
            "Update or uninstall the package that declares it.",
            name=name,
            value=value,
            name2=type(exc).__name__,
            reason=exc,
        ) from exc
    if not isinstance(found, RecordFormat):
        raise UsageError(
            "The format {name} ({value}) is not a RecordFormat. "
            "Update or uninstall the package that declares it.",
            name=name,
            value=value,
        )
    return found


_WRITTEN_BY_PROGRAM = re.compile(
    r"(?:microsoft(?: office)? ?|windows ?|微软)(?:用户|使用者|user)?|user|用户|admin(?:istrator)?"
    r"|python-docx|pc|hp|lenovo|dell|asus|雨林木风|番茄花园|深度技术|未定义"
    r"|microsoft (?:office )?(?:word|powerpoint) - .*|untitled.*|无标题.*|未命名.*|word document"
    r"|(?:文档|document|幻灯片|slide) ?\d*"
    r"|.*\.(?:docx?|wps|pdf|indd|qxd|pptx?|tex|dvi|xlsx?|rtf|txt)",
    re.IGNORECASE,
)
"""Titles and authors that programs write into documents which have none."""


def is_stated(text: str) -> bool:
    """Return whether the title or author of a document was written by a person, not a program.

    >>> is_stated("Microsoft Word - 渡口.doc"), is_stated("渡口的冬天")
    (False, True)
    """
    return bool(text.strip()) and not _WRITTEN_BY_PROGRAM.fullmatch(text.strip())
