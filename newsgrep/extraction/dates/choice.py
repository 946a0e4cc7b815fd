"""The choice of the publication date from all that a file states.

Evidence comes in the order of its rank (``ranks``): what the page states, its first line,
front matter, a day in the URL, title, file name, last line. A date that the text only mentions
is not evidence, and neither are the time of fetching and the time of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from newsgrep.extraction.claims import Body, Claim, ClaimField, Claims, Loss
from newsgrep.extraction.dates import ranks
from newsgrep.extraction.dates.forms import (
    StatedDate,
    find_dates,
    is_ambiguous,
    is_epoch,
    parse_date,
)
from newsgrep.extraction.dates.lines import Meaning, parse_date_line, read_line
from newsgrep.extraction.dates.names import date_at_edge, date_in_path, date_in_url
from newsgrep.extraction.outlets import Outlet
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.messages import message
from newsgrep.models import Precision, Provenance, Published

_MAX_CLOCK_ERROR: Final = timedelta(days=2)
"""A date that is later than the time of fetching by more than this is a mistake."""
_SAME_MOMENT: Final = timedelta(seconds=2)
_NO_FILE_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Replaces the time of a file that has no usable one."""
_EARLIEST_FILE_TIME: Final = datetime(1991, 1, 1, tzinfo=UTC)
"""Archivers and build tools set 1970 or 1980 where they have no time."""
_CHINA: Final = timezone(timedelta(hours=8))
"""Time zone of Chinese text whose outlet has no rule for it."""
_MONTHS: Final = 12
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_NOT_CHINESE = re.compile("[\u3041-\u30ff\uac00-\ud7a3]")
"""Kana and Hangul."""
_FARTHEST_WEST: Final = timedelta(hours=12)
_FARTHEST_EAST: Final = timedelta(hours=14)
_STATED_BY_ARTICLE: Final = frozenset(
    (
        Provenance.OUTLET_RULE,
        Provenance.TIME_ELEMENT,
        Provenance.DATE_LINE,
        Provenance.MICRODATA,
        Provenance.JSON_LD,
        Provenance.META_TAG,
        Provenance.BODY_START,
        Provenance.LABEL,
        Provenance.SCRIPT,
    )
)
_LOCAL: Final = frozenset(
    (Provenance.TIME_ELEMENT, Provenance.DATE_LINE, Provenance.BODY_START, Provenance.URL)
)
"""Places that state the day where the outlet is, not the day in UTC."""
_HIDDEN: Final = frozenset(
    (
        Provenance.TIME_ELEMENT,
        Provenance.MICRODATA,
        Provenance.JSON_LD,
        Provenance.META_TAG,
        Provenance.SCRIPT,
    )
)
"""Places that programs fill in, often in UTC."""
_MAX_NOTES: Final = 3
_HEAD_BLOCKS: Final = 6
_TAIL_BLOCKS: Final = 3
_MAX_HEAD_TEXT: Final = 400
"""Characters of text above a date line, such as a lead."""


Evidence = tuple[StatedDate, Claim]
"""A date that a file states, and the claim to it."""


@dataclass(frozen=True, slots=True)
class ChosenDate:
    """The publication date that was chosen, its provenance, and notes for people."""

    published: Published | None
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatedFile:
    """What the choice of a date looks at besides the claims of a file.

    ``fetched`` is when the file was taken from the web, if the file states it, and
    ``file_time`` is the time of the file, if it has a usable one.
    """

    body: Body
    path: str
    title: str | None = None
    url: str | None = None
    outlet: Outlet | None = None
    fetched: datetime | None = None
    file_time: datetime | None = None


