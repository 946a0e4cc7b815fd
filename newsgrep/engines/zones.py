"""Days of publication in a zone other than the archive's, for which stores keep them.

Only articles near the ends of what is asked for can be of another day than the one that is
kept, so a moment is converted, or an article looked at, only there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from newsgrep.engines.evaluate import Store

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_SECONDS: Final = 86400

_APART: Final = 2
"""Days between one moment's dates in two zones, at most: offsets are less than 24 hours."""


class Zoned:
    """Tells of a store's documents on what days they were published in ``zone``."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone
        self._begins, self._ends = store.days()
        self._moments = store.moments()

    def overlaps(self, document: int, lowest: int, highest: int) -> bool:
        """Return whether a dated document's days overlap these, both included, as ordinals."""
        begins, ends = self._begins[document], self._ends[document]
        surely = begins - _APART >= lowest and ends + _APART <= highest
        maybe = begins - _APART <= highest and ends + _APART >= lowest
        if begins == ends and maybe and not surely:
            begins = ends = self._day(document, begins)
        return begins <= highest and ends >= lowest

    def _day(self, document: int, kept: int) -> int:
        """Return the day of a document that is of one day, ``kept`` in the archive's zone."""
        moment = self._moments[document]
        day = _converted(moment, self._zone)
        # What is known to the day has that day's midnight for a moment, and so has what was
        # published then, at eight in Shanghai. The article itself knows which it is.
        if day != kept and moment == (kept - _EPOCH_DAY) * _SECONDS:
            published = self._store.article(document).published
            if published is not None:
                day = published.days(self._zone)[0].toordinal()
        return day


def _converted(moment: float, zone: tzinfo) -> int:
    when = (_EPOCH + timedelta(seconds=moment)).astimezone(zone)
    return date.toordinal(when)
