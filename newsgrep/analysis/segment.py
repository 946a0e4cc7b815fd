"""Text into terms, with jieba's dictionary: all of them for an index, the likeliest for a query.

``rjieba`` does it where it is installed, ``jieba`` itself elsewhere; both are kept equal
by a test, so an index made with one can be asked with the other.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from importlib.machinery import PathFinder
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep._io import table_lines
from newsgrep.analysis.characters import CharKind, han_run, other_solo_character, runs, word_run

SEGMENT_VERSION: Final = 1
"""Raised whenever the same text gives other terms than before."""

DICTIONARY: Final = "jieba 0.42.1"
"""The dictionary that every segmenter here uses, as recorded in an index."""

_MAX_INNER_LENGTH: Final = 200
"""Characters of a string whose inner words are looked for."""

_LOAD_SEGMENTER_FROM: Final = 20_000
"""Characters of Han that a segmenter cuts sooner, although it has to be loaded."""


_CHUNK_LENGTH: Final = 100_000
"""Characters of a text that are cut into terms at once."""

_MAX_WORD_LENGTH: Final = 32
"""Characters; no word of the dictionary is longer."""


class Segmenter(NamedTuple):
    """jieba's two modes over runs of Han: ``cut_all`` for texts, ``cut`` for queries.

    ``cut_all`` lists each dictionary word at each place; which single characters are
    among them differs from one segmenter to the other.
    """

    name: str
    cut_all: Callable[[str], Iterable[str]]
    cut: Callable[[str], Iterable[str]]


def rust_segmenter() -> Segmenter:
    """Return jieba's algorithm in Rust; raises :class:`ImportError` where it is missing."""
    import rjieba

    tokenizer = rjieba.Jieba()
    for word, frequency in folded_words():
        tokenizer.add_word(word, frequency, None)
    return Segmenter("rjieba", tokenizer.cut_all, lambda run: tokenizer.cut(run, False))


def python_segmenter() -> Segmenter:
    """Return jieba itself, with its cache in the user's own cache folder.

    By default jieba loads a cache from the temporary folder, where anyone could have
    put one.
    """
    import logging
    import os
    import warnings

    import platformdirs

    with warnings.catch_warnings():
        # jieba 0.42.1 is from 2020: its import warns of escapes and of pkg_resources.
        warnings.simplefilter("ignore")
        import jieba

    jieba.setLogLevel(logging.WARNING)
    cache_folder = platformdirs.user_cache_path("newsgrep", appauthor=False)
    cache_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = os.fspath(cache_folder)
    tokenizer.cache_file = "jieba-0.42.1.cache"
    tokenizer.initialize()
    for word, frequency in folded_words():
        tokenizer.add_word(word, frequency)
    return Segmenter(
        "jieba",
        lambda runs: tokenizer.lcut(runs, cut_all=True),
        lambda run: tokenizer.lcut(run, HMM=False),
    )


@cache
def segmenter() -> Segmenter:
    """Return the segmenter that this process uses."""
    try:
        return rust_segmenter()
    except ImportError:
        return python_segmenter()


def index_terms(folded: str, by: Segmenter | None = None) -> list[str]:
    """Return every term of a folded text, as often as it stands there.

    That is each dictionary word at each place, overlapping ones too, each Han-like
    character, and each run of letters and digits of other scripts. The order is not
    that of the text.
    """
    # One call for all runs: a line end is in no dictionary word, so none can span it.
    han = han_run().findall(folded)
    words = (by or segmenter()).cut_all("\n".join(han)) if han else ()
    terms = [word for word in words if len(word) > 1]
    terms += "".join(han)
    terms += other_solo_character().findall(folded)
    terms += word_run().findall(folded)
    return terms


def term_counts(folded: str) -> Counter[str]:
    """Return how often each of the :func:`index_terms` of a folded text stands in it.

    The terms of a text take a hundred times its memory, so a long one is counted in parts.
    """
    if len(folded) <= _CHUNK_LENGTH:
        return Counter(index_terms(folded))
    counts: Counter[str] = Counter()
    start = 0
    while start < len(folded):
        end = min(start + _CHUNK_LENGTH, len(folded))
        if end < len(folded):
            end = _term_end(folded, end)
            # Words that begin in one part and end in the next one stand in neither.
            before, after = (
                folded[end - _MAX_WORD_LENGTH : end],
                folded[end : end + _MAX_WORD_LENGTH],
            )
            counts.update(index_terms(before + after))
            counts.subtract(index_terms(before))
            counts.subtract(index_terms(after))
        counts.update(index_terms(folded[start:end]))
        start = end
    return +counts


def _term_end(folded: str, at: int) -> int:
    """Return ``at``, or where the letters and digits end that it stands among."""
    run = word_run().match(folded, at)
    return run.end() if run else at


