"""Zstandard by the standard library of Python 3.14, or its backport for earlier versions.

The package ``zstandard`` reads a frame of 5,700 bytes of text in 10 µs, because it keeps its
state. This reads it in 20 µs, so :mod:`newsgrep.analysis.packed_texts` prefers the package if it is
installed. But the package takes 23 MB on the disk where the backport takes 1.4, and has no wheels
for Pythons without a global lock, so it is optional. Both write the same bytes; a test compares
them.
"""

from __future__ import annotations

import sys
from _thread import _local
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from types import ModuleType

LEVEL: Final = 6  # 3 is half as slow and a tenth larger, 9 is slower and hardly smaller

BLOCK_SIZE: Final = 4096
"""Bytes of a block. Texts of one block only are 1 % smaller, but are unpacked whole."""


def standard_zstd() -> ModuleType:
    """Return the module ``compression.zstd`` of Python 3.14, or its backport.

    >>> standard_zstd().decompress(standard_zstd().compress(b"a"))
    b'a'
    """
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


class Frames(Protocol):
    """Compresses and decompresses frames with one dictionary; each thread has its own."""

    error: type[Exception]
    """What is raised for a damaged frame."""

    def content_size(self, frame: memoryview) -> int:
        """Return the bytes of a frame's content, -1 if the frame does not state them."""

    def decompress(self, frame: memoryview, size: int) -> bytes:
        """Return the content of a frame, which is ``size`` bytes."""

    def in_steps(self, frame: memoryview) -> Callable[[int], bytes]:
        """Return a function that reads up to so many more bytes of a frame's content."""

    def compress(self, data: bytes) -> bytes:
        """Return a frame of blocks, of which each is decompressed by itself."""


class StandardFrames(_local):
    """Frames by the standard library."""

    def __init__(self, dictionary: bytes) -> None:
        self._library = zstd = standard_zstd()
        self.error: type[Exception] = zstd.ZstdError
        self._dictionary = zstd.ZstdDict(dictionary)
        options = {
            zstd.CompressionParameter.compression_level: LEVEL,
            zstd.CompressionParameter.dict_id_flag: 0,
        }
        self._compressor = zstd.ZstdCompressor(options=options, zstd_dict=self._dictionary)

    def content_size(self, frame: memoryview) -> int:
        """Return the bytes of a frame's content, -1 if the frame does not state them."""
        size: int | None = self._library.get_frame_info(frame).decompressed_size
        return -1 if size is None else size

    def decompress(self, frame: memoryview, size: int) -> bytes:
        """Return the content of a frame, which is ``size`` bytes."""
        decompressor = self._library.ZstdDecompressor(self._dictionary)
        # One byte more, so that the end of the frame is read.
        data: bytes = decompressor.decompress(frame, size + 1)
        if not decompressor.eof or decompressor.unused_data:
            raise self.error("the frame is cut off, or longer than it states")
        return data

    def in_steps(self, frame: memoryview) -> Callable[[int], bytes]:
        """Return a function that reads up to so many more bytes of a frame's content."""
        decompressor = self._library.ZstdDecompressor(self._dictionary)
        pending = [frame]

        def read(count: int) -> bytes:
            if decompressor.eof:
                if decompressor.unused_data:
                    raise self.error("there are bytes after the frame")
                return b""
            data = pending.pop() if pending else b""
            more: bytes = decompressor.decompress(data, count)
            return more

        return read

    def compress(self, data: bytes) -> bytes:
        """Return a frame of blocks, of which each is decompressed by itself."""
        packer = self._compressor
        packer.set_pledged_input_size(len(data))
        last = max(len(data) - 1, 0) // BLOCK_SIZE * BLOCK_SIZE
        blocks = [
            packer.compress(data[at : at + BLOCK_SIZE], packer.FLUSH_BLOCK)
            for at in range(0, last, BLOCK_SIZE)
        ]
        return b"".join((*blocks, packer.compress(data[last:], packer.FLUSH_FRAME)))
