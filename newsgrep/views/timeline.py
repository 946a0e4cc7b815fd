"""Timelines: how often queries match per day, week, month or year, also by source.

Articles whose date is known less precisely than a bin are counted separately, never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.errors import UsageError
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query.ast import (
    And,
    DateRange,
    Field,
    MatchAll,
    Node,
    TextNode,
    conditions,
    describe,
    is_filter,
    positive_texts,
    searches,
)
from newsgrep.query.match import occurrence_spans
from newsgrep.query.parser import Query
from newsgrep.search.bins import (
    Bin,
    Dates,
    Interval,
    PartialDate,
    Period,
    bin_at,
    bin_number,
    checked_bin_range,
    choose_interval,
    covered_period,
    fits_one_bin,
    is_partial,
    parse_partial_date,
    requested_period,
    sum_into_bins,
)
from newsgrep.search.search import SourceCount, group_sources, only_source
from newsgrep.search.selection import in_batches, iter_candidates
from newsgrep.terminal import one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.kwic import lines_of_article
from newsgrep.views.table import Table

DEFAULT_SOURCES: Final = 8
"""Sources with a series of their own by default: about one screen."""

MAX_SERIES: Final = 20
"""Queries on one axis: more charts cannot be compared."""

NO_SOURCE: Final = "(none)"
"""The name of articles without a source."""

DEFAULT_BINS: Final = 40
"""Bins of a timeline with the default interval where the size of the screen is unknown."""


class Measure(StrEnum):
    """What a chart shows of each bin.

    ``ARTICLES`` counts articles, ``SHARE`` is their percentage of all articles. ``OCCURRENCES``
    counts every place where a text of the query occurs, and ``PER_MILLION`` relates these to
    a million characters of all articles.
    """

    ARTICLES = "articles"
    SHARE = "share"
    OCCURRENCES = "occurrences"
    PER_MILLION = "per-million"


class Series(NamedTuple):
    """Counts by bin of one query, of all sources (``source`` is ``None``) or of one.

    ``total`` includes articles in no bin: ``known_to_year`` and ``known_to_month`` count those
    whose date is less precise than a bin, ``undated`` those without a date. ``all`` counts all
    articles that ``share_of`` describes. ``occurrences`` and ``total_occurrences`` are given if
    the measure needs them, ``characters`` (of the articles in ``all``) with ``PER_MILLION``.
    """

    query: str
    parsed: str
    source: SourceCount | None
    measure: Measure
    share_of: str
    total: int
    known_to_year: int
    known_to_month: int
    undated: int
    counts: tuple[int, ...]
    all: tuple[int, ...]
    total_occurrences: int | None = None
    occurrences: tuple[int, ...] | None = None
    characters: tuple[int, ...] | None = None

    def share(self, at: int) -> float | None:
        """Return the percentage of all articles in bin ``at``; ``None`` if there are none."""
        return 100 * self.counts[at] / self.all[at] if self.all[at] else None

    def per_million(self, at: int) -> float | None:
        """Return the occurrences in bin ``at`` for each million characters of all articles."""
        if self.occurrences is None or self.characters is None or not self.characters[at]:
            return None
        return 1e6 * self.occurrences[at] / self.characters[at]

    def value(self, at: int) -> float | None:
        """Return the measure of bin ``at``; ``None`` if there are no articles."""
        match self.measure:
            case Measure.SHARE:
                return self.share(at)
            case Measure.OCCURRENCES if self.occurrences is not None:
                return self.occurrences[at]
            case Measure.PER_MILLION:
                return self.per_million(at)
            case _:
                return self.counts[at]

    @property
    def values(self) -> list[float]:
        """The height of each bin in a chart."""
        return [self.value(at) or 0 for at in range(len(self.counts))]

    @property
    def name(self) -> str:
        """The name of the source, or the query, sanitized, on one line."""
        if self.source is None:
            return one_line(self.query)
        return one_line(self.source.name) or NO_SOURCE


@dataclass(frozen=True, slots=True, repr=False)
class Timeline(Table[Series]):
    """The matches of one or several queries over time; all series have the same bins.

    ``covered`` are the days on which there may be articles: those that the queries request, as far
    as the archive has articles. A bin with other days is partial. ``other_sources`` are those
    without a series; ``per_source`` says whether each series belongs to one source.
    """

    query: str
    parsed: str
    by: Interval
    measure: Measure
    bins: tuple[Bin, ...]
    covered: Period
    series: tuple[Series, ...]
    totals: tuple[Series, ...]
    other_sources: tuple[SourceCount, ...]
    per_source: bool

    @property
    def total(self) -> int:
        """The number of articles that match the first query."""
        return self.totals[0].total

    @property
    def has_matches(self) -> bool:
        """Whether an article matches one of the queries."""
        return any(each.total for each in self.totals)

    @property
    def has_charts(self) -> bool:
        """Whether there is a chart for each of several series, and not a single one."""
        return self.per_source or len(self.series) > 1

    def is_partial(self, each: Bin) -> bool:
        """Return whether a part of the days of a bin cannot have articles."""
        return is_partial(each, self.covered)

    @property
    def items(self) -> Sequence[Series]:
        """The series: one for each query or source."""
        return self.series

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`table_rows`."""
        return table_rows(self)


