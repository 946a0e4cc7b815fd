"""The subfolders of an index with engines' data: created, identified, deleted, and adopted.

A data folder appears with a copy of its manifest in it, which says what it is. A folder with
neither that nor articles of an older format is not newsgrep's, whatever its name is, and is never
deleted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from newsgrep._io import replace_file, sync, write_new
from newsgrep.engines.base import Stored
from newsgrep.engines.registry import (
    declared_engines,
    engine_names,
    is_on_server,
    open_engine,
    salvage,
)
from newsgrep.errors import IndexDamaged, IndexProblem, NewsgrepError, UsageError
from newsgrep.indexing.manifest import (
    DATA_FILE,
    DATA_FOLDER,
    LAST_WITHOUT_CHECKSUM,
    MANIFEST_FILE,
    RESTORED_FILE,
    Manifest,
    pack_manifest,
    read_data_file,
    read_draft,
)
from newsgrep.messages import message

PREVIEW: Final = "preview."
"""The beginning of the names of folders with links to the files of the previous commit."""

_UNFINISHED: Final = ".new"
"""The ending of a folder in which the copy of the manifest is being written, or deleted."""


def new_name(folder: Path, engine_name: str) -> str:
    """Return the name of the next data folder: that of the engine, and a higher number."""
    if not DATA_FOLDER.fullmatch(engine_name):
        raise UsageError(
            "The engine “{engine_name}” can't store an index in a folder, because of its name: "
            "choose another one with --engine.",
            engine_name=engine_name,
        )
    last = max((_number(name) for name in _names(folder)), default=0)
    names = (engine_name if n == 1 else f"{engine_name}-{n}" for n in count(last + 1))
    return next(name for name in names if not os.path.lexists(folder / name))


def create_data_folder(folder: Path, manifest: Manifest) -> Path:
    """Create the data folder of ``manifest``, with a copy of it; both are on the disk."""
    data = folder / manifest.data
    draft = folder / f"{manifest.data}{_UNFINISHED}"
    _delete_unfinished(draft)
    draft.mkdir()
    try:
        mark_data_folder(draft, manifest)
        draft.rename(data)
    except OSError:
        _delete_unfinished(draft)
        raise
    sync(folder)
    return data


def mark_data_folder(data: Path, manifest: Manifest) -> None:
    """Write ``manifest`` into the folder ``data``."""
    write_new(data / DATA_FILE, pack_manifest(manifest))
    sync(data)


def data_folders(folder: Path) -> list[str]:
    """Return the names of the subfolders with engines' data in an index, the oldest first.

    Such a folder contains a copy of its manifest, or articles.
    """
    names = _names(folder)
    return [name for name in names if _stored_manifest(folder, name) or _has_articles(folder, name)]


def leftover_folders(folder: Path, current: Manifest) -> list[str]:
    """Return the names of folders to delete, of an index whose ``current`` data was opened."""
    names = [name for name in _names(folder) if name != current.data]
    return [name for name in names if _is_identified(folder, name)] + unfinished_folders(folder)


def unconfirmed_folders(folder: Path, current: Manifest | None) -> list[str]:
    """Return the names of folders to delete that a killed run has not made the index.

    These are the data that its draft names, and unfinished folders. ``current`` is the manifest.
    """
    draft, names = read_draft(folder), unfinished_folders(folder)
    if draft and draft != current and draft == _stored_manifest(folder, draft.data):
        names.append(draft.data)
    return names


def unfinished_folders(folder: Path) -> list[str]:
    """Return the names of folders that a killed process was about to fill or to delete.

    They were about to become data folders, or have links to the files of the previous commit.
    """
    with os.scandir(folder) as entries:
        return [
            each.name
            for each in entries
            if each.is_dir(follow_symlinks=False)
            and _is_unfinished(each.name, os.listdir(each.path))  # noqa: PTH208  (a few names)
        ]


def _is_unfinished(name: str, content: Sequence[str]) -> bool:
    if name.startswith(PREVIEW):
        return not content or DATA_FILE in content
    data = name.removesuffix(_UNFINISHED)
    is_named = data != name and DATA_FOLDER.fullmatch(data) is not None
    return is_named and set(content) <= {DATA_FILE}


def delete_data_folders(folder: Path, names: Iterable[str]) -> list[str]:
    """Delete folders that one of the functions above has named for that.

    Returns the names of those that are gone; others can't be deleted now. The copy of the manifest
    is deleted last, when the folder has another name, and written before if there is none, so
    that a folder of which a part is left can be identified.
    """
    return [name for name in names if _delete(folder / name)]


def _delete(data: Path) -> bool:
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
    with suppress(OSError):
        if DATA_FOLDER.fullmatch(data.name) and not (data / DATA_FILE).exists():
            mark_data_folder(data, _unknown_manifest(data.name)._replace(id="unknown"))
        if os.open in os.supports_dir_fd:
            descriptor = os.open(data, flags)
            try:
                _empty(descriptor)
            finally:
                os.close(descriptor)
        else:
            _empty_by_name(data)
        sync(data)  # without this, a loss of power could spare what is not identified any more
        if DATA_FOLDER.fullmatch(data.name):
            # An empty folder of this name could be anyone's; one of the other name is deleted.
            data = data.rename(data.with_name(data.name + _UNFINISHED))
            sync(data.parent)
        (data / DATA_FILE).unlink(missing_ok=True)
        data.rmdir()
        sync(data.parent)
        return True
    return False


def _empty(descriptor: int) -> None:
    """Delete what is in an open folder but the copy of the manifest; no link is followed."""
    with os.scandir(descriptor) as entries:
        found = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
    for name, is_folder in found:
        if name == DATA_FILE and not is_folder:
            continue
        if is_folder:
            shutil.rmtree(name, dir_fd=descriptor)
        else:
            os.unlink(name, dir_fd=descriptor)


def _empty_by_name(data: Path) -> None:
    """Do what :func:`_empty` does on Windows, where no folder can be opened.

    What a reader has open can't be deleted there, which raises ``OSError`` at the end.
    """
    problem: OSError | None = None
    with os.scandir(data) as entries:
        found = [(Path(each.path), each.is_dir(follow_symlinks=False)) for each in entries]
    for path, is_folder in found:
        if path.name == DATA_FILE and not is_folder:
            continue
        try:
            if is_folder:
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as exc:
            problem = exc
    if problem:
        raise problem


def _delete_unfinished(draft: Path) -> None:
    if draft.is_symlink():
        return  # not ours: what it leads to is left alone
    with suppress(FileNotFoundError):
        (draft / DATA_FILE).unlink(missing_ok=True)
        draft.rmdir()  # fails if anything else is in it


def _names(folder: Path) -> list[str]:
    """Return the names of folders that may be data folders, the oldest first."""
    with os.scandir(folder) as entries:
        found = [
            match
            for each in entries
            if (match := DATA_FOLDER.fullmatch(each.name)) and each.is_dir(follow_symlinks=False)
        ]
    known = {name for name in engine_names() if not is_on_server(name)}
    if any(match["engine"] not in known for match in found):
        known |= declared_engines().keys()
    names = [match[0] for match in found if match["engine"] in known]
    return sorted(names, key=lambda name: (_number(name), name))


def _number(name: str) -> int:
    match = DATA_FOLDER.fullmatch(name)
    return int((match and match["number"]) or 1)


def _is_identified(folder: Path, name: str) -> bool:
    """Return whether a folder is certainly data of this index.

    A folder that was copied by hand has the copy of another name's manifest.
    """
    if os.path.lexists(folder / name / DATA_FILE):
        return _stored_manifest(folder, name) is not None
    return _has_articles(folder, name)


def _stored_manifest(folder: Path, name: str) -> Manifest | None:
    """Return the manifest in a data folder; ``None`` if it is missing, invalid or another's."""
    with suppress(ValueError, FileNotFoundError, NotADirectoryError):
        manifest = read_data_file(folder / name)
        if manifest.data == name:
            return manifest
    return None


