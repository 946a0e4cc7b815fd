"""The reference engine: brute force over all articles, obviously right, without an index.

It is what the others are compared with, and it keeps nothing when it is closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from newsgrep.engines.base import (
    Candidate,
    Change,
    Forget,
    Kept,
    Lost,
    Note,
    Order,
    Page,
    Problem,
    Remove,
    Upsert,
)
from newsgrep.engines.bm25 import FULL, ranking_weights
from newsgrep.engines.entry import Entry, day_of, month_of
from newsgrep.engines.recency import Recency
from newsgrep.errors import UsageError
from newsgrep.models import Article, Stamp
from newsgrep.query.spots import holds
from newsgrep.query.tree import (
    Address,
    And,
    At,
    Dates,
    Everything,
    Field,
    Fuzzy,
    Identified,
    Name,
    Named,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Regex,
    Wildcard,
    Words,
    scoring_terms,
)
from newsgrep.text.fold import fold
from newsgrep.text.literal import holds_literal


class _Document:
    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.article = entry.article()
        self.counts = entry.counts
        self._levels = entry.levels()
        self._title = fold(self.article.title)
        self._body = fold(self.article.body)
        self._captions = list(map(fold, self.article.captions))

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

    def holds(self, literal: str, field: Field) -> bool:
        return any(holds_literal(text, literal) for text in self.texts(field))

    def level(self, term: str) -> int:
        if _is_called(self.article, term):
            return FULL
        return self._levels.get(term, 0)


class MemoryEngine:
    """Articles in a dictionary; every question looks at every one of them."""

    def __init__(self) -> None:
        self._documents: dict[str, _Document] = {}
        self._notes: dict[str, Stamp] = {}
        self._commit = 0
        self._before: tuple[dict[str, _Document], dict[str, Stamp]] | None = None

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes in order, or none."""
        documents, notes = dict(self._documents), dict(self._notes)
        for change in changes:
            match change:
                case Upsert(entry):
                    documents[entry.article_id] = _Document(entry)
                case Remove(article_id):
                    documents.pop(article_id, None)
                case Note(stamp):
                    notes[stamp.path] = stamp
                case Forget(path):
                    notes.pop(path, None)
        # The empty engine that every one begins with is no commit of anybody's.
        self._before = (self._documents, self._notes) if self._commit else None
        self._documents, self._notes = documents, notes
        self._commit += 1

    def commit(self) -> int:
        """Return how often something was written."""
        return self._commit

    def go_back(self) -> None:
        """Take what was there before the last write."""
        if self._before is None:
            raise UsageError("There is no commit to go back to: only one is kept.")
        self._documents, self._notes = self._before
        self._before = None
        self._commit += 1

    def search(
        self,
        query: Node,
        order: Order = Order.RELEVANCE,
        limit: int = 10,
        offset: int = 0,
        facets: Sequence[str] = (),
        recency: Recency | None = None,
        after: Candidate | None = None,
    ) -> Page:
        """Look at every article."""
        matched = [document for document in self._documents.values() if _matches(document, query)]
        terms = scoring_terms(query) if order is Order.RELEVANCE else []  # a date ranks nothing
        scores = self._scores(terms, matched)
        if recency:
            when = {document.article.id: _when(document.article) for document in matched}
            scores = {key: score * recency.weight(when[key]) for key, score in scores.items()}
        candidates = sorted(
            (Candidate(d.article.id, scores[d.article.id], _when(d.article)) for d in matched),
            key=lambda candidate: _place(candidate, order),
        )
        beyond = [c for c in candidates if after is None or _place(c, order) > _place(after, order)]
        return Page(
            total=len(matched),
            candidates=tuple(beyond[offset : offset + limit]),
            facets={name: _facet(name, matched) for name in facets},
            before=len(candidates) - len(beyond[offset:]),
        )

    def _scores(self, terms: list[str], matched: list[_Document]) -> dict[str, float]:
        everything = self._documents.values()
        having = {
            term: sum(term in d.counts or _is_called(d.article, term) for d in everything)
            for term in terms
        }
        weights = ranking_weights(terms, len(everything), having)
        return {
            document.article.id: sum(
                weight * document.level(term) for term, weight in weights.items()
            )
            for document in matched
        }

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids."""
        found = (self._documents.get(article_id) for article_id in ids)
        return [document.article for document in found if document]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
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

    def stamps(self) -> Iterator[Stamp]:
        """Yield every stamp."""
        yield from [document.entry.stamp for document in self._documents.values()]
        yield from list(self._notes.values())

    def check(self, *, deep: bool = False) -> list[Problem]:  # noqa: ARG002  (there is nothing to look into)
        """Find nothing: what is in memory can't be damaged."""
        return []

    def tidy(self) -> list[str]:
        """Find nothing: there are no files."""
        return []

    def close(self) -> None:
        """Do nothing."""


def open_engine(_folder: Path, _create: bool) -> MemoryEngine:
    """Return an empty engine: nothing is kept anywhere."""
    return MemoryEngine()


def go_back(_folder: Path) -> None:
    """Refuse: nothing is kept anywhere."""
    raise UsageError("There is no commit to go back to: nothing is kept.")


def everything_kept(_folder: Path) -> Iterator[Kept | Lost]:
    """Yield nothing: nothing is kept anywhere."""
    return iter(())


def _matches(document: _Document, node: Node) -> bool:
    match node:
        case Words(_, terms, field, any_term):
            found = (document.holds(term, field) for term in terms)
            return any(found) if any_term else all(found)
        case Phrase(literal, _, field):
            return document.holds(literal, field)
        case Wildcard(_, _, field) | Fuzzy(_, _, field) | Regex(_, _, field) | Near(field=field):
            return any(holds(text, node) for text in document.texts(field))
        case Named(kind, name):
            return any(name in fold(known) for known in _names(document.article, kind))
        case At(Address.URL, part):
            return part in fold(document.article.url or "")
        case At(_, part):
            return part in fold(document.article.path)
        case Identified(article_id):
            return document.article.id == article_id
        case Dates(first, last, zone):
            published = document.article.published
            if published is None:
                return False
            begins, ends = published.days(zone)
            return (last is None or begins <= last) and (first is None or ends >= first)
        case Everything():
            return True
        case And(children):
            return all(_matches(document, child) for child in children)
        case Or(children):
            return any(_matches(document, child) for child in children)
        case Not(child):
            return not _matches(document, child)


def _place(candidate: Candidate, order: Order) -> tuple[float, float, str]:
    article_id, score, when = candidate
    match order:
        case Order.RELEVANCE:
            return -score, -when, article_id
        case Order.NEWEST:
            return -when, 0, article_id
        case Order.OLDEST:
            return (when if when != float("-inf") else float("inf")), 0, article_id


def _names(article: Article, kind: Name) -> tuple[str, ...]:
    match kind:
        case Name.SOURCE:
            return (article.source,) if article.source else ()
        case Name.AUTHOR:
            return article.authors
        case Name.TAG:
            return article.tags


def _is_called(article: Article, term: str) -> bool:
    return article.source is not None and fold(article.source) == term


def _when(article: Article) -> float:
    return article.published.sort_key() if article.published else float("-inf")


def _facet(name: str, matched: list[_Document]) -> tuple[tuple[str, int], ...]:
    counts = Counter(value for d in matched for value in _facet_values(name, d.article))
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _facet_values(name: str, article: Article) -> set[str]:
    match name:
        case "month":
            return {month_of(article.published)}
        case "day":
            return {day_of(article.published)}
        case _:
            return set(_names(article, Name(name))) or {""}
