"""What planning a query asks of a server, and what is cut up because it is too much at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from newsgrep.engines.clauses.clause import (
    AllOf,
    AnyOf,
    Clause,
    Has,
    HasOneOf,
    Without,
    all_of,
)
from newsgrep.engines.clauses.fields import ID, WORDS
from newsgrep.engines.clauses.plan import values_of
from newsgrep.engines.clauses.tokens import LONGEST
from newsgrep.engines.opensearch.asking import (
    MOST_LEAVES,
    MOST_NESTED,
    Query,
    leaves,
    nested,
    query_of,
)
from newsgrep.engines.opensearch.documents import Hit, article_of, is_run, stored
from newsgrep.engines.opensearch.mapping import LATIN, LINK, PACKED, REST, STAMP
from newsgrep.engines.opensearch.view import View
from newsgrep.query.tree import Address, Field, Name

_TEXTS: Final = 200
"""Packed texts that come at once."""

_FREQUENCIES: Final = 500
"""Terms that are counted at once."""

_TERMS: Final = 10_000
"""Terms that come at once."""


class Reader:
    """A state of the index as :class:`newsgrep.engines.clauses.plan.Reader` asks it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def terms(self, prefix: str, field: Field) -> Iterable[str]:  # noqa: ARG002  (of title and body)
        """Return the runs of letters and digits that begin with ``prefix``."""
        if len(prefix) > LONGEST:
            return []
        found = []
        begun: Query = {"prefix": {WORDS: prefix}} if prefix else {"match_all": {}}
        source = [{"term": {"terms": {"field": LATIN}}}]
        pages: Query = {"size": _TERMS, "sources": source}
        if prefix:
            # Pages begin behind a term; the prefix may be one itself.
            pages["after"] = {"term": prefix}
            found += [prefix] if self.count(Has(WORDS, prefix)) and is_run(prefix) else []
        while True:
            body = {"query": begun, "size": 0, "track_total_hits": False}
            answer = self._view.search({**body, "aggs": {"terms": {"composite": pages}}})
            page = answer["aggregations"]["terms"]
            terms = [bucket["key"]["term"] for bucket in page["buckets"]]
            found += [term for term in terms if term.startswith(prefix)]
            if len(terms) < _TERMS or not terms[-1].startswith(prefix):
                return found
            pages["after"] = page["after_key"]

    def texts(self, clause: Clause) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed folded texts of every article of which ``clause`` is true."""
        for hit in self._all(clause, PACKED):
            yield hit["_id"], stored(hit, PACKED)

    def values(self, clause: Clause, kind: Name | Address) -> Iterator[tuple[str, str]]:
        """Yield each name or the address of every article of which ``clause`` is true."""
        for hit in self._all(clause, PACKED, REST, STAMP, LINK):
            for value in values_of(article_of(hit), kind):
                yield hit["_id"], value

    def count(self, clause: Clause) -> int:
        """Return of how many articles ``clause`` is true."""
        return self._view.counts([self.fitted(clause)])[0]

    def frequencies(self, clauses: Sequence[Clause], within: Clause | None) -> list[int]:
        """Return of how many articles each clause is true, of all or of those ``within``."""
        query = query_of(AllOf(())) if within is None else query_of(within)
        found: list[int] = []
        for first in range(0, len(clauses), _FREQUENCIES):
            some = clauses[first : first + _FREQUENCIES]
            filters = {str(number): query_of(each) for number, each in enumerate(some)}
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

    def ids(self, clause: Clause) -> HasOneOf:
        """Return what is true of the same articles as ``clause``, which fits."""
        hits = self._view.hits(clause, {"stored_fields": "_none_", "docvalue_fields": [ID]})
        return HasOneOf(ID, tuple(hit["fields"][ID][0] for hit in hits))

    def _all(self, clause: Clause, *fields: str) -> Iterator[Hit]:
        return self._view.hits(self.fitted(clause), {"stored_fields": list(fields)}, _TEXTS)

    def fitted(self, clause: Clause, room: int = MOST_LEAVES) -> Clause:
        """Return what is true of the same articles and not too much for one request.

        That has at most ``room`` conditions. What goes beyond is looked up before, and
        becomes the ids of what was found.
        """
        clause = self._whole(clause)
        if leaves(clause) > room:
            clause = self._looked_up(clause)
        return clause

    def _whole(self, clause: Clause) -> Clause:
        """Look up what nests too deep."""
        match clause:
            case AllOf(clauses):
                return self._flat(AllOf(tuple(map(self._whole, clauses))))
            case AnyOf(clauses):
                return self._flat(AnyOf(tuple(map(self._whole, clauses))))
            case Without(inner):
                return Without(self._whole(inner))
            case _:
                return clause

    def _flat(self, clause: Clause) -> Clause:
        return self._looked_up(clause) if nested(clause) > MOST_NESTED else clause

    def _looked_up(self, clause: Clause) -> Clause:
        match clause:
            case AllOf(clauses):
                found: HasOneOf | None = None
                for part in self._parts(clauses):
                    found = self.ids(all_of(found, AllOf(part)))
                return found or clause
            case AnyOf(clauses):
                ids = [
                    each for part in self._parts(clauses) for each in self.ids(AnyOf(part)).tokens
                ]
                return HasOneOf(ID, tuple(dict.fromkeys(ids)))
            case Without(inner):
                return Without(self._looked_up(inner))
            case _:
                return self.ids(clause)

    def _parts(self, clauses: tuple[Clause, ...]) -> Iterator[tuple[Clause, ...]]:
        """Yield clauses in groups of which each fits into a request, with room for some ids."""
        room = MOST_LEAVES // 2
        part: list[Clause] = []
        size = 0
        for clause in (self.fitted(each, room) for each in clauses):
            more = leaves(clause)
            if part and size + more > room:
                yield tuple(part)
                part, size = [], 0
            part.append(clause)
            size += more
        if part:
            yield tuple(part)
