"""Decode files: by byte order mark, by a plausible declaration, else by the most likely encoding.

Most Big5 bytes are valid GB18030 as well, so trying encodings in order does not work: the
decoded text is scored by how much it looks like a language. A guess is reported in a note. The
limits of what is read as one article are here too.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes

from newsgrep.errors import NoArticle

_SAMPLE_BYTES: Final = 16_384
"""Bytes that are read to guess an encoding."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY_SIGNATURES: Final = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b", "gzip data"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xfd7zXZ", "XZ data"),
    (b"BZh", "bzip2 data"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})")
# Names in declarations, and a superset of the encoding that they name.
_SUPERSETS: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
# Python's own notations: they decode to surrogates, which occur in no text.
_NOT_ENCODINGS: Final = frozenset(("unicode-escape", "raw-unicode-escape", "utf-7", "punycode"))
_DISPLAY_NAMES: Final = {"big5hkscs": "big5", "cp932": "shift_jis"}

# The most frequent characters of newspapers, simplified and traditional: more than half of any
# Chinese text, and almost none of the characters when its bytes are decoded wrongly.
_COMMON_CHARACTERS: Final = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可"
    "她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三"
    "已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女"
    "问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由"
    "却代军产入先山五太水万市度九总八更报记者会议领导俄普京习近平联合战争台湾香港社区北京警察政府"
    "這來個為們時過對說國會學後沒還發經頭樣現動長實點種聲問機給幾業間電門東聽氣關並內產軍萬總報記領導"
    "聯戰爭臺灣員體應該讓開義與從將當無見兩進話裡麼樂論認識區選舉權黨華書數傳統際強調團結構運難題變"
)
_PUNCTUATION: Final = frozenset("，。、“”：；！？《》（）「」『』—…‘’·　")
_KANA_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7a3]")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Decoded text whose lines end in newlines, its encoding, and notes for people."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(data: bytes) -> DecodedText:
    """Return the text in ``data``.

    Raises :class:`~newsgrep.errors.NoArticle` for empty and binary files.
    """
    if not data.strip(b" \t\r\n\0"):
        raise NoArticle("the file is empty")
    for magic, what in _BINARY_SIGNATURES:
        if data.startswith(magic):
            raise NoArticle(f"the file is {what}, not text")
    encoding, guessed, data = _choose_encoding(data)
    notes = [f"encoding guessed: {_DISPLAY_NAMES.get(encoding, encoding)}"] if guessed else []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        lost = text.count("\ufffd")
        if lost * 5 > len(text):
            raise NoArticle("the file is binary or in an unknown encoding") from None
        notes.append(f"{lost} invalid byte sequences in {_DISPLAY_NAMES.get(encoding, encoding)}")
    control = len(_CONTROL.findall(text[:_SAMPLE_BYTES]))
    if control * 10 > len(text[:_SAMPLE_BYTES]):
        raise NoArticle("the file is binary")
    return DecodedText(text.replace("\r\n", "\n").replace("\r", "\n"), encoding, tuple(notes))


_CONTROL = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def _choose_encoding(data: bytes) -> tuple[str, bool, bytes]:
    """Return the encoding, whether it is a guess, and the data without byte order mark."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding, False, data[len(bom) :]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if data.count(0, 0, _SAMPLE_BYTES) * 10 < len(data[:_SAMPLE_BYTES]):
            return "utf-8", False, data
    declared = _declared_encoding(data)
    best, scores = _best_encoding(data, declared)
    if scores[best] < _MIN_TEXT_SCORE:
        raise NoArticle("the file is binary or in an unknown encoding")
    if declared and scores.get(declared, -9.0) >= scores[best] - 0.1:
        return declared, False, data
    return best, True, data


def _declared_encoding(data: bytes) -> str | None:
    for match in _DECLARED.finditer(data[:4096]):
        name = match[1].decode("ascii").lower()
        try:
            name = codecs.lookup(_SUPERSETS.get(name, name)).name
            b" ".decode(name, "replace")  # a codec from bytes to bytes fails here
        except (LookupError, ValueError):
            continue
        if name in _NOT_ENCODINGS:
            continue
        return _SUPERSETS.get(name, name)
    return None


def _best_encoding(data: bytes, declared: str | None) -> tuple[str, dict[str, float]]:
    sample = data[:_SAMPLE_BYTES]
    candidates = ["utf-8", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be"]
    if declared:
        candidates.append(declared)
    scores = {name: _score_encoding(sample, name) for name in dict.fromkeys(candidates)}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < _SURE_SCORE:
        for name in _detected_encodings(sample):
            # cp1252 is more frequent than the many encodings that differ from it by a few letters.
            scores.setdefault(
                name, _score_encoding(sample, name) - (0.03 if name == "cp1252" else 0.05)
            )
        best = max(scores, key=lambda name: scores[name])
    return best, scores


_MIN_TEXT_SCORE: Final = -0.3
"""No text has a lower score in its own encoding."""
_SURE_SCORE: Final = 0.35
"""Only Chinese text reaches this score; no other encodings are tried then."""


def _detected_encodings(sample: bytes) -> list[str]:
    names = []
    for match in from_bytes(sample[:4096], steps=5, chunk_size=512):
        name = codecs.lookup(match.encoding).name
        names.append(_SUPERSETS.get(name, name))
        if len(names) == 3:  # the most likely come first
            break
    return [*names, "cp1252"]


def _score_encoding(sample: bytes, encoding: str) -> float:
    """Return how much the non-ASCII part of ``sample`` looks like text, at most 1."""
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    except (UnicodeError, LookupError, ValueError):
        return -9.0
    if not text:
        return -9.0
    ascii_count = good = bad = 0.0
    previous = " "
    for char in text:
        code = ord(char)
        if code < 0x80:
            if code < 0x20 and char not in "\n\r\t\x0c\x1b":
                bad += 2
            else:
                ascii_count += 1
        elif char in _COMMON_CHARACTERS or char in _PUNCTUATION:
            good += 1
        elif char == "\ufffd" or 0xE000 <= code <= 0xF8FF or code < 0xA0:
            bad += 3
        elif 0x4E00 <= code <= 0x9FFF:
            pass
        elif code < 0x250:
            good += 0.6 if previous.isalpha() and previous.isascii() else -0.3
        elif _KANA_HANGUL.match(char) or 0x370 <= code <= 0x5FF:
            good += 0.25
        else:
            bad += 0.5
        previous = char
    other = len(text) - ascii_count
    if other == 0:
        return 0.5
    return (good - bad) / other


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
        raise NoArticle(f"more than {limit:,} {what}: too much for one article")
