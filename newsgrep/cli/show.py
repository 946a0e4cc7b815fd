"""``newsgrep show``, ``history`` and ``diff``: print articles, their records and versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from newsgrep.cli.main import Command
from newsgrep.cli.named import (
    find_article,
    find_articles,
    is_hit_number,
    read_names,
    searched_texts,
)
from newsgrep.cli.options import (
    IndexOptions,
    completing,
    index_option,
    indexes_option,
    pass_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    draw,
    output_options,
    print_message,
    print_paged,
    print_result,
    screen,
)
from newsgrep.errors import UsageError
from newsgrep.indexing.annotations import Annotation, read_annotations
from newsgrep.messages import _
from newsgrep.models import Article
from newsgrep.query.ast import Field, TextNode, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.search.named import RawRecord, describe_missing, read_raw
from newsgrep.terminal import (
    StyledLine,
    StyledText,
    flush,
    quote_path,
    sanitize,
    write,
    write_bytes,
)
from newsgrep.views import SCHEMA_VERSION, history
from newsgrep.views.article import to_json, to_text
from newsgrep.views.history import article_at

_RULE: Final = "─" * 40


class ShowOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep show``."""

    names: tuple[str, ...]
    match: str
    left_out: bool
    raw: bool
    version: int | None

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that a record or an earlier text does not have."""
        super().validate()
        if self.version is not None and (self.raw or self.left_out):
            raise UsageError(
                "--version prints the text of one version, without what was left out: leave "
                "--raw and --all out."
            )
        if self.raw and (self.match or self.left_out or self.output is not OutputFormat.TEXT):
            raise UsageError(
                "--raw prints the record unchanged: leave --match, --all and --json out."
            )


@click.command("show", cls=Command, short_help="Print whole articles.")
@click.argument(
    "names", metavar="ARTICLE...", nargs=-1, required=True, shell_complete=completing("article")
)
@click.option(
    "--match", metavar="QUERY", default="", help="Highlight QUERY.  [default: the last search]"
)
@click.option("--all", "left_out", is_flag=True, help="Print the text that was left out, too.")
@click.option(
    "--version",
    type=int,
    metavar="N",
    help="Print the text of a version that newsgrep history lists.",
)
@click.option("--raw", is_flag=True, help="Print the record in the file, before extraction.")
@output_options(OutputFormat.JSON, OutputFormat.JSONL)
@indexes_option
@pass_options(ShowOptions)
def show_command(options: ShowOptions) -> int:
    """Print articles: ARTICLE is a number, id, path, address or title.

    A number is that of a hit of the last search, 2-5 are several. Four characters of the start of
    an id are enough if no other id begins so, and so is a part of a title. A path may name one
    record of a file of many, as hits do: dump.jsonl:12. - reads ids, paths or JSON Lines from
    standard input. --raw prints the record that the article was extracted from: a line of a
    dump, a page from a web archive.

    \b
    newsgrep show 3
    newsgrep show voxg36
    newsgrep show seeds/tram-line-4.html
    newsgrep show dump.jsonl:12 --raw
    newsgrep show 3 --version 1
    newsgrep show 1-3 --match 联合声明
    newsgrep show voxg36vu63he --json | jq -r .body
    newsgrep search --jsonl 联合声明 | newsgrep show -
    """
    texts = []
    if options.match:
        texts = positive_texts(options.parse(options.match).root)
    elif all(map(is_hit_number, options.names)):
        texts = searched_texts(options)
    with options.index.open() as engine:
        names = read_names(options.names, options.index)
        articles, missing = find_articles(engine, options.index, names)
        if options.version is not None:
            articles = [article_at(each, options.version) for each in articles]
        records = [read_raw(engine, each) for each in articles] if options.raw else []
    if options.raw:
        for record, article in zip(records, articles, strict=True):
            _print_raw(record, article)
    elif articles:
        _print_articles(articles, texts, options, several=len(names) > 1)
    for message in missing:
        print_message(message)
    return 1 if missing else 0


def _print_articles(
    articles: Sequence[Article], texts: Sequence[TextNode], options: ShowOptions, *, several: bool
) -> None:
    annotations = read_annotations(options.index)

    def lines() -> Iterator[StyledLine]:
        for number, article in enumerate(articles):
            if number:
                yield from (StyledLine(), StyledLine([StyledText(_RULE, "dim")]), StyledLine())
            yield from to_text(
                article,
                highlight_spans(article.body, texts, Field.BODY),
                highlight_spans(article.title, texts, Field.TITLE),
                left_out=options.left_out,
                added=_added_lines(annotations.get(article.id)),
            )

    def objects() -> Iterator[dict[str, Any]]:
        for article in articles:
            whole = to_json(article, left_out=options.left_out)
            if annotation := annotations.get(article.id):
                whole |= {"collections": annotation.collections, "note": annotation.note}
            yield whole

    if options.output is OutputFormat.TEXT and options.pager and sys.stdout.isatty():
        print_paged(lines(), color=options.use_color)
        return
    print_result(
        Rendering(
            text=lines,
            drawn=draw(lines),
            json=lambda: (
                {"version": SCHEMA_VERSION, "articles": list(objects())}
                if several
                else next(objects())
            ),
            jsonl=objects,
        ),
        options,
    )


def _added_lines(annotation: Annotation | None) -> Iterator[tuple[str, str]]:
    """Yield the labelled lines of what the user has added to an article."""
    if annotation and annotation.collections:
        yield "in", "、".join(annotation.collections)
    if annotation and annotation.note:
        yield "note", annotation.note


def _print_raw(record: RawRecord, article: Article) -> None:
    """Print the bytes of a record; on a terminal, its text without control characters."""
    if sys.stdout.isatty():
        from newsgrep.extraction.decode import decode

        write(sanitize(decode(record.data).text))
    else:
        write_bytes(record.data)
    flush()
    if not record.is_unchanged:
        print_message(
            _(
                "{path} has changed since it was indexed. Bring the index up to "
                "date with newsgrep index.",
                path=quote_path(article.path),
            )
        )


# history, diff


_MAX_NUMBERS = 2


class HistoryOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep history``."""

    name: str

    def find(self) -> Article | None:
        """Return the article, or ``None`` after printing to standard error that there is none."""
        with self.index.open() as engine:
            article = find_article(engine, self.index, self.name)
            if article is None:
                print_message(describe_missing(engine, self.name, self.index.where))
        return article


