"""Commands that show a text in its context: kwic, collocates."""

from __future__ import annotations

from typing import Final

import click

from newsgrep.cli.main import QueryCommand
from newsgrep.cli.options import (
    QueryOptions,
    enum_option,
    indexes_option,
    limit_option,
    pass_options,
    query_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_message,
    print_result,
    report_no_match,
    screen,
)
from newsgrep.cli.progress import show_elapsed
from newsgrep.engines.base import Engine, count_matches
from newsgrep.errors import UsageError
from newsgrep.messages import _, plural
from newsgrep.query.ast import describe
from newsgrep.query.parser import Query
from newsgrep.terminal import count_noun, terminal_size
from newsgrep.views import collocates, kwic
from newsgrep.views.collocates import CollocateOrder, Reference
from newsgrep.views.kwic import KwicGroup, KwicOrder, Tally

# kwic

_DEFAULT_WIDTH: Final = 120
"""Cells of a line where standard output is not a terminal."""

_MAX_WIDTH: Final = 10_000


class KwicOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep kwic``."""

    width: int | None
    sort: KwicOrder
    group: KwicGroup | None
    limit: int | None


@click.command("kwic", cls=QueryCommand, short_help="Show every occurrence of a word in context.")
@query_options
@click.option(
    "--width",
    type=click.IntRange(kwic.MIN_WIDTH, _MAX_WIDTH),
    metavar="CELLS",
    help="Width of a line, where a Han character takes two cells.  [default: the terminal's]",
)
@enum_option(
    "--sort",
    choices=KwicOrder,
    default=KwicOrder.RELEVANCE.value,
    show_default=True,
    help="Sort order; date: oldest first, -date: newest first; left, right: by the text there.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show at most N occurrences, or groups.  [default: all]",
)
@enum_option(
    "--group",
    choices=KwicGroup,
    help="Count occurrences by the word to the left or right, by source or by year.",
)
@output_options(OutputFormat.JSON, OutputFormat.JSONL, OutputFormat.CSV)
@indexes_option
@pass_options(KwicOptions)
def kwic_command(options: KwicOptions) -> int:
    """Show every occurrence of the words of QUERY, in all articles that match it.

    QUERY is the same as for newsgrep search. Each occurrence is a line: date, source, and the
    text on both sides, with the keywords in one column. Lines are printed as articles are
    read, except with --sort left or right, where all articles are read first.

    \b
    newsgrep kwic 联合声明
    newsgrep kwic '"联合声明"' --sort right
    newsgrep kwic 渔业 --group right -n 20
    newsgrep kwic 渔业 --since 2024 --csv > fishery.csv
    newsgrep kwic 渔业 --jsonl | jq -r .left
    """
    query = options.query()
    kwic.check_text(query.root)
    width = options.width or terminal_size(_DEFAULT_WIDTH).columns
    width = min(max(width, kwic.MIN_WIDTH), _MAX_WIDTH)
    with options.index.open() as engine:
        if options.group:
            rendering, tally = _grouped(engine, query, options)
        else:
            concordance = kwic.make_concordance(
                engine, query.root, options.sort, width=width, limit=options.limit
            )
            rendering, tally = _lines(concordance, options.text), concordance.tally
        print_result(rendering, options)
        if not tally.occurrences:
            if total := count_matches(engine, query.root):
                print_message(
                    plural(
                        "{count:,} article matches, but none contains a word of QUERY. "
                        "Use newsgrep search.",
                        "{count:,} articles match, but none contains a word of QUERY. "
                        "Use newsgrep search.",
                        total,
                    )
                )
            else:
                report_no_match(engine, query.root, describe(query.root), options.index)
    if tally.occurrences and options.output is OutputFormat.TEXT:
        click.echo(_summary(tally), err=True)
    return 0 if tally.occurrences else 1


def _lines(concordance: kwic.Concordance, query: str) -> Rendering:
    return Rendering(
        text=lambda: kwic.to_text(concordance, screen()),
        json=lambda: kwic.to_json(concordance, query=query),
        jsonl=lambda: kwic.to_jsonl(concordance),
        csv=lambda: kwic.to_csv(concordance),
        wrap=False,
    )


def _grouped(engine: Engine, query: Query, options: KwicOptions) -> tuple[Rendering, Tally]:
    with show_elapsed(_("counting")):
        found = kwic.group_occurrences(engine, query.root, options.group or KwicGroup.RIGHT)
    found = found._replace(groups=found.groups[: options.limit])
    rendering = Rendering(
        text=lambda: kwic.groups_to_text(found, screen()),
        json=lambda: kwic.groups_to_json(found, query=options.text),
        jsonl=lambda: kwic.groups_to_jsonl(found),
        csv=lambda: kwic.groups_to_csv(found),
    )
    return rendering, found.tally


def _summary(tally: Tally) -> str:
    """Return what was counted: all that was read, and whether there is more."""
    counted = _(
        "{occurrences} in {articles}",
        occurrences=count_noun(tally.occurrences, "occurrence"),
        articles=count_noun(tally.articles, "article"),
    )
    if tally.has_more:
        return _("{counted}. There are more: raise -n.", counted=counted)
    if tally.shown < tally.occurrences:
        return _("{counted}, {shown:,} shown", counted=counted, shown=tally.shown)
    return counted


# collocates


class CollocatesOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep collocates``."""

    window: int
    left: int | None
    right: int | None
    sort: CollocateOrder
    against: Reference
    min_count: int
    limit: int


