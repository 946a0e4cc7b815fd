"""New articles for a saved query: the matches that were not in the index on the last run.

The state is a set of articles, not a time: publication dates are what articles claim, and
files may be added long after their date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order, ScoredDoc
from newsgrep.indexing.user_state import SeenArticles, article_key
from newsgrep.messages import _
from newsgrep.models import Hit
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import Query
from newsgrep.search.search import SearchRequest, make_hits
from newsgrep.terminal import Screen, StyledLine, StyledText
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.hits import hit_lines

_BATCH_SIZE: Final = 100
"""Articles that are read at once."""

_NO_LIMIT: Final = 2**62


class NewArticles(NamedTuple):
    """The new articles for the saved query ``name``, newest first.

    ``hits`` is read while it is printed. ``present`` are the keys of all articles that are in
    the index now, to be remembered as seen. ``first_run``: no earlier run has marked articles.
    """

    name: str
    total: int
    hits: Iterator[Hit]
    present: frozenset[int]
    first_run: bool = False


def find_new(
    engine: Engine, name: str, query: Query, seen: SeenArticles | None, *, include_existing: bool
) -> NewArticles:
    """Return the matches of ``query`` that are not in ``seen``, the state of the last run.

    An article that was seen and matches only now is not new. On the first run (``seen`` is
    ``None``) nothing is new, or everything with ``include_existing``.
    """
    if seen is not None and seen.commit == engine.commit():
        return NewArticles(name, 0, iter(()), seen.articles)
    everything = engine.search(EngineRequest(MatchAll(), Order.NEWEST, limit=_NO_LIMIT)).candidates
    present = frozenset(article_key(candidate.id) for candidate in everything)
    known = seen.articles if seen else frozenset() if include_existing else present
    unseen: tuple[ScoredDoc, ...] = ()
    if not present <= known:
        request = EngineRequest(query.root, Order.NEWEST, limit=_NO_LIMIT)
        matching = engine.search(request).candidates
        unseen = tuple(each for each in matching if article_key(each.id) not in known)
    hits = _read_hits(engine, query, unseen)
    return NewArticles(name, len(unseen), hits, present, first_run=seen is None)


def _read_hits(engine: Engine, query: Query, unseen: tuple[ScoredDoc, ...]) -> Iterator[Hit]:
    request = SearchRequest(query, Order.NEWEST)
    for start in range(0, len(unseen), _BATCH_SIZE):
        yield from make_hits(engine, unseen[start : start + _BATCH_SIZE], request, start + 1)


def to_text(new: NewArticles, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a heading and the new articles; nothing if there are none."""
    if not new.total:
        return
    yield StyledLine(
        [StyledText(_("{name}: {total:,} new", name=new.name, total=new.total), "title")]
    )
    yield StyledLine()
    indent = len(str(new.total)) + 2
    for hit in new.hits:
        yield from hit_lines(hit, indent)
        yield StyledLine()


def to_json(found: Sequence[NewArticles]) -> dict[str, Any]:
    """Return the new articles of several saved queries as one object."""
    queries = [
        {
            "saved": new.name,
            "first_run": new.first_run,
            "total": new.total,
            "articles": list(_article_objects(new)),
        }
        for new in found
    ]
    return {"version": SCHEMA_VERSION, "queries": queries}


def to_jsonl(new: NewArticles) -> Iterator[dict[str, Any]]:
    """Yield an object for each new article; docs/new.schema.json describes it."""
    for fields in _article_objects(new):
        yield {"version": SCHEMA_VERSION, "saved": new.name, **fields}


def _article_objects(new: NewArticles) -> Iterator[dict[str, Any]]:
    for hit in new.hits:
        fields = hit.to_dict()
        del fields["score"]
        yield fields
