"""The second look: the best hundred are ordered anew by what their texts say where.

The engine knows how often words stand in an article; only the text knows which stand together
and how early. Each feature is a share from 0 to 1, and more of it never lowers an article.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.analysis.characters import CharKind, runs
from newsgrep.engines.base import ScoredDoc
from newsgrep.query.ast import Field, Phrase, Terms, TextNode
from newsgrep.query.match import contains_literal

FoldedText = tuple[str, str]
"""Title and body of an article, folded."""

RERANK_DEPTH: Final = 100
"""How many of the best are looked at again, whatever page is shown."""

_MAX_PARTS: Final = 100
"""Parts of a query that are looked for: more make it slower, and tell no more."""

_MAX_BODY: Final = 8000
"""Characters of a body that are looked at: what stands later hardly counts as early."""

# What follows was chosen on half of a sample of titles that are to find their articles
# (bench/relevance.py), in the order in which it is told; plain BM25 has an MRR@10 of .634 there,
# the engine alone .681. On the other half .651, .679: it was seen beside, so it is no blind test.

_PAIR_POSITION_WEIGHT: Final = 1.0
_PAIR_HALF_DISTANCE: Final = 200
"""Characters of a body after which a pair counts half as early: 100 and 400 are worse.

Pairs alone, at 1.5: .704 (.718 on the other half).
"""

_WORD_POSITION_WEIGHT: Final = 0.4
_WORD_HALF_DISTANCE: Final = 100
"""The same for words. With them .710 (.719): news puts its facts first, essays do not."""

_FREQUENCY_WEIGHT: Final = 1.2
_SATURATION: Final = 2.5
_AVERAGE_LENGTH: Final = 1200
"""How often pairs stand, by BM25's own curve over the length: .710 (.723), and essays gain."""

_PROXIMITY_WEIGHT: Final = 0.7
_PROXIMITY_SPAN: Final = 50
_MAX_OCCURRENCES: Final = 30
"""How near words stand that must all stand. It is for short questions: of two or three words of
a title, which found their article at an MRR@10 of .561 by the engine alone and .594 with pairs
that are early, .603 with this. In long ones (any word is enough) it tells nothing: .703 to .701.
"""

_EXACT_WEIGHT: Final = 0.5
"""Words that stand as they were typed: what the query language says, and no gain for titles."""


class RerankFeatures(NamedTuple):
    """What the second look saw in one article, as shares from 0 to 1.

    ``pair_position`` and ``word_position`` measure how early the query's character pairs and
    its words occur, the title first; ``pair_frequency`` how often the pairs occur for the
    body's length; ``proximity`` how many of them occur close together; ``exact`` how much of
    the query occurs as typed. The last two are 0 where any word is enough.
    """

    pair_position: float
    word_position: float
    pair_frequency: float
    proximity: float
    exact: float

    @property
    def factor(self) -> float:
        """Return what the engine's score is multiplied by, at least 1."""
        return (
            1
            + _PAIR_POSITION_WEIGHT * self.pair_position
            + _WORD_POSITION_WEIGHT * self.word_position
            + _FREQUENCY_WEIGHT * self.pair_frequency
            + _PROXIMITY_WEIGHT * self.proximity
            + _EXACT_WEIGHT * self.exact
        )


class Reranked(NamedTuple):
    """A candidate with its score as it is now, and why."""

    candidate: ScoredDoc
    features: RerankFeatures


def should_rerank(wanted: Iterable[TextNode]) -> bool:
    """Return whether texts can say more than the engine knows: not of a single term."""
    return len({term for text in wanted if isinstance(text, Terms) for term in text.terms}) > 1


def rerank(
    candidates: Sequence[ScoredDoc], texts: Sequence[FoldedText], wanted: Sequence[TextNode]
) -> list[Reranked]:
    """Return ``candidates`` in their new order, given their texts and what is asked for.

    Equal ones stay in the order that they had.
    """
    wanted = [text for text in wanted if text.field is not Field.CAPTION]
    strings = [text for text in wanted if isinstance(text, Terms) and not text.any_term]
    wholes = [_exact_feature(text, strings) for text in texts]
    texts = [(title, body[:_MAX_BODY]) for title, body in texts]
    pairs = dict(islice(_pairs(wanted), _MAX_PARTS))
    words = dict(islice(_words(wanted), _MAX_PARTS))
    places = [_first_offsets(pairs, text) for text in texts]
    word_places = [_first_offsets(words, text) for text in texts]
    telling, telling_words = _salience(pairs, places), _salience(words, word_places)
    looked = []
    for candidate, (_, body), found, found_words, whole in zip(
        candidates, texts, places, word_places, wholes, strict=True
    ):
        features = RerankFeatures(
            _position_feature(found, telling, _PAIR_HALF_DISTANCE),
            _position_feature(found_words, telling_words, _WORD_HALF_DISTANCE),
            _frequency_feature(body, found, telling),
            _proximity_feature(body, found, len(pairs)) if strings else 0.0,
            whole,
        )
        again = ScoredDoc(candidate.id, candidate.score * features.factor)
        looked.append(Reranked(again, features))
    return sorted(looked, key=lambda each: -each.candidate.score)


