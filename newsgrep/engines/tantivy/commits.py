"""The files of an index: which a commit has, the commit before it, what a dead writer left.

Files of segments are written once, so the commit before is kept as links to its files.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from newsgrep._io import sync
from newsgrep.errors import IndexDamaged, UsageError

META: Final = "meta.json"
"""Says which segments the last commit has; put in its place at once by tantivy."""

MANAGED: Final = ".managed.json"
PREVIOUS: Final = "before"
_RETAINED: Final = "before.new"
_SEGMENT_SUFFIXES: Final = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_DELETES_SUFFIX: Final = ".del"
_OWN_NAMES: Final = {META, MANAGED, PREVIOUS, ".tantivy-meta.lock", ".tantivy-writer.lock"}

REMEDY: Final = (
    "newsgrep doctor --fix saves what can be read, newsgrep doctor --rollback goes back to the "
    "commit before, or delete the folder and index again"
)


def read_meta(folder: Path) -> bytes:
    """Return what the last commit says of itself; raises :class:`IndexDamaged`."""
    try:
        return (folder / META).read_bytes()
    except OSError as exc:
        raise IndexDamaged(
            f"The index in {folder} has lost its {META}, or it can't be read "
            f"({exc.strerror}): {REMEDY}."
        ) from exc


def commit_number(folder: Path) -> int:
    """Return a number that tells the last commit from all others, 0 for an index just made."""
    meta = _parse_meta(folder)
    names = "".join(sorted(_segment_names(meta)))
    opstamp: int = meta["opstamp"]
    return opstamp << 32 | crc32(names.encode()) if names or opstamp else 0


def commit_files(folder: Path) -> list[Path]:
    """Return the files of the last commit but :data:`META`.

    What a segment of it has lost in a commit that does not count any more is not of them.
    """
    meta = _parse_meta(folder)
    segments, deletes = (
        _segment_names(meta),
        set(filter(None, map(_deletes_file, meta["segments"]))),
    )
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.split(".")[0] in segments
        and (path.suffix != _DELETES_SUFFIX or path.name in deletes)
    )


def missing_files(folder: Path) -> list[str]:
    """Return the names of files that the last commit should have and has not."""
    there = {path.name for path in folder.iterdir()}
    wanted = []
    for segment in _parse_meta(folder)["segments"]:
        name = segment["segment_id"].replace("-", "")
        wanted += [f"{name}.{part}" for part in _SEGMENT_SUFFIXES]
        wanted += filter(None, [_deletes_file(segment)])
    return sorted(set(wanted) - there)


def single_segment_metas(folder: Path) -> dict[str, bytes]:
    """Return for each segment what a commit would say of itself that had no other."""
    meta = _parse_meta(folder)
    return {
        segment["segment_id"].replace("-", ""): json.dumps(meta | {"segments": [segment]}).encode()
        for segment in meta["segments"]
    }


def _parse_meta(folder: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(read_meta(folder))
        _segment_names(meta)
        if not isinstance(meta["opstamp"], int):
            raise TypeError("no number")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise IndexDamaged(f"The index in {folder} is damaged ({META}): {REMEDY}.") from exc
    return meta


def _segment_names(meta: dict[str, Any]) -> set[str]:
    """Return the names that the files of each segment begin with."""
    return {segment["segment_id"].replace("-", "") for segment in meta["segments"]}


def _deletes_file(segment: dict[str, Any]) -> str | None:
    """Return the name of the file that tells which documents of a segment are deleted."""
    if not segment["deletes"]:
        return None
    name = segment["segment_id"].replace("-", "")
    return f"{name}.{segment['deletes']['opstamp']}{_DELETES_SUFFIX}"


def retain_commit(folder: Path) -> None:
    """Link the files of the last commit, for it will be the one before."""
    aside = folder / _RETAINED
    shutil.rmtree(aside, ignore_errors=True)
    if not commit_number(folder):
        return  # the empty index that every one begins with is no commit of anybody's
    aside.mkdir()
    for path in commit_files(folder):
        os.link(path, aside / path.name)
    (aside / META).write_bytes(read_meta(folder))
    _write_managed_list(aside, {path.name for path in commit_files(aside)})
    sync(aside / META)
    sync(aside)


def promote_retained(folder: Path) -> None:
    """After a commit, make what :func:`retain_commit` linked the commit before it.

    Where there was none, because the writer died, the links are thrown away.
    """
    aside = folder / _RETAINED
    if not (aside / META).exists() or (aside / META).read_bytes() == read_meta(folder):
        shutil.rmtree(aside, ignore_errors=True)
        return
    shutil.rmtree(folder / PREVIOUS, ignore_errors=True)
    aside.rename(folder / PREVIOUS)
    sync(folder)


def leftovers(folder: Path) -> list[str]:
    """Return the names of files that neither of the two commits has."""
    named = {path.name for path in commit_files(folder)} | _OWN_NAMES
    return sorted(path.name for path in folder.iterdir() if path.name not in named)


def delete_files(folder: Path, names: list[str]) -> None:
    """Delete these files and folders; for those who hold tantivy's lock only."""
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    _write_managed_list(folder, {path.name for path in commit_files(folder)})


def rollback(folder: Path) -> None:
    """Drop the last commit of the index in ``folder``, whether it can be read or not.

    For those who hold the lock of the archive. Raises :class:`UsageError` where there is no
    commit before.
    """
    before = folder / PREVIOUS
    if not (before / META).exists():
        raise UsageError(f"The index in {folder} has no commit to go back to: only one is kept.")
    for path in commit_files(before):
        # What is there by this name may be what is damaged.
        (folder / path.name).unlink(missing_ok=True)
        os.link(path, folder / path.name)
    again = folder / f"{META}.again"
    again.write_bytes(read_meta(before))
    sync(again)
    sync(folder)
    again.replace(folder / META)
    sync(folder)
    shutil.rmtree(before)
    delete_files(folder, leftovers(folder))


def _write_managed_list(folder: Path, names: set[str]) -> None:
    """Tell tantivy which files are its own, to be deleted once no commit has them."""
    told = folder / f"{MANAGED}.new"
    told.write_text(json.dumps([*sorted(names), META]), "utf-8")
    told.replace(folder / MANAGED)
