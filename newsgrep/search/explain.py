"""Why a hit stands where it does: what each term adds, and what its score is multiplied by.

Everything is asked of the engine that ranked, so that it is what the ranking was made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.models import Hit
from newsgrep.query.ast import And, IdIs, MatchAll, Or, Terms, scoring_terms
from newsgrep.search.rerank import RerankFeatures
from newsgrep.search.search import SearchResult

MAX_TERMS: Final = 50
"""Terms that are told apart; a query of thousands would be explained at great length."""

_UNKNOWN: Final = float("-inf")


class HitExplanation(NamedTuple):
    """Why one hit has its score: the sum of ``terms``, times ``recency``, times the look's factor.

    ``terms`` has what each term adds by BM25F; ``features`` is what the second look saw, if there
    was one.
    """

    terms: Mapping[str, float]
    recency: float
    features: RerankFeatures | None


class Explanation(NamedTuple):
    """Why hits are ranked so: in how many articles each term is, and each hit's own reasons."""

    terms: tuple[tuple[str, int], ...]
    hits: Mapping[str, HitExplanation]


def explain(engine: Engine, result: SearchResult) -> Explanation:
    """Return why the hits of ``result``, which ``engine`` gave, are ranked as they are."""
    terms = scoring_terms(result.request.query.root)[:MAX_TERMS]
    shown = Or(tuple(IdIs(hit.article.id) for hit in result.hits))
    added: dict[str, dict[str, float]] = {hit.article.id: {} for hit in result.hits}
    for term in terms:
        # Of the same articles, and nothing but this term ranks them.
        alone = And((shown, Or((MatchAll(), Terms(term, (term,))))))
        for candidate in engine.search(EngineRequest(alone, limit=len(result.hits))).candidates:
            if candidate.score:
                added[candidate.id][term] = candidate.score
    return Explanation(
        tuple(engine.document_frequencies(terms).items()),
        {hit.article.id: _explain_hit(hit, added[hit.article.id], result) for hit in result.hits},
    )


def _explain_hit(hit: Hit, terms: Mapping[str, float], result: SearchResult) -> HitExplanation:
    recency, published = result.request.recency, hit.article.published
    moment = published.sort_key() if published else _UNKNOWN
    weight = recency.weight(moment) if recency else 1.0
    return HitExplanation(terms, weight, result.features.get(hit.article.id))
