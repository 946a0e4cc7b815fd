"""Text into terms, with jieba's dictionary: all of them for an index, the likeliest for a query.

``rjieba`` does it where it is installed, ``jieba`` itself elsewhere; both are kept equal
by a test, so an index made with one can be asked with the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, NamedTuple

from newsgrep.text.characters import Kind, runs
from newsgrep.text.dictionary import folded_words, installed_dictionary

SEGMENT_VERSION: Final = 1
"""Raised whenever the same text gives other terms than before."""

DICTIONARY: Final = "jieba 0.42.1"
"""The dictionary that every segmenter here uses, as recorded in an index."""

_FAR: Final = 200
"""Characters of a string whose inner words are looked for."""

_LONG: Final = 20_000
"""Characters of Han that a segmenter cuts sooner, although it has to be loaded."""


_PART: Final = 100_000
"""Characters of a text that are cut into terms at once."""

_LONGEST_WORD: Final = 32
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
    from newsgrep.text.patterns import HAN_RUN, OTHER_SOLO_CHARACTER, WORD_RUN

    # One call for all runs: a line end is in no dictionary word, so none can span it.
    han = HAN_RUN.findall(folded)
    words = (by or segmenter()).cut_all("\n".join(han)) if han else ()
    terms = [word for word in words if len(word) > 1]
    terms += "".join(han)
    terms += OTHER_SOLO_CHARACTER.findall(folded)
    terms += WORD_RUN.findall(folded)
    return terms


def term_counts(folded: str) -> Counter[str]:
    """Return how often each of the :func:`index_terms` of a folded text stands in it.

    The terms of a text take a hundred times its memory, so a long one is counted in parts.
    """
    if len(folded) <= _PART:
        return Counter(index_terms(folded))
    counts: Counter[str] = Counter()
    start = 0
    while start < len(folded):
        end = min(start + _PART, len(folded))
        if end < len(folded):
            end = _term_end(folded, end)
            # Words that begin in one part and end in the next one stand in neither.
            before, after = folded[end - _LONGEST_WORD : end], folded[end : end + _LONGEST_WORD]
            counts.update(index_terms(before + after))
            counts.subtract(index_terms(before))
            counts.subtract(index_terms(after))
        counts.update(index_terms(folded[start:end]))
        start = end
    return +counts


def _term_end(folded: str, at: int) -> int:
    """Return ``at``, or where the letters and digits end that it stands among."""
    from newsgrep.text.patterns import WORD_RUN

    run = WORD_RUN.match(folded, at)
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
            case Kind.HAN:
                terms += cut(folded[start:end])
            case Kind.SOLO:
                terms += folded[start:end]
            case Kind.WORD:
                terms.append(folded[start:end])
    return tuple(dict.fromkeys(terms))


def running_words(folded: str, by: Segmenter | None = None) -> list[list[str]]:
    """Return the likeliest words of a whole folded text in their order, one list for each run.

    A run is of Han, or one word of letters and digits; what stands between runs is left out.
    """
    from newsgrep.text.patterns import HAN_RUN, WORD_RUN

    cut = (by or segmenter()).cut
    han = [(found.start(), list(cut(found[0]))) for found in HAN_RUN.finditer(folded)]
    others = [(found.start(), [found[0]]) for found in WORD_RUN.finditer(folded)]
    return [words for _, words in sorted(han + others)]


def words_inside(folded: str) -> tuple[str, ...]:
    """Return dictionary words that a folded string has at any place, but its :func:`query_terms`.

    Every text that holds the string has them among its :func:`index_terms`. The longest
    come first, which fewest texts have; of a long string there are some only.
    """
    dictionary = installed_dictionary()
    if dictionary is None:
        return ()
    words: dict[str, None] = {}
    start = folded[:_FAR]
    for kind, begin, end in runs(start):
        if kind is Kind.HAN:
            words |= dict.fromkeys(dictionary.words(start[begin:end]))
    cut = set(query_terms(folded))
    return tuple(sorted((word for word in words if word not in cut), key=lambda word: -len(word)))


def likeliest_words(run: str) -> Iterable[str]:
    """Return a run of Han cut into its likeliest words, as every :class:`Segmenter` does.

    No segmenter is loaded for it where jieba's dictionary can be read in place.
    """
    dictionary = installed_dictionary() if len(run) < _LONG else None
    return dictionary.cut(run) if dictionary else segmenter().cut(run)
