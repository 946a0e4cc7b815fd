"""The query tree that every engine answers, whatever syntax was typed.

Its strings are folded and cut into terms already, so an engine only looks things up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar, cast

from newsgrep.analysis.segment import query_terms, trim_open_words
from newsgrep.models import ARCHIVE_ZONE, Value


class Field(StrEnum):
    """The part of an article in which a text is searched for.

    ``TEXT`` is the title or the body, ``EARLIER`` those of earlier versions. ``EVERYTHING`` is any
    part of the newest version; ``ANY_VERSION`` and ``ALL`` are ``TEXT`` and ``EVERYTHING`` with
    the earlier versions (:func:`by_part`). The last two have no name in the query language.
    """

    TEXT = "text"
    TITLE = "title"
    BODY = "body"
    CAPTION = "caption"
    LEFT_OUT = "leftout"
    EARLIER = "earlier"
    EVERYTHING = "everything"
    ANY_VERSION = "any version"
    ALL = "all"

    @property
    def label(self) -> str:
        """Return the name of the part in a result; a query has no space in it."""
        return _LABELS.get(self, self.value)


_LABELS: Final[dict[Field, str]] = {
    Field.LEFT_OUT: "left out",
    Field.EARLIER: "earlier version",
}

PASSAGE_FIELDS: Final = frozenset({Field.CAPTION, Field.LEFT_OUT, Field.EARLIER})
"""Single parts that are apart from title and body, so that they count nowhere else."""


class Versions(StrEnum):
    """In which versions of an article its title and body are searched."""

    NEWEST = "newest"
    ALL = "all"


class Operator(StrEnum):
    """Whether all of several terms must occur, or one of them is enough."""

    AND = "AND"
    OR = "OR"


class Terms(Value):
    """All ``terms`` occur somewhere in the field, or one of them, as ``operator`` says.

    ``literal`` is the folded string that they were cut from. It need not occur, but documents
    that contain it rank higher.
    """

    literal: str
    terms: tuple[str, ...]
    field: Field = Field.TEXT
    operator: Operator = Operator.AND


class Phrase(Value):
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


class NameContains(Value):
    """One of the names in the field, folded, contains ``name``, or is ``name`` if ``whole``."""

    kind: NameField
    name: str
    whole: bool = False


class LocationContains(Value):
    """The article's URL or path, folded, contains ``part``."""

    kind: LocationField
    part: str


class IdIs(Value):
    """The article with this id."""

    article_id: str


class IdIn(Value):
    """The article has one of these ids, those of the collection ``name``."""

    name: str
    ids: tuple[str, ...]


class DateRange(Value):
    """Published on a day from ``first`` to ``last``, both included; ``None`` is open.

    An article whose date is known to the month or year matches if its days overlap these. One
    with a time of day was published on the day that it was in ``zone``.
    """

    first: date | None
    last: date | None
    zone: tzinfo = ARCHIVE_ZONE


class Changed(Value):
    """The text of the article has changed between two captures that follow one another.

    ``part`` is what has changed: title, body, or either (``TEXT``). With ``first`` or ``last``,
    the newer text was captured on a day from one to the other, both included, in the archive's
    time zone.
    """

    part: Field = Field.TEXT
    first: date | None = None
    last: date | None = None

    @property
    def keywords(self) -> tuple[str, ...]:
        """Return the keywords of which a matching article has one."""
        from newsgrep.analysis.versions import keywords_between  # few queries need it

        if self.first is None and self.last is None:
            return (self.part.value,)
        return keywords_between(self.first, self.last)


class Wildcard(Value):
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


class Fuzzy(Value):
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


class Regex(Value):
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


class Near(Value):
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


class MatchAll(Value):
    """Every document."""


class And(Value):
    """All children match."""

    children: tuple[Node, ...]


class Or(Value):
    """At least one child matches."""

    children: tuple[Node, ...]


class Not(Value):
    """The child does not match."""

    child: Node


TextPattern = Phrase | Wildcard | Fuzzy | Regex | Near
"""What occurs at certain places of a text, so that the places can be found."""

TextNode = Terms | TextPattern
Filter = NameContains | LocationContains | IdIs | IdIn | DateRange | Changed
"""What narrows down articles without naming a text to find."""

Node = TextNode | Filter | MatchAll | And | Or | Not


_TEXT_NODES = (Terms, Phrase, Wildcard, Fuzzy, Regex, Near)

