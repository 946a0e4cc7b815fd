"""Commands that show a result in another way: timeline, similar, keywords, compare."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from newsgrep.cli.file_options import outlet_rules_file
from newsgrep.cli.main import QueryCommand
from newsgrep.cli.named import find_article, looks_like_name
from newsgrep.cli.options import (
    NarrowingOptions,
    QueryOptions,
    completing,
    enum_option,
    indexes_option,
    limit_option,
    narrowing_options,
    pass_options,
    query_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    draw,
    output_options,
    print_message,
    print_result,
    report_no_match,
    screen,
    show_scan,
)
from newsgrep.engines.base import Engine
from newsgrep.errors import UsageError
from newsgrep.messages import _, message
from newsgrep.query.lexer import normalize
from newsgrep.query.parser import Query
from newsgrep.search.bins import Interval
from newsgrep.search.named import (
    describe_missing,
    read_article_file,
    split_locator,
)
from newsgrep.terminal import sanitize, terminal_size, write
from newsgrep.views import compare, keywords, similar, timeline, timeline_charts
from newsgrep.views.timeline import Measure, Timeline

# timeline

_STANDARD_OUTPUT: Final = Path("-")
_FEWEST_BINS: Final = 12
_LINES_BELOW: Final = 6
"""Lines of a terminal for the notes below a chart, and the prompt of the shell."""


class TimelineOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep timeline``."""

    by: Interval | None
    per: str | None
    top: int | None
    others: tuple[str, ...]
    share: bool
    count: Measure | None
    svg: Path | None

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that do not go together."""
        super().validate()
        if self.top and not self.per:
            raise UsageError("--top needs --per source. Add it.")
        if self.others and self.per:
            raise UsageError("--with and --per source exclude each other. Use one of them.")
        if self.share and self.count not in {None, Measure.SHARE}:
            raise UsageError(
                "--share and --count exclude each other. For a rate of occurrences, use "
                "--count per-million."
            )

    def queries(self) -> list[Query]:
        """Return the query, and those of ``--with``."""
        return [self.query(), *(self.query_of((text,)) for text in self.others)]

    @property
    def most_bins(self) -> int:
        """How many bins a chart may have by default: what the terminal shows."""
        if self.output is not OutputFormat.TEXT or not sys.stdout.isatty():
            return timeline.DEFAULT_BINS
        size = terminal_size()
        if self.per or self.others:
            return max(size.columns - timeline_charts.LABEL_WIDTH - 1, _FEWEST_BINS)
        return max(size.lines - _LINES_BELOW, _FEWEST_BINS)


@click.command("timeline", cls=QueryCommand, short_help="Count articles over time.")
@query_options
@enum_option(
    "--by",
    choices=Interval,
    help="Length of a bin; weeks begin on Monday.  [default: what fits on a screen]",
)
@click.option("--per", type=click.Choice(["source"]), help="Draw a chart for each source.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"With --per: number of charts.  [default: {timeline.DEFAULT_SOURCES}]",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="QUERY",
    shell_complete=completing("query"),
    help="Another query on the same axis. Can be repeated.",
)
@click.option("--share", is_flag=True, help="Same as --count share.")
@enum_option(
    "--count",
    choices=Measure,
    help="What to show; share: percentage of the bin; per-million: of its characters.  "
    "[default: articles]",
)
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@click.option(
    "--svg",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write an SVG chart to FILE; - prints the chart and nothing else.",
)
@indexes_option
@pass_options(TimelineOptions)
def timeline_command(options: TimelineOptions) -> int:
    """Count the articles that match QUERY by day, week, month or year.

    QUERY is the same as for newsgrep search. Articles dated only to the year or month are
    counted apart if bins are shorter. The chart spans the dates of --since, --until and date:.
    With --share or --count per-million, a bin is compared with all articles that pass the same
    filters.

    \b
    newsgrep timeline 联合声明
    newsgrep timeline 渔业 --by year --per source --share
    newsgrep timeline 渔业 --with 大桥 --with 台风 --count per-million
    newsgrep timeline '"联合声明"' --csv > statement.csv
    newsgrep timeline 渔业 --source 澤島日報 --svg fishery.svg
    """
    queries = options.queries()
    with options.index.open() as engine:
        with show_scan(options.scan):
            result = timeline.make_timeline(
                engine,
                *queries,
                by=options.by,
                measure=Measure.SHARE if options.share else options.count or Measure.ARTICLES,
                per_source=options.per is not None,
                max_sources=options.top or timeline.DEFAULT_SOURCES,
                most_bins=options.most_bins,
            )
        for query, series in zip(queries, result.totals, strict=True):
            if not series.total:
                report_no_match(engine, query.root, series.parsed, options.index)
    if options.svg and result.has_matches:
        _write_svg(result, options.svg)
    if options.svg != _STANDARD_OUTPUT:
        rendering = Rendering(
            text=lambda: timeline_charts.to_text(result, screen()),
            drawn=draw(lambda: timeline_charts.to_text(result, screen())),
            json=lambda: timeline.to_json(result),
            csv=lambda: timeline.to_csv(result),
        )
        print_result(rendering, options)
        if options.output is OutputFormat.CSV and result.has_matches:
            for note in timeline_charts.notes(result):
                click.echo(sanitize(note), err=True)
    return 0 if result.has_matches else 1


def _write_svg(result: Timeline, path: Path) -> None:
    if not result.bins:
        raise UsageError(
            "Nothing to draw: no article is dated to the {by}. Use a longer --by.", by=result.by
        )
    if path == _STANDARD_OUTPUT:
        write(timeline_charts.to_svg(result), end="")
    else:
        path.write_text(timeline_charts.to_svg(result), "utf-8")


# similar


class SimilarOptions(NarrowingOptions, OutputOptions):
    """The options of ``newsgrep similar``."""

    name: str
    limit: int


@click.command("similar", cls=QueryCommand, short_help="Find articles like one article.")
@click.argument("name", metavar="ARTICLE", shell_complete=completing("article"))
@narrowing_options
@limit_option(10, "Show at most N articles.")
@output_options(OutputFormat.JSON, OutputFormat.JSONL, OutputFormat.CSV, OutputFormat.PATHS)
@indexes_option
@pass_options(SimilarOptions)
def similar_command(options: SimilarOptions) -> int:
    """Find articles like ARTICLE, most similar first.

    ARTICLE is a number, id, path, address or title as for newsgrep show. A file does not have to
    be indexed.

    \b
    newsgrep similar 3
    newsgrep similar voxg36 --since 2024 --source 汀海
    newsgrep similar draft.md --paths
    """
    name, within = options.name, options.filters()
    with options.index.open() as engine:
        article = find_article(engine, options.index, name)
        if article is None and not os.path.lexists(split_locator(name)[0]):
            print_message(describe_missing(engine, name, options.index.where))
            return 1
        article = article or read_article_file(name, outlet_rules_file())
        found = similar.find_similar(engine, article, options.limit, within=within)
    rendering = Rendering(
        text=lambda: similar.to_text(found, screen()),
        json=lambda: similar.to_json(found),
        jsonl=lambda: similar.to_jsonl(found),
        csv=lambda: similar.to_csv(found),
        paths=lambda: (each.article.path for each in found.articles),
    )
    print_result(rendering, options)
    if not found.articles:
        print_message(_("No article shares a keyword with this one."))
    return 0 if found.articles else 1


# keywords


class KeywordsOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep keywords``."""

    limit: int


