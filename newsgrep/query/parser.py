"""A query as typed becomes a tree: by the grammar, as it stands, or as an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from newsgrep.errors import QueryError, UsageError
from newsgrep.query.doubts import doubts
from newsgrep.query.grammar import Grammar, How
from newsgrep.query.leaves import is_narrow, phrase
from newsgrep.query.lexer import Kind, tokens
from newsgrep.query.library import Library, Saved, nothing_saved
from newsgrep.query.tree import (
    Node,
)

if TYPE_CHECKING:
    from newsgrep.query.zones import Calendar

MAX_LENGTH = 100_000
"""Characters of a query: half a second to read, and more than a command line takes at once."""


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
    saved: Saved = nothing_saved,
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
    found = tokens(text)
    if not found:
        raise QueryError("The query is empty: type a word, such as 联合声明.", text, 0)
    root = Grammar(text, found, How(any_word, scan, calendar, Library(saved))).parse()
    if not scan:
        expressions = (token.position for token in found if token.kind is Kind.REGEX)
        _refuse_scan(text, root, next(expressions, None))
    return Query(text, root, doubts(found, root))


def literally(text: str) -> Query:
    """Return the query for ``text`` as it stands; raises :class:`QueryError` for none."""
    node = phrase(text)
    if not node.literal:
        raise QueryError("The text is empty: type what to find.", text, 0)
    return Query(text, node)


def by_regex(text: str, *, scan: bool = False) -> Query:
    """Return the query for a regular expression; raises :class:`QueryError`."""
    from newsgrep.query.regex import regex

    try:
        root = regex(text, scan=scan)
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
