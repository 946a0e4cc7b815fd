"""The records of a web archive as blocks of bytes: where each begins and ends, and damage.

A WARC or ARC file is a sequence of headers, each followed by as many bytes as it says, plain or
each in a gzip member of its own. Every length is compared with what follows: after damage, the
next record is searched for, and what lies between is reported.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final, NamedTuple, Protocol, cast

from newsgrep.errors import NoArticle
from newsgrep.messages import message

_CHUNK_BYTES: Final = 1 << 18
_PACKED_BYTES: Final = 1 << 14
"""Compressed bytes that are passed on at once; what follows a small record is copied."""
_MAX_HEADER_BYTES: Final = 1 << 16
_MAX_RATIO: Final = 250
_FREE_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a record below which its compression is not limited, as of other compressed files."""
_CHECKED_BYTES: Final = 1 << 16
"""Bytes of a record from which on its end is looked at before it is read."""
_WINDOW_BITS: Final = 31
"""A gzip header and its checksum are expected."""
GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_GZIP_BEGINNING: Final = re.compile(re.escape(GZIP_MAGIC))
_LINE_ENDS: Final = b"\r\n"


class Damaged(Exception):
    """A record that cannot be read; the message says why, for people."""


class Header(NamedTuple):
    """The header of a record: the ``size`` of its content in bytes, and its fields by name.

    Names are in lower case, and those of WARC also for an ARC file.
    """

    size: int
    fields: Mapping[str, str]


class Dialect(NamedTuple):
    """How records begin: ``begins`` matches the beginning of a record after a line feed.

    ``parse`` reads a header, and raises :class:`Damaged` if it is invalid. ``separator`` follows
    each content, empty if that is not certain.
    """

    begins: re.Pattern[bytes]
    parse: Callable[[Input], Header]
    separator: bytes = b""


class _Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class Input:
    """A stream with its ``position`` in bytes, in which one can look ahead.

    It ends before compressed data that is damaged; ``error`` is then what was raised.
    """

    def __init__(self, stream: _Readable, position: int = 0, size: int | None = None) -> None:
        self._stream = stream
        self._buffer = b""
        self._at = 0
        self._buffer_position = position
        self._size = size
        self.error: NoArticle | None = None

    @property
    def position(self) -> int:
        """The offset of the next byte."""
        return self._buffer_position + self._at

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes without reading them, fewer at the end of the stream."""
        while len(self._buffer) - self._at < size:
            chunk = self._more()
            if not chunk:
                break
            self._buffer_position += self._at
            self._buffer = self._buffer[self._at :] + chunk
            self._at = 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end of the stream."""
        data = self._take(size)
        if len(data) == size:
            return data
        parts, left = [data], size - len(data)
        while left and (chunk := self._more()):
            self._buffer_position, self._buffer, self._at = self.position, chunk, 0
            parts.append(self._take(left))
            left -= len(parts[-1])
        return b"".join(parts)

    def _more(self) -> bytes:
        try:
            return self._stream.read1(_CHUNK_BYTES)
        except NoArticle as exc:
            self.error = exc
            return b""

    def _take(self, size: int) -> bytes:
        data = self._buffer[self._at : self._at + size]
        self._at += len(data)
        return data

    def read_line(self) -> bytes:
        """Return the next line with its end; raises :class:`Damaged` for a very long one."""
        for size in (512, _MAX_HEADER_BYTES):
            data = self.peek(size)
            end = data.find(b"\n") + 1
            if end or len(data) < size:
                return self.read(end or len(data))
        raise Damaged(message("a header of more than 64K"))

    def skip(self, size: int) -> int:
        """Go forward by ``size`` bytes, and return by how many that was possible."""
        buffered = len(self._buffer) - self._at
        if self._size is not None and size > buffered:
            size = max(min(size, self._size - self.position), 0)
            self.seek(self.position + size)
            return size
        left = size
        while left and (data := self.read(min(left, _CHUNK_BYTES))):
            left -= len(data)
        return size - left

    def skip_line_ends(self) -> None:
        """Go behind the line ends at the position."""
        while (data := self.peek(4)) and (length := len(data) - len(data.lstrip(_LINE_ENDS))):
            self.read(length)

    @property
    def is_seekable(self) -> bool:
        """Whether one can go back."""
        return self._size is not None

    def seek(self, position: int) -> None:
        """Go to ``position``; only if it is seekable."""
        self._stream.seek(position)  # type: ignore[attr-defined]  # it was found out before
        self._buffer, self._at, self._buffer_position = b"", 0, position

    def find(self, pattern: re.Pattern[bytes]) -> bool:
        """Go to the next match of ``pattern``, which matches at most 4K; False at the end."""
        while data := self.peek(_CHUNK_BYTES):
            if found := pattern.search(data):
                self.read(found.start())
                return True
            is_last = len(data) < _CHUNK_BYTES
            self.read(len(data) if is_last else len(data) - 4096)
        return False


def open_input(stream: BinaryIO, offset: int = 0) -> Input:
    """Return an input that begins at ``offset`` of ``stream``, which is at its beginning."""
    size = None
    if stream.seekable():
        size = stream.seek(0, 2)
        stream.seek(offset)
        return Input(cast("_Readable", stream), offset, size)
    found = Input(cast("_Readable", stream))
    found.skip(offset)
    return found


