"""Measure what left-out text costs: ``python -m bench.left_out FOLDER...`` prints a table.

Each folder's articles are indexed with their left-out text and without it, in turns. Searches of
titles and bodies must return the same hits, scores, snippets and facets from both indexes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import click

from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.engines.base import Engine, PutArticle
from newsgrep.engines.registry import open_engine
from newsgrep.errors import UsageError
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.walk import File
from newsgrep.indexing.preparing import prepare_file
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Field
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, SearchResult, search

QUERIES: Final = (
    *(
        "联合声明",
        "香港 选举",
        '"的人"',
        "民主 OR 自由",
        "-香港",
        '"，但"',
        "自由*",
        "经济 NEAR/5 发展",
    ),
    *("/民主.{0,3}自由/", "转载", '"未经授权"', "comment*"),
)
_MAX_FILE_SIZE: Final = 1 << 26

Stored = tuple[Article, FileRecord]


class Indexed(NamedTuple):
    """An index: CPU seconds to analyse and write its articles, and its size in bytes."""

    engine: Engine
    seconds: float
    size: int


def read_articles(folder: Path, sample: int) -> Iterator[Stored]:
    """Yield the articles in at most ``sample`` files of ``folder``, with their file records."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rules = load_outlets()
    chosen = random.Random(13).sample(files, min(sample, len(files)))  # noqa: S311 - a sample
    for path in chosen:
        status = path.stat()
        file = File(str(path), status.st_size, status.st_mtime_ns)
        prepared = prepare_file(file, rules, _MAX_FILE_SIZE)
        if isinstance(prepared, IndexDocument):
            yield prepared.article(), prepared.file_record


def index(articles: Iterable[Stored], engine_name: str, folder: Path) -> Indexed:
    """Index ``articles`` in a new folder."""
    engine = open_engine(engine_name, folder, create=True)
    start = time.process_time()
    engine.write(PutArticle(make_document(article, record)) for article, record in articles)
    seconds = time.process_time() - start
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Indexed(engine, seconds, size)


def timed_searches(engine: Engine, field: Field) -> tuple[float, list[SearchResult]]:
    """Return the CPU milliseconds of all queries, the least of three each, and their results."""
    total, results = 0.0, []
    for query in QUERIES:
        request = SearchRequest(parse(query, field=field), facets=("source", "month"))
        times = []
        for _ in range(3):
            start = time.process_time()
            result = search(engine, request)
            times.append(time.process_time() - start)
        total += min(times) * 1000
        results.append(result)
    return total, results


def comparable(result: SearchResult) -> object:
    """Return everything of a result that left-out text must not change."""
    hits = [(hit.article.id, hit.score, hit.title_spans, hit.snippets) for hit in result.hits]
    return result.total, hits, dict(result.facets), result.next is None


def rows(articles: Sequence[Stored], engine_name: str, rounds: int) -> Iterator[str]:
    """Yield the rows of the table; raises :class:`UsageError` if a result differs."""
    variants: dict[str, Callable[[Stored], Stored]] = {
        "without": lambda each: (each[0]._replace(left_out=()), each[1]),
        "with": lambda each: each,
    }
    indexed: dict[str, list[Indexed]] = {name: [] for name in variants}
    with TemporaryDirectory() as temporary:
        for number in range(rounds):
            for name, variant in variants.items():
                folder = Path(temporary, f"{name}-{number}")
                indexed[name].append(index(map(variant, articles), engine_name, folder))
        results = {}
        for name, each in indexed.items():
            engine = each[-1].engine
            plain, results[name] = timed_searches(engine, Field.TEXT)
            everywhere, _ = timed_searches(engine, Field.EVERYTHING)
            seconds = min(one.seconds for one in each)
            yield f"{name} | {each[-1].size:,} | {seconds:.1f} | {plain:.0f} | {everywhere:.0f}"
        for one, other in zip(results["without"], results["with"], strict=True):
            if comparable(one) != comparable(other):
                raise UsageError(f"{one.parsed} has another result with left-out text.")


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--sample", default=2000, show_default=True, help="Files per folder.")
@click.option("--engine", default="whoosh", show_default=True, help="Engine of the indexes.")
@click.option("--rounds", default=3, show_default=True, help="Indexes of each kind.")
def main(folders: tuple[Path, ...], sample: int, engine: str, rounds: int) -> None:
    """Print a table for each folder."""
    for folder in folders:
        articles = list(read_articles(folder, sample))
        body = sum(len(article.body) for article, _ in articles)
        left_out = sum(len(passage.text) for article, _ in articles for passage in article.left_out)
        click.echo(
            f"\n{folder.name}: {len(articles):,} articles, {body:,} characters of bodies, "
            f"{left_out:,} of left-out text ({left_out / max(body, 1):.1%})\n"
        )
        click.echo("| left-out text | bytes | CPU s to index | ms to search | with --everything |")
        click.echo("| --- | ---: | ---: | ---: | ---: |")
        for row in rows(articles, engine, rounds):
            click.echo(f"| {row} |")


if __name__ == "__main__":
    main()
