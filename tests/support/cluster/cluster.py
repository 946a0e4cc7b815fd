"""Servers that form one cluster: started together, killed and restarted one by one.

All waiting is by asking again, with an end; what does not come is Failed with the logs' tails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.cluster.distribution import distribution, find_java
from tests.support.cluster.folders import own_folder
from tests.support.cluster.node import LOOPBACK, Failed, Node
from tests.support.cluster.rest import NoAnswer, ask

START_TIMEOUT = 180.0
"""Three servers that start on one busy core still make it."""
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.1
HEALTH_ORDER = ("red", "yellow", "green")


class Cluster:
    """A cluster of one server or several on loopback, without plugins, passwords or TLS.

    Entering it starts the servers and waits until they have found each other; leaving it ends
    them and removes their data. Servers are numbered from 0, in the order of ``urls``.

    Args:
        nodes: how many servers.
        heap: the Java heap of each, as Java writes it (``512m``).
        settings: more of OpenSearch's settings, for all servers.

    Raises:
        Missing: there is no Java, or no distribution can be had.

    """

    def __init__(
        self, nodes: int = 1, heap: str = "512m", settings: Mapping[str, str] | None = None
    ) -> None:
        self._cleanup = ExitStack()
        java, path = find_java(), distribution()
        with ExitStack() as made:
            folder = made.enter_context(own_folder())
            made.callback(self._end_all)
            self._nodes: list[Node] = []
            for number in range(nodes):
                own = folder / f"node-{number}"
                own.mkdir(mode=0o755)
                self._nodes.append(Node(own, own.name, path, java, heap))
            self._cleanup = made.pop_all()
        self._settings = {
            "cluster.name": folder.name,
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **self._discovery(),
            **(settings or {}),
        }

    def _discovery(self) -> dict[str, str]:
        if len(self._nodes) == 1:
            return {"discovery.type": "single-node"}
        return {
            "discovery.seed_hosts": ",".join(
                f"{LOOPBACK}:{node.transport}" for node in self._nodes
            ),
            "cluster.initial_cluster_manager_nodes": ",".join(node.name for node in self._nodes),
        }

    def __enter__(self) -> Self:
        try:
            for node in self._nodes:
                node.start(self._settings)
            self.wait(seconds=START_TIMEOUT)
        except BaseException:  # also Ctrl-C: nothing is left behind
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def urls(self) -> list[str]:
        """One for each server, also where it is dead."""
        return [node.url for node in self._nodes]

    @property
    def pids(self) -> list[int | None]:
        """The process of each server, None where it is dead."""
        return [node.pid for node in self._nodes]

    @property
    def living(self) -> list[int]:
        """The numbers of the servers that run."""
        return [number for number, node in enumerate(self._nodes) if node.pid is not None]

    def address(self, name: str) -> str:
        """Return the address of an index as newsgrep takes it, on the first living server."""
        return f"opensearch://{urlsplit(self._living_url()).netloc}/{name}"

    def _living_url(self) -> str:
        living = self.living
        if not living:
            raise Failed(f"no server runs\n{self._tails()}")
        return self.urls[living[0]]

    def ask(
        self, path: str = "/", *, method: str = "GET", body: object = None, seconds: float = 30.0
    ) -> Any:
        """Return what the first living server answers; raise NoAnswer as ``rest.ask`` does."""
        return ask(self._living_url(), path, method=method, body=body, seconds=seconds)

    def kill(self, number: int) -> None:
        """Kill a server as a loss of power would; return when its process is gone."""
        self._nodes[number].kill()

    def restart(self, number: int, seconds: float = START_TIMEOUT) -> None:
        """Start a server that has ended with the data that it left, and wait until it has joined.

        Its copies of shards may still be catching up then: ``wait()`` waits for them.
        """
        node = self._nodes[number]
        node.start(self._settings)

        def joined() -> bool:
            # Not answered before the server itself knows its cluster manager.
            health = ask(node.url, "/_cluster/health", seconds=5)
            return bool(health["number_of_nodes"] == len(self.living))

        self._until(f"{node.name} to join", joined, seconds)

    def manager(self, seconds: float = 60.0) -> int:
        """Return the number of the server that holds the cluster manager's role now.

        Where it has just been killed, waits until the others have chosen another one.
        """
        names = [node.name for node in self._nodes]
        found: list[int] = []

        def chosen() -> bool:
            rows = self.ask("/_cat/cluster_manager?format=json", seconds=5)
            found[:] = [names.index(row["node"]) for row in rows if row["node"] in names]
            return len(found) == 1 and found[0] in self.living

        self._until("a cluster manager", chosen, seconds)
        return found[0]

    def wait(
        self, status: str = "green", nodes: int | None = None, seconds: float = 300.0
    ) -> dict[str, Any]:
        """Wait until the cluster is as healthy as that (``yellow``: or green); return its health.

        A server that is gone is waited for, for a minute, before its parts are copied elsewhere;
        of two that come back one after the other, the second may cost another minute.

        Args:
            status: ``green``, ``yellow`` or ``red``.
            nodes: how many servers have to be in it; by default those that run.
            seconds: how long to wait before it is Failed.

        """
        health: dict[str, Any] = {}

        def well() -> bool:
            health.update(self.ask("/_cluster/health", seconds=5))
            enough = len(self.living) if nodes is None else nodes
            good = HEALTH_ORDER.index(health["status"]) >= HEALTH_ORDER.index(status)
            return good and health["number_of_nodes"] == enough

        self._until(f"{status} health", well, seconds)
        return health

    def _until(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        last = "it was not so yet"
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except NoAnswer as error:
                last = str(error)
            if any(node.crashed for node in self._nodes):
                raise Failed(f"a server ended by itself while waiting for {what}\n{self._tails()}")
            time.sleep(POLL_INTERVAL)
        raise Failed(f"{what} did not come in {seconds:.0f} s: {last}\n{self._tails()}")

    def _tails(self) -> str:
        return "\n".join(node.tail() for node in self._nodes)

    def stop(self) -> None:
        """End all servers, at first politely, and remove what they wrote; again does nothing."""
        self._cleanup.close()

    def _end_all(self) -> None:
        for node in self._nodes:
            node.ask_to_end()
        for node in self._nodes:
            node.wait_or_kill(STOP_TIMEOUT)
