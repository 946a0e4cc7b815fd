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

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.characters import CharKind as Letters
from newsgrep.analysis.characters import kind_of, strip_invisible
from newsgrep.analysis.fold import fold
from newsgrep.analysis.segment import query_terms
from newsgrep.errors import QueryError, UsageError
from newsgrep.query.ast import (
    And,
    DateRange,
    Field,
    Fuzzy,
    IdIs,
    LocationContains,
    LocationField,
    MatchAll,
    NameContains,
    NameField,
    Near,
    Node,
    Not,
    Operator,
    Or,
    Phrase,
    Regex,
    Terms,
    TextPattern,
    Wildcard,
    is_filter,
)
from newsgrep.query.lexer import LOCATION_FIELDS, NAME_FIELDS, Token, TokenKind, tokenize
from newsgrep.query.patterns import MIN_FUZZY_LENGTH, allowed_edits, is_pattern, make_wildcard
from newsgrep.query.prefilter import is_narrow
from newsgrep.query.warnings import query_warnings

if TYPE_CHECKING:
    from newsgrep.query.dates import Calendar


MAX_DEPTH = 50
"""How deep brackets and nots may nest: far beyond what anyone reads, far below the stack."""

MAX_QUOTED_STRINGS = 500
"""Quoted strings of a query: for each of them the texts of thousands of articles may be read."""

_VALUE_KINDS = {TokenKind.WORD, TokenKind.QUOTED, TokenKind.OPEN}
_TEXT_FIELDS = {"title": Field.TITLE, "body": Field.BODY, "caption": Field.CAPTION}


MAX_DISTANCE = 1000
MAX_NEAR_PAIRS = 100
"""Pairs of words of which each is to be near the other, where brackets have several."""

DEFAULT_DISTANCE = 10
"""How far apart what is near may stand: characters of Han, and words of other scripts."""


class ParseOptions(NamedTuple):
    """How a query is read."""

    any_word: bool
    scan: bool
    calendar: Calendar | None
    library: SavedQueries


