"""The values that all packages share: articles, file records, hits and snippets.

They are immutable and complete: nothing here reads a file or an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Self, TypeVar, dataclass_transform

PARAGRAPH_BREAK = "\n\n"
"""The separator of paragraphs in a body; a single newline is a line break inside one."""

ARCHIVE_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The default calendar for days. It has had no summer time since 1991."""


SCHEMA_VERSION: Final = 1
"""The ``version`` in every JSON object; only changes other than additions increase it."""

SHORT_ID: Final = 6
"""Characters of an id on the screen: of 100,000 articles, one in ten thousand shares them."""


@dataclass_transform(frozen_default=True)
class Value:
    """An immutable value, equal to another one of its class whose fields are equal.

    The annotations of a subclass are its fields, as in a frozen dataclass, and type checkers see
    one. A real one compiles its methods at every start, 0.5 ms for each class: with 22 classes, a
    tenth of a cold search.

    >>> class Point(Value):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, 0), Point(1)._replace(y=2)
    (Point(x=1, y=0), True, Point(x=1, y=2))
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[Mapping[str, Any]] = {}
    """The default of each field in order, ``None`` for a field without one."""
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {name: getattr(cls, name, None) for name in cls._fields}
        cls._required = frozenset(name for name in cls._fields if not hasattr(cls, name))
        type.__setattr__(cls, "__match_args__", cls._fields)

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        given = dict(zip(fields, values, strict=False), **named) if values else named
        whole = {**self._defaults, **given}
        if len(given) < len(values) + len(named) or len(whole) > len(fields):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}, each once")
        if not given.keys() >= self._required:
            missing = ", ".join(name for name in fields if name in self._required - given.keys())
            raise AttributeError(f"{type(self).__name__} needs a value of {missing}")
        vars(self).update(whole)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the values: a subclass raises ``ValueError`` here."""

    def _replace(self, **changes: Any) -> Self:
        """Return the same value with other values of the fields in ``changes``."""
        return type(self)(**{**vars(self), **changes})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} can't be changed")


_StrEnum = TypeVar("_StrEnum", bound=StrEnum)


def direct_members(enumeration: type[_StrEnum]) -> type[_StrEnum]:
    """Return ``enumeration`` with its members stored in the class and hashed as strings.

    Python 3.11 finds and hashes a member in Python, which takes 0.3 µs each; extraction does so
    thousands of times for a page. Python 3.12 stores members in the class itself.
    """
    for name, member in enumeration.__members__.items():
        type.__setattr__(enumeration, name, member)
    type.__setattr__(enumeration, "__hash__", str.__hash__)
    return enumeration


@direct_members
class Provenance(StrEnum):
    """Where the value of an article's field was found."""

    GIVEN = "given address"
    OUTLET_RULE = "outlet rule"
    FRONT_MATTER = "front matter"
    FIELD = "field"
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
    DATE_LINE = "date line"
    ADDRESS_ELEMENT = "address element"
    LINK_ELEMENT = "link element"
    COMMENT = "comment"
    BYLINE = "byline"
    LABEL = "labelled line"
    URL = "URL"
    BODY_END = "last line of the body"
    SCRIPT = "script"
    TEXT = "text"
    FILE_NAME = "file name"
    HTTP_HEADER = "HTTP header"
    CONTENT = "main content"
    WHOLE_FILE = "whole file"


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
    """How precisely a date is known."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"


class Published(NamedTuple):
    """A publication date, as precisely as it is known.

    ``iso`` is ISO 8601, truncated to the precision: ``2024``, ``2024-05``, ``2024-05-17``,
    ``2024-05-17T10:50+08:00`` or ``2024-05-17T10:50:43+08:00``. A time of day always
    includes the UTC offset that the article implies.
    """

    iso: str
    precision: Precision

    def __str__(self) -> str:
        return self.iso

    def days(self, zone: tzinfo) -> tuple[date, date]:
        """Return the first and the last calendar day that this may be.

        A date with a time of day is one day in ``zone``. A day, a month or a year is one of
        the article's own calendar, whatever ``zone`` is.
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
        """Return the earliest time that this may be, in seconds since the epoch."""
        if self.precision is Precision.YEAR:
            start = datetime(int(self.iso), 1, 1, tzinfo=UTC)
        elif self.precision is Precision.MONTH:
            start = datetime.fromisoformat(self.iso + "-01").replace(tzinfo=UTC)
        elif self.precision is Precision.DAY:
            start = datetime.fromisoformat(self.iso).replace(tzinfo=UTC)
        else:
            start = datetime.fromisoformat(self.iso)
        return start.timestamp()


class LeftOut(NamedTuple):
    """A passage of a file that is not taken into the body, and the rule that left it out.

    ``text`` is prose with normal white space; ``reason`` is a short phrase such as ``notice`` or
    ``hidden``. Menus, buttons and other text without sentences are not kept.
    """

    text: str
    reason: str


class Version(NamedTuple):
    """An earlier text of an article.

    ``captured`` is when it was taken from the web, or else the time of its file: ISO 8601 in UTC,
    ``""`` if neither is known. ``path`` is that of its file record, with the locator of a record
    in a file, and ``digest`` that of the file's or the record's bytes.
    """

    captured: str
    title: str
    body: str
    path: str
    digest: str


