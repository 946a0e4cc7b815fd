"""Indexes for measuring relevance: archives without what would give the answers away.

They are kept in the bench's folder until the code that creates them changes.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from bench.cleaned import outlets
from bench.gold import without, without_links, without_title
from bench.paths import BENCH_FOLDER, digest, digest_of_files, fresh, newsgrep_digest
from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.engines.base import Engine, PutArticle
from newsgrep.engines.registry import open_engine
from newsgrep.errors import NoArticle
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article, FileRecord, Status

_BATCH: Final = 1000


class EvalIndex(NamedTuple):
    """An open index, and the id of the article that each file of the corpus became."""

    engine: Engine
    ids: dict[str, str]


def part_of(archives: Path, folder: Path, share: int) -> Path:
    """Unpack one in ``share`` files of all ``*.tar.xz``, always the same ones, into ``folder``."""
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


def untitled_index(corpus: Path, work: Path, jobs: int = 2) -> EvalIndex:
    """Index all articles of a corpus without titles: no title field, none above the body."""
    files = [_File(str(path), name, True, ()) for name, path in _paths(corpus)]
    return _index(work / "relevance-known", files, jobs)


def unlinked_index(
    corpus: Path, links: dict[str, set[str]], work: Path, jobs: int = 2
) -> EvalIndex:
    """Index the folders that ``links`` are in, without links and the titles of what they name."""
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
    return _index(work / "relevance-related", files, jobs)


def _paths(corpus: Path) -> list[tuple[str, Path]]:
    paths = sorted(path for path in corpus.rglob("[!.]*.*") if path.is_file())
    return [(path.relative_to(corpus).as_posix(), path) for path in paths]


def _index(folder: Path, files: list[_File], jobs: int) -> EvalIndex:
    own = digest_of_files([Path(__file__), BENCH_FOLDER / "gold.py"])
    key = digest(own, newsgrep_digest("extraction", "analysis", "engines"), len(files))
    notes = folder / "notes.json"
    if notes.exists() and (known := json.loads(notes.read_text("utf-8")))["key"] == key:
        return EvalIndex(open_engine("whoosh", folder / "whoosh"), known["ids"])
    engine = open_engine("whoosh", fresh(folder) / "whoosh", create=True)
    ids: dict[str, str] = {}
    engine.write(map(PutArticle, _best(_documents(files, jobs), ids)))
    notes.write_text(json.dumps({"key": key, "ids": ids}, ensure_ascii=False), "utf-8")
    return EvalIndex(engine, ids)


def _best(
    made: Iterable[tuple[str, IndexDocument]], ids: dict[str, str]
) -> Iterator[IndexDocument]:
    """Yield documents of new articles and better versions of them; record the id of each file."""
    ranks: dict[str, tuple[str, int]] = {}
    for name, document in made:
        article = document.article_id
        ids[name] = article
        if document.file_record.version_key > ranks.get(article, ("", -1)):
            ranks[article] = document.file_record.version_key
            yield document


def _documents(files: list[_File], jobs: int) -> Iterator[tuple[str, IndexDocument]]:
    if jobs <= 1:
        made = ((file.name, _document(file)) for file in files)
        yield from ((name, document) for name, document in made if document)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        rest = iter(files)
        while batch := list(islice(rest, _BATCH)):
            for file, document in zip(batch, pool.map(_document, batch, chunksize=32), strict=True):
                if document:
                    yield file.name, document


def _document(file: _File) -> IndexDocument | None:
    article = _read(Path(file.path), unlinked=not file.untitled)
    if article is None:
        return None
    if file.untitled:
        article = article._replace(title="", body=without_title(article.title, article.body))
    elif file.leaks:
        article = article._replace(body=without(file.leaks, article.body))
    rank = (article.fetched or "", len(article.body))
    record = FileRecord(file.name, 0, 0, "", Status.INDEXED, article.id, version_key=rank)
    return make_document(article._replace(captions=(), left_out=()), record)


def _read(path: Path, *, unlinked: bool = False) -> Article | None:
    data = path.read_bytes()
    data = without_links(data) if unlinked else data
    try:
        return extract_article(str(path), data, outlets=outlets(), mtime=path.stat().st_mtime)
    except NoArticle:
        return None
