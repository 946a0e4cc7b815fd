"""Files whose every page has a checksum, which is compared whenever something of it is read.

Whoosh by itself would take whatever bytes are there for postings, and find less or more.
"""

from __future__ import annotations

from array import array
from io import SEEK_CUR, SEEK_END, SEEK_SET
from itertools import count
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from zlib import crc32

from whoosh.filedb.structfile import StructFile
from whoosh.reading import CorruptIndexError

PAGE: Final = 4096
"""Bytes; a term or a text is in one or two of them."""

_BLOCK: Final = 256 * PAGE
_KEPT: Final = 2048
_SUM: Final = 4
_SEAL: Final = 4


class FileSum(NamedTuple):
    """What a file should be: its size in bytes, and the CRC-32 of each page of it in four bytes."""

    size: int
    pages: bytes


def sum_up(path: Path) -> FileSum:
    """Return what the file at ``path`` is."""
    pages, size = bytearray(), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            pages += _sums(block)
    return FileSum(size, bytes(pages))


def _sums(block: bytes) -> bytes:
    view = memoryview(block)
    starts = range(0, len(block), PAGE)
    return b"".join(crc32(view[at : at + PAGE]).to_bytes(_SUM, "big") for at in starts)


class CheckedFile(StructFile):
    """A file of Whoosh's for reading, which raises :class:`CorruptIndexError` for a changed page.

    Pages once read are kept, up to some megabytes, so that what was compared is what is used.
    """

    def __init__(self, path: Path, expected: FileSum) -> None:
        self._raw = path.open("rb", buffering=0)
        # Whoosh reads pickles from `file`, which needs no more than what is defined here.
        super().__init__(cast("BinaryIO", self), name=path.name)
        self.is_real = False
        self._size, self._sums = expected
        self._at = 0
        self._kept: dict[int, bytes] = {}
        if fstat(self._raw.fileno()).st_size != self._size:
            self._raw.close()
            raise CorruptIndexError(f"{path.name} has another size than it had")

    def get(self, position: int, length: int) -> bytes:
        """Return ``length`` bytes from ``position`` on, or those up to the end of the file."""
        end = min(position + length, self._size)
        first, last = position // PAGE, (end - 1) // PAGE
        if first == last:
            start = first * PAGE
            return self._page(first)[position - start : end - start]
        if not 0 <= position < end:
            return b""
        start = first * PAGE
        return self._read(first, last)[position - start : end - start]

    def _page(self, number: int) -> bytes:
        page = self._kept.get(number)
        if page is None:
            page = self._read(number, number)
            if len(self._kept) == _KEPT:
                self._kept.clear()
            self._kept[number] = page
        return page

    def _read(self, first: int, last: int) -> bytes:
        """Return the bytes of all pages from ``first`` to ``last``, once compared."""
        self._raw.seek(first * PAGE)
        wanted = min((last + 1) * PAGE, self._size) - first * PAGE
        data = self._raw.read(wanted)
        while len(data) < wanted and (more := self._raw.read(wanted - len(data))):
            data += more  # a system may give less than asked for
        if _sums(data) != self._sums[first * _SUM : (last + 1) * _SUM]:
            raise CorruptIndexError(f"{self._name} has other bytes than it was written with")
        return data

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all that are left for a negative ``size``."""
        data = self.get(self._at, self._size if size < 0 else size)
        self._at += len(data)
        return data

    def readline(self) -> bytes:
        """Return the next bytes up to the end of a line."""
        line = bytearray()
        for at in count(self._at):
            byte = self.get(at, 1)
            line += byte
            if byte in (b"", b"\n"):
                break
        self._at += len(line)
        return bytes(line)

    def seek(self, position: int, whence: int = SEEK_SET) -> int:
        """Go to ``position``."""
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence]
        self._at = base + position
        return self._at

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def get_array(self, position: int, typecode: str, length: int) -> array[Any]:
        """Return numbers, which are big-endian in files."""
        self.seek(position)
        return self.read_array(typecode, length)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        self.is_closed = True


def seal(path: Path) -> None:
    """Put a checksum behind a file that is read whole; Whoosh doesn't look there."""
    with path.open("r+b") as stream:
        total = crc32(stream.read())
        stream.write(total.to_bytes(_SEAL, "big"))


def unsealed(path: Path) -> bytes:
    """Return a sealed file's bytes; raises :class:`CorruptIndexError` for a changed one."""
    data = path.read_bytes()
    content, told = data[:-_SEAL], data[-_SEAL:]
    if crc32(content).to_bytes(_SEAL, "big") != told:
        raise CorruptIndexError(f"{path.name} has other bytes than it was written with")
    return content
