"""One state of an index on a server, kept there while it is asked: a point in time.

Every answer is complete or an error: a part of the index that does not answer, or not in
time, is never left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from newsgrep.engines.base import Order, ScoredDoc
from newsgrep.engines.engine_query.fields import ID, ID_PREFIX, MAX_TOKEN_LENGTH, TERMS, TIMESTAMP
from newsgrep.engines.engine_query.ir import AnyTerm, Clause, Must, MustNot, Should, Term, all_of
from newsgrep.engines.engine_query.lower import values_of
from newsgrep.engines.opensearch.client import Client, Response
from newsgrep.engines.opensearch.documents import (
    ServerHit,
    is_latin_term,
    stored_article,
    stored_bytes,
)
from newsgrep.engines.opensearch.indices import (
    LATIN_TERMS,
    PACKED_FILE_RECORD,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_URL,
)
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    MAX_DEPTH,
    QueryDsl,
    count_clauses,
    nesting_depth,
    to_dsl,
)
from newsgrep.errors import ServerProblem
from newsgrep.query.ast import Field, LocationField, NameField

MAX_HITS: Final = 10_000
"""Hits that a stock server gives at once."""

KEEP_ALIVE: Final = "10m"
"""How long the server keeps the state for the next question."""

_NO_PARTIAL_RESULTS: Final = {"allow_partial_search_results": "false"}
_COUNTS_PER_REQUEST: Final = 200
"""Counts that are asked for at once."""
_ID_ORDER: Final = [{ID_PREFIX: "asc"}, {ID: "asc"}]


class PointInTime:
    """What the indexes ``target`` hold at one moment."""

    def __init__(self, connection: Client, target: str) -> None:
        self._connection = connection
        answer = connection.ask(
            "POST",
            f"/{target}/_search/point_in_time",
            params={"keep_alive": KEEP_ALIVE, "allow_partial_pit_creation": "false"},
        )
        _reject_partial(answer)
        self._id = answer["pit_id"]

    def search(self, body: QueryDsl) -> Response:
        """Return the whole answer to one question."""
        answer = self._connection.ask("POST", "/_search", self._dated(body), _NO_PARTIAL_RESULTS)
        return self._checked(answer)

    def counts(self, clauses: Sequence[Clause]) -> list[int]:
        """Return of how many documents each clause is true."""
        found: list[int] = []
        for first in range(0, len(clauses), _COUNTS_PER_REQUEST):
            bodies = [_count_request(each) for each in clauses[first : first + _COUNTS_PER_REQUEST]]
            found.extend(each["hits"]["total"]["value"] for each in self.searches(bodies))
        return found

    def searches(self, bodies: Iterable[QueryDsl]) -> list[Response]:
        """Return the whole answers to several questions."""
        lines: list[object] = []
        for body in bodies:
            lines += [{"allow_partial_search_results": False}, self._dated(body)]
        if not lines:
            return []
        answers = self._connection.ask_lines("/_msearch", lines)["responses"]
        for answer in answers:
            if "error" in answer:
                self._connection.refuse(answer)
        return [self._checked(answer) for answer in answers]

    def hits(
        self, clause: Clause, wanted: QueryDsl, at_once: int = MAX_HITS
    ) -> Iterator[ServerHit]:
        """Yield every document of which ``clause`` is true, with the fields in ``wanted``."""
        body: QueryDsl = {
            "query": to_dsl(clause),
            "sort": _ID_ORDER,
            "size": at_once,
            "track_total_hits": False,
            "_source": False,
            **wanted,
        }
        while hits := self.search(body)["hits"]["hits"]:
            yield from hits
            if len(hits) < at_once:
                return
            body["search_after"] = hits[-1]["sort"]

    def close(self) -> None:
        """Have the server let go of the state; it does so by itself after a while."""
        self._connection.ask(
            "DELETE", "/_search/point_in_time", {"pit_id": [self._id]}, ignored=(404,)
        )

    def _dated(self, body: QueryDsl) -> QueryDsl:
        return {**body, "pit": {"id": self._id, "keep_alive": KEEP_ALIVE}}

    def _checked(self, answer: Response) -> Response:
        _reject_partial(answer)
        self._id = answer.get("pit_id", self._id)
        return answer


def _count_request(clause: Clause) -> QueryDsl:
    return {"query": to_dsl(clause), "size": 0, "track_total_hits": True}


def _reject_partial(answer: dict[str, Any]) -> None:
    """Raise :class:`ServerProblem` for an answer that is not of the whole index."""
    failed = answer["_shards"]["failed"]
    if failed or answer.get("timed_out"):
        what = f"{failed} of its parts did not answer" if failed else "its time was up"
        raise ServerProblem(
            f"The server has answered from a part of the index only ({what}), which newsgrep does "
            "not take: try again, and see the health of its cluster."
        )


_FAR_TIMESTAMP: Final = 1e18
"""Seconds after all that has a date; undated articles are there or as far in the past."""

_NO_TIMESTAMP: Final = float("-inf")


class HitPages:
    """The hits of one query in one order."""

    def __init__(self, view: PointInTime, query: QueryDsl, order: Order) -> None:
        self._view = view
        self._query = query
        self._order = order
        self._last = _FAR_TIMESTAMP if order is Order.OLDEST else -_FAR_TIMESTAMP
        direction = "asc" if order is Order.OLDEST else "desc"
        self._sort: list[QueryDsl] = [
            {TIMESTAMP: {"order": direction, "missing": self._last}},
            {ID: "asc"},
        ]
        if order is Order.RELEVANCE:
            self._sort.insert(0, {"_score": "desc"})

    def page(
        self, limit: int, offset: int, after: ScoredDoc | None, facets: QueryDsl
    ) -> tuple[Response, list[ScoredDoc]]:
        """Return the first answer, which has the total and the facets, and the candidates."""
        body: QueryDsl = {
            "query": self._query,
            "sort": self._sort,
            "track_total_hits": True,
            "_source": False,
            "stored_fields": "_none_",
            **({"aggs": facets} if facets else {}),
        }
        if after is not None and limit > 0:
            body["search_after"] = self._place(after)
        elif offset + limit <= MAX_HITS or limit <= 0:
            skipped = offset if limit > 0 else 0
            answer = self._view.search({**body, "from": skipped, "size": max(limit, 0)})
            return answer, [self._candidate(hit) for hit in answer["hits"]["hits"]]
        return self._walked(body, offset, limit)

    def _walked(self, body: QueryDsl, offset: int, limit: int) -> tuple[Response, list[ScoredDoc]]:
        """Go through all that is passed over: servers don't count so far."""
        wanted = offset + limit
        first: Response | None = None
        found: list[ScoredDoc] = []
        seen = 0
        while seen < wanted:
            size = min(wanted - seen, MAX_HITS)
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

    def up_to(self, place: ScoredDoc) -> int:
        """Return how many hits stand before a place, or at it."""
        before = self._on_or_before(place)
        if self._order is not Order.RELEVANCE:
            return self._counts([(before, None)])[0]
        value = to_float32(place.score)
        above = _next_float32(value)
        better, level, beyond = self._counts([(None, above), (before, value), (before, above)])
        return better + level - beyond

    def _counts(self, each: list[tuple[QueryDsl | None, float | None]]) -> list[int]:
        """Return how many hits there are under a condition, and of a score and better."""
        bodies = []
        for condition, score in each:
            body: QueryDsl = {"query": self._query, "size": 0, "track_total_hits": True}
            if condition is not None:
                body["query"] = {"bool": {"must": [self._query], "filter": [condition]}}
            if score is not None:
                body["min_score"] = score
            bodies.append(body)
        return [answer["hits"]["total"]["value"] for answer in self._view.searches(bodies)]

    def _on_or_before(self, place: ScoredDoc) -> QueryDsl:
        """Return what is true of articles up to a place, as far as date and id go."""
        dated: QueryDsl = {"exists": {"field": TIMESTAMP}}
        named: QueryDsl = {"range": {ID: {"lte": place.id}}}
        if place.timestamp == _NO_TIMESTAMP:
            level: QueryDsl = {"bool": {"filter": [named], "must_not": [dated]}}
            return _any_of(dated, level)
        beyond = "lt" if self._order is Order.OLDEST else "gt"
        same: QueryDsl = {"term": {TIMESTAMP: place.timestamp}}
        return _any_of(
            {"range": {TIMESTAMP: {beyond: place.timestamp}}}, {"bool": {"filter": [same, named]}}
        )

    def _place(self, of: ScoredDoc) -> list[Any]:
        moment = self._last if of.timestamp == _NO_TIMESTAMP else of.timestamp
        score = [to_float32(of.score)] if self._order is Order.RELEVANCE else []
        return [*score, moment, of.id]

    def _candidate(self, hit: QueryDsl) -> ScoredDoc:
        *score, moment, article_id = hit["sort"]
        return ScoredDoc(
            article_id,
            to_float32(score[0]) if score else 0.0,
            _NO_TIMESTAMP if moment == self._last else moment,
        )


