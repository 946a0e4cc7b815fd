"""The one use case of asking: a query goes to an engine, its hits come back with snippets.

The command line calls this, and so may anything else; nothing here prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from newsgrep.cursor import Cursor, cursor_of, token_for
from newsgrep.engines.base import Candidate, Engine, Order, Page
from newsgrep.engines.recency import Recency
from newsgrep.errors import UsageError
from newsgrep.models import Article, Hit, Snippet
from newsgrep.places import matched_spans, matches_in
from newsgrep.query.describe import describe
from newsgrep.query.leaves import named
from newsgrep.query.parser import Query
from newsgrep.query.tree import And, Field, Name, Node, Or, Text, wanted_texts
from newsgrep.rerank import MOST, Folded, Look, second_look, worth_a_look
from newsgrep.text.matching import merged_spans
from newsgrep.text.snippets import MOST_WINDOWS, WIDTH, snippets

if TYPE_CHECKING:
    from newsgrep.query.zones import Calendar

_START: Final = Cursor()


class Request(NamedTuple):
    """What is asked: a query, and which part of the answer in which order.

    ``after`` is the ``next`` of a page before; ``offset`` hits are passed over beyond it.
    """

    query: Query
    order: Order = Order.RELEVANCE
    limit: int = 10
    offset: int = 0
    facets: Sequence[str] = ()
    snippet_width: int = WIDTH
    most_snippets: int = MOST_WINDOWS
    recency: Recency | None = None
    after: str = ""


class Result(NamedTuple):
    """The answer: the exact total, the hits of the page, and how it was understood.

    ``looks`` says by id what the second look saw in the best articles, where there was one.
    ``offset`` hits stand before the page; with ``next`` the page after it is asked for.
    """

    request: Request
    understood: str
    total: int
    hits: tuple[Hit, ...]
    took_ms: float
    facets: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType({})
    looks: Mapping[str, Look] = MappingProxyType({})
    offset: int = 0
    next: str | None = None


class Answer(NamedTuple):
    """A page in its final order, the texts read for it, what was seen in them, where it ends."""

    page: Page
    folded: dict[str, Folded]
    looks: dict[str, Look]
    end: Cursor


def search(engine: Engine, request: Request) -> Result:
    """Return the page of hits that ``request`` asks for.

    Raises :class:`UsageError` where ``request.after`` is not for this query and index.
    """
    started = time.perf_counter()
    root, order, commit = request.query.root, request.order, engine.commit()
    if request.after and request.recency:
        raise UsageError(
            "--after does not go with --recency, whose scores change while time goes by: use "
            "--offset."
        )
    cursor = cursor_of(request.after, root, order, commit) if request.after else Cursor()
    page, folded, looks, end = page_of(engine, request, cursor)
    hits = hits_of(engine, page.candidates, request, page.before + 1, folded)
    offset = page.before if request.after else request.offset
    more = bool(hits) and page.before + len(hits) < page.total and not request.recency
    following = token_for(end, root, order, commit) if more else None
    took = (time.perf_counter() - started) * 1000
    understood = describe(root)
    return Result(
        request, understood, page.total, hits, took, page.facets, looks, offset, following
    )


def hits_of(
    engine: Engine,
    candidates: Sequence[Candidate],
    request: Request,
    first_rank: int = 1,
    folded: Mapping[str, Folded] = MappingProxyType({}),
) -> tuple[Hit, ...]:
    """Return ``candidates`` as hits for ``request``; ``folded`` are texts that are known."""
    wanted = wanted_texts(request.query.root)
    ids = [candidate.id for candidate in candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    texts = {**folded, **dict(zip(missing, engine.folded(missing), strict=True))}
    return tuple(
        make_hit(rank, candidate.score, article, texts[article.id], wanted, request)
        for rank, (candidate, article) in enumerate(
            zip(candidates, engine.get(ids), strict=True), first_rank
        )
    )


def page_of(engine: Engine, request: Request, cursor: Cursor = _START) -> Answer:
    """Return the page in its final order, from ``cursor`` and the request's offset on."""
    root, order, recency = request.query.root, request.order, request.recency
    wanted = wanted_texts(root)
    offset = cursor.rank + request.offset
    end = offset + request.limit
    looks_again = order is Order.RELEVANCE and request.limit > 0 and worth_a_look(wanted)
    if not looks_again or cursor.last or not 0 <= offset < MOST:
        page = engine.search(
            root, order, request.limit, offset, request.facets, recency, cursor.last
        )
        last = page.candidates[-1] if page.candidates else None
        return Answer(page, {}, {}, Cursor(last=last))
    # Always the same hundred, so that pages neither repeat nor skip.
    page = engine.search(root, order, max(end, MOST), 0, request.facets, recency)
    best, rest = page.candidates[:MOST], page.candidates[MOST:]
    ids = [candidate.id for candidate in best]
    texts = engine.folded(ids)
    looked = second_look(best, texts, wanted)
    shown = (*(each.candidate for each in looked), *rest)[offset:end]
    # Beyond the hundred the first order holds, and there the place is that of its last one.
    first = page.candidates[:end]
    return Answer(
        Page(page.total, shown, page.facets, min(offset, page.total)),
        dict(zip(ids, texts, strict=True)),
        {each.candidate.id: each.look for each in looked},
        Cursor(last=first[-1]) if len(first) >= MOST else Cursor(rank=len(first)),
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


def filters(
    sources: Iterable[str] = (), since: str = "", until: str = "", calendar: Calendar | None = None
) -> list[Node]:
    """Return what narrows to one of ``sources`` and to these days of ``calendar``.

    Empty ones do not. Raises :class:`UsageError` for what is no date.
    """
    found: list[Node] = []
    if wanted := tuple(named(Name.SOURCE, name) for name in sources):
        found.append(Or(wanted) if len(wanted) > 1 else wanted[0])
    if since or until:
        from newsgrep.query.dates import since_until
        from newsgrep.query.zones import calendar_in

        found.append(since_until(since, until, calendar or calendar_in()))
    return found


def narrowed(query: Query, filters: Iterable[Node]) -> Query:
    """Return ``query`` with ``filters`` that must match as well."""
    children = (query.root, *filters)
    return query._replace(root=And(children)) if len(children) > 1 else query
