"""Reranking: the best hundred documents are reordered by where and how their texts match.

The engine's score knows how often terms occur in an article. The text also shows which of them
occur together, and how early. Each feature is a number from 0 to 1; a greater one never lowers
the score.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.analysis.characters import CharKind, runs
from newsgrep.engines.base import ScoredDoc
from newsgrep.query.ast import PASSAGE_FIELDS, Field, Operator, Phrase, Terms, TextNode
from newsgrep.query.match import contains_literal

FoldedText = tuple[str, str]
"""Folded title and folded body of an article."""

RERANK_DEPTH: Final = 100
"""Number of documents that are reranked, whatever page is shown."""

_MAX_PARTS: Final = 100
"""Parts of a query that are looked up: more cost time and do not improve the order."""

_MAX_BODY: Final = 8000
"""Characters of a body that are read: a later occurrence hardly counts as early."""

# The constants below were chosen, in this order, on half of a sample of titles that have to find
# their articles (bench/relevance.py). On that half plain BM25 has an MRR@10 of .634 and the
# engine alone .681; on the other half .651 and .679. The other half's figures were seen during
# the choice, so it is not a blind test.

_PAIR_POSITION_WEIGHT: Final = 1.0
_PAIR_HALF_DISTANCE: Final = 200
"""Characters of a body after which a pair counts half: 100 and 400 are worse.

Pairs alone, with a weight of 1.5: .704 (.718 on the other half).
"""

_WORD_POSITION_WEIGHT: Final = 0.4
_WORD_HALF_DISTANCE: Final = 100
"""The same for words. With them .710 (.719): news puts facts first, essays do not."""

_FREQUENCY_WEIGHT: Final = 1.2
_SATURATION: Final = 2.5
_AVERAGE_LENGTH: Final = 1200
"""Frequency of pairs on BM25's curve over the body length: .710 (.723), a gain for essays."""

_PROXIMITY_WEIGHT: Final = 0.7
_PROXIMITY_SPAN: Final = 50
_MAX_OCCURRENCES: Final = 30
"""Proximity of words that must all match, for short queries. Two or three words of a title
find its article at an MRR@10 of .561 with the engine alone, .594 with early pairs and .603 with
proximity. It adds nothing for long queries (any word may match): .703 becomes .701.
"""

_EXACT_WEIGHT: Final = 0.5
"""Words that occur as typed: what the query language promises, without a gain for titles."""


class RerankFeatures(NamedTuple):
    """The features of one article, each from 0 to 1.

    ``pair_position`` and ``word_position`` say how early the query's character pairs and its
    words occur, the title first; ``pair_frequency`` how often the pairs occur for the body's
    length; ``proximity`` which share of them occurs close together; ``exact`` which share of
    the query's words occurs as typed. The last two are 0 if any word may match.
    """

    pair_position: float
    word_position: float
    pair_frequency: float
    proximity: float
    exact: float

    @property
    def factor(self) -> float:
        """The factor for the engine's score, at least 1."""
        return (
            1
            + _PAIR_POSITION_WEIGHT * self.pair_position
            + _WORD_POSITION_WEIGHT * self.word_position
            + _FREQUENCY_WEIGHT * self.pair_frequency
            + _PROXIMITY_WEIGHT * self.proximity
            + _EXACT_WEIGHT * self.exact
        )


class Reranked(NamedTuple):
    """A document with its new score, and the features that changed it."""

    doc: ScoredDoc
    features: RerankFeatures


def should_rerank(texts: Iterable[TextNode]) -> bool:
    """Return whether reranking can change the order: not for a single term."""
    return len({term for text in texts if isinstance(text, Terms) for term in text.terms}) > 1


def rerank(
    docs: Sequence[ScoredDoc], folded: Sequence[FoldedText], texts: Sequence[TextNode]
) -> list[Reranked]:
    """Return ``docs`` in their new order, best first; equal scores keep their order.

    ``folded[n]`` is the text of ``docs[n]``, and ``texts`` are the positive texts of the query.
    """
    texts = [text for text in texts if text.field not in PASSAGE_FIELDS]
    strings = [text for text in texts if isinstance(text, Terms) and text.operator is Operator.AND]
    exact = [_exact_feature(text, strings) for text in folded]
    folded = [(title, body[:_MAX_BODY]) for title, body in folded]
    pairs = dict(islice(_pairs(texts), _MAX_PARTS))
    words = dict(islice(_words(texts), _MAX_PARTS))
    pair_offsets = [_first_offsets(pairs, text) for text in folded]
    word_offsets = [_first_offsets(words, text) for text in folded]
    pair_salience, word_salience = _salience(pairs, pair_offsets), _salience(words, word_offsets)
    reranked = []
    for doc, (_, body), of_pairs, of_words, exact_share in zip(
        docs, folded, pair_offsets, word_offsets, exact, strict=True
    ):
        features = RerankFeatures(
            pair_position=_position_feature(of_pairs, pair_salience, _PAIR_HALF_DISTANCE),
            word_position=_position_feature(of_words, word_salience, _WORD_HALF_DISTANCE),
            pair_frequency=_frequency_feature(body, of_pairs, pair_salience),
            proximity=_proximity_feature(body, of_pairs, len(pairs)) if strings else 0.0,
            exact=exact_share,
        )
        reranked.append(Reranked(ScoredDoc(doc.id, doc.score * features.factor), features))
    return sorted(reranked, key=lambda each: -each.doc.score)


