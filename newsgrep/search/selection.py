"""All matches of a query, or a fixed random sample of them, read a few at a time.

A sample depends on its size, its seed, the ids of the matches, and nothing else: the same query
gives the same sample in every index of the same articles, whatever its engine is. If articles are
added, most of a sample stays.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from newsgrep.engines.base import Engine, Order, ScoredDoc
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import ranked_page

_Match = TypeVar("_Match")

_FIRST_PAGE: Final = RERANK_DEPTH
_PAGE_SIZE: Final = 10_000
"""Articles per search: each page runs the query again."""

_BATCH_SIZE: Final = 50
"""Articles that are in memory at once."""


class Sample(NamedTuple):
    """How many matches to choose at random, and the seed of the choice."""

    size: int
    seed: str = "1"


class Stored(NamedTuple):
    """An article with the record of its file, ``None`` if another process has just deleted it."""

    article: Article
    file_record: FileRecord | None


def iter_ids(engine: Engine, root: Node, order: Order) -> Iterator[str]:
    """Yield the ids of all matches in the order in which a search returns them."""
    return (candidate.id for candidate in iter_candidates(engine, root, order))


def iter_candidates(engine: Engine, root: Node, order: Order) -> Iterator[ScoredDoc]:
    """Yield all matches in the order in which a search returns them."""
    offset, limit = 0, _FIRST_PAGE
    while True:
        page = ranked_page(engine, root, order, limit, offset)
        yield from page.candidates
        offset += limit
        if offset >= page.total:
            return
        limit = _PAGE_SIZE


def select_ids(
    engine: Engine, root: Node, order: Order, limit: int | None = None, sample: Sample | None = None
) -> Iterator[str]:
    """Yield the ids of the matches, of the first ``limit`` of them, or of a ``sample`` of them.

    A sample has the order of the matches. Its ids are in memory, 100 bytes each.
    """
    ids = iter_ids(engine, root, order)
    if sample:
        numbered = ((_draw(i, sample.seed), number, i) for number, i in enumerate(ids))
        chosen = heapq.nsmallest(sample.size, numbered)
        ids = (i for _, _, i in sorted(chosen, key=lambda each: each[1]))
    yield from islice(ids, limit)


def _draw(article_id: str, seed: str) -> bytes:
    """Return random bytes for an id; those with the smallest are the sample."""
    return blake2b(f"{seed}\0{article_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def in_batches(matches: Iterable[_Match]) -> Iterator[list[_Match]]:
    """Yield ``matches`` in lists of as many as articles may be in memory at once."""
    rest = iter(matches)
    while batch := list(islice(rest, _BATCH_SIZE)):
        yield batch


def iter_stored(engine: Engine, ids: Iterable[str]) -> Iterator[Stored]:
    """Yield the articles with ``ids`` and their file records, a few of them in memory at once."""
    for batch in in_batches(ids):
        records = {each.article_id: each for each in engine.find_file_records(batch)}
        for article in engine.get(batch):
            yield Stored(article, records.get(article.id))
