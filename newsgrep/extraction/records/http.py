"""HTTP responses as crawlers store them: status, header fields, and the decoded body."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import MissingPackage
from newsgrep.extraction.records.compressed import codec_of

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A longer body is not decoded; it is hardly one article."""

_PIECE_BYTES: Final = 1 << 14

_STATUS = re.compile(rb"HTTP/[0-9.]{1,5}\s+([0-9]{3})|HTTP/[0-9.]{1,5}\s|ICY ([0-9]{3})")
_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\n]{0,1000})?\r?\n")
_CHARSET = re.compile(
    r"""charset\s{0,20}=\s{0,20}["']?\s{0,20}([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
_MIME = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}")


class BadResponse(NoArticle):
    """A response that cannot be read."""


class Response(NamedTuple):
    """The head of a response: its status, its fields by name in lower case, and its size in bytes.

    ``status`` is 0 if the status line does not say it.
    """

    status: int
    fields: Mapping[str, str]
    size: int


def parse_head(data: bytes) -> Response | None:
    r"""Return the head of the response that ``data`` begins with; None if it is not one.

    >>> parse_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>")
    Response(status=200, fields={'content-type': 'text/html'}, size=44)
    """
    status = _STATUS.match(data)
    if status is None:
        return None
    end = _END.search(data)
    head = data[: end.start()] if end else data
    code = int(status[1] or status[2] or 0)
    return Response(code, parse_fields(head), end.end() if end else len(data))


def parse_fields(head: bytes) -> dict[str, str]:
    """Return the header fields in ``head`` after its first line; the first one of each name."""
    found: dict[str, str] = {}
    name = ""
    for line in head.split(b"\n")[1:]:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text[:1] in (" ", "\t") and name:
            found[name] += " " + text.strip()
            continue
        name, colon, value = text.partition(":")
        name = name.strip().lower() if colon else ""
        if name in found:
            name = ""
        elif name:
            found[name] = value.strip()
    return found


def media_type(value: str | None) -> str:
    """Return the media type in a ``Content-Type`` field; empty if there is none.

    >>> media_type("Text/HTML; charset=gbk")
    'text/html'
    """
    found = _MIME.match((value or "").strip().lower())
    return found[0] if found else ""


def charset_of(value: str | None) -> str | None:
    """Return the charset in a ``Content-Type`` field."""
    found = _CHARSET.search(value or "")
    return found[1].lower() if found else None


def parse_http_date(value: str | None) -> datetime | None:
    """Return the moment that a ``Last-Modified`` field states; None if it is none.

    >>> parse_http_date("Fri, 17 May 2024 02:50:43 GMT")
    datetime.datetime(2024, 5, 17, 2, 50, 43, tzinfo=datetime.timezone.utc)
    """
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value[:100])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def decode_body(body: bytes, fields: Mapping[str, str]) -> tuple[bytes, bool]:
    """Return ``body`` without its transfer and content encodings, and whether it is complete.

    Many crawlers remove an encoding and retain the field that names it: then the body does not
    begin like the encoding, and remains as it is. Raises :class:`BadResponse` for an unknown or a
    damaged encoding, and for a body of more than :data:`MAX_BODY_BYTES`, and
    :class:`~newsgrep.extraction.records.base.MissingPackage`.
    """
    is_complete = True
    length = fields.get("content-length", "")
    if length.isdecimal() and not fields.keys() & {"transfer-encoding", "content-encoding"}:
        is_complete = len(body) >= int(length[:18])
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body, is_complete = _join_chunks(body)
    for name in reversed(fields.get("content-encoding", "").lower().split(",")):
        body, is_whole = _decoded(body, name.strip())
        is_complete &= is_whole
    return body, is_complete


def _join_chunks(body: bytes) -> tuple[bytes, bool]:
    """Return the chunks of ``body`` as one, and whether the last one is there."""
    parts: list[bytes] = []
    at = 0
    while size := _CHUNK_SIZE.match(body, at):
        length = int(size[1], 16)
        if not length:
            return b"".join(parts), True
        parts.append(body[size.end() : size.end() + length])
        at = size.end() + length
        at += len(body[at : at + 2]) - len(body[at : at + 2].lstrip(b"\r\n"))
    if not parts:
        return body, True
    return b"".join(parts), False


def _decoded(body: bytes, name: str) -> tuple[bytes, bool]:
    match name:
        case "" | "identity" | "none" | "utf-8" | "chunked":
            return body, True
        case "gzip" | "x-gzip":
            return _inflate(body, 31) if body.startswith(b"\x1f\x8b") else (body, True)
        case "deflate":
            return _inflate_any(body)
        case "br":
            return _unbrotli(body)
        case "zstd":
            return _unzstd(body)
        case _:
            raise BadResponse(f"the content encoding {name[:20]!r} is not supported")


def _inflate(body: bytes, window_bits: int) -> tuple[bytes, bool]:
    codec = zlib.decompressobj(window_bits)
    parts: list[bytes] = []
    size = 0
    for at in range(0, len(body), _PIECE_BYTES):
        try:
            parts.append(codec.decompress(body[at : at + _PIECE_BYTES], MAX_BODY_BYTES + 1 - size))
        except zlib.error as exc:
            if not size:
                raise BadResponse("its body is damaged") from exc
            return b"".join(parts), False
        size += len(parts[-1])
        _check_size(size)
        if codec.eof:
            break
    return b"".join(parts), codec.eof


def _inflate_any(body: bytes) -> tuple[bytes, bool]:
    """Inflate a body of ``deflate``, which servers send with and without a zlib header."""
    for window_bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        try:
            zlib.decompressobj(window_bits).decompress(body[:1024], 4096)
        except zlib.error:
            continue
        return _inflate(body, window_bits)
    return body, True


def _unbrotli(body: bytes) -> tuple[bytes, bool]:
    if body.lstrip()[:1] == b"<":
        return body, True
    try:
        import brotli
    except ImportError as exc:
        raise MissingPackage("its body is compressed with Brotli", "warc") from exc
    codec = brotli.Decompressor()
    try:
        data = codec.process(body, output_buffer_limit=MAX_BODY_BYTES + 1)
    except brotli.error as exc:
        raise BadResponse("its body is damaged") from exc
    _check_size(len(data))
    return data, codec.is_finished()


def _unzstd(body: bytes) -> tuple[bytes, bool]:
    codec = codec_of(body)
    if codec is None:
        return body, True
    try:
        data = codec(io.BytesIO(body)).read(MAX_BODY_BYTES + 1)
    except (EOFError, OSError, ValueError, RuntimeError) as exc:
        raise BadResponse("its body is damaged") from exc
    _check_size(len(data))
    return data, True


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise BadResponse("a body of more than 64M")
