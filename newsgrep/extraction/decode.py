"""Decode files: by byte order mark, by a true declaration, else by the most likely encoding.

A guess is reported in a note, and so is every byte that cannot be decoded. The limits of what
is read as one article are here too.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.encodings.choice import (
    DISPLAY_NAMES,
    SAMPLE_BYTES,
    choose_encoding,
    encoding_of_line,
    is_probably_utf8,
)
from newsgrep.extraction.encodings.likelihood import repair
from newsgrep.extraction.encodings.seven_bit import decode_seven_bit
from newsgrep.messages import mark, message, plural

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY_SIGNATURES: Final = (
    (b"%PDF-", mark("a PDF document")),
    (b"\x89PNG", mark("a PNG image")),
    (b"\xff\xd8\xff", mark("a JPEG image")),
    (b"GIF8", mark("a GIF image")),
    (b"PK\x03\x04", mark("a ZIP archive or office document")),
    (b"\x1f\x8b", mark("gzip data")),
    (b"\xd0\xcf\x11\xe0", mark("an old office document")),
    (b"7z\xbc\xaf", mark("a 7-Zip archive")),
    (b"\xfd7zXZ", mark("XZ data")),
    (b"BZh", mark("bzip2 data")),
    (b"\x7fELF", mark("a program")),
    (b"SQLite format 3\0", mark("an SQLite database")),
)
_CONTROLS: Final = bytes((*range(1, 9), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F))
_TERMINAL_CODE = re.compile(rb"\x1b\[[0-9;]{0,40}[A-Za-z]")
"""Colours and moves of the cursor, as posts of bulletin boards contain; some divide a character."""
_BEYOND_LATIN: Final = tuple(bytes((lead,)) for lead in range(0xE0, 0xF5))
"""First bytes of characters from U+0800 on in UTF-8."""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Decoded text whose lines end in newlines, its encoding, and notes for people.

    ``utf8`` are the bytes of ``text`` in UTF-8 if the file consists of them, else None.
    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()
    utf8: bytes | None = None


def decode(data: bytes, charset: str | None = None) -> DecodedText:
    """Return the text in ``data``; ``charset`` is what an HTTP or mail header says about it.

    Like a declaration in the text, it counts if the bytes are text in it; it comes first.
    Raises :class:`~newsgrep.errors.NoArticle` for empty and binary files.
    """
    if not data.strip(b" \t\r\n\0"):
        raise NoArticle("the file is empty")
    for magic, what in _BINARY_SIGNATURES:
        if data.startswith(magic):
            raise NoArticle("the file is {what}, not text", what=message(what))
    text, encoding, notes = _decode(data, charset)
    sample = (
        data[:_CONTROL_SAMPLE]
        if encoding == "utf-8"
        else text[:_CONTROL_SAMPLE].encode("utf-8", "replace")
    )
    if (len(sample) - len(sample.translate(None, _CONTROLS))) * 30 > len(sample):
        raise NoArticle("the file is binary")
    if b"\r" in data:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return DecodedText(text, encoding, notes)
    changed = encoding != "utf-8" or notes or b"\x1b" in data or data.startswith(codecs.BOM_UTF8)
    return DecodedText(text, encoding, notes, None if changed else data)


_CONTROL_SAMPLE: Final = 16_384
"""Bytes of UTF-8 in which control characters are counted."""


def _decode(data: bytes, charset: str | None) -> tuple[str, str, tuple[str, ...]]:
    """Return the text with its line ends, its encoding, and the notes."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            data = data[len(bom) :]
            if encoding != "utf-8":
                return _decode_lines(data, encoding)
    if b"\x1b" in data and b"\x1b[" in data and b"\0" not in data[:SAMPLE_BYTES]:
        data = _TERMINAL_CODE.sub(b"", data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        chosen, guessed = choose_encoding(data, charset)
    else:
        if data.isascii() and (seven_bit := decode_seven_bit(data)):
            return _with_notes(*seven_bit, _guess_notes(seven_bit[1]))
        zeros = data.count(0, 0, SAMPLE_BYTES)
        if zeros * 10 < len(data[:SAMPLE_BYTES]) and (
            data.isascii()
            or any(lead in data for lead in _BEYOND_LATIN)
            or is_probably_utf8(data, charset)
        ):
            return text, "utf-8", ()
        chosen, guessed = choose_encoding(data, charset, utf8=False)
    if chosen is None:
        raise NoArticle("the file is binary or in an unknown encoding")
    return _decode_lines(data, chosen, _guess_notes(chosen) if guessed else ())


def _decode_lines(
    data: bytes, encoding: str, notes: tuple[str, ...] = ()
) -> tuple[str, str, tuple[str, ...]]:
    """Decode ``data``, and lines that are not valid in ``encoding`` in their own encoding."""
    try:
        return data.decode(encoding), encoding, notes
    except UnicodeDecodeError:
        pass
    if encoding.startswith(("utf-16", "utf-32")):
        return _with_notes(data.decode(encoding, "replace"), encoding, notes)
    lines = []
    lost = 0
    others: Counter[str] = Counter()
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode(encoding))
        except UnicodeDecodeError:
            other = encoding_of_line(line, encoding)
            if other is None and encoding in _REPAIRED and len(line) <= _MAX_REPAIRED_BYTES:
                lines.append(repair(line, encoding))
            else:
                lines.append(line.decode(other or encoding, "replace"))
            if other:
                others[other] += 1
            else:
                lost += lines[-1].count("\ufffd")
    for name, count in others.items():
        notes += (
            plural(
                "{count} line in {other}, the others in {encoding}",
                "{count} lines in {other}, the others in {encoding}",
                count,
                other=_display(name),
                encoding=_display(encoding),
            ),
        )
    return _with_notes("\n".join(lines), encoding, notes, lost)


_REPAIRED: Final = ("gb18030", "big5hkscs")
_MAX_REPAIRED_BYTES: Final = 200_000
"""Bytes of a line; a repair takes a microsecond for each."""


def _with_notes(
    text: str, encoding: str, notes: tuple[str, ...], lost: int | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """Return the parts of a :class:`DecodedText`, with a note on ``lost`` byte sequences.

    Raises :class:`~newsgrep.errors.NoArticle` if there are too many for a text.
    """
    lost = text.count("\ufffd") if lost is None else lost
    if lost * 5 > len(text):
        raise NoArticle("the file is binary or in an unknown encoding")
    if lost:
        notes += (
            plural(
                "{count} invalid byte sequence in {encoding}",
                "{count} invalid byte sequences in {encoding}",
                lost,
                encoding=_display(encoding),
            ),
        )
    return text, encoding, notes


def _guess_notes(encoding: str) -> tuple[str, ...]:
    return (message("encoding guessed: {encoding}", encoding=_display(encoding)),)


def _display(encoding: str) -> str:
    return DISPLAY_NAMES.get(encoding, encoding)


MAX_CHARACTERS: Final = 10_000_000
"""Characters of text in a file; the longest novels have two or three million."""

MAX_LINES: Final = 1_000_000
"""Lines of a file; books have about ten thousand."""

MAX_ELEMENTS: Final = 500_000
"""Elements of a page, and comments; the largest pages that people read have a tenth."""


def check_limit(count: int, limit: int, what: str) -> None:
    """Raise :class:`~newsgrep.errors.NoArticle` if ``count`` is more than ``limit``.

    Each limit is several times what the largest pages and books have. It bounds the memory and
    the time that one file of the greatest size takes.
    """
    if count > limit:
        raise NoArticle(
            "more than {limit:,} {what}: too much for one article", limit=limit, what=message(what)
        )
