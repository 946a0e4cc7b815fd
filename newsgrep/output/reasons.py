"""Why hits are ranked as they are, as lines for people and as objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece

if TYPE_CHECKING:
    from newsgrep.search import Result
    from newsgrep.why import HitWhy, Why


def query_lines(result: Result, why: Why) -> Iterator[Line]:
    """Yield the query as it was understood, and in how many articles each term is."""
    yield Line([Piece("understood  ", "dim"), Piece(one_line(result.understood))])
    for term, articles in why.terms:
        noun = "article" if articles == 1 else "articles"
        yield Line([Piece(f"  {articles:,} {noun} with ", "dim"), Piece(one_line(term))])
    yield Line()


def reason(score: float, why: HitWhy) -> list[Piece]:
    """Return what says what a score is made of."""
    parts = " + ".join(f"{one_line(term)} {added:.2f}" for term, added in why.terms.items())
    text = f"score {score:.2f} = ({parts or '0'})"
    if why.recency < 1:
        text += f" × {why.recency:.3f} for its age"
    if why.look:
        seen = ", ".join(f"{name} {share:.2f}" for name, share in why.look._asdict().items())
        text += f" × {why.look.factor:.2f} ({seen})"
    return [Piece(text, "dim")]


def with_reasons(told: dict[str, Any], why: Why) -> dict[str, Any]:
    """Return the object of an answer, with the reasons for its order in it."""
    hits = [{**hit, "why": _reason_object(why.hits[hit["id"]])} for hit in told["hits"]]
    terms = [{"term": term, "articles": articles} for term, articles in why.terms]
    return {**told, "hits": hits, "terms": terms}


def _reason_object(why: HitWhy) -> dict[str, Any]:
    look = why.look
    return {
        "terms": {term: round(added, 4) for term, added in why.terms.items()},
        "recency": round(why.recency, 6),
        "look": {**look._asdict(), "factor": look.factor} if look else None,
    }
