"""What matching articles have in common, counted by the server: exactly, however many values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from newsgrep.engines.opensearch.asking import Query
from newsgrep.engines.opensearch.view import View

Counts = tuple[tuple[str, int], ...]

_AT_ONCE: Final = 10_000
"""Values of each facet that come with an answer: all five together stay below what it may have."""


def facet_questions(names: Iterable[str]) -> Query:
    """Return what is asked beside a query."""
    return {name: {"terms": {"field": name, "size": _AT_ONCE}} for name in names}


def facet_answers(
    view: View, query: Query, names: Sequence[str], answer: Mapping[str, Any]
) -> dict[str, Counts]:
    """Return the values of each facet; where there are too many to come at once, ask on."""
    found = {}
    for name in names:
        told = answer["aggregations"][name]
        if told["sum_other_doc_count"] or told["doc_count_error_upper_bound"]:
            counts = _all_values(view, query, name)
        else:
            counts = {bucket["key"]: bucket["doc_count"] for bucket in told["buckets"]}
        found[name] = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return found


def _all_values(view: View, query: Query, name: str) -> dict[str, int]:
    pages: Query = {"size": _AT_ONCE, "sources": [{"value": {"terms": {"field": name}}}]}
    body = {"query": query, "size": 0, "track_total_hits": False}
    counts: dict[str, int] = {}
    while True:
        page = view.search({**body, "aggs": {"all": {"composite": pages}}})["aggregations"]["all"]
        counts |= {bucket["key"]["value"]: bucket["doc_count"] for bucket in page["buckets"]}
        if "after_key" not in page:
            return counts
        pages["after"] = page["after_key"]
