"""The engine for one large machine: a tantivy index in a folder.

tantivy evaluates whole queries, lowered by :mod:`newsgrep.engines.engine_query`. No other
package of newsgrep imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.engines.registry import EngineSpec, LocationKind


def _open(folder: Path, create: bool) -> Engine:
    from newsgrep.engines.tantivy.engine import open_engine

    return open_engine(folder, create)


def _salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    from newsgrep.engines.tantivy.recovery import salvage

    return salvage(folder)


def _rollback(folder: Path) -> RolledBack:
    from newsgrep.engines.tantivy.engine import rollback

    return rollback(folder)


SPEC = EngineSpec(
    name="tantivy",
    location=LocationKind.FOLDER,
    open=_open,
    salvage=_salvage,
    rollback=_rollback,
    requires="tantivy",
    extra="tantivy",
    stores_impacts=True,
)