def make_timeline(
    engine: Engine,
    *queries: Query,
    by: Interval | None = None,
    measure: Measure = Measure.ARTICLES,
    per_source: bool = False,
    max_sources: int = DEFAULT_SOURCES,
    most_bins: int = DEFAULT_BINS,
) -> Timeline:
    """Return the timeline of the articles that match each of ``queries``, at least one.

    It spans the dates that the queries request, and all matches. ``by`` defaults to the shortest
    interval that gives at most ``most_bins``. With ``per_source`` there is one query, and its
    ``max_sources`` most frequent sources have a series each.

    Raises :class:`UsageError` for too many bins or queries, and where occurrences are counted of
    a query without a text.
    """
    if len(queries) > MAX_SERIES:
        raise UsageError(
            "{count} queries, more than {max_series}. Use fewer.",
            count=len(queries),
            max_series=MAX_SERIES,
        )
    counter = _Counter(engine, measure)
    dates: Counter[PartialDate] = Counter()
    for query in queries:
        dates.update(counter.dates(query.root))
    requested = _widest([requested_period(query.root) for query in queries])
    by = by or choose_interval(dates, requested, most_bins)
    numbers = checked_bin_range(dates, requested, by)
    totals = tuple(counter.series(query, None, by, numbers) for query in queries)
    series, others = totals, []
    if per_source:
        page = engine.search(EngineRequest(queries[0].root, limit=0, facets=("source",)))
        sources = group_sources(page.facets["source"])
        chosen, others = sources[:max_sources], sources[max_sources:]
        series = tuple(counter.series(queries[0], source, by, numbers) for source in chosen)
    return Timeline(
        query=queries[0].text,
        parsed=describe(queries[0].root),
        by=by,
        measure=measure,
        bins=tuple(bin_at(number, by) for number in numbers),
        covered=_narrowest([counter.covered(query.root) for query in queries]),
        series=series,
        totals=totals,
        other_sources=tuple(others),
        per_source=per_source,
    )


