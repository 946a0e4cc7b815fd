"""``newsgrep similar``: articles on the same thing."""

from __future__ import annotations

import os
from typing import Any

import click

from newsgrep.archive.location import Location
from newsgrep.archive.place import opened
from newsgrep.cli.finding import article_in, find_article
from newsgrep.cli.options import color_option, index_option, wants_color
from newsgrep.errors import InputError, UsageError
from newsgrep.jsontext import to_json
from newsgrep.output.machine import VERSION
from newsgrep.output.safe import one_line
from newsgrep.output.similar import similar_lines, similar_object, similar_objects
from newsgrep.output.stream import write, write_bytes
from newsgrep.output.styled import print_lines
from newsgrep.similar import similar


@click.command(short_help="Find articles like one article.")
@click.argument("name", metavar="ID|PATH")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Hits shown."
)
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a line for each hit.")
@click.option("--paths", "form", flag_value="paths", help="Only the paths, one a line.")
@click.option("-0", "--null", is_flag=True, help="With --paths: end paths with NUL, for xargs -0.")
@color_option
@index_option
def command(name: str, index: Location, **options: Any) -> int:
    """Find articles like the one with this ID, or in the file at PATH, the most alike first.

    The file need not be indexed.

    \b
    newsgrep similar voxg36vu63he
    newsgrep similar draft.md --paths
    """
    if options["null"] and options["form"] != "paths":
        raise UsageError("-0 goes with --paths: add it.")
    with opened(index, trust=options["trust"]) as engine:
        article = find_article(engine, name)
        if article is None and not os.path.lexists(name):
            raise InputError(
                f"There is no article with the id {one_line(name)}, nor a file: "
                "newsgrep search --json shows ids and paths."
            )
        article = article or article_in(name)
        found = similar(engine, article, options["limit"])
    match options["form"]:
        case "json":
            write(to_json(similar_object(article, found), indent=2))
        case "jsonl":
            for told in similar_objects(found):
                write(to_json({"version": VERSION, **told}))
        case "paths":
            end = b"\0" if options["null"] else b"\n"
            for each in found:
                write_bytes(os.fsencode(each.article.path) + end)
        case _:
            print_lines(similar_lines(found), color=wants_color(options["color"]))
    if not found:
        click.echo("newsgrep: no article shares a telling word with this one.", err=True)
    return 0 if found else 1
