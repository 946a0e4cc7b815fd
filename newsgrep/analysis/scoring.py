"""Relevance scores: BM25F over title, lead and body, and the weight of recency.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
section 3.6 (fields weighted before saturation) and 3.4 (idf, here with one added inside the
logarithm, so that no term lowers a score).

The score of a term in an article depends on that article alone and is quantised to few values,
its impact, so an engine without BM25F can store it. Impacts and weights are multiples of powers of
two: their sums are exact even in 32-bit floats, in any order, so scores are equal on every engine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from heapq import nsmallest
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep.errors import UsageError
from newsgrep.models import ARCHIVE_ZONE

K1: Final = 1.2
"""How soon further occurrences of a term stop raising its score."""


class ScoredField(NamedTuple):
    """The weight of a term in one field of an article, and the influence of the field's length.

    ``usual`` is the length at which the weight is unchanged, in terms, repeats included.
    ``length_share`` is BM25's b. A field shorter than ``shortest`` counts as that long.
    """

    weight: float
    length_share: float
    usual: int
    shortest: int


SCORED_FIELDS: Final = (
    ScoredField(weight=3.0, length_share=0.4, usual=30, shortest=0),  # title
    ScoredField(weight=1.0, length_share=0.4, usual=250, shortest=250),  # lead
    ScoredField(weight=1.0, length_share=0.75, usual=1000, shortest=500),  # body
)
"""In the order of :class:`FieldCounts`.

Lengths are fixed, so that an article's impacts do not change when other articles are indexed.
The means of 29,681 articles of two archives are 29, 351 and 1,483. A usual body of 1,000 terms
ranks known items slightly better than one of 1,500 (MRR@10 .6662 and .7485 instead of .6659 and
.7475), and a lead of 250 better than one of 350. Without ``shortest``, a word in the body of a
message of two lines would count more than in its title; with 1,000 for a body, transcripts of a
few sentences would be harder to find (.7439).
"""

MAX_IMPACT: Final = 64
"""The impact of a term that is the name of the article's source; other impacts are lower."""

_WEIGHT_STEPS: Final = 64
"""Weights are multiples of one divided by this."""

MAX_SCORING_TERMS: Final = 60
"""The rarest so many terms of a query rank. With more, sums would not be exact in 32 bits.

60 terms × an impact of 64 × 64 steps × the largest weight, 34 for a term in one of ten million
articles, is less than 2^24.
"""


def idf(documents: int, having: int) -> float:
    """Return the inverse document frequency of a term in ``having`` of ``documents``."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


def field_norm(field: ScoredField, length: int) -> float:
    """Return the weight of one occurrence in a field with ``length`` terms."""
    relative = max(length, field.shortest) / field.usual
    return field.weight / (1 - field.length_share + field.length_share * relative)


def impact(frequency: float) -> int:
    """Return the quantised impact, from 1 to 63, of a term that a document contains.

    ``frequency`` is the sum over fields of occurrences times :func:`field_norm`.
    """
    return int((MAX_IMPACT - 1) * frequency / (K1 + frequency)) + 1


_FIELD_PARAMETERS: Final = ", ".join(
    f"Zone(weight={weight}, length_share={b}, usual={typical}, shortest={shortest})"
    for weight, b, typical, shortest in SCORED_FIELDS
)
_PARAMETERS: Final = f"({K1}, ({_FIELD_PARAMETERS}), {MAX_IMPACT})"

SCORING_FINGERPRINT: Final = f"{crc32(_PARAMETERS.encode()):08x}"
"""Identifies the parameters of :func:`impact`, for indexes that store impacts.

The names in the text are part of the checksum in existing indexes and must not change.
"""


def term_weights(
    terms: Iterable[str], documents: int, having: Mapping[str, int]
) -> dict[str, float]:
    """Return for each term the factor of its impacts in a document's score.

    ``having`` is the number of ``documents`` with each term. Only the rarest of many terms rank,
    and none that no document has.
    """
    existing = [term for term in terms if having[term]]
    rarest = set(nsmallest(MAX_SCORING_TERMS, existing, key=having.__getitem__))
    return {
        term: round(idf(documents, having[term]) * (K1 + 1) * _WEIGHT_STEPS)
        / (_WEIGHT_STEPS * MAX_IMPACT)
        for term in existing
        if term in rarest
    }


RECENCY_HALF_LIVES: Final = 10
MIN_RECENCY_WEIGHT: Final = 2.0**-RECENCY_HALF_LIVES
"""The smallest weight, of articles older than ten half-lives and of those without a date.

So the oldest are still ordered by relevance, and undated ones are neither lost nor treated as new.
"""


class Recency(NamedTuple):
    """Newer articles rank higher, which is always the user's choice.

    The weight halves with each ``half_life``, in seconds; ``now`` is in seconds since the epoch.
    It is applied where documents are scored, so that the order of all matches is exact.
    """

    half_life: float
    now: float

    def weight(self, timestamp: float) -> float:
        """Return the factor of the score of an article published at ``timestamp``.

        That is in seconds since the epoch, ``-inf`` if it is unknown. An article from the future
        counts as new.
        """
        age = max(self.now - timestamp, 0.0)
        return max(math.exp2(-age / self.half_life), MIN_RECENCY_WEIGHT)


_UNIT_DAYS: Final = {"d": 1.0, "w": 7.0, "m": 365.25 / 12, "y": 365.25}
_DAY_SECONDS: Final = 86_400.0


def parse_half_life(text: str) -> float:
    """Return a half-life such as ``30d`` in seconds; raises :class:`UsageError` for another text.

    >>> parse_half_life("30d")
    2592000.0
    """
    match = re.fullmatch(r"([0-9]{1,5})([dwmy])", text.strip().lower())
    seconds = int(match[1]) * _UNIT_DAYS[match[2]] * _DAY_SECONDS if match else 0.0
    if not seconds:
        raise UsageError("Write a half-life such as 30d, 6w, 6m or 2y.")
    return seconds


def recency_from_today(half_life: float) -> Recency:
    """Return the recency for a half-life in seconds.

    Ages count back from the end of today in China, so that pages requested on one day fit
    together.
    """
    tomorrow = datetime.now(ARCHIVE_ZONE).date() + timedelta(days=1)
    return Recency(half_life, datetime.combine(tomorrow, time(), ARCHIVE_ZONE).timestamp())


MAX_IN_TITLE: Final = 15
MAX_IN_LEAD: Final = 255
MAX_IN_BODY: Final = 4095
LEAD_SHIFT: Final = 12
TITLE_SHIFT: Final = 20


class FieldCounts(NamedTuple):
    """How often a term occurs in each field; the body includes the lead."""

    title: int
    lead: int
    body: int


def pack_counts(counts: FieldCounts) -> int:
    """Return the counts as one number below 2**24, which a 32-bit float represents exactly.

    More than 15, 255 or 4,095 occurrences count as that many: for BM25 the difference is
    negligible.
    """
    title, lead, body = map(min, counts, (MAX_IN_TITLE, MAX_IN_LEAD, MAX_IN_BODY))
    return title << TITLE_SHIFT | lead << LEAD_SHIFT | body


def unpack_counts(packed: int) -> FieldCounts:
    """Return the counts that :func:`pack_counts` packed."""
    lead, body = packed >> LEAD_SHIFT & MAX_IN_LEAD, packed & MAX_IN_BODY
    return FieldCounts(packed >> TITLE_SHIFT, lead, body)
