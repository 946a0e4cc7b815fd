"""``newsgrep timeline``: an answer over time."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from newsgrep.archive.location import Location
from newsgrep.archive.place import opened
from newsgrep.archive.saved import saved_in
from newsgrep.cli.asking import asked, query_options, tell_why
from newsgrep.cli.options import QueryCommand, color_option, index_option, wants_color
from newsgrep.errors import UsageError
from newsgrep.jsontext import to_json
from newsgrep.output import machine
from newsgrep.output.safe import safe
from newsgrep.output.stream import write
from newsgrep.output.styled import print_lines
from newsgrep.output.svg import svg
from newsgrep.output.timelines import csv_lines, notes, timeline_lines
from newsgrep.views.bins import By
from newsgrep.views.timeline import MOST_SOURCES, Timeline, timeline

_STANDARD_OUTPUT: Final = Path("-")


@click.command(cls=QueryCommand, short_help="Count articles over time.")
@query_options
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    help="How long a bin is; a week begins on Monday.  [default: what fits on a screen]",
)
@click.option("--per", type=click.Choice(["source"]), help="A chart for each source.")
@click.option(
    "--top", type=click.IntRange(min=1), help=f"With --per: charts.  [default: {MOST_SOURCES}]"
)
@click.option("--share", is_flag=True, help="Per cent of all articles that were published then.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--csv", "form", flag_value="csv", help="A table for spreadsheets.")
@click.option(
    "--svg",
    "picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw a picture into FILE; with - it is all that is printed.",
)
@color_option
@index_option
def command(words: tuple[str, ...], index: Location, **options: Any) -> int:
    """Count the articles that match QUERY by day, week, month or year.

    QUERY is what newsgrep search takes. Articles that are known to the year or month only
    are told apart where bins are finer. With --share a bin is compared with all articles
    that pass the same filters.

    \b
    newsgrep timeline 联合声明
    newsgrep timeline 渔业 --by year --per source --share
    newsgrep timeline '"联合声明"' --csv > statement.csv
    newsgrep timeline 渔业 --source 青石湖 --svg fishery.svg
    """
    query = asked(words, options, saved_in(index))
    by = By(options["by"]) if options["by"] else None
    per_source = options["per"] is not None
    if options["top"] and not per_source:
        raise UsageError("--top goes with --per source: add it.")
    with opened(index, trust=options["trust"]) as engine:
        line = timeline(
            engine,
            query.root,
            by=by,
            per_source=per_source,
            most=options["top"] or MOST_SOURCES,
            share=options["share"],
        )
        if not line.total:
            tell_why(engine, query, line.understood, index)
    if options["picture"] and line.total:
        _draw(line, query.text, options["picture"])
    if options["picture"] != _STANDARD_OUTPUT:
        _print(line, query.text, options)
    return 0 if line.total else 1


def _draw(line: Timeline, query: str, path: Path) -> None:
    if not line.bins:
        raise UsageError(
            f"There is nothing to draw, for no date is known to the {line.by}: say a coarser --by."
        )
    if path == _STANDARD_OUTPUT:
        write(svg(line, query), end="")
    else:
        path.write_text(svg(line, query), "utf-8")


def _print(line: Timeline, query: str, options: dict[str, Any]) -> None:
    match options["form"]:
        case "json":
            write(to_json(machine.timeline_object(line, query), indent=2))
        case "csv":
            for row in csv_lines(line):
                write(row)
            for note in notes(line) if line.total else ():
                click.echo(safe(note), err=True)
        case _ if line.total:
            lines = timeline_lines(line, get_terminal_size().columns, blocks=sys.stdout.isatty())
            print_lines(lines, color=wants_color(options["color"]))
