"""``newsgrep search``: ask the index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsgrep.archive.place import opened
from newsgrep.archive.saved import saved_in
from newsgrep.cli.options import QueryCommand, color_option, index_option, typed, wants_color
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.output.stream import write, write_bytes
from newsgrep.query.parser import Query, parse
from newsgrep.search import Request, Result, filters, narrowed, search

if TYPE_CHECKING:
    from newsgrep.explain import Explanation


@click.command(cls=QueryCommand, short_help="Find articles.")
@click.argument("words", metavar="QUERY...", nargs=-1, required=True)
@click.option("--any", "any_word", is_flag=True, help="One of the words is enough.")
@click.option("--source", "sources", multiple=True, help="Only sources whose name holds this.")
@click.option("--since", default="", help="Published then or later: YYYY, YYYY-MM, YYYY-MM-DD.")
@click.option("--until", default="", help="Published then or earlier, that day included.")
@click.option(
    "--sort",
    type=click.Choice([order.value for order in Order]),
    default=Order.RELEVANCE.value,
    show_default=True,
    help="date: oldest first, -date: newest first.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Hits shown."
)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Hits passed over.")
@click.option("--after", metavar="TOKEN", default="", help="Go on after the page with this next.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a line for each hit.")
@click.option("--csv", "form", flag_value="csv", help="A table for spreadsheets.")
@click.option("--paths", "form", flag_value="paths", help="Only the paths, one a line.")
@click.option("-0", "--null", is_flag=True, help="With --paths: end paths with NUL, for xargs -0.")
@color_option
@index_option
def command(words: tuple[str, ...], index_folder: Path, **options: Any) -> int:
    """Find articles that match QUERY, the best first.

    All words must match; those that stand together as typed rank higher. "Quotes" (also
    “ ” and 「 」) find exactly what they hold. OR, -word and ( ) work, and title:,
    body:, caption:, source:, date:, since: and until: narrow. Simplified, traditional,
    full-width and upper-case spellings are one.

    \b
    newsgrep search 联合声明
    newsgrep search '"左右逢源" date:2024-05'
    newsgrep search 渔业 -台风 --source 青石湖 --sort -date
    newsgrep search --paths -0 聯合聲明 | xargs -0 wc -c
    newsgrep search --json 联合声明 | jq -r '.hits[].title'

    A word that begins with a minus and a Latin letter needs -- before it:
    newsgrep search -- 模型 -gpt
    """
    query = parse(typed(words), any_word=options["any_word"], saved=saved_in(index_folder))
    narrowing = filters(options["sources"], options["since"], options["until"])
    if options["null"] and options["form"] != "paths":
        raise UsageError("-0 goes with --paths: add it.")
    request = Request(
        narrowed(query, narrowing),
        Order(options["sort"]),
        options["limit"],
        options["offset"],
        after=options["after"],
    )
    with opened(index_folder, trust=options["trust"]) as engine:
        result = search(engine, request)
        explanation = None if result.total else _explain(engine, request.query)
    if explanation:
        from newsgrep.output.human import explanation_lines

        for line in explanation_lines(explanation, result.understood, index_folder):
            click.echo(line, err=True)
    _print(result, explanation, options)
    return 0 if result.total else 1


def _explain(engine: Engine, query: Query) -> Explanation:
    from newsgrep.archive.staleness import newer_files
    from newsgrep.explain import explain_nothing

    return explain_nothing(engine, query.root, newer_files(engine.stamps()))


def _print(result: Result, explanation: Explanation | None, options: dict[str, Any]) -> None:
    match options["form"]:
        case "json":
            from newsgrep.jsontext import to_json
            from newsgrep.output import machine

            write(to_json(machine.result_object(result, explanation), indent=2))
        case "jsonl":
            from newsgrep.jsontext import to_json
            from newsgrep.output import machine

            for hit in result.hits:
                write(to_json({"version": machine.VERSION, **machine.hit_object(hit)}))
        case "csv":
            from newsgrep.output.table import csv_lines

            for line in csv_lines(result.hits):
                write(line)
        case "paths":
            end = b"\0" if options["null"] else b"\n"
            for hit in result.hits:
                write_bytes(os.fsencode(hit.article.path) + end)
        case _ if result.total:
            from newsgrep.output.human import result_lines
            from newsgrep.output.styled import print_lines

            print_lines(result_lines(result), color=wants_color(options["color"]))
