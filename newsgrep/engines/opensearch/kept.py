"""All that an index on a server holds, document by document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from newsgrep.engines.base import Kept, Lost
from newsgrep.engines.clauses.clause import AllOf
from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.documents import Hit, article_of, is_article, stamp_of
from newsgrep.engines.opensearch.mapping import LINK, PACKED, REST, STAMP, Names
from newsgrep.engines.opensearch.view import View
from newsgrep.engines.packing import Damaged

_STAMPS: Final = 5_000
"""Stamps that come at once."""

_ARTICLES: Final = 200
"""Packed articles that come at once."""


def stamp_hits(connection: Connection, names: Names) -> Iterator[Hit]:
    """Yield the stamp of every note, then of every article.

    Where both are of one path, which was parted from its note when a run was cut short,
    that of the article comes last and counts.
    """
    for target in (names.notes, names.articles):
        yield from _hits(View(connection, target), (STAMP,), _STAMPS)


def everything_in(connection: Connection, names: Names) -> Iterator[Kept | Lost]:
    """Yield every article and note, and what can't be read of them."""
    for target in (names.articles, names.notes):
        for hit in _hits(View(connection, target), (PACKED, REST, STAMP, LINK), _ARTICLES):
            yield _kept(hit)


def _hits(view: View, fields: tuple[str, ...], at_once: int) -> Iterator[Hit]:
    try:
        yield from view.hits(AllOf(()), {"stored_fields": fields}, at_once)
    finally:
        view.close()


def _kept(hit: Hit) -> Kept | Lost:
    try:
        stamp = stamp_of(hit)
    except Damaged:
        return Lost(None)
    try:
        return Kept(article_of(hit) if is_article(hit) else None, stamp)
    except Damaged:
        return Lost(stamp.path)
