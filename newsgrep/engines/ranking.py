"""Scores over posting lists, and the documents of a page in order.

Scores are added up over the postings of each term. Only documents that can be on the page are
sorted. The order is that of :class:`newsgrep.engines.base.Order`: ties go to the newer document,
then to the lower article id.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import nlargest, nsmallest
from itertools import compress, repeat
from operator import add
from typing import Final

from newsgrep.analysis.scoring import (
    K1,
    LEAD_SHIFT,
    MAX_IMPACT,
    MAX_IN_BODY,
    MAX_IN_LEAD,
    SCORED_FIELDS,
    TITLE_SHIFT,
    Recency,
    ScoredField,
    field_norm,
    term_weights,
)
from newsgrep.engines.base import Order, ScoredDoc, TermStatistics
from newsgrep.engines.postings_query import PostingsReader

_NO_DATE: Final = float("-inf")
"""The timestamp of documents without a date."""

_SPARSE_RATIO: Final = 16
"""With less than one of this many, looking each up is faster than going through all."""

_SHORT_RATIO: Final = 4
"""A list with less than one posting for so many matched documents is short."""


def score_documents(
    reader: PostingsReader,
    terms: Iterable[str],
    matched: set[int],
    statistics: TermStatistics | None = None,
) -> dict[int, float]:
    """Return the BM25F score of every matched document for ``terms``.

    ``statistics`` say how rare the terms are, if not the documents of ``reader`` do.

    A term that is the name of a document's source has the highest impact in all documents of
    that source. So it does not rank them among one another: headlines often end in the name of
    the outlet, and its frequency says nothing about the article.
    """
    own = {term: reader.source_documents(term) for term in terms}
    if statistics is None:
        having = {term: _document_frequency(reader, term, named) for term, named in own.items()}
        statistics = TermStatistics(reader.document_count(), having)
    # Sums are exact in any order (newsgrep.analysis.scoring), so that terms with an impact for
    # each document are added up first, by functions in C.
    total: Iterable[float] = repeat(0.0, len(matched))
    others: list[tuple[str, list[float]]] = []
    for term, weight in term_weights(own, *statistics).items():
        by_impact = [weight * number for number in range(MAX_IMPACT + 1)]
        impacts = _impacts(reader, term, own[term], len(matched))
        if impacts is None:
            others.append((term, by_impact))
        else:
            values = map(by_impact.__getitem__, map(impacts.__getitem__, matched))
            total = map(add, total, values)
    scores = dict(zip(matched, total, strict=True))
    for term, by_impact in others:
        _add_scores(reader, term, own[term], by_impact, scores)
    return scores


def _impacts(
    reader: PostingsReader, term: str, named: Iterable[int], matched: int
) -> Sequence[int] | None:
    """Return the impact of ``term`` in each document, 0 without it; ``None`` for few postings.

    They are few if those of ``matched`` documents are found sooner one by one.
    """
    if (known := reader.known_impacts(term)) is not None:
        return known
    documents, packed = reader.postings(term)
    if matched * _SPARSE_RATIO <= len(documents) or len(documents) * _SHORT_RATIO < matched:
        return None
    _, _, bodies = reader.field_lengths()
    impacts = bytearray(len(bodies))
    for document, value in _posting_impacts(reader, zip(documents, packed, strict=True)):
        impacts[document] = value
    for document in named:
        impacts[document] = MAX_IMPACT
    reader.learn_impacts(term, impacts)
    return impacts


def _add_scores(
    reader: PostingsReader,
    term: str,
    own: Iterable[int],
    by_impact: Sequence[float],
    scores: dict[int, float],
) -> None:
    """Add the scores of one term, which are ``by_impact``, to those of the documents."""
    # Removed from the scores meanwhile, so that the loop skips these documents.
    named = {d: scores.pop(d) + by_impact[MAX_IMPACT] for d in own if d in scores}
    postings = _matched_postings(scores, *reader.postings(term))
    for document, value in _posting_impacts(reader, postings):
        scores[document] += by_impact[value]
    scores |= named


def _posting_impacts(
    reader: PostingsReader, postings: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the documents of postings, given with their packed counts, and the impact in each."""
    titles, leads, bodies = reader.field_lengths()
    in_title, in_lead, in_body = map(_field_norms, SCORED_FIELDS)
    highest = MAX_IMPACT - 1
    # unpack_counts() and impact() are written out: this loop runs for every posting.
    for document, counts in postings:
        frequency = (counts & MAX_IN_BODY) * in_body[bodies[document]]
        if counts > MAX_IN_BODY:
            title = (counts >> TITLE_SHIFT) * in_title[titles[document]]
            lead = (counts >> LEAD_SHIFT & MAX_IN_LEAD) * in_lead[leads[document]]
            frequency = title + lead + frequency
        yield document, int(highest * frequency / (K1 + frequency)) + 1


