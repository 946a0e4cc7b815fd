"""What one server and three servers make of the same articles: ``python -m bench.cluster``.

All servers run on this machine, so three of them share the cores that one has for itself: the
figures tell what a cluster costs, not how much faster more machines are.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench import machine
from bench.cleaned import clean
from bench.cleaned import warm as warm_files
from bench.cluster_report import markdown, tables
from bench.corpora import Corpus, of_size, real
from bench.measure import cpu_of, run
from bench.peers.base import JOBS
from bench.peers.ours import command, search_command, text_of
from bench.places import ARCHIVES, RESULTS, default_work
from bench.questions import Question, load_questions
from bench.report import draw
from newsgrep.archive.location import Remote
from newsgrep.archive.place import opened
from newsgrep.engines.base import Engine, Order
from newsgrep.query.parser import parse
from newsgrep.query.tree import Everything
from newsgrep.search import Request, search
from tests.cluster import VERSION, Cluster

HEAP: Final = "512m"
PAGE: Final = 10
_ALL: Final = 10_000_000
_ORDERS: Final = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "": Order.RELEVANCE}

ASKED: Final = (
    "rare word", "common word", "two words, AND", "six words, AND", "eight words, OR",
    "quoted word", "phrase of two words", "phrase of six words", "common word with facets",
    "tenth page", "word that is nowhere", "string that is nowhere",
)  # fmt: skip
COLD: Final = ("rare word", "phrase of two words", "common word with facets")


@dataclass(frozen=True, slots=True)
class Setup:
    """How many servers, and how an index is kept on them."""

    name: str
    servers: int
    replicas: int
    load_replicas: int

    @property
    def options(self) -> str:
        """Return them as the address of the index says them."""
        return f"?shards=1&replicas={self.replicas}&load_replicas={self.load_replicas}"


SETUPS: Final = (
    Setup("one server", 1, 0, 0),
    Setup("three servers, no copies", 3, 0, 0),
    Setup("three servers, one copy", 3, 1, 1),
    Setup("three servers, one copy made after the load", 3, 1, 0),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", default="real8000", show_default=True, help="real, realN or N, as in run.")
@click.option("--runs", default=2, show_default=True, help="Times that indexing is measured.")
@click.option("--rounds", default=20, show_default=True, help="Times that questions are asked.")
@click.option("--seed", default=1, show_default=True, help="Of samples and recombination.")
@click.option("--name", default="cluster", show_default=True, help="Of the files with results.")
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option("--work", type=click.Path(path_type=Path), default=default_work)
def main(
    size: str,
    runs: int,
    rounds: int,
    seed: int,
    name: str,
    archives: Path,
    results: Path,
    work: Path,
) -> None:
    """Load the same articles into one server and into three, and ask both the same."""
    corpus = of_size(real(work.resolve(), archives), size, seed)
    result = measure(corpus, SETUPS, runs, rounds, lambda text: click.echo(text, err=True))
    draw(tables(result), Console(width=200))
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (results / f"{name}.json").write_text(text + "\n", "utf-8")
    (results / f"{name}.md").write_text(markdown(result), "utf-8")


def measure(
    corpus: Corpus, setups: Sequence[Setup], runs: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return all that is measured of all setups, and what must be known of it."""
    cleaned = clean(corpus)
    warm_files(corpus)  # all setups read from the file cache
    result: dict[str, Any] = {
        "machine": machine.notes(),
        "server": VERSION,
        "articles": cleaned.articles,
        "text_bytes": cleaned.text_bytes,
        "heap": HEAP,
        "runs": runs,
        "rounds": rounds,
        "setups": {},
    }
    for setup in setups:
        say(f"measuring {setup.name}")
        result["setups"][setup.name] = measured(setup, corpus, runs, rounds)
    return result


