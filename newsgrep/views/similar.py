"""Similar articles: search for the keywords of an article, then compare the texts that match.

It uses an engine only as every search does, so that all engines return the same articles.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final, NamedTuple

from newsgrep.analysis.characters import fold
from newsgrep.analysis.document import LEAD_LENGTH
from newsgrep.analysis.scoring import idf
from newsgrep.analysis.segment import segmenter, term_counts, term_counts_with_lead
from newsgrep.analysis.words import is_content_word, placed_words
from newsgrep.engines.base import Engine, EngineRequest, ScoredDoc, count_matches
from newsgrep.messages import _
from newsgrep.models import Article, Hit
from newsgrep.query.ast import And, Node, Operator, Terms
from newsgrep.terminal import Screen, StyledLine, StyledText, highlight, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import byline_pieces, id_and_path_line
from newsgrep.views.hits import CSV_COLUMNS, csv_cells
from newsgrep.views.table import Table

MAX_COMPARED: Final = 100
"""Articles with the same keywords whose texts are compared."""

# Chosen on 250 articles that link to others (bench/relevance.py). The first ten contain .210 of
# the linked articles with BM25 of the whole text, .291 with a search for the salient terms, and
# .309 with compared texts.
_QUERY_TERMS: Final = 60
"""30 and 120 terms rank fewer linked articles first (150 articles: .279 and .272, not .287)."""
_COMPARED_TERMS: Final = 100
_MAX_BODY: Final = 8000
"""Characters of a body that are compared."""
_LENGTH_OFFSET: Final = 500
"""Characters: a long text shares terms by chance. Without it .298 instead of .309."""
_TITLE_WEIGHT: Final = 3.0
_LEAD_WEIGHT: Final = 1.0
_MAX_SHARED: Final = 8


class SimilarArticle(NamedTuple):
    """An article with its similarity; scores are comparable within one result only.

    ``shared_terms`` are folded terms that both articles contain, the most salient first.
    """

    article: Article
    score: float
    shared_terms: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class SimilarArticles(Table[SimilarArticle]):
    """The articles that are similar to ``to``, the most similar first."""

    to: Article
    articles: tuple[SimilarArticle, ...]

    @property
    def items(self) -> Sequence[SimilarArticle]:
        """The similar articles."""
        return self.articles

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`to_csv`."""
        return to_csv(self)


def find_similar(
    engine: Engine, article: Article, limit: int = 10, *, within: Node | None = None
) -> SimilarArticles:
    """Return at most ``limit`` articles similar to ``article``, without ``article`` itself.

    ``article`` does not have to be in the index. ``within`` is a filter.
    """
    weights = salient_terms(engine, article)
    terms = tuple(nlargest(_QUERY_TERMS, weights, key=weights.__getitem__))
    if not terms or limit <= 0:
        return SimilarArticles(article, ())
    query: Node = Terms("", terms, operator=Operator.OR)
    if within is not None:
        query = And((query, within))
    page = engine.search(EngineRequest(query, limit=MAX_COMPARED + 1))
    candidates = [each for each in page.candidates if each.id != article.id][:MAX_COMPARED]
    texts = engine.folded_texts([each.id for each in candidates])
    text = fold(f"{article.title}\n{article.body[:_MAX_BODY]}")
    words = {
        word.text
        for word in placed_words(text, engine.user_dictionary)
        if is_content_word(word.text)
    }
    compared = [
        _compare(each, title, body, weights, words)
        for each, (title, body) in zip(candidates, texts, strict=True)
    ]
    best = sorted(compared, key=lambda each: -each[0].score)[:limit]
    articles = engine.get(doc.id for doc, _ in best)
    return SimilarArticles(
        article,
        tuple(
            SimilarArticle(other, doc.score, shared)
            for other, (doc, shared) in zip(articles, best, strict=True)
        ),
    )


