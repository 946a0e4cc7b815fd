"""The leaves of a query tree, made of text as it was typed.

What is typed is tidied as an article is when it is cleaned, and folded, so that it can be
found there.
"""

from __future__ import annotations

import re
import unicodedata

from newsgrep.query.tree import (
    And,
    Everything,
    Field,
    Name,
    Named,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Regex,
)
from newsgrep.text.characters import tidy
from newsgrep.text.fold import fold
from newsgrep.text.segment import query_terms, words_inside

_WHITE = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Return ``text`` as it would stand in a cleaned article: tidy, white space single."""
    return _WHITE.sub(" ", tidy(text)).strip()


def phrase(text: str, field: Field = Field.TEXT) -> Phrase:
    """Return the node for documents that hold ``text`` literally."""
    literal = fold(normalised(text))
    terms = query_terms(literal)
    return Phrase(literal, terms, field, words_inside(literal) if len(terms) > 1 else ())


def named(kind: Name, name: str) -> Named:
    """Return the filter for articles one of whose names holds ``name``, in any case and script."""
    return Named(kind, fold(normalised(name)))


def is_narrow(node: Node) -> bool:
    """Return whether no regular expression has to look through all articles."""
    match node:
        case Regex(_, needs):
            return bool(needs)
        case Near(left, right):
            return is_narrow(left) or is_narrow(right)
        case Or(children):
            return all(map(is_narrow, children))
        case And(children):
            first = [child for child in children if not isinstance(child, Regex | Not | Everything)]
            return any(map(is_narrow, first)) or all(map(is_narrow, children))
        case Not(child):
            return is_narrow(child)
        case _:
            return True


def is_punctuation(text: str) -> bool:
    """Return whether ``text`` only separates words, and is none."""
    # Symbols such as emoji are looked for; what merely separates is not. Those of ASCII
    # that Unicode counts as symbols (+ | ~ ...) separate, too.
    return all(
        character.isspace()
        or unicodedata.category(character).startswith("P")
        or (character.isascii() and not character.isalnum())
        for character in text
    )
