"""The one use case of asking: a query goes to an engine, its hits come back with snippets.

The command line calls this, and so may anything else; nothing here prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from newsgrep.engines.base import Candidate, Engine, Order, Page
from newsgrep.engines.recency import Recency
from newsgrep.models import Article, Hit, Snippet, Span
from newsgrep.query.describe import describe
from newsgrep.query.parser import Query
from newsgrep.query.spots import find
from newsgrep.query.tree import And, Field, Near, Node, Phrase, Spot, Text, Words, wanted_texts
from newsgrep.rerank import MOST, Folded, Look, second_look, worth_a_look
from newsgrep.text.fold import fold
from newsgrep.text.matching import Match, Needle, find_matches, merged_spans
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


def matched_spans(text: str, wanted: Iterable[Text], field: Field) -> tuple[Span, ...]:
    """Return what of ``text``, a title, body or caption as ``field`` says, is asked for."""
    return merged_spans(matches_in(fold(text), wanted, field))


def matches_in(folded: str, wanted: Iterable[Text], field: Field) -> list[Match]:
    """Return where in a folded text wanted texts stand; ``field`` says what the text is.

    By start; they may overlap.
    """
    allowed = {field, Field.TEXT} if field is not Field.CAPTION else {Field.CAPTION}
    here = [text for text in wanted if text.field in allowed]
    needles = [
        Needle(text.literal, text.terms if isinstance(text, Words) else ())
        for text in here
        if isinstance(text, Words | Phrase)
    ]
    found = find_matches(folded, needles)
    for spot in here:
        if not isinstance(spot, Words | Phrase):
            found += _places_of(folded, spot)
    return sorted(found, key=lambda match: (match.start, -match.end))


_MOST_PLACES: Final = 500


def _places_of(folded: str, spot: Spot) -> list[Match]:
    """Return the places of a pattern; of what is near, those of its sides."""
    if isinstance(spot, Near):
        spans = list(islice(find(folded, spot), _MOST_PLACES))
        sides = (match for side in (spot.left, spot.right) for match in _places_of(folded, side))
        return [m for m in sides if any(start <= m.start and m.end <= end for start, end in spans)]
    spans = list(islice(find(folded, spot), _MOST_PLACES))
    return [Match(start, end, describe(spot), 4.0) for start, end in spans]


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
