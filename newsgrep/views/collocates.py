"""Collocates: the words that occur near the texts of a query more often than elsewhere.

Counts are exact: every occurrence in title and body of every matching article is read, and no
word is estimated from a sample.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.analysis.words import WordSequence, count_words, is_content_word
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.models import PARAGRAPH_BREAK, Span
from newsgrep.query.ast import And, Field, Not, TextNode, describe, positive_texts
from newsgrep.query.match import occurrence_spans
from newsgrep.query.parser import Query
from newsgrep.search.selection import in_batches, iter_ids
from newsgrep.terminal import Screen, StyledLine, StyledText, count_noun, one_line, pad
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.keywords import (
    MAX_SPELLING_ARTICLES,
    SIGNIFICANT_G2,
    read_spellings,
    signed_g2,
    usual_spelling,
)
from newsgrep.views.table import Table
from newsgrep.views.timeline import filters_only

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

DEFAULT_WINDOW: Final = 5
"""Words on each side, the most frequent choice in corpus linguistics."""

MAX_WINDOW: Final = 50
DEFAULT_MIN_COUNT: Final = 3


class CollocateOrder(StrEnum):
    """What collocates are sorted by, the greatest first."""

    G2 = "g2"
    MI = "mi"
    COUNT = "count"


class Reference(StrEnum):
    """The articles in which words are counted: those that match, or all that pass the filters."""

    MATCHES = "matches"
    ARCHIVE = "archive"


# G² is Dunning's log-likelihood ratio ("Accurate Methods for the Statistics of Surprise and
# Coincidence", 1993) of words in and outside of the windows, MI the pointwise mutual information of
# Church and Hanks ("Word Association Norms, Mutual Information, and Lexicography", 1990).


class Collocate(NamedTuple):
    """A word near the query's texts.

    ``left`` and ``right`` count it in the windows, each time on the side of the nearest text, and
    ``occurrences`` is their sum. ``frequency`` counts it in all words of the reference.
    ``expected`` is the number if the word were spread evenly. ``g2`` is the log-likelihood ratio,
    ``mi`` the mutual information in bits, log₂(occurrences / expected).
    """

    word: str
    left: int
    right: int
    occurrences: int
    frequency: int
    expected: float
    g2: float
    mi: float


@dataclass(frozen=True, slots=True, repr=False)
class Collocations(Table[Collocate]):
    """The collocates of ``query`` in windows of ``left`` and ``right`` words.

    ``articles`` match and contain ``occurrences`` of its texts. ``near`` words are in the windows,
    of ``words`` in the ``reference_articles``; words that belong to an occurrence do not count.
    """

    query: str
    parsed: str
    left: int
    right: int
    reference: Reference
    articles: int
    occurrences: int
    reference_articles: int
    near: int
    words: int
    collocates: tuple[Collocate, ...]

    @property
    def items(self) -> Sequence[Collocate]:
        """The collocates."""
        return self.collocates

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`to_csv`."""
        return to_csv(self)


def find_collocates(
    engine: Engine,
    query: Query,
    *,
    left: int = DEFAULT_WINDOW,
    right: int = DEFAULT_WINDOW,
    order: CollocateOrder = CollocateOrder.G2,
    reference: Reference = Reference.MATCHES,
    min_count: int = DEFAULT_MIN_COUNT,
    limit: int = 30,
) -> Collocations:
    """Return the words that are significantly more frequent near the texts of ``query``.

    A window ends at the paragraph. Function words, numbers and single characters take places in
    it, but are not listed, nor words with less than ``min_count`` occurrences in windows. Raises
    :class:`UsageError` for a query without a text.
    """
    texts = positive_texts(query.root)
    if not texts:
        raise UsageError("QUERY contains no text to find words near it. Add a word.")
    counts = _Counts(left, right, engine.user_dictionary)
    ids: list[str] = []
    articles = 0
    for batch in in_batches(iter_ids(engine, query.root, Order.NEWEST)):
        ids += batch[: MAX_SPELLING_ARTICLES - len(ids)]
        for title, body in engine.folded_texts(batch):
            articles += 1
            counts.add(title, texts, Field.TITLE)
            counts.add(body, texts, Field.BODY)
    reference_articles = articles
    if reference is Reference.ARCHIVE:
        reference_articles += _count_others(engine, query, texts, counts)
    frequencies = counts.all
    best = _best(counts, frequencies, order, min_count)[:limit]
    texts_read = [(fold(text), text) for text in read_spellings(engine, ids)]
    return Collocations(
        query=query.text,
        parsed=describe(query.root),
        left=left,
        right=right,
        reference=reference,
        articles=articles,
        occurrences=counts.occurrences,
        reference_articles=reference_articles,
        near=counts.near,
        words=frequencies.total(),
        collocates=tuple(
            each._replace(word=usual_spelling(each.word, texts_read)) for each in best
        ),
    )


