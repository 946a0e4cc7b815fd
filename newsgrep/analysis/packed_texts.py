"""The folded texts of an article as they are stored: compressed, and searched without decoding.

Title, body and captions are one string of bytes, compressed by Zstandard with a preset dictionary.
A literal is searched for in these bytes. They are decoded only where that leaves a doubt.

The other parts of an article (:mod:`newsgrep.analysis.codec`) and its earlier versions
(:mod:`newsgrep.analysis.versions`) are compressed by deflate, which is here as well. So were the
texts of index format 7.
"""

from __future__ import annotations

import re
import zlib
from _thread import _local
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from newsgrep._io import table_lines
from newsgrep.messages import message

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

    from newsgrep.analysis.standard_zstd import Frames

CAPTION_BREAK: Final = "\n"
"""Separates the captions of an article in its folded texts."""

# Texts are compressed by Zstandard with a preset dictionary. On 500 opinion pieces of 8,400 bytes
# and as many bulletins of 980 bytes, beside deflate with the same words: 0.5 and 4 % smaller,
# compressed in .8 and .5 of the time, unpacked in .6 and .4 of it. LZ4 was unpacked in .3 and .3,
# but 17 % larger and slow to compress; igzip unpacked deflate in .6 and .75. A dictionary of
# passages that Zstandard selects from articles makes texts 2 % smaller than one of words does.
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""Begins a frame of Zstandard. Deflate never begins so: it would be an invalid stored block."""

# Frequencies of letters, lengths and distances, with which the dictionary begins: computed by
# ``compression.zstd.finalize_dict`` from 500 opinion pieces and 1,500 bulletins. The content of
# the dictionary is ``frequent_words.txt``. Indexes are read with both, so they stay as they are.
_ENTROPY_TABLES: Final = bytes.fromhex(
    "37a430ecdf59a76f50107862c53adfb6f918e906050261822649800061682fa415bfe01a694d807d609f3443"
    "9462470d054caf4e40e2b0382c0e2fc848a127d38729f2e58167e01945534f5a0099b0712660139a81498bf0"
    "022300003060b0009950301fd2e9db0304a0abc8755004328a18400000000000000000000000000000000000"
    "0000143004cb126224241543c88c8c00000000000000010000000400000008000000"
)

# Two bytes for a Han character where UTF-8 takes three: compressed texts are 15 % smaller
# (1,000 articles of each archive). GB 18030 encodes every character, so nothing is lost.
TEXT_ENCODING: Final = "gb18030"
_COMPRESSION_LEVEL: Final = 4  # half a percent larger than 6, and a third faster
_RAW_DEFLATE: Final = -15
TEXT_SEPARATOR: Final = "\x1e"
"""Separates texts: those of articles are cleaned and have no control characters."""

_SEPARATOR_BYTE: Final = b"\x1e"
_CRC_SIZE: Final = 4
_FRAME_START: Final = _CRC_SIZE + 4
MAX_TEXT_CHARACTERS: Final = 1 << 24
"""Characters of an article's texts. Files with more than ten million are rejected."""

MAX_TEXT_BYTES: Final = 4 * MAX_TEXT_CHARACTERS

_DECODED_BYTES: Final = 1 << 20
_NOT_INFLATED: Final = "a text cannot be unpacked"
_CUT_OFF: Final = "a text is cut off or too long"


class DamagedData(ValueError):
    """Packed bytes have changed since they were packed."""


@cache
def text_dictionary() -> bytes:
    """Return the preset dictionary for texts: the most frequent words, encoded."""
    return "".join(table_lines(__file__, "frequent_words.txt")).encode(TEXT_ENCODING)


def new_compressor(dictionary: bytes) -> zlib._Compress:
    """Return what :func:`deflate` compresses with, given a preset ``dictionary``."""
    return zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=dictionary)


