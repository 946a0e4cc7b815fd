"""``newsgrep search``: find articles."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from newsgrep.analysis.scoring import Recency, parse_half_life, recency_from_today
from newsgrep.cli.main import QueryCommand
from newsgrep.cli.options import (
    QueryOptions,
    completing,
    indexes_option,
    limit_option,
    order_option,
    pass_options,
    query_options,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    describe_next_step,
    output_options,
    print_lines_to_stderr,
    print_result,
    remember_hits,
    report_no_match,
    screen,
    show_scan,
)
from newsgrep.engines.base import FACETS, Engine, Order, check_facets, count_matches
from newsgrep.errors import UsageError
from newsgrep.messages import localize, plural
from newsgrep.query.ast import describe
from newsgrep.query.warnings import may_have_variants
from newsgrep.search.search import (
    SearchRequest,
    SearchResult,
    expand_variants,
    find_page,
    iter_hits,
    iter_paths,
    search,
)
from newsgrep.terminal import wrap_message
from newsgrep.views import hits

if TYPE_CHECKING:
    from newsgrep.indexing.store import Index
    from newsgrep.models import Article, Hit
    from newsgrep.search.diagnose import ClosestArticle, Explanation
    from newsgrep.views.stories import CollapsedPage


_STREAMED: Final = frozenset((OutputFormat.JSONL, OutputFormat.PATHS))


class HalfLifeParam(click.ParamType[float]):
    """A time in seconds, written ``30d``, ``6w``, ``6m`` or ``2y``."""

    name = "half-life"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return ``value`` in seconds; fails with a usage error if it is not a valid time."""
        if isinstance(value, float):
            return value
        try:
            return parse_half_life(value)
        except UsageError as exc:
            self.fail(str(exc), param, ctx)


def make_recency(half_life: float | None, order: Order) -> Recency | None:
    """Return the recency of ``--recency`` and ``--sort``; raises :class:`UsageError`."""
    if half_life is None:
        return None
    if order is not Order.RELEVANCE:
        raise UsageError("--recency changes the order by relevance. Remove it, or --sort.")
    return recency_from_today(half_life)


class FacetsParam(click.ParamType[tuple[str, ...]]):
    """Names of facets, comma-separated, such as ``source,month``."""

    name = "names"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,  # noqa: ARG002  (Click's interface)
        ctx: click.Context | None,  # noqa: ARG002  (likewise)
    ) -> tuple[str, ...]:
        """Return the names, each once; raises :class:`UsageError` for an unknown one."""
        if isinstance(value, tuple):
            return value
        parts = (part.strip().lower() for part in value.split(","))
        names = check_facets(filter(None, parts))
        if value and not names:
            raise UsageError("--facets is empty. Choose from {known}.", known=", ".join(FACETS))
        return names


class SearchOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep search``."""

    sort: Order
    recency: float | None
    limit: int
    offset: int
    facets: tuple[str, ...]
    explain: bool
    collapse: bool
    after: str

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that exclude each other."""
        super().validate()
        objects = self.output in {OutputFormat.TEXT, OutputFormat.JSON}
        if self.facets and not objects:
            raise UsageError(
                "--{output} cannot contain facets. Use --json, or newsgrep count --by.",
                output=self.output,
            )
        if self.collapse and self.after:
            raise UsageError("--after cannot be combined with --collapse. Use --offset.")
        if self.explain and (self.collapse or not objects):
            raise UsageError("--explain works with text and --json only, without --collapse.")

    def request(self) -> SearchRequest:
        """Return the search request; raises :class:`UsageError`."""
        return SearchRequest(
            self.query(),
            self.sort,
            self.limit,
            self.offset,
            self.facets,
            recency=make_recency(self.recency, self.sort),
            after=self.after,
        )


