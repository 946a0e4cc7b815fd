"""Compressed files: gzip, xz, bzip2 and Zstandard, read as a stream that has limits."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from newsgrep.analysis.standard_zstd import standard_zstd
from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import Source
from newsgrep.extraction.records.names import COMPRESSED_SUFFIXES, TAR_SUFFIXES, unrotated

if TYPE_CHECKING:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor, ZstdDict
    else:
        from backports.zstd import ZstdDecompressor, ZstdDict

_BUFFER_BYTES: Final = 1 << 18
_MAX_RATIO: Final = 250
"""Bytes for each compressed byte; text is compressed to a tenth, logs and dumps to a fiftieth."""
_FREE_BYTES: Final = 64 * 1024 * 1024
"""Bytes below which the ratio is not limited: a few empty pages are compressed to nothing."""


class TooMuchData(NoArticle):
    """Compressed data that becomes far more than what it was made for."""


class DamagedData(NoArticle):
    """Compressed data that cannot be read to its end."""


_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_DICTIONARY_FRAME: Final = b"\x5d\x2a\x4d\x18"
_DICTIONARY_MAGIC: Final = b"\x37\xa4\x30\xec"
_MAX_DICTIONARY: Final = 16 * 1024 * 1024
_PIECE_BYTES: Final = 1024
"""Of Zstandard, decompressed at once: 4 bytes can be a block of 128 KB, so at most 32 MB."""


class _ZstandardStream:
    """The content of all Zstandard frames of a stream; errors are those of the standard library.

    The readers of the library read skippable frames and dictionaries otherwise than web archives
    need, so this uses its decompressors.
    """

    def __init__(self, stream: BinaryIO, dictionary: ZstdDict | None = None) -> None:
        self._stream, self._dictionary, self._library = stream, dictionary, standard_zstd()
        self._frame: ZstdDecompressor | None = None
        self._input, self._output = b"", b""

    def read1(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, some unless it is the end."""
        data = self._output or self._next_piece()
        if size < 0:
            size = len(data)
        self._output = data[size:]
        return data[:size]

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, fewer at the end."""
        parts: list[bytes] = []
        while size and (data := self.read1(size)):
            parts.append(data)
            size = max(size - len(data), -1)
        return b"".join(parts)

    def _next_piece(self) -> bytes:
        while data := self._input or self._stream.read(_PIECE_BYTES):
            if self._frame is None:
                self._frame = self._library.ZstdDecompressor(self._dictionary)
            try:
                content = self._frame.decompress(data)
            except self._library.ZstdError as exc:
                raise OSError(str(exc)) from exc
            self._input = b""
            if self._frame.eof:
                self._input, self._frame = self._frame.unused_data, None
            if content:
                return content
        if self._frame is not None:
            raise EOFError("the last frame is not complete")
        return b""


def _open_zstd(stream: BinaryIO) -> io.BufferedIOBase:
    return cast("io.BufferedIOBase", _ZstandardStream(stream))


def _open_zstd_with_dictionary(stream: BinaryIO) -> io.BufferedIOBase:
    """Open a ``.warc.zst`` whose first frame is the dictionary of all others.

    It is a skippable frame, whose content may itself be compressed:
    https://iipc.github.io/warc-specifications/specifications/warc-zstd/
    """
    stream.read(len(_DICTIONARY_FRAME))
    size = int.from_bytes(stream.read(4), "little")
    if size > _MAX_DICTIONARY:
        raise TooMuchData("a Zstandard dictionary of more than 16M")
    data = stream.read(size)
    try:
        if data.startswith(_ZSTD_MAGIC):
            data = _ZstandardStream(io.BytesIO(data)).read(_MAX_DICTIONARY)
    except (EOFError, OSError) as exc:
        raise DamagedData("its Zstandard dictionary is damaged") from exc
    if not data.startswith(_DICTIONARY_MAGIC):
        raise DamagedData("its Zstandard dictionary is damaged")
    return cast("io.BufferedIOBase", _ZstandardStream(stream, standard_zstd().ZstdDict(data)))


Codec = Callable[[BinaryIO], io.BufferedIOBase]
"""Opens a compressed stream."""


def gzip_codec(stream: BinaryIO) -> io.BufferedIOBase:
    """Return the content of a stream of gzip data."""
    return gzip.GzipFile(fileobj=stream)


_CODECS: Final[dict[bytes, Codec]] = {
    b"\x1f\x8b": gzip_codec,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
    _ZSTD_MAGIC: _open_zstd,
    _DICTIONARY_FRAME: _open_zstd_with_dictionary,
}


def codec_of(head: bytes) -> Codec | None:
    """Return the function that decompresses a stream which begins with ``head``, if one does."""
    return next((codec for magic, codec in _CODECS.items() if head.startswith(magic)), None)


def decompressed(source: Source, codec: Codec) -> Source:
    """Return ``source`` without its compression, with the name that the file had before."""
    stem, suffix = os.path.splitext(unrotated(source.name))  # noqa: PTH122 - a name may contain any byte
    is_plain = suffix.lower() in COMPRESSED_SUFFIXES
    name = stem if is_plain else stem + TAR_SUFFIXES.get(suffix.lower(), suffix)

    def open_stream() -> BinaryIO:
        raw = _Counted(source.open_stream())
        return io.BufferedReader(_Decompressed(raw, codec(cast("BinaryIO", raw))), _BUFFER_BYTES)

    return Source(name, open_stream)


class _Counted(io.RawIOBase):
    """A stream that counts what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.count = 0
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Decompressed(io.RawIOBase):
    """What a codec yields, up to the limits; the errors of all codecs are one."""

    def __init__(self, raw: _Counted, stream: io.BufferedIOBase) -> None:
        self._raw = raw
        self._stream = stream
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read1(len(buffer))  # not more: what comes before damage is read
        except DAMAGE as exc:
            raise_system_error(exc)
            raise DamagedData(
                "the compressed data is damaged after {count:,} bytes of its content",
                count=self._count,
            ) from exc
        self._count += len(data)
        if self._count > _FREE_BYTES and self._count > self._raw.count * _MAX_RATIO:
            raise TooMuchData(
                "more than {max_ratio} times its size when it is decompressed: not read further",
                max_ratio=_MAX_RATIO,
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._raw.close()
        super().close()


DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)
"""Catch these and call :func:`raise_system_error` first: many libraries raise ``OSError``."""

_DATA_ERRNOS: Final = (None, errno.EINVAL)
"""``errno`` of errors about data: none, or that of a seek to a position that is made up."""


def raise_system_error(exc: BaseException) -> None:
    """Raise what the system has raised, such as too many open files, if that led to ``exc``.

    Libraries replace such errors by their own. An article whose file cannot be read now is kept;
    one whose file is damaged is not.
    """
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno not in _DATA_ERRNOS:
            raise cause
        cause = cause.__context__
