"""Every place of what is asked for, with the text around it, article by article.

Places come as articles are read, a few articles at a time, so that an archive of any size
can be gone through; only sorting by what stands around them needs all of them at once.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from newsgrep.analysis.fold import fold
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.models import PARAGRAPH_BREAK, Article, Span
from newsgrep.query.ast import And, Field, Node, TextNode, positive_texts
from newsgrep.query.match import occurrence_spans
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import group_sources, only_source, ranked_page
from newsgrep.terminal import (
    StyledLine,
    StyledText,
    display_width,
    fitting_prefix,
    fitting_suffix,
    one_line,
    pad,
    truncate,
)
from newsgrep.views.hits import csv_row, web_link


class KwicOrder(StrEnum):
    """How places are ordered: by their articles, or by the text around them."""

    RELEVANCE = "relevance"
    OLDEST = "date"
    NEWEST = "-date"
    SOURCE = "source"
    LEFT = "left"
    RIGHT = "right"


class KwicLine(NamedTuple):
    """A keyword in its context, all in the article's own text.

    ``start`` and ``end`` count characters of the title, the body or the caption, as
    ``field`` says; ``left`` and ``right`` are what stands beside it there.
    """

    id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    path: str
    field: str
    start: int
    end: int
    left: str
    keyword: str
    right: str


_FIRST_PAGE: Final = RERANK_DEPTH
_PAGE_SIZE: Final = 10_000
"""Articles that are looked up at once: a query is answered anew for each so many."""

_BATCH_SIZE: Final = 50
"""Articles that are held at once."""

_ORDERS: Final = {
    KwicOrder.RELEVANCE: Order.RELEVANCE,
    KwicOrder.OLDEST: Order.OLDEST,
    KwicOrder.NEWEST: Order.NEWEST,
}


def find_kwic_lines(
    engine: Engine, root: Node, sort: KwicOrder, *, reach: int, limit: int | None = None
) -> Iterator[KwicLine]:
    """Yield every place of what ``root`` asks for, at most ``limit``, in the order of ``sort``.

    ``reach`` is how many characters stand on either side. With ``LEFT`` and ``RIGHT``,
    which compare folded text without its white space, all places are held at once, or
    ``limit`` of them; equal ones stay as ``RELEVANCE`` has them.
    """
    match sort:
        case KwicOrder.LEFT | KwicOrder.RIGHT:
            side = _left_key if sort is KwicOrder.LEFT else _right_key
            found = _in_hit_order(engine, root, Order.RELEVANCE, reach)
            if limit is None:
                yield from sorted(found, key=side)
            else:
                yield from heapq.nsmallest(limit, found, key=side)
            return
        case KwicOrder.SOURCE:
            stream = _by_source(engine, root, reach)
        case _:
            stream = _in_hit_order(engine, root, _ORDERS[sort], reach)
    for number, place in enumerate(stream):
        if number == limit:
            return
        yield place


def _left_key(place: KwicLine) -> str:
    return "".join(fold(place.left).split())[::-1]


def _right_key(place: KwicLine) -> str:
    return "".join(fold(place.right).split())


def _by_source(engine: Engine, root: Node, reach: int) -> Iterator[KwicLine]:
    """Yield the places source by source; those without a source come last."""
    facet = engine.search(EngineRequest(root, limit=0, facets=("source",))).facets["source"]
    names = [name for name, _ in facet]
    for source in sorted(group_sources(facet), key=lambda source: (not source.name, source.name)):
        narrowed = And((root, only_source(source, names)))
        yield from _in_hit_order(engine, narrowed, Order.RELEVANCE, reach)


def _in_hit_order(engine: Engine, root: Node, order: Order, reach: int) -> Iterator[KwicLine]:
    wanted = positive_texts(root)
    ids = _ids(engine, root, order)
    while some := [article_id for _, article_id in zip(range(_BATCH_SIZE), ids, strict=False)]:
        texts = engine.folded(some)
        for article, folded in zip(engine.get(some), texts, strict=True):
            yield from article_kwic_lines(article, folded, wanted, reach)


def _ids(engine: Engine, root: Node, order: Order) -> Iterator[str]:
    offset, limit = 0, _FIRST_PAGE
    while True:
        page = ranked_page(engine, root, order, limit, offset)
        yield from (candidate.id for candidate in page.candidates)
        offset += limit
        if offset >= page.total:
            return
        limit = _PAGE_SIZE


def article_kwic_lines(
    article: Article, folded: tuple[str, str], wanted: list[TextNode], reach: int
) -> Iterator[KwicLine]:
    """Yield the places in one article: in its title, its body, and captions if asked for.

    ``folded`` are its title and body, folded. What counts as a place is for
    :func:`newsgrep.query.match.occurrence_spans` to say.
    """
    fields = [
        (Field.TITLE, article.title, folded[0]),
        (Field.BODY, article.body, folded[1]),
    ]
    if any(text.field is Field.CAPTION for text in wanted):
        fields += [(Field.CAPTION, caption, fold(caption)) for caption in article.captions]
    for field, text, folded_text in fields:
        for span in occurrence_spans(folded_text, wanted, field):
            yield _kwic_line(article, field, text, span, reach)


def _kwic_line(article: Article, field: Field, text: str, span: Span, reach: int) -> KwicLine:
    return KwicLine(
        id=article.id,
        title=article.title,
        source=article.source,
        published=article.published.iso if article.published else None,
        url=article.url,
        path=article.path,
        field=field.value,
        start=span.start,
        end=span.end,
        left=text[max(span.start - reach, 0) : span.start],
        keyword=text[span.start : span.end],
        right=text[span.end : span.end + reach],
    )


MIN_WIDTH: Final = 60
"""Cells of the narrowest line that can be asked for."""

_DATE_WIDTH: Final = 10
_SOURCE_WIDTH: Final = 12
_COLUMN_GAP: Final = 2
_MAX_KEYWORD_SHARE: Final = 3


def kwic_to_text(places: Iterable[KwicLine], width: int) -> Iterator[StyledLine]:
    """Yield a line of ``width`` cells for each place: date, source, and keyword in context.

    A paragraph's end is a ¶. The keywords begin in the same column, as near to the middle
    of the text as the first one allows; one that takes too much room is cut.
    """
    room = width - _DATE_WIDTH - _SOURCE_WIDTH - 2 * _COLUMN_GAP
    before = 0
    for place in places:
        keyword = truncate(_shown(place.keyword), room // _MAX_KEYWORD_SHARE)
        if not before:
            before = (room - 2 - display_width(keyword)) // 2
        after = room - 2 - before - display_width(keyword)
        left = pad(fitting_suffix(_shown(place.left), before), before, right=True)
        source = pad(truncate(one_line(place.source or ""), _SOURCE_WIDTH), _SOURCE_WIDTH)
        yield StyledLine(
            [
                StyledText(
                    pad((place.published or "")[:_DATE_WIDTH], _DATE_WIDTH + _COLUMN_GAP), "dim"
                ),
                StyledText(source, "source", web_link(place.url)),
                StyledText(" " * _COLUMN_GAP + left + " "),
                StyledText(keyword, "mark"),
                StyledText(" " + fitting_prefix(_shown(place.right), after)),
            ]
        )


def cut_context(place: KwicLine, room: int) -> KwicLine:
    """Return ``place`` with at most ``room`` cells of text on either side."""
    return place._replace(
        left=fitting_suffix(place.left, room), right=fitting_prefix(place.right, room)
    )


def kwic_to_csv(places: Iterable[KwicLine]) -> Iterator[str]:
    """Yield a heading and one row a place; a paragraph's end is a ¶ here, too."""
    yield csv_row(KwicLine._fields)
    for place in places:
        flat = place._replace(
            path=os.fsencode(place.path).decode("utf-8", "replace"),
            left=_flat(place.left),
            keyword=_flat(place.keyword),
            right=_flat(place.right),
        )
        yield csv_row("" if cell is None else cell for cell in flat)


def _flat(text: str) -> str:
    return text.replace(PARAGRAPH_BREAK, "¶").replace("\n", " ")


def _shown(text: str) -> str:
    return one_line(_flat(text))
