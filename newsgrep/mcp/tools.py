"""The tools of ``newsgrep mcp``: what an assistant can call, and the server that offers them.

Signatures and docstrings are what the assistant reads: argument types become a JSON schema, and
the docstring is the description. Numbers that are too large are reduced to the limit.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from threading import Lock
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar, cast

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from newsgrep import __version__
from newsgrep.api.archive import Archive
from newsgrep.engines.base import Order, count_matches, first_match
from newsgrep.errors import NewsgrepError, UsageError
from newsgrep.mcp import answers
from newsgrep.mcp.answers import UNTRUSTED
from newsgrep.models import Article
from newsgrep.query.ast import DateRange, Not
from newsgrep.query.parser import Query

QUERY_LANGUAGE: Final = (
    'All words must match; adjacent ones rank higher. "quotes" (also “ ” 「 」) match exactly. '
    "OR, NOT, -word and ( ) combine. a NEAR/10 b: close to each other. 普?习, govern*: wildcards. "
    "~goverment: similar spelling. /…/: regular expression. Fields: title: body: caption: "
    "source: author: tag: url: path: id: leftout: everything: earlier: changed: saved:. Dates: "
    "date:2024, date:2024-05, date:2024-05-01..2024-05-17, since:2024-05, until:2024. Simplified, "
    "traditional, full-width and upper-case spellings are equivalent."
)

INSTRUCTIONS: Final = (
    "A full-text archive of news articles, mostly in Chinese. All tools only read. Begin with "
    "search; read an article with fetch before you quote it. Totals are exact. Cite articles by "
    "title, source, date and url, or id and path where there is no url; quotations have offsets "
    "(start, end) in the body, and fetch with start and length returns that text. " + UNTRUSTED
)

_REFRESH_SECONDS: Final = 1.0
_CONTEXT: Final = 120
_MAX_HITS: Final = 50
_MAX_VALUES: Final = 100
_MAX_LINES: Final = 100
_MAX_READ: Final = 20_000
"""Articles that one call may read; counting needs no texts, and reads none."""

_MAX_OFFSET: Final = 100_000
_MAX_BINS: Final = 600
"""Bins of all series together."""

Text = Annotated[str, Field(description="A query: " + QUERY_LANGUAGE, max_length=10_000)]
Limit = Annotated[int, Field(ge=1, description="How many to return at most.")]
Cursor = Annotated[str, Field(description="next_cursor of the page before; empty for the first.")]
Day = Annotated[str, Field(description="2024, 2024-05, 2024-05-17, or empty.")]
Name = Annotated[str, Field(description="The id of an article, its first 6 characters, or url.")]
Sort = Annotated[
    Literal["relevance", "date", "-date"], Field(description="date: oldest first; -date: newest.")
]
Names = Annotated[list[str], Field(description="Parts of names of sources; any of them matches.")]


class Tools:
    """The tools over one archive, which moves to a new commit at most once a second."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = Lock()
        self._refreshed = time.monotonic()

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the tools, those needed first at the beginning."""
        return (
            self.search,
            self.fetch,
            self.count_over_time,
            self.facets,
            self.kwic,
            self.similar,
            self.keywords,
            self.compare,
            self.describe_archive,
            self.whats_new,
        )

    def _current(self) -> Archive:
        """Return the archive at its last commit, or at one of a second ago."""
        with self._lock:
            now = time.monotonic()
            is_due = now - self._refreshed >= _REFRESH_SECONDS
            self._refreshed = now if is_due else self._refreshed
        if is_due:
            self._archive.refresh()
        return self._archive

    def search(
        self,
        query: Text,
        limit: Limit = 10,
        sort: Sort = "relevance",
        since: Day = "",
        until: Day = "",
        sources: Names = [],  # noqa: B006  (never changed; the default in the schema)
        cursor: Cursor = "",
    ) -> answers.SearchAnswer:
        """Find articles, best match first, with the exact total and quotations.

        If nothing matches, with_part says how many articles have each part of the query, and
        without_part how many match without a filter: change the query accordingly.
        """
        archive = self._current()
        parsed = _parse(archive, query, since, until, sources)
        limit = min(limit, _MAX_HITS)
        try:
            hits = archive.search(parsed, limit=limit, sort=sort, after=cursor)
        except UsageError as exc:
            if not cursor:
                raise
            raise UsageError(
                "The cursor is of another query or order, or the archive has changed since. Search "
                "again without cursor; cursors of sort date and -date stay valid."
            ) from exc
        return answers.search_answer(hits)

    def fetch(
        self,
        id: Name,  # noqa: A002  (the name that clients expect)
        start: Annotated[int, Field(ge=0, description="First character of the body.")] = 0,
        length: Annotated[int, Field(ge=1, description="Characters, at most 20,000.")] = 20_000,
        cursor: Cursor = "",
    ) -> answers.Fetched:
        """Return one article: its text from character start, and everything known about it.

        To verify a quotation, pass its start, and end - start as length. Call again with cursor
        for the rest of a long text.
        """
        article = self._current().get(id)
        if article is None:
            raise UsageError(
                "No article has the id or url {name}. search returns ids.",
                name=answers.shorten(id),
            )
        start = _offset(cursor, most=len(article.body)) if cursor else start
        return answers.fetched(article, start, min(length, answers.MAX_TEXT))

    def count_over_time(
        self,
        query: Text,
        by: Literal["auto", "day", "week", "month", "year"] = "auto",
        measure: Annotated[
            Literal["articles", "share", "occurrences", "per-million"],
            Field(description="share: percentage of all articles of the time."),
        ] = "articles",
        since: Day = "",
        until: Day = "",
        sources: Names = [],  # noqa: B006
        other_queries: Annotated[
            list[str], Field(description="More queries on the same axis.", max_length=5)
        ] = [],  # noqa: B006
        per_source: bool = False,
    ) -> answers.TableAnswer:
        """Count matching articles per day, week, month or year, exactly.

        auto chooses bins. Articles without a date, or with a less precise one, are counted apart.
        """
        archive = self._current()
        queries = [_parse(archive, each, since, until, sources) for each in (query, *other_queries)]
        if measure in {"occurrences", "per-million"}:
            for each in queries:
                _check_readable(archive, each)
        found = archive.timeline(
            *queries,
            by=None if by == "auto" else by,
            measure=measure,
            per_source=per_source,
        )
        if (bins := len(found.bins) * len(found.series)) > _MAX_BINS:
            raise UsageError(
                "{count:,} bins are more than {most}. Use longer ones, or narrow the dates.",
                count=bins,
                most=_MAX_BINS,
            )
        return {"result": found.to_dict(), "notice": UNTRUSTED}

    def facets(
        self,
        query: Text,
        by: Literal["source", "year", "month", "day", "author", "tag"] = "source",
        since: Day = "",
        until: Day = "",
        sources: Names = [],  # noqa: B006
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> answers.FacetAnswer:
        """Count all matches of a query by source, year, month, day, author or tag, exactly."""
        archive = self._current()
        counts = archive.facets(_parse(archive, query, since, until, sources), by)
        every = counts.facets[by]
        start = _offset(cursor)
        end = start + min(limit, _MAX_VALUES)
        return {
            "facet": by,
            "total": counts.total,
            "values": answers.values(every[start:end]),
            "number_of_values": len(every),
            "next_cursor": str(end) if end < len(every) else None,
            "notice": UNTRUSTED,
        }

    def kwic(
        self,
        query: Text,
        sort: Literal["relevance", "date", "-date", "source", "left", "right"] = "relevance",
        since: Day = "",
        until: Day = "",
        sources: Names = [],  # noqa: B006
        limit: Limit = 30,
        cursor: Cursor = "",
    ) -> answers.KwicAnswer:
        """Return occurrences of the words of a query, each with the text on both sides.

        Compare how words are used; left and right sort by the text beside them.
        """
        archive = self._current()
        parsed = _parse(archive, query, since, until, sources)
        start = _offset(cursor)
        end = start + min(limit, _MAX_LINES)
        if sort in {"left", "right"}:
            _check_readable(archive, parsed)
        lines = archive.kwic(parsed, sort=sort, width=_CONTEXT, limit=end)
        return {
            "understood_as": lines.parsed,
            "occurrences": [answers.occurrence(each) for each in lines.lines[start:end]],
            "next_cursor": str(end) if lines.has_more else None,
            "notice": UNTRUSTED,
        }

    def similar(
        self,
        id: Name,  # noqa: A002  (as fetch)
        within: Annotated[str, Field(description="Only articles that match this query.")] = "",
        limit: Limit = 10,
    ) -> answers.SimilarAnswer:
        """Find articles about the same subject as one article, the most similar first."""
        found = self._current().similar(id, within=within or None, limit=min(limit, _MAX_HITS))
        return {
            "to": answers.citation(found.to),
            "articles": [
                {**answers.citation(each.article), "shared_words": list(each.shared_terms)}
                for each in found
            ],
            "notice": UNTRUSTED,
        }

    def keywords(
        self,
        query: Annotated[str, Field(description="A query as for search, or empty with id.")] = "",
        id: Annotated[str, Field(description="The id of an article, or empty.")] = "",  # noqa: A002
        limit: Limit = 20,
    ) -> answers.TableAnswer:
        """List the words that characterise the articles of a query, or one article.

        Words of a query are in significantly more of its articles than of all others (G²).
        """
        archive = self._current()
        if bool(query) == bool(id):
            raise UsageError("Pass either query or id.")
        subject = archive.get(id) if id else archive.parse(query)
        if subject is None:
            raise UsageError("No article has the id {name}.", name=answers.shorten(id))
        found = archive.keywords(subject, limit=min(limit, _MAX_VALUES))
        return {"result": found.to_dict(), "notice": UNTRUSTED}

    def compare(
        self,
        query: Text,
        sources: Annotated[
            list[str], Field(description="Parts of names of sources, 2 to 10.", max_length=10)
        ] = [],  # noqa: B006
        periods: Annotated[
            list[str], Field(description="2023, 2024-05, 2021..2023; 2 to 10.", max_length=10)
        ] = [],  # noqa: B006
        other_queries: Annotated[
            list[str], Field(description="Queries to compare with.", max_length=10)
        ] = [],  # noqa: B006
        limit: Annotated[int, Field(ge=1, description="Words for each group.")] = 15,
    ) -> answers.TableAnswer:
        """Compare how often, when, and with which words sources write about a query.

        Or periods, or several queries; without any of these, the matches and all other articles.
        """
        found = self._current().compare(
            query, sources, periods=periods, queries=other_queries, limit=min(limit, _MAX_VALUES)
        )
        return {"result": found.to_dict(), "notice": UNTRUSTED}

    def describe_archive(self) -> answers.ArchiveAnswer:
        """Return what the archive contains: articles, dates, sources, saved queries.

        Also the query language.
        """
        archive = self._current()
        sources = archive.sources()
        dated = DateRange(None, None)
        with archive.reading() as engine:
            oldest = first_match(engine, dated, Order.OLDEST)
            newest = first_match(engine, dated, Order.NEWEST)
            undated = count_matches(engine, Not(dated))
        return {
            "articles": sources.total,
            "oldest": _date(oldest),
            "newest": _date(newest),
            "undated": undated,
            "sources": answers.values((s.name, s.articles) for s in sources.sources[:_MAX_HITS]),
            "number_of_sources": sum(bool(each.name) for each in sources.sources),
            "saved_queries": dict(list(archive.saved_queries().items())[:_MAX_VALUES]),
            "commit": archive.commit,
            "query_language": QUERY_LANGUAGE,
            "notice": UNTRUSTED,
        }

    def whats_new(
        self,
        saved: Annotated[str, Field(description="The name of a saved query of the archive.")],
        limit: Limit = 20,
    ) -> answers.NewAnswer:
        """Return the articles of a saved query that its user has not been shown yet.

        describe_archive lists saved queries. Nothing is marked as shown.
        """
        found = self._current().whats_new(saved, limit=min(limit, _MAX_HITS))
        return answers.new_answer(found)


def _parse(archive: Archive, query: str, since: str, until: str, sources: Iterable[str]) -> Query:
    return archive.parse(query, since=since, until=until, sources=sources)


def _check_readable(archive: Archive, query: Query) -> None:
    """Raise :class:`UsageError` if more articles match than one call may read."""
    if (count := archive.count(query)) > _MAX_READ:
        raise UsageError(
            "{count:,} articles match, and at most {most:,} can be read at once. Narrow the query, "
            "or choose another measure or order.",
            count=count,
            most=_MAX_READ,
        )


def _date(article: Article | None) -> str | None:
    return str(article.published) if article else None


def _offset(cursor: str, most: int = _MAX_OFFSET) -> int:
    """Return the offset in a cursor of this module; raises :class:`UsageError` for another one."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10 and int(cursor) <= most):
        raise UsageError("cursor needs the next_cursor of the page before, or nothing.")
    return int(cursor)


_Tool = TypeVar("_Tool", bound=Callable[..., Any])

_READS_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def make_server(archive: Archive, name: str = "newsgrep") -> MCPServer:
    """Return a server with all tools over ``archive``; nothing is started."""
    server = MCPServer(
        name,
        title="newsgrep",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="ERROR",
    )
    for tool in Tools(archive).all():
        server.add_tool(
            _with_readable_errors(tool),
            title=tool.__name__.replace("_", " ").capitalize(),
            annotations=_READS_ONLY,
        )
    return server


def _with_readable_errors(tool: _Tool) -> _Tool:
    """Return ``tool`` with errors of newsgrep as errors that the assistant reads."""

    @wraps(tool)
    def call(*args: Any, **values: Any) -> Any:
        try:
            return tool(*args, **values)
        except NewsgrepError as exc:
            raise ToolError(str(exc)) from exc

    return cast("_Tool", call)


def run(archive: Archive) -> None:
    """Answer on standard input and output until the client closes them, or a signal ends it."""

    def stop(*_: object) -> NoReturn:
        # A thread waits for input, which nothing can interrupt.
        archive.close()
        os._exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    make_server(archive).run("stdio")
