"""The stored form of articles and file records.

An article is stored as its folded texts and, separately, the rest: metadata and where its own texts
differ from the folded ones, which is little. A literal is searched for in the folded bytes without
decoding them. Left-out text is packed apart, so that no other search reads it.

Earlier versions of an article are packed in :mod:`newsgrep.analysis.versions`.

These are the forms of index format 8. What formats 4 to 7 have packed is unpacked as well.
"""

from __future__ import annotations

import json
import sys
import zlib
from _thread import _local
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from newsgrep._io import encode_json, table_lines
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord, LeftOut, Precision, Provenance, Published, Status

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
_ENCODING: Final = "gb18030"
_COMPRESSION_LEVEL: Final = 4  # half a percent larger than 6, and a third faster
_RAW_DEFLATE: Final = -15
TEXT_SEPARATOR: Final = "\x1e"
"""Separates texts: those of articles are cleaned and have no control characters."""

_SEPARATOR_BYTE: Final = b"\x1e"
_CRC_SIZE: Final = 4
_FRAME_START: Final = _CRC_SIZE + 4
_LENGTH_SIZE: Final = 4
MAX_TEXT_CHARACTERS: Final = 1 << 24
"""Characters of an article's texts. Files with more than ten million are rejected."""

MAX_TEXT_BYTES: Final = 4 * MAX_TEXT_CHARACTERS
_MAX_HEAD: Final = 1 << 25
"""Bytes of an article's metadata."""

_MAX_HEAD_VALUES: Final = 1 << 21
_MAX_PASSAGES: Final = 1 << 20
"""Pages have at most half as many elements, and so do texts have lines."""

_DECODED_BYTES: Final = 1 << 20
_UTF32: Final = 4
_STATUSES: Final = tuple(Status)
_FILE_RECORD_NUMBERS: Final = Struct("<QqQBB")
_FILE_RECORD_SEPARATOR: Final = "\0"
_HAS_SKETCH: Final = 0x80
"""Added to the status of a file record with a sketch, which follows the digest."""
_CHUNK_LENGTH: Final = 65_536
"""Characters whose difference is computed in one step, which takes 20 bytes for each."""

# Articles are short and compressed separately, so both sides use preset dictionaries of what is
# frequent in them: that makes texts 8 to 14 % smaller, and the rest half as large.
_COMMON_METADATA: Final = (
    '[[],[],null,null,"index","text","heading","site name","file time","page title","URL",'
    '"meta","JSON-LD","byline","time element","day","month","year","minute","second",'
    '["https://www.","http://",".html",".shtml"],{"title":"front matter","source":"site rule",'
    '"authors":"byline","published":"front matter"},[]]'
)
# The names of provenance are those of format 4: these bytes must not change, and a newer name
# takes few bytes more.
_COMMON_IN_LEFT_OUT: Final = (
    '"],["noscript","],["metadata","],["heading at the end","],["sharing","],["subscription","'
    '"],["advertisement","],["dialog","],["credit","],["editor\'s note","],["outlet rule","'
    '"],["form","],["hidden","],["links","],["related","],["footer","],["navigation","'
    '"],["sidebar","],["outside the article","],["notice","[["notice","],["comments","'
)
# Punctuation that folding narrows. An article nearly always uses one form of each throughout.
_WIDE_FORMS: Final = dict(zip(",:;?!()", "，：；？！（）", strict=True))


_RENAMED_PROVENANCE: Final = {"site rule": "outlet rule"}
"""Values of format 4 that have another name now."""

_GUESSED_IN_FORMAT_4: Final = frozenset(("file time", "fetch time"))
"""Values of format 4 for a date that is not one of publication: such an article is undated."""

_NOT_INFLATED: Final = "a text cannot be unpacked"
_CUT_OFF: Final = "a text is cut off or too long"
_LENGTH_MISMATCH: Final = "a text and its folded text differ in length"


class DamagedData(ValueError):
    """Packed bytes have changed since they were packed."""


@cache
def text_dictionary() -> bytes:
    """Return the preset dictionary for texts: the most frequent words, encoded."""
    return "".join(table_lines(__file__, "frequent_words.txt")).encode(_ENCODING)


@cache
def _rest_dictionary() -> bytes:
    return text_dictionary() + _COMMON_METADATA.encode(_ENCODING)


