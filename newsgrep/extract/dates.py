"""Dates of articles: how news writes them, where, and which is the publication date.

Reads ISO 8601, RFC 2822, Chinese and English dates, and dates in URLs and in text. A date is
never more precise than it is written: midnight filled in by a program is a day, and a time
without an offset has none until the outlet's or the text's time zone is known.
The module has three parts: forms of dates, places where files state dates with their ranks,
and the choice of the publication date from the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from newsgrep.analysis.characters import solo_character
from newsgrep.analysis.numerals import HAN_DIGITS, parse_number
from newsgrep.extract.claims import Body, Claim, ClaimField, Claims, Loss
from newsgrep.extract.dom import Element, short_text
from newsgrep.extract.outlets import Outlet
from newsgrep.extract.trace import NO_TRACE, Trace
from newsgrep.models import Precision, Provenance, Published

EARLIEST_YEAR: Final = 1800
"""Earlier years in news are typing errors or history."""


@dataclass(frozen=True, slots=True)
class StatedDate:
    """A date as it is written; ``value`` has an offset only if one is written with it."""

    value: datetime
    precision: Precision

    @property
    def day(self) -> date:
        """Return the calendar day, in the date's own offset."""
        return self.value.date()

    @property
    def has_time(self) -> bool:
        """Return whether a time of day is known."""
        return self.precision in (Precision.MINUTE, Precision.SECOND)

    def in_zone(self, zone: tzinfo | None) -> Published:
        """Return the value to store; a time without an offset is in ``zone``, or cut to its day."""
        value, precision = self.value, self.precision
        if self.has_time and value.tzinfo is None:
            if zone is None:
                precision = Precision.DAY
            else:
                value = value.replace(tzinfo=zone)
        shapes = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}
        if precision in shapes:
            return Published(value.date().isoformat()[: shapes[precision]], precision)
        spec = "minutes" if precision is Precision.MINUTE else "seconds"
        return Published(value.replace(microsecond=0).isoformat(timespec=spec), precision)


_NUMERAL: Final = HAN_DIGITS + "十廿卅"
_TIME: Final = (
    r"(?P<hour>[01]?\d|2[0-4])[:：时時點点](?P<minute>[0-5]\d)(?:[:：分](?P<second>[0-5]\d))?"
)
_CLOCK = re.compile(
    r"[\sT，,]*(?:(?:星期|周|週|禮拜|礼拜)[一二三四五六日天][，,\s]*)?[（(]?\s*"
    r"(?P<half>上午|下午|凌晨|早上|中午|晚上|晚间|晚間|AM|PM)?\s*" + _TIME + r"(?:[.,]\d+)?"
    r"\s*(?P<after>[AaPp]\.?[Mm]\b)?\s*"
    r"(?P<zone>Z\b|UTC\b|GMT\b|北京时间|北京時間|[+-]\d\d:?\d\d\b)?"
)
_ISO = re.compile(
    r"(?<!\d)(?P<year>1[89]\d\d|20\d\d)(?P<sep>[-/.])(?P<month>0?[1-9]|1[0-2])(?P=sep)"
    r"(?P<day>3[01]|[12]\d|0?[1-9])(?!\d)"
)
_COMPACT = re.compile(
    r"(?<!\d)(?P<year>1[89]\d\d|20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:T?(?P<clock>\d{6}))?(?!\d)"
)
_CHINESE = re.compile(
    rf"(?<!\d)(?:(?P<year>1[89]\d\d|20\d\d)|(?P<cyear>[一二][{HAN_DIGITS}]{{3}})"
    rf"|(?:民國|民国)(?P<minguo>\d{{1,3}}|[{_NUMERAL}]{{1,3}}))\s?年\s?"
    rf"(?P<month>1[0-2]|0?[1-9]|[{_NUMERAL}]{{1,2}})\s?月\s?"
    rf"(?:(?P<day>3[01]|[12]\d|0?[1-9]|[{_NUMERAL}]{{1,3}})\s?[日号號])?"
)
_CHINESE_DAY = re.compile(
    r"(?<![\d年])(?P<month>1[0-2]|0?[1-9])\s?月\s?(?P<day>3[01]|[12]\d|0?[1-9])\s?[日号號]"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH: Final = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_ENGLISH = (
    re.compile(
        rf"\b{_MONTH}\s+(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?,?\s+"
        r"(?P<year>1[89]\d\d|20\d\d)(?!\d)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<!\d)(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\s+{_MONTH},?\s+"
        r"(?P<year>1[89]\d\d|20\d\d)(?!\d)",
        re.IGNORECASE,
    ),
)
_AMERICAN = re.compile(
    r"(?<!\d)(?P<month>0[1-9]|1[0-2])/(?P<day>0[1-9]|[12]\d|3[01])/(?P<year>20\d\d)(?!\d)"
)
_ISO_MONTH = re.compile(r"(?P<year>1[89]\d\d|20\d\d)(?:-(?P<month>0[1-9]|1[0-2]))?")
_RFC = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,\s*)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{4}\s+"
    r"\d{1,2}:\d\d(?::\d\d)?(?:\s*(?:[A-Z]{1,5}|[+-]\d{4})\b)?",
)