_PARTS: Final[dict[Field, tuple[Field, ...]]] = {
    Field.EVERYTHING: (Field.TEXT, Field.CAPTION, Field.LEFT_OUT),
    Field.ANY_VERSION: (Field.TEXT, Field.EARLIER),
    Field.ALL: (Field.EVERYTHING, Field.EARLIER),
}
"""The fields that make up others."""

COMPOSITE_FIELDS: Final = frozenset(_PARTS)
"""Fields that consist of other fields (:func:`by_part`)."""


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
    changed: TextNode = text._replace(field=field)
    if isinstance(text, Near):
        left, right = in_field(text.left, field), in_field(text.right, field)
        changed = changed._replace(left=left, right=right)
    return cast("Text", changed)


def everywhere(node: Node) -> Node:
    """Return ``node`` with every text that names no field searched for in all parts."""
    return _in_wider_fields(node, {Field.TEXT: Field.EVERYTHING, Field.ANY_VERSION: Field.ALL})


def in_all_versions(node: Node) -> Node:
    """Return ``node`` with every text searched for in earlier versions, too.

    Texts in a single part, such as the title, are searched for in the newest version only.
    """
    return _in_wider_fields(node, {Field.TEXT: Field.ANY_VERSION, Field.EVERYTHING: Field.ALL})


def _in_wider_fields(node: Node, wider: Mapping[Field, Field]) -> Node:
    match node:
        case And(children):
            return And(tuple(_in_wider_fields(child, wider) for child in children))
        case Or(children):
            return Or(tuple(_in_wider_fields(child, wider) for child in children))
        case Not(child):
            return Not(_in_wider_fields(child, wider))
        case Terms() | Phrase() | Wildcard() | Fuzzy() | Regex() | Near():
            return in_field(node, wider.get(node.field, node.field))
        case _:
            return node


def by_part(node: Node) -> Node | None:
    """Return what a search in a field of several parts means: searches in these parts.

    Each of several terms may be in another part of the article. ``None`` for any other node.

    >>> describe(by_part(Phrase("水", ("水",), Field.EVERYTHING)))
    '"水" OR caption:"水" OR leftout:"水"'
    """
    if not isinstance(node, _TEXT_NODES) or node.field not in _PARTS:
        return None
    parts = _PARTS[node.field]
    if not isinstance(node, Terms):
        return Or(tuple(in_field(node, part) for part in parts))
    each = [Or(tuple(Terms(term, (term,), part) for part in parts)) for term in node.terms]
    if len(each) == 1:
        return each[0]
    if node.operator is Operator.AND and each:
        return And(tuple(each))
    return Or(tuple(each))  # without terms, nothing matches


def covers(field: Field, part: Field) -> bool:
    """Return whether a search in ``field`` finds what is in ``part``, itself or a part of it."""
    if field is part or (field is Field.TEXT and part in {Field.TITLE, Field.BODY}):
        return True
    return any(covers(each, part) for each in _PARTS.get(field, ()))


def searches(texts: Iterable[TextNode], field: Field) -> bool:
    """Return whether one of ``texts`` is searched for in ``field``, a single part."""
    return any(covers(text.field, field) for text in texts)


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
    node = _without_versions(node)
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
            sides = (describe(side._replace(field=Field.TEXT)) for side in (left, right))
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
        case IdIn(name):
            return f"in:{name}"
        case DateRange(first, last):
            if first == last and first is not None:
                return f"date:{first.isoformat()}"
            start = first.isoformat() if first else ""
            end = last.isoformat() if last else ""
            return f"date:{start}..{end}"
        case Changed(part, first, last):
            if first is None and last is None:
                return "changed:" if part is Field.TEXT else f"changed:{part.value}"
            return describe(DateRange(first, last)).replace("date:", "changed:")
        case MatchAll():
            return "*"
        case And(children):
            return " AND ".join(map(_parenthesized, children))
        case Or(children):
            return " OR ".join(map(_parenthesized, children))
        case Not(child):
            return f"NOT {_parenthesized(child)}"


def _without_versions(node: Node) -> Node:
    """Return a text in a field that the query language has no name for as it is searched for."""
    if isinstance(node, _TEXT_NODES) and node.field in {Field.ANY_VERSION, Field.ALL}:
        return by_part(node) or node
    return node


def _parenthesized(node: Node) -> str:
    node = _without_versions(node)
    text = describe(node)
    return f"({text})" if isinstance(node, And | Or | Near) else text


def _field_prefix(field: Field) -> str:
    return "" if field is Field.TEXT else f"{field.value}:"
