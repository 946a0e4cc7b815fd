"""How the cost of everything grows with the archive: ``python -m bench.growth``.

One index of each engine grows from size to size, and is measured at each: indexing, size, memory,
a run with nothing to do, adding 100 articles, questions as processes and in one process. Times are
CPU seconds, which other load on the machine changes little. The exponent of a curve is the slope
between its first and last point in logarithms: 1 is proportional to the archive, 0 does not grow.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from bench import machine
from bench.corpora import MAX_IN_FOLDER, Corpus, real, recombined
from bench.curves import draw
from bench.measure import Run, median, run
from bench.paths import ARCHIVES, REPOSITORY, RESULTS, default_work, fresh
from bench.peers import ours
from bench.questions import Question, load_questions
from newsgrep.indexing import index_at

ADDED: Final = 100
_SEED: Final = 1
_COLD: Final = "common word"
_COLD_ROUNDS: Final = 5
_WARM_ROUNDS: Final = 3
PICTURE: Final = REPOSITORY / "docs" / "growth.svg"

FIGURES: Final = {
    "index_cpu": "indexing everything, CPU s",
    "size_mb": "size of the index, MB",
    "peak_mb": "memory while indexing, MB",
    "nothing_cpu": "index with nothing new, CPU s",
    "nothing_mb": "memory of that, MB",
    "add_cpu": f"adding {ADDED} articles, CPU s",
    "cold_ms": "a common word as a process, CPU ms",
    "warm_ms": "questions in one process, median, CPU ms",
    "slowest_ms": "the slowest question, CPU ms",
    "new_ms": "the slowest question when it is new to a process, CPU ms",
    "stats_cpu": "stats, CPU s",
    "keywords_cpu": "keywords of a common word, CPU s",
    "near_ms": "two common words NEAR/5, CPU ms",
}
"""The figures of each size, and what they are."""

Point = dict[str, float]
Curves = dict[str, dict[int, Point]]
"""The figures by engine and number of articles."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sizes", default="10000,30000,100000,300000", show_default=True)
@click.option("--engines", default="whoosh,tantivy", show_default=True)
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option("--picture", type=click.Path(path_type=Path), default=PICTURE)
@click.option("--work", type=click.Path(path_type=Path), default=default_work)
@click.option("--again", is_flag=True, help="Measure the indexes of an earlier run again.")
def main(
    sizes: str, engines: str, archives: Path, results: Path, picture: Path, work: Path, again: bool
) -> None:
    """Grow an index of each engine, and write tables, numbers and a picture.

    Sizes are multiples of 1,000. An interrupted run continues after the last size that it has
    measured of each engine, if its index is still there.
    """
    steps = sorted(int(each) for each in sizes.split(","))
    if any(size % MAX_IN_FOLDER for size in steps):
        raise click.BadParameter(f"sizes are multiples of {MAX_IN_FOLDER:,}")
    everything = real(work.resolve(), archives)
    corpus = recombined(everything, steps[-1], _SEED)
    extra = recombined(everything, ADDED, _SEED + 1)
    curves: Curves = {}
    for engine in engines.split(","):
        # Another corpus has other paths.
        folder = work.resolve() / "growth" / f"{engine}-{corpus.name}.index"
        curves[engine] = {}
        for size, point in grow(engine, corpus, extra, steps, folder, again=again):
            curves[engine][size] = point
            shown = ", ".join(f"{name} {value:,.3g}" for name, value in point.items())
            click.echo(f"{engine}, {size:,}: {shown}", err=True)
            write(curves, results, picture)
    click.echo(markdown(curves))


