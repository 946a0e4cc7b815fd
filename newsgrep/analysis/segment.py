"""Cut texts into terms with jieba's dictionary: every term for an index, the likeliest for a query.

A user's dictionary may add words to it (:mod:`newsgrep.analysis.user_dictionary`). Texts have the
terms of jieba's dictionary as well, so queries that are cut with that alone find the same.

``rjieba`` segments texts where it is installed, or else ``jieba`` itself, or else this module.
Tests compare the three, so an index that was made with one can be searched with another. Queries
need no segmenter: they have few words, which are looked up in the dictionary's file. Loading all
its 349,046 words takes several times as long as answering a query.

The file is part of jieba, which has no wheel and takes 37 MB with data that is not used here. So
``setup.py`` copies it into what is built from this repository, which does not contain it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from importlib.machinery import PathFinder
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from newsgrep._io import table_lines
from newsgrep.analysis.characters import (
    CharKind,
    han_run,
    runs,
    solo_character,
    word_run,
)
from newsgrep.errors import NewsgrepError

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

SEGMENT_VERSION: Final = 1
"""Incremented when a change gives any text other terms: an index records it."""

DICTIONARY: Final = "jieba 0.42.1"
"""The dictionary of every segmenter here, as an index records it."""

_MAX_INNER_LENGTH: Final = 200
"""Characters of a string in which inner terms are searched for."""

_LOAD_SEGMENTER_FROM: Final = 20_000
"""Characters of Han from which on loading a segmenter pays."""

_CHUNK_LENGTH: Final = 100_000
"""Characters of a text that are cut into terms in one call."""

MAX_WORD_LENGTH: Final = 32
"""Characters; no word of a dictionary is longer."""


class Segmenter(NamedTuple):
    """jieba's two modes for runs of Han: ``cut_all`` for texts, ``cut`` for queries.

    ``cut_all`` returns each dictionary word at each position. Which single characters are among
    them differs between segmenters.
    """

    name: str
    cut_all: Callable[[str], Iterable[str]]
    cut: Callable[[str], Iterable[str]]


def rust_segmenter(user: UserDictionary | None = None) -> Segmenter:
    """Return jieba's algorithm in Rust; raises :class:`ImportError` if it is not installed."""
    import rjieba

    tokenizer = rjieba.Jieba()
    for word, frequency in chain(folded_words(), user or ()):
        tokenizer.add_word(word, frequency, None)
    return Segmenter("rjieba", tokenizer.cut_all, lambda run: tokenizer.cut(run, False))


def python_segmenter(user: UserDictionary | None = None) -> Segmenter:
    """Return jieba itself, with its cache in the user's cache folder.

    By default jieba loads a cache from the temporary folder, where anyone may have placed one.
    """
    import logging
    import os
    import warnings

    import platformdirs

    with warnings.catch_warnings():
        # jieba 0.42.1 is from 2020: importing it warns about escapes and pkg_resources.
        warnings.simplefilter("ignore")
        import jieba

    jieba.setLogLevel(logging.WARNING)
    cache_folder = platformdirs.user_cache_path("newsgrep", appauthor=False)
    cache_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = os.fspath(cache_folder)
    tokenizer.cache_file = "jieba-0.42.1.cache"
    tokenizer.initialize()
    for word, frequency in chain(folded_words(), user or ()):
        tokenizer.add_word(word, frequency)
    tokenizer.total = TOTAL_FREQUENCY + (user.added if user else 0)  # it adds replaced words twice
    return Segmenter(
        "jieba",
        lambda runs: tokenizer.lcut(runs, cut_all=True),
        lambda run: tokenizer.lcut(run, HMM=False),
    )


def dictionary_segmenter(user: UserDictionary | None = None) -> Segmenter:
    """Return jieba's algorithm over the dictionary's file.

    It needs no other package, and is the slowest. Raises :class:`NewsgrepError` without the file.
    """
    dictionary = installed_dictionary(user)
    if dictionary is None:
        raise NewsgrepError(
            "The dictionary of newsgrep is missing or damaged. Install newsgrep again, or rjieba."
        )

    def cut_all(runs: str) -> Iterator[str]:
        for run in runs.split("\n"):
            yield from dictionary.words(run)

    def cut(run: str) -> Iterator[str]:
        for number, part in enumerate(han_run().split(run)):
            yield from dictionary.cut(part) if number % 2 else part

    return Segmenter("newsgrep", cut_all, cut)


