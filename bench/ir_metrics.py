"""Reciprocal ranks and recall, with their standard errors."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from statistics import fmean, stdev
from typing import Final, NamedTuple

DEPTH: Final = 10
"""The depth of MRR@10 and recall@10."""

Scored = Sequence[tuple[float, str]]
"""Scores and ids, the best first."""


class Mean(NamedTuple):
    """A mean over questions, and its standard error."""

    value: float
    error: float


def rank_of(right: str, answers: Scored) -> int:
    """Return the rank of ``right`` from 1, the last of those with its score; 0 if it is missing.

    So no engine gains by the order in which it lists equal scores.
    """
    score = next((score for score, found in answers if found == right), None)
    if score is None:
        return 0
    return sum(other >= score for other, _ in answers)


def reciprocal(rank: int) -> float:
    """Return 1 ÷ rank, and 0 for a rank beyond :data:`DEPTH` or a missing one."""
    return 1 / rank if 0 < rank <= DEPTH else 0.0


def recall(right: Collection[str], answers: Sequence[str]) -> float:
    """Return the share of the right ones among the first :data:`DEPTH`."""
    return len(set(right) & set(answers[:DEPTH])) / len(right)


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of values, one for each question."""
    if len(values) < 2:
        return Mean(fmean(values) if values else 0.0, 0.0)
    return Mean(fmean(values), stdev(values) / math.sqrt(len(values)))
