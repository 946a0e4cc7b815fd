"""What has come into an archive for a query since somebody looked: the use case of ``new``.

Articles are remembered, not times: dates are what articles say, and files come late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from newsgrep.archive.seen import Seen, number_of
from newsgrep.engines.base import Candidate, Engine, Order
from newsgrep.models import Hit
from newsgrep.query.parser import Query
from newsgrep.query.tree import Everything
from newsgrep.search import Request, hits_of

_AT_ONCE: Final = 100


class New(NamedTuple):
    """The articles that are new for a query, newest first, and all that are in the archive."""

    query: Query
    candidates: tuple[Candidate, ...]
    present: frozenset[int]


def what_is_new(engine: Engine, query: Query, seen: Seen | None, *, begin_with_all: bool) -> New:
    """Return the matches that were not in the archive when it was ``seen``.

    An article that was there and matches only now is not new. Where nothing was seen yet,
    nothing is new, or with ``begin_with_all`` everything is.
    """
    if seen is not None and seen.commit == engine.commit():
        return New(query, (), seen.articles)
    everything = engine.search(Everything(), Order.NEWEST, limit=_ALL).candidates
    present = frozenset(number_of(candidate.id) for candidate in everything)
    known = seen.articles if seen else frozenset() if begin_with_all else present
    found: tuple[Candidate, ...] = ()
    if not present <= known:
        matching = engine.search(query.root, Order.NEWEST, limit=_ALL).candidates
        found = tuple(each for each in matching if number_of(each.id) not in known)
    return New(query, found, present)


_ALL: Final = 2**62


def hits_in(engine: Engine, new: New) -> Iterator[Hit]:
    """Yield the new articles as hits, ranked from 1."""
    request = Request(new.query, Order.NEWEST)
    for start in range(0, len(new.candidates), _AT_ONCE):
        yield from hits_of(engine, new.candidates[start : start + _AT_ONCE], request, start + 1)
