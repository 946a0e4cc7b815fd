"""CSV and TSV with a header: each row is a record, its locator the line on which it begins."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from newsgrep.errors import NoArticle
from newsgrep.extract.decode import decode
from newsgrep.extract.formats.field_names import is_known_name
from newsgrep.extract.records.base import (
    HEAD_BYTES,
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)

_DELIMITERS: Final = ",\t;|"
_SAMPLE_LINES: Final = 20


def recognises(head: bytes) -> bool:
    """Return whether the first line names at least two fields of articles."""
    try:
        line = decode(head).text.partition("\n")[0]
    except NoArticle:
        return False
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return sum(map(is_known_name, names)) >= 2


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (fields are read later)
    """Yield a record for each row; ``data`` is a JSON object of its fields."""
    head = source.head()
    decoded = decode(head.rpartition(b"\n")[0] if len(head) == HEAD_BYTES else head)
    header = decoded.text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    with source.open_stream() as stream:
        lines = _Lines(stream, decoded.encoding)
        yield from _rows(csv.reader(lines, delimiter=delimiter), lines)


def _rows(reader: Iterator[list[str]], lines: _Lines) -> Records:
    limit = csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        names = [name.strip() for name in next(reader, [])]
        while True:
            locator = f":{lines.number + 1}"
            try:
                row = next(reader, None)
            except csv.Error:
                yield BadRecord(locator, "not valid CSV: a NUL character, or more than 64M")
                continue
            if row is None:
                return
            if not any(map(str.strip, row)):
                continue
            if len(row) > len(names):
                yield BadRecord(locator, f"{len(row)} fields, and the header names {len(names)}")
                continue
            fields = dict(zip(names, row, strict=False))
            yield Record(locator, json.dumps(fields, ensure_ascii=False).encode(), "fields")
    finally:
        csv.field_size_limit(limit)


class _Lines:
    """The decoded lines of a stream, and how many were read."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.number = 0
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        self._lines = io.TextIOWrapper(stream, codec, errors="replace", newline="")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line.replace("\0", "")


FORMAT = RecordFormat("csv", read, recognises)
