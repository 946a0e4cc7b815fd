"""Articles, file records and engines for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Change, Engine, PutArticle
from newsgrep.engines.registry import is_on_server, open_engine, server_operations
from newsgrep.models import (
    Article,
    FileRecord,
    LeftOut,
    Precision,
    Provenance,
    Published,
    Status,
    Version,
)

ENGINES = ("memory", "whoosh", "tantivy", "opensearch")

NON_TRANSACTIONAL_ENGINES = frozenset({"opensearch"})
"""Engines that write articles one by one: they have no commits, and no rollback."""

ADDRESS_FACTORIES: list[Callable[[], str]] = []
"""The last one returns addresses of new indexes on the server of the running test, if it has
one (:mod:`tests.support.engine_hooks`)."""

FOLDER_ENGINES = ("whoosh", "tantivy")
"""Engines that store an index in a folder."""


def make_published(iso: str | None) -> Published | None:
    """Return the date in ``iso`` with the precision of its length."""
    if iso is None:
        return None
    lengths = {4: Precision.YEAR, 7: Precision.MONTH, 10: Precision.DAY, 22: Precision.MINUTE}
    return Published(iso, lengths.get(len(iso), Precision.SECOND))


def make_article(
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
    left_out: Iterable[tuple[str, str]] = (),
    fetched: str | None = None,
    versions: Iterable[tuple[str, str, str]] = (),
    path: str | None = None,
) -> Article:
    """Return an article that was read from ``path``, or from a file named after its id.

    ``versions`` are captures, titles and bodies.
    """
    return Article(
        id=article_id,
        title=title,
        body=body,
        path=path or f"/archive/{article_id}.md",
        source=source,
        published=make_published(date),
        captions=tuple(captions),
        authors=tuple(authors),
        tags=tuple(tags),
        url=url,
        left_out=tuple(LeftOut(*each) for each in left_out),
        fetched=fetched,
        versions=tuple(
            Version(*each, f"/archive/{article_id}.{number}.md", f"{number:02}")
            for number, each in enumerate(versions)
        ),
        provenance={"title": Provenance.HEADING},
    )


def make_file_record(of: Article, path: str | None = None) -> FileRecord:
    """Return the record of the file that ``of`` was read from."""
    return FileRecord(
        path or of.path, 1, 2, "d1e57f", Status.INDEXED, of.id, version_key=("", len(of.body))
    )


def upsert(of: Article) -> Change:
    """Return the change that adds ``of`` to an engine, or replaces it there."""
    return PutArticle(make_document(of, make_file_record(of)))


def create_engine(name: str, folder: Path) -> Engine:
    """Return a new engine: in ``folder``, or on the server that the test has."""
    if is_on_server(name):
        return server_operations(name).create(ADDRESS_FACTORIES[-1](), {})
    return open_engine(name, folder / name, create=True)


def server_engine(url: str, *, create: bool = False) -> Engine:
    """Return the engine of the index at ``url``, which is new if ``create`` is true."""
    operations = server_operations("opensearch")
    if create:
        return operations.create(url, {})
    opened = operations.open(url)
    assert opened, f"no index at {url}"
    return opened.engine


def engine_with(name: str, folder: Path, articles: Iterable[Article]) -> Engine:
    """Create an engine that contains ``articles``."""
    engine = create_engine(name, folder)
    engine.write(upsert(each) for each in articles)
    return engine