class Parser:
    """One query, read from left to right."""

    def __init__(self, text: str, found: list[Token], how: ParseOptions) -> None:
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
        if token.kind is TokenKind.WORD:
            return not is_punctuation(normalize(token.text))
        return token.kind in {TokenKind.QUOTED, TokenKind.FIELD, TokenKind.FUZZY, TokenKind.REGEX}

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
        while (token := self._peek()) and token.kind is TokenKind.OR:
            self.at += 1
            choices.append(self._both(field))
            if choices[-1] is None or choices[-2] is None:
                raise self._error("OR needs a word on both sides: add one, or quote “OR”.", token)
        known = [choice for choice in choices if choice is not None]
        return _join(Or, known)

    def _both(self, field: Field) -> Node | None:
        parts: list[Node] = []
        explicit = False
        while (token := self._peek()) and token.kind not in {TokenKind.OR, TokenKind.CLOSE}:
            if token.kind is TokenKind.AND:
                self.at += 1
                explicit = True
                following = self._peek()
                if (
                    not parts
                    or following is None
                    or following.kind in {TokenKind.OR, TokenKind.CLOSE}
                ):
                    raise self._error(
                        "AND needs a word on both sides: add one, or quote “AND”.", token
                    )
                continue
            part = self._near(field)
            if part is not None:
                parts.append(part)
        if self.how.any_word and not explicit:
            texts = [part for part in parts if not is_filter(part)]
            others = [part for part in parts if is_filter(part)]
            either = _join(Or, texts)
            parts = [part for part in (either, *others) if part is not None]
        if parts and all(isinstance(part, Not) for part in parts):
            parts.insert(0, MatchAll())
        return _join(And, parts)

    def _near(self, field: Field) -> Node | None:
        first = self._peek()
        node = self._unary(field)
        while (token := self._peek()) and token.kind is TokenKind.NEAR:
            self.at += 1
            lefts = self._spots(node, token, first)
            second = self._peek()
            if second is None or second.kind in {
                TokenKind.OR,
                TokenKind.AND,
                TokenKind.CLOSE,
                TokenKind.NEAR,
            }:
                raise self._error(f"{token.text} needs a word on both sides: add one.", token)
            rights = self._spots(self._unary(field), token, second)
            if len(lefts) * len(rights) > MAX_NEAR_PAIRS:
                raise self._error(
                    f"{token.text} has more than {MAX_NEAR_PAIRS} pairs to look for: name "
                    "fewer words "
                    "in the brackets.",
                    token,
                )
            distance, ordered = self._distance(token), token.text.startswith("ADJ")
            pairs = [Near(a, b, distance, ordered, field) for a in lefts for b in rights]
            node = _join(Or, pairs)
        return node

    def _spots(self, node: Node | None, token: Token, place: Token | None) -> list[TextPattern]:
        """Return what stands on one side of NEAR: several of it, where brackets say OR."""
        if isinstance(node, Terms):
            return [make_phrase(node.literal, node.field)]
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
        distance = int(digits[:9]) if digits else DEFAULT_DISTANCE
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
                case TokenKind.NOT:
                    return self._excluded(field, token)
                case TokenKind.FIELD:
                    return self._field_value(token)
                case TokenKind.OPEN:
                    return self._group(field, token)
                case TokenKind.QUOTED:
                    return self._quoted(token, field)
                case TokenKind.FUZZY:
                    return self._fuzzy(token, field)
                case TokenKind.REGEX:
                    return self._regex(token, field)
                case TokenKind.NEAR:
                    raise self._error(
                        f"{token.text} needs a word on both sides: add one, or quote it.", token
                    )
                case _:
                    return self._word(token, field)
        finally:
            self.depth -= 1

    def _excluded(self, field: Field, token: Token) -> Node:
        following = self._peek()
        if following is None or following.kind in {TokenKind.OR, TokenKind.AND, TokenKind.CLOSE}:
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
        if self.strings > MAX_QUOTED_STRINGS:
            raise self._error(
                f"More than {MAX_QUOTED_STRINGS} quoted strings: ask in several queries, "
                "or leave quotes out around single words.",
                token,
            )
        node = make_phrase(token.text, field)
        if not node.literal:
            raise self._error("There is nothing between these quotes: type what to find.", token)
        return node

    def _fuzzy(self, token: Token, field: Field) -> Node:
        following = self._peek()
        if following is None or following.kind is not TokenKind.WORD:
            raise self._error("~ stands right before a word: ~Guterres.", token)
        self.at += 1
        word = fold(normalize(following.text))
        is_word = all(kind_of(character) is Letters.WORD for character in word)
        if not is_word or len(word) < MIN_FUZZY_LENGTH:
            raise self._error(
                f"~ is for words of at least {MIN_FUZZY_LENGTH} letters, ~Guterres for example: "
                "for Chinese write ? for a character that may differ, 普?习.",
                token,
            )
        return Fuzzy(word, allowed_edits(word), field)

    def _regex(self, token: Token, field: Field) -> Node:
        from newsgrep.query.patterns import make_regex  # most questions have no use for it

        try:
            return make_regex(token.text, field, scan=self.how.scan)
        except UsageError as exc:
            raise self._error(str(exc), token) from exc

    def _word(self, token: Token, field: Field) -> Node | None:
        if is_pattern(token.text):
            pattern = make_wildcard(fold(normalize(token.text)), field)
            return make_phrase(pattern, field) if isinstance(pattern, str) else pattern
        literal = fold(normalize(token.text))
        terms = query_terms(literal)
        if terms:
            return Terms(literal, terms, field, Operator.OR if self.how.any_word else Operator.AND)
        if literal and (self.keep_punctuation or not is_punctuation(literal)):
            return Phrase(literal, (), field)
        return None

    def _field_value(self, token: Token) -> Node:
        value = self._peek()
        kinds = (
            _VALUE_KINDS
            if token.text not in _TEXT_FIELDS
            else _VALUE_KINDS | {TokenKind.FUZZY, TokenKind.REGEX}
        )
        if value is None or value.kind not in kinds:
            raise self._error(f"{token.text}: needs a value right after it.", token)
        if token.text in _TEXT_FIELDS:
            node = self._unary(_TEXT_FIELDS[token.text])
            if node is None:
                raise self._error(f"{token.text}: needs a word; quote punctuation.", token)
            return node
        if value.kind is TokenKind.OPEN:
            raise self._error(f"{token.text}: takes one value, not a bracket.", token)
        self.at += 1
        if token.text == "saved":
            return self._saved(value)
        if token.text == "id":
            return IdIs(value.text.strip().lower())
        if token.text in NAME_FIELDS:
            return name_contains(NameField(token.text), value.text)
        if token.text in LOCATION_FIELDS:
            return LocationContains(LocationField(token.text), fold(normalize(value.text)))
        return self._dates(token, value)

    def _saved(self, name: Token) -> Node:
        try:
            with self.how.library.opened(name.text) as text:
                inside = Parser(text, tokenize(text), self.how._replace(any_word=False))
                inside.depth, inside.strings = self.depth, self.strings
                root = inside.parse()
                self.strings = inside.strings
                return root
        except QueryError as exc:
            raise self._error(f"In the saved query “{name.text}”: {exc}", name) from exc
        except UsageError as exc:
            raise self._error(str(exc), name) from exc

    def _dates(self, token: Token, value: Token) -> DateRange:
        from newsgrep.query.dates import (
            calendar_in,
            date_field_filter,  # most questions name no date
        )

        try:
            return date_field_filter(token.text, value.text, self.how.calendar or calendar_in())
        except QueryError as exc:
            begins = value.position + (value.kind is TokenKind.QUOTED)
            raise QueryError(str(exc), self.text, begins + (exc.position or 0)) from exc


