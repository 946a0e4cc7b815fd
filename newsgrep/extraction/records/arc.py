"""ARC 1 and 2, the format of the Internet Archive until 2008: the header of a record."""

from __future__ import annotations

import re

from newsgrep.extraction.records.blocks import Damaged, Dialect, Header, Input
from newsgrep.extraction.records.web_archives import DIGITS, WEB_ADDRESS, archive_format
from newsgrep.messages import mark

_BEGINNING = re.compile(
    rb"\n[A-Za-z]{3,8}:[^\s]{1,3000} [0-9]{1,3}(?:\.[0-9]{1,3}){3} [0-9]{8,14} "
    rb"[^\s]{1,100} (?:[^\s]{1,200} ){0,5}[0-9]{1,18}\r?\n"
)
_SIZE = re.compile(r"[0-9]{1,18}")


def _parse_arc(content: Input) -> Header:
    line = content.read_line().rstrip(b"\r\n").decode("utf-8", "replace")
    for count in (4, 9):  # the fields after the address in ARC 1 and 2
        url, *values = line.rsplit(" ", count)
        if len(values) == count and DIGITS.fullmatch(values[1]) and _SIZE.fullmatch(values[-1]):
            is_page = WEB_ADDRESS.match(url) is not None
            fields = {
                "warc-type": "response" if is_page else "resource",
                "warc-target-uri": url,
                "warc-date": values[1],
                "content-type": "application/http" if is_page else values[2],
            }
            return Header(int(values[-1]), fields)
    raise Damaged(mark("no record begins here"))


FORMAT = archive_format("arc", b"filedesc://", Dialect(_BEGINNING, _parse_arc, b"\n"))
