"""The bench's one command: ``python -m bench.run``; ``--quick`` for a look in a few minutes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench import machine
from bench.cleaned import clean
from bench.corpora import Corpus, of_size, real, recombined
from bench.paths import ARCHIVES, RESULTS, default_work
from bench.peers import make_peer, peer_names
from bench.peers.base import Inputs, Peer
from bench.questions import Question, load_questions
from bench.report import markdown, print_tables
from bench.runner import Settings, Steps, measure
from bench.server import HEAP, SERVER

EXTRA: Final = 100
_EXTRA_SEED: Final = 100
_QUICK: Final = Settings(
    index_runs=3, cold_rounds=5, warm_rounds=10, process_rounds=1, warm_patience=20
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="2,000 real articles, few repeats: a few minutes.")
@click.option(
    "--sizes",
    default="real,100000,300000",
    show_default=True,
    help="Corpora: real (all real articles), realN (N of them), N (N recombined ones).",
)
@click.option("--peers", default=",".join(peer_names()), show_default=True)
@click.option("--name", default="", help="Of the files in bench/results; else quick or full.")
@click.option("--seed", default=1, show_default=True, help="Of samples and recombination.")
@click.option("--patience", default=3600.0, show_default=True, help="Seconds for one index.")
@click.option("--runs", default=3, show_default=True, help="Times that indexing is measured.")
@click.option("--heap", default=HEAP, show_default=True, help="Of the server of OpenSearch.")
@click.option("--again", is_flag=True, help="Measure again what was measured before.")
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=default_work,
    help="Folder for corpora and indexes; also NEWSGREP_BENCH.",
)
def main(
    quick: bool,
    sizes: str,
    peers: str,
    name: str,
    archives: Path,
    results: Path,
    work: Path,
    **options: Any,
) -> None:
    """Measure newsgrep beside its peers; print the tables, and keep them with raw results.

    What was measured already, with the same code and inputs, is not measured again.
    """
    progress = Console(stderr=True)
    # The table is wide; where nobody looks at a terminal, it has the room.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    settings = _QUICK if quick else Settings()
    settings = replace(settings, patience=options["patience"], index_runs=options["runs"])
    chosen = [each.strip() for each in ("real2000" if quick else sizes).split(",")]
    name = name or ("quick" if quick else "full")
    result: dict[str, Any] = {
        "name": name,
        "machine": machine.notes(),
        "settings": {
            **asdict(settings),
            "sizes": chosen,
            "seed": options["seed"],
            "heap": options["heap"],
        },
        "corpora": {},
    }
    questions = load_questions()
    rates: dict[str, float] = {}
    SERVER.heap = options["heap"]
    with SERVER:
        for corpus, extra in _corpora(work.resolve(), archives, chosen, options["seed"], progress):
            progress.print(f"cleaning {corpus.name}", highlight=False)
            inputs, more = Inputs(corpus, clean(corpus)), Inputs(extra, clean(extra))
            steps = Steps(
                work.resolve(),
                inputs,
                more,
                settings,
                lambda text: progress.print(text, highlight=False),
                again=options["again"],
            )
            told = measure_corpus(steps, inputs, questions, peers.split(","), rates, settings)
            result["corpora"][corpus.name] = told
            # After each corpus, so that a run that is broken off leaves what it has.
            save(result, results)
    print_tables(result, console)
    console.print(f"Kept as {results / name}.json and .md", highlight=False)


def _corpora(
    work: Path, archives: Path, sizes: Sequence[str], seed: int, progress: Console
) -> Iterator[tuple[Corpus, Corpus]]:
    progress.print("unpacking, or finding what is unpacked", highlight=False)
    everything = real(work, archives)
    extra = recombined(everything, EXTRA, _EXTRA_SEED + seed)
    for size in sizes:
        progress.print(f"making {size}", highlight=False)
        yield of_size(everything, size, seed), extra


def measure_corpus(
    steps: Steps,
    inputs: Inputs,
    questions: Sequence[Question],
    names: Sequence[str],
    rates: dict[str, float],
    settings: Settings,
) -> dict[str, Any]:
    """Return all that is measured on one corpus.

    ``rates`` knows how many articles a second each peer indexed before, and learns it.
    """
    told: dict[str, Any] = {
        "files": len(inputs.corpus.paths()),
        "articles": inputs.cleaned.articles,
        "text_bytes": inputs.cleaned.text_bytes,
        "clean_seconds": inputs.cleaned.seconds,
        "questions": [question.name for question in questions],
        "peers": {},
        "missing": {},
        "cold": {},
    }
    present: list[Peer] = []
    for name in peer_names():
        if name not in names:
            told["missing"][name] = "not asked for (--peers)"
            continue
        peer = make_peer(name)
        if reason := peer.available() or _too_slow(name, inputs, rates, settings):
            told["missing"][name] = reason
            continue
        measured = measure(steps, peer, questions, inputs)
        told["peers"][name] = measured
        if "index" in measured:
            rates[name] = measured["index"]["per_second"]
        if "failed" not in measured:
            present.append(peer)
    told["cold"] = steps.cold(present)
    return told


def _too_slow(name: str, inputs: Inputs, rates: dict[str, float], settings: Settings) -> str | None:
    seconds = inputs.cleaned.articles / rates[name] if name in rates else 0
    if seconds <= settings.patience:
        return None
    return f"one index would take about {seconds / 60:,.0f} minutes (--patience)"


def save(result: dict[str, Any], folder: Path) -> None:
    """Write raw results and tables into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (folder / f"{result['name']}.json").write_text(text + "\n", "utf-8")
    (folder / f"{result['name']}.md").write_text(markdown(result), "utf-8")


if __name__ == "__main__":
    main()
