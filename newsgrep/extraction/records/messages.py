"""Messages in MIME: their headers and parts, from mail and from pages saved as MHTML.

Headers and texts in Chinese are often not encoded as they declare, so bytes are decoded as those
of files are. The parser of the standard library accepts almost anything; what it raises for the
rest is one error here.
"""

from __future__ import annotations

import binascii
import email.errors
import email.header
import email.utils
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.whitespace import collapse_whitespace

_HEADER_LINE = re.compile(
    rb"[!-9;-~]{1,76}+[ \t]{0,9}+:[^\n]{0,4000}+(?:\n[ \t][^\n]{0,4000}+)*+(?:\n|\Z)"
)
_MAX_HEADERS: Final = 300
_PROBLEMS: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
    email.errors.MessageError,
    binascii.Error,
)
_MAX_HEADER: Final = 10_000
"""Characters of a header."""
_MAX_PARTS: Final = 10_000

_WIDER: Final = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs"}
"""Encodings that have all characters of another one, as which they are often declared."""


def header_names(head: bytes) -> frozenset[str]:
    r"""Return the names of the headers with which ``head`` begins, in lower case.

    >>> sorted(header_names(b"MIME-Version: 1.0\nSubject: a\n\nTo: b"))
    ['mime-version', 'subject']
    """
    names, at = set(), 0
    head = head.replace(b"\r\n", b"\n")
    for _ in range(_MAX_HEADERS):
        match = _HEADER_LINE.match(head, at)
        if match is None:
            break
        names.add(head[at : head.index(b":", at)].strip().lower().decode("ascii"))
        at = match.end()
    return frozenset(names)


def parse_message(data: bytes) -> Message:
    """Return the message in ``data``; raises :class:`~newsgrep.errors.NoArticle`."""
    try:
        return BytesParser().parsebytes(data)
    except _PROBLEMS as exc:
        raise NoArticle("a message whose parts are damaged or nested too deeply") from exc


def parts(message: Message) -> Iterator[Message]:
    """Yield the parts of ``message`` that have no parts themselves, in their order."""
    stack: list[Message] = [message]
    for _ in range(_MAX_PARTS):
        if not stack:
            return
        part = stack.pop()
        if part.is_multipart():
            inside: Any = part.get_payload()
            stack += [each for each in reversed(inside) if isinstance(each, Message)]
        else:
            yield part


def part_bytes(part: Message) -> bytes:
    """Return the content of a part without its transfer encoding; what is damaged is left out."""
    try:
        payload: Any = part.get_payload(decode=True)
    except _PROBLEMS:
        return b""
    return payload if isinstance(payload, bytes) else b""


def part_charset(part: Message) -> str | None:
    """Return the encoding that a part declares."""
    try:
        return part.get_content_charset()
    except _PROBLEMS:
        return None


def part_type(part: Message) -> str:
    """Return the media type of a part, such as ``text/html``."""
    try:
        return part.get_content_type()
    except _PROBLEMS:
        return "application/octet-stream"


def is_attachment(part: Message) -> bool:
    """Return whether a part is a file that is sent with the message, not shown in it."""
    try:
        return part.get_content_disposition() == "attachment"
    except _PROBLEMS:
        return False


def file_name(part: Message) -> str:
    """Return the name of the file that a part was, empty if it has none."""
    try:
        name = part.get_filename()
    except _PROBLEMS:
        return ""
    return _decode_words(name) if name else ""


def header(message: Message, *names: str) -> str:
    """Return the text of the first of the headers ``names`` that has one, or an empty string."""
    for name in names:
        for key, value in message.raw_items():
            if key.lower() == name and (text := _decode_header(str(value))):
                return text
    return ""


def _decode_header(value: str) -> str:
    raw = value[:_MAX_HEADER].encode("utf-8", "surrogateescape")
    if not raw.isascii():  # without an encoding, as some programs in China send them
        try:
            value = decode(raw).text
        except NoArticle:
            value = raw.decode("utf-8", "replace")
    return _decode_words(value[:_MAX_HEADER])


def _decode_words(value: str) -> str:
    """Return ``value`` with its encoded words (RFC 2047) decoded."""
    if "=?" not in value:
        return collapse_whitespace(value)
    try:
        pieces = email.header.decode_header(value)
    except _PROBLEMS:
        return collapse_whitespace(value)
    found = []
    for piece, charset in pieces:
        if isinstance(piece, str):
            found.append(piece)
        else:
            found.append(_decode_bytes(piece, charset))
    return collapse_whitespace("".join(found))


def _decode_bytes(data: bytes, charset: str | None) -> str:
    codec = (charset or "utf-8").lower().strip()
    for each in (_WIDER.get(codec, codec), "utf-8", "gb18030"):
        try:
            return data.decode(each)
        except (LookupError, ValueError):
            continue
    return data.decode("utf-8", "replace")


def header_time(message: Message, name: str = "date") -> datetime | None:
    """Return the time that a header states."""
    text = header(message, name)
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.astimezone(UTC)
    except (*_PROBLEMS, OverflowError):
        return None
    return moment


_ADDRESS: Final = re.compile(r"<?(https?://[^\s<>\"]{4,2000})>?", re.IGNORECASE)


def header_url(message: Message, *names: str) -> str | None:
    """Return the web address in the first of the headers ``names`` that has one."""
    for name in names:
        if match := _ADDRESS.search(header(message, name)):
            return match[1]
    return None


_CUT_OFF: Final = (
    email.errors.CloseBoundaryNotFoundDefect,
    email.errors.StartBoundaryNotFoundDefect,
)


def is_cut_off(message: Message) -> bool:
    """Return whether the end of the last part is missing."""
    return any(isinstance(defect, _CUT_OFF) for defect in message.defects)
