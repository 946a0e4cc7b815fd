"""``newsgrep show``: print a whole article."""

from __future__ import annotations

import os
import sys

import click

from newsgrep._io import to_json
from newsgrep.cli.options import color_option, find_article, index_option, use_color
from newsgrep.index.location import Index, described
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.query.ast import Field, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.query.parser import parse
from newsgrep.terminal import format_colored, format_plain, one_line, print_lines, write
from newsgrep.views.hits import SCHEMA_VERSION, article_to_json, article_to_text


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
    index: Index,
) -> int:
    """Print the article with this ID, or from the file at PATH.

    \b
    newsgrep show seeds/tram-line-4.html
    newsgrep show 3kq7vb2m4x --match 联合声明
    newsgrep show 3kq7vb2m4x --json | jq -r .body
    """
    wanted = positive_texts(parse(query, saved=saved_lookup(index)).root) if query else []
    with open_index(index, trust=trust) as engine:
        article = find_article(engine, name)
    if article is None:
        click.echo(
            f"newsgrep: no article with the id or path {one_line(name)} {described(index)}: "
            "newsgrep search --json shows ids and paths.",
            err=True,
        )
        return 1
    if as_json:
        write(to_json({"version": SCHEMA_VERSION, **article_to_json(article)}, indent=2))
        return 0
    lines = article_to_text(
        article,
        highlight_spans(article.body, wanted, Field.BODY),
        highlight_spans(article.title, wanted, Field.TITLE),
    )
    if pager and sys.stdout.isatty():
        rows = format_colored(lines, wrap=True) if use_color(color) else format_plain(lines)
        os.environ.setdefault("LESS", "-R")  # lets colours through; a user's own choice stays
        click.echo_via_pager((f"{row}\n" for row in rows), color=use_color(color))
    else:
        print_lines(lines, color=use_color(color))
    return 0
