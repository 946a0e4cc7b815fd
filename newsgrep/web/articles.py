"""Pages of articles: to read one, its versions and its file, and the saved queries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Final, NamedTuple

from newsgrep._io import encode_json
from newsgrep.engines.base import Engine, count_matches
from newsgrep.errors import InputError, NewsgrepError, UsageError
from newsgrep.indexing.annotations import read_annotations, read_collections
from newsgrep.indexing.user_state import find_seen, read_saved, saved_name
from newsgrep.models import Article
from newsgrep.query.ast import Field, positive_texts
from newsgrep.query.match import highlight_spans
from newsgrep.query.parser import Query, parse
from newsgrep.search.named import read_raw
from newsgrep.terminal import one_line, truncate
from newsgrep.views.citation import CitationStyle, Cited, cite, index_digest
from newsgrep.views.citation import to_json as csl_item
from newsgrep.views.history import display_capture, make_difference, make_history
from newsgrep.views.new import NewArticles, find_new
from newsgrep.views.similar import find_similar
from newsgrep.web.calls import Answer, NotFound, Visit
from newsgrep.web.html import paragraphs

_SIMILAR: Final = 6
_MAX_SAVED: Final = 200
"""Saved queries of which new articles are counted: each takes a search or two."""


def article_page(visit: Visit) -> Answer:
    """Return an article to read, with the matches of ``q`` marked."""
    article = visit_article(visit)
    texts = []
    at = visit.at
    problem = ""
    if at.get("q"):
        try:
            texts = positive_texts(visit.query().root)
        except NewsgrepError as exc:
            problem = str(exc)
    spans = highlight_spans(article.body, texts, Field.BODY)
    shown = list(paragraphs(article, spans))
    annotation = read_annotations(visit.index).get(article.id)
    history = make_history(article) if article.versions else None
    return visit.page(
        "article.html",
        "/",
        article=article,
        title_spans=highlight_spans(article.title, texts, Field.TITLE),
        paragraphs=shown,
        matches=sum(len(each.spans) for each in shown),
        annotation=annotation,
        versions=[(e, display_capture(e.version.captured)) for e in history.entries]
        if history
        else [],
        citations=citations(visit.engine, article),
        similar=find_similar(visit.engine, article, _SIMILAR).articles,
        warnings=(problem,) if problem else (),
    )


def visit_article(visit: Visit) -> Article:
    """Return the article that the path names; raises :class:`NotFound`."""
    found = visit.engine.get([visit.target.lower()])
    if not found:
        raise NotFound(
            "No article with the id {id} in this archive. Search for its title.",
            id=truncate(one_line(visit.target), 40),
        )
    return found[0]


def citations(engine: Engine, article: Article) -> list[tuple[str, str]]:
    """Return the citations of an article with the names of their styles."""
    record = next(iter(engine.find_file_records([article.id])), None)
    cited = Cited(article, index_digest(record))
    plain = ("GB/T 7714", CitationStyle.GBT), ("Chicago", CitationStyle.CHICAGO)
    files = ("BibTeX", CitationStyle.BIBTEX), ("RIS", CitationStyle.RIS)
    return [
        *((name, cite(cited, style)) for name, style in (*plain, *files)),
        ("CSL-JSON", encode_json([csl_item(cited)], indent=2)),
    ]


def difference_page(visit: Visit) -> Answer:
    """Return how one version of an article became another."""
    article = visit_article(visit)
    at = visit.at
    given = [at.number(name, 0, least=1, most=9999) for name in ("from", "to") if at.get(name)]
    difference = make_difference(article, given)
    if difference is None:
        raise NotFound("There is only one version of {id}.", id=article.id)
    return visit.page(
        "difference.html",
        "/",
        article=article,
        difference=difference,
        before=display_capture(difference.before.version.captured),
        after=display_capture(difference.after.version.captured),
    )


def file_page(visit: Visit) -> Answer:
    """Return the record that an article was extracted from, to be kept as a file.

    A browser does not show it: a page from elsewhere would run on this server. A file that has
    changed since it was indexed is not sent, so that an index cannot name any file of the machine.
    """
    article = visit_article(visit)
    try:
        record = read_raw(visit.engine, article)
    except InputError as exc:
        raise NotFound("The file of this article cannot be read any more.") from exc
    if not record.is_unchanged:
        raise NotFound("The file of this article has changed since it was indexed.")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", article.path.rsplit("/", 1)[-1])[-60:].strip("-.")
    headers = {"Content-Disposition": f'attachment; filename="{name or article.id}"'}
    return Answer(200, "application/octet-stream", record.data, headers)


# Saved queries


class SavedQuery(NamedTuple):
    """A saved query: its matches, the new ones (``None`` if never shown), or what is wrong."""

    name: str
    text: str
    total: int
    new: int | None
    problem: str


def saved_page(visit: Visit) -> Answer:
    """Return the saved queries, each with how many articles are new."""
    found = []
    queries = read_saved(visit.index)
    for name, text in islice(queries.items(), _MAX_SAVED):
        try:
            query = _saved_query(visit, text, queries)
            total = count_matches(visit.engine, query.root)
            new = _count_new(visit, name, query)
            found.append(SavedQuery(name, text, total, new, ""))
        except NewsgrepError as exc:
            found.append(SavedQuery(name, text, 0, None, str(exc)))
    return visit.page("saved.html", "/saved", saved=found, more=len(queries) - len(found))


def _saved_query(visit: Visit, text: str, queries: Mapping[str, str]) -> Query:
    return parse(
        text,
        saved=lambda: queries,
        collections=lambda: read_collections(visit.index),
        user=visit.engine.user_dictionary,
    )


def _count_new(visit: Visit, name: str, query: Query) -> int | None:
    if len(visit.index.parts) > 1:
        return None
    seen = find_seen(visit.index, name)
    if seen is None:
        return None
    return find_new(visit.engine, name, query, seen, include_existing=False).total


def new_page(visit: Visit) -> Answer:
    """Return the articles that are new for a saved query since it was last shown."""
    found, text = find_new_of(visit)
    return visit.page(
        "new.html",
        "/saved",
        name_of_query=found.name,
        text=text,
        total=found.total,
        hits=list(islice(found.hits, 100)),
        is_first=found.first_run,
    )


def find_new_of(visit: Visit) -> tuple[NewArticles, str]:
    """Return the new articles of the saved query that the path names, and its text."""
    queries = read_saved(visit.index)
    try:
        name = saved_name(queries, visit.target)
    except UsageError as exc:
        raise NotFound(str(exc)) from None
    query = _saved_query(visit, queries[name], queries)
    seen = find_seen(visit.index, name)
    return find_new(visit.engine, name, query, seen, include_existing=False), queries[name]
