"""How telling a word is: how much oftener one side has it than another.

The statistic is the log-likelihood ratio G² of the two-by-two table of articles: with and
without the word, on this side and on that. It is Dunning's ("Accurate Methods for the
Statistics of Surprise and Coincidence", 1993), with articles for the things counted, so
that one article that repeats a word counts once.
"""

from __future__ import annotations

import math
from typing import Final

STATISTIC: Final = "G² of article counts"

CHANCE: Final = 10.83
"""G² that one word in a thousand reaches by chance where there is no difference."""


def signed_g2(having: int, size: int, others_having: int, others: int) -> float:
    """Return G², negative where the others have the word oftener.

    ``having`` of ``size`` articles have the word on this side, ``others_having`` of
    ``others`` on the other. 0 where a side is empty.
    """
    total, total_having = size + others, having + others_having
    if not size or not others:
        return 0.0
    g2 = 0.0
    for observed, row, column in (
        (having, size, total_having),
        (size - having, size, total - total_having),
        (others_having, others, total_having),
        (others - others_having, others, total - total_having),
    ):
        if observed:
            g2 += observed * math.log(observed * total / (row * column))
    g2 = max(2 * g2, 0.0)
    return g2 if having * others >= others_having * size else -g2