@lru_cache(maxsize=4)
def segmenter(user: UserDictionary | None = None) -> Segmenter:
    """Return the segmenter that this process uses, with the words of ``user``."""
    for make in (rust_segmenter, python_segmenter):
        try:
            return make(user)
        except ImportError:
            continue
    return dictionary_segmenter(user)


def index_terms(folded: str, by: Segmenter | None = None) -> list[str]:
    """Return every term of a folded text, as often as it occurs, in no particular order.

    Terms are each dictionary word at each position, overlapping ones included, each solo
    character, and each run of letters and digits of other scripts.
    """
    parts = han_run().split(folded)
    han = parts[1::2]
    rest = " ".join(parts[::2])
    # One call for all runs: no dictionary word contains a line end, so none can span it.
    words = (by or segmenter()).cut_all("\n".join(han)) if han else ()
    terms = [word for word in words if len(word) > 1]
    terms += "".join(han)
    # The patterns for the rest are slow, so they do not see the characters of Han.
    terms += solo_character().findall(rest)
    terms += word_run().findall(rest)
    return terms


def term_counts(folded: str, by: Segmenter | None = None) -> Counter[str]:
    """Return how often each of the :func:`index_terms` of a folded text occurs in it.

    The terms of a text take a hundred times its memory, so a long one is counted in chunks.
    """
    if len(folded) <= _CHUNK_LENGTH:
        parts = han_run().split(folded)
        counts: Counter[str] = Counter()
        _count_words(counts, parts[1::2], by)
        return _complete(counts, parts)
    counts = Counter()
    start = 0
    while start < len(folded):
        end = min(start + _CHUNK_LENGTH, len(folded))
        if end < len(folded):
            end = _term_end(folded, end)
            # Words that begin in one chunk and end in the next one are in neither.
            before, after = (
                folded[end - MAX_WORD_LENGTH : end],
                folded[end : end + MAX_WORD_LENGTH],
            )
            counts.update(index_terms(before + after, by))
            counts.subtract(index_terms(before, by))
            counts.subtract(index_terms(after, by))
        counts.update(index_terms(folded[start:end], by))
        start = end
    return +counts


def term_counts_with_lead(
    folded: str, length: int, by: Segmenter | None = None
) -> tuple[Counter[str], Counter[str]]:
    """Return the :func:`term_counts` of the first ``length`` characters of a text, and of all.

    Words that both have are cut and counted once: most news is not much longer than its lead.
    """
    if len(folded) <= length:
        counts = term_counts(folded, by)
        return counts, counts
    lead = folded[:length]
    if len(folded) > _CHUNK_LENGTH:
        return term_counts(lead, by), term_counts(folded, by)
    parts, of_lead = han_run().split(folded), han_run().split(lead)
    # Runs of Han have odd numbers. All parts are common but the last one of the lead, which may
    # be cut off; if that is a run of Han, nothing follows it.
    common = len(of_lead) - (1 if of_lead[-1] else 2)
    next_han = common | 1
    counts = Counter()
    _count_words(counts, parts[1:next_han:2], by)
    in_lead = counts.copy()
    _count_words(in_lead, of_lead[next_han::2], by)
    _count_words(counts, parts[next_han::2], by)
    return _complete(in_lead, of_lead), _complete(counts, parts)


def _count_words(counts: Counter[str], han: list[str], by: Segmenter | None) -> None:
    """Add the words of runs of Han to ``counts``, with line ends and some single characters."""
    if han:
        # One call for all runs: no dictionary word contains a line end, so none can span it.
        counts.update((by or segmenter()).cut_all("\n".join(han)))


def _complete(counts: Counter[str], parts: list[str]) -> Counter[str]:
    """Return the counts of all terms, given those of words.

    ``parts`` are the whole text, every second one a run of Han.
    """
    han = "".join(parts[1::2])
    for separator in ("\n", ""):  # what segmenters make of line ends
        counts.pop(separator, None)
    # The words of one character are nearly always all characters; counting those takes longer.
    if sum([counts[word] for word in counts if len(word) == 1]) != len(han):
        dict.update(counts, Counter(han))
    # The patterns for the rest are slow, so they do not see the characters of Han.
    rest = " ".join(parts[::2])
    counts.update(solo_character().findall(rest))
    counts.update(word_run().findall(rest))
    return counts


