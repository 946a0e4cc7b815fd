"""Pages of hits in some order, and facets."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from newsgrep.engines.base import FacetCounts, Order, ScoredDoc, by_frequency
from newsgrep.engines.engine_query.fields import ID, TIMESTAMP
from newsgrep.engines.opensearch.point_in_time import MAX_HITS, PointInTime, advance_key, total_hits
from newsgrep.engines.opensearch.query import (
    QueryDsl,
    either,
)
from newsgrep.engines.opensearch.responses import (
    JsonObject,
    integer,
    invalid,
    items,
    mapping,
    number,
    objects,
    text,
)
from newsgrep.messages import message

_FACET_VALUES: Final = 10_000
"""Values of each facet in a response: all five facets together stay below a server's limit."""

_FAR_TIMESTAMP: Final = 1e18
"""Seconds after any date. In place of the date of an undated article, or its negative."""

_NO_TIMESTAMP: Final = float("-inf")


class HitPages:
    """The hits of one query in one order; ties are broken by newest first, then by id."""

    def __init__(self, point_in_time: PointInTime, query: QueryDsl, order: Order) -> None:
        self._point_in_time = point_in_time
        self._query = query
        self._order = order
        self._missing = _FAR_TIMESTAMP if order is Order.OLDEST else -_FAR_TIMESTAMP
        direction = "asc" if order is Order.OLDEST else "desc"
        self._sort: list[QueryDsl] = [
            {TIMESTAMP: {"order": direction, "missing": self._missing}},
            {ID: "asc"},
        ]
        if order is Order.RELEVANCE:
            self._sort.insert(0, {"_score": "desc"})

    def page(
        self, limit: int, offset: int, after: ScoredDoc | None, facets: QueryDsl
    ) -> tuple[JsonObject, list[ScoredDoc]]:
        """Return the first response, with the total and the facets, and the hits of the page."""
        body: QueryDsl = {
            "query": self._query,
            "sort": self._sort,
            "track_total_hits": True,
            "_source": False,
            "stored_fields": "_none_",
            **({"aggs": facets} if facets else {}),
        }
        if after is not None and limit > 0:
            body["search_after"] = self._sort_values(after)
        elif offset + limit <= MAX_HITS or limit <= 0:
            skipped = offset if limit > 0 else 0
            request = {**body, "from": skipped, "size": max(limit, 0)}
            response = self._point_in_time.search(request)
            return response, self._scored_docs(objects(response, "hits", "hits"))
        return self._scroll(body, offset, limit)

    def _scroll(
        self, body: QueryDsl, offset: int, limit: int
    ) -> tuple[JsonObject, list[ScoredDoc]]:
        """Read all hits up to the page, since a server skips no more than :data:`MAX_HITS`."""
        wanted = offset + limit
        first: JsonObject | None = None
        docs: list[ScoredDoc] = []
        seen = 0
        while seen < wanted:
            size = min(wanted - seen, MAX_HITS)
            response = self._point_in_time.search({**body, "size": size})
            if first is None:
                first = response
                body = {key: value for key, value in body.items() if key != "aggs"}
                body["track_total_hits"] = False
            hits = objects(response, "hits", "hits")
            docs += self._scored_docs(hits[max(offset - seen, 0) :])
            seen += len(hits)
            if len(hits) < size:
                break
            body["search_after"] = items(hits[-1], "sort")
        assert first is not None  # noqa: S101  (at least one hit was wanted)
        return first, docs

    def count_up_to(self, cursor: ScoredDoc) -> int:
        """Return how many hits are before ``cursor``, or at it."""
        before = self._not_after(cursor)
        if self._order is not Order.RELEVANCE:
            return self._counts([(before, None)])[0]
        score = to_float32(cursor.score)
        above = _next_float32(score)
        better, not_worse, overlap = self._counts([(None, above), (before, score), (before, above)])
        return better + not_worse - overlap

    def _counts(self, conditions: list[tuple[QueryDsl | None, float | None]]) -> list[int]:
        """Return how many hits match each condition and have at least the score."""
        bodies = []
        for condition, min_score in conditions:
            body: QueryDsl = {"query": self._query, "size": 0, "track_total_hits": True}
            if condition is not None:
                body["query"] = {"bool": {"must": [self._query], "filter": [condition]}}
            if min_score is not None:
                body["min_score"] = min_score
            bodies.append(body)
        responses = self._point_in_time.search_all(bodies)
        return [total_hits(response) for response in responses]

    def _not_after(self, cursor: ScoredDoc) -> QueryDsl:
        """Return a query for the articles before or at ``cursor`` by date and id."""
        dated: QueryDsl = {"exists": {"field": TIMESTAMP}}
        up_to_id: QueryDsl = {"range": {ID: {"lte": cursor.id}}}
        if cursor.timestamp == _NO_TIMESTAMP:
            return either(dated, {"bool": {"filter": [up_to_id], "must_not": [dated]}})
        beyond = "lt" if self._order is Order.OLDEST else "gt"
        same: QueryDsl = {"term": {TIMESTAMP: cursor.timestamp}}
        return either(
            {"range": {TIMESTAMP: {beyond: cursor.timestamp}}},
            {"bool": {"filter": [same, up_to_id]}},
        )

    def _sort_values(self, doc: ScoredDoc) -> list[Any]:
        timestamp = self._missing if doc.timestamp == _NO_TIMESTAMP else doc.timestamp
        score = [to_float32(doc.score)] if self._order is Order.RELEVANCE else []
        return [*score, timestamp, doc.id]

    def _scored_docs(self, hits: list[JsonObject]) -> list[ScoredDoc]:
        return [self._scored_doc(items(hit, "sort")) for hit in hits]

    def _scored_doc(self, values: list[Any]) -> ScoredDoc:
        if len(values) != len(self._sort):
            raise invalid(("sort",), message("as requested"))
        *score, timestamp, article_id = values
        return ScoredDoc(
            text(article_id),
            to_float32(number(score[0])) if score else 0.0,
            _NO_TIMESTAMP if timestamp == self._missing else number(timestamp),
        )


