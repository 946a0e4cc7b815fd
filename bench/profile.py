"""Where newsgrep's time goes: ``python -m bench.profile`` profiles indexing and warm questions.

The slowest questions of a result are profiled; the top 25 lines go beside it.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from bench.cleaned import clean
from bench.corpora import of_size, real
from bench.paths import ARCHIVES, REPOSITORY, RESULTS, default_work
from bench.peers.base import Inputs
from bench.peers.ours import Newsgrep
from bench.questions import Question, load_questions
from newsgrep.index.store import FolderIndex
from newsgrep.index.update import UpdateOptions, update_index

LINES: Final = 25
_REPEATS: Final = 20


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", default="real2000", show_default=True, help="As bench.run's --sizes.")
@click.option("--seed", default=1, show_default=True)
@click.option("--result", default="", help="Profile the slowest questions of this result.")
@click.option("--slowest", default=3, show_default=True, help="How many of them.")
@click.option("--question", "named", multiple=True, help="Profile these questions instead.")
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option("--work", type=click.Path(path_type=Path), default=default_work)
def main(
    size: str,
    seed: int,
    result: str,
    slowest: int,
    named: tuple[str, ...],
    archives: Path,
    results: Path,
    work: Path,
) -> None:
    """Profile indexing in one process, and warm questions."""
    corpus = of_size(real(work.resolve(), archives), size, seed)
    results.mkdir(parents=True, exist_ok=True)
    label = result or size
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        folder = Path(scratch) / "index"
        _profile(
            partial(update_index, FolderIndex(folder), [str(corpus.folder)], UpdateOptions(jobs=1)),
            results / f"{label}-profile-index.txt",
        )
        peer = Newsgrep()
        peer.open(Inputs(corpus, clean(corpus)), folder)
        for question in _questions(named, results / f"{result}.json", slowest):
            slug = re.sub(r"\W+", "-", question.name).strip("-")
            peer.ask(question, 10)
            _profile(partial(_ask, peer, question), results / f"{label}-profile-{slug}.txt")
        peer.close()


def _ask(peer: Newsgrep, question: Question) -> None:
    for _ in range(_REPEATS):
        peer.ask(question, 10)


def _questions(named: tuple[str, ...], result: Path, count: int) -> list[Question]:
    questions = {question.name: question for question in load_questions()}
    if named:
        return [questions[name] for name in named]
    if result.exists():
        corpora = json.loads(result.read_text("utf-8"))["corpora"]
        warm = list(corpora.values())[-1]["peers"]["newsgrep"]["warm"]
        slow = sorted(warm, key=lambda name: -warm[name]["page"]["median"])
        return [questions[name] for name in slow[:count]]
    return [questions[name] for name in ("common word", "phrase of three words")]


def _profile(work: Callable[[], Any], path: Path) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(work)
    stream = io.StringIO()
    statistics = pstats.Stats(profiler, stream=stream)
    for order in ("tottime", "cumulative"):
        statistics.sort_stats(order).print_stats(LINES)
    path.write_text(_without_machine(stream.getvalue()), "utf-8")
    click.echo(path.name)


def _without_machine(text: str) -> str:
    """Return a profile without the paths of this machine."""
    text = text.replace(f"{REPOSITORY}/", "")
    text = re.sub(r"\S*/site-packages/", "", text)
    text = re.sub(r"\S*/lib/python[\d.]+/", "", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


if __name__ == "__main__":
    main()
