"""When an article was published: the best evidence that is plausible.

The article's own statement comes before front matter, that before the address, the text,
the time of fetching and, marked as such, the file's own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from newsgrep.analysis.characters import solo_character
from newsgrep.extract import dates
from newsgrep.extract.body import Body
from newsgrep.extract.claims import RawArticle
from newsgrep.extract.dates import StatedDate
from newsgrep.extract.outlets import Outlet
from newsgrep.models import Precision, Provenance, Published

_MAX_CLOCK_ERROR: Final = timedelta(days=2)
"""Clocks differ and zones do; more than this after the fetch is a mistake."""
_MAX_FETCH_DELAY: Final = timedelta(days=45)
"""A date in running text is the article's own only if it is this close before the fetch."""
_NO_FILE_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Stands for a file time that is no time."""
_EARLIEST_FILE_TIME: Final = datetime(1991, 1, 1, tzinfo=UTC)
"""Archivers and build tools write 1970 and 1980 where they mean no time at all."""
_CHINA: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class ChosenDate:
    """The date that was chosen, its provenance, and notes."""

    published: Published | None
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()


def choose_date(
    raw: RawArticle, body: Body, *, url: str | None, site: Outlet | None, mtime: float
) -> ChosenDate:
    """Return the date of ``raw``; ``mtime`` is the file's time in seconds since the epoch."""
    try:
        file_time = datetime.fromtimestamp(mtime, UTC)
    except (ValueError, OverflowError, OSError):
        file_time = _NO_FILE_TIME
    if not _EARLIEST_FILE_TIME <= file_time < _NO_FILE_TIME:
        file_time = _NO_FILE_TIME
    latest = (raw.fetched or file_time) + _MAX_CLOCK_ERROR
    notes: list[str] = []
    best: tuple[StatedDate, Provenance] | None = None
    sure = None if raw.fetched else _day_stated_twice(raw, url)
    for moment, provenance in _iter_evidence(raw, body, url, file_time):
        if (
            _as_instant(moment) > latest
            and provenance is not Provenance.FILE_TIME
            and moment.day != sure
        ):
            notes.append(f"date {moment.day.isoformat()} ({provenance}) lies after the file's time")
            if len(notes) > 3:  # enough to see that something is off
                notes.pop()
            continue
        if best is None:
            best = moment, provenance
            if moment.has_time or provenance not in _OWN_STATEMENTS:
                break
        elif provenance in _OWN_STATEMENTS and moment.has_time and moment.day == best[0].day:
            best = moment, provenance
            break
        elif provenance not in _OWN_STATEMENTS:
            break
    if best is None:
        return ChosenDate(None, notes=tuple(notes))
    moment, provenance = best
    zone = _choose_zone(moment, site, body, notes)
    return ChosenDate(moment.published(zone), provenance, tuple(notes))


_OWN_STATEMENTS: Final = frozenset(
    (
        Provenance.OUTLET_RULE,
        Provenance.TIME_ELEMENT,
        Provenance.MICRODATA,
        Provenance.JSON_LD,
        Provenance.META_TAG,
        Provenance.BODY_START,
    )
)


def _day_stated_twice(raw: RawArticle, url: str | None) -> date | None:
    """Return the day on which the file and its address agree: only the file's time is off then."""
    there = dates.date_in_url(url) if url else None
    if there is None or there.precision is not Precision.DAY:
        return None
    stated = (dates.parse_date(claim.value) for claim in raw.claims.dates)
    return there.day if any(moment and moment.day == there.day for moment in stated) else None


def _iter_evidence(
    raw: RawArticle, body: Body, url: str | None, file_time: datetime
) -> Iterator[tuple[StatedDate, Provenance]]:
    """Yield what the file says, best first."""
    front: list[StatedDate] = []
    for claim in raw.claims.dates:
        moment = dates.parse_date(claim.value)
        if moment and claim.provenance is Provenance.FRONT_MATTER:
            front.append(moment)
        elif moment:
            yield moment, claim.provenance
    if body.first_date:
        moment = dates.parse_date(body.first_date)
        if moment:
            yield moment, Provenance.BODY_START
    late = [
        m for m in front if raw.fetched and abs(_as_instant(m) - raw.fetched) < timedelta(seconds=2)
    ]
    for moment in front:
        if moment not in late:
            yield moment, Provenance.FRONT_MATTER
    moment = dates.date_in_url(url) if url else None
    if moment and moment.precision is Precision.DAY:
        yield moment, Provenance.URL
    in_text = _choose_date_in_text(body, raw.fetched, file_time, late)
    if in_text:
        yield in_text, Provenance.TEXT
    if moment:
        yield moment, Provenance.URL
    for stated in late:
        yield stated, Provenance.FRONT_MATTER
    if raw.fetched:
        yield (
            StatedDate(raw.fetched.replace(microsecond=0), Precision.SECOND),
            Provenance.FETCH_TIME,
        )
    if file_time != _NO_FILE_TIME:
        yield StatedDate(file_time.replace(microsecond=0), Precision.SECOND), Provenance.FILE_TIME


def _choose_date_in_text(
    body: Body, fetched: datetime | None, file_time: datetime, late: list[StatedDate]
) -> StatedDate | None:
    """Return the first full date in the text that may be the article's own.

    It is not if the file was fetched much later, or if the text knows of later years.
    """
    if late:
        return None
    text = "\n".join(body.stated)[:200_000]
    until = fetched or file_time
    newest = max((y for y in dates.years_in_text(text) if y <= until.year), default=0)
    for moment in dates.dates_in_text(text):
        instant = _as_instant(moment)
        if fetched and instant < fetched - _MAX_FETCH_DELAY:
            continue
        if moment.value.year >= newest and instant <= until + _MAX_CLOCK_ERROR:
            return moment
    if fetched:
        stated = dates.month_day_in_text(text, fetched.year, (fetched + timedelta(days=1)).date())
        if stated and _as_instant(stated) > fetched - _MAX_FETCH_DELAY:
            return stated
    return None


def _as_instant(moment: StatedDate) -> datetime:
    value = moment.value
    return value if value.tzinfo else value.replace(tzinfo=_CHINA)


def _choose_zone(
    moment: StatedDate, site: Outlet | None, body: Body, notes: list[str]
) -> tzinfo | None:
    if not moment.has_time or moment.value.tzinfo:
        return None
    zone = site.timezone() if site else None
    if zone:
        notes.append(f"time without an offset taken as {site.name}'s own" if site else "")
        return zone
    sample = "".join(body.paragraphs[:3])[:300]
    if len(solo_character().findall(sample)) * 4 > len(sample):
        notes.append("time without an offset taken as +08:00")
        return _CHINA
    notes.append("time without an offset: only the day is kept")
    return None
