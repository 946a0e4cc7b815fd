"""A query tree over postings: which documents match.

Document numbers are the store's own, from 0; nothing here knows how they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import compress
from typing import Final, Protocol

from newsgrep.engines.counts import MOST_IN_BODY, TITLE_SHIFT
from newsgrep.engines.packing import Verifier
from newsgrep.engines.texts import groups_needed, holding, words_like
from newsgrep.models import ARCHIVE_ZONE, Article
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

UNDATED: Final = 0
"""Day number of documents without a date: ordinals of real days begin with 1."""


class Store(Protocol):
    """What evaluation asks of a store of documents."""

    def count(self) -> int:
        """Return how many living documents there are."""

    def everything(self) -> set[int]:
        """Return all living documents."""

    def postings(self, term: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the living documents with ``term`` in title or body, and the packed counts."""

    def frequency(self, term: str) -> int:
        """Return how many living documents have ``term`` in title or body."""

    def with_caption(self, term: str) -> Sequence[int]:
        """Return the living documents with ``term`` in a caption."""

    def names(self, kind: Name) -> Iterable[tuple[str, Sequence[int]]]:
        """Return each name of a kind, as it is written, with its documents."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of title and body, or of captions, that begin with ``prefix``."""

    def called(self, word: str) -> Sequence[int]:
        """Return the living documents whose source is called ``word``, a folded term."""

    def address(self, kind: Address, document: int) -> str:
        """Return a document's address, empty if it has none."""

    def find(self, article_id: str) -> int | None:
        """Return the living document with this article."""

    def values(self, name: str, documents: Iterable[int]) -> Iterable[str]:
        """Return the source or the month of each of ``documents``."""

    def days(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return first and last day of publication by document, as proleptic ordinals."""

    def moments(self) -> Sequence[float]:
        """Return when each document was published, in seconds since the epoch; -inf if unknown."""

    def lengths(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return how many terms each document has in title, lead and body."""

    def folded_texts(self, documents: Sequence[int]) -> Iterable[bytes]:
        """Return the packed folded texts of documents in ascending order."""

    def identifier(self, document: int) -> str:
        """Return a document's article id."""

    def article(self, document: int) -> Article:
        """Return a document's article, as it is stored."""


def match(store: Store, node: Node, within: set[int] | None = None) -> set[int]:
    """Return the documents that match ``node``, among ``within`` where that is given."""
    found = _match(store, node, within)
    return found if within is None else found & within


def _match(store: Store, node: Node, within: set[int] | None) -> set[int]:
    match node:
        case Words(_, terms, field, any_term):
            return _words(store, terms, field, any_term=any_term)
        case Phrase():
            return _phrase(store, node, within)
        case Wildcard(_, _, field) | Fuzzy(_, _, field) | Regex(_, _, field) | Near(field=field):
            return _spot(store, node, field, within)
        case Named(kind, name):
            having = (documents for known, documents in store.names(kind) if name in fold(known))
            return set[int]().union(*having)
        case At(kind, part):
            among = store.everything() if within is None else within
            return {d for d in among if part in fold(store.address(kind, d))}
        case Identified(article_id):
            number = store.find(article_id)
            return set() if number is None else {number}
        case Dates():
            return _dates(store, node, within)
        case Everything():
            return store.everything()
        case And(children):
            return _all_of(store, children, within)
        case Or(children):
            return _any_of(store, children, within)
        case Not(child):
            return (store.everything() if within is None else within) - _match(store, child, within)


_NOT: Final = 2
"""The cost of everything for which no text has to be read."""


def _cost(node: Node) -> int:
    # What narrows cheaply goes first, so that fewer texts have to be read for phrases.
    match node:
        case Phrase():
            return 0 if node.is_one_term else 3
        case Wildcard() | Fuzzy() | Regex() | Near():
            return 4
        case And() | Or() | Dates():
            return 1
        case Not() | At():
            return _NOT
        case _:
            return 0


def _all_of(store: Store, children: tuple[Node, ...], within: set[int] | None) -> set[int]:
    for child in sorted(children, key=_cost):
        within = match(store, child, within)
        if not within:
            return set()
    return within if within is not None else store.everything()


def _any_of(store: Store, children: tuple[Node, ...], within: set[int] | None) -> set[int]:
    found: set[int] = set()
    for child in sorted(children, key=_cost):
        if _cost(child) > _NOT:
            # The text of what is found already need not be read for another phrase.
            found |= match(store, child, (store.everything() if within is None else within) - found)
        else:
            found |= _match(store, child, within)
    return found


def _having(store: Store, term: str, field: Field) -> set[int]:
    if field is Field.CAPTION:
        return set(store.with_caption(term))
    documents, packed = store.postings(term)
    match field:
        case Field.TEXT:
            return set(documents)
        case Field.TITLE:
            return {d for d, p in zip(documents, packed, strict=True) if p >> TITLE_SHIFT}
        case Field.BODY:
            return {d for d, p in zip(documents, packed, strict=True) if p & MOST_IN_BODY}


def _words(store: Store, terms: tuple[str, ...], field: Field, *, any_term: bool) -> set[int]:
    if any_term:
        return set[int]().union(*(_having(store, term, field) for term in terms))
    return _in_common(_having(store, term, field) for term in terms)


def _in_common(groups: Iterable[set[int]]) -> set[int]:
    found: set[int] | None = None
    for group in groups:
        found = group if found is None else found & group
        if not found:
            return set()
    return found or set()


_FEW: Final = 50
"""Candidates for a phrase whose texts are read rather than narrowed down any further."""


def _phrase(store: Store, phrase: Phrase, within: set[int] | None) -> set[int]:
    if phrase.is_one_term:
        return _having(store, phrase.literal, phrase.field)
    zone = Field.TEXT if phrase.field is Field.BODY else phrase.field
    candidates = store.everything() if within is None else within
    if phrase.terms:
        candidates = candidates & _in_common(_having(store, term, zone) for term in phrase.terms)
    for term in phrase.inside:
        # A short list is read through sooner than another term is looked up.
        if len(candidates) < _FEW:
            break
        candidates = candidates & _having(store, term, zone)
    ordered = sorted(candidates)
    return set(compress(ordered, map(Verifier(phrase), store.folded_texts(ordered))))


def _spot(store: Store, spot: Spot, field: Field, within: set[int] | None) -> set[int]:
    if (words := words_like(store, spot)) is not None:
        return set[int]().union(*(_having(store, word, field) for word in words))
    zone = Field.TEXT if field is Field.BODY else field
    candidates = store.everything() if within is None else within
    for group in groups_needed(store, spot):
        if not candidates:
            break
        if len(candidates) >= _FEW:
            having = (_in_common(_having(store, t, zone) for t in terms) for terms in group)
            candidates = candidates & set[int]().union(*having)
    ordered = sorted(candidates)
    texts = zip(ordered, store.folded_texts(ordered), strict=True)
    return holding(spot, texts, len(ordered))


def _dates(store: Store, dates: Dates, within: set[int] | None) -> set[int]:
    lowest = dates.first.toordinal() if dates.first else 1
    highest = dates.last.toordinal() if dates.last else date.max.toordinal()
    begins, ends = store.days()
    documents = store.everything() if within is None else within
    if dates.zone is ARCHIVE_ZONE:
        return {d for d in documents if UNDATED < begins[d] <= highest and ends[d] >= lowest}
    from newsgrep.engines.zones import Zoned  # few ask in another zone

    zoned = Zoned(store, dates.zone)
    return {d for d in documents if begins[d] > UNDATED and zoned.overlaps(d, lowest, highest)}
