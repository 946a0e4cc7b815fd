"""Parse a query into a tree, by a grammar small enough to read in a minute.

::

    either   = both ("OR" both)*
    both     = near (["AND"] near)*
    near     = unary (("NEAR" | "ADJ") ["/" number] unary)*
    unary    = ("NOT" | "-") unary | field ":" value | group | text
    group    = "(" either ")"
    text     = "*" | word | "“" anything "”" | "~" word | "/" regex "/"

What is typed is normalised as articles are when they are cleaned, and folded, so that it can be
found in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.analysis.characters import CharKind, fold, kind_of
from newsgrep.analysis.segment import query_terms
from newsgrep.errors import QueryError, UsageError
from newsgrep.messages import message
from newsgrep.query import ast
from newsgrep.query.ast import Field, Node
from newsgrep.query.lexer import (
    CHANGE_FIELD,
    LOCATION_FIELDS,
    NAME_FIELDS,
    TEXT_FIELDS,
    Token,
    TokenKind,
    is_punctuation,
    name_key,
    normalize,
    tokenize,
)
from newsgrep.query.warnings import query_warnings

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary
    from newsgrep.query.dates import Calendar
    from newsgrep.query.saved import SavedQueries
    from newsgrep.query.variants import Spellings

MAX_LENGTH: Final = 100_000
"""Characters of a query: parsing them takes half a second, and no command line has more."""

MAX_DEPTH: Final = 50
"""Levels of brackets and nots: far more than anyone reads, far fewer than the stack allows."""

MAX_QUOTED_STRINGS: Final = 500
"""Quoted strings of a query: for each of them, thousands of articles may have to be read."""

MAX_DISTANCE: Final = 1000

MAX_NEAR_PAIRS: Final = 100
"""Pairs of words that one NEAR compares, where brackets contain several words."""

DEFAULT_DISTANCE: Final = 10
"""Characters of Han, and words of other scripts, between the sides of NEAR and ADJ."""


class Query(NamedTuple):
    """A query as typed, its tree, and warnings about what may be misunderstood.

    ``variants`` are the regional spellings that the tree contains as alternatives. ``user`` is the
    user's dictionary that its texts are cut with.
    """

    text: str
    root: Node
    warnings: tuple[str, ...] = ()
    variants: tuple[Spellings, ...] = ()
    user: UserDictionary | None = None


LoadSaved = Callable[[], Mapping[str, str]]
"""Returns all saved queries as typed, by name."""


LoadCollections = Callable[[], Mapping[str, tuple[str, ...]]]
"""Returns the ids in each collection, by its name."""


def no_saved_queries() -> Mapping[str, str]:
    """Return no saved queries."""
    return {}


def no_collections() -> Mapping[str, tuple[str, ...]]:
    """Return no collections."""
    return {}


def parse(
    text: str,
    *,
    any_word: bool = False,
    scan: bool = False,
    calendar: Calendar | None = None,
    saved: LoadSaved = no_saved_queries,
    collections: LoadCollections = no_collections,
    field: Field = Field.TEXT,
    user: UserDictionary | None = None,
) -> Query:
    """Return the query that is typed as ``text``.

    With ``any_word`` one of its words is enough. ``scan`` allows regular expressions for which
    every article has to be read. Dates are days of ``calendar``; the default is today in the
    archive's time zone. ``saved`` is called if the query names a saved query, which is inserted
    as if in brackets, and ``collections`` if it names a collection. ``field`` is where a text is
    searched for that names no field. ``user`` is the user's dictionary of the index
    (:meth:`newsgrep.indexing.store.Index.user_dictionary`).

    Raises :class:`QueryError`, with the position in ``text``, if it cannot be parsed.

    >>> from newsgrep.query.ast import describe
    >>> describe(parse("聯合聲明 -台风").root)
    '联合声明 AND NOT 台风'
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(
            "The query has {count:,} characters, more than {max_length:,}: shorten it, or "
            "split it into several queries.",
            text,
            MAX_LENGTH,
            count=len(text),
            max_length=MAX_LENGTH,
        )
    tokens = tokenize(text)
    if not tokens:
        raise QueryError("The query is empty: type a word, such as 联合声明.", text, 0)

    @cache
    def saved_queries() -> SavedQueries:
        from newsgrep.query.saved import SavedQueries  # few queries name one

        return SavedQueries(saved)

    options = ParseOptions(any_word, scan, calendar, saved_queries, collections, field, user)
    root = Parser(text, tokens, options).parse()
    if not scan:
        regexes = (token.position for token in tokens if token.kind is TokenKind.REGEX)
        _refuse_scan(text, root, next(regexes, None))
    return Query(text, root, query_warnings(tokens, root), user=user)


