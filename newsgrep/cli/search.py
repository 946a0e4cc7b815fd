"""``newsgrep search``: ask the index."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from newsgrep.cli.options import (
    HalfLifeParam,
    QueryCommand,
    build_query,
    color_option,
    index_option,
    make_recency,
    parse_facets,
    query_options,
    report_no_match,
    use_color,
)
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.search.search import SearchRequest, SearchResult, search
from newsgrep.terminal import write, write_bytes

if TYPE_CHECKING:
    from newsgrep.search.explain import Explanation
    from newsgrep.views.stories import CollapsedPage


@click.command(cls=QueryCommand, short_help="Find articles.")
@query_options
@click.option(
    "--sort",
    type=click.Choice([order.value for order in Order]),
    default=Order.RELEVANCE.value,
    show_default=True,
    help="date: oldest first, -date: newest first.",
)
@click.option(
    "--recency",
    type=HalfLifeParam(),
    metavar="HALF-LIFE",
    help="Newer ones first: an article counts half for every 30d, 6w, 6m or 2y of its age.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Hits shown."
)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Hits passed over.")
@click.option(
    "--facets",
    default="",
    metavar="NAMES",
    help="Also count all matches by source, month, day, author or tag (with commas between).",
)
@click.option(
    "--explain", is_flag=True, help="Say how the query was understood, and why hits rank so."
)
@click.option("--collapse", is_flag=True, help="Show reprints of one text as one hit.")
@click.option("--after", metavar="TOKEN", default="", help="Go on after the page with this next.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a line for each hit.")
@click.option("--csv", "form", flag_value="csv", help="A table for spreadsheets.")
@click.option("--paths", "form", flag_value="paths", help="Only the paths, one a line.")
@click.option("-0", "--null", is_flag=True, help="With --paths: end paths with NUL, for xargs -0.")
@color_option
@index_option
def command(words: tuple[str, ...], index: Index, **options: Any) -> int:
    """Find articles that match QUERY, the best first.

    All words must match; those that stand together as typed rank higher. "Quotes" (also
    “ ” and 「 」) find exactly what they hold. OR, -word and ( ) work; a NEAR/10 b, 普?习,
    govern*, ~goverment and /联合.{0,5}声明/ find what is near, of a pattern, nearly so, or an
    expression. title:, body:, caption:, source:, author:, tag:, url:, path:, id:, saved:,
    date:, since: and until: narrow. Simplified, traditional, full-width and upper-case
    spellings are one.

    \b
    newsgrep search 联合声明
    newsgrep search '"左右逢源" date:2024-05'
    newsgrep search 渔业 -台风 --source 青石湖 --sort -date
    newsgrep search -n 0 渔业 --facets source,month
    newsgrep search --paths -0 聯合聲明 | xargs -0 wc -c
    newsgrep search --json 联合声明 | jq -r '.hits[].title'

    A word that begins with a minus and a Latin letter needs -- before it:
    newsgrep search -- 模型 -gpt
    """
    query = build_query(words, options, saved_lookup(index))
    facets = parse_facets(options["facets"])
    if options["null"] and options["form"] != "paths":
        raise UsageError("-0 goes with --paths: add it.")
    if facets and options["form"] not in {None, "json"}:
        raise UsageError(f"--{options['form']} has no place for --facets: use --json.")
    if options["collapse"] and options["after"]:
        raise UsageError("--after does not go with --collapse: use --offset, which counts stories.")
    if options["explain"] and (options["collapse"] or options["form"] not in {None, "json"}):
        raise UsageError("--explain goes with --json or with the usual output: leave the rest out.")
    order = Order(options["sort"])
    request = SearchRequest(
        query,
        order,
        options["limit"],
        options["offset"],
        facets,
        recency=make_recency(options["recency"], order),
        after=options["after"],
    )
    with open_index(index, trust=options["trust"]) as engine:
        folded = _collapse(engine, request) if options["collapse"] else None
        result = folded.result if folded else search(engine, request)
        explanation = None if result.total else report_no_match(engine, query, result.parsed, index)
        reasons = _explain(engine, result) if options["explain"] and result.total else None
    if folded and result.total:
        _print_stories(folded, options)
    elif reasons:
        _print_explained(result, reasons, options)
    else:
        _print(result, explanation, options)
    return 0 if result.total else 1


def _explain(engine: Engine, result: SearchResult) -> Explanation:
    from newsgrep.search.explain import explain

    return explain(engine, result)


def _print_explained(result: SearchResult, reasons: Explanation, options: dict[str, Any]) -> None:
    from newsgrep.views.explain import parsed_query_lines, score_pieces, with_explanation

    if options["form"] == "json":
        from newsgrep._io import to_json
        from newsgrep.views import hits

        write(to_json(with_explanation(hits.result_to_json(result), reasons), indent=2))
        return
    from newsgrep.terminal import print_lines
    from newsgrep.views.hits import result_to_text

    notes = {
        hit.article.id: score_pieces(hit.score, reasons.hits[hit.article.id]) for hit in result.hits
    }
    lines = (
        *parsed_query_lines(result, reasons),
        *result_to_text(result, blocks=sys.stdout.isatty(), notes=notes),
    )
    print_lines(lines, color=use_color(options["color"]))


def _collapse(engine: Engine, request: SearchRequest) -> CollapsedPage:
    from newsgrep.views.stories import search_collapsed

    return search_collapsed(engine, request)


def _print_stories(folded: CollapsedPage, options: dict[str, Any]) -> None:
    from newsgrep._io import to_json
    from newsgrep.views import hits, stories

    match options["form"]:
        case "json":
            told = stories.stories_to_json(hits.result_to_json(folded.result), folded)
            write(to_json(told, indent=2))
        case "jsonl":
            for hit in stories.story_objects(folded):
                write(to_json({"version": hits.SCHEMA_VERSION, **hit}))
        case "csv":
            for line in stories.stories_to_csv(folded):
                write(line)
        case "paths":
            _print(folded.result, None, options)
        case _:
            from newsgrep.terminal import print_lines

            print_lines(stories.stories_to_text(folded), color=use_color(options["color"]))


def _print(
    result: SearchResult, explanation: dict[str, Any] | None, options: dict[str, Any]
) -> None:
    match options["form"]:
        case "json":
            from newsgrep._io import to_json
            from newsgrep.views import hits

            write(to_json(hits.result_to_json(result, explanation), indent=2))
        case "jsonl":
            from newsgrep._io import to_json
            from newsgrep.views import hits

            for hit in result.hits:
                write(to_json({"version": hits.SCHEMA_VERSION, **hits.hit_to_json(hit)}))
        case "csv":
            from newsgrep.views.hits import hits_to_csv

            for line in hits_to_csv(result.hits):
                write(line)
        case "paths":
            end = b"\0" if options["null"] else b"\n"
            for hit in result.hits:
                write_bytes(os.fsencode(hit.article.path) + end)
        case _ if result.total:
            from newsgrep.terminal import print_lines
            from newsgrep.views.hits import result_to_text

            lines = result_to_text(result, blocks=sys.stdout.isatty())
            print_lines(lines, color=use_color(options["color"]))
