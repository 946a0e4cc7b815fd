"""When an article was published: the best evidence that is plausible.

The article's own statement comes before front matter, that before the address, the text,
the time of fetching and, marked as such, the file's own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from newsgrep.ingest import dates
from newsgrep.ingest.body import Body
from newsgrep.ingest.dates import Moment
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Site
from newsgrep.models import Precision, Published
from newsgrep.text.patterns import SOLO_CHARACTER

_SLACK: Final = timedelta(days=2)
"""Clocks differ and zones do; more than this after the fetch is a mistake."""
_RECENT: Final = timedelta(days=45)
"""A date in running text is the article's own only if it is this close before the fetch."""
_NEVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Stands for a file time that is no time."""
_NO_FILES_YET: Final = datetime(1991, 1, 1, tzinfo=UTC)
"""Archivers and build tools write 1970 and 1980 where they mean no time at all."""
_CHINA: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Publication:
    """The date believed, where it stands, and remarks."""

    published: Published | None
    where: str = ""
    notes: tuple[str, ...] = ()


def publication(
    raw: RawArticle, body: Body, *, url: str | None, site: Site | None, mtime: float
) -> Publication:
    """Return the date of ``raw``; ``mtime`` is the file's time in seconds since the epoch."""
    try:
        file_time = datetime.fromtimestamp(mtime, UTC)
    except (ValueError, OverflowError, OSError):
        file_time = _NEVER
    if not _NO_FILES_YET <= file_time < _NEVER:
        file_time = _NEVER
    latest = (raw.fetched or file_time) + _SLACK
    notes: list[str] = []
    best: tuple[Moment, str] | None = None
    sure = None if raw.fetched else _stated_twice(raw, url)
    for moment, where in _evidence(raw, body, url, file_time):
        if _instant(moment) > latest and where != "file time" and moment.day != sure:
            notes.append(f"date {moment.day.isoformat()} ({where}) lies after the file's time")
            if len(notes) > 3:  # enough to see that something is off
                notes.pop()
            continue
        if best is None:
            best = moment, where
            if moment.has_time or where not in _OWN:
                break
        elif where in _OWN and moment.has_time and moment.day == best[0].day:
            best = moment, where
            break
        elif where not in _OWN:
            break
    if best is None:
        return Publication(None, notes=tuple(notes))
    moment, where = best
    zone = _zone(moment, site, body, notes)
    return Publication(moment.published(zone), where, tuple(notes))


_OWN: Final = frozenset(
    ("site rule", "time element", "microdata", "JSON-LD", "meta tag", "first line of the body")
)


def _stated_twice(raw: RawArticle, url: str | None) -> date | None:
    """Return the day on which the file and its address agree: only the file's time is off then."""
    there = dates.in_url(url) if url else None
    if there is None or there.precision is not Precision.DAY:
        return None
    stated = (dates.parse(claim.value) for claim in raw.claims.dates)
    return there.day if any(moment and moment.day == there.day for moment in stated) else None


def _evidence(
    raw: RawArticle, body: Body, url: str | None, file_time: datetime
) -> Iterator[tuple[Moment, str]]:
    """Yield what the file says, best first."""
    front: list[Moment] = []
    for claim in raw.claims.dates:
        moment = dates.parse(claim.value)
        if moment and claim.where == "front matter":
            front.append(moment)
        elif moment:
            yield moment, claim.where
    if body.first_date:
        moment = dates.parse(body.first_date)
        if moment:
            yield moment, "first line of the body"
    late = [
        m for m in front if raw.fetched and abs(_instant(m) - raw.fetched) < timedelta(seconds=2)
    ]
    for moment in front:
        if moment not in late:
            yield moment, "front matter"
    moment = dates.in_url(url) if url else None
    if moment and moment.precision is Precision.DAY:
        yield moment, "URL"
    in_text = _in_text(body, raw.fetched, file_time, late)
    if in_text:
        yield in_text, "text"
    if moment:
        yield moment, "URL"
    for stated in late:
        yield stated, "front matter"
    if raw.fetched:
        yield Moment(raw.fetched.replace(microsecond=0), Precision.SECOND), "fetch time"
    if file_time != _NEVER:
        yield Moment(file_time.replace(microsecond=0), Precision.SECOND), "file time"


def _in_text(
    body: Body, fetched: datetime | None, file_time: datetime, late: list[Moment]
) -> Moment | None:
    """Return the first full date in the text that may be the article's own.

    It is not if the file was fetched much later, or if the text knows of later years.
    """
    if late:
        return None
    text = "\n".join(body.stated)[:200_000]
    until = fetched or file_time
    newest = max((y for y in dates.years_in(text) if y <= until.year), default=0)
    for moment in dates.in_text(text):
        instant = _instant(moment)
        if fetched and instant < fetched - _RECENT:
            continue
        if moment.value.year >= newest and instant <= until + _SLACK:
            return moment
    if fetched:
        stated = dates.day_in_text(text, fetched.year, (fetched + timedelta(days=1)).date())
        if stated and _instant(stated) > fetched - _RECENT:
            return stated
    return None


def _instant(moment: Moment) -> datetime:
    value = moment.value
    return value if value.tzinfo else value.replace(tzinfo=_CHINA)


def _zone(moment: Moment, site: Site | None, body: Body, notes: list[str]) -> tzinfo | None:
    if not moment.has_time or moment.value.tzinfo:
        return None
    zone = site.timezone() if site else None
    if zone:
        notes.append(f"time without an offset taken as {site.name}'s own" if site else "")
        return zone
    sample = "".join(body.paragraphs[:3])[:300]
    if len(SOLO_CHARACTER.findall(sample)) * 4 > len(sample):
        notes.append("time without an offset taken as +08:00")
        return _CHINA
    notes.append("time without an offset: only the day is kept")
    return None
