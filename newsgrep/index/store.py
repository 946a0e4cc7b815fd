"""Opening the index that is there, and making one, in a folder or on a server.

Here the two are told apart. In a folder, a manifest names the engine and its folder of data;
what else a dead writer left is nobody's.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import open_engine, salvage
from newsgrep.errors import IndexProblem, IndexUntrusted, InputError
from newsgrep.index import manifest as manifests
from newsgrep.index import server_store
from newsgrep.index.location import Index, ServerIndex
from newsgrep.index.manifest import (
    DRAFT_FILE,
    MANIFEST_FILE,
    OWN_FILES,
    Manifest,
    confirm_draft,
    data_folders,
    new_manifest,
    refuse_lost_manifest,
    write_draft,
)

DEFAULT_ENGINE: Final = "whoosh"
"""The engine of an index, if nothing else is said."""

_IGNORED_FILES: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN_FILES}


def read_manifest(index: Index, *, any_analyser: bool = False) -> Manifest:
    """Return what the index says of itself, wherever it is.

    Raises what :func:`newsgrep.index.manifest.read_folder_manifest` does.
    """
    if isinstance(index, ServerIndex):
        return server_store.read_server_manifest(index, any_analyser=any_analyser)
    return manifests.read_folder_manifest(index, any_analyser=any_analyser)


@contextmanager
def open_index(index: Index, *, trust: bool = False) -> Iterator[Engine]:
    """Open the index for asking.

    Raises what :func:`read_manifest` does, and :class:`IndexUntrusted` for a folder that
    others may have written, unless there is ``trust``.
    """
    engine = (
        server_store.open_server_index(index)
        if isinstance(index, ServerIndex)
        else _open_folder(index, trust)
    )
    try:
        yield engine
    finally:
        engine.close()


def _open_folder(folder: Path, trust: bool) -> Engine:
    while True:
        manifest = read_manifest(folder)
        data = folder / manifest.data
        if not trust:
            refuse_untrusted(data)
        try:
            return open_engine(manifest.engine, data)
        except IndexProblem:
            # Rebuilt meanwhile, the index lies in another folder.
            if read_manifest(folder) == manifest:
                raise


@contextmanager
def create_index(
    index: Index, engine_name: str = DEFAULT_ENGINE, data: str = ""
) -> Iterator[Engine]:
    """Make an index, where :func:`ensure_folder` has been.

    Opens its engine, empty; in a folder on the data in ``data`` (else named after the
    engine). There is an index in the folder, in the place of any other, once
    :func:`confirm_index` is called: after the first commit, so that nobody finds one without. Left
    before that, nothing stays. On a server it is there at once.
    """
    if isinstance(index, ServerIndex):
        engine = server_store.create_server_index(index)
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
        if (index / DRAFT_FILE).exists():  # not confirmed
            shutil.rmtree(index / data, ignore_errors=True)
            with suppress(OSError):  # else the next writer does it
                (index / DRAFT_FILE).unlink()


@contextmanager
def replace_index(index: Index, engine_name: str) -> Iterator[Engine]:
    """Make an index beside the one that is there, if any, and open its engine, empty.

    It takes the other's place when this is left, unless by an error; then nothing of it stays.
    The other's data lies in the folder until :func:`remove_leftovers`. For those who hold the lock.
    """
    if isinstance(index, ServerIndex):
        with server_store.replace_server_index(index) as engine:
            yield engine
        return
    before = read_manifest(index, any_analyser=True) if index_exists(index) else None
    remove_leftovers(index)
    number = int(before.data.partition("-")[2] or 1) + 1 if before else 1
    data = engine_name if number == 1 else f"{engine_name}-{number}"
    with create_index(index, engine_name, data) as engine:
        yield engine
        confirm_index(index)


def confirm_index(index: Index) -> None:
    """Make what :func:`create_index` gives the index, if it is not yet."""
    if isinstance(index, Path):
        confirm_draft(index)


def stored_in(index: Index, manifest: Manifest) -> Iterator[Stored | Unreadable]:
    """Yield all that the index keeps, which may be damaged, each article and note once."""
    if isinstance(index, ServerIndex):
        return server_store.stored_on_server(index)
    return salvage(manifest.engine, index / manifest.data)


def lock_index(index: Index, wait: float = 0.0) -> AbstractContextManager[None]:
    """Keep other writers away where only one may write: from a folder.

    Raises what :func:`newsgrep.index.lock.write_lock` does.
    """
    if isinstance(index, ServerIndex):
        return nullcontext()
    from newsgrep.index.lock import write_lock  # those who ask need no lock

    return write_lock(index, wait)


def index_exists(index: Index) -> bool:
    """Return whether there is an index, whole or not."""
    if isinstance(index, ServerIndex):
        return server_store.server_index_exists(index)
    return (index / MANIFEST_FILE).exists()


def ensure_folder(index: Index) -> None:
    """Make the folder of an index; a server needs none.

    Raises :class:`InputError` if it holds something else, and :class:`IndexDamaged` if that
    is an index without a manifest.
    """
    if isinstance(index, Path):
        _make_folder(index)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {path.name for path in folder.iterdir()} - _IGNORED_FILES
    except (FileExistsError, NotADirectoryError) as exc:
        raise InputError(f"{folder} is a file: name a folder for the index.") from exc
    except OSError as exc:
        raise InputError(
            f"No index can be made in {folder} ({exc.strerror}): name another with --index."
        ) from exc
    refuse_lost_manifest(folder)
    # An interrupted first run leaves its draft, and data.
    if present - {DRAFT_FILE, *data_folders(folder)}:
        raise InputError(
            f"{folder} holds other files and no index: name an empty or new folder with --index."
        )


def remove_leftovers(index: Index) -> list[str]:
    """Delete what a writer that died has left beside the index, and return what that was.

    For those who hold the lock only. On a server nothing lies beside an index.
    """
    return [] if isinstance(index, ServerIndex) else _remove_folder_leftovers(index)


def _remove_folder_leftovers(folder: Path) -> list[str]:
    named = read_manifest(folder, any_analyser=True).data if index_exists(folder) else ""
    left = [name for name in data_folders(folder) if name != named]
    for name in left:
        shutil.rmtree(folder / name, ignore_errors=True)
    # Last, for data without manifest or draft looks like an index that lost one.
    if (folder / DRAFT_FILE).exists() and (named or not data_folders(folder)):
        (folder / DRAFT_FILE).unlink()
        left.append(DRAFT_FILE)
    return left


def index_size(index: Index) -> int:
    """Return how many bytes the index takes; a file that two commits have takes them once."""
    if isinstance(index, ServerIndex):
        return server_store.server_index_size(index)
    found = (path.stat() for path in index.rglob("*") if path.is_file())
    return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())


_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT_UID: Final = 0


def refuse_untrusted(data: Path) -> None:
    """Raise :class:`IndexUntrusted` if others own or may write to ``data``, or a file in it.

    The superuser is nobody's stranger. What is not there is somebody else's complaint.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  (Windows)
        return
    trusted = {os.geteuid(), _ROOT_UID}
    try:
        with os.scandir(data) as entries:
            paths = [str(data), *(entry.path for entry in entries)]
    except OSError:
        return
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a search waits for this)
        except FileNotFoundError:
            continue  # deleted by a writer, or a lock's link to nowhere
        if status.st_uid not in trusted:
            trouble = f"belongs to {_user_name(status.st_uid)}"
            cure = "make an index of your own"
        elif status.st_mode & _WRITABLE_BY_OTHERS:
            trouble = "can be changed by other users"
            cure = f"take that right from them (chmod -R go-w {data})"
        else:
            continue
        raise IndexUntrusted(
            f"{path} {trouble}, and opening an index can run code that is hidden in it: if you "
            f"trust everyone who could write there, say --trust, or {cure}."
        )


def _user_name(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
