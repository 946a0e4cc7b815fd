"""Statistics of an index: articles, sources and dates, and what created it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsgrep.engines.base import Engine, EngineRequest, Order, first_match
from newsgrep.indexing.containers import unpack_ledger
from newsgrep.indexing.known import KnownRecords
from newsgrep.indexing.known_table import load_table
from newsgrep.indexing.manifest import Manifest
from newsgrep.indexing.store import Index
from newsgrep.messages import _, localize, mark, message
from newsgrep.models import FileRecord, Status
from newsgrep.query.ast import DateRange, MatchAll
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    column_chart,
    count_noun,
    format_bytes,
    one_line,
    pad,
)
from newsgrep.views import SCHEMA_VERSION

MAX_SOURCES: Final = 10
"""Sources that text shows; JSON lists all."""

_FEWEST_YEARS: Final = 2
_MOST_YEARS: Final = 40
"""Years after the first one for which columns say something and fit into a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStats:
    """What an index contains.

    ``index`` is its folder or address, ``size`` its bytes. ``files`` counts files by status, and
    ``records`` counts the records in files of many, which have the status ``container``.
    ``sources`` and ``months`` (``YYYY-MM``) count articles. ``oldest`` and ``newest`` are
    publication dates as text, ``None`` if no article has one.
    """

    index: str
    size: int
    manifest: Manifest
    articles: int
    files: Mapping[str, int]
    records: Mapping[str, int]
    oldest: str | None
    newest: str | None
    undated: int
    sources: Mapping[str, int]
    months: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)


def collect_stats(index: Index, engine: Engine, manifest: Manifest) -> IndexStats:
    """Return the statistics of ``index``, which ``engine`` has open."""
    page = engine.search(EngineRequest(MatchAll(), limit=0, facets=("source", "month")))
    months = sorted(page.facets["month"])
    known = load_table(index, manifest, engine)
    files, records = (
        _count_statuses(engine.file_records()) if known is None else _count_known(known)
    )
    return IndexStats(
        index=str(index),
        size=index.size(),
        manifest=manifest,
        articles=page.total,
        files=dict(sorted(files.items())),
        records=dict(sorted(records.items())),
        oldest=_first_date(engine, Order.OLDEST),
        newest=_first_date(engine, Order.NEWEST),
        undated=dict(months).get("", 0),
        sources=dict(page.facets["source"]),
        months={month: count for month, count in months if month},
    )


def _count_known(known: KnownRecords) -> tuple[Counter[str], Counter[str]]:
    """Return what :func:`_count_statuses` does, without a million file records."""
    files: Counter[str] = Counter()
    records: Counter[str] = Counter()
    for (status, is_member), count in known.count_statuses().items():
        (records if is_member else files)[status.value] += count
    records[Status.REJECTED.value] += sum(
        sum(unpack_ledger(record.ledger).uncounted.values())
        for _, record in known.records_without_article()
        if record.status is Status.CONTAINER
    )
    return files, +records


def _count_statuses(file_records: Iterable[FileRecord]) -> tuple[Counter[str], Counter[str]]:
    """Return how many files have each status, and how many records in files of many."""
    files: Counter[str] = Counter()
    records: Counter[str] = Counter()
    for each in file_records:
        (records if each.locator else files)[each.status.value] += 1
        if each.status is Status.CONTAINER:
            records[Status.REJECTED.value] += sum(unpack_ledger(each.ledger).uncounted.values())
    return files, +records


def _first_date(engine: Engine, order: Order) -> str | None:
    article = first_match(engine, DateRange(None, None), order)
    return article.published.iso if article and article.published else None


