"""Mailboxes (mbox): messages one after the other, each below a line that begins with ``From``.

Their locators are their numbers. Programs append messages to a mailbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    RecordFormat,
    Records,
    Source,
)
from newsgrep.extraction.records.mail import MAIL_HEADERS, TRANSPORT_HEADERS, mail_record
from newsgrep.messages import message

_MAX_HEAD: Final = 32_768
_SEPARATOR = re.compile(rb"From [^\n]{0,300}?\b[0-9]{1,2}:[0-9]{2}\b[^\n]{0,100}\r?\n")
"""The line above a message in a mailbox: the address of the sender, and a time."""
_DATED = re.compile(
    rb"From [^\s]{1,300} +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] "
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2} [^\n]{0,40}[0-9]{4}[^\n]{0,20}\r?\n"
)
"""Such a line that programs write without an empty line above it, too."""
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def recognises(head: bytes) -> bool:
    """Return whether a file begins like a mailbox."""
    match = _SEPARATOR.match(head)
    if match is None:
        return False
    from newsgrep.extraction.records.messages import header_names

    return not header_names(head[match.end() : _MAX_HEAD]).isdisjoint(
        MAIL_HEADERS | TRANSPORT_HEADERS
    )


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each message; its locator is its number."""
    found = False
    for record in resume(source, options, 0, 0):
        found = True
        yield record
    if not found:
        raise NoArticle("a mailbox without messages")


def resume(source: Source, options: ReadOptions, end: int, number: int) -> Records:
    """Yield a record for each message from the offset ``end`` on, after ``number`` messages."""
    for start, data in _messages(source, end):
        if start and not end and not number:
            yield BadRecord(
                "#0", message("{start:,} bytes before the first message are not read", start=start)
            )
        # More may be appended to the last message: it is read again.
        options.report.reached(start, number)
        number += 1
        locator = f"#{number}"
        if data is None:
            yield BadRecord(locator, message("a message of more than 64M"))
            continue
        try:
            yield mail_record(locator, _QUOTED.sub(rb"\1", data), "")
        except NoArticle as exc:
            yield BadRecord(locator, str(exc))


def _resumes(data: bytes) -> bool:
    """Return whether a message begins with ``data``, not a part of the one before."""
    return _SEPARATOR.match(data) is not None or _DATED.match(data) is not None


def _messages(source: Source, end: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the offset of each message, and its bytes without the line above; None if too many."""
    with source.open_stream() as stream:
        if end:
            stream.seek(end)
        start, at, length, after_blank = end, end, 0, True
        lines: list[bytes] = []
        found = False
        while line := stream.readline(MAX_RECORD_BYTES):
            if line.startswith(b"From ") and (
                _DATED.match(line) or (after_blank and _SEPARATOR.match(line))
            ):
                if found:
                    yield start, b"".join(lines) if length <= MAX_RECORD_BYTES else None
                start, length, lines, found = at, 0, [], True
            elif found:
                length += len(line)
                if length <= MAX_RECORD_BYTES:
                    lines.append(line)
                else:
                    lines.clear()
            after_blank = not line.strip()
            at += len(line)
        if found:
            yield start, b"".join(lines) if length <= MAX_RECORD_BYTES else None


FORMAT = RecordFormat("mbox", read, recognises, resume=resume, resumes=_resumes)
