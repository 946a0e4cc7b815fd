"""Floors of relevance: what was reached once, checked in; a floor only rises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import floor
from pathlib import Path
from typing import Final

from bench.paths import RESULTS

FLOORS: Final = RESULTS / "relevance-floors.json"
_STEP: Final = 1000
"""Floors are in thousandths, rounded down: another platform may add up in another order."""


def read(path: Path = FLOORS) -> dict[str, float]:
    """Return all floors by name; none where there is no file yet."""
    if not path.exists():
        return {}
    found: dict[str, float] = json.loads(path.read_text("utf-8"))
    return found


def sunk(reached: Mapping[str, float], path: Path = FLOORS) -> list[str]:
    """Return a sentence for each floor that is not reached."""
    return [
        f"{name}: {reached[name]:.4f}, below its floor of {least:.3f}"
        for name, least in read(path).items()
        if name in reached and reached[name] < least
    ]


def write(reached: Mapping[str, float], path: Path = FLOORS, *, lower: bool = False) -> None:
    """Raise floors to what was reached; with ``lower`` sink them to it as well."""
    known = read(path)
    for name, value in reached.items():
        now = floor(value * _STEP) / _STEP
        known[name] = now if lower else max(now, known.get(name, now))
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
