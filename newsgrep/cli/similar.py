"""``newsgrep similar``: articles on the same thing."""

from __future__ import annotations

import os
from typing import Any

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    color_option,
    find_article,
    index_option,
    read_article_file,
    use_color,
)
from newsgrep.errors import InputError, UsageError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.terminal import one_line, print_lines, write, write_bytes
from newsgrep.views.hits import SCHEMA_VERSION
from newsgrep.views.similar import find_similar, similar_objects, similar_to_json, similar_to_text


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
def command(name: str, index: Index, **options: Any) -> int:
    """Find articles like the one with this ID, or in the file at PATH, the most alike first.

    The file need not be indexed.

    \b
    newsgrep similar voxg36vu63he
    newsgrep similar draft.md --paths
    """
    if options["null"] and options["form"] != "paths":
        raise UsageError("-0 goes with --paths: add it.")
    with open_index(index, trust=options["trust"]) as engine:
        article = find_article(engine, name)
        if article is None and not os.path.lexists(name):
            raise InputError(
                f"There is no article with the id {one_line(name)}, nor a file: "
                "newsgrep search --json shows ids and paths."
            )
        article = article or read_article_file(name)
        found = find_similar(engine, article, options["limit"])
    match options["form"]:
        case "json":
            write(to_json(similar_to_json(article, found), indent=2))
        case "jsonl":
            for told in similar_objects(found):
                write(to_json({"version": SCHEMA_VERSION, **told}))
        case "paths":
            end = b"\0" if options["null"] else b"\n"
            for each in found:
                write_bytes(os.fsencode(each.article.path) + end)
        case _:
            print_lines(similar_to_text(found), color=use_color(options["color"]))
    if not found:
        click.echo("newsgrep: no article shares a telling word with this one.", err=True)
    return 0 if found else 1