@click.command("history", cls=Command, short_help="List the versions of an article.")
@click.argument("name", metavar="ARTICLE", shell_complete=completing("article"))
@output_options(OutputFormat.JSON)
@index_option
@pass_options(HistoryOptions)
def history_command(options: HistoryOptions) -> int:
    """List the versions of ARTICLE: a number, id, path, address or title, as for newsgrep show.

    A version is a text that was captured at the address of the article. Each has the time of its
    first capture and, compared with the version before, the number of characters that were removed
    from the body and added to it, and changes of the title. The last version is what searches find.

    \b
    newsgrep search changed:
    newsgrep history voxg36vu63he
    newsgrep history voxg36vu63he --json | jq '.versions[].captured'
    """
    article = options.find()
    if article is None:
        return 1
    result = history.make_history(article)
    marks = not options.use_color
    print_result(
        Rendering(
            text=lambda: history.to_text(result, screen(), marks=marks),
            drawn=draw(lambda: history.to_text(result, screen(), marks=marks)),
            json=lambda: history.to_json(result),
        ),
        options,
    )
    return 0


class DiffOptions(HistoryOptions):
    """The options of ``newsgrep diff``."""

    numbers: Sequence[int]

    def validate(self) -> None:
        """Raise :class:`UsageError` for more than two versions."""
        super().validate()
        if len(self.numbers) > _MAX_NUMBERS:
            raise UsageError("Name one or two versions: newsgrep diff ID 1 2.")


@click.command("diff", cls=Command, short_help="Compare two versions of an article.")
@click.argument("name", metavar="ARTICLE", shell_complete=completing("article"))
@click.argument("numbers", metavar="[A [B]]", type=int, nargs=-1)
@output_options(OutputFormat.JSON)
@index_option
@pass_options(DiffOptions)
def diff_command(options: DiffOptions) -> int:
    """Compare two versions of ARTICLE, word by word.

    ARTICLE is a number, id, path, address or title, as for newsgrep show. A and B are numbers of
    versions, as newsgrep history lists them. Without numbers the last two versions are compared;
    with A alone, that version and the last. What was removed is red and crossed out, what was
    added is green. Without colours they are [-removed-] and {+added+}.

    \b
    newsgrep diff voxg36vu63he
    newsgrep diff voxg36vu63he 1 3
    newsgrep diff voxg36vu63he --json | jq -r '.body[] | select(.kind == "removed").text'
    """
    article = options.find()
    if article is None:
        return 1
    result = history.make_difference(article, options.numbers)
    if result is None:
        print_message(
            _(
                "{id} has one version. newsgrep search changed: finds articles with several.",
                id=article.id,
            )
        )
        return 1
    marks = not options.use_color
    print_result(
        Rendering(
            text=lambda: history.difference_to_text(result, marks=marks),
            drawn=draw(lambda: history.difference_to_text(result, marks=marks)),
            json=lambda: history.difference_to_json(result),
        ),
        options,
    )
    return 0
