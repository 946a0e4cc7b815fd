"""The small file that says what an index is: its engine, its folder of data, its analyser.

An index made by another analyser is refused, for its terms would not be those of the query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from newsgrep import __version__
from newsgrep.disk import sync
from newsgrep.engines.base import engine_names, keeps_levels, lives_on_server
from newsgrep.engines.bm25 import LEVELS
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing
from newsgrep.text.fold import FOLD_VERSION, TABLES
from newsgrep.text.segment import DICTIONARY, SEGMENT_VERSION

FORMAT: Final = 4
"""Raised whenever an older newsgrep could not read what this one writes."""

MANIFEST: Final = "newsgrep.json"

DRAFT: Final = f"{MANIFEST}.new"
"""Is there while an index is made for the first time, or rebuilt."""

_IN_FOLDERS: Final = [name for name in engine_names() if not lives_on_server(name)]
_DATA: Final = re.compile(rf"({'|'.join(_IN_FOLDERS)})(-[0-9]+)?")


def fingerprint(engine_name: str) -> dict[str, Any]:
    """Return what decides which terms a text has, as recorded in an index.

    And how much they count, where an engine keeps that.
    """
    analyser = {
        "fold": FOLD_VERSION,
        "tables": TABLES,
        "segment": SEGMENT_VERSION,
        "dictionary": DICTIONARY,
    }
    return analyser | {"levels": LEVELS} if keeps_levels(engine_name) else analyser


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index says of itself; ``data`` is the folder in it that has the engine's files."""

    engine: str
    data: str
    format: int
    analyser: dict[str, Any]
    made_by: str


def new_manifest(engine_name: str, data: str) -> Manifest:
    """Return what an index says of itself that is made now."""
    return Manifest(engine_name, data, FORMAT, fingerprint(engine_name), __version__)


def read_manifest(folder: Path, *, any_analyser: bool = False) -> Manifest:
    """Return the manifest in ``folder``.

    Raises :class:`IndexMissing` where there is none, :class:`IndexDamaged` for one that
    makes no sense or is lost, and :class:`IndexMismatch` for an index that this newsgrep
    can't ask: one of another format or, without ``any_analyser``, of another analyser.
    """
    manifest = _parsed(folder)
    refuse_other(
        manifest, f"in {folder}", "delete the folder and index again", any_analyser=any_analyser
    )
    return manifest


def refuse_other(manifest: Manifest, where: str, cure: str, *, any_analyser: bool) -> None:
    """Raise :class:`IndexMismatch` for an index that this newsgrep can't ask.

    ``where`` is that index, in a sentence, and ``cure`` what gives it another format.
    """
    if manifest.format != FORMAT:
        raise IndexMismatch(
            f"The index {where} was made by newsgrep {manifest.made_by} in a format that "
            f"this one ({__version__}) does not read: use that one, or {cure}."
        )
    if manifest.analyser != fingerprint(manifest.engine) and not any_analyser:
        raise IndexMismatch(
            f"The index {where} was made by newsgrep {manifest.made_by} with another "
            "analyser: bring it up to date with newsgrep reindex, which needs no other files."
        )


def manifest_of(told: Mapping[str, Any]) -> Manifest:
    """Return the manifest in ``told``; raises :class:`KeyError` or others for what is none."""
    return Manifest(
        told["engine"],
        # Formats before the third had always this one.
        told.get("data", told["engine"]),
        told["format"],
        told["analyser"],
        told["made_by"],
    )


def _parsed(folder: Path) -> Manifest:
    try:
        manifest = manifest_of(json.loads((folder / MANIFEST).read_text("utf-8")))
        if not isinstance(manifest.engine, str) or "/" in manifest.data or "\\" in manifest.data:
            raise ValueError("not a folder in the index")
    except (FileNotFoundError, NotADirectoryError) as exc:
        refuse_bereft(folder)
        raise IndexMissing(
            f"There is no index in {folder}: make one with “newsgrep index PATH”, or name "
            "another with --index."
        ) from exc
    except PermissionError as exc:
        raise IndexMissing(
            f"The index in {folder} may not be read by you: ask its owner, or name another "
            "with --index."
        ) from exc
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise IndexDamaged(
            f"The index in {folder} is damaged ({MANIFEST} can't be read): newsgrep doctor --fix "
            "saves what is there, or delete the folder and index again."
        ) from exc
    return manifest


def data_folders(folder: Path) -> list[str]:
    """Return the names of the folders of data in the folder of an index, the oldest first."""
    names = [path.name for path in folder.iterdir() if _DATA.fullmatch(path.name) and path.is_dir()]
    return sorted(names, key=lambda name: (len(name), name))


def refuse_bereft(folder: Path) -> None:
    """Raise :class:`IndexDamaged` if there is an index in ``folder`` that has lost its manifest.

    A first run that was interrupted has lost nothing: it has left its draft.
    """
    try:
        present = {path.name for path in folder.iterdir()}
        is_bereft = not present & {MANIFEST, DRAFT} and bool(data_folders(folder))
    except OSError:
        return
    if is_bereft:
        raise IndexDamaged(
            f"The index in {folder} has lost its {MANIFEST}: newsgrep doctor --fix saves what is "
            "there, or delete the folder and index again."
        )


def write_draft(folder: Path, manifest: Manifest) -> None:
    """Write down what will be an index once :func:`confirm_draft` is called."""
    draft = folder / DRAFT
    draft.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    sync(draft)
    sync(folder)


def confirm_draft(folder: Path) -> None:
    """Make the index what the draft says, if there is one: from now on this is the index."""
    if not (folder / DRAFT).exists():
        return
    (folder / DRAFT).replace(folder / MANIFEST)
    for changed in (folder, folder.absolute().parent):
        sync(changed)