class _Side(IntEnum):
    LEFT = 0
    RIGHT = 1


class _Counts:
    """Counts words in texts, and those in windows around the occurrences of a query's texts."""

    def __init__(self, left: int, right: int, user: UserDictionary | None) -> None:
        self._left, self._right = left, right
        self._user = user
        self.occurrences = 0
        self.all: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    @property
    def near(self) -> int:
        """The number of words in all windows."""
        return self.left.total() + self.right.total()

    def add(self, folded: str, texts: Sequence[TextNode], field: Field) -> None:
        """Count the words of one folded title or body."""
        if not folded:
            return
        spans = occurrence_spans(folded, texts, field)
        if not spans:
            self.all.update(count_words(folded, self._user))
            return
        sequence = WordSequence(folded, self._user)
        excluded = _Excluded(sequence, spans)
        words = excluded.others
        self.all.update(words)
        self.occurrences += len(spans)
        nearest: dict[int, tuple[int, _Side]] = {}
        for span, after in zip(spans, excluded.places, strict=True):
            # A window ends at the paragraph.
            first = max(folded.rfind(PARAGRAPH_BREAK, 0, span.start), 0)
            last = folded.find(PARAGRAPH_BREAK, span.end)
            low = max(excluded.place(sequence.first_from(first)), after - self._left)
            high = min(len(words), after + self._right)
            if last >= 0:
                high = min(high, excluded.place(sequence.first_from(last)))
            for distance, at in enumerate(range(after - 1, low - 1, -1)):
                _keep_nearest(nearest, at, (distance, _Side.LEFT))
            for distance, at in enumerate(range(after, high)):
                _keep_nearest(nearest, at, (distance, _Side.RIGHT))
        for at, place in nearest.items():
            (self.left if place[1] is _Side.LEFT else self.right)[words[at]] += 1


def _keep_nearest(nearest: dict[int, tuple[int, _Side]], at: int, place: tuple[int, _Side]) -> None:
    if at not in nearest or place < nearest[at]:
        nearest[at] = place


class _Excluded:
    """The words of a text that no span overlaps.

    ``others`` are these words, and ``places`` how many of them precede each of ``spans``, which
    are sorted.
    """

    def __init__(self, sequence: WordSequence, spans: Sequence[Span]) -> None:
        self.others: list[str] = []
        self.places: list[int] = []
        # The ranges of excluded words, and how many of them are before the end of each.
        self._starts: list[int] = [0]
        self._ends: list[int] = [0]
        self._excluded: list[int] = [0]
        reached = 0
        for span in spans:
            first = sequence.first_ending_after(span.start)
            end = sequence.first_from(span.end)
            self.others += sequence.words[reached:first]
            self.places.append(len(self.others))
            if end > max(first, reached):
                self._starts.append(max(first, reached))
                self._ends.append(end)
                self._excluded.append(end - len(self.others))
            reached = max(reached, end)
        self.others += sequence.words[reached:]

    def place(self, number: int) -> int:
        """Return how many of the other words precede the word ``number`` of the text."""
        at = bisect_right(self._ends, number) - 1
        start = self._starts[at + 1] if at + 1 < len(self._starts) else number
        return min(number, start) - self._excluded[at]


