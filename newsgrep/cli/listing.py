"""Tables of what an index contains: ``newsgrep list``, ``count`` and ``sources``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from newsgrep.cli.export import SelectionOptions, selection_options
from newsgrep.cli.main import QueryCommand
from newsgrep.cli.options import (
    QueryOptions,
    indexes_option,
    optional_query_options,
    pass_options,
    query_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_result,
    remember_hits,
    report_no_match,
    screen,
    show_scan,
)
from newsgrep.cli.search import FacetsParam
from newsgrep.engines.base import Engine, count_matches
from newsgrep.models import Article
from newsgrep.query.ast import describe
from newsgrep.search.selection import in_batches, iter_stored
from newsgrep.terminal import write
from newsgrep.views import counts, listing

# list


class ListOptions(SelectionOptions, OutputOptions):
    """The options of ``newsgrep list``."""

    formats_with_columns = frozenset((OutputFormat.CSV, OutputFormat.JSONL))


@click.command("list", cls=QueryCommand, short_help="List articles as a table.")
@selection_options
@output_options(OutputFormat.JSONL, OutputFormat.CSV, OutputFormat.PATHS, columns=False)
@indexes_option
@pass_options(ListOptions)
def list_command(options: ListOptions) -> int:
    """List the articles that match QUERY, one per line; without QUERY, all of the index.

    Each line has a number, which newsgrep show accepts, the start of the id, date, source and
    title. newsgrep search ranks and shows where the words are; newsgrep export writes texts, and
    its help lists the columns.

    \b
    newsgrep list --sort -date
    newsgrep list source:青石湖 --csv
    newsgrep list 渔业 --sample 20 --seed 7
    newsgrep list --csv --columns id,url,published
    """
    query = options.query()
    columns = listing.parse_columns(options.columns) if options.columns else listing.LIST_COLUMNS
    with options.index.open() as engine, show_scan(options.scan):
        shown = _Remembered()
        ids = options.select(engine, query)
        rendering = Rendering(
            text=lambda: listing.to_text(shown.keep(_articles(engine, ids)), screen()),
            jsonl=lambda: listing.to_jsonl(iter_stored(engine, ids), columns=columns),
            csv=lambda: listing.to_csv(iter_stored(engine, ids), columns=columns),
            paths=lambda: (each.path for each in _articles(engine, ids)),
        )
        total = count_matches(engine, query.root)
        try:
            if total or options.output is OutputFormat.CSV:
                print_result(rendering, options)
        finally:  # also for a reader that has seen enough: it has seen the first numbers
            if options.output is OutputFormat.TEXT and shown.articles:
                remember_hits(options.index, options.text, shown.articles)
        if not total:
            report_no_match(engine, query.root, describe(query.root), options.index)
    return 0 if total else 1


def _articles(engine: Engine, ids: Iterable[str]) -> Iterator[Article]:
    for batch in in_batches(ids):
        yield from engine.get(batch)


class _Remembered:
    """Keeps id and title of the articles that are listed, for :func:`remember_hits`."""

    def __init__(self) -> None:
        self.articles: list[tuple[int, str, str]] = []

    def keep(self, articles: Iterable[Article]) -> Iterator[Article]:
        for number, article in enumerate(articles, 1):
            self.articles.append((number, article.id, article.title))
            yield article


# count


class CountOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep count``."""

    by: tuple[str, ...]


@click.command("count", cls=QueryCommand, short_help="Count the articles that match.")
@query_options
@click.option(
    "--by",
    type=FacetsParam(),
    default="",
    metavar="NAMES",
    help="Count by source, year, month, day, author or tag (comma-separated).",
)
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@indexes_option
@pass_options(CountOptions)
def count_command(options: CountOptions) -> int:
    """Print the number of articles that match QUERY.

    \b
    newsgrep count 联合声明
    newsgrep count 渔业 --by source
    newsgrep count 渔业 --by source,month --csv
    """
    query = options.query()
    with options.index.open() as engine, show_scan(options.scan):
        found = counts.count_facets(engine, query, options.by)
        if not found.total:
            report_no_match(engine, query.root, found.parsed, options.index)
    if options.output is OutputFormat.TEXT and not options.by:
        write(str(found.total))
    else:
        print_result(
            Rendering(
                text=lambda: counts.to_text(found, screen()),
                json=lambda: counts.to_json(found),
                csv=lambda: counts.to_csv(found),
            ),
            options,
        )
    return 0 if found.total else 1


# sources


class SourcesOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep sources``."""


@click.command("sources", cls=QueryCommand, short_help="List the sources with their articles.")
@optional_query_options
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@indexes_option
@pass_options(SourcesOptions)
def sources_command(options: SourcesOptions) -> int:
    """List all sources and how many articles each has, those with most first.

    With QUERY, only matching articles count. Spellings of one name in another script, width or
    case are one source.

    \b
    newsgrep sources
    newsgrep sources 渔业 --since 2024
    newsgrep sources --csv > sources.csv
    """
    query = options.query()
    with options.index.open() as engine, show_scan(options.scan):
        found = counts.count_sources(engine, options.text, query.root)
        if not found.total:
            report_no_match(engine, query.root, found.parsed, options.index)
    print_result(
        Rendering(
            text=lambda: counts.sources_to_text(found, screen()),
            json=lambda: counts.sources_to_json(found),
            csv=lambda: counts.sources_to_csv(found),
        ),
        options,
    )
    return 0 if found.total else 1
