"""``newsgrep doctor``: whether an index is sound, and what to do where it is not."""

from __future__ import annotations

import click

from newsgrep.archive.health import Health, examine, roll_back, tidy
from newsgrep.archive.location import Location, Remote
from newsgrep.archive.rebuild import Rebuilt, rebuild
from newsgrep.cli.options import index_option, jobs_option, wait_option
from newsgrep.cli.progress import shown_progress
from newsgrep.cli.signals import end_cleanly
from newsgrep.jsontext import to_json
from newsgrep.output.machine import VERSION
from newsgrep.output.safe import one_line
from newsgrep.output.stream import write

_CURE = "newsgrep doctor --fix makes the index anew from all articles in it that can be read"
_GO_BACK = "newsgrep doctor --rollback goes back to the commit before the last one"


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
    index: Location,
) -> int:
    """Compare all files of the index with their checksums, and read every article.

    Exit status 0 if all is well, 2 if not.

    \b
    newsgrep doctor
    newsgrep doctor --deep --json
    newsgrep doctor --fix
    newsgrep doctor --rollback
    """
    end_cleanly()
    if rollback:
        roll_back(index, wait=wait, trust=trust)
    health = examine(index, deep=deep, trust=trust)
    rebuilt = None
    if fix and health.can_be_mended:
        with shown_progress() as progress:
            rebuilt = rebuild(
                index, jobs=jobs, wait=wait, trust=trust, lossy=True, progress=progress
            )
    found, health = health, examine(index, trust=trust) if rebuilt else health
    # On a server an interrupted run leaves nothing but its settings.
    tidies = tidies or (fix and not rebuilt and isinstance(index, Remote))
    deleted = tidy(index, wait=wait, trust=trust) if tidies else []
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
            write(_CURE if isinstance(index, Remote) else f"{_CURE}; {_GO_BACK}")
        elif not health.problems:
            looked = "files, articles and terms" if deep and not rebuilt else "files and articles"
            noun = "article" if health.articles == 1 else "articles"
            write(f"{index} is sound: {health.articles:,} {noun}; {looked} are as written")
        if deleted and isinstance(index, Remote):
            write(f"settings that an interrupted run left behind are put back: {len(deleted):,}")
        elif deleted:
            write(f"{len(deleted):,} files of an interrupted run were deleted")
    return 2 if health.problems or (rebuilt and rebuilt.lost) else 0


def _print_rebuilt(rebuilt: Rebuilt) -> None:
    noun = "article" if rebuilt.articles == 1 else "articles"
    write(f"made anew from {rebuilt.articles:,} {noun} that can be read")
    for path in rebuilt.lost:
        write(f"lost: what was read from {one_line(path) if path else 'a file of unknown name'}")
    if rebuilt.lost:
        write("newsgrep index with the same paths as before reads these files again")


def _write_json(
    index: Location, found: Health, health: Health, rebuilt: Rebuilt | None, deleted: list[str]
) -> None:
    told = {
        "version": VERSION,
        "index": str(index),
        "sound": not health.problems,
        "problems": [problem.sentence for problem in found.problems],
        "articles": health.articles,
        "fixed": bool(rebuilt),
        "lost": rebuilt.lost if rebuilt else (),
        "deleted": deleted,
    }
    write(to_json(told))
