"""The pages for people: each function returns a page of HTML for one visit.

A page is its address: links and forms change the address, and without JavaScript all of them work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from newsgrep._io import encode_json
from newsgrep.analysis.scoring import Recency, parse_half_life, recency_from_today
from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches
from newsgrep.errors import InputError, NewsgrepError, UsageError
from newsgrep.indexing.annotations import read_annotations, read_collections
from newsgrep.indexing.store import Index
from newsgrep.indexing.user_state import find_seen, read_saved, saved_name
from newsgrep.models import Article
from newsgrep.query.ast import Field, MatchAll, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.query.parser import Query, parse
from newsgrep.query.variants import Variants, with_variants
from newsgrep.query.warnings import may_have_variants
from newsgrep.search.bins import (
    Bin,
    Interval,
    bin_at,
    bin_range,
    choose_interval,
    parse_partial_date,
    requested_period,
    sum_into_bins,
)
from newsgrep.search.diagnose import diagnose, find_closest
from newsgrep.search.named import read_raw
from newsgrep.search.search import SearchRequest, SearchResult, group_sources, search
from newsgrep.terminal import one_line, truncate
from newsgrep.views import compare, keywords, kwic, timeline
from newsgrep.views.citation import CitationStyle, Cited, cite, index_digest
from newsgrep.views.citation import to_json as csl_item
from newsgrep.views.history import display_capture, make_difference, make_history
from newsgrep.views.kwic import KwicOrder
from newsgrep.views.new import NewArticles, find_new
from newsgrep.views.similar import find_similar
from newsgrep.views.stories import Story, search_collapsed
from newsgrep.views.timeline import Measure
from newsgrep.views.timeline_svg import to_svg
from newsgrep.views.timeline_text import notes, value_text
from newsgrep.web.calls import Answer, NotFound, Parameters, read_query
from newsgrep.web.html import Chart, day_name, make_chart, paragraphs, render

HITS_PER_PAGE: Final = 20
_STRIP_BINS: Final = 160
_TIMELINE_BINS: Final = 140
_MOST_MONTHS: Final = 40
"""Months with more weeks than a strip has bins."""

_FACET_VALUES: Final = 12
_MAX_FACET_VALUES: Final = 300
_MAX_OFFSET: Final = 100_000
_SNIPPET_WIDTH: Final = 180
"""Cells of a snippet: two lines of a page."""

_LINES_PER_PAGE: Final = 100
_CONTEXT_WIDTH: Final = 88
_MAX_WORDS: Final = 60
_MAX_COMPARED: Final = 6
_COMPARED_FIRST: Final = 3
_SIMILAR: Final = 6
_FACETS: Final = ("source", "author", "tag")
_MAX_SAVED: Final = 200
"""Saved queries of which new articles are counted: each takes a search or two."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request as a page sees it: the open index, and the parameters of the address.

    ``shows_paths`` says whether whole paths of files may be shown.
    """

    engine: Engine
    index: Index
    at: Parameters
    target: str = ""
    shows_paths: bool = False
    name: str = "newsgrep"

    def query(self, text: str | None = None) -> Query:
        """Return the query of the address, or another one with the same options and filters."""
        shown = self.at.get("q") if text is None else text
        return read_query(self.at, self.index, self.engine, shown)

    def page(self, template: str, path: str, *, status: int = 200, **values: Any) -> Answer:
        """Return a page of HTML with what all templates need."""
        common = {"at": self.at, "path": path, "archive": self.name, "warnings": ()}
        return Answer(status, "text/html", render(template, **{**common, **values}))


# Search


def search_page(visit: Visit) -> Answer:
    """Return the hits with their facets and the timeline, or why there are none."""
    at = visit.at
    query = visit.query()
    is_start = not at.get("q") and isinstance(query.root, MatchAll)
    order = at.choice("sort", Order, Order.NEWEST if not at.get("q") else Order.RELEVANCE)
    offset = at.number("offset", 0, most=_MAX_OFFSET)
    recency = read_recency(at.get("recency")) if order is Order.RELEVANCE else None
    request = SearchRequest(
        query,
        order,
        HITS_PER_PAGE,
        offset,
        (*_FACETS, "day"),
        snippet_width=_SNIPPET_WIDTH,
        max_snippets=2,
        recency=recency,
    )
    stories: Sequence[Story] = ()
    pages = 0
    if at.flag("collapse"):
        collapsed = search_collapsed(visit.engine, request)
        result, stories = collapsed.result, collapsed.stories
        pages = result.total - collapsed.compared + collapsed.distinct
    else:
        result = search(visit.engine, request)
        pages = result.total
    values: dict[str, Any] = {
        "result": result,
        "query": query,
        "stories": stories,
        "warnings": query.warnings,
        "is_start": is_start,
        "order": order,
        "facets": _facets(result, at),
        "strip": _strip(result, at),
        "pages": pages,
        "offset": offset,
        "per_page": HITS_PER_PAGE,
        "variants": _more_with_variants(visit.engine, query, at, result.total),
        "diagnosis": None,
        "closest": (),
    }
    if not result.total:
        values["diagnosis"] = diagnose(visit.engine, query.root)
        values["closest"] = find_closest(visit.engine, request._replace(facets=()))
    return visit.page("search.html", "/", **values)


class FacetValue(NamedTuple):
    """A value of a facet: its name, number of articles, address, and whether it is chosen."""

    name: str
    articles: int
    share: float
    href: str
    chosen: bool


class Facet(NamedTuple):
    """A facet with the most frequent values, and how many more there are."""

    name: str
    values: tuple[FacetValue, ...]
    more: int


def _facets(result: SearchResult, at: Parameters) -> list[Facet]:
    found = []
    keep = ("sort", "recency", "collapse")
    for name in _FACETS:
        counts: Iterable[tuple[str, int]] = result.facets[name]
        if name == "source":
            counts = [(each.name, each.articles) for each in group_sources(counts)]
        counts = list(counts)
        wanted = at.all(f"{name}_is")
        most = max((count for _, count in counts), default=1)
        listed = _MAX_FACET_VALUES if at.get("all") == name else _FACET_VALUES
        values = [
            FacetValue(
                value,
                count,
                100 * count / most,
                at.toggled("/", f"{name}_is", value, *keep),
                value in wanted,
            )
            for value, count in counts[:listed]
        ]
        if any(value for value, _ in counts):
            found.append(Facet(name, tuple(values), len(counts) - len(values)))
    months = _months(result)
    if len(months) > 1:
        most = max(months.values())
        listed = _MAX_FACET_VALUES if at.get("all") == "month" else _FACET_VALUES
        shown = sorted((each for each in months.items() if len(each[0]) > 4), reverse=True)
        by_month = tuple(
            FacetValue(
                month,
                count,
                100 * count / most,
                at.address("/", *keep, since=month, until=month),
                at.get("since") == month == at.get("until"),
            )
            for month, count in shown[:listed]
        )
        found.append(Facet("month", by_month, len(shown) - len(by_month)))
    return found


def _months(result: SearchResult) -> Counter[str]:
    """Return how many articles each month has, or each year where no more is known."""
    months = Counter[str]()
    for day, count in result.facets["day"]:
        if day:
            months[day[:7]] += count
    return months


def _strip(result: SearchResult, at: Parameters) -> Chart | None:
    """Return the small chart above the hits, from the days that the search has counted."""
    days: Iterable[tuple[str, int]] = result.facets["day"]
    months = _months(result)
    if len(months) > _MOST_MONTHS:  # a bin is a month or longer
        days = months.items()
    dates = {parse_partial_date(day): count for day, count in days if day}
    requested = requested_period(result.request.query.root)
    by = choose_interval(dates, requested, _STRIP_BINS)
    numbers = bin_range(dates, requested, by)
    if not 1 < len(numbers) <= 2 * _STRIP_BINS:
        return None
    bins = [bin_at(number, by) for number in numbers]
    counts = sum_into_bins(dates.items(), by, numbers)
    return make_chart(
        "articles",
        bins,
        by,
        counts,
        lambda n: f"{bins[n].name}: {counts[n]:,}",
        lambda each: _address_of_bin(at, "/", each, "sort", "recency", "collapse"),
    )


def _address_of_bin(at: Parameters, path: str, each: Bin, *keep: str) -> str:
    return at.address(path, *keep, since=day_name(each.first), until=day_name(each.last))


def _more_with_variants(
    engine: Engine, query: Query, at: Parameters, total: int
) -> tuple[int, str] | None:
    """Return how many more articles match with regional spellings, and which these are."""
    plain = at.choice("variants", Variants, Variants.OFF) is Variants.OFF
    if not plain or at.flag("literal") or not may_have_variants(query.root):
        return None
    expanded = with_variants(query, Variants.WORDS)
    more = count_matches(engine, expanded.root) - total if expanded.variants else 0
    words = "; ".join(f"{word}: {', '.join(others)}" for word, others in expanded.variants)
    return (more, words) if more > 0 else None


# Articles


def article_page(visit: Visit) -> Answer:
    """Return an article to read, with the matches of ``q`` marked."""
    article = visit_article(visit)
    texts = []
    at = visit.at
    problem = ""
    if at.get("q"):
        try:
            texts = positive_texts(visit.query().root)
        except NewsgrepError as exc:
            problem = str(exc)
    spans = highlight_spans(article.body, texts, Field.BODY)
    shown = list(paragraphs(article, spans))
    annotation = read_annotations(visit.index).get(article.id)
    history = make_history(article) if article.versions else None
    return visit.page(
        "article.html",
        "/",
        article=article,
        title_spans=highlight_spans(article.title, texts, Field.TITLE),
        paragraphs=shown,
        matches=sum(len(each.spans) for each in shown),
        annotation=annotation,
        versions=[(e, display_capture(e.version.captured)) for e in history.entries]
        if history
        else [],
        citations=citations(visit.engine, article),
        similar=find_similar(visit.engine, article, _SIMILAR).articles,
        warnings=(problem,) if problem else (),
    )


def visit_article(visit: Visit) -> Article:
    """Return the article that the path names; raises :class:`NotFound`."""
    found = visit.engine.get([visit.target.lower()])
    if not found:
        raise NotFound(
            "No article with the id {id} in this archive. Search for its title.",
            id=truncate(one_line(visit.target), 40),
        )
    return found[0]


def citations(engine: Engine, article: Article) -> list[tuple[str, str]]:
    """Return the citations of an article with the names of their styles."""
    record = next(iter(engine.find_file_records([article.id])), None)
    cited = Cited(article, index_digest(record))
    plain = ("GB/T 7714", CitationStyle.GBT), ("Chicago", CitationStyle.CHICAGO)
    files = ("BibTeX", CitationStyle.BIBTEX), ("RIS", CitationStyle.RIS)
    return [
        *((name, cite(cited, style)) for name, style in (*plain, *files)),
        ("CSL-JSON", encode_json([csl_item(cited)], indent=2)),
    ]


def difference_page(visit: Visit) -> Answer:
    """Return how one version of an article became another."""
    article = visit_article(visit)
    at = visit.at
    given = [at.number(name, 0, least=1, most=9999) for name in ("from", "to") if at.get(name)]
    difference = make_difference(article, given)
    if difference is None:
        raise NotFound("There is only one version of {id}.", id=article.id)
    return visit.page(
        "difference.html",
        "/",
        article=article,
        difference=difference,
        before=display_capture(difference.before.version.captured),
        after=display_capture(difference.after.version.captured),
    )


def file_page(visit: Visit) -> Answer:
    """Return the record that an article was extracted from, to be kept as a file.

    A browser does not show it: a page from elsewhere would run on this server. A file that has
    changed since it was indexed is not sent, so that an index cannot name any file of the machine.
    """
    article = visit_article(visit)
    try:
        record = read_raw(visit.engine, article)
    except InputError as exc:
        raise NotFound("The file of this article cannot be read any more.") from exc
    if not record.is_unchanged:
        raise NotFound("The file of this article has changed since it was indexed.")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", article.path.rsplit("/", 1)[-1])[-60:].strip("-.")
    headers = {"Content-Disposition": f'attachment; filename="{name or article.id}"'}
    return Answer(200, "application/octet-stream", record.data, headers)


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
    offset = at.number("offset", 0, most=_MAX_OFFSET)
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
    """Return what the chosen sources write about the query, and a form to choose them."""
    at = visit.at
    query = visit.query()
    facet = visit.engine.search(EngineRequest(query.root, limit=0, facets=("source",))).facets
    known = [each for each in group_sources(facet["source"]) if each.name][:_FACET_VALUES]
    names = at.all("names") or tuple(each.name for each in known[:_COMPARED_FIRST])
    if len(names) > _MAX_COMPARED:
        raise UsageError(
            "{count} sources, more than {most}. Choose fewer.",
            count=len(names),
            most=_MAX_COMPARED,
        )
    found = None
    if len(names) > 1:
        found = compare.compare_sources(visit.engine, query, names, 15)
    return visit.page(
        "compare.html",
        "/compare",
        known=known,
        names=names,
        found=found,
        charts=_compared_charts(found, at) if found else [],
        warnings=query.warnings,
    )


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
            lambda each: at.address(
                "/", source=source.name, since=day_name(each.first), until=day_name(each.last)
            ),
            most=most,
        )

    return [chart(source, row) for source, row in zip(found.groups, rows, strict=True)]


# Saved queries


class SavedQuery(NamedTuple):
    """A saved query: its matches, the new ones (``None`` if never shown), or what is wrong."""

    name: str
    text: str
    total: int
    new: int | None
    problem: str


def saved_page(visit: Visit) -> Answer:
    """Return the saved queries, each with how many articles are new."""
    found = []
    queries = read_saved(visit.index)
    for name, text in islice(queries.items(), _MAX_SAVED):
        try:
            query = _saved_query(visit, text, queries)
            total = count_matches(visit.engine, query.root)
            new = _count_new(visit, name, query)
            found.append(SavedQuery(name, text, total, new, ""))
        except NewsgrepError as exc:
            found.append(SavedQuery(name, text, 0, None, str(exc)))
    return visit.page("saved.html", "/saved", saved=found, more=len(queries) - len(found))


def _saved_query(visit: Visit, text: str, queries: Mapping[str, str]) -> Query:
    return parse(
        text,
        saved=lambda: queries,
        collections=lambda: read_collections(visit.index),
        user=visit.engine.user_dictionary,
    )


def _count_new(visit: Visit, name: str, query: Query) -> int | None:
    if len(visit.index.parts) > 1:
        return None
    seen = find_seen(visit.index, name)
    if seen is None:
        return None
    return find_new(visit.engine, name, query, seen, include_existing=False).total


def new_page(visit: Visit) -> Answer:
    """Return the articles that are new for a saved query since it was last shown."""
    found, text = find_new_of(visit)
    return visit.page(
        "new.html",
        "/saved",
        name_of_query=found.name,
        text=text,
        total=found.total,
        hits=list(islice(found.hits, 100)),
        is_first=found.first_run,
    )


def find_new_of(visit: Visit) -> tuple[NewArticles, str]:
    """Return the new articles of the saved query that the path names, and its text."""
    queries = read_saved(visit.index)
    try:
        name = saved_name(queries, visit.target)
    except UsageError as exc:
        raise NotFound(str(exc)) from None
    query = _saved_query(visit, queries[name], queries)
    seen = find_seen(visit.index, name)
    return find_new(visit.engine, name, query, seen, include_existing=False), queries[name]


def read_recency(text: str) -> Recency | None:
    """Return the recency for a half-life such as ``30d``, ``None`` for an empty text."""
    return recency_from_today(parse_half_life(text)) if text else None


PAGES: Final[Mapping[str, Callable[[Visit], Answer]]] = {
    "search": search_page,
    "article": article_page,
    "difference": difference_page,
    "file": file_page,
    "svg": svg_page,
    "timeline": timeline_page,
    "kwic": kwic_page,
    "keywords": keywords_page,
    "compare": compare_page,
    "saved": saved_page,
    "new": new_page,
}
"""The pages by the names of their routes."""
