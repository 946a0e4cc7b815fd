"""jieba's dictionary where it lies: a query is cut by looking words up in the file itself.

A query has few words, and loading all 349,046 takes several times as long as answering it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from importlib.machinery import PathFinder
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final
from zlib import crc32

from newsgrep.datafile import table_lines

_SIZE: Final = 5_071_852
_CHECKSUM: Final = 0x1394096D
"""Of ``dict.txt`` in jieba 0.42.1. In any other file words may lie in another order."""

_HAN: Final = 725
"""Where its words of Han begin, in bytes; they lie in the order of their bytes but for two.

One is a few lines away from its place, the other is here. A test looks every word up.
"""

_ASTRAY: Final = {"高富帅": 13}

_TOTAL: Final = 60_128_559
"""The sum of the frequencies of all words, the folded ones among them; a test adds them up."""

_STEP: Final = 1024
_SLACK: Final = 128
_MOST_KEPT: Final = 50_000
_PREFIX_ONLY: Final = -math.inf


def folded_words() -> list[tuple[str, int]]:
    """Return the dictionary words whose folded spelling the dictionary knows less well.

    They are spelled as folded, each with the frequency of the original: 乾隆 folds to
    干隆, which is no word until it is added.
    """
    fields = (line.split() for line in table_lines(__file__, "folded_words.txt") if line)
    return [(word, int(frequency)) for word, frequency in fields]


class Dictionary:
    """The words of jieba's ``dict.txt`` and the folded ones, by how likely each is."""

    def __init__(self, data: mmap) -> None:
        self._data = data
        self._marks = _Marks(data)
        self._places = range((len(data) - _HAN) // _STEP)
        self._added = _ASTRAY | dict(folded_words())
        self._added_lines = "\n".join(("", *self._added))
        self._log_total = math.log(_TOTAL)
        self._kept: dict[str, float | None] = {}

    def cut(self, run: str) -> list[str]:
        """Return a run of Han (U+4E00 to U+9FD5) cut into its likeliest words.

        They are those of ``jieba.cut(run, HMM=False)``: of all ways to cut, the one with
        the greatest product of word frequencies; of equal ones the one whose first words
        are longer. A character that is no word counts as one seen once.
        """
        kept = self._kept
        size = len(run)
        unknown = -self._log_total
        # From the end to the beginning: the best way from each place on, and its first word.
        worth = [0.0] * (size + 1)
        ends = [0] * size
        for start in range(size - 1, -1, -1):
            best, best_end = _PREFIX_ONLY, start
            for end in range(start + 1, size + 1):
                word = run[start:end]
                try:
                    weight = kept[word]
                except KeyError:
                    weight = self._weight(word)
                if weight is None:
                    break
                value = weight + worth[end]
                if value >= best and value > _PREFIX_ONLY:
                    best, best_end = value, end
            if best_end == start:
                best, best_end = unknown + worth[start + 1], start + 1
            worth[start], ends[start] = best, best_end
        words = []
        at = 0
        while at < size:
            words.append(run[at : ends[at]])
            at = ends[at]
        return words

    def words(self, run: str) -> list[str]:
        """Return every word of two characters and more at every place of a run of Han."""
        found = []
        for start in range(len(run)):
            for end in range(start + 1, len(run) + 1):
                weight = self._kept_weight(run[start:end])
                if weight is None:
                    break
                if weight > _PREFIX_ONLY and end > start + 1:
                    found.append(run[start:end])
        return found

    def _kept_weight(self, word: str) -> float | None:
        return self._kept[word] if word in self._kept else self._weight(word)

    def frequency(self, word: str) -> int | None:
        """Return how often ``word``, of the same Han, was counted; 0 for the mere beginning of one.

        ``None`` where no word begins so.
        """
        frequency, begins = self._in_file(word)
        begins = begins or f"\n{word}" in self._added_lines
        return self._added.get(word, frequency) if begins else None

    def _weight(self, word: str) -> float | None:
        """Return the logarithm of the share of ``word`` in all words, and keep it."""
        frequency = self.frequency(word)
        weight: float | None = None
        if frequency is not None:
            weight = math.log(frequency) - self._log_total if frequency else _PREFIX_ONLY
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[word] = weight
        return weight

    def _in_file(self, word: str) -> tuple[int, bool]:
        """Return the frequency of ``word``, 0 for none, and whether any word begins with it."""
        key = word.encode()
        after = bisect_left(self._places, key, key=self._marks.__getitem__)
        # What the bisection leaves, some lines longer for words that are out of order.
        start = max(_HAN + (after - 1) * _STEP - _SLACK, _HAN) - 1
        end = _HAN + after * _STEP + _SLACK if after < len(self._places) else None
        lines = self._data[start:end]
        line = b"\n" + key
        at = lines.find(line + b" ")
        if at < 0:
            return 0, line in lines
        at += len(line) + 1
        return int(lines[at : lines.index(b" ", at)]), True


class _Marks(dict[int, bytes]):
    """The first word after every :data:`_STEP` bytes of the file, read where it is needed."""

    def __init__(self, data: mmap) -> None:
        super().__init__()
        self._data = data

    def __missing__(self, number: int) -> bytes:
        start = self._data.find(b"\n", _HAN - 1 + number * _STEP) + 1
        word = self[number] = self._data[start : self._data.find(b" ", start)]
        return word


@cache
def installed_dictionary() -> Dictionary | None:
    """Return the dictionary of the jieba that is installed, without importing it.

    ``None`` where there is none, or another than the one whose order is known here.
    """
    spec = PathFinder.find_spec("jieba")
    if spec is None or spec.origin is None:
        return None
    try:
        with Path(spec.origin).with_name("dict.txt").open("rb") as file:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError):  # in an archive, away, or empty
        return None
    known = len(data) == _SIZE and crc32(data) == _CHECKSUM
    return Dictionary(data) if known else None
