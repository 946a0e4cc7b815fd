"""Where an index is: opening the one that is there, and making one.

A manifest names the engine and its folder of data; what else a dead writer left is nobody's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from newsgrep.archive.manifest import (
    DRAFT,
    MANIFEST,
    data_folders,
    new_manifest,
    read_manifest,
    refuse_bereft,
    write_draft,
)
from newsgrep.archive.names import OWN
from newsgrep.archive.ownership import refuse_strangers
from newsgrep.engines.base import Engine, open_engine
from newsgrep.errors import IndexProblem, InputError

ENGINE: Final = "whoosh"
"""The engine of an index, if nothing else is said."""

_IGNORED: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN}


@contextmanager
def opened(folder: Path, *, trust: bool = False) -> Iterator[Engine]:
    """Open the index in ``folder`` for asking.

    Raises what :func:`read_manifest` does, and :class:`IndexUntrusted` for one that others
    may have written, unless there is ``trust``.
    """
    engine = _open_last(folder, trust)
    try:
        yield engine
    finally:
        engine.close()


def _open_last(folder: Path, trust: bool) -> Engine:
    while True:
        manifest = read_manifest(folder)
        data = folder / manifest.data
        if not trust:
            refuse_strangers(data)
        try:
            return open_engine(manifest.engine, data)
        except IndexProblem:
            # Rebuilt meanwhile, the index lies in another folder.
            if read_manifest(folder) == manifest:
                raise


@contextmanager
def made(folder: Path, engine_name: str = ENGINE, data: str = "") -> Iterator[Engine]:
    """Make an index in ``folder``, where :func:`make_room` has been.

    Opens its engine, empty, in the folder ``data`` (else named after the engine). There is
    an index, in the place of any other, once :func:`confirm_draft` is called: after the first
    commit, so that nobody finds one without. Left before that, nothing stays.
    """
    data = data or engine_name
    write_draft(folder, new_manifest(engine_name, data))
    try:
        engine = open_engine(engine_name, folder / data, create=True)
        try:
            yield engine
        finally:
            engine.close()
    finally:
        if (folder / DRAFT).exists():  # not confirmed
            shutil.rmtree(folder / data, ignore_errors=True)
            with suppress(OSError):  # else the next writer does it
                (folder / DRAFT).unlink()


def has_index(folder: Path) -> bool:
    """Return whether there is an index in ``folder``, whole or not."""
    return (folder / MANIFEST).exists()


def make_room(folder: Path) -> None:
    """Make the folder of an index.

    Raises :class:`InputError` if it holds something else, and :class:`IndexDamaged` if that
    is an index without a manifest.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {path.name for path in folder.iterdir()} - _IGNORED
    except (FileExistsError, NotADirectoryError) as exc:
        raise InputError(f"{folder} is a file: name a folder for the index.") from exc
    except OSError as exc:
        raise InputError(
            f"No index can be made in {folder} ({exc.strerror}): name another with --index."
        ) from exc
    refuse_bereft(folder)
    # An interrupted first run leaves its draft, and data.
    if present - {DRAFT, *data_folders(folder)}:
        raise InputError(
            f"{folder} holds other files and no index: name an empty or new folder with --index."
        )


def tidy_up(folder: Path) -> list[str]:
    """Delete what a writer that died has left beside the index, and return what that was.

    For those who hold the lock only.
    """
    named = read_manifest(folder, any_analyser=True).data if has_index(folder) else ""
    left = [name for name in data_folders(folder) if name != named]
    for name in left:
        shutil.rmtree(folder / name, ignore_errors=True)
    # Last, for data without manifest or draft looks like an index that lost one.
    if (folder / DRAFT).exists() and (named or not data_folders(folder)):
        (folder / DRAFT).unlink()
        left.append(DRAFT)
    return left


def size_of(folder: Path) -> int:
    """Return how many bytes the index in ``folder`` takes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
