"""``newsgrep batch``: answer many queries in one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from newsgrep._io import encode_json
from newsgrep.cli.main import Command
from newsgrep.cli.options import (
    IndexOptions,
    completing,
    index_option,
    limit_option,
    order_option,
    pass_options,
)
from newsgrep.engines.base import Order
from newsgrep.errors import InputError
from newsgrep.messages import system_reason
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import Query
from newsgrep.search.search import SearchRequest, build_query
from newsgrep.terminal import write_flushed
from newsgrep.views import batch


class BatchOptions(IndexOptions):
    """The options of ``newsgrep batch``."""

    file: str
    limit: int
    sort: Order
    no_hits: bool

    @property
    def defaults(self) -> SearchRequest:
        """The request for a line that sets nothing but its query."""
        return SearchRequest(Query("", MatchAll()), self.sort, 0 if self.no_hits else self.limit)


@click.command("batch", cls=Command, short_help="Answer many queries, as JSON Lines.")
@click.argument("file", metavar="FILE", shell_complete=completing("file"))
@limit_option(10, "Return at most N hits per query.", least=0)
@order_option
@click.option("--no-hits", is_flag=True, help="Return totals only.")
@index_option
@pass_options(BatchOptions)
def batch_command(options: BatchOptions) -> int:
    """Answer the queries in FILE, one per line; - reads standard input.

    The answer to each is one JSON object on a line, printed at once. Empty lines and lines
    that begin with # are skipped. A line that begins with { is a JSON object: "query", and
    optionally "id" (returned as it is), "limit", "offset", "sort", "source", "since",
    "until", "any", "everything", "versions", "variants". The answer to an invalid
    line is an "error".

    \b
    newsgrep batch queries.txt | jq -r '[.query, .total] | @tsv'
    echo '{"id": 7, "query": "渔业", "since": "2024"}' | newsgrep batch -n 3 -

    Exit status: 0 if all lines were answered, 1 if no query has a match, 2 if a line is
    invalid.
    """
    queries = matched = invalid = 0
    with (
        _open_queries(options.file) as stream,
        options.index.open() as engine,
    ):
        build = partial(
            build_query,
            saved=options.saved_queries,
            collections=options.collections,
            user=engine.user_dictionary,
        )
        for line in batch.read_lines(stream):
            answer = batch.answer_line(engine, line, build, options.defaults)
            write_flushed(encode_json(batch.to_json(answer, hits=not options.no_hits)))
            queries += 1
            invalid += answer.error is not None
            matched += bool(answer.result and answer.result.total)
    if not queries:
        raise InputError("{file} contains no query. Write one query per line.", file=options.file)
    if invalid:
        return 2
    return 0 if matched else 1


@contextmanager
def _open_queries(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115  (closed below; only errors of opening it are about its name)
    except OSError as exc:
        raise InputError(
            "Cannot read {file} ({reason}). Name another file.",
            file=file,
            reason=system_reason(exc),
        ) from exc
    with stream:
        yield stream
