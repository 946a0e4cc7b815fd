"""How ``make test`` divides tests among processes, and which of them run first.

A file runs in one process, as ``--dist loadfile`` has it without this module, so that a fixture
of a module is made once. Beyond that, all tests of OpenSearch share one server, and the faults of
a disk the indexes of their engine. Files with slow tests come first, so that all processes end at
about the same time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.factories import FOLDER_ENGINES

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

_SERVER = "opensearch"
_FAULTS = "tests/faults/"


def group_of(nodeid: str) -> str:
    """Return what the tests of one process have in common.

    >>> group_of("tests/query/test_dates.py::test_day[2024]")
    'tests/query/test_dates.py'
    >>> group_of("tests/engines/test_contract.py::test_search[opensearch-all-渡轮]")
    'opensearch'
    >>> group_of("tests/faults/test_damage.py::test_damage[whoosh]")
    'tests/faults/ whoosh'
    """
    path, _, test = nodeid.partition("::")
    parameters = test.partition("[")[2].removesuffix("]").split("-")
    if f"/{_SERVER}/" in path or _SERVER in parameters:
        return _SERVER
    if path.startswith(_FAULTS):
        return " ".join([_FAULTS, *(each for each in FOLDER_ENGINES if each in parameters)])
    return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than cores: one or the other waits for a server or a command."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)  # after marks are set and tests are chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move groups with slow tests to the front, first that of the server."""
    if not hasattr(config, "workerinput"):
        return
    slow = {group_of(item.nodeid) for item in items if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> tuple[bool, bool]:
        group = group_of(item.nodeid)
        return group != _SERVER, group not in slow

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Return the scheduler of ``--dist loadfile`` with these groups and this order."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False
    return ByGroup(config, log)
