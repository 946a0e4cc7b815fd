"""A query tree becomes clauses; what only a text can tell is looked up in texts on the way.

Postings narrow down which texts are read, as in :mod:`newsgrep.engines.evaluate`, and the same
functions decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Protocol

from newsgrep.engines.clauses.clause import (
    AllOf,
    AnyOf,
    Between,
    Clause,
    Has,
    HasBehind,
    HasOneOf,
    HasPart,
    HasSequence,
    Without,
    all_of,
    any_of,
)
from newsgrep.engines.clauses.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    FAR_ADDRESS,
    FIRST_DAY,
    FOLDED,
    ID,
    LAST_DAY,
    LONGEST_ADDRESS,
    MOMENT,
    TIMED,
    TITLE,
    WORDS,
)
from newsgrep.engines.clauses.tokens import CAPTION_END, LONG_WORD, tokens, word_token
from newsgrep.engines.packing import Verifier
from newsgrep.engines.texts import groups_needed, holding, words_like
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query.gaps import pairs
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
from newsgrep.text.fold import fold

MOST_IN_A_ROW: Final = 100
"""Tokens of a literal that an engine compares; the rest of a longer one is looked for in texts."""

MOST_OF_A_VALUE: Final = 100
"""Characters of a part of a name or address that an engine compares, likewise."""

_MOST_INSIDE: Final = 8
"""Words in a literal that narrow down where it is looked for: the longest ones."""

_ZONES: Final = {Field.TEXT: (TITLE, BODY), Field.TITLE: (TITLE,), Field.BODY: (BODY,)}


class Reader(Protocol):
    """What planning asks of an engine."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the runs of letters and digits in titles and bodies that begin with ``prefix``."""

    def texts(self, clause: Clause) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed folded texts of every article of which ``clause`` is true."""

    def values(self, clause: Clause, kind: Name | Address) -> Iterator[tuple[str, str]]:
        """Yield each name or the address of every article of which ``clause`` is true, with its id.

        As it is written, and whole.
        """

    def count(self, clause: Clause) -> int:
        """Return of how many articles ``clause`` is true."""


def plan(reader: Reader, node: Node, within: Clause | None = None) -> Clause:
    """Return what is true of the articles that match ``node``, as far as ``within`` is."""
    match node:
        case Words(_, terms, field, any_term):
            return _words(terms, field, any_term=any_term)
        case Phrase():
            return _phrase(reader, node, within)
        case Wildcard() | Fuzzy() | Regex() | Near():
            return _spot(reader, node, within)
        case Named(kind, name):
            return _named(reader, kind, name)
        case At(kind, part):
            return _at(reader, kind, part)
        case Identified(article_id):
            return Has(ID, article_id)
        case Dates(first, last, zone):
            return _dates(first, last, zone)
        case Everything():
            return AllOf(())
        case And(children):
            return _and(reader, children, within)
        case Or(children):
            return any_of(tuple(plan(reader, child, within) for child in children))
        case Not(child):
            return Without(plan(reader, child, within))


def _and(reader: Reader, children: tuple[Node, ...], within: Clause | None) -> Clause:
    """Plan what needs no text first, so that fewer texts are read for the rest."""
    known: list[Clause] = []
    for child in sorted(children, key=_reads):
        known.append(plan(reader, child, all_of(within, *known) if _reads(child) else None))
    return AllOf(tuple(known))


def _reads(node: Node) -> bool:
    match node:
        case Wildcard() | Fuzzy() | Regex() | Near():
            return True
        case And(children) | Or(children):
            return any(map(_reads, children))
        case Not(child):
            return _reads(child)
        case _:
            return False


def having(term: str, field: Field = Field.TEXT) -> Clause:
    """Return what is true of the articles that have ``term`` in ``field``."""
    match field:
        case Field.TEXT:
            return Has(WORDS, word_token(term))
        case Field.BODY:
            # A rare word narrows down better than its characters do.
            return all_of(Has(WORDS, word_token(term)), _in_a_row(BODY, term))
        case Field.TITLE:
            return _in_a_row(TITLE, term)
        case Field.CAPTION:
            return _in_a_row(CAPTION, term)


def _in_a_row(field: str, literal: str) -> Clause:
    found = tuple(tokens(literal))
    if len(found) == 1:
        return Has(field, found[0])
    return HasSequence(field, found[:MOST_IN_A_ROW])


def _words(terms: tuple[str, ...], field: Field, *, any_term: bool) -> Clause:
    if field is Field.TEXT and any_term:
        return HasOneOf(WORDS, tuple(map(word_token, terms)))
    each = tuple(having(term, field) for term in terms)
    # No terms at all stand nowhere.
    return any_of(each) if any_term or not each else all_of(*each)


def _phrase(reader: Reader, phrase: Phrase, within: Clause | None) -> Clause:
    if phrase.is_one_term:
        return having(phrase.literal, phrase.field)
    if phrase.field is Field.CAPTION:
        standing = _in_a_row(CAPTION, phrase.literal)
    else:
        narrowing = (*phrase.terms[:MOST_IN_A_ROW], *phrase.inside[:_MOST_INSIDE])
        standing = all_of(
            *(having(term) for term in narrowing),
            any_of(tuple(_in_a_row(zone, phrase.literal) for zone in _ZONES[phrase.field])),
        )
    if len(tokens(phrase.literal)) <= MOST_IN_A_ROW:
        return standing
    holds = Verifier(phrase)
    texts = reader.texts(all_of(within, standing))
    return HasOneOf(ID, tuple(article_id for article_id, packed in texts if holds(packed)))


def _spot(reader: Reader, spot: Spot, within: Clause | None) -> Clause:
    in_captions = spot.field is Field.CAPTION
    like = None if in_captions else words_like(reader, spot)
    if like is None:
        return _verified(reader, spot, all_of(within, _needed(reader, spot)))
    # A word too long to be kept is read where it stands.
    others = _verified(reader, spot, all_of(within, Has(WORDS, LONG_WORD)))
    found = tuple(map(word_token, like))
    zones = {Field.TEXT: WORDS, Field.TITLE: TITLE, Field.BODY: BODY}
    return AnyOf((HasOneOf(zones[spot.field], found), others))


def _needed(reader: Reader, spot: Spot) -> Clause | None:
    """Return what is true of every article that may hold ``spot``."""
    if spot.field is Field.CAPTION:
        return Has(CAPTION, CAPTION_END)
    long = Has(WORDS, LONG_WORD)
    groups: list[Clause] = [
        AnyOf((*(all_of(*map(having, terms)) for terms in group), long))
        for group in groups_needed(reader, spot)
    ]
    # Each of these characters is a token, and what stands between them no more tokens than
    # characters.
    if near := pairs(spot):
        zones = _ZONES[spot.field]
        groups.append(
            any_of(tuple(all_of(*(HasBehind(zone, *pair) for pair in near)) for zone in zones))
        )
    return AllOf(tuple(groups)) if groups else None


def _verified(reader: Reader, spot: Spot, clause: Clause) -> Clause:
    total = reader.count(clause)
    found = holding(spot, reader.texts(clause), total) if total else set()
    return HasOneOf(ID, tuple(sorted(found)))


def _named(reader: Reader, kind: Name, name: str) -> Clause:
    standing = HasPart(FOLDED[kind], name[:MOST_OF_A_VALUE])
    if len(name) <= MOST_OF_A_VALUE:
        return standing
    return _with_value(reader, standing, kind, name)


def _at(reader: Reader, kind: Address, part: str) -> Clause:
    far = _with_value(reader, Has(WORDS, FAR_ADDRESS), kind, part)
    if len(part) > LONGEST_ADDRESS:
        return far
    standing: Clause = HasPart(ADDRESSES[kind], part[:MOST_OF_A_VALUE])
    if len(part) > MOST_OF_A_VALUE:
        standing = _with_value(reader, standing, kind, part)
    return AnyOf((standing, far)) if far.tokens else standing


def _with_value(reader: Reader, clause: Clause, kind: Name | Address, part: str) -> HasOneOf:
    """Return which of the articles of ``clause`` have a value of this kind that holds ``part``."""
    values = reader.values(clause, kind)
    found = {article_id for article_id, value in values if part in fold(value)}
    return HasOneOf(ID, tuple(sorted(found)))


def _dates(first: date | None, last: date | None, zone: tzinfo) -> Clause:
    lowest = first.toordinal() if first else 1
    highest = last.toordinal() if last else date.max.toordinal()
    by_day = AllOf((Between(FIRST_DAY, 1, highest), Between(LAST_DAY, lowest, None)))
    if zone is ARCHIVE_ZONE:
        return by_day
    low = _start(first, zone) if first else None
    high = _start(last + timedelta(days=1), zone) if last and last < date.max else None
    timed = Between(TIMED, 1, 1)
    begun = Between(MOMENT, low, None) if low is not None else None
    over = Without(Between(MOMENT, high, None)) if high is not None else None
    return AnyOf((all_of(Between(TIMED, 0, 0), by_day), all_of(timed, begun, over)))


def _start(day: date, zone: tzinfo) -> float:
    """Return when a day begins in ``zone``, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def values_of(article: Article, kind: Name | Address) -> tuple[str, ...]:
    """Return the names of a kind that an article has, or its address."""
    match kind:
        case Name.SOURCE:
            return (article.source,) if article.source else ()
        case Name.AUTHOR:
            return article.authors
        case Name.TAG:
            return article.tags
        case Address.URL:
            return (article.url,) if article.url else ()
        case Address.PATH:
            return (article.path,)
