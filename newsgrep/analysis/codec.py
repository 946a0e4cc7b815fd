"""How an article lies in an engine's store: its folded text first, the rest as a difference.

A literal is looked for in the folded bytes without decoding them; where the article's own
text differs from the folded one is little, and kept beside it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from struct import Struct
from typing import Final

from newsgrep._io import table_lines, to_json
from newsgrep.models import Article, FileRecord, Precision, Provenance, Published, Status

CAPTION_BREAK: Final = "\n"
"""What stands between the captions of an article in a folded text."""

# Two bytes for a Han character where UTF-8 takes three: compressed texts are 15 % smaller
# (1,000 articles of each archive). Every character has its code, so nothing is lost.
_ENCODING: Final = "gb18030"
_COMPRESSION_LEVEL: Final = 4  # half a per cent larger than 6, and a third faster
_RAW_DEFLATE: Final = -15
_SEPARATOR: Final = "\x1e"  # tidied texts hold no control characters
_SEPARATOR_BYTE: Final = b"\x1e"
_CRC_SIZE: Final = 4
_LENGTH_SIZE: Final = 4
_MAX_TEXT: Final = 1 << 28
"""Bytes of folded texts: no file of more than 64 MB is read, no character takes more than four."""
_MAX_HEAD: Final = 1 << 26
"""Bytes of everything about an article that is not its texts."""
_UTF32: Final = 4
_STATUSES: Final = tuple(Status)
_FILE_RECORD_NUMBERS: Final = Struct("<QqQBB")
_FILE_RECORD_SEPARATOR: Final = "\0"
_CHUNK_LENGTH: Final = 65_536
"""Characters of which the difference is taken at once: it takes 20 bytes for each."""

# Articles are short and compressed one by one, so both sides know beforehand what most of
# them say: texts are 8 to 14 % smaller for it, and what is not text by half.
_COMMON_METADATA: Final = (
    '[[],[],null,null,"index","text","heading","site name","file time","page title","URL",'
    '"meta","JSON-LD","byline","time element","day","month","year","minute","second",'
    '["https://www.","http://",".html",".shtml"],{"title":"front matter","source":"site rule",'
    '"authors":"byline","published":"front matter"},[]]'
)
# What folding narrows most often; nearly always all of one kind in one article.
_WIDE_FORMS: Final = dict(zip(",:;?!()", "，：；？！（）", strict=True))


_LENGTH_MISMATCH: Final = "a text has another length than its folded one"


class DamagedData(ValueError):
    """Packed bytes are not what they were when they were packed."""


@cache
def _text_dictionary() -> bytes:
    return "".join(table_lines(__file__, "frequent_words.txt")).encode(_ENCODING)


@cache
def _compressors() -> tuple[zlib._Compress, zlib._Compress]:
    # Copied for each text, for learning the dictionary takes longer than most texts.
    texts, rest = (
        zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=known)
        for known in (_text_dictionary(), _text_dictionary() + _COMMON_METADATA.encode(_ENCODING))
    )
    return texts, rest


def _pack(packer: zlib._Compress, parts: Iterable[bytes]) -> bytes:
    packer = packer.copy()
    packed = b"".join([*map(packer.compress, parts), packer.flush()])
    return zlib.crc32(packed).to_bytes(_CRC_SIZE, "big") + packed


def _unpack(packed: bytes, known: bytes, most: int) -> bytes:
    """Return what was packed, at most ``most`` bytes; raises :class:`DamagedData`."""
    body = memoryview(packed)[_CRC_SIZE:]
    if zlib.crc32(body) != int.from_bytes(packed[:_CRC_SIZE], "big"):
        raise DamagedData("a text has other bytes than it had")
    inflater = zlib.decompressobj(_RAW_DEFLATE, zdict=known)
    try:
        data = inflater.decompress(body, most)
    except zlib.error as exc:
        raise DamagedData(f"a text can't be unpacked ({exc})") from exc
    if not inflater.eof:
        raise DamagedData("a text has no end, or is longer than any that is kept")
    return data


def pack_folded(title: str, body: str, captions: str) -> bytes:
    """Return the folded texts of an article, compressed."""
    return _pack(
        _compressors()[0], (_SEPARATOR.join((title, body, captions)).encode(_ENCODING, "replace"),)
    )


def unpack_folded(packed: bytes) -> tuple[str, str, str]:
    """Return the folded title, body and captions; raises :class:`DamagedData`."""
    try:
        title, body, captions = _folded_text(packed).split(_SEPARATOR)
    except ValueError as exc:
        raise DamagedData("folded texts are not the three that they were") from exc
    return title, body, captions


def inflate_folded(packed: bytes) -> bytes:
    """Return the encoded folded texts of an article; raises :class:`DamagedData`.

    :func:`encode` encodes a string to be searched for in them, :func:`text_ends` separates them.
    """
    return _unpack(packed, _text_dictionary(), _MAX_TEXT)


def encode(text: str) -> bytes:
    """Return ``text`` in the encoding of packed texts."""
    return text.encode(_ENCODING, "replace")


def decode(data: bytes) -> str:
    """Return encoded text as a string; raises :class:`DamagedData`."""
    try:
        return data.decode(_ENCODING)
    except UnicodeDecodeError as exc:
        raise DamagedData("folded texts are not valid text") from exc


def text_ends(data: bytes) -> tuple[int, int]:
    """Return where title and body end, in bytes of what :func:`inflate_folded` returned."""
    return data.find(_SEPARATOR_BYTE), data.rfind(_SEPARATOR_BYTE)


def is_character_start(data: bytes, at: int) -> bool:
    """Return whether a character begins at byte ``at``: parts of two can look like another one."""
    # These bytes never occur inside a character of several bytes, so decoding can begin there.
    start = max(data.rfind(mark, 0, at) for mark in (b",", b"\n", _SEPARATOR_BYTE)) + 1
    try:
        data[start:at].decode(_ENCODING)
    except UnicodeDecodeError:
        return False
    return True


def _folded_text(packed: bytes) -> str:
    return decode(inflate_folded(packed))


def pack_article(article: Article, folded: Sequence[str]) -> bytes:
    """Return what ``article`` has beyond its path and the three texts of ``folded``."""
    published = article.published
    own = _SEPARATOR.join((article.title, article.body, CAPTION_BREAK.join(article.captions)))
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
    ]
    head = to_json(fields).encode(_ENCODING, "replace")
    guessed = _widen(_SEPARATOR.join(folded), wide)
    if len(own) != len(guessed):
        raise DamagedData(_LENGTH_MISMATCH)
    difference = (
        _xor(_utf32(own[at : at + _CHUNK_LENGTH]), _utf32(guessed[at : at + _CHUNK_LENGTH]))
        for at in range(0, len(own), _CHUNK_LENGTH)
    )
    return _pack(
        _compressors()[1], chain((len(head).to_bytes(_LENGTH_SIZE, "big") + head,), difference)
    )


def unpack_article(folded: bytes, rest: bytes, path: str) -> Article:
    """Return the article that the two packed parts hold; raises :class:`DamagedData`."""
    text = _folded_text(folded)
    most = len(text) * _UTF32 + _MAX_HEAD
    data = _unpack(rest, _text_dictionary() + _COMMON_METADATA.encode(_ENCODING), most)
    try:
        return _parse_article(data, text, path)
    except DamagedData:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as exc:
        raise DamagedData(f"what is kept of an article is none ({exc})") from exc


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
    ) = json.loads(data[_LENGTH_SIZE:end].decode(_ENCODING))
    guessed = _widen(folded, wide)
    if len(data) - end != _UTF32 * len(guessed):
        raise DamagedData(_LENGTH_MISMATCH)
    own = (
        _xor(
            data[end + _UTF32 * at : end + _UTF32 * (at + _CHUNK_LENGTH)],
            _utf32(guessed[at : at + _CHUNK_LENGTH]),
        )
        for at in range(0, len(guessed), _CHUNK_LENGTH)
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
        tags=tuple(tags),
        captions=tuple(captions),
        provenance={name: Provenance(value) for name, value in provenance.items()},
        notes=tuple(notes),
    )


def _split_by_lengths(text: str, lengths: Iterable[int]) -> Iterator[str]:
    """Yield parts of these lengths, with one character between them."""
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
    """Return where and how two texts of one length differ: zeros, but for a few places.

    Folding keeps the length, so an article's own texts are as long as the folded ones.
    """
    both = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    return both.to_bytes(len(first), "little")


def pack_file_record(stamp: FileRecord) -> bytes:
    """Return ``stamp`` as bytes; the id of an article that is shown is kept elsewhere."""
    fetched, length = stamp.rank
    digest = bytes.fromhex(stamp.digest)
    numbers = (stamp.size, stamp.mtime_ns, length, _STATUSES.index(stamp.status), len(digest))
    other_id = "" if stamp.status is Status.INDEXED else stamp.article_id or ""
    # Paths may be any bytes, but for the one that parts them.
    texts = _FILE_RECORD_SEPARATOR.join((stamp.path, fetched, other_id, stamp.reason or "")).rstrip(
        _FILE_RECORD_SEPARATOR
    )
    return _FILE_RECORD_NUMBERS.pack(*numbers) + digest + texts.encode("utf-8", "surrogateescape")


def unpack_file_record(data: bytes, article_id: str) -> FileRecord:
    """Return the stamp in ``data``; ``article_id`` is the one shown from its file, if any.

    Raises :class:`DamagedData` for bytes that hold none.
    """
    if len(data) < _FILE_RECORD_NUMBERS.size:
        raise DamagedData("a stamp is cut short")
    size, mtime_ns, length, status, digest_size = _FILE_RECORD_NUMBERS.unpack_from(data)
    texts_at = _FILE_RECORD_NUMBERS.size + digest_size
    if status >= len(_STATUSES) or texts_at > len(data):
        raise DamagedData("a stamp says what no stamp says")
    texts = data[texts_at:].decode("utf-8", "surrogateescape").split(_FILE_RECORD_SEPARATOR)
    path, fetched, other_id, reason = (*texts, "", "", "")[:4]
    return FileRecord(
        path,
        size,
        mtime_ns,
        data[_FILE_RECORD_NUMBERS.size : texts_at].hex(),
        _STATUSES[status],
        article_id or other_id or None,
        reason or None,
        (fetched, length),
    )
