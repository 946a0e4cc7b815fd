"""Pages of hits in some order, facets, and one point in time of an index for all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from newsgrep.engines.base import FacetCounts, Order, ScoredDoc, by_frequency, count_years
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, ID_PREFIX, TIMESTAMP
from newsgrep.engines.opensearch.client import Client, ResponseOverflow
from newsgrep.engines.opensearch.documents import (
    ServerHit,
)
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    integer,
    invalid,
    items,
    mapping,
    number,
    objects,
    text,
)
from newsgrep.engines.opensearch.query import (
    QueryDsl,
    either,
    to_dsl,
)
from newsgrep.errors import ServerProblem
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
    return {name: {"terms": {"field": _field(name), "size": _FACET_VALUES}} for name in names}


def _field(facet: str) -> str:
    return "month" if facet == "year" else facet


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
            counts = _all_facet_values(point_in_time, query, _field(name))
        else:
            buckets = objects(facet, "buckets")
            counts = {text(each, "key"): integer(each, "doc_count") for each in buckets}
        found[name] = count_years(counts.items()) if name == "year" else by_frequency(counts)
    return found


def _all_facet_values(point_in_time: PointInTime, query: QueryDsl, field: str) -> dict[str, int]:
    pages: QueryDsl = {"size": _FACET_VALUES, "sources": [{"value": {"terms": {"field": field}}}]}
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


# One point in time: searches, counts and all hits of a query


MAX_HITS: Final = 10_000
"""Hits that a stock server returns at once."""

KEEP_ALIVE: Final = "10m"
"""How long the server keeps the point in time for the next request."""

_NO_PARTIAL_RESULTS: Final = {"allow_partial_search_results": "false"}

_COUNTS_PER_REQUEST: Final = 200

_SMALLER_PAGES: Final = 8
"""By how much fewer documents are requested after a response that was too large."""

_ID_ORDER: Final = [{ID_PREFIX: {"order": "asc", "unmapped_type": "long"}}, {ID: "asc"}]
"""Format 4, which is read when an index is rebuilt, has another name for the prefix."""


class PointInTime:
    """The content of the indices ``target`` at one moment."""

    def __init__(self, client: Client, target: str) -> None:
        self._client = client
        response = client.request(
            "POST",
            f"/{target}/_search/point_in_time",
            params={"keep_alive": KEEP_ALIVE, "allow_partial_pit_creation": "false"},
        )
        _reject_partial(response)
        self._id = text(response, "pit_id")

    def search(self, body: QueryDsl) -> JsonObject:
        """Return the complete response to one search."""
        body = self._with_id(body)
        return self._checked(self._client.request("POST", "/_search", body, _NO_PARTIAL_RESULTS))

    def search_all(self, bodies: Iterable[QueryDsl]) -> list[JsonObject]:
        """Return the complete responses to several searches in one request."""
        lines: list[object] = []
        for body in bodies:
            lines += [{"allow_partial_search_results": False}, self._with_id(body)]
        if not lines:
            return []
        responses = objects(self._client.request_lines("/_msearch", lines), "responses")
        if len(responses) != len(lines) // 2:
            raise invalid(("responses",), message("one for each search"))
        for response in responses:
            if "error" in response:
                self._client.raise_error(response)
        return [self._checked(response) for response in responses]

    def count_all(self, clauses: Sequence[ir.Clause]) -> list[int]:
        """Return how many documents match each clause."""
        found: list[int] = []
        for first in range(0, len(clauses), _COUNTS_PER_REQUEST):
            bodies = [
                {"query": to_dsl(each), "size": 0, "track_total_hits": True}
                for each in clauses[first : first + _COUNTS_PER_REQUEST]
            ]
            found.extend(total_hits(each) for each in self.search_all(bodies))
        return found

    def hits(
        self, clause: ir.Clause, fields: QueryDsl, per_request: int = MAX_HITS
    ) -> Iterator[ServerHit]:
        """Yield every document that matches ``clause``, with what ``fields`` requests."""
        body: QueryDsl = {
            "query": to_dsl(clause),
            "sort": _ID_ORDER,
            "size": per_request,
            "track_total_hits": False,
            "_source": False,
            **fields,
        }
        last: list[Any] | None = None
        while True:
            try:
                found = objects(self.search(body), "hits", "hits")
            except ResponseOverflow:
                if body["size"] == 1:
                    raise
                body["size"] = max(1, body["size"] // _SMALLER_PAGES)
                continue
            yield from found
            if len(found) < body["size"]:
                return
            last = advance(last, items(found[-1], "sort"))
            body["search_after"] = last

    def close(self) -> None:
        """Delete the point in time, which otherwise expires.

        That is left to a server which is so slow that a request has timed out.
        """
        if self._client.has_timed_out:
            return
        self._client.request(
            "DELETE", "/_search/point_in_time", {"pit_id": [self._id]}, ignored=(404,)
        )

    def _with_id(self, body: QueryDsl) -> QueryDsl:
        return {**body, "pit": {"id": self._id, "keep_alive": KEEP_ALIVE}}

    def _checked(self, response: JsonObject) -> JsonObject:
        _reject_partial(response)
        if "pit_id" in response:
            self._id = text(response, "pit_id")
        return response


def total_hits(response: JsonObject) -> int:
    """Return the number of hits of a search."""
    return integer(response, "hits", "total", "value")


def advance(last: list[Any] | None, following: list[Any]) -> list[Any]:
    """Return ``following``, the position after a page, which must be after ``last``.

    A server that does not move on would be read without end.
    """
    try:
        moves_on = last is None or following > last
    except TypeError:  # values of other types
        moves_on = False
    if not moves_on:
        raise invalid(("sort",), message("after that of the last page"))
    return following


def advance_key(last: JsonObject | None, following: JsonObject) -> JsonObject:
    """Return ``following``, the last key of a page of values, likewise."""
    advance(None if last is None else [*last.values()], [*following.values()])
    return following


def _reject_partial(response: JsonObject) -> None:
    """Raise :class:`ServerProblem` unless the response is from the whole index."""
    failed = integer(response, "_shards", "failed")
    if failed or response.get("timed_out"):
        reason = (
            message("{failed} shards did not respond", failed=failed)
            if failed
            else message("it timed out")
        )
        raise ServerProblem(
            "The server has searched only part of the index ({reason}). Check the health of its "
            "cluster, and try again.",
            reason=reason,
        )