@cache
def _left_out_dictionary() -> bytes:
    return text_dictionary() + _COMMON_IN_LEFT_OUT.encode(_ENCODING)


def new_compressor(dictionary: bytes) -> zlib._Compress:
    """Return what :func:`deflate` compresses with, given a preset ``dictionary``."""
    return zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=dictionary)


@cache
def _compressor(dictionary: Callable[[], bytes]) -> zlib._Compress:
    # Copied for each text: loading the dictionary takes longer than compressing most texts.
    return new_compressor(dictionary())


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
    texts = TEXT_SEPARATOR.join((title, body, captions)).encode(_ENCODING, "replace")
    packed = _frames().compress(texts)
    return zlib.crc32(packed).to_bytes(_CRC_SIZE, "big") + packed


def unpack_folded(packed: bytes, limit: int = MAX_TEXT_BYTES) -> tuple[str, str, str]:
    """Return the folded title, body and captions, at most ``limit`` bytes.

    Raises :class:`DamagedData`.
    """
    texts = _folded_text(packed, limit).split(TEXT_SEPARATOR, 3)
    try:
        title, body, captions = texts
    except ValueError as exc:
        raise DamagedData("an article does not have three folded texts") from exc
    return title, body, captions


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
    return text.encode(_ENCODING, "replace")


def decode_folded(data: bytes, *, is_cut: bool = False) -> str:
    """Return encoded text as a string, without a part of a character if its end ``is_cut`` off.

    Raises :class:`DamagedData`.
    """
    try:
        return getincrementaldecoder(_ENCODING)().decode(data, not is_cut)
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


def characters_before(data: bytes, at: int) -> str | None:
    """Return the characters between the last comma or line end before byte ``at`` and it.

    ``None`` if no character begins there: parts of two can look like another one.
    """
    # These bytes never occur inside a character of several bytes, so decoding can begin there.
    start = max(data.rfind(b",", 0, at), data.rfind(b"\n", 0, at), data.rfind(b"\x1e", 0, at)) + 1
    try:
        return data[start:at].decode(_ENCODING)
    except UnicodeDecodeError:
        return None


def character_at(data: bytes, at: int) -> str:
    """Return the character at byte ``at``, ``""`` at the end and for a part of one."""
    return data[at : at + 4].decode(_ENCODING, "ignore")[:1]


def _folded_text(packed: bytes, limit: int) -> str:
    data = inflate_folded(packed, limit)
    if len(data) > MAX_TEXT_CHARACTERS:
        decoder, length = getincrementaldecoder(_ENCODING)("replace"), 0
        for at in range(0, len(data), _DECODED_BYTES):
            length += len(decoder.decode(data[at : at + _DECODED_BYTES]))
            if length > MAX_TEXT_CHARACTERS:
                raise DamagedData("an article is too long")
    return decode_folded(data)


def load_head(head: str) -> Any:
    """Return the JSON value in ``head``, with a limited number of values.

    Raises :class:`DamagedData`, and :class:`ValueError` for what is not JSON.
    """
    # Short ones take little memory, whatever they contain.
    if len(head) > _MAX_HEAD_VALUES and sum(map(head.count, ",[{")) > _MAX_HEAD_VALUES:
        raise DamagedData("the metadata of an article has too many values")
    return json.loads(head)


def pack_article(article: Article, folded: Sequence[str]) -> bytes:
    """Return ``article`` packed, without its path and given the three texts of ``folded``."""
    published = article.published
    own = TEXT_SEPARATOR.join((article.title, article.body, CAPTION_BREAK.join(article.captions)))
    wide = "".join(n for n, w in _WIDE_FORMS.items() if own.count(w) > own.count(n))
    fields = [
        wide,
        [len(article.title), len(article.body), *map(len, article.captions)],
        article.id,
        article.source,
        article.url,
        article.authors,
        [published.iso, published.precision.value] if published else None,
        article.fetched,
        article.tags,
        dict(article.provenance),
        article.notes,
        article.file_time,
        *((article.since,) if article.since else ()),
    ]
    head = encode_json(fields).encode(_ENCODING, "replace")
    expected = _widen(TEXT_SEPARATOR.join(folded), wide)
    if len(own) != len(expected):
        raise DamagedData(_LENGTH_MISMATCH)
    difference = (
        _xor(_utf32(own[at : at + _CHUNK_LENGTH]), _utf32(expected[at : at + _CHUNK_LENGTH]))
        for at in range(0, len(own), _CHUNK_LENGTH)
    )
    return deflate(
        _compressor(_rest_dictionary),
        chain((len(head).to_bytes(_LENGTH_SIZE, "big") + head,), difference),
    )


