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
from newsgrep._io import sync
from newsgrep.analysis.fold import FOLD_VERSION, TABLES_EDITION
from newsgrep.analysis.scoring import SCORING_FINGERPRINT
from newsgrep.analysis.segment import DICTIONARY, SEGMENT_VERSION
from newsgrep.engines.registry import engine_names, is_on_server, stores_impacts
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing

INDEX_FORMAT: Final = 4
"""Raised whenever an older newsgrep could not read what this one writes."""

MANIFEST_FILE: Final = "newsgrep.json"

DRAFT_FILE: Final = f"{MANIFEST_FILE}.new"
"""Is there while an index is made for the first time, or rebuilt."""

_FOLDER_ENGINES: Final = [name for name in engine_names() if not is_on_server(name)]
_DATA_FOLDER: Final = re.compile(rf"({'|'.join(_FOLDER_ENGINES)})(-[0-9]+)?")


def fingerprint(engine_name: str) -> dict[str, Any]:
    """Return what decides which terms a text has, as recorded in an index.

    And how much they count, where an engine keeps that.
    """
    analyser = {
        "fold": FOLD_VERSION,
        "tables": TABLES_EDITION,
        "segment": SEGMENT_VERSION,
        "dictionary": DICTIONARY,
    }
    return analyser | {"levels": SCORING_FINGERPRINT} if stores_impacts(engine_name) else analyser


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
    return Manifest(engine_name, data, INDEX_FORMAT, fingerprint(engine_name), __version__)


def read_folder_manifest(folder: Path, *, any_analyser: bool = False) -> Manifest:
    """Return the manifest in ``folder``.

    Raises :class:`IndexMissing` where there is none, :class:`IndexDamaged` for one that
    makes no sense or is lost, and :class:`IndexMismatch` for an index that this newsgrep
    can't ask: one of another format or, without ``any_analyser``, of another analyser.
    """
    manifest = _load_manifest(folder)
    check_compatible(
        manifest, f"in {folder}", "delete the folder and index again", any_analyser=any_analyser
    )
    return manifest


def check_compatible(manifest: Manifest, where: str, cure: str, *, any_analyser: bool) -> None:
    """Raise :class:`IndexMismatch` for an index that this newsgrep can't ask.

    ``where`` is that index, in a sentence, and ``cure`` what gives it another format.
    """
    if manifest.format != INDEX_FORMAT:
        raise IndexMismatch(
            f"The index {where} was made by newsgrep {manifest.made_by} in a format that "
            f"this one ({__version__}) does not read: use that one, or {cure}."
        )
    if manifest.analyser != fingerprint(manifest.engine) and not any_analyser:
        raise IndexMismatch(
            f"The index {where} was made by newsgrep {manifest.made_by} with another "
            "analyser: bring it up to date with newsgrep reindex, which needs no other files."
        )


def parse_manifest(told: Mapping[str, Any]) -> Manifest:
    """Return the manifest in ``told``; raises :class:`KeyError` or others for what is none."""
    return Manifest(
        told["engine"],
        # Formats before the third had always this one.
        told.get("data", told["engine"]),
        told["format"],
        told["analyser"],
        told["made_by"],
    )


def _load_manifest(folder: Path) -> Manifest:
    try:
        manifest = parse_manifest(json.loads((folder / MANIFEST_FILE).read_text("utf-8")))
        if not isinstance(manifest.engine, str) or "/" in manifest.data or "\\" in manifest.data:
            raise ValueError("not a folder in the index")
    except (FileNotFoundError, NotADirectoryError) as exc:
        refuse_lost_manifest(folder)
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
            f"The index in {folder} is damaged ({MANIFEST_FILE} can't be read): newsgrep "
            "doctor --fix "
            "saves what is there, or delete the folder and index again."
        ) from exc
    return manifest


def data_folders(folder: Path) -> list[str]:
    """Return the names of the folders of data in the folder of an index, the oldest first."""
    names = [
        path.name
        for path in folder.iterdir()
        if _DATA_FOLDER.fullmatch(path.name) and path.is_dir()
    ]
    return sorted(names, key=lambda name: (len(name), name))


def refuse_lost_manifest(folder: Path) -> None:
    """Raise :class:`IndexDamaged` if there is an index in ``folder`` that has lost its manifest.

    A first run that was interrupted has lost nothing: it has left its draft.
    """
    try:
        present = {path.name for path in folder.iterdir()}
        is_bereft = not present & {MANIFEST_FILE, DRAFT_FILE} and bool(data_folders(folder))
    except OSError:
        return
    if is_bereft:
        raise IndexDamaged(
            f"The index in {folder} has lost its {MANIFEST_FILE}: newsgrep doctor --fix saves what "
            "is there, or delete the folder and index again."
        )


def write_draft(folder: Path, manifest: Manifest) -> None:
    """Write down what will be an index once :func:`confirm_draft` is called."""
    draft = folder / DRAFT_FILE
    draft.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    sync(draft)
    sync(folder)


def confirm_draft(folder: Path) -> None:
    """Make the index what the draft says, if there is one: from now on this is the index."""
    if not (folder / DRAFT_FILE).exists():
        return
    (folder / DRAFT_FILE).replace(folder / MANIFEST_FILE)
    for changed in (folder, folder.absolute().parent):
        sync(changed)


LOCK_FILE: Final = "newsgrep.lock"
"""Held by the process that writes."""

HOLDER_FILE: Final = "newsgrep.writer"
"""Says who that is; it means nothing while nobody holds the lock."""

SAVED_FILE: Final = "newsgrep.saved.json"
"""The saved queries."""

SAVED_LOCK_FILE: Final = "newsgrep.saved.lock"
"""Held while they are changed."""

SEEN_FOLDER: Final = "newsgrep.seen"
"""The folder of what ``newsgrep new`` has told of each saved query."""

OWN_FILES: Final = frozenset(
    {LOCK_FILE, HOLDER_FILE, SAVED_FILE, f"{SAVED_FILE}.new", SAVED_LOCK_FILE, SEEN_FOLDER}
)
"""What may lie where an index is made."""
