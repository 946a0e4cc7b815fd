"""The extracted text of a corpus, as newsgrep extracts it, in one file of JSON lines.

It is the input of peers that extract nothing themselves, the yardstick for the size of an
index, and what brute force searches to know which articles contain a string.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bench.corpora import Corpus
from bench.paths import newsgrep_digest
from newsgrep.analysis.characters import fold
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.query.match import contains_literal

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The article of one file; ``published`` is in seconds since the epoch, or ``None``."""

    path: str
    id: str
    title: str
    body: str
    source: str
    published: float | None
    fetched: str = ""

    @property
    def rank(self) -> tuple[str, int]:
        """Of several files with one article, the one with the greatest rank is indexed."""
        return self.fetched, len(self.body)


@dataclass(frozen=True, slots=True)
class CleanedFile:
    """Where a corpus' extracted articles are, and how long extraction took, in seconds."""

    path: Path
    articles: int
    text_bytes: int
    seconds: float


class Truth(NamedTuple):
    """Brute force: which file is indexed for each file, and which files contain each literal."""

    indexed_for: dict[str, str]
    containing: dict[str, list[str]]


@cache
def outlets() -> Outlets:
    """Return the built-in outlet rules."""
    return load_outlets(None)


def clean_file(path: str) -> Cleaned | None:
    """Return the article in a file, ``None`` if there is none."""
    file = Path(path)
    try:
        article = extract_article(
            path, file.read_bytes(), outlets=outlets(), mtime=file.stat().st_mtime
        )
    except NoArticle:
        return None
    published = article.published.sort_key() if article.published else None
    source, fetched = article.source or "", article.fetched or ""
    return Cleaned(path, article.id, article.title, article.body, source, published, fetched)


def clean(corpus: Corpus, jobs: int = 2) -> CleanedFile:
    """Return the extracted articles of a corpus, from this call or an earlier one.

    Of several files with one article, the one is taken that newsgrep takes. ``seconds`` is the
    time for reading and extracting with ``jobs`` processes.
    """
    path = corpus.folder.parent / f"{corpus.name}.jsonl"
    notes = path.with_suffix(".json")
    key = newsgrep_digest()
    if notes.exists() and (known := json.loads(notes.read_text("utf-8")))["key"] == key:
        return CleanedFile(path, known["articles"], known["text_bytes"], known["seconds"])
    files = [str(each) for each in corpus.paths()]
    warm(corpus)
    started = time.perf_counter()
    best: dict[str, Cleaned] = {}
    ids: dict[str, str] = {}
    for article in _clean_all(files, jobs):
        ids[article.path] = article.id
        known_best = best.get(article.id)
        if known_best is None or article.rank > known_best.rank:
            best[article.id] = article
    seconds = time.perf_counter() - started
    with path.open("w", encoding="utf-8") as stream:
        for article in best.values():
            stream.write(json.dumps(asdict(article), ensure_ascii=False) + "\n")
    text_bytes = sum(len(f"{each.title}{each.body}".encode()) for each in best.values())
    aliases = {name: best[article_id].path for name, article_id in ids.items()}
    path.with_suffix(".aliases").write_text(json.dumps(aliases, ensure_ascii=False), "utf-8")
    counts = {"articles": len(best), "text_bytes": text_bytes, "seconds": seconds}
    notes.write_text(json.dumps({"key": key, **counts}), "utf-8")
    return CleanedFile(path, len(best), text_bytes, seconds)


def _clean_all(files: list[str], jobs: int) -> Iterator[Cleaned]:
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        rest = iter(files)
        while batch := list(islice(rest, _BATCH)):
            yield from filter(None, pool.map(clean_file, batch, chunksize=32))


def warm(corpus: Corpus) -> None:
    """Read every file once, so that the work is measured and not the disk."""
    for path in corpus.paths():
        path.read_bytes()


def read_cleaned(path: Path) -> Iterator[Cleaned]:
    """Yield the articles that :func:`clean` wrote."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield Cleaned(**json.loads(line))


def brute_force(path: Path, literals: list[str]) -> Truth:
    """Search every title and body for every literal, whatever script and case.

    ``path`` is a file that :func:`clean` wrote.
    """
    indexed_for: dict[str, str] = json.loads(path.with_suffix(".aliases").read_text("utf-8"))
    containing: dict[str, list[str]] = {literal: [] for literal in literals}
    folded = [(literal, fold(literal)) for literal in containing]
    for article in read_cleaned(path):
        texts = (fold(article.title), fold(article.body))
        for literal, wanted in folded:
            if any(contains_literal(text, wanted) for text in texts):
                containing[literal].append(article.path)
    return Truth(indexed_for, containing)
