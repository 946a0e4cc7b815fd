"""The manifest: a small file that describes an index, and the names of files beside it.

It names the engine, the subfolder with the engine's data, and the fingerprint of the analysis.
An index made by another analysis is refused, because its terms are not those of the query.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from newsgrep import __version__
from newsgrep._io import sync
from newsgrep.analysis.fold import FOLD_VERSION, TABLES_EDITION
from newsgrep.analysis.scoring import SCORING_FINGERPRINT
from newsgrep.analysis.segment import DICTIONARY, SEGMENT_VERSION
from newsgrep.engines.registry import (
    declared_engines,
    engine_names,
    is_on_server,
    stores_impacts,
)
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing

INDEX_FORMAT: Final = 6
"""Increased whenever an older newsgrep can't read what this one writes."""

REBUILDABLE_FORMATS: Final = frozenset({4, 5, INDEX_FORMAT})
"""Formats from whose stored articles an index can be rebuilt without the files."""

MANIFEST_FILE: Final = "newsgrep.json"

DRAFT_FILE: Final = f"{MANIFEST_FILE}.new"
"""The next manifest, while an index is created or rebuilt."""

LOCK_FILE: Final = "newsgrep.lock"
"""Locked by the process that writes."""

HOLDER_FILE: Final = "newsgrep.writer"
"""Describes that process. It means nothing while nobody has the lock."""

SAVED_FILE: Final = "newsgrep.saved.json"
"""The saved queries."""

SAVED_LOCK_FILE: Final = "newsgrep.saved.lock"
"""Locked while they are changed."""

SEEN_FOLDER: Final = "newsgrep.seen"
"""The folder of what ``newsgrep new`` has shown for each saved query."""

OWN_FILES: Final = frozenset(
    {LOCK_FILE, HOLDER_FILE, SAVED_FILE, f"{SAVED_FILE}.new", SAVED_LOCK_FILE, SEEN_FOLDER}
)
"""Files of newsgrep that may be in a folder before an index is created there."""

_DATA_FOLDER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(-[0-9]+)?")
"""The name of an engine; the number counts rebuilds."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A description of an index.

    ``data`` is the subfolder with the engine's files, empty for an index on a server.
    ``format`` is :data:`INDEX_FORMAT` when it was created, ``analyser`` the
    :func:`fingerprint`, and ``made_by`` the version of newsgrep.
    """

    engine: str
    data: str
    format: int
    analyser: dict[str, Any]
    made_by: str


class ManifestVersion(NamedTuple):
    """What differs between two manifests that were put in one place: that file's identity."""

    inode: int
    mtime_ns: int
    size: int


def fingerprint(engine_name: str) -> dict[str, Any]:
    """Return what decides which terms a text has, as stored in a manifest.

    If the engine stores impacts, it also contains what decides them.
    """
    analyser = {
        "fold": FOLD_VERSION,
        "tables": TABLES_EDITION,
        "segment": SEGMENT_VERSION,
        "dictionary": DICTIONARY,
    }
    return analyser | {"impacts": SCORING_FINGERPRINT} if stores_impacts(engine_name) else analyser


def new_manifest(engine_name: str, data: str) -> Manifest:
    """Return the manifest of an index that is created now."""
    return Manifest(engine_name, data, INDEX_FORMAT, fingerprint(engine_name), __version__)


def parse_manifest(stored: Mapping[str, Any]) -> Manifest:
    """Return the manifest that ``stored`` describes.

    Raises :class:`KeyError`, :class:`TypeError` or :class:`AttributeError` for other contents.
    """
    return Manifest(
        stored["engine"],
        # Formats 1 and 2 had no other engine.
        stored.get("data", stored["engine"]),
        stored["format"],
        stored["analyser"],
        stored["made_by"],
    )


