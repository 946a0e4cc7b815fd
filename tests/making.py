"""Articles, entries and engines made for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from newsgrep.engines.base import Change, Engine, Upsert, lives_on_server, open_engine
from newsgrep.engines.entry import make_entry
from newsgrep.models import Article, Precision, Published, Stamp, Status

ENGINES = ("memory", "whoosh", "tantivy", "opensearch")

ONE_BY_ONE = frozenset({"opensearch"})
"""Engines that take articles one by one: there is no commit of many, and none to go back to."""

ADDRESSES: list[Callable[[], str]] = []
"""What gives addresses of new indexes to the running test, if it has a server (tests.engines)."""

FOLDER_ENGINES = ("whoosh", "tantivy")
"""Those that keep an index in a folder."""


def published(iso: str | None) -> Published | None:
    """Return the date in ``iso`` with the precision that its length tells."""
    if iso is None:
        return None
    lengths = {4: Precision.YEAR, 7: Precision.MONTH, 10: Precision.DAY, 22: Precision.MINUTE}
    return Published(iso, lengths.get(len(iso), Precision.SECOND))


def article(
    article_id: str,
    title: str = "",
    body: str = "",
    *,
    source: str | None = None,
    date: str | None = None,
    captions: Iterable[str] = (),
    authors: Iterable[str] = (),
    tags: Iterable[str] = (),
    url: str | None = None,
) -> Article:
    """Return an article that was read from a file named after its id."""
    return Article(
        id=article_id,
        title=title,
        body=body,
        path=f"/archive/{article_id}.md",
        source=source,
        published=published(date),
        captions=tuple(captions),
        authors=tuple(authors),
        tags=tuple(tags),
        url=url,
        found={"title": "heading"},
    )


def stamp(of: Article, path: str | None = None) -> Stamp:
    """Return the stamp of the file that ``of`` was read from."""
    return Stamp(path or of.path, 1, 2, "d1e57f", Status.INDEXED, of.id, rank=("", len(of.body)))


def upsert(of: Article) -> Change:
    """Return the change that puts ``of`` into an engine."""
    return Upsert(make_entry(of, stamp(of)))


def empty_engine(name: str, folder: Path) -> Engine:
    """Return a new engine: in ``folder``, or on the server that the test has."""
    place = ADDRESSES[-1]() if lives_on_server(name) else folder / name
    return open_engine(name, place, create=True)


def engine_with(name: str, folder: Path, articles: Iterable[Article]) -> Engine:
    """Return a new engine that holds ``articles``."""
    engine = empty_engine(name, folder)
    engine.write(upsert(each) for each in articles)
    return engine
