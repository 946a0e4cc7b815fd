"""Where an index lies, what made it, and whether this newsgrep may ask it.

A small manifest beside the engine's data names the engine and the analyser; an index
made by another analyser is refused, for its terms would not be those of the query.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from newsgrep import __version__
from newsgrep.archive.names import HOLDER, LOCK
from newsgrep.disk import sync
from newsgrep.engines.base import Engine, open_engine
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing, InputError
from newsgrep.text.fold import FOLD_VERSION, TABLES
from newsgrep.text.segment import DICTIONARY, SEGMENT_VERSION

FORMAT: Final = 3
"""Raised whenever an older newsgrep could not read what this one writes."""

MANIFEST: Final = "newsgrep.json"
ENGINE: Final = "whoosh"
"""The engine of an index, if nothing else is said."""

_IGNORED: Final = {".gitkeep", ".gitignore", ".DS_Store", LOCK, HOLDER}


def fingerprint() -> dict[str, Any]:
    """Return what decides which terms a text has, as recorded in an index."""
    return {
        "fold": FOLD_VERSION,
        "tables": TABLES,
        "segment": SEGMENT_VERSION,
        "dictionary": DICTIONARY,
    }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index says of itself."""

    engine: str
    format: int
    analyser: dict[str, Any]
    made_by: str


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in ``folder``.

    Raises :class:`IndexMissing` where there is none, :class:`IndexDamaged` for one that
    makes no sense, and :class:`IndexMismatch` for an index that this newsgrep can't ask.
    """
    try:
        told = json.loads((folder / MANIFEST).read_text("utf-8"))
        manifest = Manifest(told["engine"], told["format"], told["analyser"], told["made_by"])
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise IndexMissing(
            f"There is no index in {folder}: make one with “newsgrep index PATH”, or name "
            "another with --index."
        ) from exc
    except PermissionError as exc:
        raise IndexMissing(
            f"The index in {folder} may not be read by you: ask its owner, or name another "
            "with --index."
        ) from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise IndexDamaged(
            f"The index in {folder} is damaged ({MANIFEST} can't be read): delete the folder "
            "and index again."
        ) from exc
    if manifest.format != FORMAT or manifest.analyser != fingerprint():
        raise IndexMismatch(
            f"The index in {folder} was made by newsgrep {manifest.made_by} with another "
            "analyser or format: delete the folder and index again."
        )
    return manifest


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """Open the index in ``folder`` for asking; raises what :func:`read_manifest` does."""
    manifest = read_manifest(folder)
    engine = open_engine(manifest.engine, folder / manifest.engine)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def made(folder: Path, engine_name: str = ENGINE) -> Iterator[Engine]:
    """Make an index in ``folder``, where :func:`make_room` has been.

    Opens its engine, empty; there is an index once the context is left without error.
    """
    engine = open_engine(engine_name, folder / engine_name, create=True)
    try:
        told = {
            "engine": engine_name,
            "format": FORMAT,
            "analyser": fingerprint(),
            "made_by": __version__,
        }
        yield engine
        # Only now, so that nobody finds an index without its first commit.
        _write_manifest(folder, told)
    finally:
        engine.close()


def _write_manifest(folder: Path, told: Mapping[str, Any]) -> None:
    # Last, and by renaming: a folder with a manifest always has an index beside it.
    draft = folder / f"{MANIFEST}.new"
    draft.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    sync(draft)
    draft.replace(folder / MANIFEST)
    for changed in (folder, folder.absolute().parent):
        sync(changed)


def has_index(folder: Path) -> bool:
    """Return whether there is an index in ``folder``, whole or not."""
    return (folder / MANIFEST).exists()


def make_room(folder: Path, engine_name: str = ENGINE) -> None:
    """Make the folder of an index; raises :class:`InputError` if it holds something else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {path.name for path in folder.iterdir()} - _IGNORED
    except (FileExistsError, NotADirectoryError) as exc:
        raise InputError(f"{folder} is a file: name a folder for the index.") from exc
    except OSError as exc:
        raise InputError(
            f"No index can be made in {folder} ({exc.strerror}): name another with --index."
        ) from exc
    # An interrupted first run leaves the engine's folder without a manifest.
    if present - {engine_name, f"{MANIFEST}.new"}:
        raise InputError(
            f"{folder} holds other files and no index: name an empty or new folder with --index."
        )


def size_of(folder: Path) -> int:
    """Return how many bytes the index in ``folder`` takes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
