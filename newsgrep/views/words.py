"""Which words texts are made of, names outside of the dictionary included.

A word is a word of the dictionary of two characters and more, a run of letters, or
single characters and words that keep standing side by side, as those of a name do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.text.characters import Kind, kind_of
from newsgrep.text.segment import running_words
from newsgrep.views.stopwords import CLINGING, STOPWORDS

_LONGEST_NAME: Final = 6
"""Characters of a name: 泽连斯基 has four, most foreign names have no more than six."""

_MOST_PIECES: Final = 4
_TOGETHER: Final = 0.6
"""Share of the places of its first and of its last piece at which a name stands."""


def is_telling(word: str) -> bool:
    """Return whether ``word`` can tell what a text is about: no number, no function word."""
    return len(word) > 1 and word not in STOPWORDS and not word.isnumeric()


class Text:
    """A folded title and body cut into words: what is counted of them."""

    def __init__(self, title: str, body: str) -> None:
        self.title = running_words(title)
        self.body = running_words(body)

    @property
    def runs(self) -> list[list[str]]:
        """Return the words of each run, those of the title first."""
        return self.title + self.body

    def words(self) -> Counter[str]:
        """Return how often each telling word stands in the text."""
        counts = Counter(word for run in self.runs for word in run)
        return Counter({word: count for word, count in counts.items() if is_telling(word)})


def names(texts: Iterable[Text], fewest: int) -> Counter[str]:
    """Return names outside of the dictionary that stand at ``fewest`` places or more.

    Adjacent pieces of Han are one if one of them is a single character and the first and
    the last of them mostly stand in just this place.
    """
    pieces: Counter[str] = Counter()
    joined: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for run in text.runs:
            pieces.update(run)
            joined.update(_side_by_side(run))
    kept = {
        parts: count
        for parts, count in joined.items()
        if count >= fewest
        and count >= _TOGETHER * pieces[parts[0]]
        and count >= _TOGETHER * pieces[parts[-1]]
    }
    # What is a part of a longer name, and seldom stands elsewhere, is no name itself.
    inside: Counter[tuple[str, ...]] = Counter()
    for parts, count in kept.items():
        for start in range(len(parts)):
            for end in range(start + 2, len(parts) + 1):
                if (part := parts[start:end]) != parts:
                    inside[part] = max(inside[part], count)
    return Counter(
        {
            "".join(parts): count
            for parts, count in kept.items()
            if inside[parts] < _TOGETHER * count
        }
    )


def _side_by_side(run: list[str]) -> Iterator[tuple[str, ...]]:
    for start, first in enumerate(run):
        if first in CLINGING or first in STOPWORDS or kind_of(first[0]) is not Kind.HAN:
            continue
        size, single = len(first), len(first) == 1
        for end in range(start + 1, min(start + _MOST_PIECES, len(run))):
            last = run[end]
            size += len(last)
            single = single or len(last) == 1
            if size > _LONGEST_NAME:
                break
            if single and last not in CLINGING and last not in STOPWORDS:
                yield tuple(run[start : end + 1])


def spelled(word: str, texts: Iterable[tuple[str, str]]) -> str:
    """Return ``word``, which is folded, in the spelling most used in ``texts``.

    Each text is given folded and as it is written.
    """
    found: Counter[str] = Counter()
    for folded, written in texts:
        at = folded.find(word)
        while at >= 0:
            found[written[at : at + len(word)]] += 1
            at = folded.find(word, at + len(word))
    # Equal ones: the smaller string, so that the same question has the same answer.
    return min(found, key=lambda each: (-found[each], each)) if found else word