def _term_end(folded: str, at: int) -> int:
    """Return ``at``, or the end of the run of letters and digits that it is in."""
    run = word_run().match(folded, at)
    return run.end() if run else at


def query_terms(
    folded: str, user: UserDictionary | None = None, by: Segmenter | None = None
) -> tuple[str, ...]:
    """Return the likeliest words of a folded string, each once, in the order of first occurrence.

    Every text that contains the string has all of them among its :func:`index_terms`, provided
    that the string begins and ends at word boundaries there.

    >>> query_terms("两岸渔业gpt声明")
    ('两岸', '渔业', 'gpt', '声明')
    """
    cut = by.cut if by else partial(likeliest_words, user=user)
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


def units(folded: str) -> tuple[str, ...]:
    """Return the terms that no dictionary is needed for, each once: solo characters and words.

    Every text that contains a string has its units, with the proviso of :func:`query_terms`.

    >>> units("gpt渔业，渔")
    ('渔', '业', 'gpt')
    """
    return tuple(dict.fromkeys((*solo_character().findall(folded), *word_run().findall(folded))))


def trim_open_words(folded: str, *, open_before: bool, open_after: bool) -> str:
    """Return ``folded`` without the word at each open end, which may be part of a longer word.

    Every text that contains ``folded`` has the :func:`query_terms` of the result.

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
    """Return the likeliest words of a whole folded text in order, one list for each run.

    A run consists of Han, or is one word of letters and digits. Everything else is left out.
    """
    cut = (by or segmenter()).cut
    han = [(found.start(), list(cut(found[0]))) for found in han_run().finditer(folded)]
    others = [(found.start(), [found[0]]) for found in word_run().finditer(folded)]
    return [words for _, words in sorted(han + others)]


def inner_terms(folded: str) -> tuple[str, ...]:
    """Return the dictionary words anywhere in a folded string that are not its :func:`query_terms`.

    Every text that contains the string has them among its :func:`index_terms`. The longest, which
    the fewest texts have, come first. Of a long string only the beginning is examined.
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


def likeliest_words(run: str, user: UserDictionary | None = None) -> Iterable[str]:
    """Return a run of Han cut into its likeliest words, as every :class:`Segmenter` cuts it.

    No segmenter is loaded if jieba's dictionary can be read in place.
    """
    dictionary = installed_dictionary(user) if len(run) < _LOAD_SEGMENTER_FROM else None
    return dictionary.cut(run) if dictionary else segmenter(user).cut(run)


def base_frequency(word: str) -> int:
    """Return the frequency of a word of Han in jieba's dictionary, 0 for another."""
    dictionary = installed_dictionary()
    return (dictionary.frequency(word) or 0) if dictionary else 0


_OWN_FILE = "jieba-dict.txt"
_DICT_SIZE: Final = 5_071_852
_DICT_CRC32: Final = 0x1394096D
"""Of ``dict.txt`` in jieba 0.42.1. In any other file words may be in another order."""

_HAN_OFFSET: Final = 725
"""Offset of its words of Han, in bytes. They are sorted by their bytes, except for two.

One is a few lines from where it belongs, the other is below. A test looks up every word.
"""

_MISPLACED: Final = {"高富帅": 13}

TOTAL_FREQUENCY: Final = 60_128_559
"""The sum of the frequencies of all words, folded ones included; a test computes it."""

_MARK_INTERVAL: Final = 1024
_MARK_SLACK: Final = 128
_MAX_CACHED: Final = 50_000
_PREFIX_ONLY: Final = -math.inf


def folded_words() -> list[tuple[str, int]]:
    """Return the words whose folded spelling is missing or rarer in jieba's dictionary.

    Each is folded and has the frequency of its original: 乾隆 folds to 干隆, which is not a word
    until it is added.
    """
    fields = (line.split() for line in table_lines(__file__, "folded_words.txt") if line)
    return [(word, int(frequency)) for word, frequency in fields]


