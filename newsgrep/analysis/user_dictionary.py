"""A user's dictionary of names and terms, in addition to jieba's.

Its words are terms of an index wherever they occur, and are cut out of queries as one word. An
index stores it, so that texts and queries are always cut alike.
"""

from __future__ import annotations

import math
import re
import zlib
from base64 import b85decode, b85encode
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep.analysis.characters import fold, han_run
from newsgrep.analysis.segment import (
    MAX_WORD_LENGTH,
    TOTAL_FREQUENCY,
    base_frequency,
    likeliest_words,
)
from newsgrep.errors import InputError
from newsgrep.messages import Message, plural, system_reason
from newsgrep.terminal import one_line, truncate

MAX_WORDS: Final = 100_000
"""Words of a dictionary: more than any list of names, and 1 MB in the manifest of an index."""

MAX_PACKED: Final = 900_000
"""Characters of a packed dictionary: a manifest may have 1 MB."""

_MAX_BYTES: Final = 16_000_000
_PACKED: Final = re.compile(r"-?[0-9]{1,15}(\n[\u4e00-\u9fd5]{2,32} [1-9][0-9]{0,9})+")
_MAX_FREQUENCY: Final = 10**9
MIN_WORD_LENGTH: Final = 2
_TAG: Final = re.compile(r"[a-z]+")
_NUMBER: Final = re.compile(r"[-+]?[0-9][0-9.,]*")
_NAME_DOTS: Final = dict.fromkeys(map(ord, "·•‧・･˙"), " ")
"""What separates the parts of a foreign name."""


