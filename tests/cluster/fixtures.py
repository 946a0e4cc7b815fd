"""One server for all tests that need one, started by the first of them.

Each test has names of its own on it, and what it made under them is deleted when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import count

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.distribution import Missing
from tests.cluster.rest import NoAnswer
from tests.needs import ALL, VARIABLE, absent, need_installed


class Names:
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


def start(nodes: int, heap: str = "512m") -> Cluster:
    """Return a cluster to be entered; where that can't be, the test is skipped by name or fails."""
    need_installed("opensearch")
    try:
        return Cluster(nodes, heap)
    except Missing as missing:
        absent("opensearch", str(missing))


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[Cluster]:
    """Return the one server that tests share; whoever kills it restarts it."""
    with start(1) as cluster:
        yield cluster


@pytest.fixture
def opensearch(opensearch_server: Cluster) -> Iterator[Names]:
    """Return names for indexes of this test's own on the shared server."""
    names = Names(opensearch_server)
    yield names
    names.delete()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave what takes three servers, or minutes, to the command that is made for it."""
    if item.get_closest_marker("cluster3") is not None and not ALL:
        pytest.skip(
            f"opensearch: three servers or minutes: by make test-engines ({VARIABLE}=all) only"
        )
