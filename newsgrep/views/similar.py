"""Articles on what an article is about: its telling terms are asked for, texts found compared.

It asks no more of an engine than any question does, so it is the same on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from heapq import nlargest
from typing import Any, Final, NamedTuple

from newsgrep.analysis.document import LEAD_LENGTH
from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import idf
from newsgrep.analysis.segment import term_counts
from newsgrep.engines.base import Engine, EngineRequest, ScoredDoc
from newsgrep.models import Article
from newsgrep.query.ast import MatchAll, Operator, Terms
from newsgrep.terminal import StyledLine, StyledText, highlight, one_line
from newsgrep.views.hits import SCHEMA_VERSION, about_pieces, article_to_json, shown_path

MAX_COMPARED: Final = 100
"""How many articles that share telling terms are compared."""

# Chosen on 250 articles that link to others (bench/relevance.py): of what they link to, BM25 of
# the whole text has .210 among its first ten, the terms asked for .291, compared texts .309.
_QUERY_TERMS: Final = 60
"""Of 30 and 120 terms fewer of the linked ones come first (150 articles: .279, .272, not .287)."""
_COMPARED_TERMS: Final = 100
_MAX_BODY: Final = 8000
"""Characters of a text that are compared."""
_LENGTH_OFFSET: Final = 500
"""Characters: a long text shares terms by chance. Without this .298 instead of .309."""
_TITLE_WEIGHT: Final = 3.0
_LEAD_WEIGHT: Final = 1.0
_MAX_SHARED: Final = 8


class SimilarArticle(NamedTuple):
    """An article like another one; ``shared`` are folded terms of both, most telling first."""

    article: Article
    score: float
    shared: tuple[str, ...]


def find_similar(engine: Engine, article: Article, limit: int = 10) -> list[SimilarArticle]:
    """Return at most ``limit`` articles of ``engine`` that are most like ``article``.

    The best come first, and ``article`` itself is not among them; it need not be in the index.
    Scores are comparable with each other only. Shared terms are folded.
    """
    weights = salient_terms(engine, article)
    asked = tuple(nlargest(_QUERY_TERMS, weights, key=weights.__getitem__))
    if not asked or limit <= 0:
        return []
    page = engine.search(
        EngineRequest(Terms("", asked, operator=Operator.OR), limit=MAX_COMPARED + 1)
    )
    found = [each for each in page.candidates if each.id != article.id][:MAX_COMPARED]
    texts = engine.folded([each.id for each in found])
    compared = [
        _rescore(each, title, body, weights)
        for each, (title, body) in zip(found, texts, strict=True)
    ]
    best = sorted(compared, key=lambda each: -each[0].score)[:limit]
    articles = engine.get(candidate.id for candidate, _ in best)
    return [
        SimilarArticle(other, candidate.score, shared)
        for other, (candidate, shared) in zip(articles, best, strict=True)
    ]


def salient_terms(engine: Engine, article: Article) -> dict[str, float]:
    """Return the terms that tell most of what ``article`` is about, with how much they tell."""
    title, body = fold(article.title), fold(article.body)[:_MAX_BODY]
    in_title, in_lead = term_counts(title), term_counts(body[:LEAD_LENGTH])
    counts = term_counts(body)
    # What stands once, far down, is seldom what an article is about; looking it up is slow.
    terms = [
        term
        for term in counts | in_title
        if len(term) > 1 and (counts[term] > 1 or term in in_title or term in in_lead)
    ]
    total, own = (
        engine.search(EngineRequest(MatchAll(), limit=0)).total,
        len(engine.get([article.id])),
    )
    weights = {
        term: idf(total, having)
        * (
            math.log1p(counts[term])
            + _TITLE_WEIGHT * (term in in_title)
            + _LEAD_WEIGHT * (term in in_lead)
        )
        for term, having in engine.document_frequencies(terms).items()
        # One that only this article has finds nothing.
        if having > own
    }
    best = nlargest(_COMPARED_TERMS, weights, key=weights.__getitem__)
    return {term: weights[term] for term in best}


def _rescore(
    candidate: ScoredDoc, title: str, body: str, weights: dict[str, float]
) -> tuple[ScoredDoc, tuple[str, ...]]:
    """Return the candidate with its score as it is now, and the terms that are shared."""
    body = body[:_MAX_BODY]
    shared = {
        term: weight * (1 + (term in title))
        for term, weight in weights.items()
        if term in body or term in title
    }
    score = candidate.score * sum(shared.values()) / math.sqrt(len(body) + _LENGTH_OFFSET)
    return ScoredDoc(candidate.id, score), _best_shared(shared)


def _best_shared(shared: dict[str, float]) -> tuple[str, ...]:
    """Return the most telling of the shared terms, none of them within another."""
    shown: list[str] = []
    for term in nlargest(4 * _MAX_SHARED, shared, key=shared.__getitem__):
        if not any(term in other or other in term for other in shown):
            shown.append(term)
    return tuple(shown[:_MAX_SHARED])


def similar_to_text(found: Sequence[SimilarArticle]) -> Iterator[StyledLine]:
    """Yield the lines of all related articles."""
    indent = len(str(len(found))) + 2
    for rank, each in enumerate(found, 1):
        article = each.article
        yield StyledLine(highlight(article.title, (), "title"), indent, f"{rank}".rjust(indent - 2))
        if about := about_pieces(article):
            yield StyledLine(about, indent)
        yield StyledLine(
            [StyledText("both: ", "dim"), StyledText(one_line("、".join(each.shared)))], indent
        )
        yield StyledLine([StyledText(shown_path(article.path), "dim")], indent)
        yield StyledLine()


def similar_to_json(to: Article, found: Sequence[SimilarArticle]) -> dict[str, Any]:
    """Return related articles as one object."""
    return {
        "version": SCHEMA_VERSION,
        "to": {"id": to.id, "title": to.title, "path": to.path},
        "articles": similar_objects(found),
    }


def similar_objects(found: Sequence[SimilarArticle]) -> list[dict[str, Any]]:
    """Return each related article as an object."""
    told = []
    for rank, each in enumerate(found, 1):
        article = article_to_json(each.article)
        del article["body"], article["captions"]
        score, shared = round(each.score, 4), list(each.shared)
        told.append({"rank": rank, "score": score, **article, "shared_terms": shared})
    return told
