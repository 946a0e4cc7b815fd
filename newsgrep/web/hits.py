"""The page of hits: facets, the small chart above them, and why there are none.

A page is its address: links and forms change the address, and without JavaScript all of them work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, Order, count_matches
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import Query
from newsgrep.query.variants import Variants, with_variants
from newsgrep.query.warnings import may_have_variants
from newsgrep.search.bins import (
    Bin,
    bin_at,
    bin_range,
    choose_interval,
    parse_partial_date,
    requested_period,
    sum_into_bins,
)
from newsgrep.search.diagnose import diagnose, find_closest
from newsgrep.search.search import SearchRequest, SearchResult, group_sources, search
from newsgrep.views.stories import Story, search_collapsed
from newsgrep.web.calls import MAX_OFFSET, Answer, Parameters, Visit, read_recency
from newsgrep.web.html import Chart, day_name, make_chart

HITS_PER_PAGE: Final = 20
_STRIP_BINS: Final = 160
_MOST_MONTHS: Final = 40
"""Months with more weeks than a strip has bins."""
_FACET_VALUES: Final = 12
_MAX_FACET_VALUES: Final = 300
_SNIPPET_WIDTH: Final = 180
"""Cells of a snippet: two lines of a page."""
_FACETS: Final = ("source", "author", "tag")


def search_page(visit: Visit) -> Answer:
    """Return the hits with their facets and the timeline, or why there are none."""
    at = visit.at
    query = visit.query()
    is_start = not at.get("q") and isinstance(query.root, MatchAll)
    order = at.choice("sort", Order, Order.NEWEST if not at.get("q") else Order.RELEVANCE)
    offset = at.number("offset", 0, most=MAX_OFFSET)
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
