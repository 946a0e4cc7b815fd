"""The one use case of asking: a query goes to an engine, its hits come back with snippets.

The command line calls this, and so may anything else; nothing here prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from newsgrep.cursor import Cursor, cursor_of, token_for
from newsgrep.engines.base import Candidate, Engine, Order, Page
from newsgrep.models import Article, Hit, Snippet, Span
from newsgrep.query.describe import describe
from newsgrep.query.parser import Query, dates, named
from newsgrep.query.tree import And, Field, Name, Node, Or, Text, Words, wanted_texts
from newsgrep.text.fold import fold
from newsgrep.text.literal import holds_literal
from newsgrep.text.matching import Needle, find_matches, merged_spans
from newsgrep.text.snippets import MOST_WINDOWS, WIDTH, snippets

SECOND_LOOK: Final = 100
"""How many of the best hits are looked at again with their text, whatever page is shown."""

Folded = tuple[str, str]
"""Title and body of an article, folded."""

_TOGETHER_IN_TITLE: Final = 1.0
_TOGETHER_IN_BODY: Final = 0.5


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
    after: str = ""


class Result(NamedTuple):
    """The answer: the exact total, the hits of the page, and how it was understood.

    ``offset`` hits stand before the page; with ``next`` the page after it is asked for.
    """

    request: Request
    understood: str
    total: int
    hits: tuple[Hit, ...]
    took_ms: float
    facets: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType({})
    offset: int = 0
    next: str | None = None


def search(engine: Engine, request: Request) -> Result:
    """Return the page of hits that ``request`` asks for.

    Raises :class:`UsageError` where ``request.after`` is not for this query and index.
    """
    started = time.perf_counter()
    root, order, commit = request.query.root, request.order, engine.commit()
    cursor = cursor_of(request.after, root, order, commit) if request.after else Cursor()
    page, folded, end = _page(engine, request, cursor)
    hits = hits_of(engine, page.candidates, request, page.before + 1, folded)
    offset = page.before if request.after else request.offset
    more = end if hits and page.before + len(hits) < page.total else None
    following = token_for(more, root, order, commit) if more else None
    took = (time.perf_counter() - started) * 1000
    return Result(request, describe(root), page.total, hits, took, page.facets, offset, following)


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


def _page(
    engine: Engine, request: Request, cursor: Cursor
) -> tuple[Page, dict[str, Folded], Cursor]:
    """Return the page, the folded texts that were read to order it, and where it ends."""
    root, order = request.query.root, request.order
    looser = [
        text for text in wanted_texts(root) if isinstance(text, Words) and len(text.terms) > 1
    ]
    offset = cursor.rank + request.offset
    end = offset + request.limit
    looks_again = order is Order.RELEVANCE and looser and request.limit > 0
    if not looks_again or cursor.last or not 0 <= offset < SECOND_LOOK:
        page = engine.search(root, order, request.limit, offset, request.facets, cursor.last)
        return page, {}, Cursor(last=page.candidates[-1] if page.candidates else None)
    # Always the same hundred, so that pages neither repeat nor skip.
    page = engine.search(root, order, max(end, SECOND_LOOK), 0, request.facets)
    best, rest = page.candidates[:SECOND_LOOK], page.candidates[SECOND_LOOK:]
    ids = [candidate.id for candidate in best]
    folded = dict(zip(ids, engine.folded(ids), strict=True))
    again = [c._replace(score=c.score * _togetherness(folded[c.id], looser)) for c in best]
    again.sort(key=lambda candidate: -candidate.score)
    shown = (*again, *rest)[offset:end]
    # Beyond the hundred the first order holds, and there the place is that of its last one.
    first = page.candidates[:end]
    ends = Cursor(last=first[-1]) if len(first) >= SECOND_LOOK else Cursor(rank=len(first))
    return Page(page.total, shown, page.facets, min(offset, page.total)), folded, ends


def _togetherness(folded: Folded, looser: Iterable[Words]) -> float:
    """Return by how much words that stand together as typed lift an article."""
    title, body = folded
    factor = 1.0
    for words in looser:
        if holds_literal(title, words.literal):
            factor += _TOGETHER_IN_TITLE
        if holds_literal(body, words.literal):
            factor += _TOGETHER_IN_BODY
    return factor


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
        find_matches(body, _needles(wanted, Field.BODY)),
        width=request.snippet_width,
        most=request.most_snippets,
    )
    return Hit(
        rank=rank,
        score=score,
        article=article,
        title_spans=merged_spans(find_matches(title, _needles(wanted, Field.TITLE))),
        snippets=(*windows, *_caption_snippets(article, wanted)),
    )


def matched_spans(text: str, wanted: Iterable[Text], field: Field) -> tuple[Span, ...]:
    """Return what of ``text``, a title, body or caption as ``field`` says, is asked for."""
    return merged_spans(find_matches(fold(text), _needles(wanted, field)))


def _needles(wanted: Iterable[Text], field: Field) -> list[Needle]:
    allowed = {field, Field.TEXT} if field is not Field.CAPTION else {Field.CAPTION}
    return [
        Needle(text.literal, text.terms if isinstance(text, Words) else ())
        for text in wanted
        if text.field in allowed
    ]


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


def filters(sources: Iterable[str] = (), since: str = "", until: str = "") -> list[Node]:
    """Return what narrows to one of ``sources`` and to these days; empty ones do not.

    Raises :class:`UsageError` for what is no date.
    """
    found: list[Node] = []
    if wanted := tuple(named(Name.SOURCE, name) for name in sources):
        found.append(Or(wanted) if len(wanted) > 1 else wanted[0])
    if since or until:
        found.append(dates(since=since, until=until))
    return found


def narrowed(query: Query, filters: Iterable[Node]) -> Query:
    """Return ``query`` with ``filters`` that must match as well."""
    children = (query.root, *filters)
    return Query(query.text, And(children)) if len(children) > 1 else query