def choose_date(claims: Claims, file: DatedFile, trace: Trace = NO_TRACE) -> ChosenDate:
    """Return the publication date: the best evidence that is plausible.

    A date without a time of day gets the time from the article's next own statement of the
    same day. A time in UTC gives way to the day that the page shows, which is the local one.
    """
    latest = (file.fetched or file.file_time or _NO_FILE_TIME) + _MAX_CLOCK_ERROR
    evidence = [*_iter_claims(claims, file, trace), *_iter_head(file)]
    if trace.full or not _is_settled(evidence, latest):
        evidence += [*_iter_names(claims, file, evidence), *_iter_text(file)]
    evidence.sort(key=_by_rank)
    sure = None if file.fetched else _day_in_claims_and_url(evidence)
    notes: list[str] = []
    plausible: list[Evidence] = []
    for stated, claim in evidence:
        if _as_instant(stated) <= latest or stated.day == sure:
            plausible.append((stated, claim))
            continue
        trace.lost(claim, Loss.AFTER_FETCH)
        if len(notes) < _MAX_NOTES:
            day = stated.day.isoformat()
            notes.append(
                message(
                    "date {day} ({provenance}) is later than the file's time",
                    day=day,
                    provenance=claim.provenance,
                )
            )
    if not plausible:
        return ChosenDate(None, notes=tuple(notes))
    best = _local_day(plausible, file) or _swapped(plausible) or plausible[0]
    if not best[0].has_time and best[1].provenance in _STATED_BY_ARTICLE:
        best = _with_time(best, plausible, trace)
    stated, claim = best
    trace.won(claim)
    for other, rest in plausible:
        if rest is not claim:
            trace.lost(rest, Loss.AGREES if other.day == stated.day else _loss(rest))
    zone = _choose_zone(stated, file.outlet, file.body, notes)
    if is_epoch(claim.value) and (local := _zone_of_text(file.outlet, file.body)):
        stated = StatedDate(stated.value.astimezone(local), stated.precision)
    return ChosenDate(stated.in_zone(zone), claim.provenance, tuple(notes))


def _by_rank(pair: Evidence) -> int:
    return pair[1].rank


def _is_settled(evidence: list[Evidence], latest: datetime) -> bool:
    """Return whether evidence that is weaker than all of this cannot change the choice."""
    best = min(evidence, key=_by_rank, default=None)
    return (
        best is not None
        and best[1].rank < ranks.URL_DAY_RANK
        and (best[0].value.tzinfo is not UTC or best[1].provenance not in _HIDDEN)
        and not is_ambiguous(best[1].value)
        and all(_as_instant(stated) <= latest for stated, _ in evidence)
    )


def _loss(claim: Claim) -> Loss:
    if claim.rank % ranks.OUTSIDE == ranks.UPDATED_RANK:
        return Loss.UPDATE
    return Loss.WEAKER


def _local_day(plausible: list[Evidence], file: DatedFile) -> Evidence | None:
    """Return the day that the page or its URL shows, if it is another one than that in UTC.

    The time is kept if it is on that day in the time zone of the text.
    """
    best, claim = plausible[0]
    if not best.has_time or best.value.tzinfo is not UTC or claim.provenance not in _HIDDEN:
        return None
    for stated, other in plausible:
        if other.provenance not in _LOCAL or other.rank > ranks.NAMED_RANK:
            continue
        if not stated.has_day or (stated.has_time and stated.value.tzinfo is UTC):
            continue  # the same moment again
        if stated.day == best.day:
            return None
        zone = _zone_of_text(file.outlet, file.body)
        if zone and (local := best.value.astimezone(zone)).date() == stated.day:
            return StatedDate(local, best.precision), claim
        start = datetime.combine(stated.day, datetime.min.time(), UTC)
        if start - _FARTHEST_EAST <= best.value < start + timedelta(days=1) + _FARTHEST_WEST:
            return stated, other
        return None
    return None


def _swapped(plausible: list[Evidence]) -> Evidence | None:
    """Return the best date with day and month exchanged, if only that agrees with another one."""
    best, claim = plausible[0]
    if best.day.day > _MONTHS or not is_ambiguous(claim.value):
        return None
    other = best.day.replace(month=best.day.day, day=best.day.month)
    days = [stated.day for stated, rest in plausible[1:] if rest.rank < ranks.UPDATED_RANK]
    if other in days and best.day not in days:
        stated = parse_date(claim.value, day_first=False)
        return (stated, claim) if stated else None
    return None


def _with_time(best: Evidence, plausible: list[Evidence], trace: Trace) -> Evidence:
    """Return the article's next statement of the same day that has a time of day, or ``best``."""
    for stated, claim in plausible:
        own = claim.provenance in _STATED_BY_ARTICLE and claim.rank < ranks.OUTSIDE
        if own and stated.has_time and stated.day == best[0].day:
            trace.lost(best[1], Loss.LESS_PRECISE)
            return stated, claim
    return best


