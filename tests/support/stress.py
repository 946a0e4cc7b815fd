"""How much the tests try that could go on for ever, and the figures that they tell at the end.

``make torture`` runs what is marked ``torture`` in its long form; ``make test`` a short one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import pytest

LONG_FORM = os.environ.get("NEWSGREP_TORTURE", "") not in ("", "0")

Tally = Counter[str]
"""What one test has counted: what happened, and how often."""

_COUNTS_PROPERTY = "figures"


def trial_count(short: int, long: int) -> int:
    """Return how often something is to be tried: ``long`` in ``make torture``."""
    return long if LONG_FORM else short


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count what happens; the counts are printed when all tests are done."""
    counted: Tally = Counter()
    yield counted
    # They go with the test's report, which is all that comes back from another process.
    request.node.user_properties.append((_COUNTS_PROPERTY, dict(counted)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of each test that has some."""
    told = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        for name, counted in getattr(report, "user_properties", ()):
            if name == _COUNTS_PROPERTY and counted and report.when == "teardown":
                told[report.nodeid.rpartition("::")[2]] = counted
    if told:
        terminalreporter.section("figures")
    for name, counted in told.items():
        parts = (f"{number:,} {what}" for what, number in counted.items())
        terminalreporter.line(f"{name}: {', '.join(parts)}")
