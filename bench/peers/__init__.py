"""The peers, one module each; all of them appear in every report, if only as missing."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from bench.peers.base import Peer

_MODULES: Final = {
    "newsgrep": ("ours", "whoosh"),
    "newsgrep-tantivy": ("ours", "tantivy"),
    "newsgrep-opensearch": ("ours", "opensearch"),
    "recipe": ("recipe",),
    "recoll": ("recoll",),
    "fts5": ("fts5",),
    "ripgrep": ("ripgrep",),
}
"""For each peer its module, and the arguments of that module's ``make``."""
OURS: Final = {kind[0]: name for name, (_, *kind) in _MODULES.items() if kind}
"""The peers that are newsgrep itself, by their engines."""


def peer_names() -> tuple[str, ...]:
    """Return the names of all peers in the order of the report."""
    return tuple(_MODULES)


def make_peer(name: str) -> Peer:
    """Return a peer by its name; raises :class:`KeyError` for an unknown one."""
    module, *kind = _MODULES[name]
    return cast("Peer", import_module(f"bench.peers.{module}").make(*kind))
