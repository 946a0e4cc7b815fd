"""The best of what a query finds, in newsgrep's own order, whatever ties tantivy leaves.

tantivy orders by one number; where that is equal, the newest comes first and then the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from tantivy import DocAddress, Query, Searcher

from newsgrep.engines.base import Candidate, Order
from newsgrep.engines.clauses.fields import ID, MOMENT, PLACE, UNDATED, place_of
from newsgrep.engines.tantivy.schema import AGE

_MORE: Final = 64
"""Equals that are asked for beyond what is wanted, so that one question is mostly enough."""

_UNKNOWN: Final = float("-inf")


class Found(NamedTuple):
    """A document that is found, in the order in which it is shown."""

    level: float
    """What orders it: the negative score, or when it was published, reversed or not."""
    when: float
    place: int
    address: DocAddress
    score: float
    moment: float


class Ordered:
    """What one query finds, best first; ``query`` has scores where ``order`` is by relevance."""

    def __init__(self, searcher: Searcher, query: Query, order: Order) -> None:
        self._searcher = searcher
        self._query = query
        self._order = order
        self._field = {Order.NEWEST: MOMENT, Order.OLDEST: AGE}.get(order)

    def best(self, count: int) -> list[Found]:
        """Return at least the first ``count``, and maybe more, in order."""
        everything = max(self._searcher.num_docs, 1)
        limit = min(count + _MORE, everything)
        while True:
            hits = self._searcher.search(self._query, limit, False, order_by_field=self._field).hits
            if limit == everything or len(hits) < limit:
                return self._sorted(hits)
            # The last one may have equals that were not asked for.
            last = hits[-1][0]
            sure = [hit for hit in hits if hit[0] != last]
            if len(sure) >= count:
                return self._sorted(sure)
            limit = min(4 * limit, everything)

    def beyond(self, after: Candidate, count: int) -> tuple[list[Found], int]:
        """Return the first ``count`` after the place of ``after``, and how many stand before."""
        moment = after.moment if after.moment != _UNKNOWN else UNDATED
        place = (*self._levels(after.score, moment), place_of(after.id))

        def is_before(found: Found) -> bool:
            known = _known(found)
            if known == place:  # ids are read for these alone
                return self.identifier(found.address) <= after.id
            return known < place

        wanted = count
        while True:
            found = self.best(wanted)
            at = sum(map(is_before, found))
            if len(found) - at >= count or len(found) < wanted:
                return found[at:], at
            wanted = 2 * len(found) + count

    def _levels(self, score: float, moment: float) -> tuple[float, float]:
        match self._order:
            case Order.RELEVANCE:
                return -score, -moment
            case Order.NEWEST:
                return -moment, 0.0
            case Order.OLDEST:
                return (moment if moment != UNDATED else -UNDATED), 0.0

    def _sorted(self, hits: Sequence[tuple[float, DocAddress]]) -> list[Found]:
        addresses = [address for _, address in hits]
        moments = self._searcher.fast_field_values(MOMENT, addresses)
        places = self._searcher.fast_field_values(PLACE, addresses)
        found = []
        for (value, address), moment, place in zip(hits, moments, places, strict=True):
            score = value if self._field is None else 0.0
            level, when = self._levels(score, float(moment or 0))
            shown = float(moment or 0) if moment != UNDATED else _UNKNOWN
            found.append(Found(level, when, int(place or 0), address, score, shown))
        found.sort(key=_known)
        return self._by_id(found)

    def _by_id(self, found: list[Found]) -> list[Found]:
        """Order those that only their ids tell apart, which are read for them alone."""
        ordered: list[Found] = []
        for _, equals in groupby(found, _known):
            each = list(equals)
            if len(each) > 1:
                each.sort(key=lambda found: self.identifier(found.address))
            ordered += each
        return ordered

    def identifier(self, address: DocAddress) -> str:
        """Return the id of a document."""
        return str(self._searcher.doc(address).get_first(ID))


def _known(found: Found) -> tuple[float, float, int]:
    return found.level, found.when, found.place
