"""How much the tests try that could go on for ever, and the figures that they tell at the end.

``make torture`` runs what is marked ``torture`` in its long form; ``make test`` a short one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

LONG = os.environ.get("NEWSGREP_TORTURE", "") not in ("", "0")

Figures = Counter[str]
"""What one test has counted: what happened, and how often."""

_TOLD = pytest.StashKey[dict[str, Figures]]()


def amount(short: int, long: int) -> int:
    """Return how often something is to be tried: ``long`` in ``make torture``."""
    return long if LONG else short


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Count what happens; the counts are printed when all tests are done."""
    counted: Figures = Counter()
    yield counted
    request.config.stash.setdefault(_TOLD, {})[request.node.name] = counted


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures of each test that has some."""
    told = {name: counted for name, counted in config.stash.get(_TOLD, {}).items() if counted}
    if told:
        terminalreporter.section("figures")
    for name, counted in told.items():
        parts = (f"{number:,} {what}" for what, number in counted.items())
        terminalreporter.line(f"{name}: {', '.join(parts)}")
