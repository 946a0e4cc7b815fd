"""Counting articles and words: the methods of an archive that read no single article."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from newsgrep.api.opened import OpenArchive, choose
from newsgrep.engines.base import check_facets, count_matches
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.parser import Query

if TYPE_CHECKING:
    from newsgrep.api.results import OccurrenceGroups, Occurrences
    from newsgrep.views.collocates import Collocations
    from newsgrep.views.compare import Comparison
    from newsgrep.views.counts import Counts, Sources
    from newsgrep.views.keywords import Keywords
    from newsgrep.views.timeline import Timeline

_KWIC_WIDTH: Final = 120
"""Cells of a line, as on the command line without a terminal."""


class CountingArchive(OpenArchive):
    """The base of :class:`newsgrep.Archive`: what is counted over all matches of a query."""

    # Counting

    def count(self, query: str | Query | None = None) -> int:
        """Return how many articles match, or how many there are.

        >>> archive.count('"联合声明"')
        8
        """
        root = None if query is None else self._query(query).root
        with self.reading() as engine:
            return count_matches(engine, root)

    def facets(self, query: str | Query | None = None, *names: str) -> Counts:
        """Return the counts of all matches by ``names``: source, year, month, day, author or tag.

        >>> archive.facets("声明", "month").facets["month"][0]
        ('2024-05', 3)
        """
        from newsgrep.views.counts import count_facets

        with self.reading() as engine:
            return count_facets(engine, self._query(query), check_facets(names))

    def sources(self, query: str | Query | None = None) -> Sources:
        """Return the sources of the matches with their numbers, the most frequent first."""
        from newsgrep.views.counts import count_sources

        parsed = self._query(query)
        with self.reading() as engine:
            return count_sources(engine, parsed.text, parsed.root)

    def timeline(
        self,
        query: str | Query,
        *others: str | Query,
        by: Literal["day", "week", "month", "year"] | None = None,
        measure: Literal["articles", "share", "occurrences", "per-million"] = "articles",
        share: bool = False,
        per_source: bool = False,
        max_sources: int = 8,
        most_bins: int = 40,
    ) -> Timeline:
        """Return how many articles match over time; with ``others``, several queries on one axis.

        ``by`` defaults to the shortest bins of which there are at most ``most_bins``. ``measure``
        is what a bin counts; ``share=True`` is short for ``measure="share"``. With ``per_source``,
        the ``max_sources`` most frequent sources have a series each.

        >>> timeline = archive.timeline("声明", by="year")
        >>> [(each.name, count) for each, count in zip(timeline.bins, timeline[0].counts)]
        [('2023', 1), ('2024', 8)]
        """
        from newsgrep.search.bins import Interval
        from newsgrep.views.timeline import Measure, make_timeline

        with self.reading() as engine:
            return make_timeline(
                engine,
                *map(self._query, (query, *others)),
                by=None if by is None else choose(Interval, by, "by"),
                measure=Measure.SHARE if share else choose(Measure, measure, "measure"),
                per_source=per_source,
                max_sources=max_sources,
                most_bins=most_bins,
            )

    # Words

    def kwic(
        self,
        query: str | Query,
        *,
        sort: Literal["relevance", "date", "-date", "source", "left", "right"] = "relevance",
        width: int = _KWIC_WIDTH,
        limit: int | None = 100,
    ) -> Occurrences:
        """Return the occurrences of the query's texts, each with the text around it.

        ``width`` is in terminal cells, of which a Han character takes two. ``limit=None`` reads
        all occurrences, about 500 bytes each.

        >>> line = archive.kwic('"联合声明"')[0]
        >>> line.keyword
        '联合声明'
        """
        from newsgrep.api.results import Occurrences
        from newsgrep.views.kwic import KwicOrder, check_text, make_concordance

        parsed, order = self._query(query), choose(KwicOrder, sort, "sort")
        check_text(parsed.root)
        with self.reading() as engine:
            found = make_concordance(engine, parsed.root, order, width=width, limit=limit)
            return Occurrences.read(parsed.text, found)

    def kwic_groups(
        self, query: str | Query, by: Literal["left", "right", "source", "year"]
    ) -> OccurrenceGroups:
        """Return how often the query's texts occur by the word beside them, source or year."""
        from newsgrep.api.results import OccurrenceGroups
        from newsgrep.views.kwic import KwicGroup, check_text, group_occurrences

        parsed, group = self._query(query), choose(KwicGroup, by, "by")
        check_text(parsed.root)
        with self.reading() as engine:
            return OccurrenceGroups(parsed.text, group_occurrences(engine, parsed.root, group))

    def collocates(
        self,
        query: str | Query,
        *,
        left: int = 5,
        right: int = 5,
        sort: Literal["g2", "mi", "count"] = "g2",
        against: Literal["matches", "archive"] = "matches",
        min_count: int = 3,
        limit: int = 30,
    ) -> Collocations:
        """Return the words that are significantly more frequent near the query's texts.

        ``left`` and ``right`` are the words on each side. ``against`` says with which articles
        they are compared: those that match, or all that pass the filters.
        """
        from newsgrep.views.collocates import CollocateOrder, Reference, find_collocates

        if left < 0 or right < 0 or not left + right:
            raise UsageError("left and right count words: one of them must be at least 1.")
        with self.reading() as engine:
            return find_collocates(
                engine,
                self._query(query),
                left=left,
                right=right,
                order=choose(CollocateOrder, sort, "sort"),
                reference=choose(Reference, against, "against"),
                min_count=min_count,
                limit=limit,
            )

    def keywords(self, subject: str | Query | Article, *, limit: int = 20) -> Keywords:
        """Return the words that characterise the articles of a query, or one article.

        >>> [each.word for each in archive.keywords(archive.get("kmq7ty2unrjg"), limit=3)]
        ['两队', '主帅', '赛后']
        """
        from newsgrep.views.keywords import article_keywords, query_keywords

        with self.reading() as engine:
            if isinstance(subject, Article):
                return article_keywords(engine, subject, limit)
            return query_keywords(engine, self._query(subject), limit)

    def compare(
        self,
        query: str | Query,
        sources: Sequence[str] = (),
        *,
        periods: Sequence[str] = (),
        queries: Sequence[str | Query] = (),
        limit: int = 15,
    ) -> Comparison:
        """Return how many articles are in each group of articles, when, and with which words.

        The groups are the articles on ``query`` in ``sources`` (parts of their names, at least
        two) or in ``periods`` (such as ``2023`` or ``2023-05..2024``), or those of ``query`` and of
        other ``queries``. Without any, the articles that do not match ``query`` are the other
        group. Raises :class:`UsageError` for several kinds of groups.
        """
        from newsgrep.views import compare

        if sum(map(bool, (sources, periods, queries))) > 1:
            raise UsageError("sources, periods and queries exclude each other. Use one of them.")
        with self.reading() as engine:
            first = self._query(query)
            if sources:
                return compare.compare_sources(engine, first, sources, limit)
            if periods:
                return compare.compare_periods(engine, first, periods, limit)
            if queries:
                all_queries = [first, *map(self._query, queries)]
                return compare.compare_queries(engine, all_queries, limit)
            return compare.compare_rest(engine, first, limit)
