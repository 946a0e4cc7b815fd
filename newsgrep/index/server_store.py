"""An index on a server: asked, made, replaced, without a folder and its lock.

Several machines may write to one at once. The server itself sees to it that what it said it
has, it has; what an index is made of, its manifest tells as in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import server_operations
from newsgrep.errors import IndexDamaged, IndexMissing
from newsgrep.index.location import ServerIndex
from newsgrep.index.manifest import Manifest, check_compatible, new_manifest, parse_manifest


def read_server_manifest(index: ServerIndex, *, any_analyser: bool = False) -> Manifest:
    """Return what the server keeps of how the index was made.

    Raises what :func:`newsgrep.index.manifest.read_folder_manifest` does, and what the server's
    engine says.
    """
    told = server_operations(index.engine).manifest(index.url)
    if told is None:
        raise IndexMissing(
            f"There is no index at {index}: make one with “newsgrep index --index {index} PATH”, "
            "or name another with --index."
        )
    manifest = _parse_server_manifest(told, index)
    cure = "make another there, under another name"
    check_compatible(manifest, f"at {index}", cure, any_analyser=any_analyser)
    return manifest


def _parse_server_manifest(told: Mapping[str, Any], index: ServerIndex) -> Manifest:
    try:
        manifest = parse_manifest(told)
        if manifest.engine != index.engine:
            raise ValueError("of another engine")
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise IndexDamaged(
            f"What is at {index} does not say how newsgrep made it: take another name, or bring "
            "back a snapshot of the server."
        ) from exc
    return manifest


def server_index_exists(index: ServerIndex) -> bool:
    """Return whether there is an index."""
    return server_operations(index.engine).manifest(index.url) is not None


def open_server_index(index: ServerIndex) -> Engine:
    """Open the index for asking; raises what :func:`read_server_manifest` does."""
    read_server_manifest(index)
    opened = server_operations(index.engine).open(index.url)
    if opened is None:
        raise IndexMissing(f"There is no index at {index}.")
    return opened.engine


def create_server_index(index: ServerIndex) -> Engine:
    """Make an empty index, which is there from now on, and open it."""
    return server_operations(index.engine).create(index.url, _new_server_manifest(index))


def replace_server_index(index: ServerIndex) -> AbstractContextManager[Engine]:
    """Give an empty index that takes the place of the one there, if any, once that goes well."""
    return server_operations(index.engine).replace(index.url, _new_server_manifest(index))


def stored_on_server(index: ServerIndex) -> Iterator[Stored | Unreadable]:
    """Yield all that the server keeps of the index."""
    return server_operations(index.engine).salvage(index.url)


def server_index_size(index: ServerIndex) -> int:
    """Return how many bytes the index takes on the server."""
    return server_operations(index.engine).size(index.url)


def _new_server_manifest(index: ServerIndex) -> dict[str, object]:
    manifest = new_manifest(index.engine, "")
    return {
        "engine": manifest.engine,
        "format": manifest.format,
        "analyser": manifest.analyser,
        "made_by": manifest.made_by,
    }
