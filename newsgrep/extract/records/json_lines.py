"""JSON Lines: one object on each line, as scrapers append them to a file."""

from __future__ import annotations

import json
from typing import BinaryIO, Final

from newsgrep.extract.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def recognises(head: bytes) -> bool:
    """Return whether the first line that is not empty is a whole JSON object.

    A line that is longer than ``head`` is not recognised unless it begins like one.
    """
    line = head.removeprefix(_BYTE_ORDER_MARK).lstrip().partition(b"\n")
    if not line[0].startswith(b"{"):
        return False
    if not line[1]:
        return False  # one object, or a part of one
    try:
        return isinstance(json.loads(line[0].decode("utf-8", "replace")), dict)
    except (ValueError, RecursionError):
        return False


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (fields are read later)
    """Yield a record for each line; its locator is the number of the line."""
    with source.open_stream() as stream:
        yield from read_lines(stream)


def read_lines(stream: BinaryIO, number: int = 0) -> Records:
    """Yield a record for each line from the position of ``stream``, after ``number`` lines."""
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_RECORD_BYTES)
            yield BadRecord(f":{number}", "a line of more than 64M")
            continue
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line := line.strip():
            yield Record(f":{number}", line, "fields")


FORMAT = RecordFormat("jsonl", read, recognises, (".jsonl", ".ndjson", ".jl"), appends=True)
