"""The query tree that every engine answers, whatever syntax was typed.

Its strings are folded and cut into terms already, so an engine only looks things up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from newsgrep.analysis.segment import query_terms, trim_open_words
from newsgrep.models import ARCHIVE_ZONE


class Field(StrEnum):
    """The part of an article in which a text is searched for.

    ``TEXT`` is the title or the body, ``EVERYTHING`` any of the parts (:func:`by_part`).
    """

    TEXT = "text"
    TITLE = "title"
    BODY = "body"
    CAPTION = "caption"
    LEFT_OUT = "leftout"
    EVERYTHING = "everything"

    @property
    def label(self) -> str:
        """Return the name of the part in a result; a query has no space in it."""
        return "left out" if self is Field.LEFT_OUT else self.value


class Operator(StrEnum):
    """Whether all of several terms must occur, or one of them is enough."""

    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True)
class Terms:
    """All ``terms`` occur somewhere in the field, or one of them, as ``operator`` says.

    ``literal`` is the folded string that they were cut from. It need not occur, but documents
    that contain it rank higher.
    """

    literal: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT
    operator: Operator = Operator.AND


@dataclass(frozen=True, slots=True)
class Phrase:
    """The folded string ``literal`` occurs in one text of the field.

    ``terms`` are those that the literal is cut into, which every text with it has. A literal of
    punctuation has none.
    """

    literal: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT

    @property
    def is_one_term(self) -> bool:
        """Return whether the literal is a term itself, so that no text need be read."""
        return self.terms == (self.literal,)


class NameField(StrEnum):
    """A field with names in it: who published an article, who wrote it, what it is filed under."""

    SOURCE = "source"
    AUTHOR = "author"
    TAG = "tag"


class LocationField(StrEnum):
    """Where an article is: its address on the web, or the path of its file."""

    URL = "url"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class NameContains:
    """One of the names in the field, folded, contains ``name``, or is ``name`` if ``whole``."""

    kind: NameField
    name: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class LocationContains:
    """The article's URL or path, folded, contains ``part``."""

    kind: LocationField
    part: str


@dataclass(frozen=True, slots=True)
class IdIs:
    """The article with this id."""

    article_id: str


@dataclass(frozen=True, slots=True)
class DateRange:
    """Published on a day from ``first`` to ``last``, both included; ``None`` is open.

    An article whose date is known to the month or year matches if its days overlap these. One
    with a time of day was published on the day that it was in ``zone``.
    """

    first: date | None
    last: date | None
    zone: tzinfo = ARCHIVE_ZONE


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A folded pattern occurs: ``*`` matches any number of letters, ``?`` exactly one."""

    pattern: str
    field: Field = Field.TEXT

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms that every text with the pattern has."""
        return _wildcard_terms(self.pattern)


@lru_cache(maxsize=64)
def _wildcard_terms(pattern: str) -> tuple[str, ...]:
    pieces = re.split(r"[*?]", pattern)
    sure = (
        trim_open_words(piece, open_before=at > 0, open_after=at < len(pieces) - 1)
        for at, piece in enumerate(pieces)
    )
    return tuple(dict.fromkeys(term for piece in sure for term in query_terms(piece)))


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """A word occurs that is at most ``edits`` edits from ``word``.

    An edit inserts, deletes or replaces a letter, or swaps two neighbours. The first letter has
    to be right.
    """

    word: str
    edits: int
    field: Field = Field.TEXT

    @property
    def terms(self) -> tuple[str, ...]:
        """Return no terms: none is sure to occur."""
        return ()


@dataclass(frozen=True, slots=True)
class Regex:
    """A folded regular expression matches in one text of the field.

    With ``scan`` it may read every article; otherwise
    :func:`newsgrep.query.prefilter.is_narrow` decides whether it is accepted.
    """

    pattern: str
    field: Field = Field.TEXT
    scan: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """Return no terms: a regular expression ranks nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Near:
    """Both sides occur in one text, with at most ``distance`` characters and words between them.

    Each Han character counts, and each word of other scripts; what is between words does not.
    With ``ordered`` the left side comes before the right one.
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
"""What occurs at certain places of a text, so that the places can be found."""

TextNode = Terms | TextPattern
Node = TextNode | NameContains | LocationContains | IdIs | DateRange | MatchAll | And | Or | Not


_TEXT_NODES = (Terms, Phrase, Wildcard, Fuzzy, Regex, Near)

_PARTS: Final = (Field.TEXT, Field.CAPTION, Field.LEFT_OUT)
"""The fields that make up ``EVERYTHING``."""


