"""``newsgrep copy``: a whole archive into another index, without its files."""

from __future__ import annotations

from dataclasses import replace as with_changes

import click

from newsgrep.cli.options import (
    LocationParam,
    engine_option,
    index_option,
    jobs_option,
    wait_option,
)
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.index.location import Index, described
from newsgrep.index.maintenance import CopyOptions, copy_index
from newsgrep.terminal import one_line, write


@click.command(short_help="Put the whole archive into another index.")
@click.option(
    "--to",
    "target",
    type=LocationParam(),
    required=True,
    metavar="INDEX",
    help="The other index: a folder, or opensearch://HOST[:PORT]/NAME.",
)
@engine_option
@click.option("--replace", is_flag=True, help="In the place of an index that is there already.")
@jobs_option
@wait_option
@index_option
def command(
    target: Index,
    engine: str | None,
    replace: bool,
    jobs: int,
    wait: float,
    trust: bool,
    index: Index,
) -> int:
    """Put all that the index holds into another one; the articles' files are not needed.

    Articles, what is known of every file, and saved queries: newsgrep index with the same
    paths finds nothing to do there. The index itself stays as it is. The copy is there when it
    is whole; a run that ends before leaves none.

    \b
    newsgrep copy --to ~/big.index --engine tantivy
    newsgrep copy --to opensearch://search.example/news
    newsgrep copy --index opensearch://search.example/news --to ~/laptop.index
    """
    handle_signals()
    manner = CopyOptions(engine, replace, jobs, wait, trust)
    with show_progress() as progress:
        done = copy_index(index, target, with_changes(manner, progress=progress))
    articles = "article" if done.articles == 1 else "articles"
    files = "file" if done.files == 1 else "files"
    saved = "1 saved query" if done.queries == 1 else f"{done.queries:,} saved queries"
    write(
        f"{done.articles:,} {articles}, what is known of {done.files:,} {files}, and {saved} are "
        f"now {one_line(described(target))} ({done.engine})"
    )
    return 0