def _join(kind: type[And] | type[Or], parts: Sequence[Node]) -> Node | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


MAX_LENGTH = 100_000
"""Characters of a query: half a second to read, and more than a command line takes at once."""


LoadSaved = Callable[[], Mapping[str, str]]
"""Returns all saved queries as they were typed, by name."""

_MAX_SAVED_LENGTH: Final = 100_000
"""Characters of all saved queries that a query names: each may name others twice."""


def no_saved_queries() -> Mapping[str, str]:
    """Return no saved queries."""
    return {}


def name_key(name: str) -> str:
    """Return what two spellings of one name have in common."""
    return fold(strip_invisible(name)).strip()


class SavedQueries:
    """The saved queries that one query names, while it is read."""

    def __init__(self, saved: LoadSaved) -> None:
        self._saved = saved
        self._known: Mapping[str, str] | None = None
        self._open: list[str] = []
        self._length = 0

    @contextmanager
    def opened(self, name: str) -> Iterator[str]:
        """Give the text of the saved query ``name``, to be read before this is left.

        Raises :class:`UsageError` for an unknown name, one that is being read already, and
        where it all becomes too much.
        """
        if self._known is None:
            self._known = self._saved()
        key = name_key(name)
        text = next((text for known, text in self._known.items() if name_key(known) == key), None)
        if text is None:
            raise UsageError(_unknown_name(name, self._known))
        if key in self._open:
            circle = " → ".join([*self._open[self._open.index(key) :], key])
            raise UsageError(
                f"The saved query “{name}” names itself ({circle}): save one of them anew "
                "with --replace."
            )
        self._length += len(text)
        if self._length > _MAX_SAVED_LENGTH:
            raise UsageError(
                f"The saved queries named here have more than {_MAX_SAVED_LENGTH:,} characters "
                "together: name fewer."
            )
        self._open.append(key)
        try:
            yield text
        finally:
            self._open.pop()


def _unknown_name(name: str, known: Mapping[str, str]) -> str:
    if not known:
        return f"There is no saved query “{name}”, nor any other: newsgrep saved add NAME QUERY."
    names = sorted(known)
    few = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return f"There is no saved query “{name}”: there is {few} (newsgrep saved list)."


class Query(NamedTuple):
    """A question as typed and as understood, with what may have been meant otherwise."""

    text: str
    root: Node
    doubts: tuple[str, ...] = ()


def parse(
    text: str,
    *,
    any_word: bool = False,
    scan: bool = False,
    calendar: Calendar | None = None,
    saved: LoadSaved = no_saved_queries,
) -> Query:
    """Return ``text`` as a query.

    With ``any_word`` one of its words is enough; ``scan`` allows regular expressions for
    which every article has to be read.

    Dates in it are days of ``calendar``: of today in the archive's zone, where none is given.
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
    found = tokenize(text)
    if not found:
        raise QueryError("The query is empty: type a word, such as 联合声明.", text, 0)
    root = Parser(text, found, ParseOptions(any_word, scan, calendar, SavedQueries(saved))).parse()
    if not scan:
        expressions = (token.position for token in found if token.kind is TokenKind.REGEX)
        _refuse_scan(text, root, next(expressions, None))
    return Query(text, root, query_warnings(found, root))


def parse_literal(text: str) -> Query:
    """Return the query for ``text`` as it stands; raises :class:`QueryError` for none."""
    node = make_phrase(text)
    if not node.literal:
        raise QueryError("The text is empty: type what to find.", text, 0)
    return Query(text, node)


def parse_regex_query(text: str, *, scan: bool = False) -> Query:
    """Return the query for a regular expression; raises :class:`QueryError`."""
    from newsgrep.query.patterns import make_regex

    try:
        root = make_regex(text, scan=scan)
    except UsageError as exc:
        raise QueryError(str(exc), text, 0) from exc
    if not scan:
        _refuse_scan(text, root, 0)
    return Query(text, root)


def _refuse_scan(text: str, root: Node, position: int | None) -> None:
    if not is_narrow(root):
        raise QueryError(
            "Every article would have to be read for this regular expression, since no Chinese "
            "character stands in all that it finds: add a word, or say --scan.",
            text,
            position,
        )


_WHITE_SPACE = re.compile(r"\s+")


def normalize(text: str) -> str:
    """Return ``text`` as it would stand in a cleaned article: tidy, white space single."""
    return _WHITE_SPACE.sub(" ", strip_invisible(text)).strip()


def make_phrase(text: str, field: Field = Field.TEXT) -> Phrase:
    """Return the node for documents that hold ``text`` literally."""
    literal = fold(normalize(text))
    return Phrase(literal, query_terms(literal), field)


def name_contains(kind: NameField, name: str) -> NameContains:
    """Return the filter for articles one of whose names holds ``name``, in any case and script."""
    return NameContains(kind, fold(normalize(name)))


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