def iter_leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Node, bool]]:
    """Yield every leaf in the order typed, and whether it is under an odd number of nots."""
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from iter_leaves(child, negated=negated)
        case Not(child):
            yield from iter_leaves(child, negated=not negated)
        case _:
            yield node, negated


def positive_texts(node: Node) -> list[TextNode]:
    """Return the texts that are searched for, each once, without the excluded ones."""
    found = (leaf for leaf, negated in iter_leaves(node) if not negated)
    return list(dict.fromkeys(leaf for leaf in found if isinstance(leaf, _TEXT_NODES)))


def scoring_terms(node: Node) -> list[str]:
    """Return the terms that rank documents, each once, in the order typed."""
    return list(dict.fromkeys(term for text in positive_texts(node) for term in text.terms))


Text = TypeVar("Text", bound=TextNode)


def in_field(text: Text, field: Field) -> Text:
    """Return the node that searches for the same text in ``field``."""
    if isinstance(text, Near):
        left, right = in_field(text.left, field), in_field(text.right, field)
        return replace(text, left=left, right=right, field=field)
    return replace(text, field=field)


def everywhere(node: Node) -> Node:
    """Return ``node`` with every text that names no field searched for in ``EVERYTHING``."""
    match node:
        case And(children):
            return And(tuple(map(everywhere, children)))
        case Or(children):
            return Or(tuple(map(everywhere, children)))
        case Not(child):
            return Not(everywhere(child))
        case Terms() | Phrase() | Wildcard() | Fuzzy() | Regex() | Near():
            return in_field(node, Field.EVERYTHING) if node.field is Field.TEXT else node
        case _:
            return node


def by_part(node: Node) -> Node | None:
    """Return what a search in ``EVERYTHING`` means for an engine: searches in single fields.

    Each of several terms may be in another part of the article. ``None`` for any other node.

    >>> describe(by_part(Phrase("水", ("水",), Field.EVERYTHING)))
    '"水" OR caption:"水" OR leftout:"水"'
    """
    if not isinstance(node, _TEXT_NODES) or node.field is not Field.EVERYTHING:
        return None
    if not isinstance(node, Terms):
        return Or(tuple(in_field(node, part) for part in _PARTS))
    each = [Or(tuple(Terms(term, (term,), part) for part in _PARTS)) for term in node.terms]
    if node.operator is Operator.AND and each:
        return And(tuple(each))
    return Or(tuple(each))  # without terms, nothing matches


def searches(texts: Iterable[TextNode], field: Field) -> bool:
    """Return whether one of ``texts`` is searched for in ``field``, a single part."""
    return any(text.field in {field, Field.EVERYTHING} for text in texts)


def conditions(node: Node) -> list[Node]:
    """Return the nodes that are joined by AND at the top of ``node``, or ``node`` itself."""
    if isinstance(node, And):
        return [condition for child in node.children for condition in conditions(child)]
    return [node]


def is_filter(node: Node, *, exclusions: bool = True) -> bool:
    """Return whether ``node`` narrows down articles without naming a text to find.

    Filters are names, locations, ids, dates and any combination of them. So is what is excluded,
    texts included, unless ``exclusions`` is false.
    """
    match node:
        case And(children) | Or(children):
            return all(is_filter(child, exclusions=exclusions) for child in children)
        case Not(child):
            return exclusions or is_filter(child, exclusions=False)
        case _:
            return not isinstance(node, _TEXT_NODES)


_ESCAPED_SLASH: Final = "\\/"


def describe(node: Node) -> str:
    """Return ``node`` in the query language: folded, cut into terms, every operator written.

    >>> describe(And((Terms("两岸渔业", ("两岸", "渔业")), Not(Phrase("水", ("水",))))))
    '(两岸 AND 渔业) AND NOT "水"'
    """
    match node:
        case Terms(_, terms, field, operator):
            joined = f" {operator.value} ".join(terms)
            return _field_prefix(field) + (f"({joined})" if len(terms) > 1 else joined)
        case Phrase(literal, _, field):
            return f'{_field_prefix(field)}"{literal}"'
        case Wildcard(pattern, field):
            return f"{_field_prefix(field)}{pattern}"
        case Fuzzy(word, _, field):
            return f"{_field_prefix(field)}~{word}"
        case Regex(pattern, field):
            return f"{_field_prefix(field)}/{pattern.replace('/', _ESCAPED_SLASH)}/"
        case Near(left, right, distance, ordered, field):
            sides = (describe(replace(side, field=Field.TEXT)) for side in (left, right))
            first, second = sides
            second = f"({second})" if isinstance(right, Near) else second
            operator_name = "ADJ" if ordered else "NEAR"
            text = f"{first} {operator_name}/{distance} {second}"
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
