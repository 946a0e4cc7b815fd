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
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep._io import table_lines
from newsgrep.analysis.characters import CharKind, runs
from newsgrep.analysis.segment import likeliest_words, query_terms
from newsgrep.errors import UsageError
from newsgrep.query.ast import And, Near, Node, Not, Operator, Or, Phrase, Terms, TextPattern
from newsgrep.query.parser import MAX_NEAR_PAIRS, Query

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

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
    expansion = _Expansion(query.user, variants is Variants.ALL)
    root = expansion.of(query.root)
    return query._replace(root=root, variants=tuple(map(Spellings._make, expansion.added.items())))


class _Expansion:
    """Adds spellings to trees, those in quoted strings, too, if ``quoted``.

    ``added`` has the words that have other spellings, with these. ``user`` is the dictionary with
    which texts are cut.
    """

    def __init__(self, user: UserDictionary | None, quoted: bool) -> None:
        self.added: dict[str, tuple[str, ...]] = {}
        self._user = user
        self._quoted = quoted

    def of(self, node: Node) -> Node:
        """Return the tree ``node`` with the spellings."""
        match node:
            case And(children):
                return And(tuple(self.of(child) for child in children))
            case Or(children):
                return Or(tuple(self.of(child) for child in children))
            case Not(child):
                return Not(self.of(child))
            case Terms():
                return self._expand_words(node)
            case Phrase() | Near() if self._quoted:
                found = self._spelled(node)
                return Or(tuple(found)) if len(found) > 1 else node
            case _:
                return node

    def _expand_words(self, node: Terms) -> Node:
        """Return the alternatives to ``node``: for each word with other spellings, any of them."""
        pieces = self._split(node.literal)
        spelled = [piece for piece in pieces if piece.others]
        if not spelled:
            return node
        self.added.update(spelled)
        if node.operator is Operator.OR:
            others = (other for piece in spelled for other in piece.others)
            return Or((node, *(self._spelling(other, node) for other in others)))
        either = [
            Or((self._words(text, node), *(self._spelling(other, node) for other in others)))
            for text, others in spelled
        ]
        rest_of = [piece.text for piece in pieces if not piece.others]
        if rest := tuple(dict.fromkeys(t for text in rest_of for t in self._cut(text))):
            literal = max(rest_of, key=len)
            return And((Terms(literal, rest, node.field), *either))
        return either[0] if len(either) == 1 else And(tuple(either))

    def _cut(self, text: str) -> tuple[str, ...]:
        return query_terms(text, self._user)

    def _words(self, text: str, like: Terms) -> Terms:
        return Terms(text, self._cut(text), like.field)

    def _spelling(self, text: str, like: Terms) -> Node:
        """Return the node for a spelling that was not typed: characters of a name stay together."""
        words = self._words(text, like)
        return words if len(words.terms) == 1 else Phrase(text, words.terms, like.field)

    def _spelled(self, pattern: TextPattern) -> Sequence[TextPattern]:
        """Return ``pattern`` in all spellings, as typed first."""
        if isinstance(pattern, Near):
            lefts, rights = self._spelled(pattern.left), self._spelled(pattern.right)
            if len(lefts) * len(rights) > MAX_NEAR_PAIRS:
                raise UsageError(
                    "NEAR has more than {max_near_pairs} pairs of spellings. Put fewer names "
                    "beside it, or leave --variants=all out.",
                    max_near_pairs=MAX_NEAR_PAIRS,
                )
            return [pattern._replace(left=a, right=b) for a, b in product(lefts, rights)]
        if not isinstance(pattern, Phrase):
            return [pattern]
        pieces = self._split(pattern.literal)
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
        self.added.update(piece for piece in pieces if piece.others)
        texts = ("".join(parts) for parts in product(*((p.text, *p.others) for p in pieces)))
        return [Phrase(text, self._cut(text), pattern.field) for text in texts]

    def _split(self, literal: str) -> list[_Piece]:
        """Return ``literal`` in pieces: the longest of the table that begin and end at words."""
        table = regional_spellings()
        longest = max(map(len, table))
        bounds = list(self._word_bounds(literal))
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

    def _word_bounds(self, literal: str) -> Iterable[int]:
        """Return the offsets at which a word begins or ends, ascending."""
        bounds = {0, len(literal)}
        for kind, start, end in runs(literal):
            bounds |= {start, end}
            if kind is CharKind.HAN:
                for word in likeliest_words(literal[start:end], self._user):
                    start += len(word)
                    bounds.add(start)
        return sorted(bounds)
