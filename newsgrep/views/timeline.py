"""How many articles match in each day, week, month or year, in all or source by source.

What is known of a date less finely than the bins are is counted apart and never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine
from newsgrep.errors import UsageError
from newsgrep.query.describe import describe
from newsgrep.query.tree import And, At, Dates, Everything, Identified, Named, Node, leaves
from newsgrep.views.bins import Bin, By, Known, bin_of, known, number_of
from newsgrep.views.sources import Source, grouped, only

MOST_BINS: Final = 9_000
"""Bins of one timeline: the days of 24 years, and more than a picture can tell apart."""

MOST_SOURCES: Final = 8
"""Sources with a series of their own, where nobody said how many: about a screen."""

_FEW_BINS: Final = 40
"""Bins of a timeline for which nobody said how long they are: about a screen."""


class Series(NamedTuple):
    """Counts by bin: of all sources (``None``) or of one; ``all`` counts all its articles.

    ``total`` counts also what has no bin. ``all`` is there where shares were asked for.
    """

    source: Source | None
    total: int
    counts: tuple[int, ...]
    all: tuple[int, ...] | None

    def share(self, at: int) -> float | None:
        """Return the per cent of all articles of bin ``at``; ``None`` where there are none."""
        if self.all is None or not self.all[at]:
            return None
        return 100 * self.counts[at] / self.all[at]


class Timeline(NamedTuple):
    """An answer over time.

    ``by_year`` and ``by_month`` count articles that are known to the year or month only,
    where bins are finer; ``undated`` those without any date. ``among`` says of which
    articles shares are. ``rest`` are the sources that have no series.
    """

    understood: str
    by: By
    total: int
    bins: tuple[Bin, ...]
    series: tuple[Series, ...]
    rest: tuple[Source, ...]
    by_year: int
    by_month: int
    undated: int
    among: str | None

    @property
    def per_source(self) -> bool:
        """Return whether each series is of one source."""
        return any(series.source is not None for series in self.series)


def timeline(
    engine: Engine,
    root: Node,
    *,
    by: By | None = None,
    per_source: bool = False,
    most: int = MOST_SOURCES,
    share: bool = False,
) -> Timeline:
    """Return how the matches of ``root`` lie in time.

    Without ``by`` the finest bins are taken of which there are few. With ``per_source`` the
    ``most`` frequent sources have a series each; with ``share`` all articles are counted,
    too. Raises :class:`UsageError` where there would be more than :data:`MOST_BINS` bins.
    """
    page = engine.search(root, limit=0, facets=("day", "source"))
    dates = {known(text): count for text, count in page.facets["day"] if text}
    by = by or _fitting(dates)
    numbers = _numbers(dates, by)
    base = everything_filtered(root) if share else None
    names = [name for name, _ in page.facets["source"]]
    if base is not None and per_source:
        whole = engine.search(base, limit=0, facets=("source",))
        names = [name for name, _ in whole.facets["source"]]
    sources = grouped(page.facets["source"]) if per_source else []
    series = []
    for source in sources[:most] if per_source else [None]:
        narrow = () if source is None else (only(source, names),)
        series.append(
            Series(
                source,
                source.articles if source else page.total,
                _counted(engine, root, narrow, by, numbers)
                if source
                else _in_bins(dates.items(), by, numbers),
                _counted(engine, base, narrow, by, numbers) if base is not None else None,
            )
        )
    apart = Counter[By]()
    for date, count in dates.items():
        if not _has_bin(date, by):
            apart[date.by] += count
    return Timeline(
        understood=describe(root),
        by=by,
        total=page.total,
        bins=tuple(bin_of(number, by) for number in numbers),
        series=tuple(series),
        rest=tuple(sources[most:]),
        by_year=apart[By.YEAR],
        by_month=apart[By.MONTH],
        undated=dict(page.facets["day"]).get("", 0),
        among=None if base is None else describe(base),
    )


def everything_filtered(root: Node) -> Node:
    """Return the query for all articles that pass the filters of ``root``.

    What a query asks for beside words are its filters. One that asks for nothing else is
    itself the question, and only its dates are filters.
    """
    parts = _parts(root)
    filters = [part for part in parts if _is_filter(part)]
    if len(filters) == len(parts):
        filters = [part for part in parts if isinstance(part, Dates)]
    if not filters:
        return Everything()
    return And(tuple(filters)) if len(filters) > 1 else filters[0]


def _parts(node: Node) -> list[Node]:
    if isinstance(node, And):
        return [part for child in node.children for part in _parts(child)]
    return [node]


def _is_filter(node: Node) -> bool:
    filters = Named | At | Identified | Dates | Everything
    return all(isinstance(leaf, filters) for leaf, _ in leaves(node))


def _counted(
    engine: Engine, root: Node, narrow: tuple[Node, ...], by: By, numbers: range
) -> tuple[int, ...]:
    asked = And((root, *narrow)) if narrow else root
    facet = engine.search(asked, limit=0, facets=("day",)).facets["day"]
    return _in_bins(((known(text), count) for text, count in facet if text), by, numbers)


def _in_bins(dates: Iterable[tuple[Known, int]], by: By, numbers: range) -> tuple[int, ...]:
    counts = [0] * len(numbers)
    for date, count in dates:
        number = number_of(date.first, by)
        if _has_bin(date, by) and number in numbers:
            counts[number - numbers.start] += count
    return tuple(counts)


def _has_bin(date: Known, by: By) -> bool:
    """Return whether all days that ``date`` may mean lie in one bin."""
    return number_of(date.first, by) == number_of(date.last, by)


def _span(dates: Iterable[Known], by: By) -> range:
    numbers = [number_of(date.first, by) for date in dates if _has_bin(date, by)]
    return range(min(numbers), max(numbers) + 1) if numbers else range(0)


def _fitting(dates: dict[Known, int]) -> By:
    """Return the finest bins of which there are few, and which most dates are known to."""
    dated = sum(dates.values())
    for by in By:
        has_bins = sum(count for date, count in dates.items() if _has_bin(date, by))
        if len(_span(dates, by)) <= _FEW_BINS and has_bins * 2 >= dated:
            return by
    return By.YEAR


def _numbers(dates: dict[Known, int], by: By) -> range:
    numbers = _span(dates, by)
    if len(numbers) <= MOST_BINS:
        return numbers
    first, last = bin_of(numbers[0], by), bin_of(numbers[-1], by)
    coarser: Sequence[By] = list(By)[list(By).index(by) + 1 :]
    fits = next((other for other in coarser if len(_span(dates, other)) <= MOST_BINS), None)
    cure = f"say --by {fits}, or ask for less" if fits else "ask for less"
    raise UsageError(
        f"From {first.name} to {last.name} there are {len(numbers):,} bins, more than "
        f"{MOST_BINS:,}: {cure} with --since and --until."
    )