def figures(stats: IndexStats, screen: Screen) -> Iterator[tuple[str, str]]:
    """Yield a label and a text on one line for each figure."""
    manifest = stats.manifest
    yield _("index"), f"{one_line(stats.index)} ({format_bytes(stats.size)})"
    yield _("articles"), f"{stats.articles:,}"
    names = {Status.CONTAINER.value: mark("of many records")}
    for label, counts in ((mark("files"), stats.files), (mark("records"), stats.records)):
        if counts or label == "files":
            each = (
                _("{count:,} {name}", count=count, name=_(names.get(status, status)))
                for status, count in counts.items()
            )
            yield _(label), _(", ").join(each)
    if stats.oldest:
        yield (
            _("published"),
            _(
                "{oldest} to {newest}",
                oldest=stats.oldest[:10],
                newest=(stats.newest or stats.oldest)[:10],
            ),
        )
    if stats.months:
        yield _("by year"), _years(stats.months, screen)
    if stats.undated:
        yield _("undated"), f"{stats.undated:,}"
    yield (
        _("engine"),
        _(
            "{engine}, created by newsgrep {made_by}",
            engine=manifest.engine,
            made_by=manifest.made_by,
        ),
    )
    for step in manifest.origin:
        index, query, articles = step.get("index", ""), step["parsed"], step.get("articles", 0)
        text = message(
            "articles that match {query}, of {articles} in {index} at {time}",
            query=one_line(query),
            articles=count_noun(articles, "article"),
            index=one_line(str(index)),
            time=str(step.get("time", "")).replace("T", " ").replace("Z", " UTC"),
        )
        yield _("sub-corpus"), localize(text)
    yield (
        _("fingerprint"),
        ", ".join(f"{name} {value}" for name, value in manifest.analyser.items()),
    )
    yield _("sources"), f"{sum(map(bool, stats.sources)):,}"  # "" is no source


def _years(months: Mapping[str, int], screen: Screen) -> str:
    """Return a column for the articles of each year, if block characters are shown, and the peak.

    Articles that are known to the year only count, too.
    """
    years: Counter[str] = Counter()
    for month, count in months.items():
        years[month[:4]] += count
    first, last = int(min(years)), int(max(years))
    peak = max(years, key=years.__getitem__)
    text = localize(
        message(
            "{first} to {last}, most in {peak}: {count:,}",
            first=first,
            last=last,
            peak=peak,
            count=years[peak],
        )
    )
    if not screen.blocks or not _FEWEST_YEARS <= last - first < _MOST_YEARS:
        return text
    counts = [years[str(year)] for year in range(first, last + 1)]
    (columns,) = column_chart(counts, years[peak], 1, blocks=True)
    return f"{columns}  {text}"


def to_text(stats: IndexStats, screen: Screen) -> Iterator[StyledLine]:
    """Yield one line for each figure, and the most frequent sources."""
    for label, value in figures(stats, screen):
        yield StyledLine([StyledText(pad(label, 13) + value)])
    for name, count in list(stats.sources.items())[:MAX_SOURCES]:
        yield StyledLine([StyledText(f"  {count:>9,}  {one_line(name) or _('(none)')}")])
    if len(stats.sources) > MAX_SOURCES:
        more = _("… and {count:,} more; --json lists all", count=len(stats.sources) - MAX_SOURCES)
        yield StyledLine([StyledText(f"{'':13}{more}")])


def to_csv(stats: IndexStats) -> Iterator[Sequence[object]]:
    """Yield a row for each number: articles in all, by source and by month, and files by status."""
    yield ("figure", "value", "count")
    yield ("articles", "", stats.articles)
    yield ("undated", "", stats.undated)
    yield ("bytes", "", stats.size)
    for figure, counts in (
        ("source", stats.sources),
        ("month", stats.months),
        ("files", stats.files),
        ("records", stats.records),
    ):
        for value, count in counts.items():
            yield (figure, value, count)


def to_json(stats: IndexStats) -> dict[str, Any]:
    """Return the statistics as a complete object, with all sources and months."""
    return {
        "version": SCHEMA_VERSION,
        "index": stats.index,
        "articles": stats.articles,
        "files": dict(stats.files),
        "records": dict(stats.records),
        "oldest": stats.oldest,
        "newest": stats.newest,
        "undated": stats.undated,
        "sources": dict(stats.sources),
        "months": dict(stats.months),
        "bytes": stats.size,
        "engine": stats.manifest.engine,
        "made_by": stats.manifest.made_by,
        "fingerprint": stats.manifest.analyser,
        "origin": list(stats.manifest.origin),
    }