def _year(match: re.Match[str]) -> int:
    groups = match.groupdict()
    if groups.get("year"):
        return int(match["year"])
    if groups.get("cyear"):
        return parse_number(match["cyear"])
    return parse_number(match["minguo"]) + 1911


def _month(text: str) -> int:
    return _MONTHS.get(text[:3].lower()) or parse_number(text)


def _build(match: re.Match[str], text: str) -> StatedDate | None:
    """Return the date of ``match``, with the time of day that follows it in ``text``."""
    day_text = match.groupdict().get("day")
    try:
        day = date(_year(match), _month(match["month"]), parse_number(day_text or "1"))
    except ValueError:
        return None
    if day.year < EARLIEST_YEAR:
        return None
    start = datetime.combine(day, time())
    if not day_text:
        return StatedDate(start, Precision.MONTH)
    clock = _CLOCK.match(text, match.end(), match.end() + 60)
    if not clock:
        return StatedDate(start, Precision.DAY)
    hour = int(clock["hour"])
    half = (clock["half"] or "") + (clock["after"] or "").lower().replace(".", "")
    if half in ("下午", "晚上", "晚间", "晚間", "PM", "pm") and hour < 12:  # noon
        hour += 12
    elif half in ("凌晨", "AM", "am") and hour == 12:  # midnight
        hour = 0
    minute, second = int(clock["minute"]), int(clock["second"] or 0)
    zone = clock["zone"] or ""
    if (hour, minute, second) in ((0, 0, 0), (24, 0, 0)):
        return StatedDate(start, Precision.DAY)
    if hour == 24:
        return StatedDate(start, Precision.DAY)
    value = start.replace(hour=hour, minute=minute, second=second)
    if zone:
        offset = "+00:00" if zone in ("Z", "UTC", "GMT") else zone
        offset = "+08:00" if offset.startswith("北京") else offset
        try:
            value = datetime.fromisoformat(value.isoformat() + offset)
        except ValueError:
            return StatedDate(start, Precision.DAY)
    return StatedDate(value, Precision.SECOND if clock["second"] else Precision.MINUTE)


def parse_date(text: str) -> StatedDate | None:
    """Return the first date in ``text``, a short field, in any known form, or None.

    >>> parse_date("2024年5月17日 下午3:05")
    StatedDate(value=datetime.datetime(2024, 5, 17, 15, 5), precision=<Precision.MINUTE: 'minute'>)
    """
    return _parse_cached(text.strip()[:200])


@lru_cache(maxsize=1000)  # a file states its date more than once, and neighbouring files the same
def _parse_cached(text: str) -> StatedDate | None:
    if not text:
        return None
    if _RFC.fullmatch(text):
        try:
            value = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            value = None
        if value is not None and value.year >= EARLIEST_YEAR:
            if value.time() == time():
                return StatedDate(value.replace(tzinfo=None), Precision.DAY)
            precision = Precision.SECOND if text.count(":") > 1 else Precision.MINUTE
            return StatedDate(value, precision)
    if text.isdecimal() and len(text) in (10, 13) and text[0] == "1":
        number = int(text) / (1000 if len(text) == 13 else 1)  # milliseconds
        value = datetime.fromtimestamp(number, tz=UTC)
        return StatedDate(value.replace(microsecond=0), Precision.SECOND)
    for pattern in (_ISO, _CHINESE, *_ENGLISH, _AMERICAN, _COMPACT):
        match = pattern.search(text)
        if match:
            if pattern is _COMPACT and match["clock"]:
                clock = match["clock"]
                as_time = f" {clock[:2]}:{clock[2:4]}:{clock[4:]}"
                return _build(match, text[: match.end()] + as_time) and _compact(match)
            return _build(match, text)
    match = _ISO_MONTH.fullmatch(text)
    if match:
        month = int(match["month"] or 1)
        precision = Precision.MONTH if match["month"] else Precision.YEAR
        return StatedDate(datetime(int(match["year"]), month, 1), precision)  # no zone
    return None


