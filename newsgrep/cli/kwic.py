"""``newsgrep kwic``: every place of a word, with what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shutil import get_terminal_size
from typing import Any, Final

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    QueryCommand,
    build_query,
    color_option,
    index_option,
    query_options,
    report_no_match,
    use_color,
)
from newsgrep.engines.base import EngineRequest
from newsgrep.errors import UsageError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.query.ast import describe, positive_texts
from newsgrep.terminal import format_colored, format_plain, write_streaming
from newsgrep.views import hits
from newsgrep.views.kwic import (
    MIN_WIDTH,
    KwicLine,
    KwicOrder,
    cut_context,
    find_kwic_lines,
    kwic_to_csv,
    kwic_to_text,
)

_DEFAULT_WIDTH: Final = 120
"""Cells of a line where no terminal says how wide it is."""

_MAX_WIDTH: Final = 10_000


@click.command(cls=QueryCommand, short_help="Show every place of a word in its context.")
@query_options
@click.option(
    "--width",
    type=click.IntRange(MIN_WIDTH, _MAX_WIDTH),
    help="Cells of a line; a Han character takes two.  [default: the terminal's]",
)
@click.option(
    "--sort",
    type=click.Choice([sort.value for sort in KwicOrder]),
    default=KwicOrder.RELEVANCE.value,
    show_default=True,
    help="date: oldest first, -date: newest first; left, right: by the text there.",
)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="Places shown.  [default: all]")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a line for each place.")
@click.option("--csv", "form", flag_value="csv", help="A table for spreadsheets.")
@color_option
@index_option
def command(words: tuple[str, ...], index: Index, **options: Any) -> int:
    """Show every place of what QUERY asks for in all articles that match it.

    QUERY is what newsgrep search takes. Each place is a line: date, source, and the text
    on both sides, with what was asked for in one column. Lines come as articles are read;
    sorted by left or right, all of them are read first.

    \b
    newsgrep kwic 联合声明
    newsgrep kwic '"左右逢源"' --sort right
    newsgrep kwic 渔业 --since 2024 --csv > fishery.csv
    newsgrep kwic 渔业 --jsonl | jq -r .left
    """
    query = build_query(words, options, saved_lookup(index))
    if not positive_texts(query.root):
        raise UsageError(
            "The query names no text that could be shown in its context: add a word, or "
            "ask with newsgrep search."
        )
    width = options["width"] or get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    width = min(max(width, MIN_WIDTH), _MAX_WIDTH)
    counted = _PassageCounter()
    with open_index(index, trust=options["trust"]) as engine:
        found = find_kwic_lines(
            engine, query.root, KwicOrder(options["sort"]), reach=width, limit=options["limit"]
        )
        write_streaming(_lines(counted.all(found), width, options))
        if not counted.places:
            if total := engine.search(EngineRequest(query.root, limit=0)).total:
                articles = "1 article matches" if total == 1 else f"{total:,} articles match"
                click.echo(f"{articles}, but hold none of the words: newsgrep search", err=True)
            else:
                report_no_match(engine, query, describe(query.root), index)
    if counted.places and options["form"] is None:
        click.echo(counted.told(options["limit"]), err=True)
    return 0 if counted.places else 1


class _PassageCounter:
    """Counts places and their articles on the way."""

    def __init__(self) -> None:
        self.places = 0
        self._articles: set[str] = set()

    def all(self, found: Iterable[KwicLine]) -> Iterator[KwicLine]:
        for place in found:
            self.places += 1
            self._articles.add(place.id)
            yield place

    def told(self, limit: int | None) -> str:
        what = "place" if self.places == 1 else "places"
        articles = "article" if len(self._articles) == 1 else "articles"
        cut_off = "; there may be more: -n shows them" if self.places == limit else ""
        return f"{self.places:,} {what} in {len(self._articles):,} {articles}{cut_off}"


def _lines(found: Iterable[KwicLine], width: int, options: dict[str, Any]) -> Iterator[str]:
    match options["form"]:
        case "jsonl":
            return (
                to_json(hits.kwic_line_to_json(cut_context(place, width // 2))) for place in found
            )
        case "csv":
            return kwic_to_csv(cut_context(place, width // 2) for place in found)
        case _:
            lines = kwic_to_text(found, width)
            if use_color(options["color"]):
                return format_colored(lines, wrap=False)
            return format_plain(lines)
