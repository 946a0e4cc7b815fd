"""Clauses as OpenSearch queries, and how much of them fits into one request.

Nothing here sends a request; :mod:`newsgrep.engines.opensearch.engine` splits what does not
fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from newsgrep.analysis.scoring import MIN_RECENCY_WEIGHT, RECENCY_HALF_LIVES, Recency
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import IMPACTS, TIMESTAMP
from newsgrep.engines.opensearch.documents import SUFFIX_START

QueryDsl = dict[str, Any]
"""A query in OpenSearch's query language."""

MAX_CLAUSES: Final = 1000
"""Clauses in one request: a stock server accepts 1,024, and a few are added to these."""

MAX_VALUES: Final = 65_536
"""Values in one clause that a stock server accepts."""

MAX_NESTING: Final = 20
"""Nesting depth of clauses."""

_MATCH_ALL: Final[QueryDsl] = {"match_all": {}}
_MATCH_NONE: Final[QueryDsl] = {"match_none": {}}
_WILDCARD_SPECIAL: Final = re.compile(r"[\\*?]")


def to_dsl(clause: ir.Clause) -> QueryDsl:
    """Return a query that matches what ``clause`` matches, without scores."""
    match clause:
        case ir.Term(field, token) if field == IMPACTS:
            return {"term": {IMPACTS + token[SUFFIX_START:]: token[:SUFFIX_START]}}
        case ir.Term(field, token):
            return {"term": {field: token}}
        case ir.AnyTerm(field, tokens):
            return _terms_query(field, tokens)
        case ir.Phrase(field, tokens):
            return {"match_phrase": {field: {"query": " ".join(tokens)}}}
        case ir.OrderedNear(field, first, second, slop):
            spans = [{"span_term": {field: token}} for token in (first, second)]
            return {"span_near": {"clauses": spans, "slop": slop, "in_order": True}}
        case ir.SequencesNear(field, first, second, slop):
            sides = [_span(field, tokens) for tokens in (first, second)]
            return {"span_near": {"clauses": sides, "slop": slop, "in_order": True}}
        case ir.Contains(field, text):
            escaped = _WILDCARD_SPECIAL.sub(lambda special: f"\\{special[0]}", text)
            return {"wildcard": {field: f"*{escaped}*"}}
        case ir.Range(field, low, high):
            bounds = {"gte": low, "lte": high}
            return {"range": {field: {key: n for key, n in bounds.items() if n is not None}}}
        case ir.Must(clauses):
            return _must_query(clauses)
        case ir.Should(clauses):
            queries = [to_dsl(each) for each in merge_terms(clauses)]
            if len(queries) == 1:
                return queries[0]
            return either(*queries) if queries else _MATCH_NONE
        case ir.MustNot(inner):
            return {"bool": {"must_not": [to_dsl(inner)]}}


def _span(field: str, tokens: tuple[str, ...]) -> QueryDsl:
    """Return a query for the places where these tokens are next to each other."""
    terms: list[QueryDsl] = [{"span_term": {field: token}} for token in tokens]
    if len(terms) == 1:
        return terms[0]
    return {"span_near": {"clauses": terms, "slop": 0, "in_order": True}}


def _must_query(clauses: tuple[ir.Clause, ...]) -> QueryDsl:
    must = [to_dsl(each) for each in clauses if not isinstance(each, ir.MustNot)]
    must_not = [to_dsl(each.clause) for each in clauses if isinstance(each, ir.MustNot)]
    if not must_not and len(must) <= 1:
        return must[0] if must else _MATCH_ALL
    return {
        "bool": {
            **({"filter": must} if must else {}),
            **({"must_not": must_not} if must_not else {}),
        }
    }


def _terms_query(field: str, values: tuple[str, ...]) -> QueryDsl:
    if not values:
        return _MATCH_NONE
    parts: list[QueryDsl] = [{"terms": {field: part}} for part in chunks(values, MAX_VALUES)]
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts}}


