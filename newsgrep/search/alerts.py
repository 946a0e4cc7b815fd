"""What has come into an archive for a query since somebody looked: the use case of ``new``.

Articles are remembered, not times: dates are what articles say, and files come late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order, ScoredDoc
from newsgrep.index.user_state import SeenArticles, article_key
from newsgrep.models import Hit
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import Query
from newsgrep.search.search import SearchRequest, make_hits

_BATCH_SIZE: Final = 100


class NewArticles(NamedTuple):
    """The articles that are new for a query, newest first, and all that are in the archive."""

    query: Query
    candidates: tuple[ScoredDoc, ...]
    present: frozenset[int]


def find_new(
    engine: Engine, query: Query, seen: SeenArticles | None, *, begin_with_all: bool
) -> NewArticles:
    """Return the matches that were not in the archive when it was ``seen``.

    An article that was there and matches only now is not new. Where nothing was seen yet,
    nothing is new, or with ``begin_with_all`` everything is.
    """
    if seen is not None and seen.commit == engine.commit():
        return NewArticles(query, (), seen.articles)
    everything = engine.search(EngineRequest(MatchAll(), Order.NEWEST, limit=_NO_LIMIT)).candidates
    present = frozenset(article_key(candidate.id) for candidate in everything)
    known = seen.articles if seen else frozenset() if begin_with_all else present
    found: tuple[ScoredDoc, ...] = ()
    if not present <= known:
        matching = engine.search(
            EngineRequest(query.root, Order.NEWEST, limit=_NO_LIMIT)
        ).candidates
        found = tuple(each for each in matching if article_key(each.id) not in known)
    return NewArticles(query, found, present)


_NO_LIMIT: Final = 2**62


def new_hits(engine: Engine, new: NewArticles) -> Iterator[Hit]:
    """Yield the new articles as hits, ranked from 1."""
    request = SearchRequest(new.query, Order.NEWEST)
    for start in range(0, len(new.candidates), _BATCH_SIZE):
        yield from make_hits(
            engine, new.candidates[start : start + _BATCH_SIZE], request, start + 1
        )
