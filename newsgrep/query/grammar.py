"""Tokens become a query tree, by a grammar small enough to read in a minute.

::

    either   = both ("OR" both)*
    both     = near (["AND"] near)*
    near     = unary (("NEAR" | "ADJ") ["/" number] unary)*
    unary    = ("NOT" | "-") unary | field ":" value | group | text
    group    = "(" either ")"
    text     = word | "“" anything "”" | "~" word | "/" expression "/"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from newsgrep.errors import QueryError, UsageError
from newsgrep.query.fuzzy import SHORTEST, edits_for
from newsgrep.query.leaves import is_punctuation, named, normalised, phrase
from newsgrep.query.lexer import ADDRESS_FIELDS, NAME_FIELDS, Kind, Token, tokens
from newsgrep.query.library import Library
from newsgrep.query.tree import (
    Address,
    And,
    At,
    Dates,
    Everything,
    Field,
    Fuzzy,
    Identified,
    Name,
    Named,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Regex,
    Spot,
    Wildcard,
    Words,
)
from newsgrep.query.wildcard import is_pattern, wildcard
from newsgrep.text.characters import Kind as Letters
from newsgrep.text.characters import kind_of
from newsgrep.text.fold import fold
from newsgrep.text.segment import query_terms

if TYPE_CHECKING:
    from newsgrep.query.zones import Calendar

MAX_DEPTH = 50
"""How deep brackets and nots may nest: far beyond what anyone reads, far below the stack."""

MAX_STRINGS = 500
"""Quoted strings of a query: for each of them the texts of thousands of articles may be read."""

_VALUES = {Kind.WORD, Kind.QUOTED, Kind.OPEN}
_FILTERS = (Not, Named, At, Identified, Dates)
_TEXT_FIELDS = {"title": Field.TITLE, "body": Field.BODY, "caption": Field.CAPTION}


MAX_DISTANCE = 1000
MAX_PAIRS = 100
"""Pairs of words of which each is to be near the other, where brackets have several."""

USUAL_DISTANCE = 10
"""How far apart what is near may stand: characters of Han, and words of other scripts."""


class How(NamedTuple):
    """How a query is read."""

    any_word: bool
    scan: bool
    calendar: Calendar | None
    library: Library


class Grammar:
    """One query, read from left to right."""

    def __init__(self, text: str, found: list[Token], how: How) -> None:
        self.text = text
        self.tokens = found
        self.at = 0
        self.depth = 0
        self.how = how
        self.strings = 0
        # A query of nothing but punctuation is looked for as it stands; beside words,
        # punctuation is how people separate them.
        self.keep_punctuation = not any(self._says_something(token) for token in found)

    @staticmethod
    def _says_something(token: Token) -> bool:
        if token.kind is Kind.WORD:
            return not is_punctuation(normalised(token.text))
        return token.kind in {Kind.QUOTED, Kind.FIELD, Kind.FUZZY, Kind.REGEX}

    def parse(self) -> Node:
        """Return the tree of the query; raises :class:`QueryError` where it can not be read."""
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
            part = self._near(field)
            if part is not None:
                parts.append(part)
        if self.how.any_word and not explicit:
            texts = [part for part in parts if not isinstance(part, _FILTERS)]
            others = [part for part in parts if isinstance(part, _FILTERS)]
            either = _joined(Or, texts)
            parts = [part for part in (either, *others) if part is not None]
        if parts and all(isinstance(part, Not) for part in parts):
            parts.insert(0, Everything())
        return _joined(And, parts)

    def _near(self, field: Field) -> Node | None:
        first = self._peek()
        node = self._unary(field)
        while (token := self._peek()) and token.kind is Kind.NEAR:
            self.at += 1
            lefts = self._spots(node, token, first)
            second = self._peek()
            if second is None or second.kind in {Kind.OR, Kind.AND, Kind.CLOSE, Kind.NEAR}:
                raise self._error(f"{token.text} needs a word on both sides: add one.", token)
            rights = self._spots(self._unary(field), token, second)
            if len(lefts) * len(rights) > MAX_PAIRS:
                raise self._error(
                    f"{token.text} has more than {MAX_PAIRS} pairs to look for: name fewer words "
                    "in the brackets.",
                    token,
                )
            distance, ordered = self._distance(token), token.text.startswith("ADJ")
            pairs = [Near(a, b, distance, ordered, field) for a in lefts for b in rights]
            node = _joined(Or, pairs)
        return node

    def _spots(self, node: Node | None, token: Token, place: Token | None) -> list[Spot]:
        """Return what stands on one side of NEAR: several of it, where brackets say OR."""
        if isinstance(node, Words):
            return [phrase(node.literal, node.field)]
        if isinstance(node, Phrase | Wildcard | Fuzzy | Regex | Near):
            return [node]
        if isinstance(node, Or):
            return [spot for child in node.children for spot in self._spots(child, token, place)]
        raise self._error(
            f"{token.text} stands between words, quoted strings or patterns, or several of them "
            "with OR in brackets: write the rest beside it.",
            place or token,
        )

    def _distance(self, token: Token) -> int:
        _, stroke, digits = token.text.partition("/")
        distance = int(digits[:9]) if digits else USUAL_DISTANCE
        if (stroke and not digits) or not 0 <= distance <= MAX_DISTANCE:
            raise self._error(
                f"{token.text} needs a number from 0 to {MAX_DISTANCE}: NEAR/10 for example.", token
            )
        return distance

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
                case Kind.FUZZY:
                    return self._fuzzy(token, field)
                case Kind.REGEX:
                    return self._regex(token, field)
                case Kind.NEAR:
                    raise self._error(
                        f"{token.text} needs a word on both sides: add one, or quote it.", token
                    )
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

    def _fuzzy(self, token: Token, field: Field) -> Node:
        following = self._peek()
        if following is None or following.kind is not Kind.WORD:
            raise self._error("~ stands right before a word: ~Guterres.", token)
        self.at += 1
        word = fold(normalised(following.text))
        is_word = all(kind_of(character) is Letters.WORD for character in word)
        if not is_word or len(word) < SHORTEST:
            raise self._error(
                f"~ is for words of at least {SHORTEST} letters, ~Guterres for example: for "
                "Chinese write ? for a character that may differ, 普?习.",
                token,
            )
        return Fuzzy(word, edits_for(word), field)

    def _regex(self, token: Token, field: Field) -> Node:
        from newsgrep.query.regex import regex  # most questions have no use for it

        try:
            return regex(token.text, field, scan=self.how.scan)
        except UsageError as exc:
            raise self._error(str(exc), token) from exc

    def _word(self, token: Token, field: Field) -> Node | None:
        if is_pattern(token.text):
            pattern = wildcard(fold(normalised(token.text)), field)
            return phrase(pattern, field) if isinstance(pattern, str) else pattern
        literal = fold(normalised(token.text))
        terms = query_terms(literal)
        if terms:
            return Words(literal, terms, field, self.how.any_word)
        if literal and (self.keep_punctuation or not is_punctuation(literal)):
            return Phrase(literal, (), field)
        return None

    def _field_value(self, token: Token) -> Node:
        value = self._peek()
        kinds = _VALUES if token.text not in _TEXT_FIELDS else _VALUES | {Kind.FUZZY, Kind.REGEX}
        if value is None or value.kind not in kinds:
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
        return self._dates(token, value)

    def _saved(self, name: Token) -> Node:
        try:
            with self.how.library.opened(name.text) as text:
                inside = Grammar(text, tokens(text), self.how._replace(any_word=False))
                inside.depth, inside.strings = self.depth, self.strings
                root = inside.parse()
                self.strings = inside.strings
                return root
        except QueryError as exc:
            raise self._error(f"In the saved query “{name.text}”: {exc}", name) from exc
        except UsageError as exc:
            raise self._error(str(exc), name) from exc

    def _dates(self, token: Token, value: Token) -> Dates:
        from newsgrep.query.dates import field_filter  # most questions name no date
        from newsgrep.query.zones import calendar_in

        try:
            return field_filter(token.text, value.text, self.how.calendar or calendar_in())
        except QueryError as exc:
            begins = value.position + (value.kind is Kind.QUOTED)
            raise QueryError(str(exc), self.text, begins + (exc.position or 0)) from exc


def _joined(kind: type[And] | type[Or], parts: Sequence[Node]) -> Node | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
