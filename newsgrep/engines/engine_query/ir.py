"""What an engine is asked: clauses over its fields, each exact, put together by and, or, not.

Nothing here ranks; what ranks is in :mod:`newsgrep.engines.engine_query.ir`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from newsgrep.analysis.scoring import MAX_IMPACT, term_weights
from newsgrep.engines.engine_query.fields import (
    FOLDED_NAMES,
    IMPACTS,
    TERMS,
    impact_tokens,
    term_token,
)
from newsgrep.query.ast import NameField


@dataclass(frozen=True, slots=True)
class Term:
    """The field has this token, or this whole value."""

    field: str
    token: str


@dataclass(frozen=True, slots=True)
class AnyTerm:
    """The field has one of these tokens or values, which may be many, or none."""

    field: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """The field has these tokens one behind the other; there are at least two."""

    field: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderedNear:
    """The field has ``second`` behind ``first``, with at most ``between`` other tokens between."""

    field: str
    first: str
    second: str
    between: int


@dataclass(frozen=True, slots=True)
class Contains:
    """A value of the field holds this string."""

    field: str
    part: str


@dataclass(frozen=True, slots=True)
class Range:
    """The field's number is in this range, both ends included; ``None`` is open."""

    field: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Must:
    """All of these are true; of none, that is any article."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Should:
    """At least one of these is true; of none, that is no article."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class MustNot:
    """Any article of which the clause is not true."""

    clause: Clause


Clause = Term | AnyTerm | TokenSequence | OrderedNear | Contains | Range | Must | Should | MustNot


def all_of(*clauses: Clause | None) -> Clause:
    """Return what is true where all of these are; ``None`` is no condition."""
    given = tuple(clause for clause in clauses if clause is not None)
    return given[0] if len(given) == 1 else Must(given)


def any_of(clauses: tuple[Clause, ...]) -> Clause:
    """Return what is true where one of these is."""
    return clauses[0] if len(clauses) == 1 else Should(clauses)


_DIGIT_VALUES: Final = tuple(8 * digit for digit in range(1, 8)) + tuple(range(1, 8))


class ScoreClause(NamedTuple):
    """What one term adds to the score of an article: the greater one of two.

    ``full`` where a source is called so, if there is one; else the sum of what the tokens
    that it has in :data:`LEVELS` stand for.
    """

    levels: tuple[tuple[Term, float], ...]
    full: tuple[Term, float] | None


def score_clauses(
    terms: Iterable[str], counts: Callable[[Sequence[Clause]], list[int]]
) -> list[ScoreClause]:
    """Return what each term that ranks adds.

    ``counts`` tells of how many articles each of some clauses is true.
    """
    each = list(terms)
    called = [Term(FOLDED_NAMES[NameField.SOURCE], term) for term in each]
    words = [Term(TERMS, term_token(term)) for term in each]
    # All at once, for a question to a server takes its time.
    told = counts([Must(()), *called, *map(any_of, zip(words, called, strict=True))])
    documents, of_sources, having = told[0], told[1 : len(each) + 1], told[len(each) + 1 :]
    weights = term_weights(each, documents, dict(zip(each, having, strict=True)))
    sources = dict(zip(each, zip(called, of_sources, strict=True), strict=True))
    found = []
    for term, weight in weights.items():
        source, many = sources[term]
        levels = [
            (Term(IMPACTS, token), value * weight)
            for value in _DIGIT_VALUES
            for token in impact_tokens({term: value})
        ]
        found.append(ScoreClause(tuple(levels), (source, MAX_IMPACT * weight) if many else None))
    return found
