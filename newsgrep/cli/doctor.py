"""``newsgrep doctor``: whether an index is sound, and what to do where it is not."""

from __future__ import annotations

import click

from newsgrep._io import to_json
from newsgrep.cli.options import index_option, jobs_option, wait_option
from newsgrep.cli.progress import handle_signals, show_progress
from newsgrep.index.location import Index, ServerIndex
from newsgrep.index.maintenance import (
    HealthReport,
    RebuildResult,
    clean_up_index,
    rebuild_index,
    rollback_index,
    verify_index,
)
from newsgrep.terminal import one_line, write
from newsgrep.views.hits import SCHEMA_VERSION

_FIX_HINT = "newsgrep doctor --fix makes the index anew from all articles in it that can be read"
_ROLLBACK_HINT = "newsgrep doctor --rollback goes back to the commit before the last one"


@click.command(short_help="Check the index, mend it, or go back to the commit before.")
@click.option("--deep", is_flag=True, help="Also compare every term with the stored articles.")
@click.option(
    "--fix",
    is_flag=True,
    help="Where it is damaged, save every article that is not; put settings of a server back.",
)
@click.option("--rollback", is_flag=True, help="Go back to the commit before the last one.")
@click.option("--tidy", "tidies", is_flag=True, help="Delete what an interrupted run left behind.")
@click.option("--json", "as_json", is_flag=True, help="The findings as one JSON object.")
@jobs_option
@wait_option
@index_option
def command(
    deep: bool,
    fix: bool,
    rollback: bool,
    tidies: bool,
    as_json: bool,
    jobs: int,
    wait: float,
    trust: bool,
    index: Index,
) -> int:
    """Compare all files of the index with their checksums, and read every article.

    Exit status 0 if all is well, 2 if not.

    \b
    newsgrep doctor
    newsgrep doctor --deep --json
    newsgrep doctor --fix
    newsgrep doctor --rollback
    """
    handle_signals()
    if rollback:
        rollback_index(index, wait=wait, trust=trust)
    health = verify_index(index, deep=deep, trust=trust)
    rebuilt = None
    if fix and health.can_be_mended:
        with show_progress() as progress:
            rebuilt = rebuild_index(
                index, jobs=jobs, wait=wait, trust=trust, lossy=True, progress=progress
            )
    found, health = health, verify_index(index, trust=trust) if rebuilt else health
    # On a server an interrupted run leaves nothing but its settings.
    tidies = tidies or (fix and not rebuilt and isinstance(index, ServerIndex))
    deleted = clean_up_index(index, wait=wait, trust=trust) if tidies else []
    if as_json:
        _write_json(index, found, health, rebuilt, deleted)
    else:
        if rollback:
            write("went back to the commit before the last one")
        for problem in found.problems:
            write(f"problem: {problem.sentence}")
        if rebuilt:
            _print_rebuilt(rebuilt)
        if health.can_be_mended:
            write(_FIX_HINT if isinstance(index, ServerIndex) else f"{_FIX_HINT}; {_ROLLBACK_HINT}")
        elif not health.problems:
            looked = "files, articles and terms" if deep and not rebuilt else "files and articles"
            noun = "article" if health.articles == 1 else "articles"
            write(f"{index} is sound: {health.articles:,} {noun}; {looked} are as written")
        if deleted and isinstance(index, ServerIndex):
            write(f"settings that an interrupted run left behind are put back: {len(deleted):,}")
        elif deleted:
            write(f"{len(deleted):,} files of an interrupted run were deleted")
    return 2 if health.problems or (rebuilt and rebuilt.lost) else 0


def _print_rebuilt(rebuilt: RebuildResult) -> None:
    noun = "article" if rebuilt.articles == 1 else "articles"
    write(f"made anew from {rebuilt.articles:,} {noun} that can be read")
    for path in rebuilt.lost:
        write(f"lost: what was read from {one_line(path) if path else 'a file of unknown name'}")
    if rebuilt.lost:
        write("newsgrep index with the same paths as before reads these files again")


def _write_json(
    index: Index,
    found: HealthReport,
    health: HealthReport,
    rebuilt: RebuildResult | None,
    deleted: list[str],
) -> None:
    told = {
        "version": SCHEMA_VERSION,
        "index": str(index),
        "sound": not health.problems,
        "problems": [problem.sentence for problem in found.problems],
        "articles": health.articles,
        "fixed": bool(rebuilt),
        "lost": rebuilt.lost if rebuilt else (),
        "deleted": deleted,
    }
    write(to_json(told))
