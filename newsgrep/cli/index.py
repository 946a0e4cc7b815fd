"""``newsgrep index``: bring the index up to date with files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from newsgrep.cli.file_options import (
    dictionary_option,
    engine_option,
    expanded_paths,
    field_names_option,
    follow_option,
    jobs_option,
    keep_versions_option,
    max_file_size_option,
    outlet_rules_file,
    sql_option,
    wait_option,
    words_of,
)
from newsgrep.cli.main import Command
from newsgrep.cli.options import IndexOptions, completing, index_option, pass_options
from newsgrep.cli.output import OutputFormat, OutputOptions, Rendering, output_options, print_result
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.cli.summary import note_lines, summary_line
from newsgrep.errors import InputError, UsageError
from newsgrep.extraction.records.base import ReadOptions
from newsgrep.indexing.outcomes import Outcome
from newsgrep.indexing.plan import parse_shard
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.query.ast import And, Node
from newsgrep.search.search import build_filters
from newsgrep.terminal import wrap_message, write

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import DictionaryFile


class UpdateCommandOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep index``."""

    paths: tuple[str, ...]
    prune: bool | None
    jobs: int
    max_file_size: int
    follow: bool
    engine: str | None
    shard: str
    reextract: bool
    sources: tuple[str, ...]
    field_names: Mapping[str, str]
    sql: str | None
    records: str | None
    keep_versions: int | None
    quiet: bool
    dictionary: DictionaryFile | None
    wait: float


@click.command("index", cls=Command, short_help="Bring the index up to date with files.")
@click.argument(
    "paths",
    metavar="[PATH...]",
    nargs=-1,
    shell_complete=completing("file"),
    callback=expanded_paths,
)
@click.option(
    "--prune/--no-prune",
    default=None,
    help="Remove all articles whose files under PATH are gone, or keep them.  "
    "[default: remove, unless more than half are gone]",
)
@jobs_option
@max_file_size_option
@click.option(
    "--reextract",
    is_flag=True,
    help="Read only files again that older rules have read, under PATH or all.",
)
@click.option(
    "--source",
    "sources",
    metavar="TEXT",
    multiple=True,
    help="With --reextract: only sources whose name contains TEXT. Can be repeated.",
)
@follow_option
@engine_option
@click.option(
    "--shard",
    metavar="I/N",
    default="",
    help="Index only part I of N, for N machines that fill one index on a server.",
)
@field_names_option
@sql_option
@click.option(
    "--records",
    type=click.Choice(["jsonl"]),
    help="Read records from standard input: newsgrep index - --records jsonl.",
)
@keep_versions_option
@dictionary_option("Names and terms of a new index, one per line, with jieba's frequencies if any.")
@wait_option
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@output_options(OutputFormat.JSON, color=False)
@index_option
@pass_options(UpdateCommandOptions)
def index_command(options: UpdateCommandOptions) -> int:
    """Index the articles in PATH, files or folders; - reads a list of paths.

    Reads pages (.html, .shtml, .php and others), .md and .txt; dumps in JSON, JSON Lines and CSV;
    and all of them compressed or in ZIP and tar archives. Later runs read new and changed files
    only, and remove articles whose files are gone.

    \b
    newsgrep index seeds/
    newsgrep index ~/archive --index ~/archive.index
    newsgrep index ~/archive --index ~/big.index --engine tantivy
    newsgrep index ~/archive --index opensearch://search.example/news --shard 2/3
    find . -name '*.md' -mtime -7 | newsgrep index -
    newsgrep extract --jsonl crawl.warc.gz | newsgrep index - --records jsonl
    newsgrep index --reextract
    """
    handle_signals()
    _check_reextract(options)
    _check_records(options)
    paths = [] if options.records else list(_input_paths(options.paths))
    if not options.records and not paths and (options.paths or not options.reextract):
        raise InputError("The list of paths is empty. Name at least one file or folder.")
    with show_progress() as progress:
        update = UpdateOptions(
            outlets_file=outlet_rules_file(),
            jobs=options.jobs,
            prune=options.prune,
            wait=options.wait,
            progress=progress,
            byte_progress=progress.bytes,
            follow=options.follow,
            largest=options.max_file_size,
            engine=options.engine,
            shard=parse_shard(options.shard) if options.shard else None,
            reextract=options.reextract,
            only=_any_source(options.sources),
            read=ReadOptions(options.field_names, options.sql),
            stream=sys.stdin.buffer if options.records else None,
            keep_versions=options.keep_versions,
            user_dictionary=words_of(options.dictionary, quiet=options.quiet),
        )
        summary = update_index(options.index, paths, update)
    if options.output is OutputFormat.TEXT:
        for line in note_lines(summary, quiet=options.quiet):
            click.echo(wrap_message(line), err=True)
        if not options.quiet:
            write(summary_line(summary, str(options.index), reextract=options.reextract))
    else:
        print_result(Rendering(json=summary.to_dict), options)
    if summary.counts[Outcome.FAILED] or "unreadable" in summary.skipped:
        return 2
    return 0 if summary.articles or summary.seen or summary.removed else 1


def _check_reextract(options: UpdateCommandOptions) -> None:
    if options.reextract:
        if options.prune is not None:
            raise UsageError("--reextract removes no articles: leave --prune and --no-prune out.")
    elif options.sources:
        raise UsageError("--source needs --reextract: newsgrep index --reextract --source TEXT.")
    elif not options.paths:
        raise UsageError("Missing argument PATH: name a file or folder, such as newsgrep index .")


def _check_records(options: UpdateCommandOptions) -> None:
    if not options.records:
        return
    if options.paths != ("-",):
        raise UsageError(
            "--records reads standard input: newsgrep index - --records jsonl. "
            "To read files of records, name them without --records."
        )
    if options.reextract or options.shard or options.sql or options.prune is not None:
        raise UsageError(
            "--records updates the records that it reads and removes none: leave --reextract, "
            "--shard, --sql, --prune and --no-prune out."
        )


def _any_source(sources: tuple[str, ...]) -> Node | None:
    return And(tuple(build_filters(sources))) if sources else None


def _input_paths(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            data = sys.stdin.buffer.read()
            end = b"\0" if b"\0" in data else b"\n"
            yield from (os.fsdecode(line) for line in data.split(end) if line.strip())
        else:
            yield path
