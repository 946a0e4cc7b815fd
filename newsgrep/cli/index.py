"""``newsgrep index``: bring the index up to date with files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    SizeParam,
    engine_option,
    index_option,
    jobs_option,
    outlet_rules_file,
    wait_option,
)
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.errors import InputError
from newsgrep.index.location import Index
from newsgrep.index.plan import ListedFile, Outcome, UpdateSummary, parse_shard
from newsgrep.index.update import UpdateOptions, update_index
from newsgrep.terminal import one_line, write
from newsgrep.views.hits import shown_path, summary_to_json

_MAX_LISTED = 20


@click.command(short_help="Bring the index up to date with files.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--prune/--no-prune",
    default=None,
    help="Take out articles whose files are gone from under PATH, however many they are; "
    "or keep them. Otherwise they are taken out unless that is more than half.",
)
@jobs_option
@click.option(
    "--max-file-size",
    "largest",
    type=SizeParam(),
    default="64M",
    show_default=True,
    help="List larger files and do not read them; 500K, 64M, at most 1G.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Follow links that lead out of PATH, too; otherwise they are listed.",
)
@engine_option
@click.option(
    "--shard",
    metavar="I/N",
    default="",
    help="Only the files of part I of N, for N machines that fill one index on a server.",
)
@wait_option
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON, every file listed.")
@index_option
def command(
    paths: tuple[str, ...],
    prune: bool | None,
    jobs: int,
    largest: int,
    follow: bool,
    engine: str | None,
    shard: str,
    wait: float,
    trust: bool,
    as_json: bool,
    index: Index,
) -> int:
    """Index the articles in PATH, files or folders; - reads a list of paths.

    Reads .txt, .md, .markdown, .html and .htm. Running it again reads only what is new or
    changed, and takes out what is gone.

    \b
    newsgrep index seeds/
    newsgrep index ~/archive --index ~/archive.index
    newsgrep index ~/archive --index ~/big.index --engine tantivy
    newsgrep index ~/archive --index opensearch://search.example/news --shard 2/3
    find . -name '*.md' -mtime -7 | newsgrep index -
    """
    handle_signals()
    named = list(_input_paths(paths))
    if not named:
        raise InputError("The list of paths is empty: there is nothing to index.")
    with show_progress() as progress:
        how = UpdateOptions(
            outlets_file=outlet_rules_file(),
            jobs=jobs,
            prune=prune,
            wait=wait,
            trust=trust,
            progress=progress,
            follow=follow,
            largest=largest,
            engine=engine,
            shard=parse_shard(shard) if shard else None,
        )
        summary = update_index(index, named, how)
    if as_json:
        write(to_json(summary_to_json(summary), indent=2))
    else:
        _print_summary(summary, index)
    unreadable = summary.counts[Outcome.FAILED] or "unreadable" in summary.skipped
    if unreadable:
        return 2
    return 0 if summary.articles or summary.seen or summary.removed else 1


def _input_paths(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            data = sys.stdin.buffer.read()
            end = b"\0" if b"\0" in data else b"\n"
            yield from (os.fsdecode(line) for line in data.split(end) if line.strip())
        else:
            yield path


def _print_summary(summary: UpdateSummary, index: Index) -> None:
    counts = ", ".join(
        f"{summary.counts[outcome]:,} {name}"
        for outcome, name in (
            (Outcome.ADDED, "added"),
            (Outcome.UPDATED, "updated"),
            (Outcome.UNCHANGED, "unchanged"),
            (Outcome.DUPLICATE, "of an article that another file holds"),
            (Outcome.REJECTED, "without an article"),
            (Outcome.FAILED, "unreadable"),
        )
        if summary.counts[outcome]
    )
    files = "file" if summary.seen == 1 else "files"
    removed = f"; {summary.removed:,} removed" if summary.removed else ""
    of_shard = f"of shard {summary.shard} " if summary.shard else ""
    articles = "article" if summary.articles == 1 else "articles"
    write(
        f"{summary.seen:,} {files} {of_shard}seen: {counts or 'nothing to read'}{removed}; "
        f"{summary.articles:,} {articles} in {one_line(str(index))}, {summary.seconds:.1f} s"
    )
    for outcome, items in summary.listed.items():
        _print_listed(outcome.value, tuple(item for item in items if not item.known))
    for kind, items in summary.skipped.items():
        if kind == "hidden":
            click.echo(f"skipped: {len(items):,} hidden (a dot begins the name)", err=True)
        else:
            _print_listed("skipped" if kind == "format" else kind, items)


def _print_listed(label: str, items: tuple[ListedFile, ...]) -> None:
    for item in items[:_MAX_LISTED]:
        # Reasons name other files by their whole paths.
        reason = one_line(item.reason.replace(os.getcwd() + os.sep, ""))  # noqa: PTH109  (any bytes)
        click.echo(f"{label}: {shown_path(item.path)}: {reason}", err=True)
    if len(items) > _MAX_LISTED:
        more = len(items) - _MAX_LISTED
        click.echo(f"{label}: … and {more:,} more; --json lists all", err=True)
