"""The values that travel through the house: articles, records, hits and snippets.

All of them are frozen and complete: nothing here reads a file or an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import NamedTuple

PARAGRAPH_BREAK = "\n\n"
"""What separates two paragraphs of a body; a single newline is a line break inside one."""

ARCHIVE_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""In whose calendar a moment is one day or the next; without summer time since 1991."""


class Provenance(StrEnum):
    """Where the value of an article's field was found."""

    OUTLET_RULE = "site rule"
    FRONT_MATTER = "front matter"
    LINK_LINE = "link line"
    FIRST_LINE = "first line"
    BODY_START = "first line of the body"
    TITLE = "title"
    TITLE_ELEMENT = "title element"
    HEADING = "heading"
    META_TAG = "meta tag"
    JSON_LD = "JSON-LD"
    MICRODATA = "microdata"
    TIME_ELEMENT = "time element"
    ADDRESS_ELEMENT = "address element"
    LINK_ELEMENT = "link element"
    BYLINE = "byline"
    URL = "URL"
    TEXT = "text"
    FILE_NAME = "file name"
    FETCH_TIME = "fetch time"
    FILE_TIME = "file time"


GUESSED_DATES = frozenset((Provenance.FILE_TIME, Provenance.FETCH_TIME))
"""Provenance of a date that is the date of a file, not of publication."""


def month_index(day: date) -> int:
    """Return the number of the month of ``day``, so that months can be added and subtracted."""
    return day.year * 12 + day.month - 1


def month_span(index: int) -> tuple[date, date]:
    """Return the first and last day of the month with this :func:`month_index`.

    Raises ``ValueError`` outside of the years 1 to 9999.

    >>> month_span(month_index(date(2024, 2, 10)))
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    """
    year, month = divmod(index, 12)
    first = date(year, month + 1, 1)
    if month == 11:
        return first, first.replace(day=31)
    return first, first.replace(month=month + 2) - timedelta(days=1)


class Precision(StrEnum):
    """How much of a moment is known."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Published:
    """When an article was published, no more precisely than is known.

    ``iso`` is ISO 8601 cut to the precision: ``2024``, ``2024-05``, ``2024-05-17``,
    ``2024-05-17T10:50+08:00`` or ``2024-05-17T10:50:43+08:00``. A time of day always
    carries its offset, the one that the article itself implies.
    """

    iso: str
    precision: Precision

    def days(self, zone: tzinfo) -> tuple[date, date]:
        """Return the first and the last calendar day, in ``zone``, that this may mean.

        A moment with a time of day is one day in ``zone``; a day, a month or a year
        is taken as the article's own calendar, whatever ``zone`` is.
        """
        if self.precision is Precision.YEAR:
            year = int(self.iso)
            return date(year, 1, 1), date(year, 12, 31)
        if self.precision is Precision.MONTH:
            return month_span(month_index(date.fromisoformat(self.iso + "-01")))
        if self.precision is Precision.DAY:
            day = date.fromisoformat(self.iso)
            return day, day
        day = datetime.fromisoformat(self.iso).astimezone(zone).date()
        return day, day

    def sort_key(self) -> float:
        """Return seconds since the epoch of the earliest moment that this may mean."""
        if self.precision is Precision.YEAR:
            start = datetime(int(self.iso), 1, 1, tzinfo=UTC)
        elif self.precision is Precision.MONTH:
            start = datetime.fromisoformat(self.iso + "-01").replace(tzinfo=UTC)
        elif self.precision is Precision.DAY:
            start = datetime.fromisoformat(self.iso).replace(tzinfo=UTC)
        else:
            start = datetime.fromisoformat(self.iso)
        return start.timestamp()


@dataclass(frozen=True, slots=True)
class Article:
    """One article as a careful reader would take it from its file.

    ``body`` holds paragraphs joined by :data:`PARAGRAPH_BREAK`; every offset that
    newsgrep gives for a body counts characters of this string. ``provenance`` has
    the keys ``title``, ``source``, ``published`` and ``authors``, and for each of them
    where it was found; a field that was not found has no key. ``notes`` are remarks for
    people: a guessed encoding, a repaired date.
    """

    id: str
    title: str
    body: str
    path: str
    source: str | None = None
    url: str | None = None
    authors: tuple[str, ...] = ()
    published: Published | None = None
    fetched: str | None = None
    tags: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Return the body's paragraphs in order."""
        return tuple(self.body.split(PARAGRAPH_BREAK)) if self.body else ()


class Status(StrEnum):
    """What became of a file."""

    INDEXED = "indexed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class FileRecord(NamedTuple):
    """What an index knows of one file: enough to tell whether it must be read again.

    ``size`` counts bytes, ``mtime_ns`` nanoseconds since the epoch, ``digest`` is of the
    file's bytes, in hexadecimal digits, or empty if they were not read. ``article_id`` is
    the article that the file holds, also where another file's version of it was taken;
    ``reason`` says why the file itself is not shown. ``version_key`` orders the versions of one
    article: the greatest is taken. (A tuple, for there may be a million of them.)
    """

    path: str
    size: int
    mtime_ns: int
    digest: str
    status: Status
    article_id: str | None = None
    reason: str | None = None
    version_key: tuple[str, int] = ("", 0)


class Span(NamedTuple):
    """A part of a text, from ``start`` up to ``end``, in characters of that text."""

    start: int
    end: int


class Snippet(NamedTuple):
    """A window on an article's own text, with what matched in it.

    ``offset`` is where ``text`` begins, in characters of ``Article.body``, or for the
    field ``caption`` of the caption itself; ``spans`` count characters of ``text``.
    ``cut_before`` and ``cut_after`` say that a sentence was cut there.
    """

    text: str
    spans: tuple[Span, ...]
    offset: int
    cut_before: bool
    cut_after: bool
    field: str = "body"


class Hit(NamedTuple):
    """One article found: its rank (1 for the first), its score, and what to show of it.

    ``title_spans`` count characters of ``Article.title``.
    """

    rank: int
    score: float
    article: Article
    title_spans: tuple[Span, ...]
    snippets: tuple[Snippet, ...]
