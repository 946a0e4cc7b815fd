"""Indexes of one engine, and a server that runs commands on them with faults."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disk_faults import library
from tests.support.factories import FOLDER_ENGINES
from tests.support.fault_scenarios import Workshop
from tests.support.forked_commands import CommandServer
from tests.support.optional_engines import require_installed

_MEMORY = Path("/dev/shm")  # noqa: S108  (what is synced there costs no time)


@pytest.fixture(scope="package", params=FOLDER_ENGINES)
def workshop(request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """Return the indexes of an engine, from which each trial starts."""
    require_installed(request.param)
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="newsgrep-faults-", dir=where))
    try:
        with CommandServer(folder, library()) as server:
            yield Workshop(folder / request.param, request.param, server)
    finally:
        shutil.rmtree(folder)