def unpack_article(folded: bytes, rest: bytes, path: str, limit: int = MAX_TEXT_BYTES) -> Article:
    """Return the article that two parts were packed from, with at most ``limit`` bytes of text.

    Raises :class:`DamagedData`.
    """
    text = _folded_text(folded, limit)
    data = inflate(rest, _rest_dictionary(), len(text) * _UTF32 + _MAX_HEAD)
    try:
        return _parse_article(data, text, path)
    except DamagedData:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as exc:
        raise DamagedData("the stored article is invalid") from exc


def _parse_article(data: bytes, folded: str, path: str) -> Article:
    end = _LENGTH_SIZE + int.from_bytes(data[:_LENGTH_SIZE], "big")
    (
        wide,
        lengths,
        article_id,
        source,
        url,
        authors,
        published,
        fetched,
        tags,
        provenance,
        notes,
        *others,  # format 4 has none
    ) = load_head(data[_LENGTH_SIZE:end].decode(_ENCODING))
    file_time: str | None = others[0] if others else None
    since: str | None = others[1] if len(others) > 1 else None
    if provenance.get("published") in _GUESSED_IN_FORMAT_4:
        if provenance["published"] == "file time":
            file_time = published[0]
        published = None
        del provenance["published"]
    if len(wide) > len(_WIDE_FORMS) or min(lengths) < 0:
        raise DamagedData("the metadata of an article is invalid")
    expected = _widen(folded, wide)
    # Title, body and captions have two separators, also without a caption.
    if sum(lengths) + max(len(lengths) - 1, 2) != len(expected):
        raise DamagedData(_LENGTH_MISMATCH)
    if len(data) - end != _UTF32 * len(expected):
        raise DamagedData(_LENGTH_MISMATCH)
    own = (
        _xor(
            data[end + _UTF32 * at : end + _UTF32 * (at + _CHUNK_LENGTH)],
            _utf32(expected[at : at + _CHUNK_LENGTH]),
        )
        for at in range(0, len(expected), _CHUNK_LENGTH)
    )
    title, body, *captions = _split_by_lengths(
        "".join(part.decode("utf-32-le") for part in own), lengths
    )
    return Article(
        id=article_id,
        title=title,
        body=body,
        path=path,
        source=source,
        url=url,
        authors=tuple(authors),
        published=Published(published[0], Precision(published[1])) if published else None,
        fetched=fetched,
        file_time=file_time,
        tags=tuple(tags),
        captions=tuple(captions),
        provenance={
            name: Provenance(_RENAMED_PROVENANCE.get(value, value))
            for name, value in provenance.items()
        },
        notes=tuple(notes),
        since=since,
    )


def _split_by_lengths(text: str, lengths: Iterable[int]) -> Iterator[str]:
    """Yield the parts of ``text`` with these lengths and one character between them."""
    at = 0
    for length in lengths:
        yield text[at : at + length]
        at += length + 1


def _widen(text: str, narrow: str) -> str:
    for character in narrow:
        text = text.replace(character, _WIDE_FORMS[character])
    return text


def _utf32(text: str) -> bytes:
    return text.encode("utf-32-le", "replace")


def _xor(first: bytes, second: bytes) -> bytes:
    """Return the difference of two encoded texts of one length, which is mostly zeros.

    Folding keeps the length, so an article's own texts are as long as the folded ones.
    """
    both = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    return both.to_bytes(len(first), "little")


def pack_left_out(passages: Sequence[LeftOut]) -> bytes:
    """Return left-out passages, compressed; ``b""`` if there are none."""
    if not passages:
        return b""
    listed = encode_json([[reason, text] for text, reason in passages])
    return deflate(_compressor(_left_out_dictionary), (listed.encode(_ENCODING, "replace"),))


