"""Pages about all matches: their timeline, concordance and keywords, and a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from newsgrep.engines.base import EngineRequest
from newsgrep.errors import UsageError
from newsgrep.query.ast import MatchAll, positive_texts
from newsgrep.search.bins import (
    Bin,
    Interval,
    bin_at,
    bin_range,
    parse_partial_date,
    requested_period,
    sum_into_bins,
)
from newsgrep.search.search import group_sources
from newsgrep.views import compare, keywords, kwic, timeline
from newsgrep.views.kwic import KwicOrder
from newsgrep.views.timeline import Measure
from newsgrep.views.timeline_charts import notes, to_svg, value_text
from newsgrep.web.calls import MAX_OFFSET, Answer, NotFound, Parameters, Visit
from newsgrep.web.html import Chart, day_name, make_chart

_TIMELINE_BINS: Final = 140
_LINES_PER_PAGE: Final = 100
_CONTEXT_WIDTH: Final = 88
_MAX_WORDS: Final = 60
_MAX_COMPARED: Final = 6
_COMPARED_FIRST: Final = 3
_COMPARED_WORDS: Final = 15
_MAX_CHOICES: Final = 12
"""Sources that are offered for a comparison."""


# Timeline


def svg_page(visit: Visit) -> Answer:
    """Return a timeline as an SVG file for print."""
    found, _ = make_timeline_of(visit)
    if not found.has_matches or not found.bins:
        raise NotFound("There is nothing to draw: no article has a date that fits. Search wider.")
    headers = {"Content-Disposition": 'attachment; filename="timeline.svg"'}
    return Answer(200, "image/svg+xml", to_svg(found).encode("utf-8", "replace"), headers)


def make_timeline_of(
    visit: Visit, most_bins: int = _TIMELINE_BINS
) -> tuple[timeline.Timeline, list[str]]:
    """Return the timeline of an address, and the warnings about its queries."""
    at = visit.at
    others = [text for text in at.all("with") if text.strip()]
    queries = [visit.query(), *map(visit.query, others)]
    found = timeline.make_timeline(
        visit.engine,
        *queries,
        by=at.optional_choice("by", Interval),
        measure=at.choice("count", Measure, Measure.ARTICLES),
        per_source=at.get("per") == "source" and not others,
        max_sources=at.number("top", timeline.DEFAULT_SOURCES, least=1, most=50),
        most_bins=at.number("bins", most_bins, least=1, most=1000),
    )
    return found, [warning for query in queries for warning in query.warnings]


def timeline_page(visit: Visit) -> Answer:
    """Return charts over time with their table."""
    at = visit.at
    found, warnings = make_timeline_of(visit)
    most = max((max(series.values, default=0) for series in found.series), default=0)
    charts = []
    for series in found.series:

        def label(n: int, series: timeline.Series = series) -> str:
            value = series.value(n)
            shown = "–" if value is None else value_text(value, series.measure)
            partial = f", not a whole {found.by}" if found.is_partial(found.bins[n]) else ""
            return f"{found.bins[n].name}: {shown}{partial}"

        def address(each: Bin, series: timeline.Series = series) -> str:
            changes: dict[str, object] = {} if series is found.totals[0] else {"q": series.query}
            if series.source is not None:
                changes = {"source_is": series.source.name}
            changes |= {"since": day_name(each.first), "until": day_name(each.last)}
            return at.address("/", **changes)

        charts.append(
            make_chart(
                series.name,
                found.bins,
                found.by,
                series.values,
                label,
                address,
                most=most,
                partial=found.is_partial,
            )
        )
    return visit.page(
        "timeline.html",
        "/timeline",
        found=found,
        charts=charts,
        notes=list(notes(found)),
        warnings=warnings,
        value_text=value_text,
        measures=list(Measure),
        intervals=list(Interval),
    )


# Keywords in context


def kwic_page(visit: Visit) -> Answer:
    """Return every occurrence with its context, a page at a time."""
    at = visit.at
    query = visit.query()
    order = at.choice("order", KwicOrder, KwicOrder.RELEVANCE)
    offset = at.number("offset", 0, most=MAX_OFFSET)
    texts = positive_texts(query.root)
    lines: list[kwic.KwicLine] = []
    has_more = False
    if texts:
        concordance = kwic.make_concordance(
            visit.engine,
            query.root,
            order,
            width=_CONTEXT_WIDTH,
            limit=offset + _LINES_PER_PAGE + 1,
        )
        lines = list(islice(concordance.lines, offset, None))
        has_more, lines = len(lines) > _LINES_PER_PAGE, lines[:_LINES_PER_PAGE]
    return visit.page(
        "kwic.html",
        "/kwic",
        lines=[kwic.fit_context(line, _CONTEXT_WIDTH) for line in lines],
        texts=texts,
        order=order,
        orders=list(KwicOrder),
        offset=offset,
        per_page=_LINES_PER_PAGE,
        has_more=has_more,
        warnings=query.warnings,
    )


# Keywords and comparison


def keywords_page(visit: Visit) -> Answer:
    """Return the words that characterise the matching articles."""
    query = visit.query()
    found = None
    if visit.at.get("q") or query.root != MatchAll():
        found = keywords.query_keywords(visit.engine, query, _MAX_WORDS)
    return visit.page("keywords.html", "/keywords", found=found, warnings=query.warnings)


def compare_page(visit: Visit) -> Answer:
    """Return the comparison of sources, periods or queries, and a form to choose them."""
    at = visit.at
    query = visit.query()
    facet = visit.engine.search(EngineRequest(query.root, limit=0, facets=("source",))).facets
    known = [each for each in group_sources(facet["source"]) if each.name][:_MAX_CHOICES]
    by_others = at.get("with").strip() or at.get("periods").strip() or at.flag("rest")
    first = () if by_others else tuple(each.name for each in known[:_COMPARED_FIRST])
    names = at.all("names") or first
    found = None
    if by_others or len(names) > 1:
        found = make_comparison_of(visit, names, _COMPARED_WORDS)
    return visit.page(
        "compare.html",
        "/compare",
        known=known,
        names=names,
        found=found,
        charts=_compared_charts(found, at) if found else [],
        warnings=query.warnings,
    )


def make_comparison_of(visit: Visit, names: Sequence[str], limit: int) -> compare.Comparison:
    """Return the comparison that an address describes: of queries, periods, the rest or sources.

    Raises :class:`UsageError` for too many groups, or if there is nothing to compare.
    """
    at = visit.at
    others = [text for text in at.all("with") if text.strip()]
    periods = [each.strip() for each in at.get("periods").split(",") if each.strip()]
    count = max(len(names), len(periods), len(others))
    if count > _MAX_COMPARED:
        raise UsageError(
            "{count} groups, more than {most}. Choose fewer.", count=count, most=_MAX_COMPARED
        )
    if others:
        queries = [visit.query(), *map(visit.query, others)]
        return compare.compare_queries(visit.engine, queries, limit)
    if periods:
        return compare.compare_periods(visit.engine, visit.query(), periods, limit)
    if at.flag("rest"):
        return compare.compare_rest(visit.engine, visit.query(), limit)
    if len(names) < 2:
        raise UsageError(
            "There is nothing to compare. Name two sources, periods=2023,2024, another query, or "
            "rest=1."
        )
    return compare.compare_sources(visit.engine, visit.query(), names, limit)


def _compared_charts(found: compare.Comparison, at: Parameters) -> list[Chart]:
    """Return a chart over time for each source, all with one axis."""
    dates = Counter[str]()
    for source in found.groups:
        dates.update(source.months)
    days = {parse_partial_date(month): count for month, count in dates.items()}
    requested = requested_period(MatchAll())
    by = Interval.MONTH if len(bin_range(days, requested, Interval.MONTH)) <= 150 else Interval.YEAR
    numbers = bin_range(days, requested, by)
    bins = [bin_at(number, by) for number in numbers]
    rows = [
        sum_into_bins([(parse_partial_date(m), n) for m, n in each.months.items()], by, numbers)
        for each in found.groups
    ]
    most = max((max(row, default=0) for row in rows), default=0)

    def chart(source: compare.ComparedGroup, row: Sequence[int]) -> Chart:
        return make_chart(
            source.name,
            bins,
            by,
            row,
            lambda n: f"{bins[n].name}: {row[n]:,}",
            lambda each: at.address("/", **_group_of(found, source), **_days_of(each)),
            most=most,
        )

    return [chart(source, row) for source, row in zip(found.groups, rows, strict=True)]


def _group_of(found: compare.Comparison, group: compare.ComparedGroup) -> dict[str, object]:
    """Return the change of an address that leads to the articles of a group."""
    match found.kind:
        case compare.Kind.SOURCES:
            return {"source": group.name}
        case compare.Kind.QUERIES:
            return {"q": group.name}
        case _:
            return {}


def _days_of(each: Bin) -> dict[str, object]:
    return {"since": day_name(each.first), "until": day_name(each.last)}
