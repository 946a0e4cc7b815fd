"""An index is made anew from the articles that it holds, without the files they came from.

The new data lies beside the old until it is whole; then the manifest names it instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from newsgrep.archive.lock import writing
from newsgrep.archive.manifest import (
    FORMAT,
    Manifest,
    confirm_draft,
    data_folders,
    read_manifest,
    write_draft,
)
from newsgrep.archive.ownership import refuse_strangers
from newsgrep.archive.place import made, tidy_up
from newsgrep.archive.progress import Progress, no_progress
from newsgrep.archive.workers import in_order
from newsgrep.engines.base import Change, Kept, Lost, Note, Upsert, everything_kept
from newsgrep.engines.entry import make_entry
from newsgrep.errors import IndexDamaged


class Rebuilt(NamedTuple):
    """How many articles were taken over, and what could not be read any more.

    ``lost`` has the path of the file, where that could be read.
    """

    articles: int
    lost: tuple[str | None, ...]


def rebuild(
    folder: Path,
    *,
    jobs: int = 1,
    wait: float = 0.0,
    trust: bool = False,
    lossy: bool = False,
    progress: Progress = no_progress,
) -> Rebuilt:
    """Make the index in ``folder`` anew with the analyser of this newsgrep.

    Without ``lossy`` it raises :class:`IndexDamaged` as soon as something can't be read, and
    nothing has changed; with it, that is left out, and the damaged data stays until the next
    writer comes. ``progress`` is told how many articles have been read. Raises what
    :func:`newsgrep.archive.manifest.read_manifest` and :func:`newsgrep.archive.lock.writing` do.
    """
    with writing(folder, wait):
        if lossy:
            _adopt(folder, trust)
        manifest = read_manifest(folder, any_analyser=True)
        engine_name, source = manifest.engine, folder / manifest.data
        if not trust:
            refuse_strangers(source)
        tidy_up(folder)
        copy = _Copy(lossy)
        with made(folder, engine_name, _next_name(manifest)) as engine:
            kept = everything_kept(engine_name, source)
            made_ready = in_order(_ready, None, copy.checked(kept, progress), jobs)
            engine.write(made_ready)
            confirm_draft(folder)
        if not copy.lost:
            shutil.rmtree(source, ignore_errors=True)
    return Rebuilt(copy.articles, tuple(copy.lost))


class _Copy:
    def __init__(self, lossy: bool) -> None:
        self.articles = 0
        self.lost: list[str | None] = []
        self._lossy = lossy

    def checked(self, items: Iterator[Kept | Lost], progress: Progress) -> Iterator[Kept]:
        for item in items:
            if isinstance(item, Kept):
                self.articles += item.article is not None
                progress(self.articles, None)
                yield item
            elif self._lossy:
                self.lost.append(item.path)
            else:
                raise IndexDamaged(
                    f"The stored article from {item.path or 'an unknown file'} can't be read: "
                    "newsgrep doctor --fix leaves it out and saves the others. Nothing was changed."
                )


def _ready(_: None) -> Callable[[Kept], Change]:
    return _change


def _change(item: Kept) -> Change:
    return Upsert(make_entry(item.article, item.stamp)) if item.article else Note(item.stamp)


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


def _next_name(manifest: Manifest) -> str:
    return f"{manifest.engine}-{int(manifest.data.partition('-')[2] or 1) + 1}"