def parse_literal(
    text: str, *, field: Field = Field.TEXT, user: UserDictionary | None = None
) -> Query:
    """Return the query for ``text`` as a literal; raises :class:`QueryError` if it is empty."""
    node = make_phrase(text, field, user)
    if not node.literal:
        raise QueryError("The text is empty: type what to find.", text, 0)
    return Query(text, node, user=user)


def parse_regex_query(text: str, *, scan: bool = False, field: Field = Field.TEXT) -> Query:
    """Return the query for a regular expression; raises :class:`QueryError` for an invalid one."""
    from newsgrep.query.patterns import make_regex  # most queries are words

    try:
        root = make_regex(text, field, scan=scan)
    except UsageError as exc:
        raise QueryError(str(exc), text, 0) from exc
    if not scan:
        _refuse_scan(text, root, 0)
    return Query(text, root)


def _refuse_scan(text: str, root: Node, position: int | None) -> None:
    # Only regular expressions need this module, alone or in a NEAR.
    if not any(isinstance(leaf, ast.Regex | ast.Near) for leaf, _ in ast.iter_leaves(root)):
        return
    from newsgrep.query.prefilter import is_narrow

    if not is_narrow(root):
        raise QueryError(
            "Every article would have to be read for this regular expression, because no Chinese "
            "character occurs in all its matches: add a word, or use --scan.",
            text,
            position,
        )


def make_phrase(
    text: str, field: Field = Field.TEXT, user: UserDictionary | None = None
) -> ast.Phrase:
    """Return the node for documents that contain ``text`` literally."""
    literal = fold(normalize(text))
    return ast.Phrase(literal, query_terms(literal, user), field)


def name_contains(kind: ast.NameField, name: str) -> ast.NameContains:
    """Return the filter for articles with a name that contains ``name``, in any case and script."""
    return ast.NameContains(kind, fold(normalize(name)))


_VALUE_KINDS: Final = {TokenKind.WORD, TokenKind.QUOTED, TokenKind.OPEN}
_ALL_ARTICLES: Final = frozenset("*＊")
_ENDS_OF_BOTH: Final = {TokenKind.OR, TokenKind.CLOSE}
_TEXT_FIELDS: Final = {name: Field(name) for name in TEXT_FIELDS}
_CHANGED_PARTS: Final = {part.value: part for part in (Field.TITLE, Field.BODY)}


def _follows(value: Token | None, field: Token) -> bool:
    """Return whether ``value`` is right after the colon of ``field``."""
    return (
        value is not None
        and value.kind in _VALUE_KINDS
        and value.position == field.position + len(field.text) + 1
    )


class ParseOptions(NamedTuple):
    """Options of :func:`parse`, and the saved queries that the query may name."""

    any_word: bool
    scan: bool
    calendar: Calendar | None
    saved: Callable[[], SavedQueries]
    collections: LoadCollections
    field: Field
    user: UserDictionary | None


