"""Servers that form one cluster: started together, killed and restarted one by one.

All waiting is polling with a time limit; ClusterFailed has the ends of the servers' logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.cluster.distribution import fetch_distribution, find_java
from tests.support.cluster.folders import own_folder
from tests.support.cluster.node import LOOPBACK, ClusterFailed, Node
from tests.support.cluster.rest import RequestFailed, request

START_TIMEOUT = 180.0
"""Enough for three servers on one busy core."""
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.1
HEALTH_ORDER = ("red", "yellow", "green")


class Cluster:
    """A cluster of one server or several on loopback, without plugins, passwords or TLS.

    Entering it starts the servers and waits until they have formed a cluster; leaving it stops
    them and removes their data. Servers are numbered from 0, in the order of ``urls``.

    Args:
        nodes: number of servers.
        heap: Java heap of each, such as ``512m``.
        settings: additional OpenSearch settings for all servers.

    Raises:
        Missing: Java or the distribution is missing.

    """

    def __init__(
        self, nodes: int = 1, heap: str = "512m", settings: Mapping[str, str] | None = None
    ) -> None:
        self._cleanup = ExitStack()
        java, path = find_java(), fetch_distribution()
        with ExitStack() as stack:
            folder = stack.enter_context(own_folder())
            stack.callback(self._end_all)
            self._nodes: list[Node] = []
            for number in range(nodes):
                own = folder / f"node-{number}"
                own.mkdir(mode=0o755)
                self._nodes.append(Node(own, own.name, path, java, heap))
            self._cleanup = stack.pop_all()
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
        except BaseException:  # also after Ctrl-C, leave nothing behind
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
        """The URL of each server, running or not."""
        return [node.url for node in self._nodes]

    @property
    def pids(self) -> list[int | None]:
        """The process id of each server, None if it is not running."""
        return [node.pid for node in self._nodes]

    @property
    def running(self) -> list[int]:
        """The numbers of the running servers."""
        return [number for number, node in enumerate(self._nodes) if node.pid is not None]

    def address(self, name: str) -> str:
        """Return newsgrep's address for an index, on the first running server."""
        return f"opensearch://{urlsplit(self._running_url()).netloc}/{name}"

    def _running_url(self) -> str:
        running = self.running
        if not running:
            raise ClusterFailed(f"no server is running\n{self._tails()}")
        return self.urls[running[0]]

    def request(
        self, path: str = "/", *, method: str = "GET", body: object = None, seconds: float = 30.0
    ) -> Any:
        """Return the response of the first running server; raises RequestFailed."""
        return request(self._running_url(), path, method=method, body=body, seconds=seconds)

    def kill(self, number: int) -> None:
        """Kill a server as a power failure would, and wait until its process is gone."""
        self._nodes[number].kill()

    def restart(self, number: int, seconds: float = START_TIMEOUT) -> None:
        """Start a server that has ended, on its old data, and wait until it has joined.

        Its replicas may still be recovering then; ``wait()`` waits for them.
        """
        node = self._nodes[number]
        node.start(self._settings)

        def joined() -> bool:
            # A server responds only when it knows the cluster manager.
            health = request(node.url, "/_cluster/health", seconds=5)
            return bool(health["number_of_nodes"] == len(self.running))

        self._until(f"node {node.name} in the cluster", joined, seconds)

    def manager(self, seconds: float = 60.0) -> int:
        """Return the number of the server that is the cluster manager now.

        If it has just been killed, wait until the others have elected another one.
        """
        names = [node.name for node in self._nodes]
        found: list[int] = []

        def elected() -> bool:
            rows = self.request("/_cat/cluster_manager?format=json", seconds=5)
            found[:] = [names.index(row["node"]) for row in rows if row["node"] in names]
            return len(found) == 1 and found[0] in self.running

        self._until("a cluster manager", elected, seconds)
        return found[0]

    def wait(
        self, status: str = "green", nodes: int | None = None, seconds: float = 300.0
    ) -> dict[str, Any]:
        """Wait until the cluster's health is ``status`` or better, and return its health.

        A cluster waits a minute for a lost server before it copies that server's shards; if
        two return one after the other, the second may take another minute.

        Args:
            status: ``green``, ``yellow`` or ``red``.
            nodes: servers that must have joined; by default those that are running.
            seconds: time limit, after which ClusterFailed is raised.

        """
        health: dict[str, Any] = {}

        def is_healthy() -> bool:
            health.update(self.request("/_cluster/health", seconds=5))
            wanted = len(self.running) if nodes is None else nodes
            is_good = HEALTH_ORDER.index(health["status"]) >= HEALTH_ORDER.index(status)
            return is_good and health["number_of_nodes"] == wanted

        self._until(f"{status} health", is_healthy, seconds)
        return health

    def _until(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        last = "not yet"
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except RequestFailed as error:
                last = str(error)
            if any(node.crashed for node in self._nodes):
                raise ClusterFailed(f"a server crashed while waiting for {what}\n{self._tails()}")
            time.sleep(POLL_INTERVAL)
        raise ClusterFailed(f"no {what} within {seconds:.0f} s: {last}\n{self._tails()}")

    def _tails(self) -> str:
        return "\n".join(node.tail() for node in self._nodes)

    def stop(self) -> None:
        """Stop all servers and remove their data; a second call does nothing."""
        self._cleanup.close()

    def _end_all(self) -> None:
        for node in self._nodes:
            node.terminate()
        for node in self._nodes:
            node.wait_or_kill(STOP_TIMEOUT)