@click.command("collocates", cls=QueryCommand, short_help="List the words that occur near a word.")
@query_options
@click.option(
    "--window",
    type=click.IntRange(1, collocates.MAX_WINDOW),
    metavar="N",
    default=collocates.DEFAULT_WINDOW,
    show_default=True,
    help="Count N words on each side.",
)
@click.option(
    "--left",
    type=click.IntRange(0, collocates.MAX_WINDOW),
    metavar="N",
    help="Count N words to the left.  [default: --window]",
)
@click.option(
    "--right",
    type=click.IntRange(0, collocates.MAX_WINDOW),
    metavar="N",
    help="Count N words to the right.  [default: --window]",
)
@enum_option(
    "--sort",
    choices=CollocateOrder,
    default=CollocateOrder.G2.value,
    show_default=True,
    help="Sort order; g2: log-likelihood, mi: mutual information.",
)
@enum_option(
    "--against",
    choices=Reference,
    default=Reference.MATCHES.value,
    show_default=True,
    help="Articles to compare with: those that match, or all that pass the filters.",
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    metavar="N",
    default=collocates.DEFAULT_MIN_COUNT,
    show_default=True,
    help="Only words that occur at least N times near QUERY.",
)
@limit_option(30, "Show at most N words.")
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@indexes_option
@pass_options(CollocatesOptions)
def collocates_command(options: CollocatesOptions) -> int:
    """List the words that occur near the words of QUERY, in all articles that match it.

    Each occurrence has a window of words to the left and to the right, up to the paragraph's
    end. Listed are words that are significantly more frequent in the windows than elsewhere:
    by log-likelihood (G²), with mutual information (MI) in bits. --against archive reads all
    articles.

    \b
    newsgrep collocates 声明
    newsgrep collocates '"联合声明"' --left 0 --min-count 2 --sort mi
    newsgrep collocates 声明 --since 2024 --csv > collocates.csv
    """
    query = options.query()
    left = options.window if options.left is None else options.left
    right = options.window if options.right is None else options.right
    if not left + right:
        raise UsageError("--left 0 --right 0 leaves no words to count. Use a larger window.")
    with options.index.open() as engine:
        with show_elapsed(_("counting words")):
            found = collocates.find_collocates(
                engine,
                query,
                left=left,
                right=right,
                order=options.sort,
                reference=options.against,
                min_count=options.min_count,
                limit=options.limit,
            )
        if not found.articles:
            report_no_match(engine, query.root, found.parsed, options.index)
    rendering = Rendering(
        text=lambda: collocates.to_text(found, screen()),
        json=lambda: collocates.to_json(found),
        csv=lambda: collocates.to_csv(found),
    )
    print_result(rendering, options)
    if found.articles and not found.collocates:
        print_message(
            plural(
                "No word is significantly more frequent near {count:,} place than elsewhere. Use a "
                "larger --window, a lower --min-count or --against archive.",
                "No word is significantly more frequent near {count:,} places than elsewhere. Use "
                "a larger --window, a lower --min-count or --against archive.",
                found.occurrences,
            )
        )
    return 0 if found.collocates else 1
