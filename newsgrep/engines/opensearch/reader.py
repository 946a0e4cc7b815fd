"""Terms, texts, values and counts of one point in time of an index on a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from newsgrep.analysis.versions import pack_earlier
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, MAX_TOKEN_LENGTH, TERMS
from newsgrep.engines.engine_query.lower import values_of
from newsgrep.engines.opensearch.documents import (
    LATIN_TERMS,
    PACKED_ARTICLE_FIELDS,
    PACKED_LEFT_OUT,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_VERSIONS,
    ServerHit,
    is_latin_term,
    stored_article,
    stored_bytes,
)
from newsgrep.engines.opensearch.pages import PointInTime, advance_key
from newsgrep.engines.opensearch.problems import (
    integer,
    items,
    mapping,
    objects,
    text,
)
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    MAX_NESTING,
    QueryDsl,
    count_clauses,
    nesting_depth,
    to_dsl,
)
from newsgrep.query.ast import Field, LocationField, NameField

_FREQUENCIES_PER_REQUEST: Final = 500

_TEXTS_PER_REQUEST: Final = 200

_TERMS_PER_REQUEST: Final = 10_000


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
            page = mapping(response, "aggregations", "terms")
            terms = [text(bucket, "key", "term") for bucket in objects(page, "buckets")]
            found += [term for term in terms if term.startswith(prefix)]
            if len(terms) < _TERMS_PER_REQUEST or not terms[-1].startswith(prefix):
                return found
            pages["after"] = advance_key(pages.get("after"), mapping(page, "after_key"))

    def texts(self, clause: ir.Clause, field: Field) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed texts of every article that matches ``clause``."""
        if field is Field.EARLIER:
            names = (PACKED_TEXTS, PACKED_REST, PACKED_VERSIONS)
            for hit in self._stored(clause, *names):
                packed = (stored_bytes(hit, name) for name in names)
                yield text(hit, "_id"), pack_earlier(*packed)
            return
        name = PACKED_LEFT_OUT if field is Field.LEFT_OUT else PACKED_TEXTS
        for hit in self._stored(clause, name):
            yield text(hit, "_id"), stored_bytes(hit, name)

    def values(
        self, clause: ir.Clause, kind: NameField | LocationField
    ) -> Iterator[tuple[str, str]]:
        """Yield id and value for each name, or the address, of the articles that match."""
        for hit in self._stored(clause, *PACKED_ARTICLE_FIELDS):
            for value in values_of(stored_article(hit), kind):
                yield text(hit, "_id"), value

    def count(self, clause: ir.Clause) -> int:
        """Return how many articles match ``clause``."""
        return self._point_in_time.count_all([self.fit(clause)])[0]

    def frequencies(self, clauses: Sequence[ir.Clause], within: ir.Clause | None) -> list[int]:
        """Return how many articles match each clause, of all or of those that match ``within``."""
        query = to_dsl(ir.Must(()) if within is None else within)
        found: list[int] = []
        for first in range(0, len(clauses), _FREQUENCIES_PER_REQUEST):
            part = clauses[first : first + _FREQUENCIES_PER_REQUEST]
            filters = {str(nth): to_dsl(each) for nth, each in enumerate(part)}
            response = self._point_in_time.search(
                {
                    "query": query,
                    "size": 0,
                    "track_total_hits": False,
                    "aggs": {"each": {"filters": {"filters": filters}}},
                }
            )
            buckets = mapping(response, "aggregations", "each", "buckets")
            found += [integer(buckets, nth, "doc_count") for nth in filters]
        return found

    def _ids(self, clause: ir.Clause) -> ir.AnyTerm:
        """Return a clause over the ids of the articles that match ``clause``, which fits."""
        fields = {"stored_fields": "_none_", "docvalue_fields": [ID]}
        hits = self._point_in_time.hits(clause, fields)
        return ir.AnyTerm(ID, tuple(_stored_id(hit) for hit in hits))

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


def _stored_id(hit: ServerHit) -> str:
    values = items(hit, "fields", ID)
    return text(values[0] if values else None)