def inflate_left_out(packed: bytes, limit: int = MAX_TEXT_BYTES) -> str:
    """Return the passages in ``packed`` in JSON, at most ``limit`` bytes, ``""`` for none.

    Each text is in it as it is, but for quotation marks, backslashes and control characters.
    Raises :class:`DamagedData`.
    """
    if not packed:
        return ""
    try:
        return inflate(packed, _left_out_dictionary(), limit).decode(_ENCODING)
    except UnicodeDecodeError as exc:
        raise DamagedData("the left-out text is invalid") from exc


def unpack_left_out(packed: bytes, limit: int = MAX_TEXT_BYTES) -> tuple[LeftOut, ...]:
    """Return the passages in ``packed``, at most ``limit`` bytes; raises :class:`DamagedData`."""
    if not packed:
        return ()
    listed = inflate_left_out(packed, limit)
    try:
        return tuple(_parse_passages(listed))
    except (ValueError, TypeError, RecursionError) as exc:
        raise DamagedData("the left-out text is invalid") from exc


def _parse_passages(listed: str) -> Iterator[LeftOut]:
    """Yield the passages in a JSON array of pairs of a reason and a text.

    Other JSON could take 20 times the memory of its own length.
    """
    decode, at = json.JSONDecoder(strict=False).raw_decode, 0
    for number in range(_MAX_PASSAGES):
        opening = ",[" if number else "[["
        if not listed.startswith(f'{opening}"', at):
            break
        reason, at = decode(listed, at + len(opening))
        if not listed.startswith(',"', at):
            break
        text, at = decode(listed, at + 1)
        if not listed.startswith("]", at):
            break
        at += 1
        yield LeftOut(text, reason)
    if listed[at:] != "]":
        raise DamagedData("the left-out text is invalid")


def pack_file_record(record: FileRecord) -> bytes:
    """Return ``record`` as bytes, without the id of an article that is stored with it.

    A sketch has at most 255 bytes. A record without what format 5 adds is packed as in format 4.
    """
    fetched, length = record.version_key
    digest, sketch = bytes.fromhex(record.digest), record.sketch
    status = _STATUSES.index(record.status) | (_HAS_SKETCH if sketch else 0)
    numbers = (record.size, record.mtime_ns, length, status, len(digest))
    if sketch:
        digest += len(sketch).to_bytes(1, "big") + sketch
    other_id = "" if record.status is Status.INDEXED else record.article_id or ""
    # Paths may have any bytes except the separator.
    texts = _FILE_RECORD_SEPARATOR.join(
        (
            record.path,
            fetched,
            other_id,
            record.reason or "",
            record.extractor,
            record.address,
            record.locator,
            record.ledger,
        )
    ).rstrip(_FILE_RECORD_SEPARATOR)
    return _FILE_RECORD_NUMBERS.pack(*numbers) + digest + texts.encode("utf-8", "surrogateescape")


def unpack_file_record(data: bytes, article_id: str) -> FileRecord:
    """Return the file record in ``data``; ``article_id`` is that of its indexed article, if any.

    Raises :class:`DamagedData` for invalid bytes.
    """
    if len(data) < _FILE_RECORD_NUMBERS.size:
        raise DamagedData("a file record is cut off")
    size, mtime_ns, length, status, digest_size = _FILE_RECORD_NUMBERS.unpack_from(data)
    digest_end = texts_at = _FILE_RECORD_NUMBERS.size + digest_size
    sketch = b""
    if status & _HAS_SKETCH:
        status ^= _HAS_SKETCH
        sketch_size = data[digest_end] if digest_end < len(data) else 0
        texts_at += 1 + sketch_size
        sketch = data[digest_end + 1 : texts_at]
    if status >= len(_STATUSES) or texts_at > len(data):
        raise DamagedData("a file record is invalid")
    texts = data[texts_at:].decode("utf-8", "surrogateescape").split(_FILE_RECORD_SEPARATOR)
    path, fetched, other_id, reason, extractor, address, locator, ledger = (*texts, *7 * ("",))[:8]
    return FileRecord(
        path,
        size,
        mtime_ns,
        data[_FILE_RECORD_NUMBERS.size : digest_end].hex(),
        _STATUSES[status],
        article_id or other_id or None,
        reason or None,
        (fetched, length),
        sys.intern(extractor),
        sketch,
        address,
        locator,
        ledger,
    )