def grow(
    engine: str,
    corpus: Corpus,
    extra: Corpus,
    sizes: Sequence[int],
    folder: Path,
    *,
    again: bool = False,
) -> Iterator[tuple[int, Point]]:
    """Yield the figures of each size.

    They are kept beside the index, and so is the index of each size, which shares its files with
    the next one. With ``again``, only what indexing took is taken from an earlier run.
    """
    kept = folder.with_suffix(".json")
    points: dict[int, Point] = {}
    if kept.exists() and folder.exists():
        points = {int(size): point for size, point in json.loads(kept.read_text("utf-8")).items()}
    else:
        fresh(folder)
    cpu = peak = 0.0
    for size in sizes:
        folders = [corpus.folder / f"{number:04}" for number in range(size // MAX_IN_FOLDER)]
        of_size = folder.with_name(f"{folder.stem}-{size}.index")
        if size not in points:
            made = index(engine, folders, folder)
            link_index(folder, of_size)
            points[size] = {
                "index_cpu": cpu + made.cpu_seconds,
                "size_mb": index_at(str(folder)).size() / 2**20,
                "peak_mb": max(peak, made.peak_bytes / 2**20),
            }
        cpu, peak = points[size]["index_cpu"], points[size]["peak_mb"]
        if again or not points[size].keys() >= FIGURES.keys():
            points[size] |= measure(engine, folders, extra, of_size)
        kept.write_text(json.dumps(points, indent=1), "utf-8")
        yield size, points[size]


def index(engine: str, paths: Sequence[Path], folder: Path) -> Run:
    """Run ``newsgrep index``."""
    files = list(map(str, paths))
    options = ["--index", str(folder), "--engine", engine, "--jobs", "2"]
    return run([*ours.command(), "index", *files, *options])


def measure(engine: str, folders: Sequence[Path], extra: Corpus, folder: Path) -> Point:
    """Return all figures but those of indexing."""
    questions = {question.name: question for question in load_questions()}
    text = ours.text_of(questions[_COLD])
    at = ["--index", str(folder)]
    cpu_of(["search", *at, text], rounds=1)  # the files of a linked index are verified first
    nothing = index(engine, folders, folder)
    warm, new = question_milliseconds(engine, folder, list(questions.values()))
    near = Question("near", "", all=("发展 NEAR/5 经济",))
    return {
        "nothing_cpu": nothing.cpu_seconds,
        "nothing_mb": nothing.peak_bytes / 2**20,
        "add_cpu": add(engine, extra, folder).cpu_seconds,
        "cold_ms": 1000 * cpu_of(["search", "--json", *at, text]),
        "warm_ms": median(list(warm.values())),
        "slowest_ms": max(warm.values()),
        "new_ms": max(new.values()),
        "stats_cpu": cpu_of(["stats", *at]),
        "keywords_cpu": cpu_of(["keywords", *at, text]),
        "near_ms": median(list(question_milliseconds(engine, folder, [near])[0].values())),
    }


def cpu_of(arguments: Sequence[str], rounds: int = _COLD_ROUNDS) -> float:
    """Return the median of the CPU seconds of a command, after one run that is not counted."""
    command = [*ours.command(), *arguments]
    runs = [run(command, success=(0, 1), watch=False) for _ in range(rounds + 1)]
    return median([each.cpu_seconds for each in runs[1:]])


def add(engine: str, extra: Corpus, folder: Path) -> Run:
    """Add the extra articles to a copy of the index, whose files are verified first."""
    copy = folder.with_name(f"{folder.name}.copy")
    link_index(folder, copy)
    try:
        cpu_of(["stats", "--index", str(copy)], rounds=1)
        return index(engine, [extra.folder], copy)
    finally:
        shutil.rmtree(copy)


def link_index(folder: Path, copy: Path) -> None:
    """Copy an index; links to the files of its engine, which never change, take no space."""

    def link(source: str, target: str) -> None:
        is_rewritten = source.endswith((".json", ".lock"))
        (shutil.copy2 if is_rewritten else os.link)(source, target)

    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=link)


def question_milliseconds(
    engine: str, folder: Path, questions: Sequence[Question]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the CPU time of a page of hits for each question, in one process.

    First the median, second the time when the question is new to the process, which may have cached
    postings and texts for the questions before it.
    """
    peer = ours.make(engine)
    new: dict[str, float] = {}
    times: dict[str, list[float]] = {question.name: [] for question in questions}
    with index_at(str(folder)).open() as opened:
        peer.use(opened)
        for number in range(_WARM_ROUNDS + 1):
            for question in questions:
                started = time.process_time()
                peer.ask(question, 10)
                taken = 1000 * (time.process_time() - started)
                if number:
                    times[question.name].append(taken)
                else:
                    new[question.name] = taken
    return {name: median(values) for name, values in times.items()}, new


def exponent(points: Mapping[int, Point], figure: str) -> float:
    """Return the slope of a curve between its ends, in logarithms; NaN for one point."""
    measured = [size for size, point in points.items() if figure in point]
    first, last = min(measured, default=0), max(measured, default=0)
    if first == last or points[first][figure] <= 0:
        return math.nan
    grown = points[last][figure] / points[first][figure]
    return math.log(grown) / math.log(last / first)


def write(curves: Curves, results: Path, picture: Path) -> None:
    """Write the numbers, the tables and the picture."""
    results.mkdir(parents=True, exist_ok=True)
    notes = machine.notes()
    content: dict[str, Any] = {"machine": notes, "curves": curves}
    (results / "growth.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    head = (
        f"# Growth\n\n{notes['date']}; {notes['processor']}, {notes['cores']} cores, "
        f"{notes['memory_gb']} GB; Python {notes['python']}; newsgrep {notes['newsgrep']} "
        f"({notes['commit']}).\n\n"
    )
    (results / "growth.md").write_text(head + markdown(curves), "utf-8")
    lines = {
        title: {
            engine: [(size, point[name]) for size, point in points.items() if name in point]
            for engine, points in curves.items()
        }
        for name, title in FIGURES.items()
    }
    picture.write_text(draw(lines), "utf-8")


def markdown(curves: Curves) -> str:
    """Return a table for each engine: a row for each figure, a column for each size."""
    parts = []
    for engine, points in curves.items():
        sizes = sorted(points)
        columns = [engine, *(f"{size:,}" for size in sizes), "exponent"]
        rows = [columns, ["---", *["---:"] * (len(columns) - 1)]]
        for name, title in FIGURES.items():
            values = [
                f"{points[size][name]:,.3g}" if name in points[size] else "–" for size in sizes
            ]
            slope = exponent(points, name)
            rows.append([title, *values, "–" if math.isnan(slope) else f"{slope:.2f}"])
        parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
