"""``newsgrep history`` and ``newsgrep diff``: the versions of an article, and their differences."""

from __future__ import annotations

from collections.abc import Sequence

import click

from newsgrep.cli.main import Command
from newsgrep.cli.named import find_article
from newsgrep.cli.options import IndexOptions, completing, index_option, pass_options
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    draw,
    output_options,
    print_message,
    print_result,
    screen,
)
from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.models import Article
from newsgrep.search.named import describe_missing
from newsgrep.views import history

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
