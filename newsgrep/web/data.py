"""Results for programs: each in the forms of the command of its name, as docs/JSON.md says.

``format`` is ``json``, ``jsonl`` or ``csv``, as far as the result has the form. What has many
parts is sent while it is read. :mod:`newsgrep.web.endpoints` lists the addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from newsgrep._io import encode_json
from newsgrep.analysis.characters import fold
from newsgrep.engines.base import EngineRequest, Order, check_facets
from newsgrep.errors import NewsgrepError, QueryError, UsageError
from newsgrep.indexing.annotations import read_annotations, read_collections
from newsgrep.indexing.user_state import read_saved
from newsgrep.query.ast import MatchAll, describe
from newsgrep.query.lexer import FIELDS
from newsgrep.search.diagnose import diagnose, explain, find_closest
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
from newsgrep.views.history import article_at
from newsgrep.views.kwic import KwicGroup, KwicOrder
from newsgrep.views.listing import markdown_lines
from newsgrep.views.table import csv_lines
from newsgrep.web.articles import find_new_of, visit_article
from newsgrep.web.calls import Answer, NotFound, Visit, read_recency
from newsgrep.web.html import short_path
from newsgrep.web.overviews import make_comparison_of, make_timeline_of

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


MEDIA_TYPES: Final = {
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


def answer_in_form(forms: Forms, visit: Visit, name: str) -> Answer:
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
    media_type = MEDIA_TYPES[chosen]
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


def search_data(visit: Visit) -> Forms:
    """Return a page of hits."""
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


def article_data(visit: Visit) -> Forms:
    """Return one article, or one of its versions."""
    found = visit_article(visit)
    if number := visit.at.number("version", 0, least=1, most=9999):
        found = article_at(found, number)

    def whole() -> Mapping[str, Any]:
        value = article.to_json(found, left_out=visit.at.flag("all"))
        if annotation := read_annotations(visit.index).get(found.id):
            value |= {"collections": annotation.collections, "note": annotation.note}
        return value

    return Forms(whole)


def history_data(visit: Visit) -> Forms:
    """Return the versions of an article."""
    found = history.make_history(visit_article(visit))
    return Forms(lambda: history.to_json(found))


def difference_data(visit: Visit) -> Forms:
    """Return the difference of two versions of an article."""
    at = visit.at
    given = [at.number(name, 0, least=1, most=9999) for name in ("from", "to") if at.get(name)]
    found = history.make_difference(visit_article(visit), given)
    if found is None:
        raise NotFound("There is only one version of this article.")
    return Forms(lambda: history.difference_to_json(found))


def similar_data(visit: Visit) -> Forms:
    """Return the articles that are similar to one."""
    limit = visit.at.number("limit", 10, least=1, most=100)
    found = similar.find_similar(visit.engine, visit_article(visit), limit)
    return Forms(
        lambda: similar.to_json(found),
        lambda: similar.to_jsonl(found),
        lambda: similar.to_csv(found),
    )


def timeline_data(visit: Visit) -> Forms:
    """Return a timeline."""
    if visit.at.get("with") and visit.at.get("per"):
        raise UsageError("with and per exclude each other. Use one of them.")
    found, _ = make_timeline_of(visit, timeline.DEFAULT_BINS)
    return Forms(lambda: timeline.to_json(found), csv=lambda: timeline.to_csv(found))


def kwic_data(visit: Visit) -> Forms:
    """Return occurrences in context, or how many each group has."""
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


def collocates_data(visit: Visit) -> Forms:
    """Return the words near the words of a query."""
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


def keywords_data(visit: Visit) -> Forms:
    """Return the words that characterise an article or a query."""
    limit = visit.at.number("limit", 20, least=1, most=500)
    if visit.target:
        found = keywords.article_keywords(visit.engine, visit_article(visit), limit)
    else:
        found = keywords.query_keywords(visit.engine, visit.query(), limit)
    return Forms(lambda: keywords.to_json(found), csv=lambda: keywords.to_csv(found))


def compare_data(visit: Visit) -> Forms:
    """Return the comparison of several sources, periods or queries."""
    limit = visit.at.number("limit", 15, least=1, most=200)
    found = make_comparison_of(visit, visit.at.all("names"), limit)
    return Forms(lambda: compare.to_json(found), csv=lambda: compare.to_csv(found))


def count_data(visit: Visit) -> Forms:
    """Return the number of matches, and facets of them."""
    query = visit.query()
    names = _facet_names(visit.at.get("by"))
    page = visit.engine.search(EngineRequest(query.root, limit=0, facets=names))
    found = counts.Counts(query.text, describe(query.root), page.total, page.facets)
    return Forms(lambda: counts.to_json(found), csv=lambda: counts.to_csv(found))


def sources_data(visit: Visit) -> Forms:
    """Return the sources of the matches."""
    query = visit.query()
    found = counts.count_sources(visit.engine, query.text, query.root)
    return Forms(lambda: counts.sources_to_json(found), csv=lambda: counts.sources_to_csv(found))


def saved_data(visit: Visit) -> Forms:
    """Return the saved queries."""
    queries = [{"name": n, "query": text} for n, text in read_saved(visit.index).items()]
    return Forms(lambda: {"version": SCHEMA_VERSION, "queries": queries})


def new_data(visit: Visit) -> Forms:
    """Return the articles that are new for a saved query."""
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


def export_data(visit: Visit) -> Answer:
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


def completion_data(visit: Visit) -> Forms:
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
