"""The bench's command: ``python -m bench.run``; with ``--quick`` it takes ten minutes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench import machine
from bench.cleaned import clean
from bench.corpora import of_size, real, recombined
from bench.paths import ARCHIVES, RESULTS, default_work
from bench.peers import make_peer, peer_names
from bench.peers.base import Inputs, Peer
from bench.questions import Question, load_questions
from bench.report import draw, save, tables
from bench.runner import Runner, Settings

EXTRA: Final = 100
_EXTRA_SEED: Final = 100
_QUICK: Final = Settings(
    index_runs=1, add_runs=1, cold_rounds=5, warm_rounds=5, process_rounds=1, warm_patience=20
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="3,000 real articles, few repeats: ten minutes.")
@click.option(
    "--sizes",
    default="real,100000",
    show_default=True,
    help="Corpora: real (all real articles), realN (N of them), N (N recombined ones).",
)
@click.option("--peers", default=",".join(peer_names()), show_default=True)
@click.option("--name", default="", help="Name of the files in bench/results; else quick or full.")
@click.option("--seed", default=1, show_default=True, help="Seed of samples and recombination.")
@click.option("--patience", default=3600.0, show_default=True, help="Seconds for one index.")
@click.option("--runs", default=3, show_default=True, help="Number of indexing runs.")
@click.option("--again", is_flag=True, help="Repeat what was measured before.")
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=default_work,
    help="Folder for corpora and indexes; also NEWSGREP_BENCH.",
)
def main(
    quick: bool, sizes: str, peers: str, name: str, archives: Path, results: Path, work: Path,
    **options: Any,
) -> None:  # fmt: skip
    """Measure newsgrep beside its peers; print the tables, and write them with the numbers.

    What was measured before, with the same code and inputs, is not measured again.
    """
    progress = Console(stderr=True, highlight=False)
    settings = _QUICK if quick else Settings()
    settings = replace(settings, patience=options["patience"], index_runs=options["runs"])
    chosen = ["real3000"] if quick else [each.strip() for each in sizes.split(",")]
    result: dict[str, Any] = {
        "name": name or ("quick" if quick else "full"),
        "machine": machine.notes(),
        "settings": {**asdict(settings), "seed": options["seed"]},
        "corpora": {},
    }
    rates: dict[str, float] = {}
    progress.print("unpacking, or finding what is unpacked")
    everything = real(work.resolve(), archives)
    extra = recombined(everything, EXTRA, _EXTRA_SEED + options["seed"])
    for size in chosen:
        progress.print(f"preparing {size}")
        corpus = of_size(everything, size, options["seed"])
        inputs, more = Inputs(corpus, clean(corpus)), Inputs(extra, clean(extra))
        runner = Runner(
            work.resolve(), inputs, more, settings, progress.print, again=options["again"]
        )
        result["corpora"][corpus.name] = measure_corpus(
            runner, inputs, load_questions(), peers.split(","), rates, settings
        )
        save(result, results)  # after each corpus, so that a stopped run leaves what it has
    # The table is wide; a file or a pipe has the room.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(width=200)
    draw(tables(result, details=False), console)
    console.print(f"Written: {results / result['name']}.json and .md")


def measure_corpus(
    runner: Runner,
    inputs: Inputs,
    questions: Sequence[Question],
    names: Sequence[str],
    rates: dict[str, float],
    settings: Settings,
) -> dict[str, Any]:
    """Return all measurements of one corpus.

    ``rates`` contains how many articles a second each peer indexed before, and is updated.
    """
    measured: dict[str, Any] = {
        "files": len(inputs.corpus.paths()),
        "articles": inputs.cleaned.articles,
        "text_bytes": inputs.cleaned.text_bytes,
        "clean_seconds": round(inputs.cleaned.seconds, 3),
        "questions": [question.name for question in questions],
        "peers": {},
        "missing": {},
    }
    present: list[Peer] = []
    for name in peer_names():
        if name not in names:
            measured["missing"][name] = "not chosen (--peers)"
            continue
        peer = make_peer(name)
        seconds = inputs.cleaned.articles / rates[name] if name in rates else 0
        reason = peer.available()
        if seconds > settings.patience:
            reason = f"one index would take about {seconds / 60:,.0f} minutes (--patience)"
        if reason:
            measured["missing"][name] = reason
            continue
        figures = runner.measure(peer, questions)
        measured["peers"][name] = figures
        if "index" in figures:
            rates[name] = figures["index"]["per_second"]
        if "failed" not in figures:
            present.append(peer)
    measured["cold"] = runner.cold(present)
    return measured


if __name__ == "__main__":
    main()