class _Counter:
    """Counts the matches of queries by date; what several series share is counted once."""

    def __init__(self, engine: Engine, measure: Measure) -> None:
        self._engine = engine
        self._measure = measure
        self._days: dict[Node, dict[str, int]] = {}
        self._characters: dict[Node, tuple[int, ...]] = {}

    def dates(self, node: Node) -> Dates:
        """Return the dates of the articles that match ``node``."""
        return {parse_partial_date(day): count for day, count in self._facet(node).items() if day}

    def covered(self, root: Node) -> Period:
        """Return the days on which articles may match ``root``."""
        filters = [
            each for each in conditions(filters_only(root)) if not isinstance(each, DateRange)
        ]
        return covered_period(self.dates(_all_of(filters)), requested_period(root))

    def series(
        self, query: Query, source: SourceCount | None, by: Interval, numbers: range
    ) -> Series:
        """Return the series of ``query``, or of what one source published of it."""
        base, root = filters_only(query.root), query.root
        share_of = describe(base)
        if source is not None:
            base, root = And((base, only_source(source))), And((root, only_source(source)))
        dates = self.dates(root)
        apart = Counter[Interval]()
        for day, count in dates.items():
            if not fits_one_bin(day, by):
                apart[day.precision] += count
        found = Series(
            query=query.text,
            parsed=describe(query.root),
            source=source,
            measure=self._measure,
            share_of=share_of,
            total=sum(self._facet(root).values()),
            known_to_year=apart[Interval.YEAR],
            known_to_month=apart[Interval.MONTH],
            undated=self._facet(root).get("", 0),
            counts=sum_into_bins(dates.items(), by, numbers),
            all=sum_into_bins(self.dates(base).items(), by, numbers),
        )
        if self._measure in {Measure.OCCURRENCES, Measure.PER_MILLION}:
            total, occurrences = self._count_occurrences(root, by, numbers)
            found = found._replace(total_occurrences=total, occurrences=occurrences)
        if self._measure is Measure.PER_MILLION:
            found = found._replace(characters=self._count_characters(base, by, numbers))
        return found

    def _facet(self, node: Node) -> dict[str, int]:
        if node not in self._days:
            page = self._engine.search(EngineRequest(node, limit=0, facets=("day",)))
            self._days[node] = dict(page.facets["day"])
        return self._days[node]

    def _count_occurrences(
        self, root: Node, by: Interval, numbers: range
    ) -> tuple[int, tuple[int, ...]]:
        """Return how often the texts of ``root`` occur in its articles, in all and by bin."""
        texts = positive_texts(root)
        if not texts:
            raise UsageError("QUERY contains no text to count. Add a word, or leave --count out.")
        title_and_body_only = not any(
            searches(texts, field) for field in (Field.CAPTION, Field.LEFT_OUT, Field.EARLIER)
        )
        counts, total = [0] * len(numbers), 0
        for ids, bins in self._numbered(root, by):
            folded_texts = self._engine.folded_texts(ids)
            if title_and_body_only:
                found = [_count_in(folded, texts) for folded in folded_texts]
            else:
                found = [
                    sum(1 for _ in lines_of_article(article, folded, texts, 0))
                    for article, folded in zip(self._engine.get(ids), folded_texts, strict=True)
                ]
            for number, occurrences in zip(bins, found, strict=True):
                total += occurrences
                if number in numbers:
                    counts[number - numbers.start] += occurrences
        return total, tuple(counts)

    def _count_characters(self, base: Node, by: Interval, numbers: range) -> tuple[int, ...]:
        """Return the number of characters that are not white space in titles and bodies, by bin.

        Folding maps a character to one, and white space to white space.
        """
        if base not in self._characters:
            counts = [0] * len(numbers)
            for ids, bins in self._numbered(base, by):
                for number, texts in zip(bins, self._engine.folded_texts(ids), strict=True):
                    if number in numbers:
                        size = sum(len("".join(text.split())) for text in texts)
                        counts[number - numbers.start] += size
            self._characters[base] = tuple(counts)
        return self._characters[base]

    def _numbered(self, root: Node, by: Interval) -> Iterator[tuple[list[str], list[int]]]:
        """Yield the ids of the matches, a few at a time, with the number of the bin of each.

        The time of a match says it, without reading the article, except at the beginning of a
        month or year that is the whole date of some articles.
        """
        dates = [each for each in self.dates(root) if not fits_one_bin(each, by)]
        unsure = {_start_of(each.first) for each in dates}
        for batch in in_batches(iter_candidates(self._engine, root, Order.NEWEST)):
            partial = [each.id for each in batch if each.timestamp in unsure]
            read = {article.id: _bin_of(article, by) for article in self._engine.get(partial)}
            numbers = [
                read[each.id] if each.id in read else _bin_at_time(each.timestamp, by)
                for each in batch
            ]
            yield [each.id for each in batch], numbers


