"""Reading one point in time of an index on a server: hits, pages, facets, terms, texts.

Every response is complete or an error: a shard that does not respond, or not in time, is never
left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from newsgrep.engines.base import FacetCounts, Order, ScoredDoc, by_frequency
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, ID_PREFIX, MAX_TOKEN_LENGTH, TERMS, TIMESTAMP
from newsgrep.engines.engine_query.lower import values_of
from newsgrep.engines.opensearch.client import Client, Response
from newsgrep.engines.opensearch.documents import (
    LATIN_TERMS,
    PACKED_ARTICLE_FIELDS,
    PACKED_LEFT_OUT,
    PACKED_TEXTS,
    ServerHit,
    is_latin_term,
    stored_article,
    stored_bytes,
)
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    MAX_NESTING,
    QueryDsl,
    count_clauses,
    either,
    nesting_depth,
    to_dsl,
)
from newsgrep.errors import ServerProblem
from newsgrep.query.ast import Field, LocationField, NameField

MAX_HITS: Final = 10_000
"""Hits that a stock server returns at once."""

KEEP_ALIVE: Final = "10m"
"""How long the server keeps the point in time for the next request."""

_NO_PARTIAL_RESULTS: Final = {"allow_partial_search_results": "false"}
_COUNTS_PER_REQUEST: Final = 200
_FREQUENCIES_PER_REQUEST: Final = 500
_TEXTS_PER_REQUEST: Final = 200
_TERMS_PER_REQUEST: Final = 10_000
_FACET_VALUES: Final = 10_000
"""Values of each facet in a response: all five facets together stay below a server's limit."""

_ID_ORDER: Final = [{ID_PREFIX: {"order": "asc", "unmapped_type": "long"}}, {ID: "asc"}]
"""Format 4, which is read when an index is rebuilt, has another name for the prefix."""

_FAR_TIMESTAMP: Final = 1e18
"""Seconds after any date. In place of the date of an undated article, or its negative."""

_NO_TIMESTAMP: Final = float("-inf")


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
        self._id = response["pit_id"]

    def search(self, body: QueryDsl) -> Response:
        """Return the complete response to one search."""
        body = self._with_id(body)
        return self._checked(self._client.request("POST", "/_search", body, _NO_PARTIAL_RESULTS))

    def search_all(self, bodies: Iterable[QueryDsl]) -> list[Response]:
        """Return the complete responses to several searches in one request."""
        lines: list[object] = []
        for body in bodies:
            lines += [{"allow_partial_search_results": False}, self._with_id(body)]
        if not lines:
            return []
        responses = self._client.request_lines("/_msearch", lines)["responses"]
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
            found.extend(each["hits"]["total"]["value"] for each in self.search_all(bodies))
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
        while hits := self.search(body)["hits"]["hits"]:
            yield from hits
            if len(hits) < per_request:
                return
            body["search_after"] = hits[-1]["sort"]

    def close(self) -> None:
        """Delete the point in time, which otherwise expires."""
        self._client.request(
            "DELETE", "/_search/point_in_time", {"pit_id": [self._id]}, ignored=(404,)
        )

    def _with_id(self, body: QueryDsl) -> QueryDsl:
        return {**body, "pit": {"id": self._id, "keep_alive": KEEP_ALIVE}}

    def _checked(self, response: Response) -> Response:
        _reject_partial(response)
        self._id = response.get("pit_id", self._id)
        return response


def _reject_partial(response: dict[str, Any]) -> None:
    """Raise :class:`ServerProblem` unless the response is from the whole index."""
    failed = response["_shards"]["failed"]
    if failed or response.get("timed_out"):
        reason = f"{failed} shards did not respond" if failed else "it timed out"
        raise ServerProblem(
            f"The server has searched only part of the index ({reason}). Check the health of its "
            "cluster, and try again."
        )


