"""newsgrep's own query tree: what every engine answers, whatever was typed.

Texts in it are folded and cut into terms already, so an engine only looks things up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from enum import StrEnum

from newsgrep.models import ARCHIVE_ZONE


class Field(StrEnum):
    """Where a word or a literal must stand; ``TEXT`` is the title or the body."""

    TEXT = "text"
    TITLE = "title"
    BODY = "body"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Words:
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


class Name(StrEnum):
    """What has a name: where an article is from, who wrote it, what it is filed under."""

    SOURCE = "source"
    AUTHOR = "author"
    TAG = "tag"


class Address(StrEnum):
    """Where an article is to be had: on the web, and in whose file."""

    URL = "url"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Named:
    """One of the article's names of this kind, folded, holds ``name``."""

    kind: Name
    name: str


@dataclass(frozen=True, slots=True)
class At:
    """The article's address of this kind, folded, holds ``part``."""

    kind: Address
    part: str


@dataclass(frozen=True, slots=True)
class Identified:
    """The article with this id."""

    article_id: str


@dataclass(frozen=True, slots=True)
class Dates:
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

    left: Spot
    right: Spot
    distance: int
    ordered: bool
    field: Field = Field.TEXT

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms of both sides."""
        return tuple(dict.fromkeys((*self.left.terms, *self.right.terms)))


@dataclass(frozen=True, slots=True)
class Everything:
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


Spot = Phrase | Wildcard | Fuzzy | Regex | Near
"""What stands at certain places of a text, and nowhere else."""

Text = Words | Spot
Node = Text | Named | At | Identified | Dates | Everything | And | Or | Not


_TEXTS = (Words, Phrase, Wildcard, Fuzzy, Regex, Near)


def leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Node, bool]]:
    """Yield every leaf in the order typed, and whether it stands under an odd number of nots."""
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from leaves(child, negated=negated)
        case Not(child):
            yield from leaves(child, negated=not negated)
        case _:
            yield node, negated


def wanted_texts(node: Node) -> list[Text]:
    """Return the texts that are asked for, each once, without the excluded ones."""
    found = (leaf for leaf, negated in leaves(node) if not negated)
    return list(dict.fromkeys(leaf for leaf in found if isinstance(leaf, _TEXTS)))


def scoring_terms(node: Node) -> list[str]:
    """Return the terms that rank documents, each once, in the order typed."""
    return list(dict.fromkeys(term for text in wanted_texts(node) for term in text.terms))