def deflate(packer: zlib._Compress, parts: Iterable[bytes]) -> bytes:
    """Return ``parts`` compressed together, after a checksum; ``packer`` can be used again."""
    packer = packer.copy()
    packed = b"".join([*map(packer.compress, parts), packer.flush()])
    return zlib.crc32(packed).to_bytes(_CRC_SIZE, "big") + packed


def inflate(packed: bytes, dictionary: bytes, limit: int) -> bytes:
    """Return what :func:`deflate` has compressed, at most ``limit`` bytes.

    Raises :class:`DamagedData`.
    """
    body = _checked(packed)
    inflater = zlib.decompressobj(_RAW_DEFLATE, zdict=dictionary)
    try:
        data = inflater.decompress(body, limit)
    except zlib.error as exc:
        raise DamagedData(_NOT_INFLATED) from exc
    if not inflater.eof:
        raise DamagedData(_CUT_OFF)
    return data


def _checked(packed: bytes) -> memoryview:
    """Return packed bytes without their checksum; raises :class:`DamagedData` if it is wrong."""
    body = memoryview(packed)[_CRC_SIZE:]
    if zlib.crc32(body) != int.from_bytes(packed[:_CRC_SIZE], "big"):
        raise DamagedData("the checksum of a text is wrong")
    return body


class FastFrames(_local):
    """Frames by the package ``zstandard``; raises :class:`ImportError` if it is not installed.

    The methods are those of :class:`newsgrep.analysis.standard_zstd.Frames`.
    """

    def __init__(self, dictionary: bytes) -> None:
        import zstandard  # takes 3 ms, and many commands read no text

        self.error: type[Exception] = zstandard.ZstdError
        self._dictionary = zstandard.ZstdCompressionDict(dictionary)
        self._whole = zstandard.ZstdDecompressor(self._dictionary)
        self._in_steps = zstandard.ZstdDecompressor(self._dictionary)
        self.content_size = zstandard.frame_content_size
        self._compressor: ZstdCompressor | None = None

    def decompress(self, frame: memoryview, size: int) -> bytes:  # noqa: ARG002
        """Return the content of a frame."""
        # Bytes after the frame are damage. Named arguments would take a fifteenth of the time.
        return self._whole.decompress(frame, 0, False, False)

    def in_steps(self, frame: memoryview) -> Callable[[int], bytes]:
        """Return a function that reads up to so many more bytes of a frame's content."""
        # Across frames, so that bytes after the frame are read, and are damage.
        return self._in_steps.stream_reader(frame, read_across_frames=True).read

    def compress(self, data: bytes) -> bytes:
        """Return a frame of blocks, of which each is decompressed by itself."""
        from zstandard import COMPRESSOBJ_FLUSH_BLOCK, ZstdCompressor

        from newsgrep.analysis.standard_zstd import BLOCK_SIZE, LEVEL

        if self._compressor is None:
            self._dictionary.precompute_compress(level=LEVEL)
            self._compressor = ZstdCompressor(
                level=LEVEL, dict_data=self._dictionary, write_dict_id=False
            )
        if len(data) <= BLOCK_SIZE:
            return self._compressor.compress(data)
        packer = self._compressor.compressobj(len(data))
        packed = []
        for at in range(0, len(data), BLOCK_SIZE):
            packed.append(packer.compress(data[at : at + BLOCK_SIZE]))
            if at + BLOCK_SIZE < len(data):
                packed.append(packer.flush(COMPRESSOBJ_FLUSH_BLOCK))
        return b"".join((*packed, packer.flush()))


@cache
def _frames() -> Frames:
    dictionary = _ENTROPY_TABLES + text_dictionary()
    try:
        return FastFrames(dictionary)
    except ImportError:
        from newsgrep.analysis.standard_zstd import StandardFrames

        return StandardFrames(dictionary)


def _decompressed(frame: memoryview, limit: int) -> bytes:
    """Return the content of a frame, at most ``limit`` bytes; raises :class:`DamagedData`."""
    frames = _frames()
    try:
        size = frames.content_size(frame)
        if not 0 < size <= limit:  # there are two separators at least
            raise DamagedData(_CUT_OFF)
        return frames.decompress(frame, size)
    except frames.error as exc:
        raise DamagedData(_NOT_INFLATED) from exc


