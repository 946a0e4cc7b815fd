"""How well a document fits: BM25F over title, lead and body, the same on every engine.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), section 3.6 (zones weighted before saturation) and 3.4 (idf, here with
one added inside the logarithm so that no term counts against a document).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

K1: Final = 1.2
"""How fast repeating a term stops counting."""


@dataclass(frozen=True, slots=True)
class Zone:
    """How much a term counts in one part of an article, and how much that part's length."""

    weight: float
    length_share: float


ZONES: Final[Mapping[str, Zone]] = {
    "title": Zone(weight=3.0, length_share=0.4),
    "lead": Zone(weight=1.0, length_share=0.4),
    "body": Zone(weight=1.0, length_share=0.75),
}


def idf(documents: int, having: int) -> float:
    """Return how telling a term is that ``having`` of ``documents`` have."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


def zone_norm(zone: str, length: int, average: float) -> float:
    """Return what one occurrence in ``zone`` counts, in a document of this length in terms."""
    kind = ZONES[zone]
    relative = length / average if average else 1.0
    return kind.weight / (1 - kind.length_share + kind.length_share * relative)


def term_score(term_idf: float, weighted_frequency: float) -> float:
    """Return what a term adds, given the sum over zones of frequency times zone norm."""
    return term_idf * (K1 + 1) * weighted_frequency / (K1 + weighted_frequency)