class UserDictionary:
    """Words with their frequencies, sorted by word.

    They are folded and consist of 2 to 32 characters of Han. Two dictionaries of the same words
    and frequencies are equal. An object can be sent to another process.
    """

    __slots__ = ("_lines", "added", "text")

    def __init__(self, text: str) -> None:
        added, *lines = text.split("\n")
        self.text = text
        """How much greater the sum of all frequencies is, and a line for each word."""
        self.added = int(added)
        self._lines = lines

    @classmethod
    def of(cls, frequencies: Mapping[str, int]) -> UserDictionary:
        """Return the dictionary with these words and frequencies."""
        added = sum(frequencies.values()) - sum(map(base_frequency, frequencies))
        lines = (f"{word} {frequency}" for word, frequency in sorted(frequencies.items()))
        return cls("\n".join((str(added), *lines)))

    @property
    def identity(self) -> str:
        """Return what the fingerprint of an index says about it: its size, and a checksum."""
        _, _, lines = self.text.partition("\n")
        return f"{len(self)}/{crc32(lines.encode()):08x}"

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield each word with its frequency."""
        for line in self._lines:
            word, frequency = line.split(" ")
            yield word, int(frequency)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserDictionary) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def frequency(self, word: str) -> int | None:
        """Return the frequency of ``word``.

        It is 0 for what is only the beginning of a word, and ``None`` if no word begins so.
        """
        # A space sorts before every character of a word, so that a word precedes those that
        # begin with it.
        at = bisect_left(self._lines, f"{word} ")
        if at == len(self._lines) or not self._lines[at].startswith(word):
            return None
        found, frequency = self._lines[at].split(" ")
        return int(frequency) if found == word else 0

    def pack(self) -> str:
        """Return the dictionary as it is stored in a manifest, in ASCII."""
        return b85encode(zlib.compress(self.text.encode(), 9)).decode("ascii")

    @classmethod
    def unpack(cls, packed: str) -> UserDictionary:
        """Return a packed dictionary; raises :class:`ValueError` for anything else."""
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(b85decode(packed), _MAX_BYTES).decode()
        except (zlib.error, ValueError, TypeError) as exc:
            raise ValueError("its dictionary is invalid") from exc
        if not unpacker.eof or not _PACKED.fullmatch(text):
            raise ValueError("its dictionary is invalid")
        return cls(text)


def common_words(dictionaries: Sequence[UserDictionary | None]) -> UserDictionary | None:
    """Return the words that all ``dictionaries`` have, with the frequencies in the first one.

    Queries of several indexes are cut with it: every word of it is a term in each of them.
    """
    if None in dictionaries or not dictionaries:
        return None
    first, *others = (dict(each) for each in dictionaries if each)
    words = reduce(set.intersection, others, set(first))
    if len(words) == len(first):
        return dictionaries[0]
    return UserDictionary.of({word: first[word] for word in words}) if words else None


class DictionaryFile(NamedTuple):
    """A dictionary that was read from a file.

    ``unused`` is the number of its lines that contain no possible term, and ``example`` the first
    of them.
    """

    path: Path

    dictionary: UserDictionary
    unused: int = 0
    example: str = ""

    def note(self) -> Message | None:
        """Return how many lines are not used, and why, if there are any."""
        if not self.unused:
            return None
        return plural(
            "{count:,} line of {path} is not used (“{example}”): a word consists of 2 to 32 "
            "Chinese characters.",
            "{count:,} lines of {path} are not used (the first is “{example}”): a word "
            "consists of 2 to 32 Chinese characters.",
            self.unused,
            path=self.path,
            example=truncate(one_line(self.example), 40),
        )


def read_user_dictionary(path: Path) -> DictionaryFile:
    """Read a dictionary in jieba's format: one word a line, then its frequency and tag, if any.

    A word without a frequency gets one by which it is likelier than its parts, as in jieba. Tags
    are ignored, as are empty lines. The parts of a name with a dot, such as 唐纳德·特朗普, are
    words of their own. Words with other characters than Han, of one character, or of more than
    32, are not used. Raises :class:`InputError` for a file that can't be read or that is not in
    this format.
    """
    words: dict[str, int] = {}
    unused: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        if not (fields := line.split()):
            continue
        frequency = _take_frequency(fields, path, number)
        parts = fold(fields[0]).translate(_NAME_DOTS).split()
        if len(fields) > 1 or not parts or not all(map(_is_word, parts)):
            unused.append(" ".join(fields))
            continue
        words |= {part: frequency or likelier_than_parts(part) for part in parts}
    if len(words) > MAX_WORDS:
        raise InputError(
            "The dictionary {path} contains {words:,} words, more than {most:,}: keep the names "
            "and terms that your texts contain.",
            path=path,
            words=len(words),
            most=MAX_WORDS,
        )
    if not words:
        raise InputError(
            "The dictionary {path} contains no usable word: write one word a line, each of 2 to "
            "32 Chinese characters.",
            path=path,
        )
    dictionary = UserDictionary.of(words)
    if len(dictionary.pack()) > MAX_PACKED:
        raise InputError(
            "The dictionary {path} is too large: keep the names and terms that your texts contain.",
            path=path,
        )
    return DictionaryFile(path, dictionary, len(unused), next(iter(unused), ""))


def _lines(path: Path) -> Iterable[str]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise InputError(
            "The dictionary {path} can't be read ({reason}): name another file.",
            path=path,
            reason=system_reason(exc),
        ) from exc
    if len(data) > _MAX_BYTES:
        raise InputError(
            "The dictionary {path} is too large: keep the names and terms that your texts contain.",
            path=path,
        )
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise InputError(
            "The dictionary {path} is not in UTF-8 (line {line}): convert it first, for example "
            "with iconv -f GB18030 -t UTF-8.",
            path=path,
            line=line,
        ) from exc


def _take_frequency(fields: list[str], path: Path, number: int) -> int | None:
    """Remove tag and frequency from the fields of a line; return the frequency, if any."""
    if len(fields) > 1 and _TAG.fullmatch(fields[-1]):
        fields.pop()
    if len(fields) == 1 or not _NUMBER.fullmatch(fields[-1]):
        return None
    text = fields.pop()
    if not text.isdigit() or not 1 <= int(text[:20]) <= _MAX_FREQUENCY:
        raise InputError(
            "{path}, line {line}: the frequency {frequency} is not a whole number from 1 to "
            "{most:,}. Leave it out, and newsgrep chooses one.",
            path=path,
            line=number,
            frequency=text[:20],
            most=_MAX_FREQUENCY,
        )
    return int(text)


def _is_word(word: str) -> bool:
    return MIN_WORD_LENGTH <= len(word) <= MAX_WORD_LENGTH and bool(han_run().fullmatch(word))


def likelier_than_parts(word: str) -> int:
    """Return the smallest frequency at which ``word`` is not cut into parts.

    It is that of jieba's ``suggest_freq``, without words that the user has added.

    >>> likelier_than_parts("联合声明")
    3
    """
    parts = list(likeliest_words(word))
    if parts == [word]:
        return base_frequency(word)
    share = math.prod(max(base_frequency(part), 1) / TOTAL_FREQUENCY for part in parts)
    return max(int(share * TOTAL_FREQUENCY) + 1, base_frequency(word))
