"""``newsgrep show``: print one article; and how commands find the article that ID|PATH names."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

import click

from newsgrep.cli.options import (
    IndexOptions,
    OutputFormat,
    OutputOptions,
    index_option,
    outlet_rules_file,
    output_options,
    pass_options,
)
from newsgrep.cli.output import Rendering, draw, print_message, print_paged, print_result
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError, NoArticle
from newsgrep.models import Article
from newsgrep.query.ast import Field, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.query.parser import parse
from newsgrep.terminal import one_line
from newsgrep.views.article import to_json, to_text

_ID: Final = re.compile("[a-z2-7]{12}")
_MAX_ARTICLE_FILE: Final = 2**26


class ShowOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep show``."""

    name: str
    match: str
    left_out: bool
    pager: bool


@click.command("show", short_help="Print a whole article.")
@click.argument("name", metavar="ID|PATH")
@click.option("--match", metavar="QUERY", default="", help="Highlight the matches of QUERY.")
@click.option("--all", "left_out", is_flag=True, help="Print the text that was left out, too.")
@output_options(OutputFormat.JSON)
@click.option("--pager/--no-pager", default=True, help="Page the article on a terminal.")
@index_option
@pass_options(ShowOptions)
def show_command(options: ShowOptions) -> int:
    """Print the article with this ID, or the article in the file at PATH.

    \b
    newsgrep show seeds/tram-line-4.html
    newsgrep show voxg36vu63he --match 联合声明
    newsgrep show voxg36vu63he --all
    newsgrep show voxg36vu63he --json | jq -r .body
    """
    texts = []
    if options.match:
        texts = positive_texts(parse(options.match, saved=options.saved_queries).root)
    with options.index.open() as engine:
        article = find_article(engine, options.name)
    if article is None:
        print_message(
            f"No article with the id or path {one_line(options.name)} "
            f"{options.index.where}. newsgrep search --json shows ids and paths."
        )
        return 1
    lines = to_text(
        article,
        highlight_spans(article.body, texts, Field.BODY),
        highlight_spans(article.title, texts, Field.TITLE),
        left_out=options.left_out,
    )
    if options.output is OutputFormat.TEXT and options.pager and sys.stdout.isatty():
        print_paged(lines, color=options.use_color)
        return 0
    print_result(
        Rendering(
            text=lambda: lines,
            drawn=draw(lambda: lines),
            json=lambda: to_json(article, left_out=options.left_out),
        ),
        options,
    )
    return 0


def find_article(engine: Engine, name: str) -> Article | None:
    """Return the indexed article with the id ``name``, or from the file at the path ``name``."""
    if found := engine.get([name]):
        return found[0]
    path = os.path.abspath(name)  # noqa: PTH100  (paths in an index are strings of any bytes)
    known = (record.article_id for record in engine.file_records() if record.path == path)
    article_id = next(known, None)
    return next(iter(engine.get([article_id])), None) if article_id else None


def looks_like_article(text: str) -> bool:
    """Return whether ``text`` has the form of an id or is the path of an existing file."""
    return bool(_ID.fullmatch(text)) or os.path.lexists(text)


def read_article_file(path: str) -> Article:
    """Return the article in a file, which need not be indexed.

    Raises :class:`InputError` with the reason if the file has no article or cannot be read.
    """
    from newsgrep.extract.outlets import load_outlets
    from newsgrep.extract.pipeline import extract_article
    from newsgrep.index.workers import read_file

    absolute = os.path.abspath(path)  # noqa: PTH100  (a string of any bytes)
    try:
        status, data = read_file(absolute, _MAX_ARTICLE_FILE)
        if data is None:
            raise ValueError("larger than 64M")
        outlets = load_outlets(outlet_rules_file())
        return extract_article(absolute, data, outlets=outlets, mtime=status.st_mtime)
    except (OSError, ValueError, NoArticle) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(
            f"Cannot read an article from {path}: {reason}. Name another file, or an id."
        ) from exc