class Parser:
    """Parses one query from left to right; a method for each rule of the grammar."""

    def __init__(self, text: str, tokens: list[Token], options: ParseOptions) -> None:
        self.text = text
        self.tokens = tokens
        self.options = options
        self.at = 0
        self.depth = 0
        self.quoted_strings = 0
        # Punctuation is searched for if the query consists of nothing else. Beside words it is
        # what separates them.
        self.keep_punctuation = not any(map(self._is_content, tokens))

    @staticmethod
    def _is_content(token: Token) -> bool:
        if token.kind is TokenKind.WORD:
            return not is_punctuation(normalize(token.text))
        return token.kind in {TokenKind.QUOTED, TokenKind.FIELD, TokenKind.FUZZY, TokenKind.REGEX}

    def parse(self) -> Node:
        """Return the tree of the query; raises :class:`QueryError` if it cannot be parsed."""
        root = self._either(self.options.field)
        if token := self._peek():
            raise self._error(
                message("Unmatched “{text}”: remove it or quote the text.", text=token.text), token
            )
        if root is None:
            raise QueryError("The query has nothing to search for: type a word.", self.text, 0)
        return root

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _error(self, text: str, token: Token | None) -> QueryError:
        position = token.position if token else len(self.text)
        return QueryError(text, self.text, position)

    def _either(self, field: Field) -> Node | None:
        choices = [self._both(field)]
        while (token := self._peek()) and token.kind is TokenKind.OR:
            self.at += 1
            choices.append(self._both(field))
            if choices[-1] is None or choices[-2] is None:
                raise self._error(
                    message("OR needs a word on both sides: add one, or quote “OR”."), token
                )
        return _join(ast.Or, [choice for choice in choices if choice is not None])

    def _both(self, field: Field) -> Node | None:
        parts: list[Node] = []
        explicit = False
        while (token := self._peek()) and token.kind not in _ENDS_OF_BOTH:
            if token.kind is TokenKind.AND:
                self.at += 1
                explicit = True
                following = self._peek()
                if not parts or following is None or following.kind in _ENDS_OF_BOTH:
                    raise self._error(
                        message("AND needs a word on both sides: add one, or quote “AND”."), token
                    )
                continue
            part = self._near(field)
            if part is not None:
                parts.append(part)
        if self.options.any_word and not explicit:
            texts = [part for part in parts if not ast.is_filter(part)]
            filters = [part for part in parts if ast.is_filter(part)]
            either = _join(ast.Or, texts)
            parts = [part for part in (either, *filters) if part is not None]
        if parts and all(isinstance(part, ast.Not) for part in parts):
            parts.insert(0, ast.MatchAll())
        return _join(ast.And, parts)

    def _near(self, field: Field) -> Node | None:
        first = self._peek()
        node = self._unary(field)
        while (token := self._peek()) and token.kind is TokenKind.NEAR:
            self.at += 1
            lefts = self._near_side(node, token, first)
            second = self._peek()
            ends = {TokenKind.OR, TokenKind.AND, TokenKind.CLOSE, TokenKind.NEAR}
            if second is None or second.kind in ends:
                raise self._error(
                    message("{text} needs a word on both sides: add one.", text=token.text), token
                )
            rights = self._near_side(self._unary(field), token, second)
            if len(lefts) * len(rights) > MAX_NEAR_PAIRS:
                raise self._error(
                    message(
                        "{text} has more than {max_near_pairs} pairs of words: put fewer words "
                        "in the brackets.",
                        text=token.text,
                        max_near_pairs=MAX_NEAR_PAIRS,
                    ),
                    token,
                )
            distance, ordered = self._distance(token), token.text.startswith("ADJ")
            pairs = [ast.Near(a, b, distance, ordered, field) for a in lefts for b in rights]
            node = _join(ast.Or, pairs)
        return node

    def _near_side(
        self, node: Node | None, near: Token, first: Token | None
    ) -> list[ast.TextPattern]:
        """Return the patterns on one side of NEAR: several, where brackets contain OR.

        ``first`` is the side's first token, at which an error is reported.
        """
        if isinstance(node, ast.Terms):
            return [self._phrase(node.literal, node.field)]
        if isinstance(node, ast.Phrase | ast.Wildcard | ast.Fuzzy | ast.Regex | ast.Near):
            return [node]
        if isinstance(node, ast.Or):
            return [
                pattern
                for child in node.children
                for pattern in self._near_side(child, near, first)
            ]
        raise self._error(
            message(
                "{text} needs a word, a quoted string or a pattern on each side, or several of "
                "them with OR in brackets: move everything else away from it.",
                text=near.text,
            ),
            first or near,
        )

    def _distance(self, token: Token) -> int:
        _, slash, digits = token.text.partition("/")
        distance = int(digits[:9]) if digits else DEFAULT_DISTANCE
        if (slash and not digits) or not 0 <= distance <= MAX_DISTANCE:
            raise self._error(
                message(
                    "{text} needs a number from 0 to {max_distance}, as in NEAR/10.",
                    text=token.text,
                    max_distance=MAX_DISTANCE,
                ),
                token,
            )
        return distance

    def _unary(self, field: Field) -> Node | None:
        token = self.tokens[self.at]
        self.at += 1
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise self._error(
                    message("More than {max_depth} nested brackets and nots.", max_depth=MAX_DEPTH),
                    token,
                )
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
                        message(
                            "{text} needs a word on both sides: add one, or quote it.",
                            text=token.text,
                        ),
                        token,
                    )
                case _:
                    return self._word(token, field)
        finally:
            self.depth -= 1

    def _excluded(self, field: Field, token: Token) -> Node:
        following = self._peek()
        if following is None or following.kind in {*_ENDS_OF_BOTH, TokenKind.AND}:
            raise self._error(message("Nothing to exclude here: add a word."), token)
        child = self._unary(field)
        if child is None:
            raise self._error(message("Only punctuation to exclude here: quote it."), token)
        return child.child if isinstance(child, ast.Not) else ast.Not(child)

    def _group(self, field: Field, token: Token) -> Node | None:
        inside = self._either(field)
        closing = self._peek()
        if closing is None:
            raise self._error(
                message("Unclosed bracket {text}: close it, or quote the text.", text=token.text),
                token,
            )
        self.at += 1
        return inside

    def _phrase(self, text: str, field: Field) -> ast.Phrase:
        return make_phrase(text, field, self.options.user)

    def _quoted(self, token: Token, field: Field) -> Node:
        self.quoted_strings += 1
        if self.quoted_strings > MAX_QUOTED_STRINGS:
            raise self._error(
                message(
                    "More than {max_quoted_strings} quoted strings: split the query, or remove the "
                    "quotes around single words.",
                    max_quoted_strings=MAX_QUOTED_STRINGS,
                ),
                token,
            )
        node = self._phrase(token.text, field)
        if not node.literal:
            raise self._error(message("Empty quotes: type what to find."), token)
        return node

    def _fuzzy(self, token: Token, field: Field) -> Node:
        from newsgrep.query.patterns import MIN_FUZZY_LENGTH, allowed_edits  # likewise

        following = self._peek()
        if following is None or following.kind is not TokenKind.WORD:
            raise self._error(message("~ needs a word right after it, as in ~Guterres."), token)
        self.at += 1
        word = fold(normalize(following.text))
        is_word = all(kind_of(character) is CharKind.WORD for character in word)
        if not is_word or len(word) < MIN_FUZZY_LENGTH:
            raise self._error(
                message(
                    "~ needs a word of at least {min_fuzzy_length} letters, as in ~Guterres. In "
                    "Chinese, write ? for a character that may differ, as in 普?习.",
                    min_fuzzy_length=MIN_FUZZY_LENGTH,
                ),
                token,
            )
        return ast.Fuzzy(word, allowed_edits(word), field)

    def _regex(self, token: Token, field: Field) -> Node:
        from newsgrep.query.patterns import make_regex  # likewise

        try:
            return make_regex(token.text, field, scan=self.options.scan)
        except UsageError as exc:
            raise self._error(str(exc), token) from exc

    def _word(self, token: Token, field: Field) -> Node | None:
        if token.text in _ALL_ARTICLES and field is self.options.field:
            return ast.MatchAll()
        if "*" in token.text or "?" in token.text:
            from newsgrep.query.patterns import is_pattern, make_wildcard  # likewise

            if is_pattern(token.text):
                pattern = make_wildcard(fold(normalize(token.text)), field)
                return self._phrase(pattern, field) if isinstance(pattern, str) else pattern
        literal = fold(normalize(token.text))
        terms = query_terms(literal, self.options.user)
        if terms:
            operator = ast.Operator.OR if self.options.any_word else ast.Operator.AND
            return ast.Terms(literal, terms, field, operator)
        if literal and (self.keep_punctuation or not is_punctuation(literal)):
            return ast.Phrase(literal, (), field)
        return None

    def _field_value(self, token: Token) -> Node:
        value = self._peek()
        if token.text == CHANGE_FIELD and not _follows(value, token):
            return ast.Changed()
        kinds = _VALUE_KINDS
        if token.text in _TEXT_FIELDS:
            kinds = kinds | {TokenKind.FUZZY, TokenKind.REGEX}
        if value is None or value.kind not in kinds:
            raise self._error(
                message("{text}: needs a value right after it.", text=token.text), token
            )
        if token.text in _TEXT_FIELDS:
            node = self._unary(_TEXT_FIELDS[token.text])
            if node is None:
                raise self._error(
                    message("{text}: needs a word; quote punctuation.", text=token.text), token
                )
            return node
        if value.kind is TokenKind.OPEN:
            raise self._error(
                message("{text}: takes one value, not a bracket.", text=token.text), token
            )
        self.at += 1
        if token.text == "saved":
            return self._saved(value)
        if token.text == "in":
            return self._collection(value)
        if token.text == "id":
            return ast.IdIs(value.text.strip().lower())
        if token.text in NAME_FIELDS:
            return name_contains(ast.NameField(token.text), value.text)
        if token.text in LOCATION_FIELDS:
            return ast.LocationContains(ast.LocationField(token.text), fold(normalize(value.text)))
        if token.text == CHANGE_FIELD:
            return self._changed(value)
        return self._dates(token, value)

    def _changed(self, value: Token) -> ast.Changed:
        part = _CHANGED_PARTS.get(fold(normalize(value.text)))
        if part:
            return ast.Changed(part)
        from newsgrep.query.dates import calendar_in, parse_date_range  # likewise

        try:
            calendar = self.options.calendar or calendar_in()
            return ast.Changed(Field.TEXT, *parse_date_range(value.text, calendar.today))
        except QueryError as exc:
            begins = value.position + (value.kind is TokenKind.QUOTED)
            problem = str(exc)
            if not any(character.isdigit() for character in value.text):
                problem = message(
                    "{problem} Without a date, write changed:, changed:title or changed:body.",
                    problem=problem,
                )
            raise QueryError(problem, self.text, begins + (exc.position or 0)) from exc

    def _saved(self, name: Token) -> Node:
        try:
            with self.options.saved().expand(name.text) as text:
                inner = Parser(text, tokenize(text), self.options._replace(any_word=False))
                inner.depth, inner.quoted_strings = self.depth, self.quoted_strings
                root = inner.parse()
                self.quoted_strings = inner.quoted_strings
                return root
        except QueryError as exc:
            raise self._error(
                message("In the saved query “{text}”: {reason}", text=name.text, reason=exc), name
            ) from exc
        except UsageError as exc:
            raise self._error(str(exc), name) from exc

    def _collection(self, name: Token) -> Node:
        known = self.options.collections()
        key = name_key(name.text)
        for each, ids in known.items():
            if name_key(each) == key:
                return ast.IdIn(each, ids)
        names = sorted(known)
        few = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
        raise self._error(
            message("No collection “{name}”. Collections: {few}.", name=name.text, few=few)
            if names
            else message(
                "No collection “{name}”. Create one with: newsgrep collect NAME QUERY",
                name=name.text,
            ),
            name,
        )

    def _dates(self, token: Token, value: Token) -> ast.DateRange:
        from newsgrep.query.dates import (  # most queries contain no date
            calendar_in,
            date_field_filter,
        )

        try:
            calendar = self.options.calendar or calendar_in()
            return date_field_filter(token.text, value.text, calendar)
        except QueryError as exc:
            begins = value.position + (value.kind is TokenKind.QUOTED)
            raise QueryError(str(exc), self.text, begins + (exc.position or 0)) from exc


def _join(kind: type[ast.And] | type[ast.Or], parts: Sequence[Node]) -> Node | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
