"""``newsgrep batch``: many queries, one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from newsgrep._io import to_json
from newsgrep.cli.options import index_option
from newsgrep.engines.base import Order
from newsgrep.errors import InputError
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import Query, parse
from newsgrep.search.batch import answer_line, read_lines
from newsgrep.search.search import SearchRequest
from newsgrep.terminal import write_flushed
from newsgrep.views.hits import batch_answer_to_json


@click.command(short_help="Answer many queries, as JSON Lines.")
@click.argument("file", metavar="FILE")
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Hits each."
)
@click.option(
    "--sort",
    type=click.Choice([order.value for order in Order]),
    default=Order.RELEVANCE.value,
    show_default=True,
    help="date: oldest first, -date: newest first.",
)
@click.option("--no-hits", is_flag=True, help="Only how many articles match.")
@index_option
def command(file: str, limit: int, sort: str, no_hits: bool, trust: bool, index: Index) -> int:
    """Answer the queries in FILE, one a line; - reads them from standard input.

    Each is answered by one JSON object on a line, as soon as it is read. Empty lines and
    those that begin with # are passed over. A line that begins with { is a JSON object:
    "query", and as it needs them "id" (given back), "limit", "offset", "sort", "source",
    "since", "until", "any". What can't be read is answered by an "error".

    \b
    newsgrep batch queries.txt | jq -r '[.query, .total] | @tsv'
    echo '{"id": 7, "query": "渔业", "since": "2024"}' | newsgrep batch -n 3 -

    Exit status: 0 if all were answered, 1 if nothing was found for any, 2 if a line could
    not be read.
    """
    usual = SearchRequest(Query("", MatchAll()), Order(sort), 0 if no_hits else limit)
    ask = partial(parse, saved=saved_lookup(index))
    asked = found = bad = 0
    with _open_queries(file) as stream, open_index(index, trust=trust) as engine:
        for line in read_lines(stream):
            told = answer_line(engine, line, ask, usual)
            write_flushed(to_json(batch_answer_to_json(told, hits=not no_hits)))
            asked += 1
            bad += told.error is not None
            found += bool(told.result and told.result.total)
    if not asked:
        raise InputError(f"{file} holds no query: write one on a line.")
    if bad:
        return 2
    return 0 if found else 1


@contextmanager
def _open_queries(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115  (closed below; only opening it is a complaint about its name)
    except OSError as exc:
        raise InputError(f"{file} can't be read ({exc.strerror}): name another file.") from exc
    with stream:
        yield stream
