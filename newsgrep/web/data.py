"""The API for programs: each result in the forms of the command of its name, as docs/JSON.md says.

The address is ``/api/v1/NAME``; ``format`` is ``json``, ``jsonl`` or ``csv``, as far as the result
has the form. What has many parts is sent while it is read. :data:`DATA` describes all of it, also
for the OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from newsgrep._io import encode_json
from newsgrep.analysis.fold import fold
from newsgrep.engines.base import EngineRequest, Order, check_facets
from newsgrep.errors import NewsgrepError, QueryError, UsageError
from newsgrep.indexing.annotations import read_annotations, read_collections
from newsgrep.indexing.user_state import read_saved
from newsgrep.query.ast import MatchAll, describe
from newsgrep.query.lexer import FIELDS
from newsgrep.search.diagnose import diagnose, find_closest
from newsgrep.search.explain import explain
from newsgrep.search.search import SearchRequest, search
from newsgrep.search.selection import iter_stored, select_ids
from newsgrep.views import (
    SCHEMA_VERSION,
    CsvForm,
    FilePath,
    article,
    collocates,
    compare,
    counts,
    history,
    hits,
    keywords,
    kwic,
    listing,
    new,
    similar,
    stories,
    timeline,
)
from newsgrep.views.citation import CitationStyle, Cited, citation_lines, index_digest
from newsgrep.views.collocates import CollocateOrder, Reference
from newsgrep.views.csv_rows import csv_lines
from newsgrep.views.export import markdown_lines
from newsgrep.views.history import article_at
from newsgrep.views.kwic import KwicGroup, KwicOrder
from newsgrep.web.calls import QUERY_PARAMETERS, Answer, NotFound
from newsgrep.web.html import short_path
from newsgrep.web.pages import (
    Visit,
    find_new_of,
    make_timeline_of,
    read_recency,
    visit_article,
)

PREFIX: Final = "/api/v1"
MAX_LIMIT: Final = 1_000
_MAX_OFFSET: Final = 1_000_000
_MAX_COMPLETIONS: Final = 20
_PART_BYTES: Final = 32_768
"""Bytes of a streamed body that are sent at once."""


class Format(StrEnum):
    """The form of a result, as the options of commands."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


_TYPES: Final = {
    Format.JSON: "application/json",
    Format.JSONL: "application/jsonl",
    Format.CSV: "text/csv",
}

Objects = Iterable[Mapping[str, Any]]
Rows = Iterable[Sequence[object]]


class Forms(NamedTuple):
    """A result in the forms that it has; ``None`` is a form that it does not have."""

    json: Callable[[], Mapping[str, Any]] | None = None
    jsonl: Callable[[], Objects] | None = None
    csv: Callable[[], Rows] | None = None