@click.command("search", cls=QueryCommand, short_help="Find articles.")
@query_options
@order_option
@click.option(
    "--recency",
    type=HalfLifeParam(),
    metavar="HALF-LIFE",
    help="Prefer newer articles: halve the score for every 30d, 6w, 6m or 2y of age.",
)
@limit_option(10, "Show at most N hits.", least=0)
@click.option(
    "--offset",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    help="Skip the first N hits.",
)
@click.option(
    "--facets",
    type=FacetsParam(),
    default="",
    metavar="NAMES",
    shell_complete=completing("facets"),
    help="Count all matches by source, year, month, day, author or tag (comma-separated).",
)
@click.option("--explain", is_flag=True, help="Show the parsed query and score details.")
@click.option("--collapse", is_flag=True, help="Show reprints of one text as one hit.")
@click.option(
    "--after",
    metavar="TOKEN",
    default="",
    help='Continue after the page whose "next" token is TOKEN.',
)
@output_options(OutputFormat.JSON, OutputFormat.JSONL, OutputFormat.CSV, OutputFormat.PATHS)
@indexes_option
@pass_options(SearchOptions)
def search_command(options: SearchOptions) -> int:
    """Find articles that match QUERY, best match first.

    All words must match; words that are adjacent as typed rank higher. "Quotes" (also
    “ ” and 「 」) match exactly. OR, -word and ( ) combine. a NEAR/10 b, wildcards (普?习,
    govern*), fuzzy words (~goverment) and /regular expressions/ are supported. Filters:
    title:, body:, caption:, leftout:, everything:, earlier:, changed:, source:, author:, tag:,
    url:, path:, id:, saved:, date:, since: and until:. Simplified, traditional, full-width and
    upper-case spellings are equivalent.

    \b
    newsgrep search 联合声明
    newsgrep search '"鸥湾渔场" date:2024-05'
    newsgrep search 渔业 -台风 --source 澤島日報 --sort -date
    newsgrep search -n 0 渔业 --facets source,month
    newsgrep search --everything 转载
    newsgrep search --paths -0 聯合聲明 | xargs -0 wc -c
    newsgrep search --json 联合声明 | jq -r '.hits[].title'

    To exclude a Latin word, write NOT: newsgrep search 模型 NOT gpt. More: newsgrep help query
    """
    request = options.request()
    if options.output in _STREAMED and not options.collapse:
        return _stream(options, request)
    with options.index.open() as engine:
        if options.collapse:
            with show_scan(options.scan):
                page = _collapse(engine, request)
            result = page.result
            rendering = _render_stories(page, options.index)
        else:
            with show_scan(options.scan):
                result = search(engine, request)
            if options.explain and result.total:
                result = result._replace(explanation=_explain(engine, result))
            rendering = _render_hits(result, options.index)
        more = _count_variants(engine, request, options, result.total)
        if not result.total:
            diagnosis = report_no_match(engine, request.query.root, result.parsed, options.index)
            closest = _report_closest(engine, request, options)
            rendering = _render_hits(
                result._replace(diagnosis=diagnosis, closest=closest), options.index
            )
    try:
        print_result(rendering, options)
    finally:  # also for a reader that has seen enough: it has seen the first numbers
        if options.output is OutputFormat.TEXT:
            _remember(options, result.hits)
    if more:
        click.echo(wrap_message(more), err=True)
    return 0 if result.total else 1


def _count_variants(
    engine: Engine, request: SearchRequest, options: SearchOptions, total: int
) -> str:
    """Return that more articles match with regional spellings, or "" if they do not."""
    query = request.query
    if options.output is not OutputFormat.TEXT or options.variants or options.literal:
        return ""
    if not may_have_variants(query.root):
        return ""
    expanded = expand_variants(query, "words")
    more = count_matches(engine, expanded.root) - total if expanded.variants else 0
    if more <= 0:
        return ""
    others = "; ".join(f"{word}: {', '.join(others)}" for word, others in expanded.variants)
    return localize(
        plural(
            "{count:,} more article with regional spellings ({spellings}): add --variants",
            "{count:,} more articles with regional spellings ({spellings}): add --variants",
            more,
            spellings=others,
        )
    )