class Article(Value):
    """One article, as a careful reader would copy it from its file.

    ``body`` consists of paragraphs joined by :data:`PARAGRAPH_BREAK`; all offsets in a body
    count characters of this string. ``provenance`` says where ``title``, ``source``,
    ``published`` and ``authors`` were found; a field that was not found has no key.
    ``published`` is None if nothing in the file, its name or its URL states a date.
    ``fetched`` is when the file was taken from the web, if the file states it; ``file_time`` is
    the time of the file itself. Both are ISO 8601 in UTC, and neither is a date of publication.
    ``since`` is when the same text was captured first, if that was earlier.
    ``notes`` are remarks for the reader, such as a guessed encoding.
    ``left_out`` is the prose of the file that is not in the body, in document order.
    ``versions`` are the earlier texts of the article, oldest first.
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
    file_time: str | None = None
    tags: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    provenance: Mapping[str, Provenance] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    versions: Sequence[Version] = ()
    since: str | None = None

    @property
    def captured(self) -> str:
        """When this text was captured first, as :attr:`Version.captured`."""
        return self.since or self.fetched or self.file_time or ""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The paragraphs of the body, in order."""
        return tuple(self.body.split(PARAGRAPH_BREAK)) if self.body else ()

    def metadata(self) -> dict[str, Any]:
        """Return everything but texts and versions, as JSON has it."""
        published = self.published
        return {
            "id": self.id,
            "title": self.title,
            "source": self.source,
            "url": self.url,
            "authors": list(self.authors),
            "published": published.iso if published else None,
            "precision": published.precision.value if published else None,
            "fetched": self.fetched,
            "file_time": self.file_time,
            "tags": list(self.tags),
            "path": self.path,
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
        }

    def to_dict(self, *, left_out: bool = False) -> dict[str, Any]:
        """Return the article as ``newsgrep show --json`` prints it, also with left-out text."""
        whole = {
            "version": SCHEMA_VERSION,
            **self.metadata(),
            "body": self.body,
            "captions": list(self.captions),
        }
        if left_out:
            whole["left_out"] = [passage._asdict() for passage in self.left_out]
        return whole


class Status(StrEnum):
    """The outcome of reading a file."""

    INDEXED = "indexed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    CONTAINER = "container"
    """The file has records, each with a file record of its own."""


class FileRecord(NamedTuple):
    """What an index stores about one file or one record in it, to decide whether to read it again.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since the epoch. ``digest`` is a hash of
    the file in hexadecimal digits, or empty if the file was not read. ``article_id`` is the
    article in the file, even if the index contains another file's version of it; ``reason``
    says why the file itself is not shown. Of several versions of an article, the one with the
    greatest ``version_key`` is indexed. ``extractor`` is the version of the rules by which the file
    was read, and ``sketch`` describes its text, to compare it with others; both are empty if they
    are unknown. ``address`` is the id that the article's URL gives, where the article has another
    one because the texts differ. (A tuple, because there may be a million of them.)

    A file of many records has the status ``container``; ``ledger`` says how far it was read, as
    :mod:`newsgrep.indexing.containers` writes it. The file record of a record in it has the path of
    the file followed by ``locator``, and the ``digest`` of the record.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str
    status: Status
    article_id: str | None = None
    reason: str | None = None
    version_key: tuple[str, int] = ("", 0)
    extractor: str = ""
    sketch: bytes = b""
    address: str = ""
    locator: str = ""
    ledger: str = ""

    @property
    def file(self) -> str:
        """The path of the file, without the locator of the record in it."""
        return self.path.removesuffix(self.locator) if self.locator else self.path


class Span(NamedTuple):
    """A part of a text from ``start`` to ``end`` (exclusive), in characters of that text."""

    start: int
    end: int


class Snippet(NamedTuple):
    """A part of an article's unchanged text, with the matches in it.

    ``field`` is ``body``, ``caption``, ``left out`` or ``earlier version``. ``offset`` is the start
    of ``text`` in that field (one caption, one passage of left-out text, the title or the body of
    one version), in characters; ``spans`` are the matches, in characters of ``text``.
    ``cut_before`` and ``cut_after`` say whether a sentence is cut there. ``captured`` is when an
    earlier version was captured (:attr:`Version.captured`), and ``None`` for the newest one.
    """

    text: str
    spans: tuple[Span, ...]
    offset: int
    cut_before: bool
    cut_after: bool
    field: str = "body"
    captured: str | None = None

    def marked(self, before: str, after: str) -> str:
        """Return the text with ``before`` and ``after`` around each match.

        >>> Snippet("渔业的春天", (Span(0, 2),), 0, False, False).marked("**", "**")
        '**渔业**的春天'
        """
        return mark_spans(self.text, self.spans, before, after)


def mark_spans(text: str, spans: Iterable[Span], before: str, after: str) -> str:
    """Return ``text`` with ``before`` and ``after`` around each span; spans do not overlap."""
    pieces, end = [], 0
    for span in spans:
        pieces += [text[end : span.start], before, text[span.start : span.end], after]
        end = span.end
    return "".join((*pieces, text[end:]))


class Hit(NamedTuple):
    """One article in a result, with its rank (from 1) and score.

    ``title_spans`` are the matches in ``Article.title``, in characters of it.
    """

    rank: int
    score: float
    article: Article
    title_spans: tuple[Span, ...]
    snippets: tuple[Snippet, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as JSON has it; spans are pairs of start and end."""
        return {
            "rank": self.rank,
            "score": round(self.score, 4),
            **self.article.metadata(),
            "title_spans": _span_pairs(self.title_spans),
            "snippets": [
                {
                    "text": snippet.text,
                    "spans": _span_pairs(snippet.spans),
                    "field": snippet.field,
                    "offset": snippet.offset,
                    "cut_before": snippet.cut_before,
                    "cut_after": snippet.cut_after,
                    **({} if snippet.captured is None else {"captured": snippet.captured or None}),
                }
                for snippet in self.snippets
            ],
        }


def _span_pairs(spans: Iterable[Span]) -> list[list[int]]:
    return [[span.start, span.end] for span in spans]
