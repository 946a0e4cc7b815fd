"""Split a query into tokens with their positions.

What is a quote, a bracket, a field, an operator or a minus is decided here only.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto
from typing import Final, NamedTuple

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.errors import QueryError


class TokenKind(Enum):
    """The kinds of tokens."""

    WORD = auto()
    QUOTED = auto()
    FIELD = auto()
    OPEN = auto()
    CLOSE = auto()
    OR = auto()
    AND = auto()
    NOT = auto()
    NEAR = auto()
    FUZZY = auto()
    REGEX = auto()


class Token(NamedTuple):
    """A token: its kind, its text without quotes, and where it begins in the query as typed."""

    kind: TokenKind
    text: str
    position: int


TEXT_FIELDS: Final = ("title", "body", "caption", "leftout", "earlier", "everything")
NAME_FIELDS: Final = ("source", "author", "tag")
LOCATION_FIELDS: Final = ("url", "path")
DATE_FIELDS: Final = ("date", "since", "until")
CHANGE_FIELD: Final = "changed"
FIELDS: Final = (
    *TEXT_FIELDS,
    *NAME_FIELDS,
    *LOCATION_FIELDS,
    "id",
    "saved",
    "in",
    *DATE_FIELDS,
    CHANGE_FIELD,
)

# Chinese keyboards type “ ” or ＂ for the quote key, traditional ones 「 」. An opening mark ends
# at any closing mark of its own family, so a quoted string may contain those of another.
_QUOTE_FAMILIES: Final = ('"＂“”„', "「」", "『』")
_QUOTES: Final = "".join(_QUOTE_FAMILIES)
_SPACE: Final = re.compile(r"\s+")
_FIELD: Final = re.compile(r"([A-Za-z]+)[:：]")
_WORD: Final = re.compile(rf"[^\s()（）{_QUOTES}]+")
# The closing slash ends the word: /home/archive is a path, not a regular expression.
_REGEX: Final = re.compile(r"/((?:\\.|[^/\\])+)/(?=[\s)）]|$)", re.DOTALL)
_FUZZY: Final = re.compile(r"[~～](?=[^\W\d_])")
_NEAR: Final = re.compile(r"(?:NEAR|ADJ)(?:/\d*)?")
_OPERATORS: Final = {"OR": TokenKind.OR, "AND": TokenKind.AND, "NOT": TokenKind.NOT}


def tokenize(query: str) -> list[Token]:
    """Return the tokens of ``query``; raises :class:`QueryError` for an unclosed quote.

    >>> [token.text for token in tokenize("source:bbc “左右逢源”")]
    ['source', 'bbc', '左右逢源']
    """
    tokens: list[Token] = []
    at = 0
    while at < len(query):
        if space := _SPACE.match(query, at):
            at = space.end()
            continue
        is_value = bool(tokens) and tokens[-1].kind is TokenKind.FIELD
        takes_text = not is_value or tokens[-1].text in TEXT_FIELDS
        token, at = _read_token(query, at, takes_text=takes_text)
        tokens.append(token)
    return tokens


def _read_token(query: str, at: int, *, takes_text: bool) -> tuple[Token, int]:
    """Return the token at ``at`` and where it ends; only texts can be patterns."""
    character = query[at]
    if character in "(（":
        return Token(TokenKind.OPEN, character, at), at + 1
    if character in ")）":
        return Token(TokenKind.CLOSE, character, at), at + 1
    if character in _QUOTES:
        return _read_quoted(query, at)
    if (field := _FIELD.match(query, at)) and field[1].lower() in FIELDS:
        return Token(TokenKind.FIELD, field[1].lower(), at), field.end()
    if takes_text and (regex := _REGEX.match(query, at)):
        return Token(TokenKind.REGEX, regex[1].replace("\\/", "/"), at), regex.end()
    if takes_text and (fuzzy := _FUZZY.match(query, at)):
        return Token(TokenKind.FUZZY, fuzzy[0], at), fuzzy.end()
    word = _WORD.match(query, at)
    if word is None:  # pragma: no cover  (the cases above leave only characters of words)
        raise QueryError("Unexpected “{character}”.", query, at, character=character)
    if character in "-－" and _begins_exclusion(query, at):
        return Token(TokenKind.NOT, character, at), at + 1
    is_near = _NEAR.fullmatch(word[0])
    kind = TokenKind.NEAR if is_near else _OPERATORS.get(word[0], TokenKind.WORD)
    return Token(kind, word[0], at), word.end()


def _begins_exclusion(query: str, at: int) -> bool:
    begins_word = at == 0 or query[at - 1] in " \t\n\r\u3000(（"
    following = query[at + 1 : at + 2]
    return begins_word and bool(following) and not following.isspace() and following not in "-－)）"


def _read_quoted(query: str, at: int) -> tuple[Token, int]:
    family = next(marks for marks in _QUOTE_FAMILIES if query[at] in marks)
    end = next((i for i in range(at + 1, len(query)) if query[i] in family), -1)
    if end < 0:
        raise QueryError(
            "Unclosed quote {query}: close it, or leave it out.", query, at, query=query[at]
        )
    return Token(TokenKind.QUOTED, query[at + 1 : end], at), end + 1


# Normalised text

_WHITE_SPACE: Final = re.compile(r"\s+")


def normalize(text: str) -> str:
    """Return ``text`` as in a cleaned article: no invisible characters, single white space."""
    return _WHITE_SPACE.sub(" ", strip_invisible(text)).strip()


def is_punctuation(text: str) -> bool:
    """Return whether ``text`` only separates words."""
    # Symbols such as emoji are searched for, what merely separates is not. ASCII characters that
    # Unicode classifies as symbols (+ | ~ ...) separate as well.
    return all(
        character.isspace()
        or unicodedata.category(character).startswith("P")
        or (character.isascii() and not character.isalnum())
        for character in text
    )


def name_key(name: str) -> str:
    """Return the key that all spellings of a saved query's name have in common."""
    return fold(strip_invisible(name)).strip()
