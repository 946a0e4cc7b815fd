"""Articles on what an article is about: its telling terms are asked for, texts found compared.

It asks no more of an engine than any question does, so it is the same on all of them.
"""

from __future__ import annotations

import math
from heapq import nlargest
from typing import Final, NamedTuple

from newsgrep.engines.base import Candidate, Engine
from newsgrep.engines.bm25 import idf
from newsgrep.engines.entry import LEAD_LENGTH
from newsgrep.models import Article
from newsgrep.query.tree import Everything, Words
from newsgrep.text.fold import fold
from newsgrep.text.segment import term_counts

MOST_LOOKED_AT: Final = 100
"""How many articles that share telling terms are compared."""

# Chosen on 250 articles that link to others (bench/relevance.py): of what they link to, BM25 of
# the whole text has .210 among its first ten, the terms asked for .291, compared texts .309.
_ASKED: Final = 60
"""Of 30 and 120 terms fewer of the linked ones come first (150 articles: .279, .272, not .287)."""
_COMPARED: Final = 100
_FAR: Final = 8000
"""Characters of a text that are compared."""
_STEADY: Final = 500
"""Characters: a long text shares terms by chance. Without this .298 instead of .309."""
_TITLE: Final = 3.0
_LEAD: Final = 1.0
_SHOWN: Final = 8


class Similar(NamedTuple):
    """An article like another one; ``shared`` are folded terms of both, most telling first."""

    article: Article
    score: float
    shared: tuple[str, ...]


def similar(engine: Engine, article: Article, limit: int = 10) -> list[Similar]:
    """Return at most ``limit`` articles of ``engine`` that are most like ``article``.

    The best come first, and ``article`` itself is not among them; it need not be in the index.
    Scores are comparable with each other only. Shared terms are folded.
    """
    weights = telling_terms(engine, article)
    asked = tuple(nlargest(_ASKED, weights, key=weights.__getitem__))
    if not asked or limit <= 0:
        return []
    page = engine.search(Words("", asked, any_term=True), limit=MOST_LOOKED_AT + 1)
    found = [each for each in page.candidates if each.id != article.id][:MOST_LOOKED_AT]
    texts = engine.folded([each.id for each in found])
    compared = [
        _compared(each, title, body, weights)
        for each, (title, body) in zip(found, texts, strict=True)
    ]
    best = sorted(compared, key=lambda each: -each[0].score)[:limit]
    articles = engine.get(candidate.id for candidate, _ in best)
    return [
        Similar(other, candidate.score, shared)
        for other, (candidate, shared) in zip(articles, best, strict=True)
    ]


def telling_terms(engine: Engine, article: Article) -> dict[str, float]:
    """Return the terms that tell most of what ``article`` is about, with how much they tell."""
    title, body = fold(article.title), fold(article.body)[:_FAR]
    in_title, in_lead = term_counts(title), term_counts(body[:LEAD_LENGTH])
    counts = term_counts(body)
    # What stands once, far down, is seldom what an article is about; looking it up is slow.
    terms = [
        term
        for term in counts | in_title
        if len(term) > 1 and (counts[term] > 1 or term in in_title or term in in_lead)
    ]
    total, own = engine.search(Everything(), limit=0).total, len(engine.get([article.id]))
    weights = {
        term: idf(total, having)
        * (math.log1p(counts[term]) + _TITLE * (term in in_title) + _LEAD * (term in in_lead))
        for term, having in engine.document_frequencies(terms).items()
        # One that only this article has finds nothing.
        if having > own
    }
    best = nlargest(_COMPARED, weights, key=weights.__getitem__)
    return {term: weights[term] for term in best}


def _compared(
    candidate: Candidate, title: str, body: str, weights: dict[str, float]
) -> tuple[Candidate, tuple[str, ...]]:
    """Return the candidate with its score as it is now, and the terms that are shared."""
    body = body[:_FAR]
    shared = {
        term: weight * (1 + (term in title))
        for term, weight in weights.items()
        if term in body or term in title
    }
    score = candidate.score * sum(shared.values()) / math.sqrt(len(body) + _STEADY)
    return Candidate(candidate.id, score), _shown(shared)


def _shown(shared: dict[str, float]) -> tuple[str, ...]:
    """Return the most telling of the shared terms, none of them within another."""
    shown: list[str] = []
    for term in nlargest(4 * _SHOWN, shared, key=shared.__getitem__):
        if not any(term in other or other in term for other in shown):
            shown.append(term)
    return tuple(shown[:_SHOWN])
