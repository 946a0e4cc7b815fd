"""Tests of the command line run commands inside the test process, unless a module says other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.in_process import InProcessCli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run newsgrep in a folder without an index."""
    return InProcessCli(tmp_path)


@pytest.fixture(scope="session")
def seeds(seeds: Cli) -> Cli:
    """Run newsgrep with an index of the sample corpus, which must not be changed."""
    return InProcessCli(seeds.folder)


@pytest.fixture(scope="session")
def tides(tides: Cli) -> Cli:
    """Run newsgrep with an index of thirty articles on tides, which must not be changed."""
    return InProcessCli(tides.folder)
