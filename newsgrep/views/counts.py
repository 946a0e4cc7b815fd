"""Numbers of articles: of a query, by facets, and of each source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, FacetCounts
from newsgrep.messages import _
from newsgrep.query.ast import Node, describe
from newsgrep.query.parser import Query
from newsgrep.search.search import SourceCount, group_sources
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    bar,
    count_noun,
    display_width,
    one_line,
    pad,
    truncate,
)
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.table import Table

_BAR: Final = 30
_MAX_LABEL: Final = 40
_BY_TIME: Final = frozenset(("year", "month", "day"))
"""Facets that text lists in the order of time; others list the most frequent value first."""


class FacetCount(NamedTuple):
    """The number of matches with one value of a facet; ``""`` counts those without a value."""

    facet: str
    value: str
    articles: int


@dataclass(frozen=True, slots=True, repr=False)
class Counts(Table[FacetCount]):
    """How many articles match a query, and how many have each value of some facets.

    ``parsed`` is the query as it was understood.
    """

    query: str
    parsed: str
    total: int
    facets: Mapping[str, FacetCounts]

    @property
    def items(self) -> Sequence[FacetCount]:
        """The counts of all facets, one facet after the other."""
        return [
            FacetCount(name, value, count)
            for name, values in self.facets.items()
            for value, count in values
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`to_csv`."""
        return to_csv(self)


def count_facets(engine: Engine, query: Query, names: Sequence[str] = ()) -> Counts:
    """Return how many articles match ``query``, and the counts of the facets ``names``."""
    page = engine.search(EngineRequest(query.root, limit=0, facets=names))
    return Counts(query.text, describe(query.root), page.total, page.facets)


def to_text(counts: Counts, screen: Screen) -> Iterator[StyledLine]:
    """Yield all values of each facet with bars, and the total."""
    for name, values in counts.facets.items():
        yield StyledLine([StyledText(_(name), "title")])
        if name in _BY_TIME:
            values = tuple(sorted(values, key=lambda each: (not each[0], each[0])))
        yield from _bars(values, screen)
        yield StyledLine()
    yield StyledLine([StyledText(count_noun(counts.total, "article"), "dim")])


def _bars(values: Sequence[tuple[str, int]], screen: Screen) -> Iterator[StyledLine]:
    shown = [(truncate(one_line(value), _MAX_LABEL) or _("(none)"), n) for value, n in values]
    width = max((display_width(label) for label, _ in shown), default=0)
    most = max((count for _, count in shown), default=0)
    digits = len(f"{most:,}")
    room = max(1, min(_BAR, screen.width - width - digits - 6))  # 6: the gaps
    for label, count in shown:
        drawn = bar(count, most, room, blocks=screen.blocks)
        text = f"  {count:>{digits},}  "
        pieces = [StyledText(pad(label, width)), StyledText(text), StyledText(drawn, "source")]
        yield StyledLine(pieces, indent=2)


def to_json(counts: Counts) -> dict[str, Any]:
    """Return the total and all facets as one object."""
    return {
        "version": SCHEMA_VERSION,
        "query": counts.query,
        "parsed": counts.parsed,
        "total": counts.total,
        "facets": {
            name: [{"value": value or None, "count": count} for value, count in values]
            for name, values in counts.facets.items()
        },
    }


def to_csv(counts: Counts) -> Iterator[Sequence[object]]:
    """Yield a row for each value of each facet, or one with the total."""
    yield ("facet", "value", "count")
    if not counts.facets:
        yield ("", "", counts.total)
    for name, values in counts.facets.items():
        for value, count in values:
            yield (name, value, count)


# Sources


@dataclass(frozen=True, slots=True, repr=False)
class Sources(Table[SourceCount]):
    """All sources of the articles that match a query, those with most articles first."""

    query: str
    parsed: str
    total: int
    sources: tuple[SourceCount, ...]

    @property
    def items(self) -> Sequence[SourceCount]:
        """The sources."""
        return self.sources

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`sources_to_json`."""
        return sources_to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`sources_to_csv`."""
        return sources_to_csv(self)


def count_sources(engine: Engine, text: str, root: Node) -> Sources:
    """Return the sources of the articles that match ``root``, which was typed as ``text``."""
    page = engine.search(EngineRequest(root, limit=0, facets=("source",)))
    return Sources(text, describe(root), page.total, tuple(group_sources(page.facets["source"])))


def sources_to_text(found: Sources, screen: Screen) -> Iterator[StyledLine]:
    """Yield a line for each source with a bar, and the total."""
    if not found.total:
        return
    yield from _bars([(source.name, source.articles) for source in found.sources], screen)
    named = sum(bool(source.name) for source in found.sources)
    total = _(
        "{sources}, {articles}",
        sources=count_noun(named, "source"),
        articles=count_noun(found.total, "article"),
    )
    yield StyledLine([StyledText(total, "dim")])


def sources_to_json(found: Sources) -> dict[str, Any]:
    """Return all sources; ``null`` counts articles without a source."""
    return {
        "version": SCHEMA_VERSION,
        "query": found.query,
        "parsed": found.parsed,
        "total": found.total,
        "sources": [
            {
                "source": each.name or None,
                "spellings": [spelling for spelling in each.spellings if spelling],
                "articles": each.articles,
            }
            for each in found.sources
        ],
    }


def sources_to_csv(found: Sources) -> Iterator[Sequence[object]]:
    """Yield a row for each source; several spellings are in one cell."""
    yield ("source", "articles", "spellings")
    for each in found.sources:
        yield (each.name, each.articles, "; ".join(filter(None, each.spellings)))
