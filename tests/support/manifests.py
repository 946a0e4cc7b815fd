"""Manifests that an index might have: of an older newsgrep, of another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsgrep.indexing.manifest import (
    DATA_FILE,
    MANIFEST_FILE,
    Manifest,
    pack_manifest,
    unpack_manifest,
)


def read_manifest(index: Path) -> Manifest:
    """Return the manifest of the index in a folder."""
    return unpack_manifest((index / MANIFEST_FILE).read_bytes())


def change_manifest(index: Path, **changes: Any) -> None:
    """Change fields of the manifest, also in the data; if ``data`` changes, the folder moves."""
    old = read_manifest(index)
    new = old._replace(**changes)
    if old.data != new.data:
        (index / old.data).rename(index / new.data)
    for path in (index / MANIFEST_FILE, index / new.data / DATA_FILE):
        path.write_bytes(pack_manifest(new))
