"""``newsgrep compare``: one query in several sources."""

from __future__ import annotations

from typing import Any

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    QueryCommand,
    build_query,
    color_option,
    index_option,
    query_options,
    query_text,
    use_color,
)
from newsgrep.errors import UsageError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.query.parser import normalize
from newsgrep.terminal import print_lines, sanitize, write
from newsgrep.views.compare import (
    compare_sources,
    comparison_to_csv,
    comparison_to_json,
    comparison_to_text,
)
from newsgrep.views.keywords import KEYNESS_STATISTIC

_MIN_SOURCES = 2


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
def command(words: tuple[str, ...], index: Index, **options: Any) -> int:
    """Tell how often, when and with which words each source writes about QUERY.

    The words are those that a source's articles on QUERY have oftener than those of the
    other sources named (G² of article counts).

    \b
    newsgrep compare 渔业 --sources 青石湖,汀海
    newsgrep compare '联合声明 date:2024' --sources 青石湖,汀海 --csv
    """
    text = query_text(words)
    root = build_query(words, options, saved_lookup(index)).root
    sources = [name for part in options["names"].split(",") if (name := normalize(part))]
    if len(sources) < _MIN_SOURCES:
        raise UsageError("Comparing takes two sources or more: --sources 青石湖,汀海.")
    with open_index(index, trust=options["trust"]) as engine:
        sides = compare_sources(engine, root, sources, options["limit"])
    match options["form"]:
        case "json":
            write(to_json(comparison_to_json(sides, text, KEYNESS_STATISTIC), indent=2))
        case "csv":
            for line in comparison_to_csv(sides):
                write(line)
        case _ if any(side.articles for side in sides):
            print_lines(
                comparison_to_text(sides, KEYNESS_STATISTIC), color=use_color(options["color"])
            )
        case _:
            click.echo(
                f"newsgrep: none of these sources has an article that matches {sanitize(text)}: "
                "newsgrep search says which has.",
                err=True,
            )
    return 0 if any(side.articles for side in sides) else 1