def _answer(forms: Forms, visit: Visit, name: str) -> Answer:
    """Return a result in the form that the address names, by default the first that it has."""
    offered = [each for each in Format if getattr(forms, each.value)]
    chosen = visit.at.optional_choice("format", Format) or offered[0]
    if chosen not in offered:
        raise UsageError(
            "{name} has no form {form}. Choose from {known}.",
            name=name,
            form=chosen.value,
            known=", ".join(offered),
        )
    media_type = _TYPES[chosen]
    if chosen is Format.JSON and forms.json:
        return Answer(200, media_type, _encode(forms.json(), visit))
    headers = {"Content-Disposition": f'attachment; filename="{name}.{chosen}"'}
    if chosen is Format.JSONL and forms.jsonl:
        lines: Iterator[str] = (encode_json(_shown(each, visit)) for each in forms.jsonl())
    else:
        assert forms.csv  # noqa: S101  (for type checkers)
        lines = csv_lines(_shown_rows(forms.csv(), visit), CsvForm.SAFE)
    return Answer(200, media_type, _joined(lines), headers)


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield lines as bytes, many at once."""
    part, size = [], 0
    for line in lines:
        part.append(line.encode("utf-8", "replace") + b"\n")
        size += len(part[-1])
        if size >= _PART_BYTES:
            yield b"".join(part)
            part, size = [], 0
    yield b"".join(part)


def _encode(value: Mapping[str, Any], visit: Visit) -> bytes:
    return encode_json(_shown(value, visit), indent=2).encode("utf-8", "replace") + b"\n"


def _shown(value: Any, visit: Visit) -> Any:
    """Return ``value`` with short paths, unless whole ones may be shown."""
    return value if visit.shows_paths else _with_short_paths(value)


def _with_short_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: short_path(each) if key == "path" and each else _with_short_paths(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_short_paths(each) for each in value]
    return value


def _shown_rows(rows: Rows, visit: Visit) -> Rows:
    for row in rows:
        yield [
            FilePath(short_path(cell))
            if isinstance(cell, FilePath) and not visit.shows_paths
            else cell
            for cell in row
        ]


def problem_object(error: NewsgrepError) -> bytes:
    """Return an error as an object: ``message``, and ``position`` in the query if it is known."""
    position = error.position if isinstance(error, QueryError) else None
    problem = {"message": str(error), "position": position}
    return encode_json({"version": SCHEMA_VERSION, "error": problem}).encode() + b"\n"


# Results


def _search(visit: Visit) -> Forms:
    at = visit.at
    query = visit.query()
    order = at.choice("sort", Order, Order.RELEVANCE)
    recency = read_recency(at.get("recency"))
    if recency and order is not Order.RELEVANCE:
        raise UsageError("recency changes the order by relevance. Remove it, or sort.")
    request = SearchRequest(
        query,
        order,
        at.number("limit", 10, most=MAX_LIMIT),
        at.number("offset", 0, most=_MAX_OFFSET),
        _facet_names(at.get("facets")),
        recency=recency,
        after=at.get("after"),
    )
    if at.flag("collapse"):
        if at.get("after") or at.flag("explain"):
            raise UsageError("collapse goes with neither after nor explain. Use offset.")
        page = stories.search_collapsed(visit.engine, request)
        return Forms(
            lambda: stories.to_json(page),
            lambda: stories.to_jsonl(page),
            lambda: stories.to_csv(page),
        )
    result = search(visit.engine, request)
    if at.flag("explain") and result.total:
        result = result._replace(explanation=explain(visit.engine, result))
    if not result.total:
        result = result._replace(
            diagnosis=diagnose(visit.engine, query.root),
            closest=find_closest(visit.engine, request._replace(facets=())),
        )
    return Forms(
        lambda: hits.to_json(result), lambda: hits.to_jsonl(result), lambda: hits.to_csv(result)
    )


def _facet_names(text: str) -> tuple[str, ...]:
    return check_facets(name for part in text.split(",") if (name := part.strip()))


def _article(visit: Visit) -> Forms:
    found = visit_article(visit)
    if number := visit.at.number("version", 0, least=1, most=9999):
        found = article_at(found, number)

    def whole() -> Mapping[str, Any]:
        value = article.to_json(found, left_out=visit.at.flag("all"))
        if annotation := read_annotations(visit.index).get(found.id):
            value |= {"collections": annotation.collections, "note": annotation.note}
        return value

    return Forms(whole)


def _history(visit: Visit) -> Forms:
    found = history.make_history(visit_article(visit))
    return Forms(lambda: history.to_json(found))


def _difference(visit: Visit) -> Forms:
    at = visit.at
    given = [at.number(name, 0, least=1, most=9999) for name in ("from", "to") if at.get(name)]
    found = history.make_difference(visit_article(visit), given)
    if found is None:
        raise NotFound("There is only one version of this article.")
    return Forms(lambda: history.difference_to_json(found))


def _similar(visit: Visit) -> Forms:
    limit = visit.at.number("limit", 10, least=1, most=100)
    found = similar.find_similar(visit.engine, visit_article(visit), limit)
    return Forms(
        lambda: similar.to_json(found),
        lambda: similar.to_jsonl(found),
        lambda: similar.to_csv(found),
    )


def _timeline(visit: Visit) -> Forms:
    if visit.at.get("with") and visit.at.get("per"):
        raise UsageError("with and per exclude each other. Use one of them.")
    found, _ = make_timeline_of(visit, timeline.DEFAULT_BINS)
    return Forms(lambda: timeline.to_json(found), csv=lambda: timeline.to_csv(found))


def _kwic(visit: Visit) -> Forms:
    at = visit.at
    query = visit.query()
    if group := at.optional_choice("group", KwicGroup):
        found = kwic.group_occurrences(visit.engine, query.root, group)
        return Forms(
            lambda: kwic.groups_to_json(found, query=query.text),
            lambda: kwic.groups_to_jsonl(found),
            lambda: kwic.groups_to_csv(found),
        )
    limit = at.number("limit", 0, most=_MAX_OFFSET)
    concordance = kwic.make_concordance(
        visit.engine,
        query.root,
        at.choice("order", KwicOrder, KwicOrder.RELEVANCE),
        width=at.number("width", 80, least=kwic.MIN_WIDTH, most=1000),
        limit=limit or None,
    )
    return Forms(
        lambda: kwic.to_json(concordance, query=query.text),
        lambda: kwic.to_jsonl(concordance),
        lambda: kwic.to_csv(concordance),
    )


def _collocates(visit: Visit) -> Forms:
    at = visit.at
    window = at.number("window", collocates.DEFAULT_WINDOW, least=1, most=collocates.MAX_WINDOW)
    found = collocates.find_collocates(
        visit.engine,
        visit.query(),
        left=at.number("left", window, most=collocates.MAX_WINDOW),
        right=at.number("right", window, most=collocates.MAX_WINDOW),
        order=at.choice("order", CollocateOrder, CollocateOrder.G2),
        reference=at.choice("against", Reference, Reference.MATCHES),
        min_count=at.number("min_count", collocates.DEFAULT_MIN_COUNT, least=1, most=10_000),
        limit=at.number("limit", 30, least=1, most=MAX_LIMIT),
    )
    return Forms(lambda: collocates.to_json(found), csv=lambda: collocates.to_csv(found))


def _keywords(visit: Visit) -> Forms:
    limit = visit.at.number("limit", 20, least=1, most=500)
    if visit.target:
        found = keywords.article_keywords(visit.engine, visit_article(visit), limit)
    else:
        found = keywords.query_keywords(visit.engine, visit.query(), limit)
    return Forms(lambda: keywords.to_json(found), csv=lambda: keywords.to_csv(found))


def _compare(visit: Visit) -> Forms:
    names = visit.at.all("names")
    if len(names) < 2:
        raise UsageError("compare needs two names of sources or more: names=青石湖&names=汀海.")
    limit = visit.at.number("limit", 15, least=1, most=200)
    found = compare.compare_sources(visit.engine, visit.query(), names, limit)
    return Forms(lambda: compare.to_json(found), csv=lambda: compare.to_csv(found))


def _count(visit: Visit) -> Forms:
    query = visit.query()
    names = _facet_names(visit.at.get("by"))
    page = visit.engine.search(EngineRequest(query.root, limit=0, facets=names))
    found = counts.Counts(query.text, describe(query.root), page.total, page.facets)
    return Forms(lambda: counts.to_json(found), csv=lambda: counts.to_csv(found))


def _sources(visit: Visit) -> Forms:
    query = visit.query()
    found = counts.count_sources(visit.engine, query.text, query.root)
    return Forms(lambda: counts.sources_to_json(found), csv=lambda: counts.sources_to_csv(found))


def _saved(visit: Visit) -> Forms:
    queries = [{"name": n, "query": text} for n, text in read_saved(visit.index).items()]
    return Forms(lambda: {"version": SCHEMA_VERSION, "queries": queries})


def _new(visit: Visit) -> Forms:
    found, _ = find_new_of(visit)
    return Forms(lambda: new.to_json([found]), lambda: new.to_jsonl(found))


# Whole selections


class Export(StrEnum):
    """What a selection of articles can be downloaded as."""

    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "md"
    GBT = "gbt7714"
    CHICAGO = "chicago"
    BIBTEX = "bibtex"
    RIS = "ris"
    CSL = "csl"


_EXPORT_FILES: Final = {
    Export.JSONL: ("application/jsonl", "articles.jsonl"),
    Export.CSV: ("text/csv", "articles.csv"),
    Export.MARKDOWN: ("text/markdown", "articles.md"),
    Export.GBT: ("text/plain", "citations.txt"),
    Export.CHICAGO: ("text/plain", "citations.txt"),
    Export.BIBTEX: ("application/x-bibtex", "citations.bib"),
    Export.RIS: ("application/x-research-info-systems", "citations.ris"),
    Export.CSL: ("application/json", "citations.json"),
}


def _export(visit: Visit) -> Answer:
    """Return all matching articles as a file, which is sent while they are read."""
    at = visit.at
    to = at.choice("format", Export, Export.JSONL)
    query = visit.query()
    order = at.choice("sort", Order, Order.NEWEST)
    limit = at.number("limit", 0, most=_MAX_OFFSET) or None
    stored = iter_stored(visit.engine, select_ids(visit.engine, query.root, order, limit))
    if to is Export.JSONL:
        objects = listing.to_jsonl(stored)
        lines: Iterable[str] = (encode_json(_shown(each, visit)) for each in objects)
    elif to is Export.CSV:
        rows = listing.to_csv(stored, columns=listing.EXPORT_COLUMNS)
        lines = csv_lines(_shown_rows(rows, visit), CsvForm.SAFE)
    elif to is Export.MARKDOWN:
        lines = markdown_lines(each.article for each in stored)
    else:
        cited = (Cited(each.article, index_digest(each.file_record)) for each in stored)
        lines = citation_lines(cited, CitationStyle(to.value), encode_json)
    media_type, name = _EXPORT_FILES[to]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Answer(200, media_type, _joined(lines), headers)


def _complete(visit: Visit) -> Forms:
    """Return what may continue the last word of a query: fields, and values of some of them."""
    word = visit.at.get("word")[:100]
    field, colon, start = word.rpartition(":")
    found: Iterable[tuple[str, str]] = ()
    if colon:
        name = field.lower()
        values: Iterable[tuple[str, str]] = ()
        if name in {"source", "author", "tag"}:
            page = visit.engine.search(EngineRequest(MatchAll(), limit=0, facets=(name,)))
            values = ((value, f"{count:,}") for value, count in page.facets[name] if value)
        elif name == "saved":
            values = read_saved(visit.index).items()
        elif name == "in":
            values = ((n, f"{len(ids):,}") for n, ids in read_collections(visit.index).items())
        found = ((f"{field}:{_quoted(value)}", text) for value, text in _beginning(values, start))
    elif word.isascii() and word:
        found = ((f"{name}:", "") for name in FIELDS if name.startswith(word.lower()))
    shown = [{"text": text, "about": about[:60]} for text, about in found]
    return Forms(lambda: {"version": SCHEMA_VERSION, "completions": shown})


def _beginning(values: Iterable[tuple[str, str]], start: str) -> list[tuple[str, str]]:
    """Return the values that begin with ``start``, then those that contain it, in any script."""
    wanted = fold(start.lstrip('"“'))
    folded = [(fold(value), value, text) for value, text in values]
    begin = [(value, text) for f, value, text in folded if f.startswith(wanted)]
    others = [(value, text) for f, value, text in folded if wanted in f[1:]]
    return list(dict.fromkeys([*begin, *others]))[:_MAX_COMPLETIONS]


def _quoted(value: str) -> str:
    return f'"{value}"' if any(c.isspace() or c in "()（）" for c in value) else value


# The description

_Result = TypeVar("_Result")


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
        return found if isinstance(found, Answer) else _answer(found, visit, name)


_LIMIT: Final = {"limit": "At most so many results."}
_ID: Final = "/articles/{id}"

DATA: Final[Mapping[str, Endpoint]] = {
    "api_search": Endpoint(
        "/search",
        "Articles that match a query, best match first.",
        _search,
        {
            **_LIMIT,
            "offset": "Skip the first hits.",
            "sort": "relevance, date or -date.",
            "recency": "Prefer newer articles: a half-life such as 30d, 6w, 6m or 2y.",
            "facets": "Count all matches by source, month, day, author or tag, comma-separated.",
            "collapse": "Show reprints of one text as one hit.",
            "explain": "Add the parts of each score.",
            "after": "Continue after the page whose next token this is.",
        },
        schema="search",
    ),
    "api_article": Endpoint(
        _ID,
        "One article.",
        _article,
        {"version": "The text of an earlier version.", "all": "Add the text that was left out."},
        takes_query=False,
        schema="article",
    ),
    "api_history": Endpoint(
        f"{_ID}/history", "The versions of an article.", _history, {}, False, "history"
    ),
    "api_difference": Endpoint(
        f"{_ID}/diff",
        "The difference of two versions of an article.",
        _difference,
        {"from": "Number of a version.", "to": "Number of another version."},
        takes_query=False,
        schema="diff",
    ),
    "api_similar": Endpoint(
        f"{_ID}/similar", "Articles like an article.", _similar, _LIMIT, False, "similar"
    ),
    "api_article_keywords": Endpoint(
        f"{_ID}/keywords", "The words of an article.", _keywords, _LIMIT, False, "keywords"
    ),
    "api_articles": Endpoint(
        "/articles",
        "All matching articles as a file, or their citations.",
        _export,
        {**_LIMIT, "sort": "relevance, date or -date."},
        schema="article",
        streams=True,
    ),
    "api_timeline": Endpoint(
        "/timeline",
        "Matches over time.",
        _timeline,
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
        _kwic,
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
        _collocates,
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
        "/keywords", "The words that characterise the matches.", _keywords, _LIMIT, True, "keywords"
    ),
    "api_compare": Endpoint(
        "/compare",
        "How sources cover a query.",
        _compare,
        {**_LIMIT, "names": "A source to compare. Repeat it."},
        schema="compare",
    ),
    "api_count": Endpoint(
        "/count",
        "The number of matches.",
        _count,
        {"by": "Facets, comma-separated."},
        schema="count",
    ),
    "api_sources": Endpoint("/sources", "The sources.", _sources, {}, schema="sources"),
    "api_saved": Endpoint("/saved", "The saved queries.", _saved, {}, takes_query=False),
    "api_new": Endpoint(
        "/saved/{id}/new",
        "The articles that are new for a saved query.",
        _new,
        {},
        takes_query=False,
        schema="new-json",
    ),
    "api_complete": Endpoint(
        "/complete",
        "What may continue a word of a query.",
        _complete,
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
    media_type = _TYPES[Format.JSONL if endpoint.streams else Format.JSON]
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