@click.command(
    "keywords",
    cls=QueryCommand,
    short_help="List the words that characterise an article or a query.",
)
@query_options
@limit_option(20, "Show at most N words.")
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@indexes_option
@pass_options(KeywordsOptions)
def keywords_command(options: KeywordsOptions) -> int:
    """List the words that characterise one article, or all articles that match a query.

    QUERY is a query, or one article: a number of the last search, an id, address or path.

    Keywords of a query are words in significantly more of its articles than of the rest of
    the archive (G² of article counts). Keywords of one article are frequent in it and rare in
    the archive (tf·idf).

    \b
    newsgrep keywords 渔业
    newsgrep keywords voxg36vu63he
    newsgrep keywords --json '渔业 date:2024' | jq -r '.words[].word'
    """
    text = options.text
    with options.index.open() as engine:
        is_name = len(options.words) == 1 and looks_like_name(options.index, text)
        article = find_article(engine, options.index, text, titles=False) if is_name else None
        if article:
            found = keywords.article_keywords(engine, article, options.limit)
            found = replace(found, query=text)
        else:
            found = keywords.query_keywords(engine, options.query(), options.limit)
    rendering = Rendering(
        text=lambda: keywords.to_text(found, screen()),
        json=lambda: keywords.to_json(found),
        csv=lambda: keywords.to_csv(found),
    )
    print_result(rendering, options)
    if options.output is OutputFormat.TEXT and not found.articles:
        print_message(
            _(
                "No article matches {text}, and none has that id or path. "
                "newsgrep search shows why.",
                text=text,
            )
        )
    elif options.output is OutputFormat.TEXT and not found.words and not found.others:
        print_message(
            message(
                "All articles of the index match, so there are no others to compare them with. "
                "Use another query, or the index of the whole archive."
            )
        )
    elif options.output is OutputFormat.TEXT and not found.words:
        print_message(
            _(
                "No word distinguishes these articles from the {others:,} others. "
                "Narrow the query.",
                others=found.others,
            )
        )
    return 0 if found.words else 1


