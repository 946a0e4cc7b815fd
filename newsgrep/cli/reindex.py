"""``newsgrep reindex``: make the index anew from the articles in it."""

from __future__ import annotations

import click

from newsgrep.cli.options import index_option, jobs_option, wait_option
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.index.location import Index
from newsgrep.index.maintenance import rebuild_index
from newsgrep.terminal import write


@click.command(short_help="Make the index anew from the articles in it.")
@jobs_option
@wait_option
@index_option
def command(jobs: int, wait: float, trust: bool, index: Index) -> int:
    """Make the index anew from the articles that it holds; their files are not needed.

    For an index that an older newsgrep made, whose terms would not be those of a query.
    Until it is done, the old one stays.

    \b
    newsgrep reindex
    """
    handle_signals()
    with show_progress() as progress:
        done = rebuild_index(index, jobs=jobs, wait=wait, trust=trust, progress=progress)
    noun = "article" if done.articles == 1 else "articles"
    write(f"{index} is made anew: {done.articles:,} {noun}")
    return 0
