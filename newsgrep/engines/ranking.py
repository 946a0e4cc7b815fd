"""Scores over posting lists, and the documents of a page in order.

Scores are added up over the postings of each term. Only documents that can be on the page are
sorted. The order is that of :class:`newsgrep.engines.base.Order`: ties go to the newer document,
then to the lower article id.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from heapq import nlargest, nsmallest
from itertools import chain, compress, islice, repeat
from operator import add
from typing import Final, NamedTuple

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

_TRIED_PER_BEST: Final = 4
"""So many documents have their complete scores computed early for each one of the best."""

_WORTH_TRYING: Final = 16
"""With more scores than this many for each of the best, it is worth computing some of them."""

_IN_TITLE: Final = 1 << TITLE_SHIFT
"""Packed counts of a term in a title are as great or greater."""

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
    if not matched:  # frequencies would be read for nothing
        return {}
    weights = _weigh(reader, terms, statistics)
    # Sums are exact in any order (newsgrep.analysis.scoring), so that terms with an impact for
    # each document are added up first, by functions in C.
    total: Iterable[float] = repeat(0.0, len(matched))
    others: list[_Weighed] = []
    for each in weights:
        impacts = _impacts(reader, each.term, each.own, len(matched))
        if impacts is None:
            others.append(each)
        else:
            values = map(each.by_impact.__getitem__, map(impacts.__getitem__, matched))
            total = map(add, total, values)
    scores = dict(zip(matched, total, strict=True))
    for each in others:
        _add_scores(reader, each, scores)
    return scores


def best_scores(
    reader: PostingsReader,
    terms: Iterable[str],
    matched: set[int],
    count: int,
    statistics: TermStatistics | None = None,
) -> dict[int, float]:
    """Return the scores of the documents that can be among the best ``count``, or equal to these.

    They are those of :func:`score_documents`, and there may be others among them. Terms with the
    greatest weights are added first. When ``count`` documents certainly have a score that the terms
    that are left cannot make up for, documents that have none of the first terms, or have too low a
    sum, are left out. (Turtle and Flood, "Query Evaluation: Strategies and Optimizations", 1995.)

    Of 97,993 articles with one of five common characters or words, the first leaves 2,741 and the
    second 329.
    """
    if len(matched) <= count * _SPARSE_RATIO:
        return score_documents(reader, terms, matched, statistics)
    weights = sorted(_weigh(reader, terms, statistics), key=lambda each: each.bound, reverse=True)
    left = sum(each.bound for each in weights)
    scores: dict[int, float] = {}
    lowest = 0.0  # of the best: so many documents have this score at least
    has_all = False  # that can be among the best
    for number, each in enumerate(weights, 1):
        left -= each.bound
        if not has_all:
            _add_documents(reader, each, matched, scores)
        elif (impacts := reader.known_impacts(each.term)) is not None:
            scores = {d: s + each.by_impact[impacts[d]] for d, s in scores.items()}
        else:
            _add_scores(reader, each, scores)
        if len(scores) > count:
            kth = nlargest(count, scores.values())[-1]
            lowest = max(lowest, kth)
            if len(scores) > _WORTH_TRYING * count and (has_all or left < 2 * kth):
                lowest = max(lowest, _lowest_of_best(reader, scores, count, weights[number:]))
            has_all |= left < lowest
            if has_all:
                scores = {d: s for d, s in scores.items() if s + left >= lowest}
    return scores if has_all else dict.fromkeys(matched, 0.0) | scores


def _add_documents(
    reader: PostingsReader, weighed: _Weighed, matched: set[int], scores: dict[int, float]
) -> None:
    """Add what a term adds to the scores of all matched documents, and these if they are new."""
    documents: Sequence[int]
    documents, packed = reader.postings(weighed.term)
    if weighed.own:
        for document in matched.intersection(chain(documents, weighed.own)).difference(scores):
            scores[document] = 0.0
        _add_scores(reader, weighed, scores)
        return
    values: Iterable[int]
    impacts = _impacts(reader, weighed.term, (), len(matched))
    if not matched.issuperset(documents):
        documents, packed = _matched_postings(matched, documents, packed)
    if impacts is None:
        values = _posting_impacts(reader, documents, packed)
    else:
        values = map(impacts.__getitem__, documents)
    added = map(weighed.by_impact.__getitem__, values)
    if scores:
        added = map(add, added, map(scores.get, documents, repeat(0.0)))
    scores.update(zip(documents, added, strict=True))


def _lowest_of_best(
    reader: PostingsReader, scores: dict[int, float], count: int, others: Iterable[_Weighed]
) -> float:
    """Return a score that ``count`` documents have at least, when ``others`` are added, too."""
    tried = count * _TRIED_PER_BEST
    lowest = nlargest(tried, scores.values())[-1]
    best = dict(islice(((d, s) for d, s in scores.items() if s >= lowest), tried))
    for each in others:
        _add_scores(reader, each, best)
    return nlargest(count, best.values())[-1]


class _Weighed(NamedTuple):
    """A term with what it adds to scores.

    ``own`` are the documents whose source has its name, ``by_impact`` what each impact adds, and
    ``bound`` what it adds at most.
    """

    term: str
    own: Sequence[int]
    by_impact: Sequence[float]
    bound: float


def _weigh(
    reader: PostingsReader, terms: Iterable[str], statistics: TermStatistics | None
) -> list[_Weighed]:
    """Return the terms that rank."""
    own = {term: reader.source_documents(term) for term in terms}
    if statistics is None:
        having = {term: _document_frequency(reader, term, named) for term, named in own.items()}
        statistics = TermStatistics(reader.document_count(), having)
    found = []
    for term, weight in term_weights(own, *statistics).items():
        by_impact = [weight * number for number in range(MAX_IMPACT + 1)]
        bound = by_impact[MAX_IMPACT if own[term] else MAX_IMPACT - 1]
        found.append(_Weighed(term, own[term], by_impact, bound))
    return found


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
    values = _posting_impacts(reader, documents, packed)
    for document, value in zip(documents, values, strict=True):
        impacts[document] = value
    for document in named:
        impacts[document] = MAX_IMPACT
    reader.learn_impacts(term, impacts)
    return impacts


def _add_scores(reader: PostingsReader, weighed: _Weighed, scores: dict[int, float]) -> None:
    """Add what a term adds to the scores of the documents."""
    term, own, by_impact, _ = weighed
    # Removed from the scores meanwhile, so that the loop skips these documents.
    named = {d: scores.pop(d) + by_impact[MAX_IMPACT] for d in own if d in scores}
    documents, packed = _matched_postings(scores, *reader.postings(term))
    values = _posting_impacts(reader, documents, packed)
    for document, value in zip(documents, values, strict=True):
        scores[document] += by_impact[value]
    scores |= named


def _posting_impacts(
    reader: PostingsReader, documents: Iterable[int], packed: Iterable[int]
) -> list[int]:
    """Return the impact of each posting, given with its document and packed counts."""
    titles, leads, bodies = reader.field_lengths()
    in_title, in_lead, in_body = map(_field_norms, SCORED_FIELDS)
    highest = MAX_IMPACT - 1
    impacts: list[int] = []
    # unpack_counts() and impact() are written out: this loop runs for every posting.
    for document, counts in zip(documents, packed, strict=True):
        frequency = (counts & MAX_IN_BODY) * in_body[bodies[document]]
        if counts > MAX_IN_BODY:
            before = (counts >> LEAD_SHIFT & MAX_IN_LEAD) * in_lead[leads[document]]
            if counts >= _IN_TITLE:
                before = (counts >> TITLE_SHIFT) * in_title[titles[document]] + before
            frequency = before + frequency
        impacts.append(int(highest * frequency / (K1 + frequency)) + 1)
    return impacts


def _document_frequency(reader: PostingsReader, term: str, named: Sequence[int]) -> int:
    """Return how many documents have ``term`` in their text, or are among ``named``."""
    if named:
        return len({*reader.postings(term)[0], *named})
    if reader.known_impacts(term) is not None:
        return reader.document_frequency(term)
    # Its impacts need the list, too. The frequency that is stored counts deleted documents, so
    # with any of these the list would be read twice.
    return len(reader.postings(term)[0])


def _matched_postings(
    matched: Collection[int], documents: Sequence[int], packed: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """Return the documents and counts of the postings of matched documents."""
    if len(matched) * _SPARSE_RATIO > len(documents):
        is_matched = bytes(map(matched.__contains__, documents))
        return list(compress(documents, is_matched)), list(compress(packed, is_matched))
    positions = ((document, bisect_left(documents, document)) for document in matched)
    found = [
        (document, packed[position])
        for document, position in positions
        if position < len(documents) and documents[position] == document
    ]
    return [document for document, _ in found], [counts for _, counts in found]


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
