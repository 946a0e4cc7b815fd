"""``newsgrep show``: print a whole article."""

from __future__ import annotations

import os
import sys

import click

from newsgrep.archive.location import Location, where
from newsgrep.archive.place import opened
from newsgrep.archive.saved import saved_in
from newsgrep.cli.finding import find_article
from newsgrep.cli.options import color_option, index_option, wants_color
from newsgrep.jsontext import to_json
from newsgrep.output.human import article_lines
from newsgrep.output.machine import VERSION, article_object
from newsgrep.output.safe import one_line
from newsgrep.output.stream import write
from newsgrep.output.styled import colored, plain, print_lines
from newsgrep.places import matched_spans
from newsgrep.query.parser import parse
from newsgrep.query.tree import Field, wanted_texts


@click.command(short_help="Print a whole article.")
@click.argument("name", metavar="ID|PATH")
@click.option("--match", "query", default="", help="Highlight what this query asks for.")
@click.option("--json", "as_json", is_flag=True, help="The article as one JSON object.")
@click.option("--pager/--no-pager", default=True, help="Page long articles on a terminal.")
@color_option
@index_option
def command(
    name: str,
    query: str,
    as_json: bool,
    pager: bool,
    color: str,
    trust: bool,
    index: Location,
) -> int:
    """Print the article with this ID, or from the file at PATH.

    \b
    newsgrep show seeds/tram-line-4.html
    newsgrep show 3kq7vb2m4x --match 联合声明
    newsgrep show 3kq7vb2m4x --json | jq -r .body
    """
    wanted = wanted_texts(parse(query, saved=saved_in(index)).root) if query else []
    with opened(index, trust=trust) as engine:
        article = find_article(engine, name)
    if article is None:
        click.echo(
            f"newsgrep: no article with the id or path {one_line(name)} {where(index)}: "
            "newsgrep search --json shows ids and paths.",
            err=True,
        )
        return 1
    if as_json:
        write(to_json({"version": VERSION, **article_object(article)}, indent=2))
        return 0
    lines = article_lines(
        article,
        matched_spans(article.body, wanted, Field.BODY),
        matched_spans(article.title, wanted, Field.TITLE),
    )
    if pager and sys.stdout.isatty():
        rows = colored(lines, wrap=True) if wants_color(color) else plain(lines)
        os.environ.setdefault("LESS", "-R")  # lets colours through; a user's own choice stays
        click.echo_via_pager((f"{row}\n" for row in rows), color=wants_color(color))
    else:
        print_lines(lines, color=wants_color(color))
    return 0
