"""Hooks for tests with an engine's name among their parameters, and the mark of slow tests.

A test is skipped if its engine is not installed. An engine on a server gets new index names, which
are deleted after the test's module.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster, fixtures
from tests.support.cluster.fixtures import IndexNames
from tests.support.factories import ADDRESS_FACTORIES
from tests.support.optional_engines import ENGINE_MODULES, require_installed

_SERVER_FIXTURES = {"opensearch_server", "server_addresses"}
"""Fixtures that start a server, unless one runs already."""


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests and those of optional engines, and add the fixtures that engines need."""
    for item in items:
        _mark_engines(item)
        names = set(getattr(item, "fixturenames", ()))
        if names & _SERVER_FIXTURES or item.get_closest_marker("torture") is not None:
            item.add_marker(pytest.mark.slow)


def _mark_engines(item: pytest.Item) -> None:
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return
    values = {each for each in _parameter_values(item) if isinstance(each, str)}
    named = values & {*ENGINE_MODULES, "opensearch"}
    if named:
        item.add_marker(pytest.mark.engines)
    if "opensearch" in named:
        # First, so that fixtures that create engines come after it.
        item.fixturenames.insert(0, "server_addresses")


def _parameter_values(item: pytest.Function) -> list[object]:
    return list(item.callspec.params.values())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of an engine that is not installed, or fail them if none may be missing."""
    fixtures.skip_three_servers(item)
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        for value in _parameter_values(item):
            if isinstance(value, str):
                require_installed(value)


@pytest.fixture(scope="module")
def server_addresses(opensearch_server: Cluster) -> Iterator[None]:
    """Let :mod:`tests.support.factories` create indexes on the shared server; delete them later."""
    names = IndexNames(opensearch_server)
    ADDRESS_FACTORIES.append(lambda: f"{names.new()}?replicas=0")
    yield
    ADDRESS_FACTORIES.pop()
    names.delete()
