"""What an engine is asked: clauses over its fields, each exact, put together by and, or, not.

Nothing here ranks; what ranks is in :mod:`newsgrep.engines.clauses.ranking`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Has:
    """The field has this token, or this whole value."""

    field: str
    token: str


@dataclass(frozen=True, slots=True)
class HasOneOf:
    """The field has one of these tokens or values, which may be many, or none."""

    field: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasSequence:
    """The field has these tokens one behind the other; there are at least two."""

    field: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasBehind:
    """The field has ``second`` behind ``first``, with at most ``between`` other tokens between."""

    field: str
    first: str
    second: str
    between: int


@dataclass(frozen=True, slots=True)
class HasPart:
    """A value of the field holds this string."""

    field: str
    part: str


@dataclass(frozen=True, slots=True)
class Between:
    """The field's number is in this range, both ends included; ``None`` is open."""

    field: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these are true; of none, that is any article."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these is true; of none, that is no article."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """Any article of which the clause is not true."""

    clause: Clause


Clause = Has | HasOneOf | HasSequence | HasBehind | HasPart | Between | AllOf | AnyOf | Without


def all_of(*clauses: Clause | None) -> Clause:
    """Return what is true where all of these are; ``None`` is no condition."""
    given = tuple(clause for clause in clauses if clause is not None)
    return given[0] if len(given) == 1 else AllOf(given)


def any_of(clauses: tuple[Clause, ...]) -> Clause:
    """Return what is true where one of these is."""
    return clauses[0] if len(clauses) == 1 else AnyOf(clauses)
