"""Whose day it is: a time zone by its name, and the day that is today there.

The tables of time zones are read only for a zone other than the archive's own.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Final, NamedTuple

from newsgrep.errors import UsageError
from newsgrep.models import ARCHIVE_ZONE

ARCHIVE_ZONE_NAME: Final = "Asia/Shanghai"
"""The zone for which indexes keep the days of articles."""

_INSTEAD: Final = {"asia/beijing": ARCHIVE_ZONE_NAME, "beijing": ARCHIVE_ZONE_NAME}
"""Names that people expect and no table has, in lower case."""


class Calendar(NamedTuple):
    """In which zone a moment is one day or the next, and which day is today."""

    today: date
    zone: tzinfo = ARCHIVE_ZONE


def calendar_in(name: str = ARCHIVE_ZONE_NAME) -> Calendar:
    """Return the calendar of the time zone ``name``, an IANA name, as it is now.

    Raises :class:`UsageError` for a name that no table has.
    """
    zone = zone_named(name)
    return Calendar(datetime.now(zone).date(), zone)


def zone_named(name: str) -> tzinfo:
    """Return the time zone ``name``; raises :class:`UsageError` for a name that no table has.

    Asia/Shanghai is UTC+8 at all times here, as in every index: the summer times of 1986
    to 1991 are left out.
    """
    if name == ARCHIVE_ZONE_NAME:
        return ARCHIVE_ZONE
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    # A name is looked for as a file: it may be a folder's, too long, or out of bounds.
    except (LookupError, ValueError, OSError) as exc:
        raise UsageError(f"“{name[:60]}” is not the name of a time zone: {_advice(name)}.") from exc


def _advice(name: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {zone.lower(): zone for zone in available_timezones()}
    if not known:
        return "this system has no tables of them, which “pip install tzdata” brings"
    typed = name[:60].strip().lower().replace(" ", "_")
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(known, reverse=True)}
    if typed in _INSTEAD:
        near = [_INSTEAD[typed]]
    elif typed in known or typed in cities:
        near = [known[cities.get(typed, typed)]]
    else:
        alike = get_close_matches(typed, [*known, *cities], n=3, cutoff=0.8)
        near = [known[cities.get(zone, zone)] for zone in alike]
    return f"write {' or '.join(dict.fromkeys(near)) or 'one such as Asia/Taipei or Europe/London'}"
