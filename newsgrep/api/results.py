"""Results of an archive whose views print while they read: here everything is read at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsgrep.engines.base import FacetCounts
from newsgrep.models import Hit
from newsgrep.views import hits, kwic
from newsgrep.views.kwic import Concordance, GroupCount, Groups, KwicLine
from newsgrep.views.table import Table

if TYPE_CHECKING:
    from newsgrep.search.diagnose import ClosestArticle, Diagnosis, Explanation
    from newsgrep.search.search import SearchResult
    from newsgrep.views.new import NewArticles
    from newsgrep.views.stories import CollapsedPage, Story


@dataclass(frozen=True, slots=True, repr=False)
class Hits(Table[Hit]):
    """A page of hits, best or first ones first, with the exact total.

    ``result`` is what the search returned. With ``collapsed``, a hit stands for all reprints of
    one text, and ``stories`` has the others.
    """

    result: SearchResult
    collapsed: CollapsedPage | None = None

    def __repr__(self) -> str:
        return f"<Hits: {len(self):,} of {self.total:,} for {self.parsed}>"

    @property
    def items(self) -> Sequence[Hit]:
        """The hits of this page."""
        return self.result.hits

    @property
    def total(self) -> int:
        """The number of articles that match, on all pages."""
        return self.result.total

    @property
    def next(self) -> str | None:
        """The token of the page after this one (``after=``), ``None`` for the last page."""
        return self.result.next

    @property
    def parsed(self) -> str:
        """The query as it was understood."""
        return self.result.parsed

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the query may be misunderstood."""
        return self.result.request.query.warnings

    @property
    def facets(self) -> Mapping[str, FacetCounts]:
        """The counts of all matches by each facet; ``""`` counts those without a value."""
        return self.result.facets

    @property
    def undated(self) -> int | None:
        """How many articles without a date match otherwise; ``None`` without a filter by date."""
        return self.result.undated

    @property
    def took_ms(self) -> float:
        """The time that the search took, in milliseconds."""
        return self.result.took_ms

    @property
    def explanation(self) -> Explanation | None:
        """How the scores were computed, if ``explain`` was given and something matches."""
        return self.result.explanation

    @property
    def diagnosis(self) -> Diagnosis | None:
        """Why nothing matches; ``None`` if something does."""
        return self.result.diagnosis

    @property
    def closest(self) -> tuple[ClosestArticle, ...]:
        """If nothing matches, the articles that come closest, with what each lacks."""
        return self.result.closest

    @property
    def stories(self) -> tuple[Story, ...]:
        """With ``collapse``, the reprints of each hit; else nothing."""
        return self.collapsed.stories if self.collapsed else ()

    def to_dict(self) -> dict[str, Any]:
        """Return the page as ``newsgrep search --json`` prints it."""
        if self.collapsed:
            from newsgrep.views import stories

            return stories.to_json(self.collapsed)
        return hits.to_json(self.result)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield a row for each hit, as ``newsgrep search --csv`` prints them."""
        if self.collapsed:
            from newsgrep.views import stories

            return stories.to_csv(self.collapsed)
        return hits.to_csv(self.result)


@dataclass(frozen=True, slots=True, repr=False)
class Occurrences(Table[KwicLine]):
    """Keywords in context: the occurrences of a query's texts, all or the first ones.

    ``occurrences`` are counted in ``articles``; ``has_more`` says that there are others.
    """

    query: str
    parsed: str
    lines: tuple[KwicLine, ...]
    width: int
    occurrences: int
    articles: int
    has_more: bool

    @property
    def items(self) -> Sequence[KwicLine]:
        """The lines."""
        return self.lines

    @classmethod
    def read(cls, query: str, found: Concordance) -> Occurrences:
        """Return all lines of a concordance, which are read now."""
        lines = tuple(kwic.fit_context(line, found.width // 2) for line in found.lines)
        tally = found.tally
        more = tally.has_more or tally.shown < tally.occurrences
        return cls(query, found.parsed, lines, found.width, tally.occurrences, tally.articles, more)

    def _concordance(self) -> Concordance:
        shown = len(self.lines)
        tally = kwic.Tally(self.occurrences, self.articles, shown, self.has_more)
        return Concordance(iter(self.lines), self.width, tally, self.parsed)

    def to_dict(self) -> dict[str, Any]:
        """Return the lines as ``newsgrep kwic --json`` prints them."""
        return kwic.to_json(self._concordance(), query=self.query)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield a row for each occurrence, as ``newsgrep kwic --csv`` prints them."""
        return kwic.to_csv(self._concordance())


@dataclass(frozen=True, slots=True, repr=False)
class OccurrenceGroups(Table[GroupCount]):
    """How often the query's texts occur in each group, the most frequent first."""

    query: str
    found: Groups

    @property
    def items(self) -> Sequence[GroupCount]:
        """The groups."""
        return self.found.groups

    def to_dict(self) -> dict[str, Any]:
        """Return the groups as ``newsgrep kwic --group --json`` prints them."""
        return kwic.groups_to_json(self.found, query=self.query)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield a row for each group, as ``newsgrep kwic --group --csv`` prints them."""
        return kwic.groups_to_csv(self.found)


@dataclass(frozen=True, slots=True, repr=False)
class NewHits(Table[Hit]):
    """The articles that ``newsgrep new`` would show for a saved query, the newest first.

    On the first run nothing is new (``first_run``). ``total`` counts all, also those beyond the
    limit.
    """

    saved: str
    total: int
    first_run: bool
    hits: tuple[Hit, ...]
    found: NewArticles

    @property
    def items(self) -> Sequence[Hit]:
        """The new articles, at most as many as were requested."""
        return self.hits

    def to_dict(self) -> dict[str, Any]:
        """Return the new articles as one of the queries that ``newsgrep new --json`` prints."""
        from newsgrep.views import new

        return new.to_json([self.found._replace(hits=iter(self.hits))])

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield a row for each new article, as ``newsgrep search --csv`` prints hits."""
        yield hits.CSV_COLUMNS
        yield from map(hits.csv_cells, self.hits)
