"""Clauses as tantivy's queries, which find and score by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from math import ceil, log2
from typing import Final, NamedTuple

from tantivy import DocAddress, FieldType, Occur, Query, Schema, Searcher

from newsgrep.analysis.scoring import MIN_RECENCY_WEIGHT, Recency
from newsgrep.engines.base import Order, ScoredDoc
from newsgrep.engines.engine_query.fields import ID, ID_PREFIX, TIMESTAMP, UNDATED, id_prefix
from newsgrep.engines.engine_query.ir import (
    AnyTerm,
    Clause,
    Contains,
    Must,
    MustNot,
    OrderedNear,
    Range,
    ScoreClause,
    Should,
    Term,
    TokenSequence,
    all_of,
)
from newsgrep.engines.tantivy.schema import ARTICLE_KIND, INTEGER_FIELDS, KIND, NEGATED_TIMESTAMP

_REGEX_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
"""What means something in a regular expression of tantivy's."""


class QueryBuilder:
    """Makes queries for one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.articles = Query.term_query(schema, KIND, ARTICLE_KIND, "basic")
        """Every article, and no note."""

    def query(self, clause: Clause) -> Query:
        """Return what finds the articles of which ``clause`` is true; scores mean nothing."""
        match clause:
            case Term(field, token):
                return Query.term_query(self._schema, field, token, "basic")
            case AnyTerm(field, found):
                return Query.term_set_query(self._schema, field, found)
            case TokenSequence(field, found):
                return Query.phrase_query(self._schema, field, list(found))
            case OrderedNear(field, first, second, between):
                return Query.phrase_query(self._schema, field, [first, second], slop=between)
            case Contains(field, part):
                escaped = _REGEX_SPECIAL.sub(lambda match: f"\\{match[0]}", part)
                return Query.regex_query(self._schema, field, rf"(?s:.*){escaped}(?s:.*)")
            case Range(field, low, high):
                return self._between(field, low, high)
            case Must(clauses):
                return self._all_of(clauses)
            case Should(clauses):
                return _bool_query(Occur.Should, map(self.query, clauses))
            case MustNot(inner):
                return Query.boolean_query(
                    [(Occur.Must, self.articles), (Occur.MustNot, self.query(inner))]
                )

    def ranked(self, clause: Clause, addends: Sequence[ScoreClause]) -> Query:
        """Return what finds the same articles with the sums of ``addends`` as their scores."""
        must = Query.const_score_query(self.query(clause), 0.0)
        adding: list[Query] = []
        for levels, full in addends:
            each = [Query.const_score_query(self.query(has), value) for has, value in levels]
            if full is None:
                adding += each
            else:
                has, value = full
                whole = Query.const_score_query(self.query(has), value)
                parts = Query.boolean_query([(Occur.Should, query) for query in each])
                adding.append(Query.disjunction_max_query([whole, parts]))
        return Query.boolean_query(
            [(Occur.Must, must), *((Occur.Should, query) for query in adding)]
        )

    def _between(self, field: str, low: float | None, high: float | None) -> Query:
        if field in INTEGER_FIELDS:
            first, last = (None if bound is None else int(bound) for bound in (low, high))
            return Query.range_query(self._schema, field, FieldType.Integer, first, last)
        return Query.range_query(self._schema, field, FieldType.Float, low, high)

    def _all_of(self, clauses: tuple[Clause, ...]) -> Query:
        wanted = [clause for clause in clauses if not isinstance(clause, MustNot)]
        unwanted = [clause.clause for clause in clauses if isinstance(clause, MustNot)]
        must = list(map(self.query, wanted)) or [self.articles]
        parts = [(Occur.Must, query) for query in must]
        return Query.boolean_query(
            [*parts, *((Occur.MustNot, self.query(clause)) for clause in unwanted)]
        )


def _bool_query(occur: Occur, queries: Iterable[Query]) -> Query:
    parts = [(occur, query) for query in queries]
    return Query.boolean_query(parts) if parts else Query.empty_query()


_EXTRA_HITS: Final = 64
"""Equals that are asked for beyond what is wanted, so that one question is mostly enough."""

_NO_TIMESTAMP: Final = float("-inf")


class SortedDoc(NamedTuple):
    """A document that is found, in the order in which it is shown."""

    level: float
    """What orders it: the negative score, or when it was published, reversed or not."""
    when: float
    place: int
    address: DocAddress
    score: float
    moment: float


class TopDocs:
    """What one query finds, best first; ``query`` has scores where ``order`` is by relevance."""

    def __init__(self, searcher: Searcher, query: Query, order: Order) -> None:
        self._searcher = searcher
        self._query = query
        self._order = order
        self._field = {Order.NEWEST: TIMESTAMP, Order.OLDEST: NEGATED_TIMESTAMP}.get(order)

    def best(self, count: int) -> list[SortedDoc]:
        """Return at least the first ``count``, and maybe more, in order."""
        everything = max(self._searcher.num_docs, 1)
        limit = min(count + _EXTRA_HITS, everything)
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

    def beyond(self, after: ScoredDoc, count: int) -> tuple[list[SortedDoc], int]:
        """Return the first ``count`` after the place of ``after``, and how many stand before."""
        moment = after.moment if after.moment != _NO_TIMESTAMP else UNDATED
        place = (*self._levels(after.score, moment), id_prefix(after.id))

        def is_before(found: SortedDoc) -> bool:
            known = _sort_key(found)
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

    def _sorted(self, hits: Sequence[tuple[float, DocAddress]]) -> list[SortedDoc]:
        addresses = [address for _, address in hits]
        moments = self._searcher.fast_field_values(TIMESTAMP, addresses)
        places = self._searcher.fast_field_values(ID_PREFIX, addresses)
        found = []
        for (value, address), moment, place in zip(hits, moments, places, strict=True):
            score = value if self._field is None else 0.0
            level, when = self._levels(score, float(moment or 0))
            shown = float(moment or 0) if moment != UNDATED else _NO_TIMESTAMP
            found.append(SortedDoc(level, when, int(place or 0), address, score, shown))
        found.sort(key=_sort_key)
        return self._by_id(found)

    def _by_id(self, found: list[SortedDoc]) -> list[SortedDoc]:
        """Order those that only their ids tell apart, which are read for them alone."""
        ordered: list[SortedDoc] = []
        for _, equals in groupby(found, _sort_key):
            each = list(equals)
            if len(each) > 1:
                each.sort(key=lambda found: self.identifier(found.address))
            ordered += each
        return ordered

    def identifier(self, address: DocAddress) -> str:
        """Return the id of a document."""
        return str(self._searcher.doc(address).get_first(ID))


def _sort_key(found: SortedDoc) -> tuple[float, float, int]:
    return found.level, found.when, found.place


_HALF_LIVES: Final = ceil(-log2(MIN_RECENCY_WEIGHT))
"""Half-lives after which a weight sinks no more."""


def top_docs_by_recency(
    searcher: Searcher,
    asking: QueryBuilder,
    clause: Clause,
    addends: list[ScoreClause],
    recency: Recency,
    count: int,
) -> list[SortedDoc]:
    """Return the first ``count`` matches, best first, with their weighed scores."""
    best: list[SortedDoc] = []
    for span, most in _recency_spans(recency):
        query = asking.ranked(all_of(clause, span), addends)
        ordered = TopDocs(searcher, query, Order.RELEVANCE)
        wanted = count
        while True:
            found = ordered.best(wanted)
            # All that were not given have no better score than the last one that was.
            least = found[-1].score * most if found else 0.0
            together = sorted([*best, *(_with_recency(each, recency) for each in found)])
            if len(found) < wanted or _cannot_enter(least, together, count):
                break
            wanted = 2 * len(found)
        best = together[:count]
    return best


def _cannot_enter(score: float, best: list[SortedDoc], count: int) -> bool:
    return len(best) >= count and best[count - 1].score > score


def _with_recency(found: SortedDoc, recency: Recency) -> SortedDoc:
    score = found.score * recency.weight(found.moment)
    return found._replace(level=-score, score=score)


def _recency_spans(recency: Recency) -> Iterator[tuple[Clause, float]]:
    """Yield spans of time, newest first, and what weights in them are at most."""
    begins = [recency.now - recency.half_life * spans for spans in range(1, _HALF_LIVES + 1)]
    yield Range(TIMESTAMP, begins[0], None), 1.0
    for number, (later, earlier) in enumerate(pairwise(begins), 1):
        span = all_of(Range(TIMESTAMP, earlier, None), MustNot(Range(TIMESTAMP, later, None)))
        yield span, 2.0**-number
    yield MustNot(Range(TIMESTAMP, begins[-1], None)), MIN_RECENCY_WEIGHT
