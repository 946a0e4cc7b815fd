"""A query tree over postings: which documents match, how they score, which come first.

Document numbers are the store's own, from 0; nothing here knows how they are stored.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from heapq import nlargest, nsmallest
from typing import Final, Protocol

from newsgrep.engines.base import Order
from newsgrep.engines.bm25 import K1, ZONES, Zone, idf, zone_norm
from newsgrep.engines.packing import Verifier
from newsgrep.query.tree import (
    And,
    Dates,
    Everything,
    Field,
    Node,
    Not,
    Or,
    Phrase,
    Source,
    Words,
)

UNDATED: Final = 0
"""Day number of documents without a date: ordinals of real days begin with 1."""

_UNKNOWN: Final = float("-inf")
"""The moment of documents without a date."""

_SPARSE: Final = 16
"""Fewer than one in so many are better picked out than gone through with the rest."""

# Where pack_counts of newsgrep.engines.entry puts the counts: its inverse takes a microsecond,
# and here that would be for every posting.
_TITLE_SHIFT: Final = 20
_LEAD_SHIFT: Final = 12
_MOST_IN_LEAD: Final = 255
_MOST_IN_BODY: Final = 4095


class Store(Protocol):
    """What evaluation asks of a store of documents."""

    def everything(self) -> set[int]:
        """Return all living documents."""

    def postings(self, term: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the living documents with ``term`` in title or body, and the packed counts."""

    def with_caption(self, term: str) -> Sequence[int]:
        """Return the living documents with ``term`` in a caption."""

    def sources(self) -> Iterable[tuple[str, Sequence[int]]]:
        """Return each folded source name with its documents."""

    def days(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return first and last day of publication by document, as proleptic ordinals."""

    def moments(self) -> Sequence[float]:
        """Return when each document was published, in seconds since the epoch; -inf if unknown."""

    def lengths(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return how many terms each document has in title, lead and body."""

    def average_lengths(self) -> tuple[float, float, float]:
        """Return the means of these over living documents."""

    def folded(self, document: int) -> bytes:
        """Return the packed folded texts of a document."""

    def identifier(self, document: int) -> str:
        """Return a document's article id."""


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
        case Source(name):
            having = (documents for source, documents in store.sources() if name in source)
            return set[int]().union(*having)
        case Dates(first, last):
            return _dates(store, first, last, within)
        case Everything():
            return store.everything()
        case And(children):
            return _all_of(store, children, within)
        case Or(children):
            return set[int]().union(*(_match(store, child, within) for child in children))
        case Not(child):
            return (store.everything() if within is None else within) - _match(store, child, within)


def _cost(node: Node) -> int:
    # What narrows cheaply goes first, so that fewer texts have to be read for phrases.
    match node:
        case Phrase():
            return 0 if node.is_one_term else 3
        case And() | Or() | Dates():
            return 1
        case Not():
            return 2
        case _:
            return 0


def _all_of(store: Store, children: tuple[Node, ...], within: set[int] | None) -> set[int]:
    for child in sorted(children, key=_cost):
        within = match(store, child, within)
        if not within:
            return set()
    return within if within is not None else store.everything()


def _having(store: Store, term: str, field: Field) -> set[int]:
    if field is Field.CAPTION:
        return set(store.with_caption(term))
    documents, packed = store.postings(term)
    match field:
        case Field.TEXT:
            return set(documents)
        case Field.TITLE:
            return {d for d, p in zip(documents, packed, strict=True) if p >> _TITLE_SHIFT}
        case Field.BODY:
            return {d for d, p in zip(documents, packed, strict=True) if p & _MOST_IN_BODY}


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
    holds = Verifier(phrase)
    return {document for document in candidates if holds(store.folded(document))}


def _dates(
    store: Store, first: date | None, last: date | None, within: set[int] | None
) -> set[int]:
    lowest = first.toordinal() if first else 1
    highest = last.toordinal() if last else date.max.toordinal()
    begins, ends = store.days()
    return {
        document
        for document in (store.everything() if within is None else within)
        if UNDATED < begins[document] <= highest and ends[document] >= lowest
    }


def score(store: Store, terms: Iterable[str], matched: set[int]) -> dict[int, float]:
    """Return the BM25F score of every matched document for ``terms``."""
    scores = dict.fromkeys(matched, 0.0)
    living = len(store.everything())
    in_title, in_lead, in_body = map(_Norms, ZONES, store.average_lengths())
    titles, leads, bodies = store.lengths()
    for term in terms:
        documents, packed = store.postings(term)
        weight = idf(living, len(documents)) * (K1 + 1)
        # Counts are taken apart and :func:`term_score` is worked out in place: this runs
        # for every posting.
        for document, counts in _postings_of(scores, documents, packed):
            before = scores.get(document)
            if before is None:
                continue
            frequency = (counts & _MOST_IN_BODY) * in_body[bodies[document]]
            if counts > _MOST_IN_BODY:
                title = (counts >> _TITLE_SHIFT) * in_title[titles[document]]
                lead = (counts >> _LEAD_SHIFT & _MOST_IN_LEAD) * in_lead[leads[document]]
                frequency = title + lead + frequency
            scores[document] = before + weight * frequency / (K1 + frequency)
    return scores


def _postings_of(
    matched: dict[int, float], documents: Sequence[int], packed: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """Return the postings of documents that have matched, and maybe others."""
    if len(matched) * _SPARSE > len(documents):
        return zip(documents, packed, strict=True)
    places = ((document, bisect_left(documents, document)) for document in matched)
    return [
        (document, packed[at])
        for document, at in places
        if at < len(documents) and documents[at] == document
    ]


class _Norms(dict[int, float]):
    """What one occurrence counts in a zone, by the zone's length: many are of one length."""

    def __init__(self, zone: Zone, average: float) -> None:
        super().__init__()
        self._zone = zone
        self._average = average

    def __missing__(self, length: int) -> float:
        norm = self[length] = zone_norm(self._zone, length, self._average)
        return norm


def arrange(
    store: Store, scores: dict[int, float], order: Order, offset: int, limit: int
) -> list[int]:
    """Return the documents that stand from ``offset`` on, at most ``limit``, in order."""
    moments = store.moments()

    def place(document: int) -> tuple[float, float]:
        when = moments[document]
        match order:
            case Order.RELEVANCE:
                return -scores[document], -when
            case Order.NEWEST:
                return -when, 0.0
            case Order.OLDEST:
                return (when if when != _UNKNOWN else -_UNKNOWN), 0.0

    ranked = sorted(_foremost(scores, moments, order, offset + limit), key=place)
    shown = ranked[offset : offset + limit]
    if not shown:
        return []
    # Equal ones are ordered by id, but ids are read from disk: only where it can show.
    first, last = place(shown[0]), place(shown[-1])
    low, high = offset, offset + len(shown)
    while low > 0 and place(ranked[low - 1]) == first:
        low -= 1
    while high < len(ranked) and place(ranked[high]) == last:
        high += 1
    exact = sorted(ranked[low:high], key=lambda d: (place(d), store.identifier(d)))
    return exact[offset - low : offset - low + len(shown)]


def _foremost(
    scores: dict[int, float], moments: Sequence[float], order: Order, count: int
) -> Iterable[int]:
    """Return the documents that can be among the first ``count``: these, and their equals."""
    if count * _SPARSE > len(scores):
        return scores
    if order is Order.RELEVANCE:
        least = nlargest(count, scores.values())[-1]
        return [document for document, value in scores.items() if value >= least]
    if order is Order.NEWEST:
        least = nlargest(count, map(moments.__getitem__, scores))[-1]
        return [document for document in scores if moments[document] >= least]
    dated = [document for document in scores if moments[document] != _UNKNOWN]
    if count > len(dated):
        return scores
    most = nsmallest(count, map(moments.__getitem__, dated))[-1]
    return [document for document in dated if moments[document] <= most]


def tally(values: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Return each value with its count, most frequent first, then by value."""
    counts = Counter(values)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
