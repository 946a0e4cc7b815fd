"""The stored form of articles and file records.

An article is stored as its folded texts (:mod:`newsgrep.analysis.packed_texts`) and, separately,
the rest: metadata and where its own texts differ from the folded ones, which is little. Left-out
text is packed apart, so that no other search reads it. Earlier versions of an article are packed in
:mod:`newsgrep.analysis.versions`.

These are the forms of index format 8. What formats 4 to 7 have packed is unpacked as well.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from struct import Struct
from typing import Any, Final

from newsgrep._io import encode_json
from newsgrep.analysis.packed_texts import (
    CAPTION_BREAK,
    MAX_TEXT_BYTES,
    TEXT_ENCODING,
    TEXT_SEPARATOR,
    DamagedData,
    deflate,
    folded_text,
    inflate,
    inflate_folded,
    new_compressor,
    text_dictionary,
)
from newsgrep.models import Article, FileRecord, LeftOut, Precision, Provenance, Published, Status

_LENGTH_SIZE: Final = 4
_MAX_HEAD: Final = 1 << 25
"""Bytes of an article's metadata."""

_MAX_HEAD_VALUES: Final = 1 << 21
_MAX_PASSAGES: Final = 1 << 20
"""Pages have at most half as many elements, and so do texts have lines."""
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

_LENGTH_MISMATCH: Final = "a text and its folded text differ in length"


@cache
def _rest_dictionary() -> bytes:
    return text_dictionary() + _COMMON_METADATA.encode(TEXT_ENCODING)


@cache
def _left_out_dictionary() -> bytes:
    return text_dictionary() + _COMMON_IN_LEFT_OUT.encode(TEXT_ENCODING)


@cache
def _compressor(dictionary: Callable[[], bytes]) -> zlib._Compress:
    # Copied for each text: loading the dictionary takes longer than compressing most texts.
    return new_compressor(dictionary())


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
    wide = "".join([n for n, w in _WIDE_FORMS.items() if w in own and own.count(w) > own.count(n)])
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
    head = encode_json(fields).encode(TEXT_ENCODING, "replace")
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
    text = folded_text(inflate_folded(folded, limit))
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
    ) = load_head(data[_LENGTH_SIZE:end].decode(TEXT_ENCODING))
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
    return deflate(_compressor(_left_out_dictionary), (listed.encode(TEXT_ENCODING, "replace"),))


def inflate_left_out(packed: bytes, limit: int = MAX_TEXT_BYTES) -> str:
    """Return the passages in ``packed`` in JSON, at most ``limit`` bytes, ``""`` for none.

    Each text is in it as it is, but for quotation marks, backslashes and control characters.
    Raises :class:`DamagedData`.
    """
    if not packed:
        return ""
    try:
        return inflate(packed, _left_out_dictionary(), limit).decode(TEXT_ENCODING)
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
