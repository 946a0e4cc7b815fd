"""One server for all tests that need one, started by the first of them.

Each test uses names of its own on it; everything with these names is deleted when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.cluster.cluster import Cluster
from tests.support.cluster.distribution import Missing
from tests.support.cluster.rest import RequestFailed
from tests.support.optional_engines import REQUIRE_ALL, VARIABLE, require_installed, skip_or_fail


class IndexNames:
    """Names for indices on a server that no other test uses.

    The name of everything that a test creates begins with one: ``NAME``, ``NAME-2024``.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.prefix = f"test-{uuid.uuid4().hex}"
        self._numbers = count(1)

    def new(self) -> str:
        """Return the address of an index that does not exist yet."""
        return self.cluster.address(f"{self.prefix}-{next(self._numbers)}")

    def delete(self) -> None:
        """Delete all indices with these names, their aliases, and their templates."""
        hidden_too = "expand_wildcards=all&ignore_unavailable=true"
        self.cluster.request(f"/{self.prefix}*?{hidden_too}", method="DELETE")
        try:
            self.cluster.request(f"/_index_template/{self.prefix}*", method="DELETE")
        except RequestFailed as error:
            if error.status != 404:  # there are none
                raise


def start_cluster(nodes: int, heap: str = "512m") -> Cluster:
    """Return a cluster to enter; if that is impossible, skip the test by name or fail."""
    require_installed("opensearch")
    try:
        return Cluster(nodes, heap)
    except Missing as missing:
        skip_or_fail("opensearch", str(missing))


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[Cluster]:
    """Return the server that all tests share; a test that kills it restarts it."""
    with start_cluster(1) as cluster:
        yield cluster


@pytest.fixture
def opensearch(opensearch_server: Cluster) -> Iterator[IndexNames]:
    """Return names for indices of this test on the shared server."""
    names = IndexNames(opensearch_server)
    yield names
    names.delete()


def skip_three_servers(item: pytest.Item) -> None:
    """Skip tests that take three servers, or minutes, except under make test-engines."""
    if item.get_closest_marker("cluster3") is not None and not REQUIRE_ALL:
        pytest.skip(
            f"opensearch: three servers or minutes, only with make test-engines ({VARIABLE}=all)"
        )