def pack_folded(title: str, body: str, captions: str) -> bytes:
    """Return the folded texts of an article, compressed.

    Raises :class:`ValueError` for more than :data:`MAX_TEXT_CHARACTERS`, which can't be unpacked.
    """
    if len(title) + len(body) + len(captions) + 2 > MAX_TEXT_CHARACTERS:
        raise ValueError(
            message(
                "an article has more than {max_text_characters:,} characters",
                max_text_characters=MAX_TEXT_CHARACTERS - 2,
            )
        )
    texts = TEXT_SEPARATOR.join((title, body, captions)).encode(TEXT_ENCODING, "replace")
    packed = _frames().compress(texts)
    return zlib.crc32(packed).to_bytes(_CRC_SIZE, "big") + packed


def unpack_folded(packed: bytes, limit: int = MAX_TEXT_BYTES) -> tuple[str, str, str]:
    """Return the folded title, body and captions, at most ``limit`` bytes.

    Raises :class:`DamagedData`.
    """
    return split_folded(inflate_folded(packed, limit))


def inflate_folded(
    packed: bytes, limit: int = MAX_TEXT_BYTES, *, is_checked: bool = False
) -> bytes:
    """Return the encoded folded texts of an article; raises :class:`DamagedData`.

    :func:`encode` encodes a string to be searched for in them, :func:`text_ends` separates them.
    The checksum is not compared if ``packed`` ``is_checked``.
    """
    if packed[_CRC_SIZE:_FRAME_START] != _ZSTD_MAGIC:  # of format 7
        return inflate(packed, text_dictionary(), limit)
    frame = memoryview(packed)[_CRC_SIZE:] if is_checked else _checked(packed)
    return _decompressed(frame, limit)


def inflate_in_steps(
    packed: bytes, first: int, *, is_checked: bool = False
) -> Iterator[tuple[bytes, bool]]:
    """Yield the first bytes of what :func:`inflate_folded` returns, then more, then all of it.

    The first step has ``first`` bytes, and each other step begins with the one before and has at
    most twice as many. The last byte of a step may be that of a part of a character. Each step
    comes with whether it is everything. The checksum is not compared if ``packed`` ``is_checked``.
    Raises :class:`DamagedData`, but not for each kind of bytes after the compressed ones. At most
    one text at a time is inflated so in each thread.
    """
    if len(packed) <= first >> 2 or packed[_CRC_SIZE:_FRAME_START] != _ZSTD_MAGIC:
        yield inflate_folded(packed, is_checked=is_checked), True
        return
    frame, frames = memoryview(packed)[_CRC_SIZE:] if is_checked else _checked(packed), _frames()
    try:
        size = frames.content_size(frame)
        if not first < size <= MAX_TEXT_BYTES:
            yield _decompressed(frame, MAX_TEXT_BYTES), True
            return
        read = frames.in_steps(frame)
        data = read(first)
        while data and len(data) < size:
            yield data, False
            more = read(min(len(data), size - len(data)))
            if not more:
                break
            data += more
        if read(1):
            raise DamagedData(_CUT_OFF)
    except frames.error as exc:
        raise DamagedData(_NOT_INFLATED) from exc
    if len(data) != size:
        raise DamagedData(_CUT_OFF)
    yield data, True


def encode(text: str) -> bytes:
    """Return ``text`` in the encoding of packed texts."""
    return text.encode(TEXT_ENCODING, "replace")


def decode_folded(data: bytes, *, is_cut: bool = False) -> str:
    """Return encoded text as a string, without a part of a character if its end ``is_cut`` off.

    Raises :class:`DamagedData`.
    """
    try:
        return getincrementaldecoder(TEXT_ENCODING)().decode(data, not is_cut)
    except UnicodeDecodeError as exc:
        raise DamagedData("folded texts are not valid text") from exc


