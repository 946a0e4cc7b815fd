"""The default engine: a Whoosh index in a folder; no other package uses Whoosh.

Whoosh writes the segments, which its own readers open. Matching and ranking are decided in
:mod:`newsgrep.engines.postings_query`, commits are those of :mod:`newsgrep.engines.commits`, and
nothing that is read can run code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.engines.registry import EngineSpec, LocationKind


def _open(folder: Path, create: bool) -> Engine:
    from newsgrep.engines.whoosh.engine import open_engine

    return open_engine(folder, create)


def _salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    from newsgrep.engines.whoosh.recovery import salvage

    return salvage(folder)


def _rollback(folder: Path) -> RolledBack:
    from newsgrep.engines.whoosh.engine import rollback

    return rollback(folder)


SPEC = EngineSpec(
    name="whoosh",
    location=LocationKind.FOLDER,
    open=_open,
    salvage=_salvage,
    rollback=_rollback,
)