def _compact(match: re.Match[str]) -> StatedDate | None:
    text = match.group().replace("T", "")
    try:
        value = datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return StatedDate(value, Precision.DAY if value.time() == time() else Precision.SECOND)


_URL_DATE = re.compile(
    r"/(?P<year>19\d\d|20\d\d)(?P<sep>[-/_]?)(?P<month>0[1-9]|1[0-2]|(?<=[-/_])[1-9])(?P=sep)"
    r"(?P<day>0[1-9]|[12]\d|3[01]|(?<=[-/_])[1-9])(?=[/_.?#-]|$)"
)
_URL_TAIL_DATE = re.compile(
    r"[-_](?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?=[/_.?#-]|$)"
)
_URL_MONTH = re.compile(r"/(?P<year>19\d\d|20\d\d)[-/](?P<month>0[1-9]|1[0-2])/")


def date_in_url(url: str) -> StatedDate | None:
    """Return the day or the month in ``url``, such as ``/20240517/`` or ``/2024/05/``, or None."""
    for pattern in (_URL_DATE, _URL_TAIL_DATE, _URL_MONTH):
        match = pattern.search(url)
        if match:
            moment = _build(match, "")
            if moment:
                return moment
    return None


def dates_in_text(text: str) -> Iterator[StatedDate]:
    """Yield the full dates (year, month and day) in ``text``, in order."""
    found = [m for pattern in (_ISO, _CHINESE, *_ENGLISH) for m in pattern.finditer(text)]
    for match in sorted(found, key=re.Match.start):
        if match["day"]:
            moment = _build(match, text)
            if moment:
                yield StatedDate(datetime.combine(moment.day, time()), Precision.DAY)


def month_day_in_text(text: str, year: int, latest: date) -> StatedDate | None:
    """Return the first date such as ``5月16日`` in ``text``, in ``year`` or in the year before.

    The year before is taken where the day would be after ``latest``.
    """
    match = _CHINESE_DAY.search(text)
    if not match:
        return None
    for guess in (year, year - 1):
        try:
            day = date(guess, int(match["month"]), int(match["day"]))
        except ValueError:
            continue
        if day <= latest:
            return StatedDate(datetime.combine(day, time()), Precision.DAY)
    return None


_YEARS = re.compile(r"(?<!\d)(?:19|20)\d\d(?=\s?年)|\b(?:19|20)\d\d\b")


def years_in_text(text: str) -> set[int]:
    """Return the years from 1900 to 2099 in ``text``."""
    return {int(match.group()) for match in _YEARS.finditer(text)}


_DATE_LINE = re.compile(
    r"(?:(?:发布|發布|發佈|发表|發表|更新|刊登|时间|時間|日期|Published|Posted|Date)"
    r"(?:时间|時間|日期|于|於|on|at)?\s*+[:：]?\s*+)?(?P<date>.{6,60}?)\s*(?:发布|發布|發佈|提交)?",
    re.IGNORECASE,
)
_DATE_CHARACTERS = re.compile(
    r"[\s\d:：.,，/()（）年月日号號时時分秒TZ+-]|星期.|周.|週.|GMT|UTC|[AaPp][Mm]|上午|下午"
)
_DAY_AND_MONTH_NAMES = re.compile(
    r"(?:星期|周|週|禮拜|礼拜)[一二三四五六日天]|\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*\b|[〇零○一二三四五六七八九十廿]"
)


_MAX_DATE_LINE: Final = 100


