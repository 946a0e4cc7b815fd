"""``--recency``: a half-life as people write it, counted back from the end of today."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Final

import click

from newsgrep.engines.base import Order
from newsgrep.engines.recency import Recency
from newsgrep.errors import UsageError
from newsgrep.models import ARCHIVE_ZONE

_HALF_LIFE = re.compile(r"([0-9]{1,5})([dwmy])", re.IGNORECASE | re.ASCII)
_DAYS: Final = {"d": 1.0, "w": 7.0, "m": 365.25 / 12, "y": 365.25}
_DAY: Final = 86_400.0


class HalfLife(click.ParamType[float]):
    """A time in seconds, written ``30d``, ``6w``, ``6m`` or ``2y``."""

    name = "half-life"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds in ``value``; a usage error if it is no such time."""
        if isinstance(value, float):
            return value
        match = _HALF_LIFE.fullmatch(value.strip())
        seconds = int(match[1]) * _DAYS[match[2].lower()] * _DAY if match else 0.0
        if not seconds:
            self.fail(
                "say after how long an article counts half, such as 30d, 6w, 6m or 2y.", param, ctx
            )
        return seconds


def recency(half_life: float | None, order: Order) -> Recency | None:
    """Return what ``--recency`` and ``--sort`` ask for together; raises :class:`UsageError`.

    Ages count from the end of today in China, so that pages asked for on one day fit together.
    """
    if half_life is None:
        return None
    if order is not Order.RELEVANCE:
        raise UsageError("--recency changes the order by relevance: leave out --sort, or this.")
    tomorrow = datetime.now(ARCHIVE_ZONE).date() + timedelta(days=1)
    now = datetime.combine(tomorrow, time(), ARCHIVE_ZONE).timestamp()
    return Recency(half_life, now)