class Dictionary:
    """The words of jieba's ``dict.txt``, the folded ones, and those of a user."""

    def __init__(self, data: mmap, user: UserDictionary | None = None) -> None:
        self._data = data
        self._user = user
        self._marks = _Marks(data)
        self._intervals = range((len(data) - _HAN_OFFSET) // _MARK_INTERVAL)
        self._added = _MISPLACED | dict(folded_words())
        self._added_lines = "\n".join(("", *self._added))
        self._log_total = math.log(TOTAL_FREQUENCY + (user.added if user else 0))
        self._cached: dict[str, float | None] = {}

    def cut(self, run: str) -> list[str]:
        """Return a run of Han (U+4E00 to U+9FD5) cut into its likeliest words.

        They are those of ``jieba.cut(run, HMM=False)``: of all segmentations, the one with the
        greatest product of word frequencies, and of equal ones the one whose first words are
        longer. An unknown character counts as a word of frequency 1.
        """
        cached = self._cached
        size = len(run)
        unknown = -self._log_total
        # Viterbi from the end: the best value of the rest from each position, and its first word.
        value_from = [0.0] * (size + 1)
        ends = [0] * size
        for start in range(size - 1, -1, -1):
            best, best_end = _PREFIX_ONLY, start
            for end in range(start + 1, size + 1):
                word = run[start:end]
                try:
                    weight = cached[word]
                except KeyError:
                    weight = self._weight(word)
                if weight is None:
                    break
                value = weight + value_from[end]
                if value >= best and value > _PREFIX_ONLY:
                    best, best_end = value, end
            if best_end == start:
                best, best_end = unknown + value_from[start + 1], start + 1
            value_from[start], ends[start] = best, best_end
        words = []
        at = 0
        while at < size:
            words.append(run[at : ends[at]])
            at = ends[at]
        return words

    def words(self, run: str) -> list[str]:
        """Return every word of two characters or more at every position of a run of Han."""
        found = []
        for start in range(len(run)):
            for end in range(start + 1, len(run) + 1):
                weight = self._cached_weight(run[start:end])
                if weight is None:
                    break
                if weight > _PREFIX_ONLY and end > start + 1:
                    found.append(run[start:end])
        return found

    def _cached_weight(self, word: str) -> float | None:
        return self._cached[word] if word in self._cached else self._weight(word)

    def frequency(self, word: str) -> int | None:
        """Return the frequency of ``word``, which consists of Han.

        It is 0 for what is only the beginning of a word, and ``None`` if no word begins so.
        """
        own = self._user.frequency(word) if self._user else None
        if own:
            return own
        frequency, begins = self._in_file(word)
        begins = begins or f"\n{word}" in self._added_lines
        return self._added.get(word, frequency) if begins else own

    def _weight(self, word: str) -> float | None:
        """Return the log probability of ``word``, and cache it."""
        frequency = self.frequency(word)
        weight: float | None = None
        if frequency is not None:
            weight = math.log(frequency) - self._log_total if frequency else _PREFIX_ONLY
        if len(self._cached) >= _MAX_CACHED:
            self._cached.clear()
        self._cached[word] = weight
        return weight

    def _in_file(self, word: str) -> tuple[int, bool]:
        """Return the frequency of ``word``, or 0, and whether any word begins with it."""
        key = word.encode()
        after = bisect_left(self._intervals, key, key=self._marks.__getitem__)
        # The interval that bisection leaves, some lines longer for words that are out of order.
        start = max(_HAN_OFFSET + (after - 1) * _MARK_INTERVAL - _MARK_SLACK, _HAN_OFFSET) - 1
        end = (
            _HAN_OFFSET + after * _MARK_INTERVAL + _MARK_SLACK
            if after < len(self._intervals)
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


@lru_cache(maxsize=8)
def installed_dictionary(user: UserDictionary | None = None) -> Dictionary | None:
    """Return jieba's dictionary, with the words of ``user``.

    It is read from the file that was installed with newsgrep, or from that of an installed jieba,
    which is not imported.

    ``None`` if there is none, or one that is not sorted as expected here.
    """
    for path in _dictionary_files():
        try:
            with path.open("rb") as file:
                data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except (OSError, ValueError):  # in a ZIP file, missing, or empty
            continue
        if len(data) == _DICT_SIZE and crc32(data) == _DICT_CRC32:
            return Dictionary(data, user)
    return None


def _dictionary_files() -> Iterator[Path]:
    yield Path(__file__).parent / _OWN_FILE
    spec = PathFinder.find_spec("jieba")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).with_name("dict.txt")