def parse_date_line(text: str) -> StatedDate | None:
    """Return the date in ``text``, a whole line, if the line contains nothing else."""
    if len(text) > _MAX_DATE_LINE:
        return None
    match = _DATE_LINE.fullmatch(text.strip())
    if not match:
        return None
    stated = match["date"]
    if _DATE_CHARACTERS.sub("", _DAY_AND_MONTH_NAMES.sub("", stated)):
        return None
    return parse_date(stated)


# Where files state dates. The ranks are those of claims: smaller ranks are better evidence.

FRONT_MATTER_KEYS: Final = (
    "date",
    "published",
    "published_at",
    "pubdate",
    "publish_date",
    "publishdate",
    "created",
)
PROPERTY_NAMES: Final = frozenset(
    ("datepublished", "dc:date", "dc:created", "dcterms:created", "schema:datepublished")
)
"""Values of ``itemprop`` and ``property``."""
PROPERTY_RANK: Final = 20
JSON_LD_RANK: Final = 25
FRONT_MATTER_RANK: Final = 210
_META_RANKS: Final = {
    name: rank
    for rank, name in enumerate(
        (
            "article:published_time",
            "og:article:published_time",
            "datepublished",
            "og:published_time",
            "og:release_date",
            "publishdate",
            "pubdate",
            "publish_date",
            "publication_date",
            "parsely-pub-date",
            "sailthru.date",
            "dc.date.issued",
            "dcterms.created",
            "dcterms.issued",
            "dc.date",
            "date",
            "weibo:article:create_at",
            "bytedance:published_time",
        ),
        start=30,
    )
}
_FIRST_LINE_RANK: Final = 200
_URL_DAY_RANK: Final = 220
_TEXT_RANK: Final = 230
_URL_MONTH_RANK: Final = 240
_PUBLISHED_TIME_RANK: Final = 2
_TIME_RANK: Final = 8
_PUBLISHED = re.compile(
    r"(?:^|\s)(?:published|datepublished|entry-date|entry-time|pub-?date|post-date|dt-published|publish\S*)(?:\s|$)",
    re.IGNORECASE,
)
_UPDATED = re.compile(
    r"(?:^|\s)(?:updated|modified|dt-updated|date-?modified)(?:\s|$)", re.IGNORECASE
)
_UPDATE_LABEL = re.compile(
    r"(?:(?:最后|最後|最近)?(?:更新|修改|修訂|修订|编辑|編輯)(?:时间|時間|日期|于|於|在)?"
    r"|\b(?:last\s+)?(?:updated|modified|edited)(?:\s+(?:on|at))?)\s*[:：]?\s*$",
    re.IGNORECASE,
)
_MIN_RUNNING_TEXT: Final = 80
"""Characters next to a time element; with more it is in running text and dates an event."""
_INLINE_ELEMENTS: Final = frozenset(("span", "em", "strong", "b", "i", "a", "small"))
_MAX_CLASSES: Final = 300
_LABEL_LENGTH: Final = 40


def meta_rank(name: str) -> int | None:
    """Return the rank of a date in the ``meta`` tag ``name``, or None if it states no date."""
    return _META_RANKS.get(name)


