"""The default engine: a Whoosh index in a folder; no other package uses Whoosh.

Whoosh stores postings, columns and commits. Matching and ranking are decided in
:mod:`newsgrep.engines.postings_query`; no class of newsgrep is inside Whoosh's pickles.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import EngineSpec, LocationKind


def _open(folder: Path, create: bool) -> Engine:
    from newsgrep.engines.whoosh.engine import open_engine

    return open_engine(folder, create)


def _salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    from newsgrep.engines.whoosh.engine import salvage

    return salvage(folder)


def _rollback(folder: Path) -> None:
    from newsgrep.engines.whoosh.engine import rollback

    rollback(folder)


SPEC = EngineSpec(
    name="whoosh",
    location=LocationKind.FOLDER,
    open=_open,
    salvage=_salvage,
    rollback=_rollback,
)
