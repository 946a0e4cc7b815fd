"""``newsgrep timeline``: an answer over time."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    QueryCommand,
    build_query,
    color_option,
    index_option,
    query_options,
    report_no_match,
    use_color,
)
from newsgrep.errors import UsageError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.terminal import print_lines, sanitize, write
from newsgrep.views import hits
from newsgrep.views.timeline import (
    DEFAULT_SOURCES,
    Interval,
    Timeline,
    make_timeline,
    timeline_notes,
    timeline_to_csv,
    timeline_to_text,
)
from newsgrep.views.timeline_svg import timeline_to_svg

_STANDARD_OUTPUT: Final = Path("-")


@click.command(cls=QueryCommand, short_help="Count articles over time.")
@query_options
@click.option(
    "--by",
    type=click.Choice([by.value for by in Interval]),
    help="How long a bin is; a week begins on Monday.  [default: what fits on a screen]",
)
@click.option("--per", type=click.Choice(["source"]), help="A chart for each source.")
@click.option(
    "--top", type=click.IntRange(min=1), help=f"With --per: charts.  [default: {DEFAULT_SOURCES}]"
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
def command(words: tuple[str, ...], index: Index, **options: Any) -> int:
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
    query = build_query(words, options, saved_lookup(index))
    by = Interval(options["by"]) if options["by"] else None
    per_source = options["per"] is not None
    if options["top"] and not per_source:
        raise UsageError("--top goes with --per source: add it.")
    with open_index(index, trust=options["trust"]) as engine:
        line = make_timeline(
            engine,
            query.root,
            by=by,
            per_source=per_source,
            most=options["top"] or DEFAULT_SOURCES,
            share=options["share"],
        )
        if not line.total:
            report_no_match(engine, query, line.parsed, index)
    if options["picture"] and line.total:
        _write_svg(line, query.text, options["picture"])
    if options["picture"] != _STANDARD_OUTPUT:
        _print(line, query.text, options)
    return 0 if line.total else 1


def _write_svg(line: Timeline, query: str, path: Path) -> None:
    if not line.bins:
        raise UsageError(
            f"There is nothing to draw, for no date is known to the {line.by}: say a coarser --by."
        )
    if path == _STANDARD_OUTPUT:
        write(timeline_to_svg(line, query), end="")
    else:
        path.write_text(timeline_to_svg(line, query), "utf-8")


def _print(line: Timeline, query: str, options: dict[str, Any]) -> None:
    match options["form"]:
        case "json":
            write(to_json(hits.timeline_to_json(line, query), indent=2))
        case "csv":
            for row in timeline_to_csv(line):
                write(row)
            for note in timeline_notes(line) if line.total else ():
                click.echo(sanitize(note), err=True)
        case _ if line.total:
            lines = timeline_to_text(line, get_terminal_size().columns, blocks=sys.stdout.isatty())
            print_lines(lines, color=use_color(options["color"]))
