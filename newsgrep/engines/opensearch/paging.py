"""Places in an order of hits: what stands where, and how many stand before a place."""

from __future__ import annotations

import struct
from typing import Any, Final

from newsgrep.engines.base import Candidate, Order
from newsgrep.engines.clauses.fields import ID, MOMENT
from newsgrep.engines.opensearch.asking import Query
from newsgrep.engines.opensearch.connection import Answer
from newsgrep.engines.opensearch.view import MOST_HITS, View

_LATE: Final = 1e18
"""Seconds after all that has a date; undated articles are there or as far in the past."""

_UNKNOWN: Final = float("-inf")


class Pages:
    """The hits of one query in one order."""

    def __init__(self, view: View, query: Query, order: Order) -> None:
        self._view = view
        self._query = query
        self._order = order
        self._last = _LATE if order is Order.OLDEST else -_LATE
        direction = "asc" if order is Order.OLDEST else "desc"
        self._sort: list[Query] = [
            {MOMENT: {"order": direction, "missing": self._last}},
            {ID: "asc"},
        ]
        if order is Order.RELEVANCE:
            self._sort.insert(0, {"_score": "desc"})

    def page(
        self, limit: int, offset: int, after: Candidate | None, facets: Query
    ) -> tuple[Answer, list[Candidate]]:
        """Return the first answer, which has the total and the facets, and the candidates."""
        body: Query = {
            "query": self._query,
            "sort": self._sort,
            "track_total_hits": True,
            "_source": False,
            "stored_fields": "_none_",
            **({"aggs": facets} if facets else {}),
        }
        if after is not None and limit > 0:
            body["search_after"] = self._place(after)
        elif offset + limit <= MOST_HITS or limit <= 0:
            skipped = offset if limit > 0 else 0
            answer = self._view.search({**body, "from": skipped, "size": max(limit, 0)})
            return answer, [self._candidate(hit) for hit in answer["hits"]["hits"]]
        return self._walked(body, offset, limit)

    def _walked(self, body: Query, offset: int, limit: int) -> tuple[Answer, list[Candidate]]:
        """Go through all that is passed over: servers don't count so far."""
        wanted = offset + limit
        first: Answer | None = None
        found: list[Candidate] = []
        seen = 0
        while seen < wanted:
            size = min(wanted - seen, MOST_HITS)
            answer = self._view.search({**body, "size": size})
            if first is None:
                first = answer
                body = {key: value for key, value in body.items() if key != "aggs"}
                body["track_total_hits"] = False
            hits = answer["hits"]["hits"]
            found += [self._candidate(hit) for hit in hits[max(offset - seen, 0) :]]
            seen += len(hits)
            if len(hits) < size:
                break
            body["search_after"] = hits[-1]["sort"]
        assert first is not None  # noqa: S101  (something was wanted)
        return first, found

    def up_to(self, place: Candidate) -> int:
        """Return how many hits stand before a place, or at it."""
        before = self._on_or_before(place)
        if self._order is not Order.RELEVANCE:
            return self._counts([(before, None)])[0]
        value = narrowed(place.score)
        above = _above(value)
        better, level, beyond = self._counts([(None, above), (before, value), (before, above)])
        return better + level - beyond

    def _counts(self, each: list[tuple[Query | None, float | None]]) -> list[int]:
        """Return how many hits there are under a condition, and of a score and better."""
        bodies = []
        for condition, score in each:
            body: Query = {"query": self._query, "size": 0, "track_total_hits": True}
            if condition is not None:
                body["query"] = {"bool": {"must": [self._query], "filter": [condition]}}
            if score is not None:
                body["min_score"] = score
            bodies.append(body)
        return [answer["hits"]["total"]["value"] for answer in self._view.searches(bodies)]

    def _on_or_before(self, place: Candidate) -> Query:
        """Return what is true of articles up to a place, as far as date and id go."""
        dated: Query = {"exists": {"field": MOMENT}}
        named: Query = {"range": {ID: {"lte": place.id}}}
        if place.moment == _UNKNOWN:
            level: Query = {"bool": {"filter": [named], "must_not": [dated]}}
            return _either(dated, level)
        beyond = "lt" if self._order is Order.OLDEST else "gt"
        same: Query = {"term": {MOMENT: place.moment}}
        return _either(
            {"range": {MOMENT: {beyond: place.moment}}}, {"bool": {"filter": [same, named]}}
        )

    def _place(self, of: Candidate) -> list[Any]:
        moment = self._last if of.moment == _UNKNOWN else of.moment
        score = [narrowed(of.score)] if self._order is Order.RELEVANCE else []
        return [*score, moment, of.id]

    def _candidate(self, hit: Query) -> Candidate:
        *score, moment, article_id = hit["sort"]
        return Candidate(
            article_id,
            narrowed(score[0]) if score else 0.0,
            _UNKNOWN if moment == self._last else moment,
        )


def narrowed(score: float) -> float:
    """Return ``score`` as the 32-bit number nearest to it: a server writes the shortest digits."""
    return float(struct.unpack("<f", struct.pack("<f", score))[0])


def _above(score: float) -> float:
    """Return the next 32-bit number."""
    (bits,) = struct.unpack("<i", struct.pack("<f", score))
    return float(struct.unpack("<f", struct.pack("<i", bits + 1))[0])


def _either(one: Query, other: Query) -> Query:
    return {"bool": {"should": [one, other], "minimum_should_match": 1}}
