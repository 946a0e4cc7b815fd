"""The reference engine: brute force over all articles, without an index.

The contract suite compares all engines with it. It stores nothing outside of the process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from newsgrep.analysis.characters import fold
from newsgrep.analysis.document import IndexDocument, publication_day, publication_month
from newsgrep.analysis.scoring import MAX_IMPACT, term_weights
from newsgrep.analysis.versions import TextChange, capture_day, text_changes
from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    EngineRequest,
    FacetCounts,
    Order,
    Problem,
    PutArticle,
    PutFileRecord,
    ResultPage,
    RolledBack,
    ScoredDoc,
    TermStatistics,
    by_frequency,
    sort_key,
)
from newsgrep.engines.registry import EngineSpec, LocationKind
from newsgrep.errors import UsageError
from newsgrep.models import Article, FileRecord
from newsgrep.query import ast
from newsgrep.query.ast import Field, Node
from newsgrep.query.match import contains_literal, contains_pattern

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary


class _StoredDocument:
    def __init__(self, document: IndexDocument) -> None:
        self.article = document.article()
        self.indexed = document
        self.counts = document.counts
        self._impacts = document.impacts()
        self._title = fold(self.article.title)
        self._body = fold(self.article.body)
        self._captions = list(map(fold, self.article.captions))
        self._left_out = [fold(passage.text) for passage in self.article.left_out]
        versions = self.article.versions
        self._earlier = [fold(text) for each in versions for text in (each.title, each.body)]

    def texts(self, field: Field) -> list[str]:
        match field:
            case Field.TITLE:
                return [self._title]
            case Field.BODY:
                return [self._body]
            case Field.CAPTION:
                return self._captions
            case Field.TEXT:
                return [self._title, self._body]
            case Field.LEFT_OUT:
                return self._left_out
            case Field.EARLIER:
                return self._earlier
            case Field.EVERYTHING:
                return [self._title, self._body, *self._captions, *self._left_out]
            case Field.ANY_VERSION:
                return [self._title, self._body, *self._earlier]
            case Field.ALL:
                return [*self.texts(Field.EVERYTHING), *self._earlier]

    def contains(self, literal: str, field: Field) -> bool:
        return any(contains_literal(text, literal) for text in self.texts(field))

    def impact(self, term: str) -> int:
        if _is_source_name(self.article, term):
            return MAX_IMPACT
        return self._impacts.get(term, 0)


class MemoryEngine:
    """Articles in a dictionary; every search compares each of them with the query."""

    user_dictionary: UserDictionary | None = None

    def __init__(self) -> None:
        self._documents: dict[str, _StoredDocument] = {}
        self._file_records: dict[str, FileRecord] = {}
        self._commit = 0
        self._previous: tuple[dict[str, _StoredDocument], dict[str, FileRecord]] | None = None
        self._rolled_back: RolledBack | None = None

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes in order, or none."""
        documents, file_records = dict(self._documents), dict(self._file_records)
        for change in changes:
            match change:
                case PutArticle(document):
                    documents[document.article_id] = _StoredDocument(document)
                case DeleteArticle(article_id):
                    documents.pop(article_id, None)
                case PutFileRecord(record):
                    file_records[record.path] = record
                case DropFileRecord(path):
                    file_records.pop(path, None)
        # The empty state that every engine begins with can't be restored.
        self._previous = (self._documents, self._file_records) if self._commit else None
        self._documents, self._file_records = documents, file_records
        self._commit += 1
        self._rolled_back = None

    def commit(self) -> int:
        """Return the number of writes and rollbacks."""
        return self._commit

    def refresh(self) -> None:
        """Do nothing: no other process can write."""

    def rollback(self) -> RolledBack:
        """Restore the state before the last write; times of writes are unknown."""
        if self._rolled_back:
            return self._rolled_back._replace(is_repeated=True)
        if self._previous is None:
            raise UsageError("There is no commit to roll back to: only one is kept.")
        self._documents, self._file_records = self._previous
        self._previous = None
        self._rolled_back = RolledBack(self._commit - 1, "", dropped=self._commit)
        self._commit += 1
        return self._rolled_back

    def search(self, request: EngineRequest) -> ResultPage:
        """Compare every article with the query."""
        query, order, limit, offset, facets, recency, after, statistics = request
        matched = [document for document in self._documents.values() if _matches(document, query)]
        terms = ast.scoring_terms(query) if order is Order.RELEVANCE else []
        scores = self._scores(terms, matched, statistics)
        if recency:
            timestamps = {d.article.id: _timestamp(d.article) for d in matched}
            scores = {key: score * recency.weight(timestamps[key]) for key, score in scores.items()}
        candidates = sorted(
            (ScoredDoc(d.article.id, scores[d.article.id], _timestamp(d.article)) for d in matched),
            key=lambda candidate: sort_key(candidate, order),
        )
        beyond = [
            c for c in candidates if after is None or sort_key(c, order) > sort_key(after, order)
        ]
        return ResultPage(
            total=len(matched),
            candidates=tuple(beyond[offset : offset + limit]),
            facets={name: _count_facet(name, matched) for name in facets},
            before=len(candidates) - len(beyond[offset:]),
        )

    def _scores(
        self, terms: list[str], matched: list[_StoredDocument], statistics: TermStatistics | None
    ) -> dict[str, float]:
        documents = self._documents.values()
        having = {
            term: sum(term in d.counts or _is_source_name(d.article, term) for d in documents)
            for term in terms
        }
        weights = term_weights(terms, *(statistics or (len(documents), having)))
        return {
            document.article.id: sum(
                weight * document.impact(term) for term, weight in weights.items()
            )
            for document in matched
        }

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids."""
        found = (self._documents.get(article_id) for article_id in ids)
        return [document.article for document in found if document]

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return the folded titles and bodies."""
        texts = (self._documents[article_id].texts(Field.TEXT) for article_id in ids)
        return [(title, body) for title, body in texts]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Count the articles that have each term."""
        documents = self._documents.values()
        counted = [d.counts for d in documents if within is None or _matches(d, within)]
        return {term: sum(term in counts for counts in counted) for term in terms}

    def file_records(self) -> Iterator[FileRecord]:
        """Yield every file record."""
        yield from list(self._file_records.values())
        yield from [document.indexed.file_record for document in self._documents.values()]

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Return the file records of these articles."""
        found = (self._documents.get(article_id) for article_id in ids)
        return [document.indexed.file_record for document in found if document]

    def verify(self, *, deep: bool = False) -> list[Problem]:  # noqa: ARG002  (no data to read)
        """Return no problems: nothing is stored."""
        return []

    def remove_leftovers(self) -> list[str]:
        """Return no names: there are no files."""
        return []

    def close(self) -> None:
        """Do nothing."""


