"""How many trials the randomised tests run, and the counts that they print at the end.

``make torture`` runs the tests marked ``torture`` in their long form, ``make test`` in a short one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import pytest

LONG_FORM = os.environ.get("NEWSGREP_TORTURE", "") not in ("", "0")

Tally = Counter[str]
"""How often each event happened in one test."""

_COUNTS_PROPERTY = "tally"


def trial_count(short: int, long: int) -> int:
    """Return the number of trials: ``long`` in ``make torture``, else ``short``."""
    return long if LONG_FORM else short


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count events; the counts are printed after all tests."""
    counted: Tally = Counter()
    yield counted
    # Only the test's report comes back from another process.
    request.node.user_properties.append((_COUNTS_PROPERTY, dict(counted)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts of each test that has some."""
    tallies = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        for name, counted in getattr(report, "user_properties", ()):
            if name == _COUNTS_PROPERTY and counted and report.when == "teardown":
                tallies[report.nodeid.rpartition("::")[2]] = counted
    if tallies:
        terminalreporter.section("tallies")
    for name, counted in tallies.items():
        parts = (f"{number:,} {what}" for what, number in counted.items())
        terminalreporter.line(f"{name}: {', '.join(parts)}")
