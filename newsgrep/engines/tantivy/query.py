"""Queries for tantivy, and the top of their hits in newsgrep's own order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from tantivy import DocAddress, FieldType, Occur, Query, Schema, Searcher

from newsgrep.analysis.scoring import MIN_RECENCY_WEIGHT, RECENCY_HALF_LIVES, Recency
from newsgrep.engines.base import Order, ScoredDoc
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import (
    ID,
    ID_PREFIX,
    TIMESTAMP,
    UNDATED_TIMESTAMP,
    id_prefix,
)
from newsgrep.engines.tantivy.schema import ARTICLE_KIND, INTEGER_FIELDS, KIND, NEGATED_TIMESTAMP

_REGEX_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
"""Special characters of tantivy's regular expressions."""

_EXTRA_HITS: Final = 64
"""Hits requested beyond the wanted ones, so that one search is usually enough despite ties."""

_DIGITS: Final = 7
"""Values of a digit of an impact but 0."""

_NO_TIMESTAMP: Final = float("-inf")


class QueryBuilder:
    """Translates clauses to tantivy's queries for one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.articles = Query.term_query(schema, KIND, ARTICLE_KIND, "basic")
        """Matches every article, and no file record without an article."""

    def query(self, clause: ir.Clause) -> Query:
        """Return a query that matches what ``clause`` matches; its scores mean nothing."""
        match clause:
            case ir.Term(field, token):
                return Query.term_query(self._schema, field, token, "basic")
            case ir.AnyTerm(field, tokens):
                return Query.term_set_query(self._schema, field, tokens)
            case ir.Phrase(field, tokens):
                return Query.phrase_query(self._schema, field, list(tokens))
            case ir.OrderedNear(field, first, second, slop):
                return Query.phrase_query(self._schema, field, [first, second], slop=slop)
            case ir.SequencesNear(field, first, second, slop):
                # One exact phrase for each distance: with a slop, tantivy lets all tokens move.
                return Query.boolean_query(
                    [
                        (Occur.Should, self._phrase_with_gap(field, first, second, gap))
                        for gap in range(slop + 1)
                    ]
                )
            case ir.Contains(field, text):
                escaped = _REGEX_SPECIAL.sub(lambda match: f"\\{match[0]}", text)
                return Query.regex_query(self._schema, field, rf"(?s:.*){escaped}(?s:.*)")
            case ir.Range(field, low, high):
                return self._range(field, low, high)
            case ir.Must(clauses):
                return self._must(clauses)
            case ir.Should(clauses):
                parts = [(Occur.Should, self.query(each)) for each in clauses]
                return Query.boolean_query(parts) if parts else Query.empty_query()
            case ir.MustNot(inner):
                return Query.boolean_query(
                    [(Occur.Must, self.articles), (Occur.MustNot, self.query(inner))]
                )

    def _phrase_with_gap(
        self, field: str, first: tuple[str, ...], second: tuple[str, ...], gap: int
    ) -> Query:
        places = (*range(len(first)), *range(len(first) + gap, len(first) + gap + len(second)))
        tokens: list[str | tuple[int, str]] = [*zip(places, (*first, *second), strict=True)]
        return Query.phrase_query(self._schema, field, tokens)

    def scored_query(self, clause: ir.Clause, scores: Sequence[ir.ScoreClause]) -> Query:
        """Return a query that matches what ``clause`` matches, with the sum of ``scores``."""
        must = Query.const_score_query(self.query(clause), 0.0)
        should: list[Query] = []
        for impacts, source in scores:
            constants = [Query.const_score_query(self.query(term), n) for term, n in impacts]
            if source is None:
                should += constants
            else:
                term, score = source
                whole = Query.const_score_query(self.query(term), score)
                parts = Query.boolean_query([(Occur.Should, each) for each in constants])
                should.append(Query.disjunction_max_query([whole, parts]))
        return Query.boolean_query([(Occur.Must, must), *((Occur.Should, each) for each in should)])

    def _range(self, field: str, low: float | None, high: float | None) -> Query:
        if field in INTEGER_FIELDS:
            first, last = (None if bound is None else int(bound) for bound in (low, high))
            return Query.range_query(self._schema, field, FieldType.Integer, first, last)
        return Query.range_query(self._schema, field, FieldType.Float, low, high)

    def _must(self, clauses: tuple[ir.Clause, ...]) -> Query:
        must = [self.query(each) for each in clauses if not isinstance(each, ir.MustNot)]
        must_not = [self.query(each.clause) for each in clauses if isinstance(each, ir.MustNot)]
        return Query.boolean_query(
            [
                *((Occur.Must, query) for query in must or [self.articles]),
                *((Occur.MustNot, query) for query in must_not),
            ]
        )


class SortedDoc(NamedTuple):
    """A document that matches, with its sort key first.

    ``key`` is what the order sorts by: the negative score, or the timestamp, negated for the
    newest first. ``tie_break`` is the negative timestamp in an order by relevance, else 0.
    """

    key: float
    tie_break: float
    id_prefix: int
    address: DocAddress
    score: float
    timestamp: float


class TopDocs:
    """The hits of one query in newsgrep's order.

    tantivy sorts by one number and breaks ties by its own document numbers. Here ties are
    broken as on every engine: newest first, then by id. For an order by relevance ``query``
    must have scores.
    """

    def __init__(self, searcher: Searcher, query: Query, order: Order) -> None:
        self._searcher = searcher
        self._query = query
        self._order = order
        self._field = {Order.NEWEST: TIMESTAMP, Order.OLDEST: NEGATED_TIMESTAMP}.get(order)
        self.total: int | None = None
        """How many documents match, once hits were searched for."""

    def first(self, count: int) -> list[SortedDoc]:
        """Return at least the first ``count`` hits in order, if there are so many, or more."""
        total = max(self._searcher.num_docs, 1)
        limit = min(count + _EXTRA_HITS, total)
        while True:
            hits = self._hits(limit)
            if limit == total or len(hits) < limit:
                return self._sorted(hits)
            # There may be more hits that are equal to the last one.
            last = hits[-1][0]
            complete = [hit for hit in hits if hit[0] != last]
            if len(complete) >= count:
                return self._sorted(complete)
            limit = min(4 * limit, total)

    def _hits(self, limit: int) -> list[tuple[float, DocAddress]]:
        """Return the first hits as tantivy orders them; they are counted in the same pass."""
        is_first = self.total is None
        found = self._searcher.search(self._query, limit, is_first, order_by_field=self._field)
        if is_first:
            self.total = int(found.count)  # type: ignore[attr-defined]  # left out of the stubs
        hits: list[tuple[float, DocAddress]] = found.hits
        return hits

    def after(self, cursor: ScoredDoc, count: int) -> tuple[list[SortedDoc], int]:
        """Return at least the first ``count`` hits after ``cursor``, and how many are before it.

        A hit at the cursor itself counts as before it.
        """
        timestamp = cursor.timestamp if cursor.timestamp != _NO_TIMESTAMP else UNDATED_TIMESTAMP
        cursor_key = (*self._sort_key(cursor.score, timestamp), id_prefix(cursor.id))

        def is_before(doc: SortedDoc) -> bool:
            key = _full_key(doc)
            if key == cursor_key:  # only then read the id
                return self._read_id(doc.address) <= cursor.id
            return key < cursor_key

        wanted = count
        while True:
            docs = self.first(wanted)
            before = sum(map(is_before, docs))
            if len(docs) - before >= count or len(docs) < wanted:
                return docs[before:], before
            wanted = 2 * len(docs) + count

    def _sort_key(self, score: float, timestamp: float) -> tuple[float, float]:
        match self._order:
            case Order.RELEVANCE:
                return -score, -timestamp
            case Order.NEWEST:
                return -timestamp, 0.0
            case Order.OLDEST:
                return (timestamp if timestamp != UNDATED_TIMESTAMP else -UNDATED_TIMESTAMP), 0.0

    def _sorted(self, hits: Sequence[tuple[float, DocAddress]]) -> list[SortedDoc]:
        addresses = [address for _, address in hits]
        timestamps = self._searcher.fast_field_values(TIMESTAMP, addresses)
        prefixes = self._searcher.fast_field_values(ID_PREFIX, addresses)
        docs = []
        for (value, address), stored, prefix in zip(hits, timestamps, prefixes, strict=True):
            score = value if self._field is None else 0.0
            timestamp = float(stored or 0)
            key = self._sort_key(score, timestamp)
            known = timestamp if timestamp != UNDATED_TIMESTAMP else _NO_TIMESTAMP
            docs.append(SortedDoc(*key, int(prefix or 0), address, score, known))
        docs.sort(key=_full_key)
        return self._by_id(docs)

    def _by_id(self, docs: list[SortedDoc]) -> list[SortedDoc]:
        """Sort the documents with equal keys by id; ids are read for these only."""
        ordered: list[SortedDoc] = []
        for _, group in groupby(docs, _full_key):
            equal = list(group)
            if len(equal) > 1:
                equal.sort(key=lambda doc: self._read_id(doc.address))
            ordered += equal
        return ordered

    def _read_id(self, address: DocAddress) -> str:
        return str(self._searcher.doc(address).get_first(ID))


def _full_key(doc: SortedDoc) -> tuple[float, float, int]:
    return doc.key, doc.tie_break, doc.id_prefix


def top_docs_by_impact(
    searcher: Searcher,
    builder: QueryBuilder,
    clause: ir.Clause,
    impacts: Sequence[tuple[ir.Term, float]],
    count: int,
) -> list[SortedDoc]:
    """Return the first ``count`` hits by the score of one term, or fewer if there are many groups.

    Thousands of articles have the greatest impact of a common word, and with it one score. So
    instead of all hits by score, groups of equal impacts are searched, each newest first.
    ``impacts`` are those of :class:`ir.ScoreClause`, for the digits 1 to 7 of both places.
    """
    highs, lows = impacts[:_DIGITS], impacts[_DIGITS:]
    without_low = ir.MustNot(ir.any_of(tuple(term for term, _ in lows)))
    ends: list[tuple[ir.Clause, float]] = [*reversed(lows), (without_low, 0.0)]
    best: list[SortedDoc] = []
    for high, high_score in reversed(highs):
        for low, low_score in ends:
            query = builder.query(ir.all_of(clause, high, low))
            score = high_score + low_score
            hits = TopDocs(searcher, query, Order.NEWEST).first(count - len(best))
            best += (each._replace(key=-score, tie_break=each.key, score=score) for each in hits)
            if len(best) >= count:
                return best
    return best


def top_docs_by_recency(
    searcher: Searcher,
    builder: QueryBuilder,
    clause: ir.Clause,
    scores: list[ir.ScoreClause],
    recency: Recency,
    count: int,
) -> list[SortedDoc]:
    """Return the first ``count`` hits by score times recency weight, exactly.

    tantivy scores without regard to age. So the hits are searched by intervals of age, newest
    first. In each interval the weight has an upper bound, and searching it ends when no
    further hit can enter the top.
    """
    best: list[SortedDoc] = []
    for interval, max_weight in _age_intervals(recency):
        query = builder.scored_query(ir.all_of(clause, interval), scores)
        hits = TopDocs(searcher, query, Order.RELEVANCE)
        wanted = count
        while True:
            docs = hits.first(wanted)
            # No hit that is missing scores better than the last one here.
            bound = docs[-1].score * max_weight if docs else 0.0
            weighted = (_with_recency(doc, recency) for doc in docs)
            candidates = sorted([*best, *weighted], key=_full_key)
            if len(docs) < wanted or _cannot_enter(bound, candidates, count):
                break
            wanted = 2 * len(docs)
        best = candidates[:count]
    return best


def _cannot_enter(score: float, best: list[SortedDoc], count: int) -> bool:
    return len(best) >= count and best[count - 1].score > score


def _with_recency(doc: SortedDoc, recency: Recency) -> SortedDoc:
    score = doc.score * recency.weight(doc.timestamp)
    return doc._replace(key=-score, score=score)


def _age_intervals(recency: Recency) -> Iterator[tuple[ir.Clause, float]]:
    """Yield intervals of age, newest first, with the maximum of the weight in each."""
    starts = [
        recency.now - recency.half_life * number for number in range(1, RECENCY_HALF_LIVES + 1)
    ]
    yield ir.Range(TIMESTAMP, starts[0], None), 1.0
    for number, (later, earlier) in enumerate(pairwise(starts), 1):
        before = ir.MustNot(ir.Range(TIMESTAMP, later, None))
        yield ir.all_of(ir.Range(TIMESTAMP, earlier, None), before), 2.0**-number
    yield ir.MustNot(ir.Range(TIMESTAMP, starts[-1], None)), MIN_RECENCY_WEIGHT
