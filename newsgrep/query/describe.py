"""A query tree as one line of the query language: what was understood, for people to check."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from newsgrep.query.tree import (
    And,
    At,
    Dates,
    Everything,
    Field,
    Fuzzy,
    Identified,
    Named,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Regex,
    Wildcard,
    Words,
)

_STROKE: Final = "\\/"


def describe(node: Node) -> str:
    """Return ``node`` spelled out: folded, cut into terms, every operator written."""
    match node:
        case Words(_, terms, field, any_term):
            joined = (" OR " if any_term else " AND ").join(terms)
            return _prefix(field) + (f"({joined})" if len(terms) > 1 else joined)
        case Phrase(literal, _, field):
            return f'{_prefix(field)}"{literal}"'
        case Wildcard(pattern, _, field):
            return f"{_prefix(field)}{pattern}"
        case Fuzzy(word, _, field):
            return f"{_prefix(field)}~{word}"
        case Regex(pattern, _, field):
            return f"{_prefix(field)}/{pattern.replace('/', _STROKE)}/"
        case Near(left, right, distance, ordered, field):
            sides = (describe(replace(side, field=Field.TEXT)) for side in (left, right))
            first, second = sides
            second = f"({second})" if isinstance(right, Near) else second
            operator = "ADJ" if ordered else "NEAR"
            text = f"{first} {operator}/{distance} {second}"
            return f"{_prefix(field)}({text})" if field is not Field.TEXT else text
        case Named(kind, name):
            return f'{kind.value}:"{name}"'
        case At(kind, part):
            return f'{kind.value}:"{part}"'
        case Identified(article_id):
            return f"id:{article_id}"
        case Dates(first, last):
            if first == last and first is not None:
                return f"date:{first.isoformat()}"
            start = first.isoformat() if first else ""
            end = last.isoformat() if last else ""
            return f"date:{start}..{end}"
        case Everything():
            return "*"
        case And(children):
            return " AND ".join(map(_bracketed, children))
        case Or(children):
            return " OR ".join(map(_bracketed, children))
        case Not(child):
            return f"NOT {_bracketed(child)}"


def _bracketed(node: Node) -> str:
    text = describe(node)
    return f"({text})" if isinstance(node, And | Or | Near) else text


def _prefix(field: Field) -> str:
    return "" if field is Field.TEXT else f"{field.value}:"
