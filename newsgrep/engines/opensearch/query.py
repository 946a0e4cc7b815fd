"""Clauses as the queries of a server, and how much of them it takes at once.

Nothing here asks; what is too much for one request is cut up in
:mod:`newsgrep.engines.opensearch.reader`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from newsgrep.analysis.scoring import MIN_RECENCY_WEIGHT, Recency
from newsgrep.engines.engine_query.fields import IMPACTS, TIMESTAMP
from newsgrep.engines.engine_query.ir import (
    AnyTerm,
    Clause,
    Contains,
    Must,
    MustNot,
    OrderedNear,
    Phrase,
    Range,
    ScoreClause,
    Should,
    Term,
)
from newsgrep.engines.opensearch.indices import SUFFIX_START

QueryDsl = dict[str, Any]

MAX_CLAUSES: Final = 1000
"""Conditions in one request: a stock server takes 1,024, and some are put around these."""

MAX_TERMS: Final = 65_536
"""Values in one condition, as a stock server takes them."""

MAX_DEPTH: Final = 20
"""How deep conditions nest."""

_MATCH_ALL: Final[QueryDsl] = {"match_all": {}}
_MATCH_NONE: Final[QueryDsl] = {"match_none": {}}
_WILDCARD_SPECIAL: Final = re.compile(r"[\\*?]")


def to_dsl(clause: Clause) -> QueryDsl:
    """Return the query that is true of the same documents as ``clause``; it ranks nothing."""
    match clause:
        case Term(field, token) if field == IMPACTS:
            return {"term": {IMPACTS + token[SUFFIX_START:]: token[:SUFFIX_START]}}
        case Term(field, token):
            return {"term": {field: token}}
        case AnyTerm(field, values):
            return _terms_query(field, values)
        case Phrase(field, values):
            return {"match_phrase": {field: {"query": " ".join(values)}}}
        case OrderedNear(field, first, second, between):
            both = [{"span_term": {field: token}} for token in (first, second)]
            return {"span_near": {"clauses": both, "slop": between, "in_order": True}}
        case Contains(field, part):
            return {"wildcard": {field: f"*{_WILDCARD_SPECIAL.sub(_escape, part)}*"}}
        case Range(field, low, high):
            ends = {"gte": low, "lte": high}
            return {"range": {field: {end: at for end, at in ends.items() if at is not None}}}
        case Must(clauses):
            return _bool_query(clauses)
        case Should(clauses):
            queries = [to_dsl(each) for each in merge_terms(clauses)]
            if len(queries) == 1:
                return queries[0]
            return (
                {"bool": {"should": queries, "minimum_should_match": 1}} if queries else _MATCH_NONE
            )
        case MustNot(inner):
            return {"bool": {"must_not": [to_dsl(inner)]}}


def _bool_query(clauses: tuple[Clause, ...]) -> QueryDsl:
    wanted = [to_dsl(each) for each in clauses if not isinstance(each, MustNot)]
    unwanted = [to_dsl(each.clause) for each in clauses if isinstance(each, MustNot)]
    if not unwanted and len(wanted) <= 1:
        return wanted[0] if wanted else _MATCH_ALL
    return {
        "bool": {
            **({"filter": wanted} if wanted else {}),
            **({"must_not": unwanted} if unwanted else {}),
        }
    }


def _terms_query(field: str, values: tuple[str, ...]) -> QueryDsl:
    if not values:
        return _MATCH_NONE
    parts: list[QueryDsl] = [{"terms": {field: part}} for part in chunks(values, MAX_TERMS)]
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts}}


def _escape(special: re.Match[str]) -> str:
    return f"\\{special[0]}"


def merge_terms(clauses: tuple[Clause, ...]) -> list[Clause]:
    """Return alternatives with those of one field's values as one."""
    values: dict[str, list[str]] = {}
    others: list[Clause] = []
    for clause in clauses:
        match clause:
            case Term(field, token):
                values.setdefault(field, []).append(token)
            case AnyTerm(field, tokens):
                values.setdefault(field, []).extend(tokens)
            case _:
                others.append(clause)
    found: list[Clause] = [
        Term(field, tokens[0]) if len(tokens) == 1 else AnyTerm(field, tuple(tokens))
        for field, tokens in values.items()
    ]
    return found + others


def count_clauses(clause: Clause) -> int:
    """Return how many conditions a server counts in ``clause``."""
    match clause:
        case Must(clauses):
            return sum(map(count_clauses, clauses))
        case Should(clauses):
            return sum(map(count_clauses, merge_terms(clauses)))
        case MustNot(inner):
            return count_clauses(inner) + 1
        case AnyTerm(_, values):
            return len(values) // MAX_TERMS + 1
        case OrderedNear():
            return 2
        case _:
            return 1


def nesting_depth(clause: Clause) -> int:
    """Return how deep conditions nest in ``clause``."""
    match clause:
        case Must(clauses) | Should(clauses):
            return 1 + max(map(nesting_depth, clauses), default=0)
        case MustNot(inner):
            return 1 + nesting_depth(inner)
        case _:
            return 1


def scored_query(
    query: QueryDsl, addends: Iterable[ScoreClause], recency: Recency | None
) -> QueryDsl:
    """Return ``query`` with the documents' scores: constants that are added up, exactly."""
    found: QueryDsl = {"bool": {"filter": [query], "should": list(map(_score_query, addends))}}
    if recency is None:
        return found
    return {
        "function_score": {
            "query": found,
            "functions": _recency_functions(recency),
            "score_mode": "first",
            "boost_mode": "multiply",
        }
    }


def count_score_clauses(addends: Iterable[ScoreClause]) -> int:
    """Return how many conditions :func:`scored_query` puts around a query."""
    return sum(len(each.impacts) + bool(each.source) for each in addends)


def _score_query(addend: ScoreClause) -> QueryDsl:
    levels = [_constant_score(each, value) for each, value in addend.impacts]
    summed: QueryDsl = {"bool": {"should": levels}}
    if addend.source is None:
        return summed
    return {"dis_max": {"queries": [_constant_score(*addend.source), summed]}}


def _constant_score(clause: Term, value: float) -> QueryDsl:
    return {"constant_score": {"filter": to_dsl(clause), "boost": value}}


def _recency_functions(recency: Recency) -> list[QueryDsl]:
    """Say what :meth:`newsgrep.analysis.scoring.Recency.weight` does: the first that is true."""
    # The server's own curve falls to both sides of its origin.
    new = {"filter": {"range": {TIMESTAMP: {"gte": recency.now}}}, "weight": 1}
    curve = {"origin": recency.now, "scale": recency.half_life, "decay": 0.5}
    oldest = recency.now - recency.half_life * _HALF_LIVES
    ageing = {"filter": {"range": {TIMESTAMP: {"gte": oldest}}}, "exp": {TIMESTAMP: curve}}
    return [new, ageing, {"weight": MIN_RECENCY_WEIGHT}]


_HALF_LIVES: Final = 10
assert MIN_RECENCY_WEIGHT == 2.0**-_HALF_LIVES  # noqa: S101  (two modules that must agree)


def chunks(values: tuple[str, ...], size: int) -> Iterable[list[str]]:
    """Yield ``values`` in lists of at most ``size``."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
