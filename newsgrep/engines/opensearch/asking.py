"""Clauses as the queries of a server, and how much of them it takes at once.

Nothing here asks; what is too much for one request is cut up in
:mod:`newsgrep.engines.opensearch.reader`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from newsgrep.engines.clauses.clause import (
    AllOf,
    AnyOf,
    Between,
    Clause,
    Has,
    HasBehind,
    HasOneOf,
    HasPart,
    HasSequence,
    Without,
)
from newsgrep.engines.clauses.fields import LEVELS, MOMENT
from newsgrep.engines.clauses.ranking import Addend
from newsgrep.engines.opensearch.mapping import DIGIT
from newsgrep.engines.recency import LEAST, Recency

Query = dict[str, Any]

MOST_LEAVES: Final = 1000
"""Conditions in one request: a stock server takes 1,024, and some are put around these."""

MOST_VALUES: Final = 65_536
"""Values in one condition, as a stock server takes them."""

MOST_NESTED: Final = 20
"""How deep conditions nest."""

_ANY: Final[Query] = {"match_all": {}}
_NONE: Final[Query] = {"match_none": {}}
_SPECIAL: Final = re.compile(r"[\\*?]")


def query_of(clause: Clause) -> Query:
    """Return the query that is true of the same documents as ``clause``; it ranks nothing."""
    match clause:
        case Has(field, token) if field == LEVELS:
            return {"term": {LEVELS + token[DIGIT:]: token[:DIGIT]}}
        case Has(field, token):
            return {"term": {field: token}}
        case HasOneOf(field, values):
            return _one_of(field, values)
        case HasSequence(field, values):
            return {"match_phrase": {field: {"query": " ".join(values)}}}
        case HasBehind(field, first, second, between):
            both = [{"span_term": {field: token}} for token in (first, second)]
            return {"span_near": {"clauses": both, "slop": between, "in_order": True}}
        case HasPart(field, part):
            return {"wildcard": {field: f"*{_SPECIAL.sub(_escaped, part)}*"}}
        case Between(field, low, high):
            ends = {"gte": low, "lte": high}
            return {"range": {field: {end: at for end, at in ends.items() if at is not None}}}
        case AllOf(clauses):
            return _all(clauses)
        case AnyOf(clauses):
            queries = [query_of(each) for each in merged(clauses)]
            if len(queries) == 1:
                return queries[0]
            return {"bool": {"should": queries, "minimum_should_match": 1}} if queries else _NONE
        case Without(inner):
            return {"bool": {"must_not": [query_of(inner)]}}


def _all(clauses: tuple[Clause, ...]) -> Query:
    wanted = [query_of(each) for each in clauses if not isinstance(each, Without)]
    unwanted = [query_of(each.clause) for each in clauses if isinstance(each, Without)]
    if not unwanted and len(wanted) <= 1:
        return wanted[0] if wanted else _ANY
    return {
        "bool": {
            **({"filter": wanted} if wanted else {}),
            **({"must_not": unwanted} if unwanted else {}),
        }
    }


def _one_of(field: str, values: tuple[str, ...]) -> Query:
    if not values:
        return _NONE
    parts: list[Query] = [{"terms": {field: part}} for part in cut(values, MOST_VALUES)]
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts}}


def _escaped(special: re.Match[str]) -> str:
    return f"\\{special[0]}"


def merged(clauses: tuple[Clause, ...]) -> list[Clause]:
    """Return alternatives with those of one field's values as one."""
    values: dict[str, list[str]] = {}
    others: list[Clause] = []
    for clause in clauses:
        match clause:
            case Has(field, token):
                values.setdefault(field, []).append(token)
            case HasOneOf(field, tokens):
                values.setdefault(field, []).extend(tokens)
            case _:
                others.append(clause)
    found: list[Clause] = [
        Has(field, tokens[0]) if len(tokens) == 1 else HasOneOf(field, tuple(tokens))
        for field, tokens in values.items()
    ]
    return found + others


def leaves(clause: Clause) -> int:
    """Return how many conditions a server counts in ``clause``."""
    match clause:
        case AllOf(clauses):
            return sum(map(leaves, clauses))
        case AnyOf(clauses):
            return sum(map(leaves, merged(clauses)))
        case Without(inner):
            return leaves(inner) + 1
        case HasOneOf(_, values):
            return len(values) // MOST_VALUES + 1
        case HasBehind():
            return 2
        case _:
            return 1


def nested(clause: Clause) -> int:
    """Return how deep conditions nest in ``clause``."""
    match clause:
        case AllOf(clauses) | AnyOf(clauses):
            return 1 + max(map(nested, clauses), default=0)
        case Without(inner):
            return 1 + nested(inner)
        case _:
            return 1


def ranked(query: Query, addends: Iterable[Addend], recency: Recency | None) -> Query:
    """Return ``query`` with the documents' scores: constants that are added up, exactly."""
    found: Query = {"bool": {"filter": [query], "should": list(map(_added, addends))}}
    if recency is None:
        return found
    return {
        "function_score": {
            "query": found,
            "functions": _weights(recency),
            "score_mode": "first",
            "boost_mode": "multiply",
        }
    }


def ranking_leaves(addends: Iterable[Addend]) -> int:
    """Return how many conditions :func:`ranked` puts around a query."""
    return sum(len(each.levels) + bool(each.full) for each in addends)


def _added(addend: Addend) -> Query:
    levels = [_constant(each, value) for each, value in addend.levels]
    summed: Query = {"bool": {"should": levels}}
    if addend.full is None:
        return summed
    return {"dis_max": {"queries": [_constant(*addend.full), summed]}}


def _constant(clause: Has, value: float) -> Query:
    return {"constant_score": {"filter": query_of(clause), "boost": value}}


def _weights(recency: Recency) -> list[Query]:
    """Say what :meth:`newsgrep.engines.recency.Recency.weight` does: the first that is true."""
    # The server's own curve falls to both sides of its origin.
    new = {"filter": {"range": {MOMENT: {"gte": recency.now}}}, "weight": 1}
    curve = {"origin": recency.now, "scale": recency.half_life, "decay": 0.5}
    oldest = recency.now - recency.half_life * _HALVINGS
    ageing = {"filter": {"range": {MOMENT: {"gte": oldest}}}, "exp": {MOMENT: curve}}
    return [new, ageing, {"weight": LEAST}]


_HALVINGS: Final = 10
assert LEAST == 2.0**-_HALVINGS  # noqa: S101  (two modules that must agree)


def cut(values: tuple[str, ...], size: int) -> Iterable[list[str]]:
    """Yield ``values`` in lists of at most ``size``."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