def load_manifest(folder: Path) -> tuple[Manifest, ManifestVersion] | None:
    """Return the manifest in ``folder``, ``None`` if there is none.

    Raises :class:`IndexMissing` if it may not be read, and :class:`IndexDamaged` if its
    contents are invalid.
    """
    try:
        with (folder / MANIFEST_FILE).open(encoding="utf-8") as stream:
            version = _version(os.fstat(stream.fileno()))
            manifest = parse_manifest(json.load(stream))
        if not isinstance(manifest.engine, str) or "/" in manifest.data or "\\" in manifest.data:
            raise ValueError("not a folder in the index")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as exc:
        raise IndexMissing(
            f"You may not read the index in {folder}: ask its owner, or name another index with "
            "--index."
        ) from exc
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise IndexDamaged(
            f"The index in {folder} is damaged ({MANIFEST_FILE} can't be read): newsgrep doctor "
            "--fix saves what can be read, or delete the folder and index again."
        ) from exc
    return manifest, version


def manifest_version(folder: Path) -> ManifestVersion | None:
    """Return the version of the manifest in ``folder`` without reading it; ``None`` if absent."""
    try:
        return _version((folder / MANIFEST_FILE).stat())
    except OSError:
        return None


def _version(status: os.stat_result) -> ManifestVersion:
    return ManifestVersion(status.st_ino, status.st_mtime_ns, status.st_size)


def check_compatible(manifest: Manifest, where: str, remedy: str, *, any_analyser: bool) -> None:
    """Raise :class:`IndexMismatch` for an index that this newsgrep can't search.

    ``any_analyser`` allows an index to be rebuilt: its terms may be others, and its format one of
    :data:`REBUILDABLE_FORMATS`. The message says ``where`` the index is, and what the ``remedy``
    for any other format is.
    """
    if manifest.format not in REBUILDABLE_FORMATS:
        raise IndexMismatch(
            f"The index {where} was created by newsgrep {manifest.made_by} in a format that "
            f"this version ({__version__}) can't read: use that version, or {remedy}."
        )
    if any_analyser:
        return
    if manifest.format != INDEX_FORMAT:
        raise IndexMismatch(
            f"The index {where} was created by newsgrep {manifest.made_by} in format "
            f"{manifest.format}, and this version ({__version__}) searches format {INDEX_FORMAT}: "
            "rebuild it with newsgrep reindex, which needs no other files."
        )
    if manifest.analyser != fingerprint(manifest.engine):
        raise IndexMismatch(
            f"The index {where} was created by newsgrep {manifest.made_by} with another "
            "analyser: rebuild it with newsgrep reindex, which needs no other files."
        )


def data_folders(folder: Path) -> list[str]:
    """Return the names of the subfolders with engines' data in an index, the oldest first."""
    found = [
        match
        for path in folder.iterdir()
        if (match := _DATA_FOLDER.fullmatch(path.name)) and path.is_dir()
    ]
    known = {name for name in engine_names() if not is_on_server(name)}
    if any(match[1] not in known for match in found):
        known |= declared_engines().keys()
    names = [match[0] for match in found if match[1] in known]
    return sorted(names, key=lambda name: (len(name), name))


def refuse_lost_manifest(folder: Path) -> None:
    """Raise :class:`IndexDamaged` if ``folder`` contains an index without its manifest.

    A first run that was interrupted leaves its draft, so that nothing is lost.
    """
    try:
        present = {path.name for path in folder.iterdir()}
        is_lost = not present & {MANIFEST_FILE, DRAFT_FILE} and bool(data_folders(folder))
    except OSError:
        return
    if is_lost:
        raise IndexDamaged(
            f"The index in {folder} has lost its {MANIFEST_FILE}: newsgrep doctor --fix saves "
            "what can be read, or delete the folder and index again."
        )


def write_draft(folder: Path, manifest: Manifest) -> None:
    """Write the manifest that :func:`confirm_draft` will put in place; it is on the disk."""
    draft = folder / DRAFT_FILE
    draft.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    sync(draft)
    sync(folder)


def confirm_draft(folder: Path) -> None:
    """Put the draft, if there is one, in place of the manifest: this switches the index."""
    if not (folder / DRAFT_FILE).exists():
        return
    (folder / DRAFT_FILE).replace(folder / MANIFEST_FILE)
    for changed in (folder, folder.absolute().parent):
        sync(changed)
