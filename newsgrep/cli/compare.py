"""``newsgrep compare``: one query in several sources."""

from __future__ import annotations

from typing import Any

import click

from newsgrep.archive.location import Location
from newsgrep.archive.place import opened
from newsgrep.archive.saved import saved_in
from newsgrep.cli.asking import asked, query_options
from newsgrep.cli.options import QueryCommand, color_option, index_option, typed, wants_color
from newsgrep.errors import UsageError
from newsgrep.jsontext import to_json
from newsgrep.output.safe import safe
from newsgrep.output.stream import write
from newsgrep.output.styled import print_lines
from newsgrep.output.words import compare_lines, compare_object, compare_rows
from newsgrep.query.leaves import normalised
from newsgrep.views.compare import compare
from newsgrep.views.keyness import STATISTIC

_FEWEST = 2


@click.command(cls=QueryCommand, short_help="Compare what several sources write about it.")
@query_options
@click.option(
    "--sources",
    "names",
    required=True,
    metavar="A,B[,C]",
    help="Two sources or more; each stands for all whose name holds it.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Words shown for each source.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--csv", "form", flag_value="csv", help="A table, one row a source.")
@color_option
@index_option
def command(words: tuple[str, ...], index: Location, **options: Any) -> int:
    """Tell how often, when and with which words each source writes about QUERY.

    The words are those that a source's articles on QUERY have oftener than those of the
    other sources named (G² of article counts).

    \b
    newsgrep compare 渔业 --sources 青石湖,汀海
    newsgrep compare '联合声明 date:2024' --sources 青石湖,汀海 --csv
    """
    text = typed(words)
    root = asked(words, options, saved_in(index)).root
    sources = [name for part in options["names"].split(",") if (name := normalised(part))]
    if len(sources) < _FEWEST:
        raise UsageError("Comparing takes two sources or more: --sources 青石湖,汀海.")
    with opened(index, trust=options["trust"]) as engine:
        sides = compare(engine, root, sources, options["limit"])
    match options["form"]:
        case "json":
            write(to_json(compare_object(sides, text, STATISTIC), indent=2))
        case "csv":
            for line in compare_rows(sides):
                write(line)
        case _ if any(side.articles for side in sides):
            print_lines(compare_lines(sides, STATISTIC), color=wants_color(options["color"]))
        case _:
            click.echo(
                f"newsgrep: none of these sources has an article that matches {safe(text)}: "
                "newsgrep search says which has.",
                err=True,
            )
    return 0 if any(side.articles for side in sides) else 1
