"""Indexes made for judging relevance: archives from which the answers are taken out.

They are kept in the bench's folder until the code that makes them changes.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from bench.gold import without, without_links, without_title
from bench.paths import BENCH_FOLDER, REPOSITORY, digest_of_files, fresh
from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.engines.base import Engine, PutArticle
from newsgrep.engines.registry import open_engine
from newsgrep.errors import NoArticle
from newsgrep.extract.outlets import Outlets, load_outlets
from newsgrep.extract.pipeline import extract_article
from newsgrep.models import Article, FileRecord, Status

_TOGETHER: Final = 1000


class Shelf(NamedTuple):
    """An index made for judging, and which article each file of the corpus became."""

    engine: Engine
    ids: dict[str, str]


def part_of(archives: Path, folder: Path, share: int) -> Path:
    """Return ``folder`` with one in ``share`` files of all ``*.tar.xz``, always the same ones."""
    for path in sorted(archives.glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            for member in archive:
                if sha256(member.name.encode()).digest()[1] % share == 0:
                    archive.extract(member, folder, filter="data")
    return folder


class _File(NamedTuple):
    path: str
    name: str
    untitled: bool
    leaks: tuple[str, ...]


def untitled_shelf(corpus: Path, work: Path, jobs: int = 2) -> Shelf:
    """Return all articles of the corpus without titles: no title field, none above the body."""
    files = [_File(str(path), name, True, ()) for name, path in _paths(corpus)]
    return _shelf(work / "relevance-known", files, jobs)


def unlinked_shelf(corpus: Path, links: dict[str, set[str]], work: Path, jobs: int = 2) -> Shelf:
    """Return the articles of the folders in ``links`` without links and what those name."""
    titles: dict[str, str] = {}
    for name in sorted({name for names in links.values() for name in names}):
        if article := _read(corpus / name):
            titles[name] = article.title
    folders = {name.partition("/")[0] for name in links}
    files = [
        _File(str(path), name, False, tuple(titles.get(n, "") for n in sorted(links.get(name, ()))))
        for name, path in _paths(corpus)
        if name.partition("/")[0] in folders
    ]
    return _shelf(work / "relevance-related", files, jobs)


def _paths(corpus: Path) -> list[tuple[str, Path]]:
    return [(path.relative_to(corpus).as_posix(), path) for path in sorted(corpus.rglob("*.md"))]


def _shelf(folder: Path, files: list[_File], jobs: int) -> Shelf:
    package = REPOSITORY / "newsgrep"
    code = [p for room in ("ingest", "text", "engines") for p in (package / room).rglob("*.*")]
    sources = [p for p in code if p.suffix in {".py", ".toml", ".txt"}]
    key = digest_of_files([Path(__file__), BENCH_FOLDER / "gold.py", *sources])
    notes = folder / "notes.json"
    if notes.exists() and (known := json.loads(notes.read_text("utf-8")))["key"] == key:
        return Shelf(open_engine("whoosh", folder / "whoosh"), known["ids"])
    engine = open_engine("whoosh", fresh(folder) / "whoosh", create=True)
    ids: dict[str, str] = {}
    engine.write(map(PutArticle, _best(_entries(files, jobs), ids)))
    notes.write_text(json.dumps({"key": key, "ids": ids}, ensure_ascii=False), "utf-8")
    return Shelf(engine, ids)


def _best(
    made: Iterable[tuple[str, IndexDocument]], ids: dict[str, str]
) -> Iterator[IndexDocument]:
    """Yield entries whose article is new, or better than the one yielded; note all files."""
    ranks: dict[str, tuple[str, int]] = {}
    for name, entry in made:
        ids[name] = entry.article_id
        if entry.stamp.rank > ranks.get(entry.article_id, ("", -1)):
            ranks[entry.article_id] = entry.stamp.rank
            yield entry


def _entries(files: list[_File], jobs: int) -> Iterator[tuple[str, IndexDocument]]:
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        rest = iter(files)
        while together := list(islice(rest, _TOGETHER)):
            for file, entry in zip(together, pool.map(_entry, together, chunksize=32), strict=True):
                if entry:
                    yield file.name, entry


def _entry(file: _File) -> IndexDocument | None:
    article = _read(Path(file.path), unlinked=not file.untitled)
    if article is None:
        return None
    if file.untitled:
        article = replace(article, title="", body=without_title(article.title, article.body))
    elif file.leaks:
        article = replace(article, body=without(file.leaks, article.body))
    rank = (article.fetched or "", len(article.body))
    stamp = FileRecord(file.name, 0, 0, "", Status.INDEXED, article.id, rank=rank)
    return make_document(replace(article, captions=()), stamp)


def _read(path: Path, *, unlinked: bool = False) -> Article | None:
    data = path.read_bytes()
    data = without_links(data) if unlinked else data
    try:
        return extract_article(str(path), data, outlets=_outlets(), mtime=path.stat().st_mtime)
    except NoArticle:
        return None


@cache
def _outlets() -> Outlets:
    return load_outlets(None)
