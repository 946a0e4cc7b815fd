"""One server for all tests that need one, started by the first of them.

Each test has names of its own on it, and what it made under them is deleted when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.cluster.cluster import Cluster
from tests.support.cluster.distribution import Missing
from tests.support.cluster.rest import NoAnswer
from tests.support.optional_engines import REQUIRE_ALL, VARIABLE, require_installed, skip_or_fail


class IndexNames:
    """Names for indexes on a server that nobody else uses.

    Whatever is made under a name has to begin with it: ``NAME``, ``NAME-2024``.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.prefix = f"test-{uuid.uuid4().hex}"
        self._numbers = count(1)

    def new(self) -> str:
        """Return the address of an index that isn't there yet."""
        return self.cluster.address(f"{self.prefix}-{next(self._numbers)}")

    def delete(self) -> None:
        """Delete all indexes under these names, with their aliases, and their templates."""
        hidden_too = "expand_wildcards=all&ignore_unavailable=true"
        self.cluster.ask(f"/{self.prefix}*?{hidden_too}", method="DELETE")
        try:
            self.cluster.ask(f"/_index_template/{self.prefix}*", method="DELETE")
        except NoAnswer as error:
            if error.status != 404:  # which says that there are none
                raise


def start_cluster(nodes: int, heap: str = "512m") -> Cluster:
    """Return a cluster to be entered; where that can't be, the test is skipped by name or fails."""
    require_installed("opensearch")
    try:
        return Cluster(nodes, heap)
    except Missing as missing:
        skip_or_fail("opensearch", str(missing))


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[Cluster]:
    """Return the one server that tests share; whoever kills it restarts it."""
    with start_cluster(1) as cluster:
        yield cluster


@pytest.fixture
def opensearch(opensearch_server: Cluster) -> Iterator[IndexNames]:
    """Return names for indexes of this test's own on the shared server."""
    names = IndexNames(opensearch_server)
    yield names
    names.delete()


def skip_three_servers(item: pytest.Item) -> None:
    """Leave what takes three servers, or minutes, to the command that is made for it."""
    if item.get_closest_marker("cluster3") is not None and not REQUIRE_ALL:
        pytest.skip(
            f"opensearch: three servers or minutes: by make test-engines ({VARIABLE}=all) only"
        )
