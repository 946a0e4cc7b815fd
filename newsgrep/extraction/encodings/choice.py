"""Which encoding a file has: a declaration that fits its bytes, else the most likely encoding.

Most Big5 bytes are valid GB18030 as well, so trying encodings in order does not work. Readings
are compared by the likelihood of their characters, on a sample around the non-ASCII bytes:
a page may begin with a hundred kilobytes of style sheets.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from newsgrep.extraction.encodings.likelihood import Likelihood, likelihood, word_likelihood

SAMPLE_BYTES: Final = 8192
"""Bytes that are read to guess an encoding, most of them not ASCII."""
_FOREIGN_SAMPLE_BYTES: Final = 4096
"""The same for the many encodings of other languages."""

_META = re.compile(
    rb"<meta\b[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})|"
    rb"<\?xml\b[^>]{0,200}?encoding\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})",
    re.IGNORECASE,
)
_OTHER_DECLARATION = re.compile(
    rb"(?:charset|encoding)\s*[=:]\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE
)
_HEAD_BYTES: Final = 4096
"""Bytes at the beginning in which other declarations count: headers, style sheets, fields."""
_MAX_DECLARATIONS: Final = 4

# Names in declarations, and a superset of the encoding that they name.
_SUPERSETS: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb_2312": "gb18030",
    "gb_2312-80": "gb18030",
    "x-gbk": "gb18030",
    "csgb2312": "gb18030",
    "chinese": "gb18030",
    "cp936": "gb18030",
    "windows-936": "gb18030",
    "ms936": "gb18030",
    "euc-cn": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "cn-big5": "big5hkscs",
    "big5-eten": "big5hkscs",
    "big5-2003": "big5hkscs",
    "cp950": "big5hkscs",
    "windows-950": "big5hkscs",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "windows-949": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-8859-9": "cp1254",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
}
# Python's own notations: they decode to surrogates, which occur in no text. The encodings of
# seven bits are recognised by their escapes, not by their names.
_NOT_ENCODINGS: Final = frozenset(
    ("unicode-escape", "raw-unicode-escape", "utf-7", "punycode", "idna", "hz")
)
_CHINESE: Final = ("gb18030", "big5hkscs")
_FOREIGN: Final = (
    "cp932",
    "euc_jp",
    "cp949",
    "cp1252",
    "cp1251",
    "koi8_r",
    "cp1250",
    "cp1254",
    "cp1253",
    "cp1256",
    "cp1255",
    "cp874",
    "cp866",
    "iso8859-5",
)
DISPLAY_NAMES: Final = {"big5hkscs": "big5", "cp932": "shift_jis"}

_CHINESE_LIKELIHOOD: Final = -8.5
"""Mean logarithm for each character from which on a reading is Chinese beyond doubt.