def salient_terms(engine: Engine, article: Article) -> dict[str, float]:
    """Return the terms that say most about the subject of ``article``, with their weights."""
    title, body = fold(article.title), fold(article.body)[:_MAX_BODY]
    by = segmenter(engine.user_dictionary)
    in_title = term_counts(title, by)
    in_lead, counts = term_counts_with_lead(body, LEAD_LENGTH, by)
    # A term that occurs once, late in the body, is rarely salient, and looking it up takes time.
    terms = [
        term
        for term in counts | in_title
        if len(term) > 1 and (counts[term] > 1 or term in in_title or term in in_lead)
    ]
    total = count_matches(engine)
    indexed = len(engine.get([article.id]))
    weights = {
        term: idf(total, frequency)
        * (
            math.log1p(counts[term])
            + _TITLE_WEIGHT * (term in in_title)
            + _LEAD_WEIGHT * (term in in_lead)
        )
        for term, frequency in engine.document_frequencies(terms).items()
        if frequency > indexed  # a term of this article alone finds nothing
    }
    best = nlargest(_COMPARED_TERMS, weights, key=weights.__getitem__)
    return {term: weights[term] for term in best}


def _compare(
    candidate: ScoredDoc,
    title: str,
    body: str,
    weights: dict[str, float],
    words: Container[str],
) -> tuple[ScoredDoc, tuple[str, ...]]:
    """Return the candidate with its similarity as the score, and the best shared ``words``."""
    body = body[:_MAX_BODY]
    shared = {
        term: weight * (1 + (term in title))
        for term, weight in weights.items()
        if term in body or term in title
    }
    score = candidate.score * sum(shared.values()) / math.sqrt(len(body) + _LENGTH_OFFSET)
    return ScoredDoc(candidate.id, score), _best_shared(
        {term: weight for term, weight in shared.items() if term in words}
    )


def _best_shared(shared: dict[str, float]) -> tuple[str, ...]:
    """Return the most salient shared terms, none of which contains another."""
    best: list[str] = []
    for term in nlargest(4 * _MAX_SHARED, shared, key=shared.__getitem__):
        if not any(term in other or other in term for other in best):
            best.append(term)
    return tuple(best[:_MAX_SHARED])


# Forms


def to_text(similar: SimilarArticles, _screen: Screen) -> Iterator[StyledLine]:
    """Yield the lines of all similar articles, each with its shared terms."""
    indent = len(str(len(similar.articles))) + 2
    for rank, each in enumerate(similar.articles, 1):
        article = each.article
        label = f"{rank}".rjust(indent - 2)
        yield StyledLine(highlight(article.title, (), "title"), indent, label)
        if byline := byline_pieces(article):
            yield StyledLine(byline, indent)
        shared = one_line("、".join(each.shared_terms))
        yield StyledLine(
            [StyledText(_("{label}: ", label=_("both")), "dim"), StyledText(shared)], indent
        )
        yield id_and_path_line(article, indent)
        yield StyledLine()


def to_json(similar: SimilarArticles) -> dict[str, Any]:
    """Return similar articles as a complete object."""
    to = similar.to
    return {
        "version": SCHEMA_VERSION,
        "to": {"id": to.id, "title": to.title, "path": to.path},
        "articles": list(_article_objects(similar)),
    }


def to_jsonl(similar: SimilarArticles) -> Iterator[dict[str, Any]]:
    """Yield an object for each similar article."""
    for each in _article_objects(similar):
        yield {"version": SCHEMA_VERSION, **each}


def to_csv(similar: SimilarArticles) -> Iterator[Sequence[object]]:
    """Yield a row for each similar article; several shared terms are in one cell."""
    yield (*CSV_COLUMNS[:-1], "shared_terms")
    for rank, each in enumerate(similar.articles, 1):
        hit = Hit(rank, each.score, each.article, (), ())
        yield (*csv_cells(hit)[:-1], "; ".join(each.shared_terms))


def _article_objects(similar: SimilarArticles) -> Iterator[dict[str, Any]]:
    for rank, each in enumerate(similar.articles, 1):
        yield {
            "rank": rank,
            "score": round(each.score, 4),
            **each.article.metadata(),
            "shared_terms": list(each.shared_terms),
        }
