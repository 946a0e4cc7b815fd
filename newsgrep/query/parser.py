"""Tokens become a query tree, by a grammar small enough to read in a minute.

::

    either   = both ("OR" both)*
    both     = unary (["AND"] unary)*
    unary    = ("NOT" | "-") unary | field ":" value | group | text
    group    = "(" either ")"
    text     = word | "“" anything "”"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from newsgrep.errors import QueryError, UsageError
from newsgrep.query.lexer import ADDRESS_FIELDS, NAME_FIELDS, Kind, Token, tokens
from newsgrep.query.library import Library, Saved, nothing_saved
from newsgrep.query.tree import (
    Address,
    And,
    At,
    Dates,
    Everything,
    Field,
    Identified,
    Name,
    Named,
    Node,
    Not,
    Or,
    Phrase,
    Words,
)
from newsgrep.text.characters import tidy
from newsgrep.text.fold import fold
from newsgrep.text.segment import query_terms, words_inside

MAX_DEPTH = 50
"""How deep brackets and nots may nest: far beyond what anyone reads, far below the stack."""

MAX_LENGTH = 100_000
"""Characters of a query: half a second to read, and more than a command line takes at once."""

MAX_STRINGS = 500
"""Quoted strings of a query: for each of them the texts of thousands of articles may be read."""

_WHITE = re.compile(r"\s+")
_FILTERS = (Not, Named, At, Identified, Dates)
_TEXT_FIELDS = {"title": Field.TITLE, "body": Field.BODY, "caption": Field.CAPTION}


class Query(NamedTuple):
    """A question as typed and as understood."""

    text: str
    root: Node


def normalised(text: str) -> str:
    """Return ``text`` as it would stand in a cleaned article: tidy, white space single."""
    return _WHITE.sub(" ", tidy(text)).strip()


def phrase(text: str, field: Field = Field.TEXT) -> Phrase:
    """Return the node for documents that hold ``text`` literally."""
    literal = fold(normalised(text))
    terms = query_terms(literal)
    return Phrase(literal, terms, field, words_inside(literal) if len(terms) > 1 else ())


def parse(text: str, *, any_word: bool = False, saved: Saved = nothing_saved) -> Query:
    """Return ``text`` as a query; with ``any_word`` one of its words is enough.

    ``saved`` is called where the query names a saved one, which stands there in brackets.
    Raises :class:`QueryError`, which knows the place, where it can't be read.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"The query has {len(text):,} characters, more than {MAX_LENGTH:,}: "
            "ask for a part of it, or in several queries.",
            text,
            MAX_LENGTH,
        )
    found = tokens(text)
    if not found:
        raise QueryError("The query is empty: type a word, such as 联合声明.", text, 0)
    return Query(text, _Parser(text, found, any_word, Library(saved)).parse())


