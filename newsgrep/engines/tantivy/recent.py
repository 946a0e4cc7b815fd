"""The best of what a query finds where newer articles weigh more, exactly.

tantivy scores without regard to age, so articles are taken span by span of their age, in each
of which what a score is multiplied by has a bound; what can't come first any more is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, log2
from typing import Final

from tantivy import Searcher

from newsgrep.engines.base import Order
from newsgrep.engines.clauses.clause import Between, Clause, Without, all_of
from newsgrep.engines.clauses.fields import MOMENT
from newsgrep.engines.clauses.ranking import Addend
from newsgrep.engines.recency import LEAST, Recency
from newsgrep.engines.tantivy.asking import Asking
from newsgrep.engines.tantivy.ordered import Found, Ordered

_SPANS: Final = ceil(-log2(LEAST))
"""Half-lives after which a weight sinks no more."""


def best_by_recency(
    searcher: Searcher,
    asking: Asking,
    clause: Clause,
    addends: list[Addend],
    recency: Recency,
    count: int,
) -> list[Found]:
    """Return the first ``count`` matches, best first, with their weighed scores."""
    best: list[Found] = []
    for span, most in _spans(recency):
        query = asking.ranked(all_of(clause, span), addends)
        ordered = Ordered(searcher, query, Order.RELEVANCE)
        wanted = count
        while True:
            found = ordered.best(wanted)
            # All that were not given have no better score than the last one that was.
            least = found[-1].score * most if found else 0.0
            together = sorted([*best, *(_weighed(each, recency) for each in found)])
            if len(found) < wanted or _is_beaten(least, together, count):
                break
            wanted = 2 * len(found)
        best = together[:count]
    return best


def _is_beaten(score: float, best: list[Found], count: int) -> bool:
    return len(best) >= count and best[count - 1].score > score


def _weighed(found: Found, recency: Recency) -> Found:
    score = found.score * recency.weight(found.moment)
    return found._replace(level=-score, score=score)


def _spans(recency: Recency) -> Iterator[tuple[Clause, float]]:
    """Yield spans of time, newest first, and what weights in them are at most."""
    begins = [recency.now - recency.half_life * spans for spans in range(1, _SPANS + 1)]
    yield Between(MOMENT, begins[0], None), 1.0
    for number, (later, earlier) in enumerate(pairwise(begins), 1):
        span = all_of(Between(MOMENT, earlier, None), Without(Between(MOMENT, later, None)))
        yield span, 2.0**-number
    yield Without(Between(MOMENT, begins[-1], None)), LEAST
