"""Sketches of texts: whether two files at one address have the same text, without reading them.

A sketch has some 50 samples of a text's shingles, and digests of its title, its beginning and
the whole. Shingles are sampled by their first characters, so that two texts with a common passage
have the same samples of it, whatever their lengths are. Only letters and digits count, folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from struct import Struct
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit
from zlib import crc32

_SHINGLE: Final = 4
_SHINGLE_OF_ALPHABET: Final = 12
"""Characters: four Han characters are as rare as two or three words of an alphabet."""

_FIRST_HAN: Final = "\u2e80"

_MAX_SAMPLES: Final = 64
_MIN_SAMPLES: Final = 16
LEVELS: Final = 8
"""At level L, one of 4 ** L shingles is a sample."""

NO_LEVEL: Final = -1
"""The highest level of a text without samples."""

_HEAD: Final = 24
_LONG_TEXT: Final = 200
"""Letters: a longer text is hardly that of two articles with different titles."""

_MIN_SAME_TITLE: Final = 0.3
"""The part of the shorter text that must be in the longer one, if their titles are the same."""

_MIN_OTHER_TITLE: Final = 0.8
_MIN_VAGUE_ADDRESS: Final = 0.7

_FIELDS: Final = Struct("<BIHIII")  # flags, title, numbers, head, text, letters
_VAGUE: Final = 0x80
_LEVEL: Final = 0x0F
_SAMPLE_SIZE: Final = 3
"""Bytes of a packed sample: the upper three bits are its level."""

_SAMPLE_BITS: Final = 21
_SAMPLE_MASK: Final = (1 << _SAMPLE_BITS) - 1

_LETTERS: Final = re.compile(r"[^\W_]+")
_NOT_DIGITS: Final = re.compile(r"[^0-9]+")


class Sketch(NamedTuple):
    """A sketch, unpacked.

    ``samples`` are of the shingles at ``level`` and above; the bits of each above 21 are its own
    level. ``title``, ``numbers`` (the digits of the title), ``head`` and ``text`` are checksums;
    ``length`` is the number of letters. ``vague`` says that the address hardly names one article.
    """

    vague: bool
    level: int
    title: int
    numbers: int
    head: int
    text: int
    length: int
    samples: frozenset[int]

    @property
    def highest_level(self) -> int:
        """Return the highest level of a sample, :data:`NO_LEVEL` without any."""
        return max(self.samples, default=-1) >> _SAMPLE_BITS

    def agrees(self, other: Sketch) -> bool:
        """Return whether two texts that one address leads to are versions of one article.

        A teaser agrees with the whole text, and an edited text with the one before.
        """
        same_title = self.title == other.title
        if self.text == other.text and (same_title or min(self.length, other.length) >= _LONG_TEXT):
            return True
        vague = self.vague or other.vague
        if same_title:
            return self._shares(other, _MIN_VAGUE_ADDRESS if vague else _MIN_SAME_TITLE)
        same_beginning = (self.head, self.numbers) == (other.head, other.numbers)
        return not vague and same_beginning and self._shares(other, _MIN_OTHER_TITLE)

    def _shares(self, other: Sketch, minimum: float) -> bool:
        """Return whether at least this part of the samples of the shorter text is in the other.

        A text that is too short for samples agrees with everything.
        """
        level = max(self.level, other.level)
        own, others = self._from(level), other._from(level)
        shorter = min(len(own), len(others))
        return len(own & others) >= minimum * shorter

    def _from(self, level: int) -> frozenset[int]:
        if level == self.level:
            return self.samples
        return frozenset(each for each in self.samples if each >> _SAMPLE_BITS >= level)


def make_sketch(title: str, body: str, url: str) -> bytes:
    """Return the packed sketch of an article with this folded ``title`` and ``body``."""
    title = letters(title)
    text = letters(body).removeprefix(title)  # as in a post that is only a headline
    level, samples = _sample(text)
    flags = level | (0 if names_one_article(url) else _VAGUE)
    head = (text or title)[:_HEAD]
    fields = _FIELDS.pack(
        flags,
        _checksum(title),
        _checksum(_NOT_DIGITS.sub(" ", title)) & 0xFFFF,
        _checksum(head),
        _checksum(text),
        len(text),
    )
    return fields + b"".join(each.to_bytes(_SAMPLE_SIZE, "big") for each in sorted(samples))


def unpack_sketch(data: bytes) -> Sketch | None:
    """Return a packed sketch; ``None`` for other bytes, such as those of an index without any."""
    samples = data[_FIELDS.size :]
    if len(data) < _FIELDS.size or len(samples) % _SAMPLE_SIZE:
        return None
    flags, title, numbers, head, text, length = _FIELDS.unpack_from(data)
    values = frozenset(
        int.from_bytes(samples[at : at + _SAMPLE_SIZE], "big")
        for at in range(0, len(samples), _SAMPLE_SIZE)
    )
    vague, level = bool(flags & _VAGUE), flags & _LEVEL
    return Sketch(vague, level, title, numbers, head, text, length, values)


TextKey = tuple[int, int]
"""Checksums of the letters of a title and of a body, as in a :class:`Sketch`."""


def key_in_sketch(data: bytes) -> TextKey | None:
    """Return the :func:`text_key` in a packed sketch; ``None`` for other bytes."""
    if len(data) < _FIELDS.size or (len(data) - _FIELDS.size) % _SAMPLE_SIZE:
        return None
    _, title, _, _, text, _ = _FIELDS.unpack_from(data)
    return title, text


def text_key(title: str, body: str) -> TextKey:
    """Return what is equal for folded texts that differ in nothing but signs and white space."""
    title = letters(title)
    return _checksum(title), _checksum(letters(body).removeprefix(title))


def letters(text: str) -> str:
    """Return the letters and digits of a folded text: what counts when texts are compared."""
    return "".join(_LETTERS.findall(text))


def _checksum(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


_QUARTER: Final = frozenset(byte for byte in range(256) if byte * 73 % 256 < 64)
"""The low bytes of the characters that may begin a sample at level 1: a quarter of all."""


@cache
def _anchors(level: int) -> re.Pattern[bytes]:
    """Return the pattern of positions with ``level`` such bytes or more, which are its group."""
    each = b"".join(b"\\x%02x" % byte for byte in sorted(_QUARTER))
    return re.compile(b"(?=([%b]{%d,%d}))(?s:.)" % (each, level, LEVELS - 1))


def _sample(text: str) -> tuple[int, set[int]]:
    """Return the level at which ``text`` has few enough samples, and these."""
    low_bytes = text.encode("utf-32-le", "surrogatepass")[::4]
    level = 0
    while level < LEVELS - 1 and len(text) >> 2 * level > _MAX_SAMPLES:
        level += 1
    samples = set(_samples(text, low_bytes, level))
    while level and len(samples) < _MIN_SAMPLES:  # letters of an alphabet are not evenly spread
        level -= 1
        samples = set(_samples(text, low_bytes, level))
    while level < LEVELS - 1 and len(samples) > _MAX_SAMPLES:
        level += 1
        samples = {each for each in samples if each >> _SAMPLE_BITS >= level}
    return level, set(sorted(samples)[-_MAX_SAMPLES:])


def _samples(text: str, low_bytes: bytes, level: int) -> Iterator[int]:
    for match in _anchors(level).finditer(low_bytes):
        start, end = match.span(1)
        size = _SHINGLE if text[start] >= _FIRST_HAN else _SHINGLE_OF_ALPHABET
        shingle = text[start : start + size]
        if len(shingle) == size:
            yield end - start << _SAMPLE_BITS | _checksum(shingle) & _SAMPLE_MASK


_VAGUE_PART: Final = re.compile(r"(19|20)[0-9]{2}([-_]?[01][0-9]){0,2}")
"""A year, month or day: the name of a folder of articles."""

_PRECISE_PART: Final = re.compile(
    r"(?:[0-9][^0-9]*){3}|[^\W_]+(?:[-_+ ]+[^\W_]+){2}|[\u3400-\u9fff]{4}|.{24}"
    r"|^(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8}",
)
"""A number, some words, or what looks random."""


def names_one_article(url: str) -> bool:
    """Return whether ``url`` looks like that of one article, and not of a home or list page.

    >>> names_one_article("https://news.example/2024/05/harbour-fees-are-cut-again.html")
    True
    >>> names_one_article("https://news.example/detail.html")
    False
    """
    try:
        address = urlsplit(url)
        values = [value for _, value in parse_qsl(address.query)]
    except ValueError:
        return False
    last = address.path.rstrip("/").rpartition("/")[2]
    parts = (*values, address.fragment, last.rpartition(".")[0] or last)
    return any(
        bool(_PRECISE_PART.search(part)) and not _VAGUE_PART.fullmatch(part)
        for part in map(unquote, parts)
    )