def text_ends(data: bytes) -> tuple[int, int]:
    """Return where title and body end, in bytes of what :func:`inflate_folded` returned.

    An end that is not in ``data``, which is only the beginning, is -1.
    """
    title_end = data.find(_SEPARATOR_BYTE)
    return title_end, data.find(_SEPARATOR_BYTE, title_end + 1) if title_end >= 0 else -1


def has_three_texts(data: bytes) -> bool:
    """Return whether ``data`` has a title, a body and captions."""
    return data.count(_SEPARATOR_BYTE) == 2


def body_end(data: bytes) -> int:
    """Return where the body ends in ``data``, which has three texts: captions are short."""
    return data.rfind(_SEPARATOR_BYTE)


# Two bytes of a Han character or of kana, but for a few, and a word of ASCII before other ASCII.
_SOLO: Final = (
    rb"[\x81-\xa0\xb0-\xd6\xd8-\xf7][\x40-\x7e\x80-\xfe]|\xd7[\x40-\x7e\x80-\xf9]"
    rb"|[\xaa-\xaf\xf8-\xfd][\x40-\x7e\x80-\xa0]|\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]"
)
_UNIT: Final = rb"(?:" + _SOLO + rb"|[0-9a-z]++(?=[\x00-\x2f\x3a-\x60\x7b-\x7f]))"
_OTHER: Final = (
    rb"(?!" + _UNIT + rb")"
    # A word at once: at each of its letters, the lookahead would read the rest of it.
    rb"(?:[\x81-\xfe][0-9][\x81-\xfe][0-9]|[\x81-\xfe][\x40-\x7e\x80-\xfe]|[0-9a-z]++|[\x00-\x7f])"
)


@lru_cache(maxsize=32)
def at_least_units(count: int) -> re.Pattern[bytes]:
    """Return a pattern that matches encoded text from a character on that has ``count`` units.

    Units are those of :func:`newsgrep.query.match.distance_unit`. Not all of them are recognised,
    so that some texts with this many units do not match.
    """
    return re.compile(rb"(?:(?:" + _OTHER + rb")*+" + _UNIT + rb"){%d}" % count)


def characters_before(data: bytes, at: int) -> str | None:
    """Return the characters between the last comma or line end before byte ``at`` and it.

    ``None`` if no character begins there: parts of two can look like another one.
    """
    # These bytes never occur inside a character of several bytes, so decoding can begin there.
    start = max(data.rfind(b",", 0, at), data.rfind(b"\n", 0, at), data.rfind(b"\x1e", 0, at)) + 1
    try:
        return data[start:at].decode(TEXT_ENCODING)
    except UnicodeDecodeError:
        return None


def character_at(data: bytes, at: int) -> str:
    """Return the character at byte ``at``, ``""`` at the end and for a part of one."""
    return data[at : at + 4].decode(TEXT_ENCODING, "ignore")[:1]


def is_across_texts(data: bytes) -> bool:
    """Return whether ``data`` begins in one of the three texts and ends in another one."""
    return _SEPARATOR_BYTE in data


def split_folded(data: bytes) -> tuple[str, str, str]:
    """Return title, body and captions of what :func:`inflate_folded` returned.

    Raises :class:`DamagedData`.
    """
    try:
        title, body, captions = folded_text(data).split(TEXT_SEPARATOR, 3)
    except ValueError as exc:
        raise DamagedData("an article does not have three folded texts") from exc
    return title, body, captions


def folded_text(data: bytes) -> str:
    """Return what :func:`inflate_folded` returned as a string; raises :class:`DamagedData`.

    Its texts are separated by :data:`TEXT_SEPARATOR`.
    """
    if len(data) > MAX_TEXT_CHARACTERS:
        decoder, length = getincrementaldecoder(TEXT_ENCODING)("replace"), 0
        for at in range(0, len(data), _DECODED_BYTES):
            length += len(decoder.decode(data[at : at + _DECODED_BYTES]))
            if length > MAX_TEXT_CHARACTERS:
                raise DamagedData("an article is too long")
    return decode_folded(data)
