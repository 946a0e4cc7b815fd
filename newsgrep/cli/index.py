"""``newsgrep index``: bring the index up to date with files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click

from newsgrep.cli.options import (
    IndexOptions,
    OutputFormat,
    OutputOptions,
    engine_option,
    index_option,
    jobs_option,
    outlet_rules_file,
    output_options,
    pass_options,
    wait_option,
)
from newsgrep.cli.output import Rendering, print_result
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.errors import InputError
from newsgrep.index.plan import ListedFile, Outcome, UpdateSummary, parse_shard
from newsgrep.index.store import Index
from newsgrep.index.update import UpdateOptions, update_index
from newsgrep.terminal import count_noun, one_line, write
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_path

_MAX_LISTED: Final = 20


_SIZE: Final = re.compile(r"([0-9]{1,12})([KMG]?)", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_MAX_SIZE: Final = 2**30
"""A file is read into memory, and its parsers count to twice this number."""


class SizeParam(click.ParamType[int]):
    """A number of bytes, written ``500K``, ``64M`` or ``1G``."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return ``value`` in bytes; fails with a usage error if it is not a valid size."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        size = int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else 0
        if not 0 < size <= _MAX_SIZE:
            self.fail("Write a size such as 500K, 64M or 1G, which is the maximum.", param, ctx)
        return size


class UpdateCommandOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep index``."""

    paths: tuple[str, ...]
    prune: bool | None
    jobs: int
    max_file_size: int
    follow: bool
    engine: str | None
    shard: str
    wait: float


@click.command("index", short_help="Bring the index up to date with files.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--prune/--no-prune",
    default=None,
    help="Remove all articles whose files under PATH are gone, or keep them.  "
    "[default: remove, unless more than half are gone]",
)
@jobs_option
@click.option(
    "--max-file-size",
    type=SizeParam(),
    default="64M",
    show_default=True,
    help="Skip and list larger files; e.g. 500K or 64M, at most 1G.",
)
@click.option("--follow", is_flag=True, help="Follow symbolic links that lead out of PATH.")
@engine_option
@click.option(
    "--shard",
    metavar="I/N",
    default="",
    help="Index only part I of N, for N machines that fill one index on a server.",
)
@wait_option
@output_options(OutputFormat.JSON, color=False)
@index_option
@pass_options(UpdateCommandOptions)
def index_command(options: UpdateCommandOptions) -> int:
    """Index the articles in PATH, files or folders; - reads a list of paths.

    Reads .txt, .md, .markdown, .html and .htm. Later runs read new and changed files only,
    and remove articles whose files are gone.

    \b
    newsgrep index seeds/
    newsgrep index ~/archive --index ~/archive.index
    newsgrep index ~/archive --index ~/big.index --engine tantivy
    newsgrep index ~/archive --index opensearch://search.example/news --shard 2/3
    find . -name '*.md' -mtime -7 | newsgrep index -
    """
    handle_signals()
    paths = list(_input_paths(options.paths))
    if not paths:
        raise InputError("The list of paths is empty. Name at least one file or folder.")
    with show_progress() as progress:
        update = UpdateOptions(
            outlets_file=outlet_rules_file(),
            jobs=options.jobs,
            prune=options.prune,
            wait=options.wait,
            trust=options.trust,
            progress=progress,
            follow=options.follow,
            largest=options.max_file_size,
            engine=options.engine,
            shard=parse_shard(options.shard) if options.shard else None,
        )
        summary = update_index(options.index, paths, update)
    if options.output is OutputFormat.TEXT:
        write(_summary_line(summary, options.index))
        _print_files(summary)
    else:
        print_result(Rendering(json=lambda: _summary_object(summary)), options)
    if summary.counts[Outcome.FAILED] or "unreadable" in summary.skipped:
        return 2
    return 0 if summary.articles or summary.seen or summary.removed else 1


def _summary_object(summary: UpdateSummary) -> dict[str, Any]:
    """Return the run as a JSON object; the counts of outcomes add up to ``seen``."""
    return {
        "version": SCHEMA_VERSION,
        **({"shard": summary.shard} if summary.shard else {}),
        "seen": summary.seen,
        **{outcome.value: summary.counts[outcome] for outcome in Outcome},
        "removed": summary.removed,
        "articles": summary.articles,
        "seconds": round(summary.seconds, 2),
        "files": {
            outcome.value: [asdict(listed) for listed in items]
            for outcome, items in summary.listed.items()
        },
        "skipped": {
            kind: [asdict(listed) for listed in items] for kind, items in summary.skipped.items()
        },
    }


def _input_paths(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            data = sys.stdin.buffer.read()
            end = b"\0" if b"\0" in data else b"\n"
            yield from (os.fsdecode(line) for line in data.split(end) if line.strip())
        else:
            yield path


def _summary_line(summary: UpdateSummary, index: Index) -> str:
    counts = ", ".join(
        f"{summary.counts[outcome]:,} {name}"
        for outcome, name in (
            (Outcome.ADDED, "added"),
            (Outcome.UPDATED, "updated"),
            (Outcome.UNCHANGED, "unchanged"),
            (
                Outcome.DUPLICATE,
                "duplicate" if summary.counts[Outcome.DUPLICATE] == 1 else "duplicates",
            ),
            (Outcome.REJECTED, "without article text"),
            (Outcome.FAILED, "unreadable"),
        )
        if summary.counts[outcome]
    )
    removed = f"; {summary.removed:,} removed" if summary.removed else ""
    of_shard = f"of shard {summary.shard} " if summary.shard else ""
    files = count_noun(summary.seen, "file")
    articles = count_noun(summary.articles, "article")
    return (
        f"{files} {of_shard}seen: {counts or 'nothing to read'}{removed}; "
        f"{articles} in {one_line(str(index))}, {summary.seconds:.1f} s"
    )


def _print_files(summary: UpdateSummary) -> None:
    for outcome, items in summary.listed.items():
        _print_listed(outcome.value, tuple(item for item in items if not item.known))
    for kind, items in summary.skipped.items():
        if kind == "hidden":
            click.echo(f"skipped: {count_noun(len(items), 'hidden file')}", err=True)
        else:
            _print_listed("skipped" if kind == "format" else kind, items)


def _print_listed(label: str, items: tuple[ListedFile, ...]) -> None:
    for item in items[:_MAX_LISTED]:
        # Reasons name other files by their absolute paths.
        reason = one_line(item.reason.replace(os.getcwd() + os.sep, ""))  # noqa: PTH109  (any bytes)
        click.echo(f"{label}: {display_path(item.path)}: {reason}", err=True)
    if len(items) > _MAX_LISTED:
        more = len(items) - _MAX_LISTED
        click.echo(f"{label}: … and {more:,} more; --json lists all", err=True)
