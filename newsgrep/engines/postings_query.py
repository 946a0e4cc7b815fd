"""A query tree over postings: which documents match.

Document numbers are the store's own, from 0; nothing here knows how they are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import compress
from typing import Final, Protocol

from newsgrep.analysis.codec import Verifier
from newsgrep.analysis.document import MAX_IN_BODY, TITLE_SHIFT, common_date_part
from newsgrep.analysis.fold import fold
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
from newsgrep.query.prefilter import matching_documents, matching_words, required_groups

UNDATED: Final = 0
"""Day number of documents without a date: ordinals of real days begin with 1."""


class PostingsReader(Protocol):
    """What evaluation asks of a store of documents."""

    def document_count(self) -> int:
        """Return how many living documents there are."""

    def all_documents(self) -> set[int]:
        """Return all living documents."""

    def postings(self, term: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the living documents with ``term`` in title or body, and the packed counts."""

    def document_frequency(self, term: str) -> int:
        """Return how many living documents have ``term`` in title or body."""

    def caption_documents(self, term: str) -> Sequence[int]:
        """Return the living documents with ``term`` in a caption."""

    def names(self, kind: NameField) -> Iterable[tuple[str, Sequence[int]]]:
        """Return each name of a kind, as it is written, with its documents."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of title and body, or of captions, that begin with ``prefix``."""

    def source_documents(self, word: str) -> Sequence[int]:
        """Return the living documents whose source is called ``word``, a folded term."""

    def location(self, kind: LocationField, document: int) -> str:
        """Return a document's address, empty if it has none."""

    def find_article(self, article_id: str) -> int | None:
        """Return the living document with this article."""

    def facet_values(self, name: str, documents: Iterable[int]) -> Iterable[str]:
        """Return the source or the month of each of ``documents``."""

    def publication_days(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return first and last day of publication by document, as proleptic ordinals."""

    def timestamps(self) -> Sequence[float]:
        """Return when each document was published, in seconds since the epoch; -inf if unknown."""

    def field_lengths(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return how many terms each document has in title, lead and body."""

    def folded_texts(self, documents: Sequence[int]) -> Iterable[bytes]:
        """Return the packed folded texts of documents in ascending order."""

    def article_id(self, document: int) -> str:
        """Return a document's article id."""

    def article(self, document: int) -> Article:
        """Return a document's article, as it is stored."""


def match_documents(store: PostingsReader, node: Node, within: set[int] | None = None) -> set[int]:
    """Return the documents that match ``node``, among ``within`` where that is given."""
    found = _matching(store, node, within)
    return found if within is None else found & within


def _matching(store: PostingsReader, node: Node, within: set[int] | None) -> set[int]:
    match node:
        case Terms(_, terms, field, any_term):
            return _with_terms(store, terms, field, any_term=any_term)
        case Phrase():
            return _with_phrase(store, node, within)
        case Wildcard(_, _, field) | Fuzzy(_, _, field) | Regex(_, _, field) | Near(field=field):
            return _with_pattern(store, node, field, within)
        case NameContains(kind, name):
            having = (documents for known, documents in store.names(kind) if name in fold(known))
            return set[int]().union(*having)
        case LocationContains(kind, part):
            among = store.all_documents() if within is None else within
            return {d for d in among if part in fold(store.location(kind, d))}
        case IdIs(article_id):
            number = store.find_article(article_id)
            return set() if number is None else {number}
        case DateRange():
            return _dated(store, node, within)
        case MatchAll():
            return store.all_documents()
        case And(children):
            return _with_all(store, children, within)
        case Or(children):
            return _with_any(store, children, within)
        case Not(child):
            return (store.all_documents() if within is None else within) - _matching(
                store, child, within
            )


_COST_OF_NOT: Final = 2
"""The cost of everything for which no text has to be read."""


def _cost(node: Node) -> int:
    # What narrows cheaply goes first, so that fewer texts have to be read for phrases.
    match node:
        case Phrase():
            return 0 if node.is_one_term else 3
        case Wildcard() | Fuzzy() | Regex() | Near():
            return 4
        case And() | Or() | DateRange():
            return 1
        case Not() | LocationContains():
            return _COST_OF_NOT
        case _:
            return 0


def _with_all(
    store: PostingsReader, children: tuple[Node, ...], within: set[int] | None
) -> set[int]:
    for child in sorted(children, key=_cost):
        within = match_documents(store, child, within)
        if not within:
            return set()
    return within if within is not None else store.all_documents()


def _with_any(
    store: PostingsReader, children: tuple[Node, ...], within: set[int] | None
) -> set[int]:
    found: set[int] = set()
    for child in sorted(children, key=_cost):
        if _cost(child) > _COST_OF_NOT:
            # The text of what is found already need not be read for another phrase.
            found |= match_documents(
                store, child, (store.all_documents() if within is None else within) - found
            )
        else:
            found |= _matching(store, child, within)
    return found


def _with_term(store: PostingsReader, term: str, field: Field) -> set[int]:
    if field is Field.CAPTION:
        return set(store.caption_documents(term))
    documents, packed = store.postings(term)
    match field:
        case Field.TEXT:
            return set(documents)
        case Field.TITLE:
            return {d for d, p in zip(documents, packed, strict=True) if p >> TITLE_SHIFT}
        case Field.BODY:
            return {d for d, p in zip(documents, packed, strict=True) if p & MAX_IN_BODY}


def _with_terms(
    store: PostingsReader, terms: tuple[str, ...], field: Field, *, any_term: bool
) -> set[int]:
    if any_term:
        return set[int]().union(*(_with_term(store, term, field) for term in terms))
    return _intersection(_with_term(store, term, field) for term in terms)


def _intersection(groups: Iterable[set[int]]) -> set[int]:
    found: set[int] | None = None
    for group in groups:
        found = group if found is None else found & group
        if not found:
            return set()
    return found or set()


_FEW_CANDIDATES: Final = 50
"""Candidates for a phrase whose texts are read rather than narrowed down any further."""


def _with_phrase(store: PostingsReader, phrase: Phrase, within: set[int] | None) -> set[int]:
    if phrase.is_one_term:
        return _with_term(store, phrase.literal, phrase.field)
    zone = Field.TEXT if phrase.field is Field.BODY else phrase.field
    candidates = store.all_documents() if within is None else within
    if phrase.terms:
        candidates = candidates & _intersection(
            _with_term(store, term, zone) for term in phrase.terms
        )
    for term in phrase.inside:
        # A short list is read through sooner than another term is looked up.
        if len(candidates) < _FEW_CANDIDATES:
            break
        candidates = candidates & _with_term(store, term, zone)
    ordered = sorted(candidates)
    return set(compress(ordered, map(Verifier(phrase), store.folded_texts(ordered))))


def _with_pattern(
    store: PostingsReader, spot: TextPattern, field: Field, within: set[int] | None
) -> set[int]:
    if (words := matching_words(store, spot)) is not None:
        return set[int]().union(*(_with_term(store, word, field) for word in words))
    zone = Field.TEXT if field is Field.BODY else field
    candidates = store.all_documents() if within is None else within
    for group in required_groups(store, spot):
        if not candidates:
            break
        if len(candidates) >= _FEW_CANDIDATES:
            having = (_intersection(_with_term(store, t, zone) for t in terms) for terms in group)
            candidates = candidates & set[int]().union(*having)
    ordered = sorted(candidates)
    texts = zip(ordered, store.folded_texts(ordered), strict=True)
    return matching_documents(spot, texts, len(ordered))


def _dated(store: PostingsReader, dates: DateRange, within: set[int] | None) -> set[int]:
    lowest = dates.first.toordinal() if dates.first else 1
    highest = dates.last.toordinal() if dates.last else date.max.toordinal()
    begins, ends = store.publication_days()
    documents = store.all_documents() if within is None else within
    if dates.zone is ARCHIVE_ZONE:
        return {d for d in documents if UNDATED < begins[d] <= highest and ends[d] >= lowest}

    zoned = TimezoneDays(store, dates.zone)
    return {d for d in documents if begins[d] > UNDATED and zoned.overlaps(d, lowest, highest)}


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_SECONDS_PER_DAY: Final = 86400

_MAX_DAY_SHIFT: Final = 2
"""Days between one moment's dates in two zones, at most: offsets are less than 24 hours."""


class TimezoneDays:
    """Tells of a store's documents on what days they were published in ``zone``."""

    def __init__(self, store: PostingsReader, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone
        self._begins, self._ends = store.publication_days()
        self._moments = store.timestamps()

    def overlaps(self, document: int, lowest: int, highest: int) -> bool:
        """Return whether a dated document's days overlap these, both included, as ordinals."""
        begins, ends = self._begins[document], self._ends[document]
        surely = begins - _MAX_DAY_SHIFT >= lowest and ends + _MAX_DAY_SHIFT <= highest
        maybe = begins - _MAX_DAY_SHIFT <= highest and ends + _MAX_DAY_SHIFT >= lowest
        if begins == ends and maybe and not surely:
            begins = ends = self._day(document, begins)
        return begins <= highest and ends >= lowest

    def _day(self, document: int, kept: int) -> int:
        """Return the day of a document that is of one day, ``kept`` in the archive's zone."""
        moment = self._moments[document]
        day = _local_day(moment, self._zone)
        # What is known to the day has that day's midnight for a moment, and so has what was
        # published then, at eight in Shanghai. The article itself knows which it is.
        if day != kept and moment == (kept - _EPOCH_DAY) * _SECONDS_PER_DAY:
            published = self._store.article(document).published
            if published is not None:
                day = published.days(self._zone)[0].toordinal()
        return day


def _local_day(moment: float, zone: tzinfo) -> int:
    when = (_EPOCH + timedelta(seconds=moment)).astimezone(zone)
    return date.toordinal(when)


FacetCounts = tuple[tuple[str, int], ...]

_NAME_FACETS: Final = {"author": NameField.AUTHOR, "tag": NameField.TAG}


def count_facet(store: PostingsReader, name: str, matched: set[int]) -> FacetCounts:
    """Return how many of ``matched`` have each value of the facet called ``name``."""
    if name in _NAME_FACETS:
        return _by_frequency(_count_names(store, _NAME_FACETS[name], matched))
    if name == "day":
        return _by_frequency(_count_days(store, matched))
    return _by_frequency(Counter(store.facet_values(name, matched)))


def _count_names(store: PostingsReader, kind: NameField, matched: set[int]) -> Counter[str]:
    """Count several values of a document each."""
    counts: Counter[str] = Counter()
    without = set(matched)
    for name, documents in store.names(kind):
        having = matched.intersection(documents)
        if having:
            counts[name] = len(having)
            without -= having
    if without:
        counts[""] = len(without)
    return counts


def _count_days(store: PostingsReader, matched: set[int]) -> Counter[str]:
    begins, ends = store.publication_days()
    counts: Counter[str] = Counter()
    for (first, last), count in Counter((begins[d], ends[d]) for d in matched).items():
        is_dated = first > UNDATED
        day = common_date_part(date.fromordinal(first), date.fromordinal(last)) if is_dated else ""
        counts[day] = count
    return counts


def _by_frequency(counts: Counter[str]) -> FacetCounts:
    """Return values with their counts, most frequent first, then by value."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
