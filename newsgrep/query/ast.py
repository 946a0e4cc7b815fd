"""newsgrep's own query tree: what every engine answers, whatever was typed.

Texts in it are folded and cut into terms already, so an engine only looks things up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from enum import StrEnum
from typing import Final

from newsgrep.models import ARCHIVE_ZONE


class Field(StrEnum):
    """Where a word or a literal must stand; ``TEXT`` is the title or the body."""

    TEXT = "text"
    TITLE = "title"
    BODY = "body"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Terms:
    """All ``terms`` stand somewhere in the field, or with ``any_term`` one of them.

    ``literal`` is the folded string that they were cut from. It need not stand anywhere,
    but documents that hold it rank higher.
    """

    literal: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT
    any_term: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """The folded string ``literal`` stands in the title, in the body, or in one caption.

    ``terms`` are those that every text with the literal has; there may be none, where
    the literal is made of punctuation only. So are ``inside``, the other words in it:
    they narrow down which texts have to be read, and rank nothing.
    """

    literal: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT
    inside: tuple[str, ...] = ()

    @property
    def is_one_term(self) -> bool:
        """Return whether the literal is a term itself, so that no text need be read."""
        return self.terms == (self.literal,)


class NameField(StrEnum):
    """What has a name: where an article is from, who wrote it, what it is filed under."""

    SOURCE = "source"
    AUTHOR = "author"
    TAG = "tag"


class LocationField(StrEnum):
    """Where an article is to be had: on the web, and in whose file."""

    URL = "url"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class NameContains:
    """One of the article's names of this kind, folded, holds ``name``."""

    kind: NameField
    name: str


@dataclass(frozen=True, slots=True)
class LocationContains:
    """The article's address of this kind, folded, holds ``part``."""

    kind: LocationField
    part: str


@dataclass(frozen=True, slots=True)
class IdIs:
    """The article with this id."""

    article_id: str


@dataclass(frozen=True, slots=True)
class DateRange:
    """Published on a day from ``first`` to ``last``, both included; ``None`` is open.

    An article known to the month or year only matches where its days overlap these.
    A moment with a time of day is of the day that it has in ``zone``.
    """

    first: date | None
    last: date | None
    zone: tzinfo = ARCHIVE_ZONE


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A folded pattern stands in the text: ``*`` is any letters or none, ``?`` exactly one.

    ``terms`` are those that every text with the pattern has.
    """

    pattern: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """A word stands in the text that is at most ``edits`` letters away from ``word``.

    An edit is a letter put in, left out, exchanged, or changed for its neighbour; the first
    letter has to be right.
    """

    word: str
    edits: int
    field: Field = Field.TEXT
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, folded, finds something in the title, the body, or one caption.

    ``needs`` are texts that whatever it finds holds: of each group at least one. Without
    any, every article has to be read, which is done only where ``scan`` allows it.
    """

    pattern: str
    needs: tuple[tuple[str, ...], ...]
    field: Field = Field.TEXT
    scan: bool = False
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """Both sides stand in one text, with at most ``distance`` characters or words between them.

    Of Han and its like each character counts, of other scripts each word; what is between
    words counts nothing. With ``ordered`` the left side stands before the right one.
    """

    left: TextPattern
    right: TextPattern
    distance: int
    ordered: bool
    field: Field = Field.TEXT

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms of both sides."""
        return tuple(dict.fromkeys((*self.left.terms, *self.right.terms)))


@dataclass(frozen=True, slots=True)
class MatchAll:
    """Every document."""


@dataclass(frozen=True, slots=True)
class And:
    """All children match."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one child matches."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not match."""

    child: Node


TextPattern = Phrase | Wildcard | Fuzzy | Regex | Near
"""What stands at certain places of a text, and nowhere else."""

TextNode = Terms | TextPattern
Node = TextNode | NameContains | LocationContains | IdIs | DateRange | MatchAll | And | Or | Not


_TEXT_NODES = (Terms, Phrase, Wildcard, Fuzzy, Regex, Near)


def iter_leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Node, bool]]:
    """Yield every leaf in the order typed, and whether it stands under an odd number of nots."""
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from iter_leaves(child, negated=negated)
        case Not(child):
            yield from iter_leaves(child, negated=not negated)
        case _:
            yield node, negated


def positive_texts(node: Node) -> list[TextNode]:
    """Return the texts that are asked for, each once, without the excluded ones."""
    found = (leaf for leaf, negated in iter_leaves(node) if not negated)
    return list(dict.fromkeys(leaf for leaf in found if isinstance(leaf, _TEXT_NODES)))


def scoring_terms(node: Node) -> list[str]:
    """Return the terms that rank documents, each once, in the order typed."""
    return list(dict.fromkeys(term for text in positive_texts(node) for term in text.terms))


_ESCAPED_SLASH: Final = "\\/"


def describe(node: Node) -> str:
    """Return ``node`` spelled out: folded, cut into terms, every operator written."""
    match node:
        case Terms(_, terms, field, any_term):
            joined = (" OR " if any_term else " AND ").join(terms)
            return _field_prefix(field) + (f"({joined})" if len(terms) > 1 else joined)
        case Phrase(literal, _, field):
            return f'{_field_prefix(field)}"{literal}"'
        case Wildcard(pattern, _, field):
            return f"{_field_prefix(field)}{pattern}"
        case Fuzzy(word, _, field):
            return f"{_field_prefix(field)}~{word}"
        case Regex(pattern, _, field):
            return f"{_field_prefix(field)}/{pattern.replace('/', _ESCAPED_SLASH)}/"
        case Near(left, right, distance, ordered, field):
            sides = (describe(replace(side, field=Field.TEXT)) for side in (left, right))
            first, second = sides
            second = f"({second})" if isinstance(right, Near) else second
            operator = "ADJ" if ordered else "NEAR"
            text = f"{first} {operator}/{distance} {second}"
            return f"{_field_prefix(field)}({text})" if field is not Field.TEXT else text
        case NameContains(kind, name):
            return f'{kind.value}:"{name}"'
        case LocationContains(kind, part):
            return f'{kind.value}:"{part}"'
        case IdIs(article_id):
            return f"id:{article_id}"
        case DateRange(first, last):
            if first == last and first is not None:
                return f"date:{first.isoformat()}"
            start = first.isoformat() if first else ""
            end = last.isoformat() if last else ""
            return f"date:{start}..{end}"
        case MatchAll():
            return "*"
        case And(children):
            return " AND ".join(map(_parenthesized, children))
        case Or(children):
            return " OR ".join(map(_parenthesized, children))
        case Not(child):
            return f"NOT {_parenthesized(child)}"


def _parenthesized(node: Node) -> str:
    text = describe(node)
    return f"({text})" if isinstance(node, And | Or | Near) else text


def _field_prefix(field: Field) -> str:
    return "" if field is Field.TEXT else f"{field.value}:"