class _Parser:
    def __init__(self, text: str, found: list[Token], any_word: bool, library: Library) -> None:
        self.library = library
        self.text = text
        self.tokens = found
        self.at = 0
        self.depth = 0
        self.any_word = any_word
        self.strings = 0
        # A query of nothing but punctuation is looked for as it stands; beside words,
        # punctuation is how people separate them.
        self.keep_punctuation = not any(self._says_something(token) for token in found)

    @staticmethod
    def _says_something(token: Token) -> bool:
        if token.kind is Kind.WORD:
            return not _is_punctuation(normalised(token.text))
        return token.kind in {Kind.QUOTED, Kind.FIELD}

    def parse(self) -> Node:
        root = self._either(Field.TEXT)
        if token := self._peek():
            raise self._error(
                f"This {token.text} closes nothing: leave it out, or put quotes around the text.",
                token,
            )
        if root is None:
            raise QueryError("The query names nothing to look for: type a word.", self.text, 0)
        return root

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _error(self, message: str, token: Token | None) -> QueryError:
        position = token.position if token else len(self.text)
        return QueryError(message, self.text, position)

    def _either(self, field: Field) -> Node | None:
        choices = [self._both(field)]
        while (token := self._peek()) and token.kind is Kind.OR:
            self.at += 1
            choices.append(self._both(field))
            if choices[-1] is None or choices[-2] is None:
                raise self._error("OR needs a word on both sides: add one, or quote “OR”.", token)
        known = [choice for choice in choices if choice is not None]
        return _joined(Or, known)

    def _both(self, field: Field) -> Node | None:
        parts: list[Node] = []
        explicit = False
        while (token := self._peek()) and token.kind not in {Kind.OR, Kind.CLOSE}:
            if token.kind is Kind.AND:
                self.at += 1
                explicit = True
                following = self._peek()
                if not parts or following is None or following.kind in {Kind.OR, Kind.CLOSE}:
                    raise self._error(
                        "AND needs a word on both sides: add one, or quote “AND”.", token
                    )
                continue
            part = self._unary(field)
            if part is not None:
                parts.append(part)
        if self.any_word and not explicit:
            texts = [part for part in parts if not isinstance(part, _FILTERS)]
            others = [part for part in parts if isinstance(part, _FILTERS)]
            either = _joined(Or, texts)
            parts = [part for part in (either, *others) if part is not None]
        if parts and all(isinstance(part, Not) for part in parts):
            parts.insert(0, Everything())
        return _joined(And, parts)

    def _unary(self, field: Field) -> Node | None:
        token = self.tokens[self.at]
        self.at += 1
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise self._error(f"More than {MAX_DEPTH} brackets and nots nest here.", token)
            match token.kind:
                case Kind.NOT:
                    return self._excluded(field, token)
                case Kind.FIELD:
                    return self._field_value(token)
                case Kind.OPEN:
                    return self._group(field, token)
                case Kind.QUOTED:
                    return self._quoted(token, field)
                case _:
                    return self._word(token, field)
        finally:
            self.depth -= 1

    def _excluded(self, field: Field, token: Token) -> Node:
        following = self._peek()
        if following is None or following.kind in {Kind.OR, Kind.AND, Kind.CLOSE}:
            raise self._error("Nothing follows to be excluded: add a word after it.", token)
        child = self._unary(field)
        if child is None:
            raise self._error("Only punctuation follows: put it in quotes to exclude it.", token)
        return child.child if isinstance(child, Not) else Not(child)

    def _group(self, field: Field, token: Token) -> Node | None:
        inside = self._either(field)
        closing = self._peek()
        if closing is None:
            raise self._error(
                f"The bracket {token.text} is never closed: close it, or quote the text.", token
            )
        self.at += 1
        return inside

    def _quoted(self, token: Token, field: Field) -> Node:
        self.strings += 1
        if self.strings > MAX_STRINGS:
            raise self._error(
                f"More than {MAX_STRINGS} quoted strings: ask in several queries, "
                "or leave quotes out around single words.",
                token,
            )
        node = phrase(token.text, field)
        if not node.literal:
            raise self._error("There is nothing between these quotes: type what to find.", token)
        return node

    def _word(self, token: Token, field: Field) -> Node | None:
        literal = fold(normalised(token.text))
        terms = query_terms(literal)
        if terms:
            return Words(literal, terms, field, self.any_word)
        if literal and (self.keep_punctuation or not _is_punctuation(literal)):
            return Phrase(literal, (), field)
        return None

    def _field_value(self, token: Token) -> Node:
        value = self._peek()
        if value is None or value.kind not in {Kind.WORD, Kind.QUOTED, Kind.OPEN}:
            raise self._error(f"{token.text}: needs a value right after it.", token)
        if token.text in _TEXT_FIELDS:
            node = self._unary(_TEXT_FIELDS[token.text])
            if node is None:
                raise self._error(f"{token.text}: needs a word; quote punctuation.", token)
            return node
        if value.kind is Kind.OPEN:
            raise self._error(f"{token.text}: takes one value, not a bracket.", token)
        self.at += 1
        if token.text == "saved":
            return self._saved(value)
        if token.text == "id":
            return Identified(value.text.strip().lower())
        if token.text in NAME_FIELDS:
            return named(Name(token.text), value.text)
        if token.text in ADDRESS_FIELDS:
            return At(Address(token.text), fold(normalised(value.text)))
        try:
            return dates(**{token.text: value.text})
        except UsageError as exc:
            raise self._error(str(exc), value) from exc

    def _saved(self, name: Token) -> Node:
        try:
            with self.library.opened(name.text) as text:
                inside = _Parser(text, tokens(text), False, self.library)
                inside.depth, inside.strings = self.depth, self.strings
                root = inside.parse()
                self.strings = inside.strings
                return root
        except QueryError as exc:
            raise self._error(f"In the saved query “{name.text}”: {exc}", name) from exc
        except UsageError as exc:
            raise self._error(str(exc), name) from exc


def named(kind: Name, name: str) -> Named:
    """Return the filter for articles one of whose names holds ``name``, in any case and script."""
    return Named(kind, fold(normalised(name)))


def dates(date: str = "", since: str = "", until: str = "") -> Dates:
    """Return the filter for a date or range, and for the days since and until others.

    Each is empty or as :mod:`newsgrep.query.dates` reads it; raises :class:`UsageError`.
    """
    from newsgrep.query.dates import open_range  # most questions name no date

    first, last = open_range(date) if date else (None, None)
    if since:
        first = open_range(since)[0]
    if until:
        last = open_range(until)[1]
    if first and last and last < first:
        raise UsageError(f"Since {first} until {last} leaves no day: turn the two dates round.")
    return Dates(first, last)


def _joined(kind: type[And] | type[Or], parts: Sequence[Node]) -> Node | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _is_punctuation(text: str) -> bool:
    # Symbols such as emoji are looked for; what merely separates is not. Those of ASCII
    # that Unicode counts as symbols (+ | ~ ...) separate, too.
    return all(
        character.isspace()
        or unicodedata.category(character).startswith("P")
        or (character.isascii() and not character.isalnum())
        for character in text
    )