def _document_frequency(reader: PostingsReader, term: str, named: Sequence[int]) -> int:
    """Return how many documents have ``term`` in their text, or are among ``named``."""
    if named:
        return len({*reader.postings(term)[0], *named})
    return reader.document_frequency(term)


def _matched_postings(
    matched: dict[int, float], documents: Sequence[int], packed: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """Yield the postings of matched documents."""
    if len(matched) * _SPARSE_RATIO > len(documents):
        both = zip(documents, packed, strict=True)
        return compress(both, map(matched.__contains__, documents))
    positions = ((document, bisect_left(documents, document)) for document in matched)
    return [
        (document, packed[position])
        for document, position in positions
        if position < len(documents) and documents[position] == document
    ]


class _FieldNorms(dict[int, float]):
    """:func:`newsgrep.analysis.scoring.field_norm` by length, each computed once."""

    def __init__(self, field: ScoredField) -> None:
        super().__init__()
        self._field = field

    def __missing__(self, length: int) -> float:
        norm = self[length] = field_norm(self._field, length)
        return norm


@cache
def _field_norms(field: ScoredField) -> _FieldNorms:
    return _FieldNorms(field)


def apply_recency(
    reader: PostingsReader, scores: dict[int, float], recency: Recency
) -> dict[int, float]:
    """Return the scores multiplied by the weight of each document's date."""
    timestamps = reader.timestamps()
    return {
        document: score * recency.weight(timestamps[document]) for document, score in scores.items()
    }


def select_page(
    reader: PostingsReader, scores: dict[int, float], order: Order, offset: int, limit: int
) -> list[int]:
    """Return at most ``limit`` documents after the first ``offset``, in order."""
    timestamps = reader.timestamps()

    def sort_key(document: int) -> tuple[float, float]:
        timestamp = timestamps[document]
        match order:
            case Order.RELEVANCE:
                return -scores[document], -timestamp
            case Order.NEWEST:
                return -timestamp, 0.0
            case Order.OLDEST:
                return (timestamp if timestamp != _NO_DATE else -_NO_DATE), 0.0

    ranked = sorted(_top_documents(scores, timestamps, order, offset + limit), key=sort_key)
    shown = ranked[offset : offset + limit]
    if not shown:
        return []
    # Ties are ordered by article id. Ids are read from disk, so only for ties with the first and
    # the last document of the page and for those between.
    first, last = sort_key(shown[0]), sort_key(shown[-1])
    low, high = offset, offset + len(shown)
    while low > 0 and sort_key(ranked[low - 1]) == first:
        low -= 1
    while high < len(ranked) and sort_key(ranked[high]) == last:
        high += 1
    exact = sorted(ranked[low:high], key=lambda d: (sort_key(d), reader.article_id(d)))
    return exact[offset - low : offset - low + len(shown)]


def after_cursor(
    reader: PostingsReader, scores: dict[int, float], order: Order, after: ScoredDoc
) -> dict[int, float]:
    """Return the documents that follow ``after`` in order, with their scores.

    ``after`` need not be a document of the index any more.
    """
    timestamps = reader.timestamps()
    article_id, score, timestamp = after
    found: list[int]
    ties: list[int]  # equal but for the article id
    match order:
        case Order.RELEVANCE:
            found = [
                document
                for document, own in scores.items()
                if own < score or (own == score and timestamps[document] < timestamp)
            ]
            ties = [d for d, own in scores.items() if own == score and timestamps[d] == timestamp]
        case Order.NEWEST:
            found = [document for document in scores if timestamps[document] < timestamp]
            ties = [document for document in scores if timestamps[document] == timestamp]
        case Order.OLDEST:
            ties = [document for document in scores if timestamps[document] == timestamp]
            if timestamp == _NO_DATE:
                found = []
            else:
                found = [
                    document
                    for document in scores
                    if timestamps[document] > timestamp or timestamps[document] == _NO_DATE
                ]
    found += [document for document in ties if reader.article_id(document) > article_id]
    return {document: scores[document] for document in found}


def _top_documents(
    scores: dict[int, float], timestamps: Sequence[float], order: Order, count: int
) -> Iterable[int]:
    """Return the documents that can be among the first ``count``, and those equal to the last."""
    if count * _SPARSE_RATIO > len(scores):
        return scores
    if order is Order.RELEVANCE:
        lowest = nlargest(count, scores.values())[-1]
        return [document for document, score in scores.items() if score >= lowest]
    if order is Order.NEWEST:
        earliest = nlargest(count, map(timestamps.__getitem__, scores))[-1]
        return [document for document in scores if timestamps[document] >= earliest]
    dated = [document for document in scores if timestamps[document] != _NO_DATE]
    if count > len(dated):
        return scores
    latest = nsmallest(count, map(timestamps.__getitem__, dated))[-1]
    return [document for document in dated if timestamps[document] <= latest]
