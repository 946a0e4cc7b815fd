"""How many trials the randomised tests run, and the counts that they print at the end.

``make torture`` runs the tests marked ``torture`` in their long form, ``make test`` in a short one.
The counts of the long form are also left in ``build/torture.json``, for ``docs/build_trust.py``.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from pathlib import Path

import pytest

_SHARE = float(os.environ.get("NEWSGREP_TORTURE") or 0)
"""1 for the long form, less for a part of its trials, 0 for the short form."""

LONG_FORM = _SHARE > 0

Tally = Counter[str]
"""How often each event happened in one test."""

_COUNTS_PROPERTY = "tally"


def trial_count(short: int, long: int) -> int:
    """Return how many trials to run: ``long``, or a share of it, in ``make torture``."""
    return max(short, round(long * _SHARE))


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
    if tallies and LONG_FORM:
        _record(tallies)
    for name, counted in tallies.items():
        parts = (f"{number:,} {what}" for what, number in counted.items())
        terminalreporter.line(f"{name}: {', '.join(parts)}")


RECORD = Path(__file__).parents[2] / "build" / "torture.json"


def _record(tallies: Mapping[str, Mapping[str, int]]) -> None:
    """Add counts to those of earlier runs of other tests."""
    recorded = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {"tests": {}}
    today = date.today().isoformat()
    for name, counted in tallies.items():
        recorded["tests"][name] = {"date": today, "share": _SHARE, "counts": counted}
    recorded["versions"] = {
        name: importlib.metadata.version(name) for name in ("newsgrep", "tantivy", "whoosh3")
    }
    recorded["versions"]["Python"] = platform.python_version()
    recorded["versions"][platform.system()] = ".".join(platform.release().split(".")[:2])
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(recorded, indent=1), "utf-8")
