"""``newsgrep reindex``: make the index anew from the articles in it."""

from __future__ import annotations

import click

from newsgrep.archive.location import Location
from newsgrep.archive.rebuild import rebuild
from newsgrep.cli.options import index_option, jobs_option, wait_option
from newsgrep.cli.progress import shown_progress
from newsgrep.cli.signals import end_cleanly
from newsgrep.output.stream import write


@click.command(short_help="Make the index anew from the articles in it.")
@jobs_option
@wait_option
@index_option
def command(jobs: int, wait: float, trust: bool, index: Location) -> int:
    """Make the index anew from the articles that it holds; their files are not needed.

    For an index that an older newsgrep made, whose terms would not be those of a query.
    Until it is done, the old one stays.

    \b
    newsgrep reindex
    """
    end_cleanly()
    with shown_progress() as progress:
        done = rebuild(index, jobs=jobs, wait=wait, trust=trust, progress=progress)
    noun = "article" if done.articles == 1 else "articles"
    write(f"{index} is made anew: {done.articles:,} {noun}")
    return 0
