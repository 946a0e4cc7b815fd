"""A query as typed becomes tokens, each knowing where it stands.

Only here is it decided what is a quote, a bracket, a field and a minus.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, NamedTuple

from newsgrep.errors import QueryError


class TokenKind(Enum):
    """What a token is."""

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
    """A token; ``position`` counts characters of the query as typed."""

    kind: TokenKind
    text: str
    position: int


TEXT_FIELDS: Final = ("title", "body", "caption")
NAME_FIELDS: Final = ("source", "author", "tag")
LOCATION_FIELDS: Final = ("url", "path")
DATE_FIELDS: Final = ("date", "since", "until")
FIELDS: Final = (*TEXT_FIELDS, *NAME_FIELDS, *LOCATION_FIELDS, "id", "saved", *DATE_FIELDS)

# Chinese keyboards type “ ” or ＂ for the quote key, traditional ones 「 」; any opening
# mark ends with a closing one of its own family, so a quoted string may hold the other's.
_QUOTE_FAMILIES: Final = ('"＂“”„', "「」", "『』")
_QUOTES: Final = "".join(_QUOTE_FAMILIES)
_SPACE: Final = re.compile(r"\s+")
_FIELD: Final = re.compile(rf"({'|'.join(FIELDS)})[:：]", re.IGNORECASE)
_WORD: Final = re.compile(rf"[^\s()（）{_QUOTES}]+")
# The closing stroke ends the word: /home/archive is a path, and no expression.
_REGEX: Final = re.compile(r"/((?:\\.|[^/\\])+)/(?=[\s)）]|$)", re.DOTALL)
_FUZZY: Final = re.compile(r"[~～](?=[^\W\d_])")
_NEAR: Final = re.compile(r"(?:NEAR|ADJ)(?:/\d*)?")
_OPERATORS: Final = {"OR": TokenKind.OR, "AND": TokenKind.AND, "NOT": TokenKind.NOT}


def tokenize(query: str) -> list[Token]:
    """Return the tokens of ``query``; raises :class:`QueryError` for an unclosed quote."""
    found: list[Token] = []
    at = 0
    while at < len(query):
        if space := _SPACE.match(query, at):
            at = space.end()
            continue
        is_value = bool(found) and found[-1].kind is TokenKind.FIELD
        takes_text = not is_value or found[-1].text in TEXT_FIELDS
        token, at = _read_token(query, at, takes_text=takes_text)
        found.append(token)
    return found


def _read_token(query: str, at: int, *, takes_text: bool) -> tuple[Token, int]:
    character = query[at]
    if character in "(（":
        return Token(TokenKind.OPEN, character, at), at + 1
    if character in ")）":
        return Token(TokenKind.CLOSE, character, at), at + 1
    if character in _QUOTES:
        return _read_quoted(query, at)
    if field := _FIELD.match(query, at):
        return Token(TokenKind.FIELD, field[1].lower(), at), field.end()
    if takes_text and (expression := _REGEX.match(query, at)):
        return Token(TokenKind.REGEX, expression[1].replace("\\/", "/"), at), expression.end()
    if takes_text and (nearly := _FUZZY.match(query, at)):
        return Token(TokenKind.FUZZY, nearly[0], at), nearly.end()
    word = _WORD.match(query, at)
    if word is None:  # pragma: no cover  (the four cases above leave only word characters)
        raise QueryError(f"“{character}” can't be read here.", query, at)
    if character in "-－" and _begins_exclusion(query, at):
        return Token(TokenKind.NOT, character, at), at + 1
    kind = TokenKind.NEAR if _NEAR.fullmatch(word[0]) else _OPERATORS.get(word[0], TokenKind.WORD)
    return Token(kind, word[0], at), word.end()


def _begins_exclusion(query: str, at: int) -> bool:
    stands_apart = at == 0 or query[at - 1] in " \t\n\r\u3000(（"
    rest = query[at + 1 : at + 2]
    return stands_apart and bool(rest) and not rest.isspace() and rest not in "-－)）"


def _read_quoted(query: str, at: int) -> tuple[Token, int]:
    family = next(marks for marks in _QUOTE_FAMILIES if query[at] in marks)
    end = next((i for i in range(at + 1, len(query)) if query[i] in family), -1)
    if end < 0:
        raise QueryError(
            f"The quote {query[at]} is opened and never closed: close it, or leave it out.",
            query,
            at,
        )
    return Token(TokenKind.QUOTED, query[at + 1 : end], at), end + 1
