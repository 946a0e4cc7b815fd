"""What an engine does whose data lies on a server, beyond the seam: making, replacing, telling.

There is no folder that newsgrep could look into, so the room of such an engine answers for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, cast

from newsgrep.engines.base import Engine, Stored, Unreadable, load_engine


class ServerOperations(Protocol):
    """The room of an engine on servers; an index there is named by its address.

    Everything raises :class:`ServerProblem` where the server does not answer, or not as it
    should, and :class:`IndexDamaged` where what it keeps can't be read.
    """

    def manifest(self, url: str) -> dict[str, object] | None:
        """Return what was stored when the index was made, ``None`` where there is none."""

    def open_engine(
        self, url: str, create: bool, manifest: dict[str, object] | None = None
    ) -> Engine:
        """Open the index; with ``create`` make it, and store ``manifest`` with it."""

    def replace(self, url: str, manifest: dict[str, object]) -> AbstractContextManager[Engine]:
        """Give an empty index, which takes the place of the one there, if any, if all goes well.

        Leaving it with an error takes it away again, and the one there stays. Raises
        :class:`ServerProblem` where somebody else writes to that one meanwhile.
        """

    def salvage(self, url: str) -> Iterator[Stored | Unreadable]:
        """Yield all that is stored, each article and note once, and what can't be read of it."""

    def size(self, url: str) -> int:
        """Return how many bytes the index takes on the server, copies included."""


def server_operations(engine: str) -> ServerOperations:
    """Return the room of the engine called ``engine``, which lives on servers."""
    return cast("ServerOperations", load_engine(engine))
