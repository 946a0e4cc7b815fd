"""``newsgrep show``: print one article, or the record that it was extracted from."""

from __future__ import annotations

import sys

import click

from newsgrep.cli.named import RawRecord, describe_missing, find_article, read_raw
from newsgrep.cli.options import (
    Command,
    IndexOptions,
    OutputFormat,
    OutputOptions,
    index_option,
    output_options,
    pass_options,
)
from newsgrep.cli.output import Rendering, draw, print_message, print_paged, print_result
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.ast import Field, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.query.parser import parse
from newsgrep.terminal import flush, quote_path, sanitize, write, write_bytes
from newsgrep.views.article import to_json, to_text


class ShowOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep show``."""

    name: str
    match: str
    left_out: bool
    raw: bool
    pager: bool

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that a raw record does not have."""
        super().validate()
        if self.raw and (self.match or self.left_out or self.output is not OutputFormat.TEXT):
            raise UsageError(
                "--raw prints the record unchanged: leave --match, --all and --json out."
            )


@click.command("show", cls=Command, short_help="Print a whole article.")
@click.argument("name", metavar="ID|PATH")
@click.option("--match", metavar="QUERY", default="", help="Highlight the matches of QUERY.")
@click.option("--all", "left_out", is_flag=True, help="Print the text that was left out, too.")
@click.option("--raw", is_flag=True, help="Print the record in the file, before extraction.")
@output_options(OutputFormat.JSON)
@click.option("--pager/--no-pager", default=True, help="Page the article on a terminal.")
@index_option
@pass_options(ShowOptions)
def show_command(options: ShowOptions) -> int:
    """Print the article with this ID, or the article in the file at PATH.

    PATH may name one record of a file of many, as hits do: dump.jsonl:12. --raw prints the record
    that the article was extracted from: a line of a dump, a page from a web archive.

    \b
    newsgrep show seeds/tram-line-4.html
    newsgrep show dump.jsonl:12
    newsgrep show voxg36vu63he --raw
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
            print_message(describe_missing(engine, options.name, options.index.where))
            return 1
        record = read_raw(engine, article) if options.raw else None
    if record:
        _print_raw(record, article)
        return 0
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


def _print_raw(record: RawRecord, article: Article) -> None:
    """Print the bytes of a record; on a terminal, its text without control characters."""
    if sys.stdout.isatty():
        from newsgrep.extract.decode import decode

        write(sanitize(decode(record.data).text))
    else:
        write_bytes(record.data)
    flush()
    if not record.is_unchanged:
        print_message(
            f"{quote_path(article.path)} has changed since it was indexed. Bring the index up to "
            "date with newsgrep index."
        )
