"""Regional spellings: 特朗普 is 川普 in Taiwan, 信息 is 資訊.

A query is rewritten before it is searched, so that engines see alternatives and nothing else. The
table contains names and words that mean the same in nearly every news text, see
``docs/build_variants.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from newsgrep._io import table_lines
from newsgrep.analysis.characters import CharKind, runs
from newsgrep.analysis.segment import likeliest_words, query_terms
from newsgrep.errors import UsageError
from newsgrep.query.ast import And, Near, Node, Not, Operator, Or, Phrase, Terms, TextPattern
from newsgrep.query.parser import MAX_NEAR_PAIRS, Query

_MAX_SPELLINGS: Final = 64
"""Spellings of one quoted string: each is searched for, and its articles may have to be read."""


class Variants(StrEnum):
    """Which texts of a query are also searched for in their regional spellings."""

    OFF = "off"
    WORDS = "words"
    ALL = "all"


class Spellings(NamedTuple):
    """A word of a query with its other spellings, folded."""

    word: str
    others: tuple[str, ...]


class _Piece(NamedTuple):
    """A part of a string: a word with other spellings, or what is between such words."""

    text: str
    others: tuple[str, ...] = ()


@cache
def regional_spellings() -> Mapping[str, tuple[str, ...]]:
    """Return the other spellings of each word in the table, all folded."""
    found: dict[str, dict[str, None]] = {}
    for line in table_lines(__file__, "variants.txt"):
        group = line.split()
        for word in group:
            found.setdefault(word, {}).update(dict.fromkeys(o for o in group if o != word))
    return {word: tuple(others) for word, others in found.items()}


def with_variants(query: Query, variants: Variants) -> Query:
    """Return ``query`` with the regional spellings of its words as alternatives.

    With ``Variants.ALL``, also in quoted strings and beside NEAR. Patterns and names of sources,
    authors and tags stay as they are. Raises :class:`UsageError` if one string has too many
    spellings.

    >>> from newsgrep.query.ast import describe
    >>> from newsgrep.query.parser import parse
    >>> describe(with_variants(parse("川普 -关税"), Variants.WORDS).root)
    '((川 AND 普) OR 特朗普) AND NOT 关税'
    """
    if variants is Variants.OFF:
        return query
    added: dict[str, tuple[str, ...]] = {}
    root = _expand(query.root, quoted=variants is Variants.ALL, added=added)
    return query._replace(root=root, variants=tuple(map(Spellings._make, added.items())))


def _expand(node: Node, *, quoted: bool, added: dict[str, tuple[str, ...]]) -> Node:
    match node:
        case And(children):
            return And(tuple(_expand(child, quoted=quoted, added=added) for child in children))
        case Or(children):
            return Or(tuple(_expand(child, quoted=quoted, added=added) for child in children))
        case Not(child):
            return Not(_expand(child, quoted=quoted, added=added))
        case Terms():
            return _expand_words(node, added)
        case Phrase() | Near() if quoted:
            found = _spelled(node, added)
            return Or(tuple(found)) if len(found) > 1 else node
        case _:
            return node


def _expand_words(node: Terms, added: dict[str, tuple[str, ...]]) -> Node:
    """Return the alternatives to ``node``: for each word with other spellings, any of them."""
    pieces = _split(node.literal)
    spelled = [piece for piece in pieces if piece.others]
    if not spelled:
        return node
    added.update(spelled)
    if node.operator is Operator.OR:
        return Or((node, *(_spelling(o, node) for piece in spelled for o in piece.others)))
    either = [
        Or((_words(piece.text, node), *(_spelling(other, node) for other in piece.others)))
        for piece in spelled
    ]
    if rest := tuple(
        dict.fromkeys(t for piece in pieces if not piece.others for t in query_terms(piece.text))
    ):
        literal = max((piece.text for piece in pieces if not piece.others), key=len)
        return And((Terms(literal, rest, node.field), *either))
    return either[0] if len(either) == 1 else And(tuple(either))


def _words(text: str, like: Terms) -> Terms:
    return Terms(text, query_terms(text), like.field)


def _spelling(text: str, like: Terms) -> Node:
    """Return the node for a spelling that was not typed: characters of a name stay together."""
    words = _words(text, like)
    return words if len(words.terms) == 1 else Phrase(text, words.terms, like.field)


def _spelled(pattern: TextPattern, added: dict[str, tuple[str, ...]]) -> Sequence[TextPattern]:
    """Return ``pattern`` in all spellings, as typed first."""
    if isinstance(pattern, Near):
        lefts, rights = _spelled(pattern.left, added), _spelled(pattern.right, added)
        if len(lefts) * len(rights) > MAX_NEAR_PAIRS:
            raise UsageError(
                "NEAR has more than {max_near_pairs} pairs of spellings. Put fewer names beside "
                "it, or leave --variants=all out.",
                max_near_pairs=MAX_NEAR_PAIRS,
            )
        return [pattern._replace(left=left, right=right) for left, right in product(lefts, rights)]
    if not isinstance(pattern, Phrase):
        return [pattern]
    pieces = _split(pattern.literal)
    total = 1
    for piece in pieces:
        total *= 1 + len(piece.others)
    if total > _MAX_SPELLINGS:
        raise UsageError(
            "“{literal}” has more than {max_spellings} spellings. Quote fewer "
            "names, or leave --variants=all out.",
            literal=pattern.literal[:40],
            max_spellings=_MAX_SPELLINGS,
        )
    added.update(piece for piece in pieces if piece.others)
    texts = ("".join(parts) for parts in product(*((p.text, *p.others) for p in pieces)))
    return [Phrase(text, query_terms(text), pattern.field) for text in texts]


def _split(literal: str) -> list[_Piece]:
    """Return ``literal`` in pieces: the longest words of the table that begin and end at words."""
    table = regional_spellings()
    longest = max(map(len, table))
    bounds = list(_word_bounds(literal))
    pieces: list[_Piece] = []
    at = done = 0
    while at < len(bounds):
        start = bounds[at]
        ends = [end for end in bounds[at + 1 :] if end - start <= longest]
        words = (literal[start:end] for end in reversed(ends))
        word = next((word for word in words if word in table), "")
        if word:
            if done < start:
                pieces.append(_Piece(literal[done:start]))
            pieces.append(_Piece(word, table[word]))
            done = start + len(word)
            at = bounds.index(done)
        else:
            at += 1
    if done < len(literal):
        pieces.append(_Piece(literal[done:]))
    return pieces


def _word_bounds(literal: str) -> Iterable[int]:
    """Return the offsets at which a word begins or ends, ascending."""
    bounds = {0, len(literal)}
    for kind, start, end in runs(literal):
        bounds |= {start, end}
        if kind is CharKind.HAN:
            for word in likeliest_words(literal[start:end]):
                start += len(word)
                bounds.add(start)
    return sorted(bounds)