def to_float32(score: float) -> float:
    """Return the 32-bit number nearest to ``score``: a server writes the fewest digits for it."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", score))[0])
    except OverflowError as exc:
        raise invalid(("_score",), message("a 32-bit number")) from exc


def _next_float32(score: float) -> float:
    (bits,) = struct.unpack("<i", struct.pack("<f", score))
    return float(struct.unpack("<f", struct.pack("<i", bits + 1))[0])


def facet_aggregations(names: Iterable[str]) -> QueryDsl:
    """Return the aggregations that count facets along with a search."""
    return {name: {"terms": {"field": name, "size": _FACET_VALUES}} for name in names}


def facet_counts(
    point_in_time: PointInTime, query: QueryDsl, names: Sequence[str], response: Mapping[str, Any]
) -> dict[str, FacetCounts]:
    """Return each facet's counts from a response.

    If a facet has more values than fit into it, they are counted by further requests, so that
    the counts are exact for any number of values.
    """
    found = {}
    for name in names:
        facet = mapping(response, "aggregations", name)
        if integer(facet, "sum_other_doc_count") or integer(facet, "doc_count_error_upper_bound"):
            counts = _all_facet_values(point_in_time, query, name)
        else:
            buckets = objects(facet, "buckets")
            counts = {text(each, "key"): integer(each, "doc_count") for each in buckets}
        found[name] = by_frequency(counts)
    return found


def _all_facet_values(point_in_time: PointInTime, query: QueryDsl, name: str) -> dict[str, int]:
    pages: QueryDsl = {"size": _FACET_VALUES, "sources": [{"value": {"terms": {"field": name}}}]}
    body = {"query": query, "size": 0, "track_total_hits": False}
    counts: dict[str, int] = {}
    while True:
        response = point_in_time.search({**body, "aggs": {"all": {"composite": pages}}})
        page = mapping(response, "aggregations", "all")
        buckets = objects(page, "buckets")
        counts |= {text(each, "key", "value"): integer(each, "doc_count") for each in buckets}
        if "after_key" not in page:
            return counts
        pages["after"] = advance_key(pages.get("after"), mapping(page, "after_key"))
