"""Our own engines side by side over one corpus: ``python -m bench.engines --size real2000``.

A short run beside the whole bench, for corpora that take an engine half an hour: nothing is
done twice that takes long, and nobody else is measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench import machine
from bench.cleaned import CleanedFile
from bench.corpora import Corpus, of_size, real
from bench.derived import index_figures, warm_figures
from bench.measure import CommandFailed, median
from bench.paths import ARCHIVES, RESULTS, default_work
from bench.peers import OURS
from bench.peers.base import Inputs, Peer
from bench.peers.ours import make
from bench.report import NONE, Table, draw, number, page, peak
from bench.runner import CLICK_BASELINE, Settings, Steps
from bench.server import HEAP, SERVER
from newsgrep.errors import NewsgrepError

COLUMNS: Final = (
    "",
    "articles/s",
    "CPU ms/article",
    "peak MB",
    "index, bytes",
    "index ÷ text",
    "cold --json, ms",
    "slowest",
    "warm, ms: median",
    "worst",
)
_ROUNDS: Final = 9


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", default="real2000", show_default=True, help="real, realN or N, as in run.")
@click.option(
    "--engines", default=",".join(OURS), show_default=True, help="Others are told as left out."
)
@click.option("--runs", default=3, show_default=True, help="Times that indexing is measured.")
@click.option(
    "--repeat-up-to",
    default=300.0,
    show_default=True,
    help="Seconds: an index is made again only while all of its runs took less.",
)
@click.option("--patience", default=4 * 3600.0, show_default=True, help="Seconds for one index.")
@click.option("--heap", default=HEAP, show_default=True, help="Of the server of OpenSearch.")
@click.option("--seed", default=1, show_default=True, help="Of samples and recombination.")
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
    size: str, engines: str, heap: str, archives: Path, results: Path, work: Path, **options: Any
) -> None:
    """Measure newsgrep's engines over one corpus; print a table, and keep it as engines-SIZE.

    What was measured already, with the same code and inputs, is not measured again.
    """
    chosen = [each.strip() for each in engines.split(",")]
    if unknown := set(chosen) - OURS.keys():
        raise click.BadParameter(f"no such engine: {', '.join(sorted(unknown))}")
    progress = Console(stderr=True)
    settings = Settings(
        index_runs=options["runs"],
        repeat_up_to=options["repeat_up_to"],
        cold_rounds=_ROUNDS,
        patience=options["patience"],
    )
    SERVER.heap = heap
    with SERVER:
        progress.print(f"making {size}, or finding it done", highlight=False)
        inputs = uncleaned(of_size(real(work.resolve(), archives), size, options["seed"]))
        steps = Steps(
            work.resolve(),
            inputs,
            inputs,  # nothing is added
            settings,
            lambda text: progress.print(text, highlight=False),
            again=options["again"],
        )
        told = measure_engines(steps, inputs, chosen)
    result = {"name": f"engines-{size}", "machine": machine.notes(), "heap": heap, **told}
    save(result, results)
    draw(tables(result), Console() if sys.stdout.isatty() else Console(width=160))


def uncleaned(corpus: Corpus) -> Inputs:
    """Return a corpus whose articles are not known: all of our engines take the same ones."""
    return Inputs(corpus, CleanedFile(Path(), 0, 0, 0.0))


def measure_engines(steps: Steps, inputs: Inputs, engines: Sequence[str]) -> dict[str, Any]:
    """Return all that is measured of the engines named; the others are there with a reason.

    How many articles there are, and how much text, is read off the first engine's index.
    """
    told: dict[str, Any] = {
        "articles": 0,
        "text_bytes": 0,
        "engines": {},
        "missing": {},
    }
    present: list[Peer] = []
    for engine, name in OURS.items():
        peer = make(engine)
        reason = peer.available() if engine in engines else "not asked for (--engines)"
        if reason:
            told["missing"][engine] = {"title": peer.title, "reason": reason}
            continue
        measured: dict[str, Any] = {"title": peer.title, "version": peer.version()}
        told["engines"][name] = measured
        try:
            indexed = steps.index(peer)
            if not present:
                held = steps.held(peer)
                told |= held
                known = CleanedFile(Path(), held["articles"], held["text_bytes"], 0.0)
                inputs = Inputs(inputs.corpus, known)
            measured["index"] = index_figures(indexed, inputs)
            measured["totals"] = steps.totals(peer)
            measured["warm"] = warm_figures(steps.warm(peer))
        except (CommandFailed, NewsgrepError, OSError, ValueError) as exc:
            measured["failed"] = str(exc)
        else:
            present.append(peer)
    told["cold"] = steps.cold(present)
    return told


def tables(result: Mapping[str, Any]) -> list[Table]:
    """Return one row an engine, and one a warm question."""
    return [engine_table(result), question_table(result)]


def engine_table(result: Mapping[str, Any]) -> Table:
    """Return one row an engine, and one for a process that only starts."""
    cold: Mapping[str, Mapping[str, Sequence[float]]] = result["cold"]
    rows = [_row(each, cold.get(name, {})) for name, each in result["engines"].items()]
    rows += [
        (each["title"], f"left out: {each['reason']}", *[""] * (len(COLUMNS) - 2))
        for each in result["missing"].values()
    ]
    bare = [median(times) for times in cold.get(CLICK_BASELINE, {}).values()]
    blank = [NONE] * 5
    if bare:
        rows.append((CLICK_BASELINE, *blank, number(bare[0], 0), number(bare[0], 0), NONE, NONE))
    notes = [
        f"{result['articles']:,} articles, {result['text_bytes'] / 1e6:,.1f} MB of cleaned text.",
        (
            f"Cold: each of five questions as a process, {_ROUNDS} times, by turns with the bare "
            "one; the median of their medians, and the slowest of these. Warm: the median of all "
            "questions' medians with ten hits, and the slowest of these. CPU time and peak are of "
            "all processes; after a + stands the server's peak, and its CPU time is in the sum."
        ),
        *(
            f"{each['title']}: indexed {len(each['index']['seconds'])} times."
            for each in result["engines"].values()
            if "index" in each
        ),
        *(
            f"Not finished: {each['title']}: {each['failed']}"
            for each in result["engines"].values()
            if "failed" in each
        ),
        *_disagreements(result["engines"]),
    ]
    heading = f"{result['articles']:,} articles: newsgrep's engines"
    return Table(heading, COLUMNS, tuple(rows), tuple(notes))


def _row(told: Mapping[str, Any], cold: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    index = told.get("index")
    cold_medians = [median(times) for times in cold.values()]
    warm = [each["page"]["median"] for each in told.get("warm", {}).values()]
    return (
        told["title"],
        number(index["per_second"], 0) if index else NONE,
        number(index["cpu_ms"], 2) if index else NONE,
        peak(index) if index else NONE,
        f"{index['size']:,}" if index else NONE,
        number(index["size_ratio"], 2) if index else NONE,
        number(median(cold_medians), 0),
        number(max(cold_medians, default=float("nan")), 0),
        number(median(warm), 1),
        number(max(warm, default=float("nan")), 1),
    )


def question_table(result: Mapping[str, Any]) -> Table:
    """Return the median and the worst milliseconds of each warm question and engine."""
    engines = {name: each for name, each in result["engines"].items() if each.get("warm")}
    questions = {name: None for each in engines.values() for name in each["warm"]}
    rows = []
    for question in questions:
        pages = [each["warm"][question]["page"] for each in engines.values()]
        cells = (f"{number(page['median'], 1)} / {number(page['worst'], 1)}" for page in pages)
        totals = {f"{each['totals'][question]:,}" for each in engines.values()}
        rows.append((question, " ≠ ".join(sorted(totals)), *cells))
    titles = (each["title"] for each in engines.values())
    columns = ("warm question, ms with 10 hits: median / worst", "articles", *titles)
    return Table("Each question", columns, tuple(rows))


def _disagreements(engines: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told = {each["title"]: each["totals"] for each in engines.values() if "totals" in each}
    questions = {question for totals in told.values() for question in totals}
    wrong = sorted(q for q in questions if len({totals[q] for totals in told.values()}) > 1)
    return [f"NOT ALIKE: {question}: the engines count differently." for question in wrong]


def save(result: Mapping[str, Any], folder: Path) -> None:
    """Write raw results and tables into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (folder / f"{result['name']}.json").write_text(text + "\n", "utf-8")
    heading = f"newsgrep's own engines: {result['articles']:,} articles"
    lines = page(heading, result["machine"], tables(result))
    lines += ["", *(f"- {each['title']}: {each['version']}" for each in result["engines"].values())]
    (folder / f"{result['name']}.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
