"""``newsgrep doctor``: whether an index is sound, and what to do where it is not."""

from __future__ import annotations

from pathlib import Path

import click

from newsgrep.archive.lock import writing
from newsgrep.archive.place import opened, read_manifest
from newsgrep.cli.options import index_option, wait_option
from newsgrep.engines.base import go_back
from newsgrep.jsontext import to_json
from newsgrep.output.machine import VERSION
from newsgrep.output.stream import write
from newsgrep.query.tree import Everything


@click.command(short_help="Check the index, or go back to the commit before.")
@click.option("--deep", is_flag=True, help="Also compare every term with the stored articles.")
@click.option("--rollback", is_flag=True, help="Go back to the commit before the last one.")
@click.option("--tidy", is_flag=True, help="Delete what an interrupted run has left behind.")
@click.option("--json", "as_json", is_flag=True, help="The findings as one JSON object.")
@wait_option
@index_option
def command(
    deep: bool, rollback: bool, tidy: bool, as_json: bool, wait: float, index_folder: Path
) -> int:
    """Compare all files of the index with their checksums, and read every article.

    Exit status 0 if all is well, 2 if not.

    \b
    newsgrep doctor
    newsgrep doctor --deep --json
    newsgrep doctor --rollback
    """
    deleted: list[str] = []
    if rollback:
        manifest = read_manifest(index_folder)
        with writing(index_folder, wait):
            go_back(manifest.engine, index_folder / manifest.engine)
    if tidy:
        with writing(index_folder, wait), opened(index_folder) as engine:
            deleted = engine.tidy()
    with opened(index_folder) as engine:
        problems = engine.check(deep=deep)
        articles = 0 if problems else engine.search(Everything(), limit=0).total
    if as_json:
        told = {"sound": not problems, "problems": problems, "articles": articles}
        write(to_json({"version": VERSION, "index": str(index_folder), **told, "deleted": deleted}))
    else:
        if rollback:
            write("went back to the commit before the last one")
        for problem in problems:
            write(f"problem: {problem}")
        if problems:
            write(
                "The last commit is damaged. newsgrep doctor --rollback goes back to the one "
                "before; if that is damaged, too, delete the folder and index again."
            )
        else:
            looked = "files, articles and terms" if deep else "files and articles"
            noun = "article" if articles == 1 else "articles"
            write(f"{index_folder} is sound: {articles:,} {noun}; {looked} are as written")
        if deleted:
            write(f"{len(deleted):,} files of an interrupted run were deleted")
    return 2 if problems else 0
