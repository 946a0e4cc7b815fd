"""An open archive: searching, reading, counting and comparing its articles.

Views are imported by the methods that use them, so that opening and searching load little.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from newsgrep.api.counting import CountingArchive
from newsgrep.api.opened import at_least, choose, make_recency
from newsgrep.engines.base import Engine, Order, check_facets, count_matches
from newsgrep.engines.registry import DEFAULT_TIMEOUT
from newsgrep.errors import UsageError
from newsgrep.indexing import index_at
from newsgrep.models import Article, Hit
from newsgrep.query.parser import Query
from newsgrep.search.search import (
    SearchRequest,
    SearchResult,
    build_query,
    find_page,
    iter_hits,
    search,
)

if TYPE_CHECKING:
    from newsgrep.api.results import Hits, NewHits
    from newsgrep.indexing.store import Index
    from newsgrep.views.history import Difference, History
    from newsgrep.views.similar import SimilarArticles
    from newsgrep.views.stats import IndexStats

Location = str | os.PathLike[str]
"""A folder with an index, or the URL of an index on a server."""


def open(*locations: Location, timeout: float = DEFAULT_TIMEOUT) -> Archive:  # noqa: A001  (of the module newsgrep)
    """Open the index at ``locations`` for reading; several are searched as one.

    ``timeout`` is the number of seconds that a server may take for each request. Raises
    :class:`IndexMissing`, :class:`IndexMismatch`, :class:`IndexDamaged` and
    :class:`ServerProblem`.

    >>> import newsgrep
    >>> with newsgrep.open("index") as archive:
    ...     archive.count("声明")
    9
    """
    if not locations:
        raise UsageError('Name an index: newsgrep.open("index").')
    indexes = [
        index_at(each if isinstance(each, str) else os.fspath(each), timeout) for each in locations
    ]
    if len(indexes) == 1:
        return Archive(indexes[0])
    from newsgrep.indexing.combined import combine_indexes

    return Archive(combine_indexes(indexes))


class Archive(CountingArchive):
    """An index that is open for reading, as of one commit.

    :func:`newsgrep.open` returns it; ``with`` closes it. It is a collection of articles: ``len``
    counts them, and iteration yields them, the newest first.

    Wherever a method takes a query, this is a text in the query language, or what :meth:`parse`
    returns for a text with options. Invalid queries and options raise :class:`QueryError` and
    :class:`UsageError`.

    Threads may use one archive at the same time. All answers are those of the commit that was the
    last one when the archive was opened, until :meth:`refresh` is called; an archive on a server
    moves to the last state after five minutes without a call. Nothing is written.
    """

    # Articles

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # an empty archive is open as well

    def __iter__(self) -> Iterator[Article]:
        return self.articles(sort="-date")

    def get(self, name: str) -> Article | None:
        """Return the article with this id, address or path, or ``None``.

        The first characters of an id are enough, at least four. Raises :class:`UsageError` if
        several articles have an id that begins so.

        >>> archive.get("kmq7ty2unrjg").source
        '汀海体育'
        """
        from newsgrep.search.named import find_article

        with self.reading() as engine:
            return find_article(engine, name, titles=False)

    def articles(
        self,
        query: str | Query | None = None,
        *,
        sort: Literal["relevance", "date", "-date"] = "relevance",
        limit: int | None = None,
        sample: int | None = None,
        seed: str = "1",
    ) -> Iterator[Article]:
        """Yield the articles that match ``query``, or all of the archive, a few in memory at once.

        With ``sample``, so many are chosen at random; the same ``seed`` chooses the same articles.

        >>> for article in archive.articles("声明", sort="date", limit=1):
        ...     print(article.published, article.source)
        2023-11-19 汀海晚报
        """
        from newsgrep.search.selection import Sample, in_batches, select_ids

        root, order = self._query(query).root, choose(Order, sort, "sort")
        if sample is not None and limit is not None:
            raise UsageError("sample and limit exclude each other. Use one of them.")
        with self.reading() as engine:
            chosen = Sample(sample, seed) if sample else None
            for batch in in_batches(select_ids(engine, root, order, limit, chosen)):
                yield from engine.get(batch)

    # Searching

    def search(
        self,
        query: str | Query,
        *,
        limit: int = 10,
        offset: int = 0,
        after: str = "",
        sort: Literal["relevance", "date", "-date"] = "relevance",
        facets: Sequence[str] = (),
        recency: str | timedelta | None = None,
        collapse: bool = False,
        explain: bool = False,
    ) -> Hits:
        """Return a page of hits with their snippets.

        ``after`` is the ``next`` token of the page before; ``offset`` skips hits. ``facets`` are
        names among ``source``, ``month``, ``day``, ``author`` and ``tag``. ``recency`` is the age
        (``"30d"``, ``"6m"``) that halves a score. ``collapse`` shows reprints of one text as one
        hit, ``explain`` adds how scores are computed. If nothing matches, the result has a
        diagnosis, and the closest articles.

        >>> result = archive.search('"联合声明" source:汀海', limit=1)
        >>> result.total
        2
        >>> result[0].snippets[0].marked("**", "**")[:30]
        '赛后，两家俱乐部没有照例分开见记者，而是发表**联合声明**'
        """
        from newsgrep.api.results import Hits

        request = SearchRequest(
            self._query(query),
            choose(Order, sort, "sort"),
            at_least(0, "limit", limit),
            at_least(0, "offset", offset),
            check_facets(facets),
            recency=make_recency(recency, sort),
            after=after,
        )
        if collapse and (after or explain):
            raise UsageError("collapse excludes after and explain. Leave one of them out.")
        with self.reading() as engine:
            if collapse:
                from newsgrep.views.stories import search_collapsed

                page = search_collapsed(engine, request)
                if page.result.total:
                    return Hits(page.result, page)
                page = page._replace(result=_diagnosed(engine, self._index, page.result))
                return Hits(page.result, page)
            result = search(engine, request)
            if not result.total:
                return Hits(_diagnosed(engine, self._index, result))
            if explain:
                from newsgrep.search.diagnose import explain as explain_scores

                result = result._replace(explanation=explain_scores(engine, result))
            return Hits(result)

    def hits(
        self,
        query: str | Query,
        *,
        sort: Literal["relevance", "date", "-date"] = "relevance",
        limit: int | None = None,
    ) -> Iterator[Hit]:
        """Yield all hits of ``query`` with their snippets, a few in memory at once.

        Their ranks, scores and order are those of :meth:`search`.

        >>> sum(len(hit.snippets) for hit in archive.hits("声明"))
        9
        """
        root, order = self._query(query), choose(Order, sort, "sort")
        with self.reading() as engine:
            most = (
                count_matches(engine, root.root) if limit is None else at_least(0, "limit", limit)
            )
            request = SearchRequest(root, order, most)
            yield from iter_hits(engine, find_page(engine, request), request)

    def batch(
        self, queries: Iterable[str | Mapping[str, Any]], *, limit: int = 10
    ) -> Iterator[dict[str, Any]]:
        """Yield the answer to each query as ``newsgrep batch`` prints it, errors included.

        A query is a text or a mapping with the keys of a line of JSON: ``query``, and optionally
        ``id``, ``limit``, ``sort``, ``source``, ``since`` and others.

        >>> [answer["total"] for answer in archive.batch(["声明", "渔业", "没有的词"])]
        [9, 2, 0]
        """
        from newsgrep.query.ast import MatchAll
        from newsgrep.views import batch

        build = partial(
            build_query,
            saved=self.saved_queries,
            collections=self._collections,
            user=self._user_dictionary(),
        )
        defaults = SearchRequest(Query("", MatchAll()), limit=at_least(0, "limit", limit))
        for number, query in enumerate(queries, 1):
            options = {"query": query} if isinstance(query, str) else dict(query)
            with self.reading() as engine:
                answer = batch.answer_options(engine, number, options, build, defaults)
            yield batch.to_json(answer)

    def whats_new(self, saved: str, *, limit: int = 20) -> NewHits:
        """Return the articles that ``newsgrep new`` would show for a saved query, and mark none.

        Raises :class:`UsageError` if there is no saved query of this name.
        """
        from newsgrep.api.results import NewHits
        from newsgrep.indexing.user_state import find_seen, saved_name
        from newsgrep.views.new import find_new

        queries = self.saved_queries()
        name = saved_name(queries, saved)
        seen = find_seen(self._index, name)
        with self.reading() as engine:
            query = self._query(queries[name])
            found = find_new(engine, name, query, seen, include_existing=False)
            hits = tuple(hit for hit, _ in zip(found.hits, range(limit), strict=False))
        return NewHits(name, found.total, seen is None, hits, found)

    # One article

    def similar(
        self, article: Article | str, *, within: str | Query | None = None, limit: int = 10
    ) -> SimilarArticles:
        """Return the articles that are similar to one, which need not be in the archive.

        A string names an article as for :meth:`get`. With ``within``, only articles that match
        this query are compared. Raises :class:`UsageError` if no article has the name.
        """
        from newsgrep.views.similar import find_similar

        found = self._article(article)
        root = None if within is None else self._query(within).root
        with self.reading() as engine:
            return find_similar(engine, found, limit, within=root)

    def history(self, article: Article | str) -> History:
        """Return the versions of an article, the earliest first; see :meth:`similar`."""
        from newsgrep.views.history import make_history

        return make_history(self._article(article))

    def difference(self, article: Article | str, *numbers: int) -> Difference | None:
        """Return the difference of two versions, by default the last; ``None`` if there is one."""
        from newsgrep.views.history import make_difference

        return make_difference(self._article(article), numbers)

    def cite(
        self,
        article: Article | str,
        style: Literal["gbt7714", "chicago", "bibtex", "ris", "csl"] = "gbt7714",
    ) -> str:
        """Return a citation of an article, with the digest of its file as evidence."""
        import json

        from newsgrep.views import citation

        found = self._article(article)
        with self.reading() as engine:
            records = engine.find_file_records([found.id])
        cited = citation.Cited(found, citation.index_digest(records[0] if records else None))
        chosen = choose(citation.CitationStyle, style, "style")
        encode = partial(json.dumps, ensure_ascii=False)
        return "\n".join(citation.citation_lines([cited], chosen, encode))

    def _article(self, article: Article | str) -> Article:
        if isinstance(article, Article):
            return article
        found = self.get(article)
        if found is None:
            raise UsageError(
                "No article with the id, address or path {name}. Search for it.", name=article
            )
        return found

    # The archive

    def stats(self) -> IndexStats:
        """Return what the archive contains: articles, files, sources, dates; one index only."""
        from newsgrep.views.stats import collect_stats

        index = self._index
        with self.reading() as engine:
            return collect_stats(index, engine, index.read_manifest())


def _diagnosed(engine: Engine, index: Index, result: SearchResult) -> SearchResult:
    """Return a result without matches with its diagnosis and the closest articles."""
    from newsgrep.search.diagnose import diagnose_in, find_closest

    request = result.request
    return result._replace(
        diagnosis=diagnose_in(engine, request.query.root, index),
        closest=find_closest(engine, request),
    )