def _pairs(texts: Iterable[TextNode]) -> Iterable[tuple[str, Field]]:
    """Yield the pairs of adjacent Han characters of a query, and its words of letters.

    A pair that spans two words occurs only where these are adjacent.
    """
    for text in texts:
        # Of a pattern, only the terms that every match contains are known.
        literal = text.literal if isinstance(text, Terms | Phrase) else " ".join(text.terms)
        for kind, start, end in runs(literal):
            if kind is CharKind.WORD or (end - start == 1 and kind is not CharKind.OTHER):
                yield literal[start:end], text.field
            elif kind is not CharKind.OTHER:
                for at in range(start, end - 1):
                    yield literal[at : at + 2], text.field


def _words(texts: Iterable[TextNode]) -> Iterable[tuple[str, Field]]:
    for text in texts:
        yield from ((term, text.field) for term in text.terms)


def _first_offsets(parts: Mapping[str, Field], text: FoldedText) -> dict[str, int]:
    """Return where each part occurs first: its offset in the body, or -1 for the title."""
    title, body = text
    found: dict[str, int] = {}
    for part, field in parts.items():
        if field is not Field.BODY and part in title:
            found[part] = -1
        elif field is not Field.TITLE and (at := body.find(part)) >= 0:
            found[part] = at
    return found


def _salience(parts: Iterable[str], offsets: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Return how strongly each part discriminates among these articles; the sum is 1.

    A part in nearly all of them says little, even if it is rare in the archive.
    """
    containing = Counter(part for found in offsets for part in found)
    count = len(offsets)
    weights = {
        part: math.log(1 + (count - containing[part] + 0.5) / (containing[part] + 0.5))
        for part in parts
    }
    total = sum(weights.values()) or 1.0
    return {part: weight / total for part, weight in weights.items()}


def _position_feature(
    offsets: Mapping[str, int], salience: Mapping[str, float], half_distance: int
) -> float:
    share = sum(
        salience[part] * half_distance / (half_distance + max(at, 0))
        for part, at in offsets.items()
    )
    return min(share, 1.0)  # rounding may make the sum exceed 1


def _frequency_feature(body: str, parts: Iterable[str], salience: Mapping[str, float]) -> float:
    saturation = _SATURATION * (0.25 + 0.75 * len(body) / _AVERAGE_LENGTH)
    counts = ((part, body.count(part)) for part in parts)
    return sum(salience[part] * count / (count + saturation) for part, count in counts)


def _proximity_feature(body: str, offsets: Mapping[str, int], parts: int) -> float:
    """Return the greatest share of the parts in the title, or within one span of the body."""
    best = sum(at < 0 for at in offsets.values())
    occurrences: list[tuple[int, str]] = []
    for part, first in offsets.items():
        at = first if first >= 0 else body.find(part)
        for _ in range(_MAX_OCCURRENCES):
            if at < 0:
                break
            occurrences.append((at, part))
            at = body.find(part, at + 1)
    occurrences.sort()
    within: Counter[str] = Counter()
    low = distinct = 0
    for at, part in occurrences:
        distinct += not within[part]
        within[part] += 1
        while occurrences[low][0] < at - _PROXIMITY_SPAN:
            left = occurrences[low][1]
            within[left] -= 1
            distinct -= not within[left]
            low += 1
        best = max(best, distinct)
    return best / parts if parts else 0.0


def _exact_feature(text: FoldedText, strings: Sequence[Terms]) -> float:
    """Return the share of the strings that occur as typed; one in the body counts half."""
    several = [words for words in strings if len(words.terms) > 1]
    if not several:
        return 0.0
    title, body = text
    found = 0.0
    for words in several:
        if words.field is not Field.BODY and contains_literal(title, words.literal):
            found += 1.0
        elif words.field is not Field.TITLE and contains_literal(body, words.literal):
            found += 0.5
    return found / len(several)
