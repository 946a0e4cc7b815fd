"""How documents that match score, which of them come first, and what they have in common.

Scores are added up over postings; only documents that a page can show are sorted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from heapq import nlargest, nsmallest
from typing import Final

from newsgrep.analysis.document import LEAD_SHIFT, MAX_IN_BODY, MAX_IN_LEAD, TITLE_SHIFT
from newsgrep.analysis.scoring import (
    K1,
    MAX_IMPACT,
    SCORED_FIELDS,
    Recency,
    ScoredField,
    field_norm,
    term_weights,
)
from newsgrep.engines.base import Order, ScoredDoc
from newsgrep.engines.postings_query import PostingsReader

_NO_DATE: Final = float("-inf")
"""The moment of documents without a date."""

_SPARSE_RATIO: Final = 16
"""Fewer than one in so many are better picked out than gone through with the rest."""


def score_documents(
    store: PostingsReader, terms: Iterable[str], matched: set[int]
) -> dict[int, float]:
    """Return the BM25F score of every matched document for ``terms``.

    A term that is a source's name says which outlet, and no more about its articles: all of them
    count as full of it. Headlines are pasted with the outlet behind them.
    """
    scores = dict.fromkeys(matched, 0.0)
    own = {term: store.source_documents(term) for term in terms}
    having = {term: _document_frequency(store, term, called) for term, called in own.items()}
    titles, leads, bodies = store.field_lengths()
    in_title, in_lead, in_body = map(_field_norms, SCORED_FIELDS)
    highest = MAX_IMPACT - 1
    for term, weight in term_weights(own, store.document_count(), having).items():
        documents, packed = store.postings(term)
        # Taken out of the scores meanwhile, so that the loop passes these over.
        passed = {d: scores.pop(d) + MAX_IMPACT * weight for d in own[term] if d in scores}
        # Counts are taken apart and :func:`newsgrep.analysis.scoring.impact` is worked out in
        # place:
        # this runs for every posting.
        for document, counts in _matched_postings(scores, documents, packed):
            before = scores.get(document)
            if before is None:
                continue
            frequency = (counts & MAX_IN_BODY) * in_body[bodies[document]]
            if counts > MAX_IN_BODY:
                title = (counts >> TITLE_SHIFT) * in_title[titles[document]]
                lead = (counts >> LEAD_SHIFT & MAX_IN_LEAD) * in_lead[leads[document]]
                frequency = title + lead + frequency
            scores[document] = before + weight * (int(highest * frequency / (K1 + frequency)) + 1)
        scores |= passed
    return scores


def _document_frequency(store: PostingsReader, term: str, called: Sequence[int]) -> int:
    """Return how many documents have ``term``, or a source that is called so."""
    if called:
        return len({*store.postings(term)[0], *called})
    return store.document_frequency(term)


def _matched_postings(
    matched: dict[int, float], documents: Sequence[int], packed: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """Return the postings of documents that have matched, and maybe others."""
    if len(matched) * _SPARSE_RATIO > len(documents):
        return zip(documents, packed, strict=True)
    places = ((document, bisect_left(documents, document)) for document in matched)
    return [
        (document, packed[at])
        for document, at in places
        if at < len(documents) and documents[at] == document
    ]


class _FieldNorms(dict[int, float]):
    """What one occurrence counts in a zone, by the zone's length: many are of one length."""

    def __init__(self, zone: ScoredField) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, length: int) -> float:
        norm = self[length] = field_norm(self._zone, length)
        return norm


@cache
def _field_norms(zone: ScoredField) -> _FieldNorms:
    return _FieldNorms(zone)


def apply_recency(
    store: PostingsReader, scores: dict[int, float], recency: Recency
) -> dict[int, float]:
    """Return scores that are lower for older documents."""
    moments = store.timestamps()
    return {
        document: value * recency.weight(moments[document]) for document, value in scores.items()
    }


def select_page(
    store: PostingsReader, scores: dict[int, float], order: Order, offset: int, limit: int
) -> list[int]:
    """Return the documents that stand from ``offset`` on, at most ``limit``, in order."""
    moments = store.timestamps()

    def place(document: int) -> tuple[float, float]:
        when = moments[document]
        match order:
            case Order.RELEVANCE:
                return -scores[document], -when
            case Order.NEWEST:
                return -when, 0.0
            case Order.OLDEST:
                return (when if when != _NO_DATE else -_NO_DATE), 0.0

    ranked = sorted(_top_documents(scores, moments, order, offset + limit), key=place)
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
    exact = sorted(ranked[low:high], key=lambda d: (place(d), store.article_id(d)))
    return exact[offset - low : offset - low + len(shown)]


def after_cursor(
    store: PostingsReader, scores: dict[int, float], order: Order, after: ScoredDoc
) -> dict[int, float]:
    """Return the documents that stand after the place of ``after``, with their scores."""
    moments = store.timestamps()
    article_id, value, moment = after
    found: list[int]
    ties: list[int]  # equal but for the id
    match order:
        case Order.RELEVANCE:
            found = [
                document
                for document, own in scores.items()
                if own < value or (own == value and moments[document] < moment)
            ]
            ties = [d for d, own in scores.items() if own == value and moments[d] == moment]
        case Order.NEWEST:
            found = [document for document in scores if moments[document] < moment]
            ties = [document for document in scores if moments[document] == moment]
        case Order.OLDEST:
            ties = [document for document in scores if moments[document] == moment]
            if moment == _NO_DATE:
                found = []
            else:
                found = [
                    document
                    for document in scores
                    if moments[document] > moment or moments[document] == _NO_DATE
                ]
    found += [document for document in ties if store.article_id(document) > article_id]
    return {document: scores[document] for document in found}


def _top_documents(
    scores: dict[int, float], moments: Sequence[float], order: Order, count: int
) -> Iterable[int]:
    """Return the documents that can be among the first ``count``: these, and their equals."""
    if count * _SPARSE_RATIO > len(scores):
        return scores
    if order is Order.RELEVANCE:
        least = nlargest(count, scores.values())[-1]
        return [document for document, value in scores.items() if value >= least]
    if order is Order.NEWEST:
        least = nlargest(count, map(moments.__getitem__, scores))[-1]
        return [document for document in scores if moments[document] >= least]
    dated = [document for document in scores if moments[document] != _NO_DATE]
    if count > len(dated):
        return scores
    most = nsmallest(count, map(moments.__getitem__, dated))[-1]
    return [document for document in dated if moments[document] <= most]