def measured(setup: Setup, corpus: Corpus, runs: int, rounds: int) -> dict[str, Any]:
    """Return all that is measured of one setup, its servers started for it."""
    loads: list[dict[str, Any]] = []
    with Cluster(setup.servers, HEAP) as cluster:
        for number in range(runs + 1):
            index = Remote(cluster.address(f"bench-{number}") + setup.options)
            # The first one warms the servers up, as they are where they run for months.
            load = _load(cluster, index, corpus)
            cluster.wait("green")
            if number:
                loads.append(load)
            if number < runs:
                cluster.ask(f"/bench-{number}.*", method="DELETE")
        again = _load(cluster, index, corpus)
        with opened(index) as engine:
            told = {**asdict(setup), **_store(cluster, engine, f"bench-{number}")}
            load_while = os.getloadavg()[0]
            warm, heaps = _warm(cluster, engine, rounds)
        told |= {
            "loads": loads,
            "again": again,
            "heap_least": heaps,
            "load_while_asked": load_while,
        }
        return {**told, "warm_ms": warm, "cold_ms": _cold(index, rounds)}


def _load(cluster: Cluster, index: Remote, corpus: Corpus) -> dict[str, Any]:
    before = os.getloadavg()[0]
    with _processor_time(cluster) as spent:
        ran = run([*command(), "index", str(corpus.folder), "--jobs", str(JOBS),
                   "--index", index.url])  # fmt: skip
        started = time.perf_counter()
        cluster.wait("green")
    return {
        "seconds": ran.seconds,
        "seconds_until_green": time.perf_counter() - started,
        "newsgrep_cpu_seconds": ran.cpu_seconds,
        "servers_cpu_seconds": spent[0],
        "newsgrep_peak_bytes": ran.peak_bytes,
        "load_before": before,
    }


@contextmanager
def _processor_time(cluster: Cluster) -> Iterator[list[float]]:
    """Give the seconds that all servers compute meanwhile, once that is over."""
    before = _computed(cluster)
    spent: list[float] = []
    yield spent
    spent.append(_computed(cluster) - before)


def _computed(cluster: Cluster) -> float:
    return sum(map(cpu_of, cluster.pids))


def _store(cluster: Cluster, engine: Engine, name: str) -> dict[str, Any]:
    """Return the sizes of what was loaded, and of the texts as they were cleaned."""
    cluster.ask(f"/{name}.*/_flush?wait_if_ongoing=true", method="POST", seconds=120)
    answer = cluster.ask(f"/{name}.*/_stats/store,segments,docs")
    ids = [each.id for each in engine.search(Everything(), Order.NEWEST, _ALL).candidates]
    texts = (f"{article.title}{article.body}" for article in engine.get(ids))
    return {
        "articles": len(ids),
        "text_bytes": sum(len(text.encode("utf-8", "replace")) for text in texts),
        "store_bytes": answer["_all"]["total"]["store"]["size_in_bytes"],
        "primaries_bytes": answer["_all"]["primaries"]["store"]["size_in_bytes"],
        "indexes": len(answer["indices"]),
        "shards": answer["_shards"]["successful"],
        "segments": answer["_all"]["total"]["segments"]["count"],
    }


def _warm(
    cluster: Cluster, engine: Engine, rounds: int
) -> tuple[dict[str, list[float]], list[int]]:
    """Return milliseconds of each question, and the least heap seen used on each server.

    Rounds go over all questions in turn; a first one is not counted.
    """
    questions = _chosen(ASKED)
    times: dict[str, list[float]] = {question.name: [] for question in questions}
    least = _heaps(cluster)
    for number in range(rounds + 1):
        for question in questions:
            taken = _asked(engine, question)
            if number:
                times[question.name].append(taken)
        least = [min(pair) for pair in zip(least, _heaps(cluster), strict=True)]
    return times, least


def _asked(engine: Engine, question: Question) -> float:
    started = time.perf_counter()
    order = _ORDERS[question.sort]
    parsed = parse(text_of(question))
    search(engine, Request(parsed, order, PAGE, question.offset, question.facets))
    return (time.perf_counter() - started) * 1000


def _heaps(cluster: Cluster) -> list[int]:
    nodes = cluster.ask("/_nodes/stats/jvm")["nodes"]
    return [nodes[key]["jvm"]["mem"]["heap_used_in_bytes"] for key in sorted(nodes)]


def _cold(index: Remote, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in COLD}
    for number in range(max(rounds // 4, 3) + 1):
        for question in _chosen(COLD):
            ran = run(search_command(question, index, "--json"), fine=(0, 1), watch=False)
            if number:
                times[question.name].append(ran.seconds * 1000)
    return times


def _chosen(names: Sequence[str]) -> list[Question]:
    return [question for question in load_questions() if question.name in names]


if __name__ == "__main__":
    main()
