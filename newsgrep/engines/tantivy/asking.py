"""Clauses as tantivy's queries, which find and score by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tantivy import FieldType, Occur, Query, Schema

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
from newsgrep.engines.clauses.ranking import Addend
from newsgrep.engines.tantivy.schema import ARTICLE, DAYS, KIND

_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
"""What means something in a regular expression of tantivy's."""


class Asking:
    """Makes queries for one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.articles = Query.term_query(schema, KIND, ARTICLE, "basic")
        """Every article, and no note."""

    def query(self, clause: Clause) -> Query:
        """Return what finds the articles of which ``clause`` is true; scores mean nothing."""
        match clause:
            case Has(field, token):
                return Query.term_query(self._schema, field, token, "basic")
            case HasOneOf(field, found):
                return Query.term_set_query(self._schema, field, found)
            case HasSequence(field, found):
                return Query.phrase_query(self._schema, field, list(found))
            case HasBehind(field, first, second, between):
                return Query.phrase_query(self._schema, field, [first, second], slop=between)
            case HasPart(field, part):
                escaped = _SPECIAL.sub(lambda match: f"\\{match[0]}", part)
                return Query.regex_query(self._schema, field, rf"(?s:.*){escaped}(?s:.*)")
            case Between(field, low, high):
                return self._between(field, low, high)
            case AllOf(clauses):
                return self._all_of(clauses)
            case AnyOf(clauses):
                return _joined(Occur.Should, map(self.query, clauses))
            case Without(inner):
                return Query.boolean_query(
                    [(Occur.Must, self.articles), (Occur.MustNot, self.query(inner))]
                )

    def ranked(self, clause: Clause, addends: Sequence[Addend]) -> Query:
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
        if field in DAYS:
            first, last = (None if bound is None else int(bound) for bound in (low, high))
            return Query.range_query(self._schema, field, FieldType.Integer, first, last)
        return Query.range_query(self._schema, field, FieldType.Float, low, high)

    def _all_of(self, clauses: tuple[Clause, ...]) -> Query:
        wanted = [clause for clause in clauses if not isinstance(clause, Without)]
        unwanted = [clause.clause for clause in clauses if isinstance(clause, Without)]
        must = list(map(self.query, wanted)) or [self.articles]
        parts = [(Occur.Must, query) for query in must]
        return Query.boolean_query(
            [*parts, *((Occur.MustNot, self.query(clause)) for clause in unwanted)]
        )


def _joined(occur: Occur, queries: Iterable[Query]) -> Query:
    parts = [(occur, query) for query in queries]
    return Query.boolean_query(parts) if parts else Query.empty_query()
