"""Explanation of scores (``search --explain``): what each term adds, and each factor.

All numbers come from the engine that ranked the hits, so that they are the ones of the ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.models import Hit
from newsgrep.query.ast import And, IdIs, MatchAll, Or, Terms, scoring_terms
from newsgrep.search.rerank import RerankFeatures
from newsgrep.search.search import SearchResult

MAX_EXPLAINED_TERMS: Final = 50
"""Terms that are explained separately: each costs one search, and a query may have thousands."""

_UNKNOWN_DATE: Final = float("-inf")


class HitExplanation(NamedTuple):
    """The parts of one score: the sum of ``terms`` × ``recency`` × ``features.factor``.

    ``terms`` is the BM25F score of each term, ``recency`` the weight of the article's age (1
    without ``--recency``). ``features`` is ``None`` if the hit was not reranked.
    """

    terms: Mapping[str, float]
    recency: float
    features: RerankFeatures | None


class Explanation(NamedTuple):
    """The scoring terms with their document frequencies, and each hit by article id."""

    terms: tuple[tuple[str, int], ...]
    hits: Mapping[str, HitExplanation]


def explain(engine: Engine, result: SearchResult) -> Explanation:
    """Return the explanation of the hits of ``result``, which ``engine`` returned."""
    terms = scoring_terms(result.request.query.root)[:MAX_EXPLAINED_TERMS]
    shown = Or(tuple(IdIs(hit.article.id) for hit in result.hits))
    scores: dict[str, dict[str, float]] = {hit.article.id: {} for hit in result.hits}
    for term in terms:
        # The same articles, scored by this term alone.
        alone = And((shown, Or((MatchAll(), Terms(term, (term,))))))
        for candidate in engine.search(EngineRequest(alone, limit=len(result.hits))).candidates:
            if candidate.score:
                scores[candidate.id][term] = candidate.score
    return Explanation(
        tuple(engine.document_frequencies(terms).items()),
        {hit.article.id: _explain_hit(hit, scores[hit.article.id], result) for hit in result.hits},
    )


def _explain_hit(hit: Hit, terms: Mapping[str, float], result: SearchResult) -> HitExplanation:
    recency, published = result.request.recency, hit.article.published
    timestamp = published.sort_key() if published else _UNKNOWN_DATE
    weight = recency.weight(timestamp) if recency else 1.0
    return HitExplanation(terms, weight, result.features.get(hit.article.id))
