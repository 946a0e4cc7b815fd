"""What one server and three servers make of the same articles: ``python -m bench.cluster``.

All servers run on this machine, so three of them share the cores that one has for itself: the
figures tell what a cluster costs, not how much faster more machines are.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench import machine
from bench.cleaned import clean
from bench.cleaned import warm as read_once
from bench.cluster_report import markdown, tables
from bench.corpora import Corpus, of_size, real
from bench.measure import cpu_of, resident, run
from bench.paths import ARCHIVES, RESULTS, default_work
from bench.peers.base import JOBS
from bench.peers.ours import command, request_of, search_command
from bench.questions import Question, load_questions
from bench.report import draw
from bench.runner import COLD
from bench.worker import PAGE
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.index.store import ServerIndex
from newsgrep.query.ast import MatchAll
from newsgrep.search.search import search
from tests.support.cluster import VERSION, Cluster

HEAP: Final = "512m"
_LONGEST: Final = 300.0
"""Seconds for what servers do by themselves: copies, merges."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How many servers, and how an index is kept on them."""

    name: str
    servers: int
    replicas: int
    load_replicas: int
    shards: int = 1

    @property
    def options(self) -> str:
        """Return them as the address of the index says them."""
        copies = f"replicas={self.replicas}&load_replicas={self.load_replicas}"
        return f"?shards={self.shards}&{copies}"


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
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=default_work,
    help="Folder for corpora; also NEWSGREP_BENCH.",
)
def main(size: str, runs: int, rounds: int, seed: int, name: str, **folders: Path) -> None:
    """Load the same articles into one server and into three, and ask both the same."""
    corpus = of_size(real(folders["work"].resolve(), folders["archives"]), size, seed)
    told = measure(corpus, SETUPS, runs, rounds, lambda text: click.echo(text, err=True))
    result = {"name": name, "machine": machine.notes(), **told}
    draw_and_keep(result, folders["results"])


def draw_and_keep(result: dict[str, Any], folder: Path) -> None:
    """Print the tables, and write them with the raw numbers into ``folder``."""
    draw(tables(result), Console(width=200))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (folder / f"{result['name']}.json").write_text(text + "\n", "utf-8")
    (folder / f"{result['name']}.md").write_text(markdown(result), "utf-8")