# compare

_MIN_GROUPS: Final = 2


class CompareOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep compare``."""

    names: str
    periods: str
    others: tuple[str, ...]
    limit: int

    def validate(self) -> None:
        """Raise :class:`UsageError` for several kinds of groups."""
        super().validate()
        if sum(map(bool, (self.names, self.periods, self.others))) > 1:
            raise UsageError("--sources, --periods and --with exclude each other. Use one of them.")

    def listed(self, text: str, problem: str) -> list[str]:
        """Return the parts of ``text``; raises :class:`UsageError` for fewer than two."""
        names = [name for part in text.split(",") if (name := normalize(part))]
        if len(names) < _MIN_GROUPS:
            raise UsageError(problem)
        return names

    def compare(self, engine: Engine) -> compare.Comparison:
        """Return the comparison that these options describe."""
        query = self.query()
        if self.names:
            problem = "--sources needs at least two names, such as 青石湖,汀海."
            return compare.compare_sources(
                engine, query, self.listed(self.names, problem), self.limit
            )
        if self.periods:
            problem = "--periods needs at least two periods, such as 2023,2024."
            periods = self.listed(self.periods, problem)
            return compare.compare_periods(engine, query, periods, self.limit, self.calendar())
        if self.others:
            queries = [query, *(self.query_of((text,)) for text in self.others)]
            return compare.compare_queries(engine, queries, self.limit)
        return compare.compare_rest(engine, query, self.limit)


@click.command(
    "compare", cls=QueryCommand, short_help="Compare sources, periods or queries, with their words."
)
@query_options
@click.option(
    "--sources",
    "names",
    default="",
    metavar="A,B[,C]",
    shell_complete=completing("sources"),
    help="Two or more sources to compare; each matches all sources whose name contains it.",
)
@click.option(
    "--periods",
    default="",
    metavar="A,B[,C]",
    help="Two or more periods to compare, e.g. 2023,2024 or 2023-01..2023-06,2024.",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="QUERY",
    shell_complete=completing("query"),
    help="Another query to compare with. Can be repeated.",
)
@limit_option(15, "Show at most N words per group.")
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@indexes_option
@pass_options(CompareOptions)
def compare_command(options: CompareOptions) -> int:
    """Compare groups of articles: how many there are, when, and with which words.

    The groups are the articles that match QUERY in several sources or periods, or those of QUERY
    and of other queries; without such an option, those of QUERY and all others that pass the same
    filters. The words are in significantly more articles of a group than of the other groups (G²
    of article counts).

    \b
    newsgrep compare 声明 --sources 北河,汀海
    newsgrep compare 渔业 --periods 2021,2022..2024
    newsgrep compare 渔业 --with 大桥 --with 台风 --csv
    newsgrep compare 声明
    """
    with options.index.open() as engine, show_scan(options.scan):
        compared = options.compare(engine)
    found = any(group.articles for group in compared.groups)
    rendering = Rendering(
        text=lambda: compare.to_text(compared, screen()) if found else (),
        json=lambda: compare.to_json(compared),
        csv=lambda: compare.to_csv(compared),
    )
    print_result(rendering, options)
    if options.output is OutputFormat.TEXT and not found:
        print_message(
            _(
                "None of these groups has an article that matches {text}. newsgrep search shows "
                "why.",
                text=options.text,
            )
        )
    return 0 if found else 1
