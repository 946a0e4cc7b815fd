"""What may not be meant as typed: things that look like an operator or a field, and answers known.

A doubt never changes what a query means; it is told beside the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.query.ast import And, DateRange, IdIs, Node, Not, describe, positive_texts
from newsgrep.query.lexer import FIELDS, Token, TokenKind

_LOOKS_LIKE_FIELD: Final = re.compile(r"([A-Za-z_]{2,20})[:：](?![/\d])(?=\S)")
_SCHEMES: Final = frozenset(("http", "https", "ftp", "mailto"))
_LOOKS_LIKE_OPERATOR: Final = {
    "or": "OR",
    "||": "OR",
    "|": "OR",
    "and": "AND",
    "&&": "AND",
    "&": "AND",
    "not": "NOT",
    "!": "NOT",
    "near": "NEAR",
    "adj": "ADJ",
}
_COMMON_WORDS: Final = frozenset("的了是在和有不也就都与及或而着被把对为于从到这那他她它我你") | {
    *("the", "a", "an", "of", "to", "in", "and", "or", "is", "are", "was", "were"),
    *("for", "on", "at", "by", "with", "as", "it"),
}
"""Words that tell articles apart least."""


def query_warnings(found: Iterable[Token], root: Node) -> tuple[str, ...]:
    """Return one sentence each for what in a query may be meant otherwise."""
    return (*_token_warnings(found), *_tree_warnings(root))


def _token_warnings(found: Iterable[Token]) -> Iterator[str]:
    for token in found:
        if token.kind is not TokenKind.WORD:
            continue
        if meant := _LOOKS_LIKE_OPERATOR.get(token.text):
            yield f"“{token.text}” was taken as text: the operator is written {meant}."
        elif (field := _LOOKS_LIKE_FIELD.match(token.text)) and field[1].lower() not in _SCHEMES:
            yield (
                f"“{field[1]}:” is no field and was taken as text; there are "
                f"{', '.join(FIELDS[:-1])} and {FIELDS[-1]}."
            )


def _tree_warnings(root: Node) -> Iterator[str]:
    wanted = positive_texts(root)
    terms = [term for text in wanted for term in text.terms]
    if wanted and terms and all(term in _COMMON_WORDS for term in terms):
        yield "These words stand in nearly every article: add one that tells articles apart."
    yield from _contradictions(root)


def _contradictions(node: Node) -> Iterator[str]:
    """Yield what can match no article, whatever the index holds."""
    if not isinstance(node, And):
        return
    excluded = {child.child for child in node.children if isinstance(child, Not)}
    for child in node.children:
        if child in excluded:
            yield f"Nothing can match: {describe(child)} is asked for and excluded."
    ids = {child.article_id for child in node.children if isinstance(child, IdIs)}
    if len(ids) > 1:
        yield "Nothing can match: an article has one id; put OR between them."
    spans = [child for child in node.children if isinstance(child, DateRange)]
    firsts = [dates.first for dates in spans if dates.first]
    lasts = [dates.last for dates in spans if dates.last]
    if firsts and lasts and min(lasts) < max(firsts) and len(spans) > 1:
        yield (
            "Nothing but articles known to the month or year can match: the dates asked for "
            "have no day in common; put OR between them."
        )