def parse_file_time(mtime: float) -> datetime | None:
    """Return a file's time, in seconds since the epoch, as a date; None if it cannot be one."""
    try:
        file_time = datetime.fromtimestamp(mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return file_time if _EARLIEST_FILE_TIME <= file_time < _NO_FILE_TIME else None


def _day_in_claims_and_url(evidence: list[Evidence]) -> date | None:
    """Return the day that both the file and its URL state: then the file's time is wrong."""
    in_url = {
        each.day for each, claim in evidence if claim.provenance is Provenance.URL and each.has_day
    }
    stated = (each.day for each, claim in evidence if claim.provenance is not Provenance.URL)
    return next((day for day in stated if day in in_url), None)


def _iter_claims(claims: Claims, file: DatedFile, trace: Trace) -> Iterator[Evidence]:
    """Yield the dates that the page and its front matter state."""
    for claim in claims.dates:
        stated = parse_date(claim.value)
        if stated is None:
            trace.lost(claim, Loss.NOT_A_DATE)
        elif (
            file.fetched
            and claim.provenance is Provenance.FRONT_MATTER
            and abs(_as_instant(stated) - file.fetched) < _SAME_MOMENT
        ):
            # Archives of feeds repeat the time of the entry there; others the time of fetching.
            yield stated, claim._replace(rank=ranks.FETCHED_RANK)
        else:
            yield stated, claim


def _iter_names(claims: Claims, file: DatedFile, known: list[Evidence]) -> Iterator[Evidence]:
    """Yield the dates in the URL, in a title, and in the name of the file or of its folders."""
    if stated := date_in_url(file.url) if file.url else None:
        day = stated.has_day
        rank = ranks.URL_DAY_RANK if day else ranks.URL_MONTH_RANK
        value = stated.day.isoformat() if day else stated.value.strftime("%Y-%m")
        yield stated, _found(value, Provenance.URL, rank)
    titles = dict.fromkeys((file.title or "", *(claim.value for claim in claims.titles)))
    for title in titles:
        if stated := date_at_edge(title):
            yield stated, _found(title, Provenance.TITLE, ranks.TITLE_RANK)
            break
    at_fetch = {each.day for each, claim in known if claim.rank == ranks.FETCHED_RANK}
    if (stated := date_in_path(file.path)) and stated.day not in at_fetch:
        value = stated.day.isoformat()
        yield stated, _found(value, Provenance.FILE_NAME, ranks.FILE_NAME_RANK)


def _found(value: str, provenance: Provenance, rank: int) -> Claim:
    return Claim(ClaimField.PUBLISHED, value, provenance, rank=rank)


_RANKS: Final = {
    Meaning.PUBLISHED: (ranks.HEAD_LINE_RANK, ranks.FAR_LABELLED_RANK),
    Meaning.PLAIN: (ranks.HEAD_LINE_RANK, ranks.LAST_LINE_RANK),
    Meaning.UPDATED: (ranks.UPDATED_RANK, ranks.UPDATED_RANK),
}


def _iter_head(file: DatedFile) -> Iterator[Evidence]:
    """Yield what lines at the top of the text state."""
    body = file.body
    if body.first_date and (stated := parse_date(body.first_date)):
        yield stated, _found(body.first_date, Provenance.BODY_START, ranks.FIRST_LINE_RANK)
    length = 0
    bare: list[Evidence] = []
    for text in body.all_text[:_HEAD_BLOCKS]:
        if text in body.captions:
            continue
        for line in read_line(text):
            if line.meaning is Meaning.PLAIN and not line.stated.has_time:
                claim = _found(line.text, Provenance.BODY_START, ranks.BARE_RANK)
                bare.append((line.stated, claim))
            else:
                rank = _RANKS[line.meaning][0]
                yield line.stated, _found(line.text, Provenance.BODY_START, rank)
        length += len(text)
        if length > _MAX_HEAD_TEXT:
            break
    if len({stated.day for stated, _ in bare}) == 1:  # else they are of a chronology
        yield from bare


def _iter_text(file: DatedFile) -> Iterator[Evidence]:
    """Yield what lines at the end, a dateline and the caption of the first photo state."""
    body = file.body
    texts = body.all_text
    for text in texts[max(_HEAD_BLOCKS, len(texts) - _TAIL_BLOCKS) :]:
        alone = parse_date_line(text)
        for line in read_line(text):
            if line.meaning is not Meaning.PLAIN or (alone and alone.has_day):
                rank = _RANKS[line.meaning][1]
                yield line.stated, _found(line.text, Provenance.BODY_END, rank)
    yield from _datelines(file)
    if caption := _lead_caption(body):
        yield caption, _found(caption.day.isoformat(), Provenance.TEXT, ranks.CAPTION_RANK)


_DATELINE = re.compile(
    r"(?:(?P<year>20\d\d)\s?年\s?)?(?P<month>1[0-2]|0?[1-9])\s?月\s?(?P<day>3[01]|[12]\d|0?[1-9])\s?[日号號]\s?"
    r"(?:[电電讯訊]|综合|綜合|消息|報導|报道|專電|专电)"
)
_DATELINE_LENGTH: Final = 60
_DATELINE_BLOCKS: Final = 4


def _datelines(file: DatedFile) -> Iterator[Evidence]:
    """Yield the day of a report, as agencies write it: ``（汀海社5月16日电）``."""
    for text in file.body.paragraphs[:_DATELINE_BLOCKS]:
        match = _DATELINE.search(text, 0, _DATELINE_LENGTH)
        if not match:
            continue
        month, day = int(match["month"]), int(match["day"])
        stated = _in_year(int(match["year"]), month, day) if match["year"] else None
        if stated is None and file.fetched:
            latest = (file.fetched + timedelta(days=1)).date()
            guesses = (_in_year(latest.year - back, month, day) for back in (0, 1))
            stated = next((each for each in guesses if each and each.day <= latest), None)
        if stated:
            yield stated, _found(match.group(), Provenance.TEXT, ranks.DATELINE_RANK)
            return


def _in_year(year: int, month: int, day: int) -> StatedDate | None:
    try:
        return StatedDate(datetime(year, month, day), Precision.DAY)
    except ValueError:
        return None


_YEARS = re.compile(r"(?<!\d)(?:19|20)\d\d(?=\s?年)|\b(?:19|20)\d\d\b")
_MAX_DATED_TEXT: Final = 200_000
_CAPTION_BLOCKS: Final = 4


def _lead_caption(body: Body) -> StatedDate | None:
    """Return the day of the photo at the top: the full date with which its caption begins.

    It is not the article's own day if the text mentions a later year.
    """
    captions = set(body.captions)
    for text in body.all_text[:_CAPTION_BLOCKS]:
        if not any(text.startswith(caption) for caption in captions):
            continue
        found = find_dates(text[:40])
        if found and found[0].start == 0 and found[0].stated.has_day:
            whole = "\n".join(body.all_text)[:_MAX_DATED_TEXT]
            year = found[0].stated.value.year
            if all(int(match.group()) <= year for match in _YEARS.finditer(whole)):
                return StatedDate(
                    datetime.combine(found[0].stated.day, datetime.min.time()), Precision.DAY
                )
    return None


def _as_instant(stated: StatedDate) -> datetime:
    value = stated.value
    return value if value.tzinfo else value.replace(tzinfo=_CHINA)


def _choose_zone(
    stated: StatedDate, outlet: Outlet | None, body: Body, notes: list[str]
) -> tzinfo | None:
    """Return the time zone of a time without an offset, and add a note that it is assumed."""
    if not stated.has_time or stated.value.tzinfo:
        return None
    zone = _zone_of_text(outlet, body)
    if zone is None:
        notes.append(message("time without an offset: only the day is kept"))
    elif outlet and outlet.timezone():
        notes.append(
            message("time without an offset: the time zone of {name} is assumed", name=outlet.name)
        )
    else:
        notes.append(message("time without an offset: +08:00 is assumed"))
    return zone


def _zone_of_text(outlet: Outlet | None, body: Body) -> tzinfo | None:
    """Return the time zone of the outlet, else that of Chinese text, else None."""
    if outlet and (zone := outlet.timezone()):
        return zone
    sample = "".join(body.paragraphs[:3])[:300]
    han = len(_HAN.findall(sample))
    return _CHINA if han * 4 > len(sample) and han > len(_NOT_CHINESE.findall(sample)) else None