class ServerReader:
    """A point in time as the ``IndexReader`` of :mod:`newsgrep.engines.engine_query.lower`.

    Clauses of any size are split up so that each request fits.
    """

    def __init__(self, point_in_time: PointInTime) -> None:
        self._point_in_time = point_in_time

    def terms(self, prefix: str, field: Field) -> Iterable[str]:  # noqa: ARG002  (never captions)
        """Return the terms of titles and bodies that are letters and digits, by ``prefix``."""
        if len(prefix) > MAX_TOKEN_LENGTH:
            return []
        found = []
        query: QueryDsl = {"prefix": {TERMS: prefix}} if prefix else {"match_all": {}}
        source = [{"term": {"terms": {"field": LATIN_TERMS}}}]
        pages: QueryDsl = {"size": _TERMS_PER_REQUEST, "sources": source}
        if prefix:
            # A page begins after a term; the prefix may be a term itself.
            pages["after"] = {"term": prefix}
            is_term = self.count(ir.Term(TERMS, prefix)) and is_latin_term(prefix)
            found += [prefix] if is_term else []
        while True:
            body = {"query": query, "size": 0, "track_total_hits": False}
            response = self._point_in_time.search({**body, "aggs": {"terms": {"composite": pages}}})
            page = response["aggregations"]["terms"]
            terms = [bucket["key"]["term"] for bucket in page["buckets"]]
            found += [term for term in terms if term.startswith(prefix)]
            if len(terms) < _TERMS_PER_REQUEST or not terms[-1].startswith(prefix):
                return found
            pages["after"] = page["after_key"]

    def texts(self, clause: ir.Clause, field: Field) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed texts of every article that matches ``clause``."""
        name = PACKED_LEFT_OUT if field is Field.LEFT_OUT else PACKED_TEXTS
        for hit in self._stored(clause, name):
            yield hit["_id"], stored_bytes(hit, name)

    def values(
        self, clause: ir.Clause, kind: NameField | LocationField
    ) -> Iterator[tuple[str, str]]:
        """Yield id and value for each name, or the address, of the articles that match."""
        for hit in self._stored(clause, *PACKED_ARTICLE_FIELDS):
            for value in values_of(stored_article(hit), kind):
                yield hit["_id"], value

    def count(self, clause: ir.Clause) -> int:
        """Return how many articles match ``clause``."""
        return self._point_in_time.count_all([self.fit(clause)])[0]

    def frequencies(self, clauses: Sequence[ir.Clause], within: ir.Clause | None) -> list[int]:
        """Return how many articles match each clause, of all or of those that match ``within``."""
        query = to_dsl(ir.Must(()) if within is None else within)
        found: list[int] = []
        for first in range(0, len(clauses), _FREQUENCIES_PER_REQUEST):
            part = clauses[first : first + _FREQUENCIES_PER_REQUEST]
            filters = {str(number): to_dsl(each) for number, each in enumerate(part)}
            response = self._point_in_time.search(
                {
                    "query": query,
                    "size": 0,
                    "track_total_hits": False,
                    "aggs": {"each": {"filters": {"filters": filters}}},
                }
            )
            buckets = response["aggregations"]["each"]["buckets"]
            found += [buckets[number]["doc_count"] for number in filters]
        return found

    def _ids(self, clause: ir.Clause) -> ir.AnyTerm:
        """Return a clause over the ids of the articles that match ``clause``, which fits."""
        fields = {"stored_fields": "_none_", "docvalue_fields": [ID]}
        hits = self._point_in_time.hits(clause, fields)
        return ir.AnyTerm(ID, tuple(hit["fields"][ID][0] for hit in hits))

    def _stored(self, clause: ir.Clause, *fields: str) -> Iterator[ServerHit]:
        wanted = {"stored_fields": list(fields)}
        return self._point_in_time.hits(self.fit(clause), wanted, _TEXTS_PER_REQUEST)

    def fit(self, clause: ir.Clause, max_clauses: int = MAX_CLAUSES) -> ir.Clause:
        """Return a clause that matches the same articles and fits into one request.

        A part that has too many clauses, or is nested too deep, is searched first and
        replaced by a clause over the ids of its articles.
        """
        clause = self._flatten(clause)
        if count_clauses(clause) > max_clauses:
            clause = self._resolve(clause)
        return clause

    def _flatten(self, clause: ir.Clause) -> ir.Clause:
        """Resolve what is nested too deep."""
        match clause:
            case ir.Must(clauses):
                return self._resolve_deep(ir.Must(tuple(map(self._flatten, clauses))))
            case ir.Should(clauses):
                return self._resolve_deep(ir.Should(tuple(map(self._flatten, clauses))))
            case ir.MustNot(inner):
                return ir.MustNot(self._flatten(inner))
            case _:
                return clause

    def _resolve_deep(self, clause: ir.Clause) -> ir.Clause:
        return self._resolve(clause) if nesting_depth(clause) > MAX_NESTING else clause

    def _resolve(self, clause: ir.Clause) -> ir.Clause:
        """Replace a clause by the ids of the articles that match it."""
        match clause:
            case ir.Must(clauses):
                found: ir.AnyTerm | None = None
                for part in self._parts(clauses):
                    found = self._ids(ir.all_of(found, ir.Must(part)))
                return found or clause
            case ir.Should(clauses):
                ids = [
                    article_id
                    for part in self._parts(clauses)
                    for article_id in self._ids(ir.Should(part)).tokens
                ]
                return ir.AnyTerm(ID, tuple(dict.fromkeys(ids)))
            case ir.MustNot(inner):
                return ir.MustNot(self._resolve(inner))
            case _:
                return self._ids(clause)

    def _parts(self, clauses: tuple[ir.Clause, ...]) -> Iterator[tuple[ir.Clause, ...]]:
        """Yield groups of clauses that each fit into a request, with room for some ids."""
        max_clauses = MAX_CLAUSES // 2
        part: list[ir.Clause] = []
        size = 0
        for clause in (self.fit(each, max_clauses) for each in clauses):
            more = count_clauses(clause)
            if part and size + more > max_clauses:
                yield tuple(part)
                part, size = [], 0
            part.append(clause)
            size += more
        if part:
            yield tuple(part)


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
    ) -> tuple[Response, list[ScoredDoc]]:
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
            return response, [self._scored_doc(hit) for hit in response["hits"]["hits"]]
        return self._scroll(body, offset, limit)

    def _scroll(self, body: QueryDsl, offset: int, limit: int) -> tuple[Response, list[ScoredDoc]]:
        """Read all hits up to the page, since a server skips no more than :data:`MAX_HITS`."""
        wanted = offset + limit
        first: Response | None = None
        docs: list[ScoredDoc] = []
        seen = 0
        while seen < wanted:
            size = min(wanted - seen, MAX_HITS)
            response = self._point_in_time.search({**body, "size": size})
            if first is None:
                first = response
                body = {key: value for key, value in body.items() if key != "aggs"}
                body["track_total_hits"] = False
            hits = response["hits"]["hits"]
            docs += [self._scored_doc(hit) for hit in hits[max(offset - seen, 0) :]]
            seen += len(hits)
            if len(hits) < size:
                break
            body["search_after"] = hits[-1]["sort"]
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
        return [response["hits"]["total"]["value"] for response in responses]

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

    def _scored_doc(self, hit: QueryDsl) -> ScoredDoc:
        *score, timestamp, article_id = hit["sort"]
        return ScoredDoc(
            article_id,
            to_float32(score[0]) if score else 0.0,
            _NO_TIMESTAMP if timestamp == self._missing else timestamp,
        )


def to_float32(score: float) -> float:
    """Return the 32-bit number nearest to ``score``: a server writes the fewest digits for it."""
    return float(struct.unpack("<f", struct.pack("<f", score))[0])


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
        facet = response["aggregations"][name]
        if facet["sum_other_doc_count"] or facet["doc_count_error_upper_bound"]:
            counts = _all_facet_values(point_in_time, query, name)
        else:
            counts = {bucket["key"]: bucket["doc_count"] for bucket in facet["buckets"]}
        found[name] = by_frequency(counts)
    return found


def _all_facet_values(point_in_time: PointInTime, query: QueryDsl, name: str) -> dict[str, int]:
    pages: QueryDsl = {"size": _FACET_VALUES, "sources": [{"value": {"terms": {"field": name}}}]}
    body = {"query": query, "size": 0, "track_total_hits": False}
    counts: dict[str, int] = {}
    while True:
        response = point_in_time.search({**body, "aggs": {"all": {"composite": pages}}})
        page = response["aggregations"]["all"]
        counts |= {bucket["key"]["value"]: bucket["doc_count"] for bucket in page["buckets"]}
        if "after_key" not in page:
            return counts
        pages["after"] = page["after_key"]
