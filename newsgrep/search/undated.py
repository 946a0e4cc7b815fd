"""Undated articles: no filter by date matches them, so a filtered result counts them."""

from __future__ import annotations

from typing import Final

from newsgrep.engines.base import Engine, count_matches
from newsgrep.query.ast import And, DateRange, MatchAll, Node, Not, conditions

UNDATED: Final = Not(DateRange(None, None))
"""The articles without a date of publication."""


def count_undated(engine: Engine, root: Node) -> int | None:
    """Return how many undated articles match ``root`` without its filters by date.

    Returns ``None`` if it has none. Dates in alternatives and exclusions are no filters.
    """
    parts = conditions(root)
    others = tuple(part for part in parts if not isinstance(part, DateRange))
    if len(others) == len(parts):
        return None
    return count_matches(engine, And((*(others or (MatchAll(),)), UNDATED)))