def _stream(options: SearchOptions, request: SearchRequest) -> int:
    """Print hits while their articles are read, and paths without computing snippets."""
    with options.index.open() as engine:
        with show_scan(options.scan):
            ranked = find_page(engine, request)
        rendering = Rendering(
            jsonl=lambda: hits.to_lines(iter_hits(engine, ranked, request)),
            paths=lambda: iter_paths(engine, ranked),
        )
        print_result(rendering, options)
        if not ranked.page.total:
            root = request.query.root
            report_no_match(engine, root, describe(root), options.index)
            _report_closest(engine, request, options)
    return 0 if ranked.page.total else 1


def _remember(options: SearchOptions, hits: Iterable[Hit]) -> None:
    if shown := [(hit.rank, hit.article.id, hit.article.title) for hit in hits]:
        remember_hits(options.index, options.text, shown)


def _report_closest(
    engine: Engine, request: SearchRequest, options: SearchOptions
) -> tuple[ClosestArticle, ...]:
    """Return the articles that come closest to a query without matches.

    They are printed to standard error: standard output contains what matches. Scripts that read
    CSV or paths do without them.
    """
    from newsgrep.search.diagnose import find_closest  # only for queries without matches

    if options.output in {OutputFormat.CSV, OutputFormat.PATHS}:
        return ()
    closest = find_closest(engine, request)
    if options.output is not OutputFormat.JSON:
        print_lines_to_stderr(hits.closest_lines(closest), options)
    if options.output is OutputFormat.TEXT:
        _remember(options, (each.hit for each in closest))
    return closest


def _render_hits(result: SearchResult, index: Index) -> Rendering:
    return Rendering(
        text=lambda: hits.to_text(
            result,
            screen(),
            # Both --after and --offset would skip hits twice.
            next_step=describe_next_step(
                result.hits, 0 if result.request.after else result.total, index
            ),
            gone=_find_gone(index, (hit.article for hit in result.hits)),
        ),
        json=lambda: hits.to_json(result),
        jsonl=lambda: hits.to_jsonl(result),
        csv=lambda: hits.to_csv(result),
        paths=lambda: (hit.article.path for hit in result.hits),
    )


def _find_gone(index: Index, articles: Iterable[Article]) -> frozenset[str]:
    """Return the ids of the articles on a terminal whose files were not found on this machine."""
    if not (index.has_local_files and sys.stdout.isatty()):
        return frozenset()
    return frozenset(article.id for article in articles if _is_gone(article.path))


def _is_gone(path: str) -> bool:
    if os.path.lexists(path) or not os.path.isabs(path):  # noqa: PTH117  (paths of any bytes)
        return False
    from newsgrep.search.named import split_locator  # records of files, and files that are gone

    return not os.path.lexists(split_locator(path)[0])


def _collapse(engine: Engine, request: SearchRequest) -> CollapsedPage:
    from newsgrep.views.stories import search_collapsed

    return search_collapsed(engine, request)


def _render_stories(page: CollapsedPage, index: Index) -> Rendering:
    from newsgrep.views import stories

    return Rendering(
        text=lambda: stories.to_text(
            page,
            screen(),
            next_step=describe_next_step(
                page.result.hits, page.result.total - page.compared + page.distinct, index
            ),
            gone=_find_gone(index, (hit.article for hit in page.result.hits)),
        ),
        json=lambda: stories.to_json(page),
        jsonl=lambda: stories.to_jsonl(page),
        csv=lambda: stories.to_csv(page),
        paths=lambda: (hit.article.path for hit in page.result.hits),
    )


def _explain(engine: Engine, result: SearchResult) -> Explanation:
    from newsgrep.search.diagnose import explain

    return explain(engine, result)
