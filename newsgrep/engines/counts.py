"""How often a term stands in title, lead and body, as three counts and as one number.

Loops over all postings take the number apart in place, with the constants here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_IN_TITLE: Final = 15
MOST_IN_LEAD: Final = 255
MOST_IN_BODY: Final = 4095
LEAD_SHIFT: Final = 12
TITLE_SHIFT: Final = 20


class Counts(NamedTuple):
    """How often a term stands in each zone; what the lead has, the body has as well."""

    title: int
    lead: int
    body: int


def pack_counts(counts: Counts) -> int:
    """Return the three as one number below 2**24, which a 32-bit float holds exactly.

    A term that stands more than 15, 255 or 4,095 times counts that often: BM25 would
    hardly tell the difference.
    """
    title, lead, body = map(min, counts, (MOST_IN_TITLE, MOST_IN_LEAD, MOST_IN_BODY))
    return title << TITLE_SHIFT | lead << LEAD_SHIFT | body


def unpack_counts(packed: int) -> Counts:
    """Return the counts that :func:`pack_counts` put together."""
    lead, body = packed >> LEAD_SHIFT & MOST_IN_LEAD, packed & MOST_IN_BODY
    return Counts(packed >> TITLE_SHIFT, lead, body)