def _has_articles(folder: Path, name: str) -> bool:
    with suppress(NewsgrepError, FileNotFoundError, NotADirectoryError):
        stored = salvage(name.partition("-")[0], folder / name)
        return any(isinstance(item, Stored) for item in stored)
    return False


# Restoring a manifest


def adopt_data(folder: Path, current: Manifest | None) -> str | None:
    """Make the manifest and the data in ``folder`` agree, and return what was restored.

    ``current`` is the manifest, ``None`` if it is lost or damaged. Returns the name of the file
    that was written, ``None`` if they agree. Raises :class:`IndexDamaged` if there is no data
    from which an article can be read.
    """
    data = current and _stored_manifest(folder, current.data)
    if current and (data == current or not current.id):
        return None
    if current and data is None and _is_data_of(folder, current):
        mark_data_folder(folder / current.data, current)
        return f"{current.data}/{DATA_FILE}"
    restored = folder / RESTORED_FILE  # not a draft, which would name unconfirmed data
    write_new(restored, pack_manifest(data or _best_manifest(folder)))
    try:
        replace_file(restored, folder / MANIFEST_FILE)
    except OSError:  # a folder has its name
        with suppress(OSError):
            restored.unlink()
        raise
    sync(folder)
    return MANIFEST_FILE


def _best_manifest(folder: Path) -> Manifest:
    """Return the manifest of the newest data folder that can be opened, else of one with articles.

    What an interrupted run was building is used if there is nothing else.
    """
    draft = read_draft(folder)
    names = _names(folder)[::-1]
    names.sort(key=lambda name: bool(draft and draft.data == name))
    found = list(filter(None, (_stored_manifest(folder, name) for name in names)))
    for manifest in found:
        if _is_readable(folder, manifest):
            return manifest
    known = {manifest.data: manifest for manifest in found}
    for name in names:
        if _has_articles(folder, name):
            return known.get(name) or _unknown_manifest(name)
    raise IndexDamaged(
        "Nothing can be restored in {folder}, because no article can be read from the data in it: "
        "delete the folder and index again.",
        folder=folder,
    )


def _is_data_of(folder: Path, manifest: Manifest) -> bool:
    return _is_readable(folder, manifest) or _has_articles(folder, manifest.data)


def _is_readable(folder: Path, manifest: Manifest) -> bool:
    with suppress(IndexProblem, NotADirectoryError):
        open_engine(manifest.engine, folder / manifest.data).close()
        return True
    return False


def _unknown_manifest(name: str) -> Manifest:
    """Return a manifest for data of an older format: it must be rebuilt."""
    engine = name.partition("-")[0]
    return Manifest(engine, name, LAST_WITHOUT_CHECKSUM, {}, message("an unknown version"))
