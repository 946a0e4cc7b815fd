"""The cleaned text of a corpus, as newsgrep's reader gives it, in one file of JSON lines.

It is the input of peers that clean nothing themselves, the yardstick for the size of an
index, and what brute force looks at to know which articles really hold a string.
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
from newsgrep.analysis.fold import fold
from newsgrep.errors import NoArticle
from newsgrep.extract.outlets import Outlets, load_outlets
from newsgrep.extract.pipeline import extract_article
from newsgrep.query.match import contains_literal

_TOGETHER = 2000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One file's article; ``published`` is in seconds since the epoch, or nothing."""

    path: str
    id: str
    title: str
    body: str
    source: str
    published: float | None
    fetched: str = ""


@dataclass(frozen=True, slots=True)
class CleanedFile:
    """Where a corpus' cleaned articles are, and what making them took."""

    path: Path
    articles: int
    text_bytes: int
    seconds: float


class Truth(NamedTuple):
    """What brute force found: which file stands for each file, and which hold each literal."""

    stands_for: dict[str, str]
    holding: dict[str, list[str]]


@cache
def _outlets() -> Outlets:
    return load_outlets(None)


def clean_file(path: str) -> Cleaned | None:
    """Return the article in a file, or nothing where there is none."""
    file = Path(path)
    try:
        article = extract_article(
            path, file.read_bytes(), outlets=_outlets(), mtime=file.stat().st_mtime
        )
    except NoArticle:
        return None
    return Cleaned(
        path,
        article.id,
        article.title,
        article.body,
        article.source or "",
        article.published.sort_key() if article.published else None,
        article.fetched or "",
    )


def clean(corpus: Corpus, jobs: int = 2) -> CleanedFile:
    """Return the cleaned articles of a corpus, made now or earlier by the same reader.

    Of several files with one article the one is taken that newsgrep takes. ``seconds`` is
    how long reading and cleaning took with ``jobs`` processes.
    """
    path = corpus.folder.parent / f"{corpus.name}.jsonl"
    notes = path.with_suffix(".json")
    key = newsgrep_digest()
    if notes.exists() and (known := json.loads(notes.read_text("utf-8")))["key"] == key:
        return CleanedFile(path, known["articles"], known["text_bytes"], known["seconds"])
    files = [str(each) for each in corpus.paths()]
    warm(corpus)
    started = time.perf_counter()
    text_bytes = 0
    best: dict[str, tuple[str, int, str]] = {}
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as stream:
        for article in _clean_all(files, jobs):
            stream.write(json.dumps(asdict(article), ensure_ascii=False) + "\n")
            rank = (article.fetched, len(article.body), article.path)
            if article.id not in best or _is_better(rank, best[article.id]):
                best[article.id] = rank
    seconds = time.perf_counter() - started
    with path.open("w", encoding="utf-8") as stream:
        for article in read_cleaned(draft):
            if best[article.id][2] == article.path:
                text_bytes += len(f"{article.title}{article.body}".encode())
                stream.write(json.dumps(asdict(article), ensure_ascii=False) + "\n")
    aliases = {
        article.path: best[article.id][2]
        for article in read_cleaned(draft)
        if best[article.id][2] != article.path
    }
    draft.unlink()
    path.with_suffix(".aliases").write_text(json.dumps(aliases, ensure_ascii=False), "utf-8")
    told = {"key": key, "articles": len(best), "text_bytes": text_bytes, "seconds": seconds}
    notes.write_text(json.dumps(told), "utf-8")
    return CleanedFile(path, len(best), text_bytes, seconds)


def _is_better(rank: tuple[str, int, str], than: tuple[str, int, str]) -> bool:
    return rank[:2] > than[:2] or (rank[:2] == than[:2] and rank[2] < than[2])


def _clean_all(files: list[str], jobs: int) -> Iterator[Cleaned]:
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        rest = iter(files)
        while together := list(islice(rest, _TOGETHER)):
            for article in pool.map(clean_file, together, chunksize=32):
                if article:
                    yield article


def warm(corpus: Corpus) -> None:
    """Read every file once: what is measured is the work, not the disk."""
    for path in corpus.paths():
        path.read_bytes()


def read_cleaned(path: Path) -> Iterator[Cleaned]:
    """Yield the articles that :func:`clean` wrote."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield Cleaned(**json.loads(line))


def brute_force(path: Path, literals: list[str]) -> Truth:
    """Look at every article for every literal, in title and body, whatever script and case.

    ``path`` is of a file that :func:`clean` wrote.
    """
    aliases = json.loads(path.with_suffix(".aliases").read_text("utf-8"))
    stands_for: dict[str, str] = dict(aliases)
    holding: dict[str, list[str]] = {literal: [] for literal in literals}
    folded = [(literal, fold(literal)) for literal in holding]
    for article in read_cleaned(path):
        stands_for[article.path] = article.path
        texts = (fold(article.title), fold(article.body))
        for literal, wanted in folded:
            if any(contains_literal(text, wanted) for text in texts):
                holding[literal].append(article.path)
    return Truth(stands_for, holding)
