"""Articles on the same thing as one article: those that share its most telling words."""

from __future__ import annotations

from collections import Counter
from heapq import nlargest
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine
from newsgrep.engines.bm25 import idf
from newsgrep.models import Article
from newsgrep.query.tree import Everything, Words
from newsgrep.text.fold import fold
from newsgrep.text.segment import running_words

_ASKED: Final = 25


class Similar(NamedTuple):
    """An article that is like another; ``shared`` are folded words of both, most telling first."""

    article: Article
    score: float
    shared: tuple[str, ...]


def similar(engine: Engine, article: Article, limit: int) -> list[Similar]:
    """Return at most ``limit`` articles that are like ``article``, most alike first.

    ``article`` need not be in the index, and is never among its own answers. Scores compare
    within one answer only.
    """
    text = f"{fold(article.title)}\n{fold(article.body)}"
    counts = Counter(word for run in running_words(text) for word in run if len(word) > 1)
    known = engine.document_frequencies(counts)
    total = engine.search(Everything(), limit=0).total
    own = len(engine.get([article.id]))
    weights = {
        term: count * idf(total, known[term]) for term, count in counts.items() if known[term] > own
    }
    asked = tuple(nlargest(_ASKED, weights, key=lambda term: (weights[term], term)))
    if not asked or limit < 1:
        return []
    page = engine.search(Words("", asked, any_term=True), limit=limit + 1)
    found = [each for each in page.candidates if each.id != article.id][:limit]
    ids = [each.id for each in found]
    return [
        Similar(other, candidate.score, _shared(asked, title, body))
        for candidate, other, (title, body) in zip(
            found, engine.get(ids), engine.folded(ids), strict=True
        )
    ]


def _shared(asked: tuple[str, ...], title: str, body: str) -> tuple[str, ...]:
    there = {word for run in running_words(f"{title}\n{body}") for word in run}
    return tuple(term for term in asked if term in there or term in body or term in title)
