"""How well a document fits: BM25F over title, lead and body, the same on every engine.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), section 3.6 (zones weighted before saturation) and 3.4 (idf, here with
one added inside the logarithm so that no term counts against a document).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

K1: Final = 1.2
"""How fast repeating a term stops counting."""


class Zone(NamedTuple):
    """How much a term counts in one part of an article, and how much that part's length."""

    weight: float
    length_share: float


ZONES: Final = (
    Zone(weight=3.0, length_share=0.4),  # title
    Zone(weight=1.0, length_share=0.4),  # lead
    Zone(weight=1.0, length_share=0.75),  # body
)
"""In the order of :class:`newsgrep.engines.counts.Counts`."""


def idf(documents: int, having: int) -> float:
    """Return how telling a term is that ``having`` of ``documents`` have."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


def zone_norms(lengths: Sequence[int], averages: Sequence[float]) -> tuple[float, float, float]:
    """Return what one occurrence counts in title, lead and body.

    ``lengths`` are those of one document and ``averages`` those of all, in terms.
    """
    title, lead, body = map(zone_norm, ZONES, lengths, averages)
    return title, lead, body


def zone_norm(zone: Zone, length: int, average: float) -> float:
    """Return what one occurrence counts in a zone that is ``length`` terms long."""
    if not average:
        return zone.weight
    return zone.weight / (1 - zone.length_share + zone.length_share * (length / average))


def term_score(term_idf: float, weighted_frequency: float) -> float:
    """Return what a term adds, given the sum over zones of frequency times zone norm."""
    return term_idf * (K1 + 1) * weighted_frequency / (K1 + weighted_frequency)
