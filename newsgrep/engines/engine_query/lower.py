"""A query tree becomes clauses; what only a text can tell is looked up in texts on the way.

Postings narrow down which texts are read, as in :mod:`newsgrep.engines.postings_query`, and the
same
functions decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Protocol

from newsgrep.analysis.codec import Verifier
from newsgrep.analysis.fold import fold
from newsgrep.engines.engine_query.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    CAPTION_END,
    FIRST_DAY,
    FOLDED_NAMES,
    HAS_TIME,
    ID,
    LAST_DAY,
    LONG_ADDRESS,
    LONG_TERM,
    MAX_ADDRESS_LENGTH,
    TERMS,
    TIMESTAMP,
    TITLE,
    term_token,
    tokenize,
)
from newsgrep.engines.engine_query.ir import (
    AnyTerm,
    Clause,
    Contains,
    Must,
    MustNot,
    OrderedNear,
    Range,
    Should,
    Term,
    TokenSequence,
    all_of,
    any_of,
)
from newsgrep.models import ARCHIVE_ZONE, Article
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
    Or,
    Phrase,
    Regex,
    Terms,
    TextPattern,
    Wildcard,
)
from newsgrep.query.prefilter import (
    matching_documents,
    matching_words,
    required_gaps,
    required_groups,
)

MAX_PHRASE_TOKENS: Final = 100
"""Tokens of a literal that an engine compares; the rest of a longer one is looked for in texts."""

MAX_CONTAINS_LENGTH: Final = 100
"""Characters of a part of a name or address that an engine compares, likewise."""

_MAX_INNER_TERMS: Final = 8
"""Words in a literal that narrow down where it is looked for: the longest ones."""

_TEXT_FIELDS: Final = {Field.TEXT: (TITLE, BODY), Field.TITLE: (TITLE,), Field.BODY: (BODY,)}


class IndexReader(Protocol):
    """What planning asks of an engine."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the runs of letters and digits in titles and bodies that begin with ``prefix``."""

    def texts(self, clause: Clause) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed folded texts of every article of which ``clause`` is true."""

    def values(self, clause: Clause, kind: NameField | LocationField) -> Iterator[tuple[str, str]]:
        """Yield each name or the address of every article of which ``clause`` is true, with its id.

        As it is written, and whole.
        """

    def count(self, clause: Clause) -> int:
        """Return of how many articles ``clause`` is true."""


def lower(reader: IndexReader, node: Node, within: Clause | None = None) -> Clause:
    """Return what is true of the articles that match ``node``, as far as ``within`` is."""
    match node:
        case Terms(_, terms, field, any_term):
            return _lower_terms(terms, field, any_term=any_term)
        case Phrase():
            return _lower_phrase(reader, node, within)
        case Wildcard() | Fuzzy() | Regex() | Near():
            return _lower_pattern(reader, node, within)
        case NameContains(kind, name):
            return _lower_name(reader, kind, name)
        case LocationContains(kind, part):
            return _lower_location(reader, kind, part)
        case IdIs(article_id):
            return Term(ID, article_id)
        case DateRange(first, last, zone):
            return _lower_dates(first, last, zone)
        case MatchAll():
            return Must(())
        case And(children):
            return _lower_and(reader, children, within)
        case Or(children):
            return any_of(tuple(lower(reader, child, within) for child in children))
        case Not(child):
            return MustNot(lower(reader, child, within))


def _lower_and(reader: IndexReader, children: tuple[Node, ...], within: Clause | None) -> Clause:
    """Plan what needs no text first, so that fewer texts are read for the rest."""
    known: list[Clause] = []
    for child in sorted(children, key=_reads_texts):
        known.append(lower(reader, child, all_of(within, *known) if _reads_texts(child) else None))
    return Must(tuple(known))


def _reads_texts(node: Node) -> bool:
    match node:
        case Wildcard() | Fuzzy() | Regex() | Near():
            return True
        case And(children) | Or(children):
            return any(map(_reads_texts, children))
        case Not(child):
            return _reads_texts(child)
        case _:
            return False


def term_clause(term: str, field: Field = Field.TEXT) -> Clause:
    """Return what is true of the articles that have ``term`` in ``field``."""
    match field:
        case Field.TEXT:
            return Term(TERMS, term_token(term))
        case Field.BODY:
            # A rare word narrows down better than its characters do.
            return all_of(Term(TERMS, term_token(term)), _token_sequence(BODY, term))
        case Field.TITLE:
            return _token_sequence(TITLE, term)
        case Field.CAPTION:
            return _token_sequence(CAPTION, term)


def _token_sequence(field: str, literal: str) -> Clause:
    found = tuple(tokenize(literal))
    if len(found) == 1:
        return Term(field, found[0])
    return TokenSequence(field, found[:MAX_PHRASE_TOKENS])


def _lower_terms(terms: tuple[str, ...], field: Field, *, any_term: bool) -> Clause:
    if field is Field.TEXT and any_term:
        return AnyTerm(TERMS, tuple(map(term_token, terms)))
    each = tuple(term_clause(term, field) for term in terms)
    # No terms at all stand nowhere.
    return any_of(each) if any_term or not each else all_of(*each)


def _lower_phrase(reader: IndexReader, phrase: Phrase, within: Clause | None) -> Clause:
    if phrase.is_one_term:
        return term_clause(phrase.literal, phrase.field)
    if phrase.field is Field.CAPTION:
        standing = _token_sequence(CAPTION, phrase.literal)
    else:
        narrowing = (*phrase.terms[:MAX_PHRASE_TOKENS], *phrase.inside[:_MAX_INNER_TERMS])
        standing = all_of(
            *(term_clause(term) for term in narrowing),
            any_of(
                tuple(_token_sequence(zone, phrase.literal) for zone in _TEXT_FIELDS[phrase.field])
            ),
        )
    if len(tokenize(phrase.literal)) <= MAX_PHRASE_TOKENS:
        return standing
    holds = Verifier(phrase)
    texts = reader.texts(all_of(within, standing))
    return AnyTerm(ID, tuple(article_id for article_id, packed in texts if holds(packed)))


def _lower_pattern(reader: IndexReader, spot: TextPattern, within: Clause | None) -> Clause:
    in_captions = spot.field is Field.CAPTION
    like = None if in_captions else matching_words(reader, spot)
    if like is None:
        return _verified_ids(reader, spot, all_of(within, _required_clause(reader, spot)))
    # A word too long to be kept is read where it stands.
    others = _verified_ids(reader, spot, all_of(within, Term(TERMS, LONG_TERM)))
    found = tuple(map(term_token, like))
    zones = {Field.TEXT: TERMS, Field.TITLE: TITLE, Field.BODY: BODY}
    return Should((AnyTerm(zones[spot.field], found), others))


def _required_clause(reader: IndexReader, spot: TextPattern) -> Clause | None:
    """Return what is true of every article that may hold ``spot``."""
    if spot.field is Field.CAPTION:
        return Term(CAPTION, CAPTION_END)
    long = Term(TERMS, LONG_TERM)
    groups: list[Clause] = [
        Should((*(all_of(*map(term_clause, terms)) for terms in group), long))
        for group in required_groups(reader, spot)
    ]
    # Each of these characters is a token, and what stands between them no more tokens than
    # characters.
    if near := required_gaps(spot):
        zones = _TEXT_FIELDS[spot.field]
        groups.append(
            any_of(tuple(all_of(*(OrderedNear(zone, *pair) for pair in near)) for zone in zones))
        )
    return Must(tuple(groups)) if groups else None


def _verified_ids(reader: IndexReader, spot: TextPattern, clause: Clause) -> Clause:
    total = reader.count(clause)
    found = matching_documents(spot, reader.texts(clause), total) if total else set()
    return AnyTerm(ID, tuple(sorted(found)))


def _lower_name(reader: IndexReader, kind: NameField, name: str) -> Clause:
    standing = Contains(FOLDED_NAMES[kind], name[:MAX_CONTAINS_LENGTH])
    if len(name) <= MAX_CONTAINS_LENGTH:
        return standing
    return _value_ids(reader, standing, kind, name)


def _lower_location(reader: IndexReader, kind: LocationField, part: str) -> Clause:
    far = _value_ids(reader, Term(TERMS, LONG_ADDRESS), kind, part)
    if len(part) > MAX_ADDRESS_LENGTH:
        return far
    standing: Clause = Contains(ADDRESSES[kind], part[:MAX_CONTAINS_LENGTH])
    if len(part) > MAX_CONTAINS_LENGTH:
        standing = _value_ids(reader, standing, kind, part)
    return Should((standing, far)) if far.tokens else standing


def _value_ids(
    reader: IndexReader, clause: Clause, kind: NameField | LocationField, part: str
) -> AnyTerm:
    """Return which of the articles of ``clause`` have a value of this kind that holds ``part``."""
    values = reader.values(clause, kind)
    found = {article_id for article_id, value in values if part in fold(value)}
    return AnyTerm(ID, tuple(sorted(found)))


def _lower_dates(first: date | None, last: date | None, zone: tzinfo) -> Clause:
    lowest = first.toordinal() if first else 1
    highest = last.toordinal() if last else date.max.toordinal()
    by_day = Must((Range(FIRST_DAY, 1, highest), Range(LAST_DAY, lowest, None)))
    if zone is ARCHIVE_ZONE:
        return by_day
    low = _day_start(first, zone) if first else None
    high = _day_start(last + timedelta(days=1), zone) if last and last < date.max else None
    timed = Range(HAS_TIME, 1, 1)
    begun = Range(TIMESTAMP, low, None) if low is not None else None
    over = MustNot(Range(TIMESTAMP, high, None)) if high is not None else None
    return Should((all_of(Range(HAS_TIME, 0, 0), by_day), all_of(timed, begun, over)))


def _day_start(day: date, zone: tzinfo) -> float:
    """Return when a day begins in ``zone``, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def values_of(article: Article, kind: NameField | LocationField) -> tuple[str, ...]:
    """Return the names of a kind that an article has, or its address."""
    match kind:
        case NameField.SOURCE:
            return (article.source,) if article.source else ()
        case NameField.AUTHOR:
            return article.authors
        case NameField.TAG:
            return article.tags
        case LocationField.URL:
            return (article.url,) if article.url else ()
        case LocationField.PATH:
            return (article.path,)