def _pairs(wanted: Iterable[TextNode]) -> Iterable[tuple[str, Field]]:
    """Yield the pairs of neighbouring characters of a query, and its words of letters.

    A pair that spans two words stands only where these stand together.
    """
    for text in wanted:
        # Of patterns only what is sure of them is known.
        literal = text.literal if isinstance(text, Terms | Phrase) else " ".join(text.terms)
        for kind, start, end in runs(literal):
            if kind is CharKind.WORD or (end - start == 1 and kind is not CharKind.OTHER):
                yield literal[start:end], text.field
            elif kind is not CharKind.OTHER:
                for at in range(start, end - 1):
                    yield literal[at : at + 2], text.field


def _words(wanted: Iterable[TextNode]) -> Iterable[tuple[str, Field]]:
    for text in wanted:
        yield from ((term, text.field) for term in text.terms)


def _first_offsets(parts: Mapping[str, Field], text: FoldedText) -> dict[str, int]:
    """Return where each part stands first: from 0 in the body, -1 in the title."""
    title, body = text
    found: dict[str, int] = {}
    for part, field in parts.items():
        if field is not Field.BODY and part in title:
            found[part] = -1
        elif field is not Field.TITLE and (at := body.find(part)) >= 0:
            found[part] = at
    return found


def _salience(parts: Iterable[str], places: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Return how telling each part is among these articles; together they are 1.

    What nearly all of them have says little, even where it is rare in the archive.
    """
    having = Counter(part for found in places for part in found)
    count = len(places)
    telling = {
        part: math.log(1 + (count - having[part] + 0.5) / (having[part] + 0.5)) for part in parts
    }
    total = sum(telling.values()) or 1.0
    return {part: weight / total for part, weight in telling.items()}


def _position_feature(found: Mapping[str, int], telling: Mapping[str, float], half: int) -> float:
    share = sum(telling[part] * half / (half + max(at, 0)) for part, at in found.items())
    return min(share, 1.0)  # rounded, all parts may add up to more


def _frequency_feature(body: str, found: Iterable[str], telling: Mapping[str, float]) -> float:
    steady = _SATURATION * (0.25 + 0.75 * len(body) / _AVERAGE_LENGTH)
    counts = ((part, body.count(part)) for part in found)
    return sum(telling[part] * count / (count + steady) for part, count in counts)


def _proximity_feature(body: str, found: Mapping[str, int], parts: int) -> float:
    """Return the greatest share of the parts that stand in the title, or in a span of the body."""
    best = sum(at < 0 for at in found.values())
    places: list[tuple[int, str]] = []
    for part, first in found.items():
        at = first if first >= 0 else body.find(part)
        for _ in range(_MAX_OCCURRENCES):
            if at < 0:
                break
            places.append((at, part))
            at = body.find(part, at + 1)
    places.sort()
    within: Counter[str] = Counter()
    low = now = 0
    for at, part in places:
        now += not within[part]
        within[part] += 1
        while places[low][0] < at - _PROXIMITY_SPAN:
            gone = places[low][1]
            within[gone] -= 1
            now -= not within[gone]
            low += 1
        best = max(best, now)
    return best / parts if parts else 0.0


def _exact_feature(text: FoldedText, strings: Sequence[Terms]) -> float:
    """Return how many of the strings stand as they were typed; in a body they count half."""
    several = [words for words in strings if len(words.terms) > 1]
    if not several:
        return 0.0
    title, body = text
    held = 0.0
    for words in several:
        if words.field is not Field.BODY and contains_literal(title, words.literal):
            held += 1.0
        elif words.field is not Field.TITLE and contains_literal(body, words.literal):
            held += 0.5
    return held / len(several)
