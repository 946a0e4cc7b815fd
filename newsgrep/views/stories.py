"""Hits folded into stories: reprints of one text are one hit that tells who else has it.

Stories are made among the best hits of the whole answer, whatever page is shown, so that
pages neither repeat nor skip.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from time import perf_counter
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine
from newsgrep.models import ARCHIVE_ZONE, GUESSED_DATES, Article, Precision
from newsgrep.query.describe import describe
from newsgrep.search import Request, Result, hits_of, page_of
from newsgrep.views.reprints import likeness, stories

WINDOW: Final = 300
"""How many of the first hits, in the order asked for, are compared; later ones stand alone."""


class Story(NamedTuple):
    """Who else has the article that is shown.

    ``others`` are in the order of their dates, those without one last. ``first`` is the
    id of the article, shown or other, that was published before all others; ``None``
    where their dates do not tell.
    """

    others: tuple[Article, ...]
    first: str | None


class Folded(NamedTuple):
    """A page of stories.

    ``result.hits`` shows the best-ranked article of each, ranks count stories, and
    ``result.total`` still counts articles. ``stories[n]`` belongs to the hit n.
    ``compared`` is how many articles were compared, ``distinct`` how many stories they are.
    """

    result: Result
    stories: tuple[Story, ...]
    compared: int
    distinct: int


def search_stories(engine: Engine, request: Request) -> Folded:
    """Return the page of stories that ``request`` asks for; its offset counts stories."""
    started = perf_counter()
    window, folded, looks, _ = page_of(engine, request._replace(offset=0, limit=WINDOW))
    ids = [candidate.id for candidate in window.candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    folded |= zip(missing, engine.folded(missing), strict=True)
    articles = engine.get(ids)
    groups = stories([likeness(*folded[each.id], each.source) for each in articles])
    end = request.offset + request.limit
    shown = groups[request.offset : end]
    candidates = [window.candidates[group[0]] for group in shown]
    told = [_story([articles[place] for place in group]) for group in shown]
    if end > len(groups) and window.total > len(ids):
        # What lies beyond the window follows its stories, one article each.
        start = max(request.offset - len(groups), 0)
        rest = request._replace(
            offset=WINDOW + start, limit=end - max(len(groups), request.offset), facets=()
        )
        beyond = page_of(engine, rest).page
        candidates += beyond.candidates
        told += [Story((), None)] * len(beyond.candidates)
    hits = hits_of(engine, candidates, request, request.offset + 1, folded)
    took = (perf_counter() - started) * 1000
    understood = describe(request.query.root)
    result = Result(request, understood, window.total, hits, took, window.facets, looks)
    return Folded(result, tuple(told), len(ids), len(groups))


def _story(articles: list[Article]) -> Story:
    others = articles[1:]
    others.sort(key=lambda article: (_span(article) or _UNKNOWN, article.id))
    return Story(tuple(others), first_published(articles))


def first_published(articles: Iterable[Article]) -> str | None:
    """Return the id of the article that was certainly published before all others.

    A date known to the day is any moment of that day, so it is not before a time on the
    same day. Articles without a date, or with that of their file only, are passed over;
    ``None`` where that leaves fewer than two, or their order is not known.
    """
    spans = {article.id: span for article in articles if (span := _span(article))}
    if len(spans) < _FEWEST:
        return None
    earliest = min(spans, key=lambda each: spans[each][1])
    before = spans[earliest][1]
    later = (begins for each, (begins, _) in spans.items() if each != earliest)
    return earliest if all(before <= begins for begins in later) else None


_FEWEST: Final = 2
_UNKNOWN: Final = (float("inf"), float("inf"))
_SECONDS: Final = {Precision.SECOND: 1.0, Precision.MINUTE: 60.0}
_DAY: Final = 86_400.0


def _span(article: Article) -> tuple[float, float] | None:
    """Return the seconds from which and before which an article must have been published."""
    published = article.published
    if published is None or article.found.get("published") in GUESSED_DATES:
        return None
    if seconds := _SECONDS.get(published.precision):
        begins = published.sort_key()
        return begins, begins + seconds
    first, last = (
        datetime.combine(day, time.min, ARCHIVE_ZONE).timestamp()
        for day in published.days(ARCHIVE_ZONE)
    )
    return first, last + _DAY
