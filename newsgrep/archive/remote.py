"""An index on a server: asked, made, replaced, without a folder and its lock.

Several machines may write to one at once. The server itself sees to it that what it said it
has, it has; what an index is made of, its manifest tells as in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from newsgrep.archive.location import Remote
from newsgrep.archive.manifest import Manifest, manifest_of, new_manifest, refuse_other
from newsgrep.engines.base import Engine, Kept, Lost
from newsgrep.engines.server import server
from newsgrep.errors import IndexDamaged, IndexMissing


def read_manifest(index: Remote, *, any_analyser: bool = False) -> Manifest:
    """Return what the server keeps of how the index was made.

    Raises what :func:`newsgrep.archive.manifest.read_manifest` does, and what the server's
    engine says.
    """
    told = server(index.engine).manifest(index.url)
    if told is None:
        raise IndexMissing(
            f"There is no index at {index}: make one with “newsgrep index --index {index} PATH”, "
            "or name another with --index."
        )
    manifest = _parsed(told, index)
    cure = "make another there, under another name"
    refuse_other(manifest, f"at {index}", cure, any_analyser=any_analyser)
    return manifest


def _parsed(told: dict[str, Any], index: Remote) -> Manifest:
    try:
        manifest = manifest_of(told)
        if manifest.engine != index.engine:
            raise ValueError("of another engine")
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise IndexDamaged(
            f"What is at {index} does not say how newsgrep made it: take another name, or bring "
            "back a snapshot of the server."
        ) from exc
    return manifest


def has_index(index: Remote) -> bool:
    """Return whether there is an index."""
    return server(index.engine).manifest(index.url) is not None


def open_index(index: Remote) -> Engine:
    """Open the index for asking; raises what :func:`read_manifest` does."""
    read_manifest(index)
    return server(index.engine).open_engine(index.url, False)


def make_index(index: Remote) -> Engine:
    """Make an empty index, which is there from now on, and open it."""
    return server(index.engine).open_engine(index.url, True, _new_manifest(index))


def replaced(index: Remote) -> AbstractContextManager[Engine]:
    """Give an empty index that takes the place of the one there, if any, once that goes well."""
    return server(index.engine).replace(index.url, _new_manifest(index))


def kept_in(index: Remote) -> Iterator[Kept | Lost]:
    """Yield all that the server keeps of the index."""
    return server(index.engine).everything_kept(index.url)


def size_of(index: Remote) -> int:
    """Return how many bytes the index takes on the server."""
    return server(index.engine).size(index.url)


def _new_manifest(index: Remote) -> dict[str, object]:
    manifest = new_manifest(index.engine, "")
    return {
        "engine": manifest.engine,
        "format": manifest.format,
        "analyser": manifest.analyser,
        "made_by": manifest.made_by,
    }