def to_float32(score: float) -> float:
    """Return ``score`` as the 32-bit number nearest to it: a server writes the shortest digits."""
    return float(struct.unpack("<f", struct.pack("<f", score))[0])


def _next_float32(score: float) -> float:
    """Return the next 32-bit number."""
    (bits,) = struct.unpack("<i", struct.pack("<f", score))
    return float(struct.unpack("<f", struct.pack("<i", bits + 1))[0])


def _any_of(one: QueryDsl, other: QueryDsl) -> QueryDsl:
    return {"bool": {"should": [one, other], "minimum_should_match": 1}}


FacetCounts = tuple[tuple[str, int], ...]

_FACET_VALUES: Final = 10_000
"""Values of each facet that come with an answer: all five together stay below what it may have."""


def facet_aggregations(names: Iterable[str]) -> QueryDsl:
    """Return what is asked beside a query."""
    return {name: {"terms": {"field": name, "size": _FACET_VALUES}} for name in names}


def facet_counts(
    view: PointInTime, query: QueryDsl, names: Sequence[str], answer: Mapping[str, Any]
) -> dict[str, FacetCounts]:
    """Return the values of each facet; where there are too many to come at once, ask on."""
    found = {}
    for name in names:
        told = answer["aggregations"][name]
        if told["sum_other_doc_count"] or told["doc_count_error_upper_bound"]:
            counts = _all_facet_values(view, query, name)
        else:
            counts = {bucket["key"]: bucket["doc_count"] for bucket in told["buckets"]}
        found[name] = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return found