SPEC = EngineSpec("memory", LocationKind.MEMORY, open=lambda _folder, _create: MemoryEngine())


def _matches(document: _StoredDocument, node: Node) -> bool:
    match node:
        case ast.Terms(_, terms, field, operator):
            found = (document.contains(term, field) for term in terms)
            return any(found) if operator is ast.Operator.OR else all(found)
        case ast.Phrase(literal, _, field):
            return document.contains(literal, field)
        case ast.Wildcard() | ast.Fuzzy() | ast.Regex() | ast.Near():
            return any(contains_pattern(text, node) for text in document.texts(node.field))
        case ast.NameContains(kind, name, whole):
            names = map(fold, _names(document.article, kind))
            return any(name == each if whole else name in each for each in names)
        case ast.LocationContains(ast.LocationField.URL, part):
            return part in fold(document.article.url or "")
        case ast.LocationContains(_, part):
            return part in fold(document.article.path)
        case ast.IdIs(article_id):
            return document.article.id == article_id
        case ast.IdIn(_, ids):
            return document.article.id in ids
        case ast.DateRange(first, last, zone):
            published = document.article.published
            if published is None:
                return False
            begins, ends = published.days(zone)
            return (last is None or begins <= last) and (first is None or ends >= first)
        case ast.Changed():
            return any(_is_wanted(change, node) for change in text_changes(document.article))
        case ast.MatchAll():
            return True
        case ast.And(children):
            return all(_matches(document, child) for child in children)
        case ast.Or(children):
            return any(_matches(document, child) for child in children)
        case ast.Not(child):
            return not _matches(document, child)


def _is_wanted(change: TextChange, wanted: ast.Changed) -> bool:
    if wanted.first is None and wanted.last is None:
        in_part = {Field.TITLE: change.in_title, Field.BODY: change.in_body}
        return in_part.get(wanted.part, True)
    day = capture_day(change.captured)
    return day is not None and (wanted.first or day) <= day <= (wanted.last or day)


def _names(article: Article, kind: ast.NameField) -> tuple[str, ...]:
    match kind:
        case ast.NameField.SOURCE:
            return (article.source,) if article.source else ()
        case ast.NameField.AUTHOR:
            return article.authors
        case ast.NameField.TAG:
            return article.tags


def _is_source_name(article: Article, term: str) -> bool:
    return article.source is not None and fold(article.source) == term


def _timestamp(article: Article) -> float:
    return article.published.sort_key() if article.published else float("-inf")


def _count_facet(name: str, matched: list[_StoredDocument]) -> FacetCounts:
    return by_frequency(Counter(v for d in matched for v in _facet_values(name, d.article)))


def _facet_values(name: str, article: Article) -> set[str]:
    match name:
        case "year":
            return {publication_month(article.published)[:4]}
        case "month":
            return {publication_month(article.published)}
        case "day":
            return {publication_day(article.published)}
        case _:
            return set(_names(article, ast.NameField(name))) or {""}
