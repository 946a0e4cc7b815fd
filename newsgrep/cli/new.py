"""``newsgrep new``: what has come in for saved queries since the last time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from newsgrep._io import to_json
from newsgrep.cli.options import color_option, index_option, use_color, wait_option
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError, NewsgrepError, UsageError
from newsgrep.index.location import Index, described, personal_folder
from newsgrep.index.lock import exclusive_lock
from newsgrep.index.manifest import SEEN_FOLDER
from newsgrep.index.store import open_index
from newsgrep.index.user_state import read_saved, read_seen, saved_name, write_seen
from newsgrep.query.parser import name_key, parse
from newsgrep.search.alerts import NewArticles, find_new, new_hits
from newsgrep.terminal import StyledLine, StyledText, flush, one_line, print_lines, write
from newsgrep.views.hits import hit_lines, new_article_to_json


@click.command(short_help="Tell what has come in for saved queries.")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--all", "begin_with_all", is_flag=True, help="The first time all that is there.")
@click.option("--peek", is_flag=True, help="Tell it again the next time.")
@click.option("--jsonl", is_flag=True, help="JSON Lines also on a terminal.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to remember what was told, instead of in the index.",
)
@wait_option
@color_option
@index_option
def command(names: tuple[str, ...], index: Index, **options: Any) -> int:
    """Tell which articles have come into the index since the last time, for each saved query.

    The first time it prints nothing and remembers what is there. One JSON object a line for
    each new article, with the name under "saved"; on a terminal it is for people to read.
    What was printed is not printed again.

    \b
    newsgrep new
    newsgrep index ~/archive && newsgrep new 渔业 > news.jsonl

    Exit status: 0 if there is something new, 1 if not, 2 error.
    """
    queries = read_saved(index)
    if not queries:
        raise UsageError(
            f"No query is saved with the index {described(index)}: newsgrep saved add NAME QUERY."
        )
    wanted = dict.fromkeys(saved_name(queries, name) for name in names) or dict.fromkeys(queries)
    state = _ensure_folder(options["state"] or personal_folder(index) / SEEN_FOLDER)
    told, worst = 0, 0
    with open_index(index, trust=options["trust"]) as engine:
        for name in wanted:
            try:
                told += _report_new(engine, name, queries, state, options)
            except NewsgrepError as exc:
                # One that can't be told must not keep the others back.
                click.echo(f"newsgrep: {one_line(name)}: {one_line(str(exc))}", err=True)
                worst = worst or exc.exit_status
    return worst or (0 if told else 1)


def _ensure_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            f"Nothing can be remembered in {folder} ({exc.strerror}): name a folder of your "
            "own with --state."
        ) from exc
    return folder


def _report_new(
    engine: Engine, name: str, queries: dict[str, str], state: Path, options: dict[str, Any]
) -> int:
    """Print what is new for one saved query, then remember it; return how much it was."""
    query = parse(queries[name], saved=lambda: queries)
    path = state / f"{name_key(name)}.seen"
    with exclusive_lock(state / f"{name_key(name)}.lock", f"The notes in {state}", options["wait"]):
        seen = read_seen(path)
        new = find_new(engine, query, seen, begin_with_all=options["begin_with_all"])
        if sys.stdout.isatty() and not options["jsonl"]:
            _print_new(engine, name, new, color=use_color(options["color"]))
        else:
            for hit in new_hits(engine, new):
                write(to_json(new_article_to_json(name, hit)))
        # First told, then remembered: what ends between the two is told once more.
        flush()
        if not options["peek"] and (seen is None or seen.commit != engine.commit()):
            write_seen(path, engine.commit(), new.present | (seen.articles if seen else set()))
    if seen is None and not options["begin_with_all"] and not options["peek"]:
        click.echo(f"{one_line(name)}: what comes in from now on is new.", err=True)
    return len(new.candidates)


def _print_new(engine: Engine, name: str, new: NewArticles, *, color: bool) -> None:
    if count := len(new.candidates):
        print_lines(
            [StyledLine([StyledText(f"{name}: {count:,} new", "title")]), StyledLine()], color=color
        )
        indent = len(str(count)) + 2
        for hit in new_hits(engine, new):
            print_lines([*hit_lines(hit, indent), StyledLine()], color=color)
