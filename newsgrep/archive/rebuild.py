"""An index is made anew from the articles that it holds, without the files they came from.

The new data lies beside the old until it is whole; then it takes its place.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from newsgrep.archive.location import Location
from newsgrep.archive.manifest import (
    FORMAT,
    Manifest,
    confirm_draft,
    data_folders,
    write_draft,
)
from newsgrep.archive.ownership import refuse_strangers
from newsgrep.archive.place import anew, kept_in, read_manifest, tidy_up, writing_to
from newsgrep.archive.progress import Progress, no_progress
from newsgrep.archive.transfer import Transfer
from newsgrep.engines.base import Kept, everything_kept
from newsgrep.errors import IndexDamaged


class Rebuilt(NamedTuple):
    """How many articles were taken over, and what could not be read any more.

    ``lost`` has the path of the file, where that could be read.
    """

    articles: int
    lost: tuple[str | None, ...]


def rebuild(
    index: Location,
    *,
    jobs: int = 1,
    wait: float = 0.0,
    trust: bool = False,
    lossy: bool = False,
    progress: Progress = no_progress,
) -> Rebuilt:
    """Make the index anew with the analyser of this newsgrep.

    Without ``lossy`` it raises :class:`IndexDamaged` as soon as something can't be read, and
    nothing has changed; with it, that is left out, and the damaged data stays in a folder
    until the next writer comes. ``progress`` is told how many articles have been read. Raises what
    :func:`newsgrep.archive.manifest.read_manifest` and :func:`newsgrep.archive.lock.writing` do.
    """
    transfer = Transfer(lossy=lossy)
    with writing_to(index, wait):
        if lossy and isinstance(index, Path):
            _adopt(index, trust)
        manifest = read_manifest(index, any_analyser=True)
        if isinstance(index, Path) and not trust:
            refuse_strangers(index / manifest.data)
        with anew(index, manifest.engine) as engine:
            engine.write(transfer.changes(kept_in(index, manifest), jobs, progress))
        if not transfer.lost:
            tidy_up(index)
    return Rebuilt(transfer.articles, tuple(transfer.lost))


def _adopt(folder: Path, trust: bool) -> None:
    """Give an index whose manifest is lost or makes no sense another one."""
    try:
        read_manifest(folder, any_analyser=True)
    except IndexDamaged:
        for name in reversed(data_folders(folder)):
            if not trust:
                refuse_strangers(folder / name)
            engine_name = name.split("-")[0]
            if _holds_articles(engine_name, folder / name):
                write_draft(folder, Manifest(engine_name, name, FORMAT, {}, "an unknown version"))
                confirm_draft(folder)
                return
        raise


def _holds_articles(engine_name: str, data: Path) -> bool:
    with suppress(IndexDamaged):
        return any(isinstance(item, Kept) for item in everything_kept(engine_name, data))
    return False
