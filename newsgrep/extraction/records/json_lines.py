"""JSON Lines: one object on each line, as scrapers append them to a file."""

from __future__ import annotations

import json
from typing import Final

from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)
from newsgrep.messages import message

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SAMPLE_LINES: Final = 20


def recognises(head: bytes) -> bool:
    """Return whether one of the first whole lines is a JSON object; others may be damaged."""
    *lines, _ = head.removeprefix(_BYTE_ORDER_MARK).lstrip().split(b"\n", _SAMPLE_LINES)
    return any(map(_is_object, lines))


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace")), dict)
    except (ValueError, RecursionError):
        return False


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each line; its locator is the number of the line."""
    yield from resume(source, options, 0, 0)


def resume(source: Source, options: ReadOptions, end: int, number: int) -> Records:
    """Yield a record for each line from the offset ``end`` on, after ``number`` lines."""
    with source.open_stream() as stream:
        if end:
            stream.seek(end)
        while line := stream.readline(MAX_RECORD_BYTES + 1):
            number += 1
            end += len(line)
            is_too_long = len(line) > MAX_RECORD_BYTES
            while is_too_long and line and not line.endswith(b"\n"):
                line = stream.readline(MAX_RECORD_BYTES)
                end += len(line)
            if line.endswith(b"\n"):  # otherwise a program may be writing it
                options.report.reached(end, number)
            if is_too_long:
                yield BadRecord(f":{number}", message("a line of more than 64M"))
                continue
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line := line.strip():
                yield Record(f":{number}", line, "fields")


FORMAT = RecordFormat("jsonl", read, recognises, resume=resume)
