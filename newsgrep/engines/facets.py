"""What documents have in common, counted: sources, authors, tags, days and months.

Counts are of all documents that match, never of a page.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Final

from newsgrep.engines.entry import shared_part
from newsgrep.engines.evaluate import UNDATED, Store
from newsgrep.query.tree import Name

Facet = tuple[tuple[str, int], ...]

_LISTS: Final = {"author": Name.AUTHOR, "tag": Name.TAG}


def facet(store: Store, name: str, matched: set[int]) -> Facet:
    """Return how many of ``matched`` have each value of the facet called ``name``."""
    if name in _LISTS:
        return _ordered(_of_lists(store, _LISTS[name], matched))
    if name == "day":
        return _ordered(_of_days(store, matched))
    return _ordered(Counter(store.values(name, matched)))


def _of_lists(store: Store, kind: Name, matched: set[int]) -> Counter[str]:
    """Count several values of a document each."""
    counts: Counter[str] = Counter()
    without = set(matched)
    for name, documents in store.names(kind):
        having = matched.intersection(documents)
        if having:
            counts[name] = len(having)
            without -= having
    if without:
        counts[""] = len(without)
    return counts


def _of_days(store: Store, matched: set[int]) -> Counter[str]:
    begins, ends = store.days()
    counts: Counter[str] = Counter()
    for (first, last), count in Counter((begins[d], ends[d]) for d in matched).items():
        is_dated = first > UNDATED
        day = shared_part(date.fromordinal(first), date.fromordinal(last)) if is_dated else ""
        counts[day] = count
    return counts


def _ordered(counts: Counter[str]) -> Facet:
    """Return values with their counts, most frequent first, then by value."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
