"""Relevance thresholds: what was reached once, checked in; a threshold is only raised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import floor
from pathlib import Path
from typing import Final

from bench.paths import RESULTS

THRESHOLDS: Final = RESULTS / "relevance-thresholds.json"
_STEP: Final = 1000
"""Thresholds are thousandths, rounded down: another platform may add in another order."""


def read(path: Path = THRESHOLDS) -> dict[str, float]:
    """Return all thresholds by name; none if there is no file yet."""
    if not path.exists():
        return {}
    found: dict[str, float] = json.loads(path.read_text("utf-8"))
    return found


def missed(reached: Mapping[str, float], path: Path = THRESHOLDS) -> list[str]:
    """Return a sentence for each threshold that is not reached."""
    return [
        f"{name}: {reached[name]:.4f}, below its threshold of {least:.3f}"
        for name, least in read(path).items()
        if name in reached and reached[name] < least
    ]


def write(
    reached: Mapping[str, float], path: Path = THRESHOLDS, *, may_lower: bool = False
) -> None:
    """Raise thresholds to what was reached; with ``may_lower`` also lower them to it."""
    known = read(path)
    for name, value in reached.items():
        now = floor(value * _STEP) / _STEP
        known[name] = now if may_lower else max(now, known.get(name, now))
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