def _count_in(folded: tuple[str, str], texts: Sequence[TextNode]) -> int:
    """Return how often ``texts`` occur in a folded title and body."""
    title, body = folded
    in_title = occurrence_spans(title, texts, Field.TITLE)
    return len(in_title) + len(occurrence_spans(body, texts, Field.BODY))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _start_of(day: date) -> float:
    """Return the time of a date without a time of day (:meth:`Published.sort_key`)."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH).total_seconds()


def _bin_at_time(timestamp: float, by: Interval) -> int:
    """Return the number of the bin of a time or a day, -1 without a date.

    A day is 0:00 in UTC, which is a time on the same day in the archive's time zone.
    """
    if timestamp == float("-inf"):
        return -1
    time = _EPOCH + timedelta(seconds=timestamp)
    return bin_number(time.astimezone(ARCHIVE_ZONE).date(), by)


def _bin_of(article: Article, by: Interval) -> int:
    """Return the number of the bin of an article, -1 if it is in none."""
    if article.published is None:
        return -1
    first, last = (bin_number(day, by) for day in article.published.days(ARCHIVE_ZONE))
    return first if first == last else -1


def _widest(periods: Sequence[Period]) -> Period:
    firsts = [each.first for each in periods if each.first]
    lasts = [each.last for each in periods if each.last]
    return Period(min(firsts, default=None), max(lasts, default=None))


def _narrowest(periods: Sequence[Period]) -> Period:
    firsts = [each.first for each in periods if each.first]
    lasts = [each.last for each in periods if each.last]
    return Period(max(firsts, default=None), min(lasts, default=None))


def _all_of(nodes: Sequence[Node]) -> Node:
    """Return the node that all of ``nodes`` match."""
    if not nodes:
        return MatchAll()
    return And(tuple(nodes)) if len(nodes) > 1 else nodes[0]


def filters_only(root: Node) -> Node:
    """Return the query for all articles that pass the filters of ``root``.

    Filters are everything in the query but its texts. If a query has only filters, it is itself
    the subject, and only its dates count as filters.
    """
    parts = conditions(root)
    filters = [part for part in parts if is_filter(part, exclusions=False)]
    if len(filters) == len(parts):
        filters = [part for part in parts if isinstance(part, DateRange)]
    return _all_of(filters)


# Forms


def to_json(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as a complete object; docs/timeline.schema.json describes it."""
    first = timeline.totals[0]
    return {
        "version": SCHEMA_VERSION,
        "query": timeline.query,
        "parsed": timeline.parsed,
        "by": timeline.by.value,
        "measure": timeline.measure.value,
        "covered": [day.isoformat() if day else None for day in timeline.covered],
        "share_of": first.share_of,
        "total": first.total,
        "known_to_year": first.known_to_year,
        "known_to_month": first.known_to_month,
        "undated": first.undated,
        "series": [_series_object(series, timeline) for series in timeline.series],
        "other_sources": [
            {"source": source.name or None, "articles": source.articles}
            for source in timeline.other_sources
        ],
    }


def to_csv(timeline: Timeline) -> Iterator[Sequence[object]]:
    """Yield a row for each bin of each series."""
    for row in table_rows(timeline):
        yield [str(cell).lower() if isinstance(cell, bool) else cell for cell in row]


def table_rows(timeline: Timeline) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`to_csv` as values: flags are booleans."""
    yield (
        *("bin", "first", "last", "source", "count", "all", "share"),
        *("query", "partial", "occurrences", "characters", "per_million"),
    )
    for series in timeline.series:
        for at, each in enumerate(timeline.bins):
            yield (
                *each,
                series.source.name if series.source else "",
                series.counts[at],
                series.all[at],
                _rounded(series.share(at)),
                series.query,
                timeline.is_partial(each),
                series.occurrences[at] if series.occurrences else None,
                series.characters[at] if series.characters else None,
                _rounded(series.per_million(at)),
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _series_object(series: Series, timeline: Timeline) -> dict[str, Any]:
    fields: dict[str, Any] = {"query": series.query, "parsed": series.parsed}
    if series.source is not None:
        fields["source"] = series.source.name or None
        fields["spellings"] = [name for name in series.source.spellings if name]
    fields |= {
        "articles": series.total,
        "share_of": series.share_of,
        "known_to_year": series.known_to_year,
        "known_to_month": series.known_to_month,
        "undated": series.undated,
    }
    if series.total_occurrences is not None:
        fields["occurrences"] = series.total_occurrences
    fields["bins"] = []
    for at, each in enumerate(timeline.bins):
        counts: dict[str, Any] = {
            "bin": each.name,
            "first": each.first.isoformat(),
            "last": each.last.isoformat(),
            "partial": timeline.is_partial(each),
            "count": series.counts[at],
            "all": series.all[at],
            "share": _rounded(series.share(at)),
        }
        if series.occurrences is not None:
            counts["occurrences"] = series.occurrences[at]
        if series.characters is not None:
            counts["characters"] = series.characters[at]
            counts["per_million"] = _rounded(series.per_million(at))
        fields["bins"].append(counts)
    return fields