def _count_others(engine: Engine, query: Query, texts: Sequence[TextNode], counts: _Counts) -> int:
    """Add the words of the other articles that pass the filters of ``query``; count these."""
    others = _Counts(0, 0, engine.user_dictionary)
    articles = 0
    rest = And((filters_only(query.root), Not(query.root)))
    for batch in in_batches(iter_ids(engine, rest, Order.NEWEST)):
        for title, body in engine.folded_texts(batch):
            articles += 1
            others.add(title, texts, Field.TITLE)
            others.add(body, texts, Field.BODY)
    counts.all += others.all
    return articles


def _best(
    counts: _Counts, frequencies: Counter[str], order: CollocateOrder, min_count: int
) -> list[Collocate]:
    """Return the significant collocates, folded, in their order."""
    near, words = counts.near, frequencies.total()
    found = []
    for word in counts.left.keys() | counts.right.keys():
        left, right, frequency = counts.left[word], counts.right[word], frequencies[word]
        count = left + right
        if count < min_count or not is_content_word(word):
            continue
        g2 = signed_g2(count, near, frequency - count, words - near)
        if g2 >= SIGNIFICANT_G2:
            expected = near * frequency / words
            mi = math.log2(count / expected)
            found.append(Collocate(word, left, right, count, frequency, expected, g2, mi))
    keys: dict[CollocateOrder, Callable[[Collocate], float]] = {
        CollocateOrder.G2: lambda each: each.g2,
        CollocateOrder.MI: lambda each: each.mi,
        CollocateOrder.COUNT: lambda each: each.occurrences,
    }
    return sorted(found, key=lambda each: (-keys[order](each), -each.g2, each.word))


# Forms

_WORD_WIDTH: Final = 16


def to_text(found: Collocations, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a table of collocates, and lines on what was counted; nothing without collocates."""
    if not found.collocates:
        return
    labels = (
        (_("left"), 7),
        (_("right"), 7),
        (_("count"), 7),
        (_("all"), 9),
        (_("expected"), 10),
        ("G²", 9),
        ("MI", 6),
    )
    heading = "".join(pad(label, width, right=True) for label, width in labels)
    yield StyledLine([StyledText(pad(_("word"), _WORD_WIDTH) + heading, "dim")])
    for each in found.collocates:
        numbers = (
            f"{each.left:>7,}{each.right:>7,}{each.occurrences:>7,}{each.frequency:>9,}"
            f"{each.expected:>10,.1f}{each.g2:>9,.1f}{each.mi:>6.1f}"
        )
        name = pad(one_line(each.word), _WORD_WIDTH)
        yield StyledLine([StyledText(name, "title"), StyledText(numbers)])
    yield StyledLine()
    for note in notes(found):
        yield StyledLine([StyledText(note, "dim")])


def notes(found: Collocations) -> Iterator[str]:
    """Yield what was counted."""
    yield _(
        "{occurrences} in {articles}, {left} words to the left and {right} to the right",
        occurrences=count_noun(found.occurrences, "occurrence"),
        articles=count_noun(found.articles, "article"),
        left=found.left,
        right=found.right,
    )
    which = _("these articles")
    if found.reference is Reference.ARCHIVE:
        which = _(
            "{articles} of the archive", articles=count_noun(found.reference_articles, "article")
        )
    yield _(
        "{near:,} words near, compared with {words:,} others in {which}",
        near=found.near,
        words=found.words - found.near,
        which=which,
    )


def to_json(found: Collocations) -> dict[str, Any]:
    """Return the collocates as a complete object; docs/collocates.schema.json describes it."""
    fields = {each.name: getattr(found, each.name) for each in dataclass_fields(found)}
    fields["reference"] = found.reference.value
    fields["collocates"] = [_rounded(each)._asdict() for each in found.collocates]
    return {"version": SCHEMA_VERSION, **fields}


def to_csv(found: Collocations) -> Iterator[Sequence[object]]:
    """Yield a row for each collocate."""
    yield Collocate._fields
    yield from map(_rounded, found.collocates)


def _rounded(each: Collocate) -> Collocate:
    return each._replace(
        expected=round(each.expected, 4), g2=round(each.g2, 4), mi=round(each.mi, 4)
    )