def json_ld_date(article: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the key and the value of the publication date of an article in JSON-LD."""
    key = "datePublished" if article.get("datePublished") else "dateCreated"
    return key, article.get(key)


def date_in_time_element(element: Element) -> tuple[str, int] | None:
    """Return the date in a ``time`` element and its rank, or None.

    Times of updates and times in running text, which date an event, are not returned.
    """
    classes = " ".join(
        element.attribute(name)[:_MAX_CLASSES] for name in ("class", "itemprop", "property")
    )
    published = bool(_PUBLISHED.search(classes)) or "pubdate" in element.attrs
    if not published and (
        _UPDATED.search(classes)
        or _UPDATE_LABEL.search(_text_before(element))
        or _in_running_text(element)
    ):
        return None
    rank = _PUBLISHED_TIME_RANK if published else _TIME_RANK
    stated = element.attribute("datetime").strip()
    return (stated, rank) if stated else (short_text(element), rank + 1)


def _text_before(element: Element) -> str:
    """Return the end of the text before ``element``, which may be its label."""
    for _ in range(3):
        parent = element.parent
        if parent is None:
            break
        for previous in reversed(parent.contents[: element.position]):
            if isinstance(previous, Element):
                last = previous.contents[-1] if previous.contents else None
                return last.strip()[-_LABEL_LENGTH:] if isinstance(last, str) else ""
            if previous.strip():
                return previous.strip()[-_LABEL_LENGTH:]
        if parent.name not in _INLINE_ELEMENTS:
            break
        element = parent
    return ""


def _in_running_text(element: Element) -> bool:
    """Return whether ``element`` is part of a paragraph or a list item with other text."""
    parent = element.parent
    for _ in range(3):
        if parent is None or parent.name not in _INLINE_ELEMENTS:
            break
        parent = parent.parent
    if parent is None or parent.name not in ("p", "li", "td", "dd", "blockquote"):
        return False
    whole = short_text(parent)
    rest = len(whole) - len(short_text(element))
    return rest > _MIN_RUNNING_TEXT or (rest > 10 and any(mark in whole for mark in "。！？"))


# Which date to choose.

_MAX_CLOCK_ERROR: Final = timedelta(days=2)
"""A date that is later than the time of fetching by more than this is a mistake."""
_MAX_FETCH_DELAY: Final = timedelta(days=45)
"""A date in running text is the article's own only if the file was fetched within this time."""
_NO_FILE_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Replaces the time of a file that has no usable one."""
_EARLIEST_FILE_TIME: Final = datetime(1991, 1, 1, tzinfo=UTC)
"""Archivers and build tools set 1970 or 1980 where they have no time."""
_CHINA: Final = timezone(timedelta(hours=8))
"""Time zone of Chinese text whose outlet has no rule for it."""


_STATED_BY_ARTICLE: Final = frozenset(
    (
        Provenance.OUTLET_RULE,
        Provenance.TIME_ELEMENT,
        Provenance.MICRODATA,
        Provenance.JSON_LD,
        Provenance.META_TAG,
        Provenance.BODY_START,
    )
)
_MAX_NOTES: Final = 3
_MAX_DATED_TEXT: Final = 200_000
"""Characters of text in which a date is searched."""


@dataclass(frozen=True, slots=True)
class ChosenDate:
    """The publication date that was chosen, its provenance, and notes for people."""

    published: Published | None
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()


def choose_date(
    claims: Claims,
    body: Body,
    *,
    url: str | None,
    outlet: Outlet | None,
    fetched: datetime | None,
    file_time: datetime | None,
    trace: Trace = NO_TRACE,
) -> ChosenDate:
    """Return the publication date: the best evidence that is plausible.

    ``fetched`` is when the file was taken from the web, if the file states it, and ``file_time``
    is the time of the file, if it has a usable one. A date without a time of day gets the time
    from the article's next own statement of the same day.
    """
    file_time = file_time or _NO_FILE_TIME
    latest = (fetched or file_time) + _MAX_CLOCK_ERROR
    sure = None if fetched else _day_in_claims_and_url(claims, url)
    notes: list[str] = []
    best: tuple[StatedDate, Claim] | None = None
    for stated, claim in _iter_evidence(claims, body, url, fetched, file_time, trace):
        provenance = claim.provenance
        if _as_instant(stated) > latest and stated.day != sure:
            trace.lost(claim, Loss.AFTER_FETCH)
            if len(notes) < _MAX_NOTES:
                day = stated.day.isoformat()
                notes.append(f"date {day} ({provenance}) is later than the file's time")
            continue
        own = provenance in _STATED_BY_ARTICLE
        if best is None:
            best = stated, claim
            if stated.has_time or not own:
                break
        elif own and stated.has_time and stated.day == best[0].day:
            trace.lost(best[1], Loss.LESS_PRECISE)
            best = stated, claim
            break
        elif not own:
            break
    if best is not None:
        trace.won(best[1])
    if trace.full:
        _trace_rest(best and best[0], claims, body, url, fetched, file_time, trace)
    if best is None:
        return ChosenDate(None, notes=tuple(notes))
    stated, claim = best
    zone = _choose_zone(stated, outlet, body, notes)
    return ChosenDate(stated.in_zone(zone), claim.provenance, tuple(notes))


def _trace_rest(
    chosen: StatedDate | None,
    claims: Claims,
    body: Body,
    url: str | None,
    fetched: datetime | None,
    file_time: datetime,
    trace: Trace,
) -> None:
    """Record the evidence that was not needed."""
    for stated, claim in _iter_evidence(claims, body, url, fetched, file_time, trace):
        agrees = chosen is not None and stated.day == chosen.day
        trace.lost(claim, Loss.AGREES if agrees else Loss.WEAKER)


def parse_file_time(mtime: float) -> datetime | None:
    """Return a file's time, in seconds since the epoch, as a date; None if it cannot be one."""
    try:
        file_time = datetime.fromtimestamp(mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return file_time if _EARLIEST_FILE_TIME <= file_time < _NO_FILE_TIME else None


def _day_in_claims_and_url(claims: Claims, url: str | None) -> date | None:
    """Return the day that both the file and its URL state: then the file's time is wrong."""
    in_url = date_in_url(url) if url else None
    if in_url is None or in_url.precision is not Precision.DAY:
        return None
    claimed = (parse_date(claim.value) for claim in claims.dates)
    return in_url.day if any(each and each.day == in_url.day for each in claimed) else None


def _iter_evidence(
    claims: Claims,
    body: Body,
    url: str | None,
    fetched: datetime | None,
    file_time: datetime,
    trace: Trace,
) -> Iterator[tuple[StatedDate, Claim]]:
    """Yield the dates that the file states, the best evidence first.

    The order is: the article's own statements, front matter, a day in the URL, the text, a month
    in the URL. Front matter that only repeats the time of fetching states no date.
    """
    front_matter: list[tuple[StatedDate, Claim]] = []
    for claim in claims.dates:
        stated = parse_date(claim.value)
        if stated is None:
            trace.lost(claim, Loss.NOT_A_DATE)
        elif claim.provenance is Provenance.FRONT_MATTER:
            front_matter.append((stated, claim))
        else:
            yield stated, claim
    if body.first_date and (stated := parse_date(body.first_date)):
        yield stated, _found(body.first_date, Provenance.BODY_START, _FIRST_LINE_RANK)
    at_fetch = [
        pair
        for pair in front_matter
        if fetched and abs(_as_instant(pair[0]) - fetched) < timedelta(seconds=2)
    ]
    for pair in front_matter:
        if pair not in at_fetch:
            yield pair
    in_url = date_in_url(url) if url else None
    if in_url and in_url.precision is Precision.DAY:
        yield in_url, _found(in_url.day.isoformat(), Provenance.URL, _URL_DAY_RANK)
    if not at_fetch and (in_text := _choose_date_in_text(body, fetched, file_time)):
        yield in_text, _found(in_text.day.isoformat(), Provenance.TEXT, _TEXT_RANK)
    if in_url and in_url.precision is not Precision.DAY:
        yield in_url, _found(in_url.value.strftime("%Y-%m"), Provenance.URL, _URL_MONTH_RANK)
    for _, claim in at_fetch:
        trace.lost(claim, Loss.FETCH_TIME)


def _found(value: str, provenance: Provenance, rank: int) -> Claim:
    return Claim(ClaimField.PUBLISHED, value, provenance, rank=rank)


def _choose_date_in_text(
    body: Body, fetched: datetime | None, file_time: datetime
) -> StatedDate | None:
    """Return the first full date in the text that may be the article's own, or None.

    A date is not the article's own if the file was fetched much later, or if the text mentions
    later years.
    """
    text = "\n".join(body.all_text)[:_MAX_DATED_TEXT]
    until = fetched or file_time
    newest = max((year for year in years_in_text(text) if year <= until.year), default=0)
    for stated in dates_in_text(text):
        instant = _as_instant(stated)
        if fetched and instant < fetched - _MAX_FETCH_DELAY:
            continue
        if stated.value.year >= newest and instant <= until + _MAX_CLOCK_ERROR:
            return stated
    if fetched:
        day = month_day_in_text(text, fetched.year, (fetched + timedelta(days=1)).date())
        if day and _as_instant(day) > fetched - _MAX_FETCH_DELAY:
            return day
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
    if outlet and (zone := outlet.timezone()):
        notes.append(f"time without an offset: the time zone of {outlet.name} is assumed")
        return zone
    sample = "".join(body.paragraphs[:3])[:300]
    if len(solo_character().findall(sample)) * 4 > len(sample):
        notes.append("time without an offset: +08:00 is assumed")
        return _CHINA
    notes.append("time without an offset: only the day is kept")
    return None