Running text has -6.8, lists of names and fishes -10; Chinese bytes in the wrong encoding of
the two have -12 to -17, Korean ones -9.6 to -11.
"""
_LIKELY_CHINESE: Final = -10.5
"""The same where the alternative is no text at all."""
_CHINESE_BONUS: Final = 2.5
"""Added for each non-ASCII character of a Chinese reading: this is a tool for Chinese archives."""
_MIN_LIKELIHOOD: Final = -15.0
_MIN_FOREIGN_LIKELIHOOD: Final = -8.0
"""Mean logarithm of the least likely text, in Chinese and in others. Random bytes have less."""
_CLEAR_LEAD: Final = 100.0
"""The lead of one reading over the other from which on words need not be searched for."""
_CONTRADICTION: Final = 3.0
"""The mean by which another reading must be likelier to outvote a declaration."""
_MIN_CONTRADICTION: Final = 25.0
"""The same in total: a few characters are no evidence."""


class Reading(NamedTuple):
    """The bytes of a sample in one encoding; ``words`` is what words add to the likelihood."""

    encoding: str
    likelihood: Likelihood
    words: float = 0.0

    @property
    def total(self) -> float:
        """The logarithm of the likelihood, to compare with other readings of the sample."""
        return self.likelihood.total + self.words

    @property
    def mean(self) -> float:
        """The mean logarithm for each non-ASCII character."""
        return self.likelihood.mean + self.words / max(self.likelihood.characters, 1)

    @property
    def is_chinese(self) -> bool:
        """Whether this is Chinese beyond doubt: frequent Han, and no kana among them."""
        seen = self.likelihood
        return seen.mean >= _CHINESE_LIKELIHOOD and seen.kana * 10 <= seen.characters


class Choice(NamedTuple):
    """An encoding, and whether it was guessed; ``encoding`` is None for binary data."""

    encoding: str | None
    guessed: bool


def choose_encoding(data: bytes, charset: str | None = None, *, utf8: bool = True) -> Choice:
    """Return the encoding of ``data``, which has no byte order mark and is not valid UTF-8.

    ``charset`` is declared outside of it, as in an HTTP header. ``utf8`` says whether it may be
    damaged UTF-8.
    """
    wide = _wide_encoding(data)
    if wide:
        return Choice(wide, True)
    if utf8 and _is_damaged_utf8(data):
        return Choice("utf-8", True)
    sample = _sample(data)
    readings = {name: _read(sample, name) for name in _CHINESE}
    best, other = sorted(readings.values(), key=lambda reading: -reading.total)
    if not best.is_chinese or best.total - other.total < _CLEAR_LEAD:
        readings = {name: _read_words(sample, name) for name in _CHINESE}
        best = max(readings.values(), key=lambda reading: reading.total)
    for name in declared_encodings(data, charset):
        declared = readings.get(name) or _read(sample, name)
        if _believe(data, declared, best):
            return Choice(name, False)
        readings[name] = declared
    if not best.is_chinese:
        best = _most_likely(data, sample, readings)
    if best.mean < (_MIN_FOREIGN_LIKELIHOOD if best.encoding in _FOREIGN else _MIN_LIKELIHOOD):
        return Choice(None, True)
    return Choice(best.encoding, True)


def is_probably_utf8(data: bytes, charset: str | None = None) -> bool:
    """Return whether ``data``, which is valid UTF-8 without longer characters, is UTF-8.

    A short text in GBK may be a sequence of characters of two bytes in UTF-8.
    """
    if _ADJACENT.search(data) is None:
        return True  # accents of a Latin text
    sample = _sample(data)
    readings = {name: _read_words(sample, name) for name in _CHINESE}
    best = max(readings.values(), key=lambda reading: reading.total)
    utf8 = _read(sample, "utf-8")
    if any(
        readings[name].total + _DECLARED_GAIN * readings[name].likelihood.characters >= utf8.total
        for name in declared_encodings(data, charset)
        if name in readings
    ):
        return False
    # A character of GBK is one of UTF-8 in one of four cases, by chance.
    return not best.is_chinese or (utf8.total + 1.4 * utf8.likelihood.characters >= best.total)


_ADJACENT = re.compile(rb"[\x80-\xbf][\xc2-\xdf]")
"""Two characters beyond ASCII without one between them, as every Chinese word has."""
_DECLARED_GAIN: Final = 6.0
"""What a declaration of a Chinese encoding adds for each character, against UTF-8."""


def encoding_of_line(line: bytes, encoding: str) -> str | None:
    """Return the encoding of a line that is not valid in the ``encoding`` of the file, or None."""
    readings = []
    for name in ("utf-8", *_CHINESE):
        if name == encoding:
            continue
        try:
            seen = likelihood(line.decode(name)[:SAMPLE_BYTES])
        except UnicodeDecodeError:
            continue
        if seen.characters > 1 and seen.mean >= _LIKELY_CHINESE:
            readings.append(Reading(name, seen))
    return max(readings, key=lambda reading: reading.total).encoding if readings else None


def declared_encodings(data: bytes, charset: str | None = None) -> list[str]:
    """Return the encodings that ``data`` declares, the most credible first, by Python's names.

    ``charset``, declared outside of it, comes first. A declaration in a ``meta`` element counts
    anywhere, others near the beginning only.
    """
    names: dict[str, None] = {}
    outside = [charset.encode("ascii", "replace")] if charset else []
    for match in chain(outside, _declarations(data)):
        name = match.decode("ascii").lower()
        try:
            name = codecs.lookup(_SUPERSETS.get(name, name)).name
            b" ".decode(name, "replace")  # a codec from bytes to bytes fails here
        except (LookupError, ValueError):
            continue
        name = _SUPERSETS.get(name, name)
        if name not in _NOT_ENCODINGS and not name.startswith(("utf-16", "utf-32", "iso2022")):
            names.setdefault(name)
        if len(names) == _MAX_DECLARATIONS:
            break
    return list(names)


def _declarations(data: bytes) -> Iterator[bytes]:
    for match in _META.finditer(data):
        yield match[1] or match[2]
    for match in _OTHER_DECLARATION.finditer(data[:_HEAD_BYTES]):
        yield match[1]


def _believe(data: bytes, declared: Reading, best: Reading) -> bool:
    """Return whether a declaration is true: it decodes, and no other reading is far likelier."""
    gain = best.total - declared.total
    if gain > max(_MIN_CONTRADICTION, _CONTRADICTION * declared.likelihood.characters):
        return False
    try:
        data.decode(declared.encoding)
    except UnicodeDecodeError as exc:
        # A file that was cut off ends in half a character.
        return exc.start >= len(data) - 4 or (declared.mean >= _MIN_LIKELIHOOD and gain <= 0)
    return True


def _most_likely(data: bytes, sample: bytes, readings: Iterable[str]) -> Reading:
    """Return the likeliest of all readings, ``readings`` among them; Chinese has an advantage."""
    sample = sample[:_FOREIGN_SAMPLE_BYTES]
    candidates = [_read_words(sample, name) for name in dict.fromkeys((*readings, *_FOREIGN))]
    raw = data[:SAMPLE_BYTES]
    if len(data) % 2 == 0:
        wide = (_read(raw, name) for name in ("utf-16-le", "utf-16-be"))
        candidates += (reading for reading in wide if reading.mean >= _LIKELY_CHINESE)
    return max(candidates, key=lambda reading: reading.total + _bonus(reading))


def _bonus(reading: Reading) -> float:
    if reading.encoding not in _CHINESE or reading.likelihood.kana:
        return 0.0
    return _CHINESE_BONUS * reading.likelihood.characters


def _read_words(sample: bytes, encoding: str) -> Reading:
    """Return a reading whose likelihood counts words, if it is Chinese."""
    reading = _read(sample, encoding)
    if encoding not in _CHINESE:
        return reading
    return reading._replace(words=word_likelihood(sample.decode(encoding, "replace")))


def _read(sample: bytes, encoding: str) -> Reading:
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    except (UnicodeError, LookupError, ValueError):
        return Reading(encoding, Likelihood(float("-inf"), float("-inf"), 0, 0))
    return Reading(encoding, likelihood(text))


# Possessive: positions to backtrack to would take a hundred times the memory of a long line.
_CLUSTER = re.compile(rb"[\x80-\xff](?:[\x00-\x7f]{0,24}+[\x80-\xff])*+")


def _sample(data: bytes) -> bytes:
    """Return the parts of ``data`` that have non-ASCII bytes, each with a little ASCII around."""
    parts = []
    length = 0
    for match in _CLUSTER.finditer(data):
        start, end = match.span()
        end = min(end, start + SAMPLE_BYTES - length)
        part = data[max(start - 8, 0) : end + 8]
        parts.append(part)
        length += len(part)
        if length >= SAMPLE_BYTES:
            break
    return b"\n".join(parts)


def _wide_encoding(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the zero bytes of ASCII characters lie as they do there."""
    head = data[:SAMPLE_BYTES]
    zeros = [head[at::4].count(0) for at in range(4)]
    if sum(zeros) * 10 < len(head):
        return None
    quarter = max(len(head) // 4, 1)
    if zeros[2] + zeros[3] > 1.9 * quarter and zeros[0] < quarter / 2:
        return "utf-32-le"
    if zeros[0] + zeros[1] > 1.9 * quarter and zeros[3] < quarter / 2:
        return "utf-32-be"
    low, high = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if high > 8 * low:
        return "utf-16-le"
    return "utf-16-be" if low > 8 * high else None


_UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")


def _is_damaged_utf8(data: bytes) -> bool:
    """Return whether nearly all non-ASCII bytes form characters of UTF-8.

    One in a thousand characters of another encoding does so by chance, if it has three bytes.
    """
    sample = _sample(data)
    long = sum(len(found) for found in _UTF8_CHARACTER.findall(sample) if len(found) > 2)
    valid = sum(map(len, _UTF8_CHARACTER.findall(sample)))
    high = len(_HIGH.findall(sample))
    return valid >= 0.8 * high and (long >= 0.5 * high or valid >= 0.95 * high)
