"""The one use case of asking: a query goes to an engine, its hits come back with snippets.

The command line calls this, and so may anything else; nothing here prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from newsgrep.engines.base import Candidate, Engine, Order, Page
from newsgrep.engines.recency import Recency
from newsgrep.models import Article, Hit, Snippet
from newsgrep.places import matched_spans, matches_in
from newsgrep.query.describe import describe
from newsgrep.query.parser import Query
from newsgrep.query.tree import And, Field, Node, Text, wanted_texts
from newsgrep.rerank import MOST, Folded, Look, second_look, worth_a_look
from newsgrep.text.matching import merged_spans
from newsgrep.text.snippets import MOST_WINDOWS, WIDTH, snippets


class Request(NamedTuple):
    """What is asked: a query, and which part of the answer in which order."""

    query: Query
    order: Order = Order.RELEVANCE
    limit: int = 10
    offset: int = 0
    facets: Sequence[str] = ()
    snippet_width: int = WIDTH
    most_snippets: int = MOST_WINDOWS
    recency: Recency | None = None


class Result(NamedTuple):
    """The answer: the exact total, the hits of the page, and how it was understood.

    ``looks`` says by id what the second look saw in the best articles, where there was one.
    """

    request: Request
    understood: str
    total: int
    hits: tuple[Hit, ...]
    took_ms: float
    facets: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType({})
    looks: Mapping[str, Look] = MappingProxyType({})


class Answer(NamedTuple):
    """A page in its final order, the texts that were read for it, and what was seen in them."""

    page: Page
    folded: dict[str, Folded]
    looks: dict[str, Look]


def search(engine: Engine, request: Request) -> Result:
    """Return the page of hits that ``request`` asks for."""
    started = time.perf_counter()
    root = request.query.root
    answer = page_of(engine, request)
    hits = hits_of(engine, request, answer.page.candidates, answer.folded)
    took = (time.perf_counter() - started) * 1000
    page = answer.page
    return Result(request, describe(root), page.total, hits, took, page.facets, answer.looks)


def hits_of(
    engine: Engine, request: Request, candidates: Sequence[Candidate], folded: dict[str, Folded]
) -> tuple[Hit, ...]:
    """Return candidates as the hits from the request's offset on; ``folded`` are texts known."""
    wanted = wanted_texts(request.query.root)
    ids = [candidate.id for candidate in candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    folded |= zip(missing, engine.folded(missing), strict=True)
    return tuple(
        make_hit(rank, candidate.score, article, folded[article.id], wanted, request)
        for rank, (candidate, article) in enumerate(
            zip(candidates, engine.get(ids), strict=True), request.offset + 1
        )
    )


def page_of(engine: Engine, request: Request) -> Answer:
    """Return the page in its final order."""
    root, order, recency = request.query.root, request.order, request.recency
    wanted = wanted_texts(root)
    end = request.offset + request.limit
    looks_again = order is Order.RELEVANCE and request.limit > 0 and worth_a_look(wanted)
    if not looks_again or not 0 <= request.offset < MOST:
        page = engine.search(root, order, request.limit, request.offset, request.facets, recency)
        return Answer(page, {}, {})
    # Always the same hundred, so that pages neither repeat nor skip.
    page = engine.search(root, order, max(end, MOST), 0, request.facets, recency)
    best, rest = page.candidates[:MOST], page.candidates[MOST:]
    ids = [candidate.id for candidate in best]
    texts = engine.folded(ids)
    looked = second_look(best, texts, wanted)
    shown = (*(each.candidate for each in looked), *rest)[request.offset : end]
    return Answer(
        Page(page.total, shown, page.facets),
        dict(zip(ids, texts, strict=True)),
        {each.candidate.id: each.look for each in looked},
    )


def make_hit(
    rank: int,
    score: float,
    article: Article,
    folded: Folded,
    wanted: Sequence[Text],
    request: Request,
) -> Hit:
    """Return ``article`` as a hit, with what matched in its title and its snippets."""
    title, body = folded
    windows = snippets(
        article.body,
        body,
        matches_in(body, wanted, Field.BODY),
        width=request.snippet_width,
        most=request.most_snippets,
    )
    return Hit(
        rank=rank,
        score=score,
        article=article,
        title_spans=merged_spans(matches_in(title, wanted, Field.TITLE)),
        snippets=(*windows, *_caption_snippets(article, wanted)),
    )


def ranked(engine: Engine, root: Node, order: Order, limit: int, offset: int) -> Page:
    """Return the page of candidates in the order in which :func:`search` shows them."""
    return page_of(engine, Request(Query("", root), order, limit, offset)).page


def _caption_snippets(article: Article, wanted: Sequence[Text]) -> list[Snippet]:
    if not any(text.field is Field.CAPTION for text in wanted):
        return []
    marked = (
        (caption, matched_spans(caption, wanted, Field.CAPTION)) for caption in article.captions
    )
    return [
        Snippet(caption, spans, 0, False, False, zone="caption")
        for caption, spans in marked
        if spans
    ]


def narrowed(query: Query, filters: Iterable[Node]) -> Query:
    """Return ``query`` with ``filters`` that must match as well."""
    children = (query.root, *filters)
    return query._replace(root=And(children)) if len(children) > 1 else query
