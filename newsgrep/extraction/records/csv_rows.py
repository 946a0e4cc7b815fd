"""CSV and TSV with a header: each row is a record, its locator the line on which it begins.

The dialect is recognised by the first lines: the delimiter, whether there are quotes, and whether
a backslash or a second quote escapes one. Lines are decoded one by one, so that what a program
appends is read from where the file ended.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Protocol

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats.field_names import is_known_name
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    pack_fields,
)
from newsgrep.messages import message

_DELIMITERS: Final = ",\t;|"
_BYTE_ORDER_MARK: Final = "\ufeff"
_SEPARATOR_LINE: Final = "sep="
"""Begins a line with which Excel states the delimiter, above the header."""
_NOTHING: Final = "\\N"
"""How MySQL writes a missing value."""


class _Reader(Protocol):
    """What :func:`csv.reader` returns."""

    line_num: int

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a file is written, and the values of its first row, which are names.

    ``above`` is how many lines are before the first row, ``first_lines`` how many it has.
    ``has_lines`` is whether lines can be divided by their bytes.
    """

    encoding: str
    delimiter: str
    first: tuple[str, ...]
    above: int
    first_lines: int
    quoting: int
    escape: str | None
    has_lines: bool

    def reader(self, lines: Iterable[str]) -> _Reader:
        """Return a reader of rows."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=self.quoting,  # type: ignore[arg-type]  # one of two of csv's constants
            escapechar=self.escape,
            doublequote=self.escape is None,
        )


def recognises(head: bytes) -> bool:
    """Return whether the first line names at least two fields of articles."""
    try:
        lines = decode(head[:_SAMPLE_BYTES]).text.split("\n", 2)
    except NoArticle:
        return False
    line = lines[1] if lines[0].startswith(_SEPARATOR_LINE) and len(lines) > 1 else lines[0]
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line.lstrip(_BYTE_ORDER_MARK)], delimiter=delimiter), [])
    return sum(map(is_known_name, names)) >= 2


_SAMPLE_BYTES: Final = 8192


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each row; ``data`` is a JSON object of its fields."""
    yield from resume(source, options, 0, 0)


def resume(source: Source, options: ReadOptions, end: int, number: int) -> Records:
    """Yield the rows from the offset ``end`` on, after ``number`` lines."""
    dialect = _recognise(source.head())
    names, skipped = list(dialect.first), dialect.above + dialect.first_lines
    numbers = [str(n) for n in range(1, len(names) + 1)]
    if options.fields and set(options.fields.values()).issubset(numbers):
        # The user names columns by their numbers: the first row has values.
        names, skipped = numbers, dialect.above
    limit = csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        with source.open_stream() as stream:
            lines = _Lines(stream, dialect)
            if end:
                stream.seek(end)
                lines.number, lines.end = number, end
            else:
                for _ in range(skipped):
                    next(lines, None)
            yield from _rows(names, lines, dialect, options)
    finally:
        csv.field_size_limit(limit)


def _recognise(head: bytes) -> _Dialect:
    """Return the dialect of a file that begins with ``head``."""
    decoded = decode(head.rpartition(b"\n")[0] or head)
    lines = decoded.text.removeprefix(_BYTE_ORDER_MARK).split("\n")
    above = int(len(lines) > 1 and lines[0].lower().startswith(_SEPARATOR_LINE))
    stated = lines[0][len(_SEPARATOR_LINE) :] if above else ""
    text = "\n".join(lines[above:])
    delimiter = stated[:1] or max(_DELIMITERS, key=lines[above].count)
    dialect = _Dialect(
        decoded.encoding,
        delimiter,
        (),
        above,
        0,
        csv.QUOTE_NONE if _is_without_quotes(text, delimiter) else csv.QUOTE_MINIMAL,
        "\\" if '\\"' in text and '""' not in text.replace(f'{delimiter}""', "") else None,
        has_lines=not decoded.encoding.startswith(("utf-16", "utf-32")) and b"\n" in head,
    )
    reader = dialect.reader(f"{line}\n" for line in lines[above:])
    first = tuple(name.strip() for name in next(reader, []))
    return replace(dialect, first=first, first_lines=max(reader.line_num, 1))


