"""Why hits are ranked as they are, as lines for people and as objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from newsgrep.terminal import StyledLine, StyledText, one_line

if TYPE_CHECKING:
    from newsgrep.search.explain import Explanation, HitExplanation
    from newsgrep.search.search import SearchResult


def parsed_query_lines(result: SearchResult, why: Explanation) -> Iterator[StyledLine]:
    """Yield the query as it was understood, and in how many articles each term is."""
    yield StyledLine([StyledText("parsed  ", "dim"), StyledText(one_line(result.parsed))])
    for term, articles in why.terms:
        noun = "article" if articles == 1 else "articles"
        yield StyledLine(
            [StyledText(f"  {articles:,} {noun} with ", "dim"), StyledText(one_line(term))]
        )
    yield StyledLine()


def score_pieces(score: float, why: HitExplanation) -> list[StyledText]:
    """Return what says what a score is made of."""
    parts = " + ".join(f"{one_line(term)} {added:.2f}" for term, added in why.terms.items())
    text = f"score {score:.2f} = ({parts or '0'})"
    if why.recency < 1:
        text += f" × {why.recency:.3f} for its age"
    if why.features:
        seen = ", ".join(f"{name} {share:.2f}" for name, share in why.features._asdict().items())
        text += f" × {why.features.factor:.2f} ({seen})"
    return [StyledText(text, "dim")]


def with_explanation(told: dict[str, Any], why: Explanation) -> dict[str, Any]:
    """Return the object of an answer, with the reasons for its order in it."""
    hits = [
        {**hit, "explanation": _explanation_object(why.hits[hit["id"]])} for hit in told["hits"]
    ]
    terms = [{"term": term, "articles": articles} for term, articles in why.terms]
    return {**told, "hits": hits, "terms": terms}


def _explanation_object(why: HitExplanation) -> dict[str, Any]:
    features = why.features
    return {
        "terms": {term: round(added, 4) for term, added in why.terms.items()},
        "recency": round(why.recency, 6),
        "rerank": {**features._asdict(), "factor": features.factor} if features else None,
    }