def query_terms(folded: str, by: Segmenter | None = None) -> tuple[str, ...]:
    """Return the terms that cut a folded string into its likeliest words, each once.

    Every text that holds the string has all of them among its :func:`index_terms`,
    provided that the string begins and ends at the edges of its letters and digits.
    They are in the order of their first appearance.
    """
    cut = by.cut if by else likeliest_words
    terms: list[str] = []
    for kind, start, end in runs(folded):
        match kind:
            case CharKind.HAN:
                terms += cut(folded[start:end])
            case CharKind.SOLO:
                terms += folded[start:end]
            case CharKind.WORD:
                terms.append(folded[start:end])
    return tuple(dict.fromkeys(terms))


def trim_open_words(folded: str, *, open_before: bool, open_after: bool) -> str:
    """Return ``folded`` without the word at each open end, which may go on beyond it in a text.

    What is left is a string whose :func:`query_terms` every text with ``folded`` has.

    >>> trim_open_words("gpt模型x", open_before=False, open_after=True)
    'gpt模型'
    """
    start, end = 0, len(folded)
    for kind, first, last in runs(folded):
        if kind is CharKind.WORD and first == 0 and open_before:
            start = last
        if kind is CharKind.WORD and last == len(folded) and open_after:
            end = first
    return folded[start:end]


def running_words(folded: str, by: Segmenter | None = None) -> list[list[str]]:
    """Return the likeliest words of a whole folded text in their order, one list for each run.

    A run is of Han, or one word of letters and digits; what stands between runs is left out.
    """
    cut = (by or segmenter()).cut
    han = [(found.start(), list(cut(found[0]))) for found in han_run().finditer(folded)]
    others = [(found.start(), [found[0]]) for found in word_run().finditer(folded)]
    return [words for _, words in sorted(han + others)]


def inner_terms(folded: str) -> tuple[str, ...]:
    """Return dictionary words that a folded string has at any place, but its :func:`query_terms`.

    Every text that holds the string has them among its :func:`index_terms`. The longest
    come first, which fewest texts have; of a long string there are some only.
    """
    dictionary = installed_dictionary()
    if dictionary is None:
        return ()
    words: dict[str, None] = {}
    start = folded[:_MAX_INNER_LENGTH]
    for kind, begin, end in runs(start):
        if kind is CharKind.HAN:
            words |= dict.fromkeys(dictionary.words(start[begin:end]))
    cut = set(query_terms(folded))
    return tuple(sorted((word for word in words if word not in cut), key=lambda word: -len(word)))


def likeliest_words(run: str) -> Iterable[str]:
    """Return a run of Han cut into its likeliest words, as every :class:`Segmenter` does.

    No segmenter is loaded for it where jieba's dictionary can be read in place.
    """
    dictionary = installed_dictionary() if len(run) < _LOAD_SEGMENTER_FROM else None
    return dictionary.cut(run) if dictionary else segmenter().cut(run)


_DICT_SIZE: Final = 5_071_852
_DICT_CRC32: Final = 0x1394096D
"""Of ``dict.txt`` in jieba 0.42.1. In any other file words may lie in another order."""

_HAN_OFFSET: Final = 725
"""Where its words of Han begin, in bytes; they lie in the order of their bytes but for two.

One is a few lines away from its place, the other is here. A test looks every word up.
"""

_MISPLACED: Final = {"高富帅": 13}

_TOTAL_FREQUENCY: Final = 60_128_559
"""The sum of the frequencies of all words, the folded ones among them; a test adds them up."""

_MARK_INTERVAL: Final = 1024
_MARK_SLACK: Final = 128
_MAX_CACHED: Final = 50_000
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
        self._places = range((len(data) - _HAN_OFFSET) // _MARK_INTERVAL)
        self._added = _MISPLACED | dict(folded_words())
        self._added_lines = "\n".join(("", *self._added))
        self._log_total = math.log(_TOTAL_FREQUENCY)
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
        if len(self._kept) >= _MAX_CACHED:
            self._kept.clear()
        self._kept[word] = weight
        return weight

    def _in_file(self, word: str) -> tuple[int, bool]:
        """Return the frequency of ``word``, 0 for none, and whether any word begins with it."""
        key = word.encode()
        after = bisect_left(self._places, key, key=self._marks.__getitem__)
        # What the bisection leaves, some lines longer for words that are out of order.
        start = max(_HAN_OFFSET + (after - 1) * _MARK_INTERVAL - _MARK_SLACK, _HAN_OFFSET) - 1
        end = (
            _HAN_OFFSET + after * _MARK_INTERVAL + _MARK_SLACK
            if after < len(self._places)
            else None
        )
        lines = self._data[start:end]
        line = b"\n" + key
        at = lines.find(line + b" ")
        if at < 0:
            return 0, line in lines
        at += len(line) + 1
        return int(lines[at : lines.index(b" ", at)]), True


class _Marks(dict[int, bytes]):
    """The first word after every :data:`_MARK_INTERVAL` bytes of the file, read on demand."""

    def __init__(self, data: mmap) -> None:
        super().__init__()
        self._data = data

    def __missing__(self, number: int) -> bytes:
        start = self._data.find(b"\n", _HAN_OFFSET - 1 + number * _MARK_INTERVAL) + 1
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
    known = len(data) == _DICT_SIZE and crc32(data) == _DICT_CRC32
    return Dictionary(data) if known else None