def _is_without_quotes(text: str, delimiter: str) -> bool:
    """Return whether quotes are characters like others: each line is a row, read without them."""
    if '"' not in text:
        return False
    lines = [line for line in text.split("\n") if line]
    width = lines[0].count(delimiter)
    if width == 0 or any(line.count(delimiter) != width for line in lines):
        return False
    cell = re.escape(delimiter)
    quoted = re.findall(rf'(?:^|{cell})"(?:[^"\n]|"")*+"(?={cell}|$)', text, re.MULTILINE)
    if '"' in lines[0] or len(quoted) * 2 > sum('"' in line for line in lines):
        return False
    rows = list(csv.reader(lines, delimiter=delimiter))
    return len(rows) < len(lines) or any(len(row) != width + 1 for row in rows)


def _rows(names: list[str], lines: _Lines, dialect: _Dialect, options: ReadOptions) -> Records:
    reader = dialect.reader(lines)
    while True:
        locator = f":{lines.number + 1}"
        try:
            row = next(reader, None)
        except csv.Error:
            yield BadRecord(locator, message("not valid CSV, or a field of more than 64M"))
            continue
        if row is None:
            return
        is_open = lines.is_at_end  # it was read in search of a quote
        if (
            lines.is_whole and dialect.has_lines and not is_open
        ):  # otherwise a program may be writing it
            options.report.reached(lines.end, lines.number)
        if not any(map(str.strip, row)):
            continue
        if is_open or (not lines.is_whole and len(row) < len(names)):
            yield BadRecord(locator, message("the file ends in the middle of a row"))
        elif len(row) > len(names):
            yield BadRecord(
                locator,
                message(
                    "{count} fields, and the header names {named}",
                    count=len(row),
                    named=len(names),
                ),
            )
        else:
            fields = {
                name: "" if value == _NOTHING else value
                for name, value in zip(names, row, strict=False)
            }
            yield Record(locator, pack_fields(fields), "fields")


class _Lines:
    """The decoded lines of a stream, how many were read, and where the last one ends.

    ``is_whole`` is whether the last line has its end, ``is_at_end`` whether another one was
    wanted.
    """

    def __init__(self, stream: BinaryIO, dialect: _Dialect) -> None:
        self.number = 0
        self.end = 0
        self.is_at_end = False
        self.is_whole = True
        self._stream = stream
        self._encoding = dialect.encoding
        self._is_escaped = dialect.escape is not None
        self._lines: io.TextIOWrapper | None = None
        if not dialect.has_lines:
            self._lines = io.TextIOWrapper(stream, dialect.encoding, errors="replace", newline="")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._lines is not None:
            self.is_at_end = not (line := self._lines.readline())
            if self.is_at_end:
                raise StopIteration
            self.is_whole = line.endswith(("\n", "\r"))
        else:
            data = self._stream.readline(MAX_RECORD_BYTES)
            self.is_at_end = not data
            if self.is_at_end:
                raise StopIteration
            self.end += len(data)
            self.is_whole = data.endswith(b"\n")
            line = self._decoded(data)
        self.number += 1
        if self._is_escaped:
            line = line.replace(_NOTHING, f"\\{_NOTHING}")
        return line.removeprefix(_BYTE_ORDER_MARK).replace("\0", "")

    def _decoded(self, data: bytes) -> str:
        """Return a line; the first ones may be ASCII only, and programs append in any encoding."""
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError:
            pass
        if self._encoding == "utf-8":
            with suppress(NoArticle):
                return decode(data).text
        return data.decode(self._encoding, "replace")


FORMAT = RecordFormat("csv", read, recognises, resume=resume)
