"""Clauses over the fields of an index: the intermediate representation of a query.

Every clause is exact: it selects the articles that match, and no others. Nothing here scores,
except :class:`ScoreClause`. Some names also exist in :mod:`newsgrep.query.ast`, so use this
module qualified: ``from newsgrep.engines.engine_query import ir``, then ``ir.Phrase``.

>>> all_of(Term("source", "灯塔"), None)
Term(field='source', token='灯塔')
"""

from __future__ import annotations

from typing import NamedTuple

from newsgrep.models import Value


class Term(Value):
    """The field contains this token, or has this whole value."""

    field: str
    token: str


class AnyTerm(Value):
    """The field contains at least one of these tokens or values; there may be many, or none."""

    field: str
    tokens: tuple[str, ...]


class Phrase(Value):
    """The field contains these tokens, two or more, next to each other and in this order."""

    field: str
    tokens: tuple[str, ...]


class OrderedNear(Value):
    """The field contains ``first``, then ``second``, with at most ``slop`` tokens between them."""

    field: str
    first: str
    second: str
    slop: int


class SequencesNear(Value):
    """The field contains the tokens ``first``, then ``second``, at most ``slop`` between them.

    The tokens of each are next to each other. An engine may miss some of the articles, whose texts
    are read then, but never match another one.
    """

    field: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    slop: int


class Contains(Value):
    """A value of the field contains this substring."""

    field: str
    text: str


class Range(Value):
    """The field's number is between ``low`` and ``high``, both included; ``None`` is open."""

    field: str
    low: float | None
    high: float | None


class Must(Value):
    """All clauses match. Without clauses, every article matches."""

    clauses: tuple[Clause, ...]


class Should(Value):
    """At least one clause matches. Without clauses, no article matches."""

    clauses: tuple[Clause, ...]


class MustNot(Value):
    """The clause does not match."""

    clause: Clause


Clause = (
    Term
    | AnyTerm
    | Phrase
    | OrderedNear
    | SequencesNear
    | Contains
    | Range
    | Must
    | Should
    | MustNot
)


class ScoreClause(NamedTuple):
    """What one query term adds to an article's score: the larger of two numbers.

    ``impacts`` are clauses with the number that each adds where it matches; these are summed.
    ``source`` is a clause that matches articles whose source has the term as its name, with
    the score of those; ``None`` if there are no such articles.
    """

    impacts: tuple[tuple[Term, float], ...]
    source: tuple[Term, float] | None


def all_of(*clauses: Clause | None) -> Clause:
    """Return the conjunction of ``clauses``, without a wrapper around a single one.

    ``None`` is no condition.
    """
    given = tuple(clause for clause in clauses if clause is not None)
    return given[0] if len(given) == 1 else Must(given)


def any_of(clauses: tuple[Clause, ...]) -> Clause:
    """Return the disjunction of ``clauses``, without a wrapper around a single one."""
    return clauses[0] if len(clauses) == 1 else Should(clauses)
