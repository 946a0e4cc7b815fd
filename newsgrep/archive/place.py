"""Opening the index that is there, and making one, in a folder or on a server.

Here the two are told apart. In a folder, a manifest names the engine and its folder of data;
what else a dead writer left is nobody's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from newsgrep.archive import manifest as manifests
from newsgrep.archive import remote
from newsgrep.archive.location import Location, Remote
from newsgrep.archive.manifest import (
    DRAFT,
    MANIFEST,
    Manifest,
    confirm_draft,
    data_folders,
    new_manifest,
    refuse_bereft,
    write_draft,
)
from newsgrep.archive.names import OWN
from newsgrep.archive.ownership import refuse_strangers
from newsgrep.engines.base import Engine, Kept, Lost, everything_kept, open_engine
from newsgrep.errors import IndexProblem, InputError

ENGINE: Final = "whoosh"
"""The engine of an index, if nothing else is said."""

_IGNORED: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN}


def read_manifest(index: Location, *, any_analyser: bool = False) -> Manifest:
    """Return what the index says of itself, wherever it is.

    Raises what :func:`newsgrep.archive.manifest.read_manifest` does.
    """
    if isinstance(index, Remote):
        return remote.read_manifest(index, any_analyser=any_analyser)
    return manifests.read_manifest(index, any_analyser=any_analyser)


@contextmanager
def opened(index: Location, *, trust: bool = False) -> Iterator[Engine]:
    """Open the index for asking.

    Raises what :func:`read_manifest` does, and :class:`IndexUntrusted` for a folder that
    others may have written, unless there is ``trust``.
    """
    engine = remote.open_index(index) if isinstance(index, Remote) else _open_last(index, trust)
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
def made(index: Location, engine_name: str = ENGINE, data: str = "") -> Iterator[Engine]:
    """Make an index, where :func:`make_room` has been.

    Opens its engine, empty; in a folder on the data in ``data`` (else named after the
    engine). There is an index in the folder, in the place of any other, once
    :func:`confirm` is called: after the first commit, so that nobody finds one without. Left
    before that, nothing stays. On a server it is there at once.
    """
    if isinstance(index, Remote):
        engine = remote.make_index(index)
        try:
            yield engine
        finally:
            engine.close()
        return
    data = data or engine_name
    write_draft(index, new_manifest(engine_name, data))
    try:
        engine = open_engine(engine_name, index / data, create=True)
        try:
            yield engine
        finally:
            engine.close()
    finally:
        if (index / DRAFT).exists():  # not confirmed
            shutil.rmtree(index / data, ignore_errors=True)
            with suppress(OSError):  # else the next writer does it
                (index / DRAFT).unlink()


@contextmanager
def anew(index: Location, engine_name: str) -> Iterator[Engine]:
    """Make an index beside the one that is there, if any, and open its engine, empty.

    It takes the other's place when this is left, unless by an error; then nothing of it stays.
    The other's data lies in the folder until :func:`tidy_up`. For those who hold the lock.
    """
    if isinstance(index, Remote):
        with remote.replaced(index) as engine:
            yield engine
        return
    before = read_manifest(index, any_analyser=True) if has_index(index) else None
    tidy_up(index)
    number = int(before.data.partition("-")[2] or 1) + 1 if before else 1
    data = engine_name if number == 1 else f"{engine_name}-{number}"
    with made(index, engine_name, data) as engine:
        yield engine
        confirm(index)


def confirm(index: Location) -> None:
    """Make what :func:`made` gives the index, if it is not yet."""
    if isinstance(index, Path):
        confirm_draft(index)


def kept_in(index: Location, manifest: Manifest) -> Iterator[Kept | Lost]:
    """Yield all that the index keeps, which may be damaged, each article and note once."""
    if isinstance(index, Remote):
        return remote.kept_in(index)
    return everything_kept(manifest.engine, index / manifest.data)


def writing_to(index: Location, wait: float = 0.0) -> AbstractContextManager[None]:
    """Keep other writers away where only one may write: from a folder.

    Raises what :func:`newsgrep.archive.lock.writing` does.
    """
    if isinstance(index, Remote):
        return nullcontext()
    from newsgrep.archive.lock import writing  # those who ask need no lock

    return writing(index, wait)


def has_index(index: Location) -> bool:
    """Return whether there is an index, whole or not."""
    if isinstance(index, Remote):
        return remote.has_index(index)
    return (index / MANIFEST).exists()


def make_room(index: Location) -> None:
    """Make the folder of an index; a server needs none.

    Raises :class:`InputError` if it holds something else, and :class:`IndexDamaged` if that
    is an index without a manifest.
    """
    if isinstance(index, Path):
        _make_folder(index)


def _make_folder(folder: Path) -> None:
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


def tidy_up(index: Location) -> list[str]:
    """Delete what a writer that died has left beside the index, and return what that was.

    For those who hold the lock only. On a server nothing lies beside an index.
    """
    return [] if isinstance(index, Remote) else _tidy_folder(index)


def _tidy_folder(folder: Path) -> list[str]:
    named = read_manifest(folder, any_analyser=True).data if has_index(folder) else ""
    left = [name for name in data_folders(folder) if name != named]
    for name in left:
        shutil.rmtree(folder / name, ignore_errors=True)
    # Last, for data without manifest or draft looks like an index that lost one.
    if (folder / DRAFT).exists() and (named or not data_folders(folder)):
        (folder / DRAFT).unlink()
        left.append(DRAFT)
    return left


def size_of(index: Location) -> int:
    """Return how many bytes the index takes; a file that two commits have takes them once."""
    if isinstance(index, Remote):
        return remote.size_of(index)
    found = (path.stat() for path in index.rglob("*") if path.is_file())
    return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())
