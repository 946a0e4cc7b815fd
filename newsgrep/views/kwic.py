"""Every place of what is asked for, with the text around it, article by article.

Places come as articles are read, a few articles at a time, so that an archive of any size
can be gone through; only sorting by what stands around them needs all of them at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, Order
from newsgrep.models import Article, Span
from newsgrep.places import all_spans
from newsgrep.query.tree import And, Field, Node, Text, wanted_texts
from newsgrep.rerank import MOST
from newsgrep.search import ranked
from newsgrep.text.fold import fold
from newsgrep.views.sources import grouped, only


class Sort(StrEnum):
    """How places are ordered: by their articles, or by the text around them."""

    RELEVANCE = "relevance"
    OLDEST = "date"
    NEWEST = "-date"
    SOURCE = "source"
    LEFT = "left"
    RIGHT = "right"


class Place(NamedTuple):
    """A keyword in its context, all in the article's own text.

    ``start`` and ``end`` count characters of the title, the body or the caption, as
    ``zone`` says; ``left`` and ``right`` are what stands beside it there.
    """

    id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    path: str
    zone: str
    start: int
    end: int
    left: str
    keyword: str
    right: str


_FIRST_PAGE: Final = MOST
_PAGE: Final = 10_000
"""Articles that are looked up at once: a query is answered anew for each so many."""

_TOGETHER: Final = 50
"""Articles that are held at once."""

_ORDERS: Final = {
    Sort.RELEVANCE: Order.RELEVANCE,
    Sort.OLDEST: Order.OLDEST,
    Sort.NEWEST: Order.NEWEST,
}


def places(
    engine: Engine, root: Node, sort: Sort, *, reach: int, limit: int | None = None
) -> Iterator[Place]:
    """Yield every place of what ``root`` asks for, at most ``limit``, in the order of ``sort``.

    ``reach`` is how many characters stand on either side. With ``LEFT`` and ``RIGHT``,
    which compare folded text without its white space, all places are held at once, or
    ``limit`` of them; equal ones stay as ``RELEVANCE`` has them.
    """
    match sort:
        case Sort.LEFT | Sort.RIGHT:
            side = _leftwards if sort is Sort.LEFT else _rightwards
            found = _in_order(engine, root, Order.RELEVANCE, reach)
            if limit is None:
                yield from sorted(found, key=side)
            else:
                yield from heapq.nsmallest(limit, found, key=side)
            return
        case Sort.SOURCE:
            stream = _by_source(engine, root, reach)
        case _:
            stream = _in_order(engine, root, _ORDERS[sort], reach)
    for number, place in enumerate(stream):
        if number == limit:
            return
        yield place


def _leftwards(place: Place) -> str:
    return "".join(fold(place.left).split())[::-1]


def _rightwards(place: Place) -> str:
    return "".join(fold(place.right).split())


def _by_source(engine: Engine, root: Node, reach: int) -> Iterator[Place]:
    """Yield the places source by source; those without a source come last."""
    facet = engine.search(root, limit=0, facets=("source",)).facets["source"]
    names = [name for name, _ in facet]
    for source in sorted(grouped(facet), key=lambda source: (not source.name, source.name)):
        narrowed = And((root, only(source, names)))
        yield from _in_order(engine, narrowed, Order.RELEVANCE, reach)


def _in_order(engine: Engine, root: Node, order: Order, reach: int) -> Iterator[Place]:
    wanted = wanted_texts(root)
    ids = _ids(engine, root, order)
    while some := [article_id for _, article_id in zip(range(_TOGETHER), ids, strict=False)]:
        texts = engine.folded(some)
        for article, folded in zip(engine.get(some), texts, strict=True):
            yield from places_in(article, folded, wanted, reach)


def _ids(engine: Engine, root: Node, order: Order) -> Iterator[str]:
    offset, limit = 0, _FIRST_PAGE
    while True:
        page = ranked(engine, root, order, limit, offset)
        yield from (candidate.id for candidate in page.candidates)
        offset += limit
        if offset >= page.total:
            return
        limit = _PAGE


def places_in(
    article: Article, folded: tuple[str, str], wanted: list[Text], reach: int
) -> Iterator[Place]:
    """Yield the places in one article: in its title, its body, and captions if asked for.

    ``folded`` are its title and body, folded. What counts as a place is for
    :func:`newsgrep.places.all_spans` to say.
    """
    zones = [
        (Field.TITLE, article.title, folded[0]),
        (Field.BODY, article.body, folded[1]),
    ]
    if any(text.field is Field.CAPTION for text in wanted):
        zones += [(Field.CAPTION, caption, fold(caption)) for caption in article.captions]
    for field, text, folded_text in zones:
        for span in all_spans(folded_text, wanted, field):
            yield _place(article, field, text, span, reach)


def _place(article: Article, field: Field, text: str, span: Span, reach: int) -> Place:
    return Place(
        id=article.id,
        title=article.title,
        source=article.source,
        published=article.published.iso if article.published else None,
        url=article.url,
        path=article.path,
        zone=field.value,
        start=span.start,
        end=span.end,
        left=text[max(span.start - reach, 0) : span.start],
        keyword=text[span.start : span.end],
        right=text[span.end : span.end + reach],
    )
