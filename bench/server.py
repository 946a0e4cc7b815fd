"""The one OpenSearch of a run: started when it is first needed, stopped when the run ends.

Its indexes end with it. The kernel ends it where the run is killed (see ``tests.support.cluster``).
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from bench.measure import CommandFailed
from tests.support.cluster import (
    VERSION,
    Cluster,
    ClusterFailed,
    Missing,
    RequestFailed,
    fetch_distribution,
    find_java,
)

HEAP: Final = "1g"
_LONGEST_DELETE: Final = 120.0


class Server:
    """A single node on loopback; entering and leaving it is a run.

    ``heap`` is Java's, as Java writes it; set it before the node is needed. A node that can't
    be started raises :class:`CommandFailed` with the reason.
    """

    def __init__(self, heap: str = HEAP) -> None:
        self.heap = heap
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the node, if there is one, with all its indexes."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.stop()

    @property
    def version(self) -> str:
        """What runs, and with how much of a heap."""
        return f"OpenSearch {VERSION}, heap {self.heap}"

    @property
    def pid(self) -> int | None:
        """The node's process, if it runs."""
        return self._cluster.pids[0] if self._cluster else None

    def new_address(self) -> str:
        """Return the address of an index that is not there yet; starts the node."""
        if self._cluster is None:
            try:
                self._cluster = Cluster(1, self.heap).__enter__()
            except (Missing, ClusterFailed) as exc:
                raise CommandFailed(f"no server: {exc}") from exc
        # One node has no place for a second copy.
        return self._cluster.address(f"bench-{uuid.uuid4().hex}") + "?replicas=0"

    def has(self, address: str) -> bool:
        """Return whether there is an index at that address, and on this node."""
        where = urlsplit(address)
        if self._cluster is None or urlsplit(self._cluster.urls[0]).netloc != where.netloc:
            return False
        try:
            self._cluster.request(where.path)
        except RequestFailed as exc:
            if exc.status == 404:
                return False
            raise CommandFailed(str(exc)) from exc
        return True

    def delete(self, address: str) -> None:
        """Delete the index at that address, if it is there."""
        if self._cluster is None or not self.has(address):
            return
        # Ours is several of the server's, whose names begin with its own.
        path = f"{urlsplit(address).path}*?expand_wildcards=all&ignore_unavailable=true"
        try:
            self._cluster.request(path, method="DELETE", seconds=_LONGEST_DELETE)
        except RequestFailed as exc:
            raise CommandFailed(str(exc)) from exc


def missing() -> str | None:
    """Return what is missing for a server here, if something is; may fetch the server."""
    try:
        find_java()
        fetch_distribution()
    except Missing as exc:
        return str(exc)
    return None


SERVER: Final = Server()
"""That of this process; a step in a process of its own is told an address instead."""