def _all_facet_values(view: PointInTime, query: QueryDsl, name: str) -> dict[str, int]:
    pages: QueryDsl = {"size": _FACET_VALUES, "sources": [{"value": {"terms": {"field": name}}}]}
    body = {"query": query, "size": 0, "track_total_hits": False}
    counts: dict[str, int] = {}
    while True:
        page = view.search({**body, "aggs": {"all": {"composite": pages}}})["aggregations"]["all"]
        counts |= {bucket["key"]["value"]: bucket["doc_count"] for bucket in page["buckets"]}
        if "after_key" not in page:
            return counts
        pages["after"] = page["after_key"]


_TEXTS_PER_REQUEST: Final = 200
"""Packed texts that come at once."""

_FREQUENCIES_PER_REQUEST: Final = 500
"""Terms that are counted at once."""

_TERMS_PER_REQUEST: Final = 10_000
"""Terms that come at once."""


class ServerReader:
    """A state of the index as :class:`newsgrep.engines.engine_query.lower.IndexReader` asks it."""

    def __init__(self, view: PointInTime) -> None:
        self._view = view

    def terms(self, prefix: str, field: Field) -> Iterable[str]:  # noqa: ARG002  (of title and body)
        """Return the runs of letters and digits that begin with ``prefix``."""
        if len(prefix) > MAX_TOKEN_LENGTH:
            return []
        found = []
        begun: QueryDsl = {"prefix": {TERMS: prefix}} if prefix else {"match_all": {}}
        source = [{"term": {"terms": {"field": LATIN_TERMS}}}]
        pages: QueryDsl = {"size": _TERMS_PER_REQUEST, "sources": source}
        if prefix:
            # Pages begin behind a term; the prefix may be one itself.
            pages["after"] = {"term": prefix}
            found += [prefix] if self.count(Term(TERMS, prefix)) and is_latin_term(prefix) else []
        while True:
            body = {"query": begun, "size": 0, "track_total_hits": False}
            answer = self._view.search({**body, "aggs": {"terms": {"composite": pages}}})
            page = answer["aggregations"]["terms"]
            terms = [bucket["key"]["term"] for bucket in page["buckets"]]
            found += [term for term in terms if term.startswith(prefix)]
            if len(terms) < _TERMS_PER_REQUEST or not terms[-1].startswith(prefix):
                return found
            pages["after"] = page["after_key"]

    def texts(self, clause: Clause) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed folded texts of every article of which ``clause`` is true."""
        for hit in self._all(clause, PACKED_TEXTS):
            yield hit["_id"], stored_bytes(hit, PACKED_TEXTS)

    def values(self, clause: Clause, kind: NameField | LocationField) -> Iterator[tuple[str, str]]:
        """Yield each name or the address of every article of which ``clause`` is true."""
        for hit in self._all(clause, PACKED_TEXTS, PACKED_REST, PACKED_FILE_RECORD, PACKED_URL):
            for value in values_of(stored_article(hit), kind):
                yield hit["_id"], value

    def count(self, clause: Clause) -> int:
        """Return of how many articles ``clause`` is true."""
        return self._view.counts([self.fitted(clause)])[0]

    def frequencies(self, clauses: Sequence[Clause], within: Clause | None) -> list[int]:
        """Return of how many articles each clause is true, of all or of those ``within``."""
        query = to_dsl(Must(())) if within is None else to_dsl(within)
        found: list[int] = []
        for first in range(0, len(clauses), _FREQUENCIES_PER_REQUEST):
            some = clauses[first : first + _FREQUENCIES_PER_REQUEST]
            filters = {str(number): to_dsl(each) for number, each in enumerate(some)}
            answer = self._view.search(
                {
                    "query": query,
                    "size": 0,
                    "track_total_hits": False,
                    "aggs": {"each": {"filters": {"filters": filters}}},
                }
            )
            buckets = answer["aggregations"]["each"]["buckets"]
            found += [buckets[number]["doc_count"] for number in filters]
        return found

    def ids(self, clause: Clause) -> AnyTerm:
        """Return what is true of the same articles as ``clause``, which fits."""
        hits = self._view.hits(clause, {"stored_fields": "_none_", "docvalue_fields": [ID]})
        return AnyTerm(ID, tuple(hit["fields"][ID][0] for hit in hits))

    def _all(self, clause: Clause, *fields: str) -> Iterator[ServerHit]:
        return self._view.hits(
            self.fitted(clause), {"stored_fields": list(fields)}, _TEXTS_PER_REQUEST
        )

    def fitted(self, clause: Clause, room: int = MAX_CLAUSES) -> Clause:
        """Return what is true of the same articles and not too much for one request.

        That has at most ``room`` conditions. What goes beyond is looked up before, and
        becomes the ids of what was found.
        """
        clause = self._whole(clause)
        if count_clauses(clause) > room:
            clause = self._looked_up(clause)
        return clause

    def _whole(self, clause: Clause) -> Clause:
        """Look up what nests too deep."""
        match clause:
            case Must(clauses):
                return self._flat(Must(tuple(map(self._whole, clauses))))
            case Should(clauses):
                return self._flat(Should(tuple(map(self._whole, clauses))))
            case MustNot(inner):
                return MustNot(self._whole(inner))
            case _:
                return clause

    def _flat(self, clause: Clause) -> Clause:
        return self._looked_up(clause) if nesting_depth(clause) > MAX_DEPTH else clause

    def _looked_up(self, clause: Clause) -> Clause:
        match clause:
            case Must(clauses):
                found: AnyTerm | None = None
                for part in self._parts(clauses):
                    found = self.ids(all_of(found, Must(part)))
                return found or clause
            case Should(clauses):
                ids = [
                    each for part in self._parts(clauses) for each in self.ids(Should(part)).tokens
                ]
                return AnyTerm(ID, tuple(dict.fromkeys(ids)))
            case MustNot(inner):
                return MustNot(self._looked_up(inner))
            case _:
                return self.ids(clause)

    def _parts(self, clauses: tuple[Clause, ...]) -> Iterator[tuple[Clause, ...]]:
        """Yield clauses in groups of which each fits into a request, with room for some ids."""
        room = MAX_CLAUSES // 2
        part: list[Clause] = []
        size = 0
        for clause in (self.fitted(each, room) for each in clauses):
            more = count_clauses(clause)
            if part and size + more > room:
                yield tuple(part)
                part, size = [], 0
            part.append(clause)
            size += more
        if part:
            yield tuple(part)
