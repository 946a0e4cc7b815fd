"""WARC 1.0 and 1.1 (ISO 28500): the header of a record, and the format."""

from __future__ import annotations

import re
from typing import Final

from newsgrep.extraction.records.blocks import Damaged, Dialect, Header, Input
from newsgrep.extraction.records.http import parse_fields
from newsgrep.extraction.records.web_archives import archive_format
from newsgrep.messages import message

_BEGINNING = re.compile(rb"\nWARC/[01]\.[0-9]{1,2}\r?\n[A-Za-z-]{1,40}:")
_VERSION = re.compile(rb"WARC/[01]\.[0-9]{1,2}\s*$")
_FIELD = re.compile(rb"[ \t]|[!-9;-~]{1,100}[ \t]*:")
_SIZE = re.compile(r"[0-9]{1,18}")
_MAX_FIELDS: Final = 1000


def _parse_warc(content: Input) -> Header:
    if not _VERSION.match(content.read_line()):
        raise Damaged(message("no record begins here"))
    lines = [b"\n"]
    while (line := content.read_line()) not in (b"\r\n", b"\n"):
        if not line.endswith(b"\n"):
            raise Damaged(message("the file ends in the middle of this record"))
        lines.append(line)
        if len(lines) > _MAX_FIELDS:
            raise Damaged(message("a header of more than {limit} lines", limit=_MAX_FIELDS))
        if not _FIELD.match(line):
            raise Damaged(message("its header is damaged"))
    fields = parse_fields(b"".join(lines))
    if "warc-type" not in fields:
        raise Damaged(message("its header has no WARC-Type"))
    size = fields.get("content-length", "")
    if not _SIZE.fullmatch(size):
        raise Damaged(message("its header has no valid Content-Length"))
    return Header(int(size), fields)


FORMAT = archive_format("warc", b"WARC/", Dialect(_BEGINNING, _parse_warc, b"\r\n\r\n"))
