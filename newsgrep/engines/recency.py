"""Newer articles first, by as much as is asked for: an option, and never a hidden default.

The weight is worked out where documents are scored, so that the order of all matches is exact.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

LEAST: Final = 2.0**-10
"""What no article is weighed down below: older than ten half-lives, or without a date.

So the oldest are still ordered by how well they fit, and undated ones are neither lost nor
taken for new.
"""


class Recency(NamedTuple):
    """How fast articles lose weight: ``half_life`` and ``now`` are in seconds, since the epoch."""

    half_life: float
    now: float

    def weight(self, moment: float) -> float:
        """Return what to multiply a score by.

        ``moment`` is when the article was published, in seconds since the epoch; ``-inf`` where
        that is not known. One dated after ``now`` counts as of now.
        """
        age = max(self.now - moment, 0.0)
        return max(math.exp2(-age / self.half_life), LEAST)
