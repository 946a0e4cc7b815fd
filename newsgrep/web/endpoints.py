"""The addresses of the API: ``/api/v1/NAME``, what each takes, and the OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from newsgrep.views import SCHEMA_VERSION
from newsgrep.web.calls import QUERY_PARAMETERS, Answer, Visit
from newsgrep.web.data import (
    MEDIA_TYPES,
    Format,
    Forms,
    answer_in_form,
    article_data,
    collocates_data,
    compare_data,
    completion_data,
    count_data,
    difference_data,
    export_data,
    history_data,
    keywords_data,
    kwic_data,
    new_data,
    saved_data,
    search_data,
    similar_data,
    sources_data,
    timeline_data,
)

PREFIX: Final = "/api/v1"


class Endpoint(NamedTuple):
    """An address of the API: what it returns, its own parameters, and the schema of its JSON."""

    path: str
    summary: str
    result: Callable[[Visit], Forms | Answer]
    parameters: Mapping[str, str]
    takes_query: bool = True
    schema: str = ""
    streams: bool = False

    def answer(self, visit: Visit) -> Answer:
        """Return the answer to a visit; raises :class:`UsageError` for an unknown parameter."""
        known = (*(QUERY_PARAMETERS if self.takes_query else ()), *self.parameters, "format")
        visit.at.refuse_unknown(known)
        found = self.result(visit)
        name = self.path.rsplit("/", 1)[-1].strip("{}")
        return found if isinstance(found, Answer) else answer_in_form(found, visit, name)


_LIMIT: Final = {"limit": "At most so many results."}
_ID: Final = "/articles/{id}"

DATA: Final[Mapping[str, Endpoint]] = {
    "api_search": Endpoint(
        "/search",
        "Articles that match a query, best match first.",
        search_data,
        {
            **_LIMIT,
            "offset": "Skip the first hits.",
            "sort": "relevance, date or -date.",
            "recency": "Prefer newer articles: a half-life such as 30d, 6w, 6m or 2y.",
            "facets": "Count all matches by source, year, month, day, author, tag (with commas).",
            "collapse": "Show reprints of one text as one hit.",
            "explain": "Add the parts of each score.",
            "after": "Continue after the page whose next token this is.",
        },
        schema="search",
    ),
    "api_article": Endpoint(
        _ID,
        "One article.",
        article_data,
        {"version": "The text of an earlier version.", "all": "Add the text that was left out."},
        takes_query=False,
        schema="article",
    ),
    "api_history": Endpoint(
        f"{_ID}/history", "The versions of an article.", history_data, {}, False, "history"
    ),
    "api_difference": Endpoint(
        f"{_ID}/diff",
        "The difference of two versions of an article.",
        difference_data,
        {"from": "Number of a version.", "to": "Number of another version."},
        takes_query=False,
        schema="diff",
    ),
    "api_similar": Endpoint(
        f"{_ID}/similar", "Articles like an article.", similar_data, _LIMIT, False, "similar"
    ),
    "api_article_keywords": Endpoint(
        f"{_ID}/keywords", "The words of an article.", keywords_data, _LIMIT, False, "keywords"
    ),
    "api_articles": Endpoint(
        "/articles",
        "All matching articles as a file, or their citations.",
        export_data,
        {**_LIMIT, "sort": "relevance, date or -date."},
        schema="article",
        streams=True,
    ),
    "api_timeline": Endpoint(
        "/timeline",
        "Matches over time.",
        timeline_data,
        {
            "by": "day, week, month or year.",
            "count": "articles, share, occurrences or per-million.",
            "per": "source: one series for each source.",
            "top": "Number of sources with a series.",
            "with": "Another query on the same axis. Can be repeated.",
            "bins": "At most so many bins, unless by is given.",
        },
        schema="timeline",
    ),
    "api_kwic": Endpoint(
        "/kwic",
        "Every occurrence with its context.",
        kwic_data,
        {
            **_LIMIT,
            "order": "relevance, date, -date, source, left or right.",
            "width": "Cells of a line.",
            "group": "Count occurrences by left, right, source or year.",
        },
        schema="kwic-json",
    ),
    "api_collocates": Endpoint(
        "/collocates",
        "The words that occur near the words of a query.",
        collocates_data,
        {
            **_LIMIT,
            "window": "Words on each side.",
            "left": "Words to the left.",
            "right": "Words to the right.",
            "order": "g2 or mi.",
            "against": "matches, or archive to compare with all articles.",
            "min_count": "Only words that occur so often near the query.",
        },
        schema="collocates",
    ),
    "api_keywords": Endpoint(
        "/keywords",
        "The words that characterise the matches.",
        keywords_data,
        _LIMIT,
        True,
        "keywords",
    ),
    "api_compare": Endpoint(
        "/compare",
        "How several sources cover a query, or how periods or queries differ.",
        compare_data,
        {
            **_LIMIT,
            "names": "A source to compare. Repeat it.",
            "periods": "Periods to compare, separated by commas: 2023,2024-05.",
            "with": "Another query to compare. Can be repeated.",
            "rest": "1 to compare the matches with all other articles.",
        },
        schema="compare",
    ),
    "api_count": Endpoint(
        "/count",
        "The number of matches.",
        count_data,
        {"by": "Facets, comma-separated."},
        schema="count",
    ),
    "api_sources": Endpoint("/sources", "The sources.", sources_data, {}, schema="sources"),
    "api_saved": Endpoint("/saved", "The saved queries.", saved_data, {}, takes_query=False),
    "api_new": Endpoint(
        "/saved/{id}/new",
        "The articles that are new for a saved query.",
        new_data,
        {},
        takes_query=False,
        schema="new-json",
    ),
    "api_complete": Endpoint(
        "/complete",
        "What may continue a word of a query.",
        completion_data,
        {"word": "The word up to the cursor."},
        takes_query=False,
    ),
}
"""All results by the names of their routes."""


_QUERY_TEXTS: Final = {
    "q": "The query; without it, every article matches.",
    "any": "One of its words is enough.",
    "regex": "q is a regular expression.",
    "literal": "q is a literal string.",
    "scan": "Allow a regular expression that must read every article.",
    "everything": "Search captions and left-out text, too.",
    "versions": "newest, or all to search earlier versions, too.",
    "variants": "words for regional spellings of words, all for those in quotes, too.",
    "source": "Only sources whose name contains this. Can be repeated.",
    "source_is": "Only this source. Can be repeated.",
    "author_is": "Only this author. Can be repeated.",
    "tag_is": "Only this tag. Can be repeated.",
    "since": "Published on this day or later: 2024-05-17, 2024-05, 7d.",
    "until": "Published on this day or earlier.",
    "tz": "Time zone of the days, such as Europe/London.",
}


def openapi(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI description of the API; ``schemas`` are those of docs by name.

    docs/build_openapi.py writes it into the package.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "newsgrep",
            "version": str(SCHEMA_VERSION),
            "description": "Search in a news archive. Every answer has an ETag of the commit.",
        },
        "servers": [{"url": PREFIX}],
        "paths": {each.path: {"get": _operation(name, each)} for name, each in DATA.items()},
        "components": {"schemas": dict(schemas)},
    }


def _operation(name: str, endpoint: Endpoint) -> dict[str, Any]:
    """Return the description of one address."""
    texts = {**(_QUERY_TEXTS if endpoint.takes_query else {}), **endpoint.parameters}
    parameters: list[dict[str, Any]] = [
        {"name": each, "in": "query", "description": text, "schema": {"type": "string"}}
        for each, text in {
            **texts,
            "format": "The form of the result, as far as it has it.",
        }.items()
    ]
    if "{id}" in endpoint.path:
        parameters.insert(
            0, {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        )
    schema = {"$ref": f"#/components/schemas/{endpoint.schema}"} if endpoint.schema else {}
    media_type = MEDIA_TYPES[Format.JSONL if endpoint.streams else Format.JSON]
    described = {
        "200": {"description": endpoint.summary, "content": {media_type: {"schema": schema}}},
        "304": {"description": "The client has this answer: If-None-Match is its ETag."},
        "400": {"description": "A wrong query or parameter; error.message says what to change."},
        "503": {"description": "The query took too long, or too many run. Try again later."},
    }
    if "{id}" in endpoint.path:
        described["404"] = {"description": "There is no such article."}
    return {
        "operationId": name.removeprefix("api_"),
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": described,
    }