def measure(
    corpus: Corpus, setups: Sequence[Setup], runs: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return all that is measured of all setups, and what must be known of it."""
    cleaned = clean(corpus)
    read_once(corpus)  # all setups read from the file cache
    told: dict[str, Any] = {
        "server": VERSION,
        "articles": cleaned.articles,
        "text_bytes": cleaned.text_bytes,
        "heap": HEAP,
        "runs": runs,
        "rounds": rounds,
        "setups": {},
    }
    for setup in setups:
        say(f"{corpus.name}: {setup.name}")
        with Cluster(setup.servers, HEAP) as cluster:
            told["setups"][setup.name] = measured(cluster, setup, corpus, runs, rounds)
    return told


def measured(
    cluster: Cluster, setup: Setup, corpus: Corpus, runs: int, rounds: int
) -> dict[str, Any]:
    """Return all that is measured of one setup; its indexes are taken away again."""
    loads: list[dict[str, Any]] = []
    # The first one warms the servers up, as they are where they run for months.
    for number in range(runs + 1):
        name = f"bench-{uuid.uuid4().hex}"
        index = ServerIndex(cluster.address(name) + setup.options)
        loads.append(_load(cluster, index, name, corpus))
        if number < runs:
            _delete(cluster, name)
    again = _load(cluster, index, name, corpus)
    stored = _stored(cluster, name)
    load_while_asked = os.getloadavg()[0]
    with index.open() as engine:
        total = engine.search(EngineRequest(MatchAll(), limit=0)).total
        warm, heaps = _warm(cluster, engine, rounds)
    told = {
        **asdict(setup),
        "total": total,
        "loads": loads[1:],
        "again": again,
        "stored": stored,
        "warm_ms": warm,
        "cold_ms": _cold(index, rounds),
        "heap_least": heaps,
        "resident": [resident(pid) for pid in cluster.pids if pid],
        "load_while_asked": load_while_asked,
        "merged": _merged(cluster, name),
    }
    _delete(cluster, name)
    return told


def _load(cluster: Cluster, index: ServerIndex, name: str, corpus: Corpus) -> dict[str, Any]:
    busy, before = os.getloadavg()[0], _computed(cluster)
    ran = run([
        *command(), "index", str(corpus.folder), "--jobs", str(JOBS), "--index", index.url,
    ])  # fmt: skip
    started = time.perf_counter()
    _await_copies(cluster, name)
    return {
        "seconds": ran.seconds,
        "until_green": time.perf_counter() - started,
        "cpu_seconds": ran.cpu_seconds,
        "servers_cpu_seconds": _computed(cluster) - before,
        "peak_bytes": ran.peak_bytes,
        "load_before": busy,
    }


def _await_copies(cluster: Cluster, name: str) -> None:
    path = f"/_cluster/health/{name}.*?wait_for_status=green&timeout={_LONGEST:.0f}s"
    cluster.request(path, seconds=_LONGEST + 10)


def _delete(cluster: Cluster, name: str) -> None:
    cluster.request(f"/{name}.*?expand_wildcards=all", method="DELETE", seconds=_LONGEST)


def _computed(cluster: Cluster) -> float:
    """Return the seconds that all servers have computed so far."""
    return sum(map(cpu_of, cluster.pids))


def _stored(cluster: Cluster, name: str) -> dict[str, int]:
    """Return what an index takes on the servers' disks, and how much it is cut up."""
    cluster.request(f"/{name}.*/_flush?wait_if_ongoing=true", method="POST", seconds=_LONGEST)
    answer = cluster.request(f"/{name}.*/_stats/store,segments")
    return {
        "bytes": answer["_all"]["total"]["store"]["size_in_bytes"],
        "bytes_without_copies": answer["_all"]["primaries"]["store"]["size_in_bytes"],
        "indexes": len(answer["indices"]),
        "shards": answer["_shards"]["successful"],
        "segments": answer["_all"]["total"]["segments"]["count"],
    }


def _merged(cluster: Cluster, name: str) -> dict[str, int]:
    """Return the same when all is merged, as servers leave an index that has grown old."""
    # Afterwards searches see the merged ones, and the others are let go of.
    for step in ("_forcemerge?max_num_segments=1", "_refresh"):
        cluster.request(f"/{name}.*/{step}", method="POST", seconds=_LONGEST)
    return _stored(cluster, name)


def _warm(
    cluster: Cluster, engine: Engine, rounds: int
) -> tuple[dict[str, list[float]], list[int]]:
    """Return milliseconds of each question, and the least heap seen in use on each server.

    Rounds go over all questions in turn; a first one is not counted.
    """
    questions = load_questions()
    times: dict[str, list[float]] = {question.name: [] for question in questions}
    least = _heaps(cluster)
    for number in range(rounds + 1):
        for question in questions:
            taken = _asked(engine, question)
            if number:
                times[question.name].append(taken)
        least = list(map(min, least, _heaps(cluster)))
    return times, least


def _asked(engine: Engine, question: Question) -> float:
    started = time.perf_counter()
    search(engine, request_of(question, PAGE))
    return (time.perf_counter() - started) * 1000


def _heaps(cluster: Cluster) -> list[int]:
    nodes = cluster.request("/_nodes/stats/jvm")["nodes"]
    return [nodes[key]["jvm"]["mem"]["heap_used_in_bytes"] for key in sorted(nodes)]


def _cold(index: ServerIndex, rounds: int) -> dict[str, list[float]]:
    chosen = [question for question in load_questions() if question.name in COLD]
    times: dict[str, list[float]] = {question.name: [] for question in chosen}
    for number in range(max(rounds // 2, 1) + 1):
        for question in chosen:
            ran = run(search_command(question, index.url, "--json"), fine=(0, 1), watch=False)
            if number:
                times[question.name].append(ran.seconds * 1000)
    return times


if __name__ == "__main__":
    main()