class Blocks(Protocol):
    """Goes through the records of a file; ``offset`` is where the present one begins.

    ``content`` is at the header after :meth:`begin`, and at the content after the header is
    parsed. All methods raise :class:`Damaged`.
    """

    offset: int
    content: Input

    def begin(self) -> bool:
        """Go to the next record; False at the end of the file."""

    def check(self, size: int) -> None:
        """Check, before they are read, that the next ``size`` bytes may be a content."""

    def finish(self, left: int) -> bool:
        """Go behind the record, of whose content ``left`` bytes are not read.

        Return whether its length is exactly what its header says; a few bytes may be missing.
        """

    def resynchronise(self) -> int:
        """Go to the next beginning of a record after a damaged one; return the bytes between."""

    @property
    def end(self) -> int:
        """The offset behind the record, after :meth:`finish`."""


class PlainBlocks:
    """The records of a file that is not compressed, or not record by record."""

    def __init__(self, file: Input, dialect: Dialect) -> None:
        self.offset = file.position
        self.content = file
        self._dialect = dialect

    @property
    def end(self) -> int:
        """The offset behind the record."""
        return self.content.position

    def begin(self) -> bool:
        """Go to the next record; False at the end of the file."""
        self.content.skip_line_ends()
        self.offset = self.content.position
        if self.content.peek(1):
            return True
        if self.content.error:
            raise self.content.error
        return False

    def check(self, size: int) -> None:
        """Look at what follows a long content, so that a false length costs nothing."""
        if size < _CHECKED_BYTES or not self.content.is_seekable:
            return
        begin = self.content.position
        self._skip(size)
        self._check_end()
        self.content.seek(begin)

    def finish(self, left: int) -> bool:
        """Go behind the record; some programs write fewer line ends after it."""
        self._skip(left)
        return self._check_end()

    def _skip(self, size: int) -> None:
        if missing := size - self.content.skip(size):
            raise Damaged(
                message(
                    "the file ends in the middle of this record: {missing:,} bytes missing",
                    missing=missing,
                )
            )

    def _check_end(self) -> bool:
        separator = self._dialect.separator
        if separator and self.content.peek(len(separator)) == separator:
            self.content.read(len(separator))
            return True
        self.content.skip_line_ends()
        following = self.content.peek(_MAX_BEGINNING)
        if following and not self._dialect.begins.match(b"\n" + following):
            raise Damaged(message("its length is not what its header says"))
        return not (separator and following)

    def resynchronise(self) -> int:
        """Go to the next beginning of a record."""
        if self.content.is_seekable:
            self.content.seek(self.offset + 1)
        if self.content.find(self._dialect.begins):
            self.content.read(1)
        return self.content.position - self.offset


_MAX_BEGINNING: Final = 4096


class GzipBlocks:
    """The records of a file in which each is a gzip member."""

    def __init__(self, file: Input, dialect: Dialect) -> None:
        self.offset = file.position
        self.content = Input(_Member(file))
        self._file = file
        self._dialect = dialect

    @property
    def end(self) -> int:
        """The offset behind the record."""
        return self._file.position

    def begin(self) -> bool:
        """Go to the next record; False at the end of the file."""
        self.offset = self._file.position
        magic = self._file.peek(len(GZIP_MAGIC))
        if magic and magic != GZIP_MAGIC:
            raise Damaged(message("no record begins here"))
        self.content = Input(_Member(self._file))
        return bool(magic)

    def check(self, size: int) -> None:
        """Do nothing: a member ends where its compressed data says so."""

    def finish(self, left: int) -> bool:
        """Go behind the record, whose checksum is compared."""
        if missing := left - self.content.skip(left):
            raise Damaged(message("its header says {missing:,} bytes more", missing=missing))
        self.content.skip_line_ends()
        if self.content.peek(1):
            raise Damaged(message("its length is not what its header says"))
        return True

    def resynchronise(self) -> int:
        """Go to the next gzip member that begins like a record."""
        if self._file.is_seekable:
            self._file.seek(self.offset + 1)
        else:
            self._file.read(1)
        while self._file.find(_GZIP_BEGINNING):
            if self._dialect.begins.match(b"\n" + first_bytes(self._file.peek(_PACKED_BYTES))):
                break
            self._file.read(1)
        return self._file.position - self.offset


def first_bytes(data: bytes) -> bytes:
    """Return up to 4,096 bytes from the beginning of gzip data; none if it is not."""
    try:
        return zlib.decompressobj(_WINDOW_BITS).decompress(data, _MAX_BEGINNING)
    except zlib.error:
        return b""


class _Member:
    """The content of a gzip member at the position of a file."""

    def __init__(self, file: Input) -> None:
        self._file = file
        self._codec = zlib.decompressobj(_WINDOW_BITS)
        self._begin = file.position
        self._count = 0

    def read1(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none at the end of the member."""
        while not self._codec.eof:
            packed = self._file.peek(_PACKED_BYTES)
            try:
                data = self._codec.decompress(packed, size)
            except zlib.error as exc:
                raise Damaged(message("its compressed data is damaged")) from exc
            # At the end of the member, both have what is left.
            rest = self._codec.unused_data if self._codec.eof else self._codec.unconsumed_tail
            self._file.read(len(packed) - len(rest))
            self._count += len(data)
            if self._count > _FREE_BYTES and self._count > _MAX_RATIO * (
                self._file.position - self._begin
            ):
                raise Damaged(
                    message("more than {max_ratio} times its compressed size", max_ratio=_MAX_RATIO)
                )
            if data:
                return data
            if not packed:
                raise Damaged(message("the file ends in the middle of this record"))
        return b""
