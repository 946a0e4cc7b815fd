"""What earlier versions of articles cost: time and size of an index, and searches in it.

``python -m bench.versions ARCHIVE`` takes articles from the folder ARCHIVE and writes JSON Lines
with several captures of each: unchanged ones, and ones of which each has one sentence less, one
more or another one than the capture before.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import click

from bench import measure
from bench.paths import RESULTS, default_work, fresh, size_of
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

_NEWSGREP: Final = (sys.executable, "-m", "newsgrep")
_SENTENCE: Final = re.compile(r"[^。！？]+[。！？]?")
_HEADING: Final = (
    "| captures | versions kept | articles | seconds | CPU seconds | kB an article |\n"
    "| --- | --- | --: | --: | --: | --: |"
)
_SUFFIXES: Final = frozenset((".md", ".html", ".txt"))


def articles_in(folder: Path, count: int) -> list[Article]:
    """Return the articles in the first files under ``folder`` that have one."""
    outlets = load_outlets()
    return list(islice(_articles(sorted(folder.rglob("*")), outlets), count))


def _articles(paths: Sequence[Path], outlets: Outlets) -> Iterator[Article]:
    for path in paths:
        if path.suffix in _SUFFIXES and path.is_file():
            try:
                yield extract_article(str(path), path.read_bytes(), outlets=outlets, mtime=1.8e9)
            except NoArticle:
                continue


def captures(article: Article, count: int, chance: random.Random) -> Iterator[str]:
    """Yield the body of an article in ``count`` captures, each with an edited sentence."""
    sentences = _SENTENCE.findall(article.body) or [article.body]
    for number in range(count):
        yield "".join(sentences)
        at = chance.randrange(len(sentences))
        match number % 3:
            case 0:
                sentences[at] = f"另据第{number}次更新，{sentences[at]}"
            case 1:
                sentences.insert(at, f"编辑部在第{number}次更新时补充了一句话。")
            case _ if len(sentences) > 1:
                del sentences[at]


def write_captures(path: Path, articles: Sequence[Article], count: int, *, edited: bool) -> None:
    """Write ``count`` captures of each article, one after the other, a day apart."""
    chance = random.Random(7)  # noqa: S311  (the same in each run)
    with path.open("w", encoding="utf-8") as stream:
        for number, article in enumerate(articles):
            bodies = captures(article, count if edited else 1, chance)
            texts = list(bodies) if edited else list(bodies) * count
            for day, text in enumerate(texts, 1):
                row = {
                    "title": article.title,
                    "url": f"https://bench.example/2024/05/article-{number:06}.html",
                    "text": text,
                    "fetched": f"2024-05-{day:02}T08:00:00Z",
                }
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _row(work: Path, name: str, file: Path, keep: str, count: int) -> str:
    index = fresh(work / f"{name}-{keep}") / "index"
    command = (*_NEWSGREP, "index", str(file), "--index", str(index), "--jobs", "1")
    run = measure.run((*command, "--keep-versions", keep))
    return (
        f"| {name} | {keep} | {count:,} | {run.seconds:.0f} | {run.cpu_seconds:.0f} "
        f"| {size_of(index) / count / 1000:.1f} |"
    )


def _searches(index: Path) -> Iterator[str]:
    for name, options in (
        ("search 报道", ("报道",)),
        ("search 报道 --versions all", ("报道", "--versions", "all")),
        ("search changed:", ("changed:",)),
    ):
        run = min(
            (
                measure.run((*_NEWSGREP, "search", *options, "--index", str(index)))
                for _ in range(5)
            ),
            key=lambda run: run.seconds,
        )
        yield f"| {name} | {run.seconds * 1000:.0f} | {run.cpu_seconds * 1000:.0f} |"


@click.command()
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option("--articles", type=int, default=1000, show_default=True)
@click.option("--captures", "count", type=int, default=20, show_default=True)
def main(archive: Path, articles: int, count: int) -> None:
    """Measure the cost of earlier versions, and write it to bench/results/versions.md."""
    work = fresh(default_work() / "versions")
    found = articles_in(archive, articles)
    rows = []
    for name, each, edited, keeps in (
        ("1", 1, False, ("all", "none")),
        (f"{count}, unchanged", count, False, ("all", "none")),
        (f"{count}, each edited", count, True, ("all", "5", "none")),
    ):
        file = work / f"{each}-{edited}.jsonl"
        write_captures(file, found, each, edited=edited)
        rows += [_row(work, name, file, keep, len(found)) for keep in keeps]
        click.echo(rows[-1], err=True)
    searches = "\n".join(_searches(work / f"{count}, each edited-all" / "index"))
    table = "\n".join(rows)
    (RESULTS / "versions.md").write_text(
        f"""# Earlier versions of articles

Captures of {len(found):,} articles in one JSON Lines file, indexed by one process. Each edited
capture has one sentence less, one more, or another one than the capture before. Without versions,
an index of many captures is larger as well: it has a file record of each, and documents that later
captures have replaced, which merging segments and newsgrep reindex remove.

{_HEADING}
{table}

Searches in the index of all edited captures, each a process with its start, the best of five:

| command | ms | CPU ms |
| --- | --: | --: |
{searches}
""",
        "utf-8",
    )


if __name__ == "__main__":
    main()