def either(*queries: QueryDsl) -> QueryDsl:
    """Return a query that matches what at least one of ``queries`` matches."""
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def merge_terms(clauses: tuple[ir.Clause, ...]) -> list[ir.Clause]:
    """Return alternatives with all terms of a field merged into one clause."""
    terms: dict[str, list[str]] = {}
    others: list[ir.Clause] = []
    for clause in clauses:
        match clause:
            case ir.Term(field, token):
                terms.setdefault(field, []).append(token)
            case ir.AnyTerm(field, tokens):
                terms.setdefault(field, []).extend(tokens)
            case _:
                others.append(clause)
    merged: list[ir.Clause] = [
        ir.Term(field, tokens[0]) if len(tokens) == 1 else ir.AnyTerm(field, tuple(tokens))
        for field, tokens in terms.items()
    ]
    return merged + others


def count_clauses(clause: ir.Clause) -> int:
    """Return how many clauses a server counts in ``clause``."""
    match clause:
        case ir.Must(clauses):
            return sum(map(count_clauses, clauses))
        case ir.Should(clauses):
            return sum(map(count_clauses, merge_terms(clauses)))
        case ir.MustNot(inner):
            return count_clauses(inner) + 1
        case ir.AnyTerm(_, tokens):
            return len(tokens) // MAX_VALUES + 1
        case ir.OrderedNear():
            return 2
        case ir.SequencesNear(_, first, second):
            return len(first) + len(second)
        case _:
            return 1


def nesting_depth(clause: ir.Clause) -> int:
    """Return how deep clauses are nested in ``clause``."""
    match clause:
        case ir.Must(clauses) | ir.Should(clauses):
            return 1 + max(map(nesting_depth, clauses), default=0)
        case ir.MustNot(inner):
            return 1 + nesting_depth(inner)
        case _:
            return 1


def scored_query(
    query: QueryDsl, scores: Iterable[ir.ScoreClause], recency: Recency | None
) -> QueryDsl:
    """Return ``query`` with scores: sums of constants, which are exact."""
    scored: QueryDsl = {"bool": {"filter": [query], "should": list(map(_score_query, scores))}}
    if recency is None:
        return scored
    return {
        "function_score": {
            "query": scored,
            "functions": _recency_functions(recency),
            "score_mode": "first",
            "boost_mode": "multiply",
        }
    }


def count_score_clauses(scores: Iterable[ir.ScoreClause]) -> int:
    """Return how many clauses :func:`scored_query` adds to a query."""
    return sum(len(each.impacts) + bool(each.source) for each in scores)


def _score_query(score: ir.ScoreClause) -> QueryDsl:
    sum_of_impacts: QueryDsl = {
        "bool": {"should": [_constant_score(term, n) for term, n in score.impacts]}
    }
    if score.source is None:
        return sum_of_impacts
    return {"dis_max": {"queries": [_constant_score(*score.source), sum_of_impacts]}}


def _constant_score(term: ir.Term, score: float) -> QueryDsl:
    return {"constant_score": {"filter": to_dsl(term), "boost": score}}


def _recency_functions(recency: Recency) -> list[QueryDsl]:
    """Return :meth:`Recency.weight` as functions, of which the first that matches applies."""
    # The server's own curve decreases on both sides of its origin.
    new = {"filter": {"range": {TIMESTAMP: {"gte": recency.now}}}, "weight": 1}
    curve = {"origin": recency.now, "scale": recency.half_life, "decay": 0.5}
    oldest = recency.now - recency.half_life * RECENCY_HALF_LIVES
    ageing = {"filter": {"range": {TIMESTAMP: {"gte": oldest}}}, "exp": {TIMESTAMP: curve}}
    return [new, ageing, {"weight": MIN_RECENCY_WEIGHT}]


def chunks(values: tuple[str, ...], size: int) -> Iterable[list[str]]:
    """Yield ``values`` in lists of at most ``size``."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
