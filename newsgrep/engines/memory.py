"""The reference engine: brute force over all articles, obviously right, without an index.

It is what the others are compared with, and it keeps nothing when it is closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsgrep.engines.base import Candidate, Change, Forget, Note, Order, Page, Remove, Upsert
from newsgrep.engines.bm25 import idf, term_score, zone_norms
from newsgrep.engines.entry import CAPTION_BREAK, Entry, month_of, unpack_counts
from newsgrep.models import ARCHIVE_ZONE, Article, Stamp
from newsgrep.query.tree import (
    And,
    Dates,
    Everything,
    Field,
    Node,
    Not,
    Or,
    Phrase,
    Source,
    Words,
    scoring_terms,
)
from newsgrep.text.fold import fold
from newsgrep.text.literal import holds_literal


@dataclass(frozen=True, slots=True)
class _Document:
    entry: Entry

    @property
    def article(self) -> Article:
        return self.entry.article

    def texts(self, field: Field) -> list[str]:
        title, body = self.entry.folded_title, self.entry.folded_body
        match field:
            case Field.TITLE:
                return [title]
            case Field.BODY:
                return [body]
            case Field.CAPTION:
                return self.entry.folded_captions.split(CAPTION_BREAK)
            case Field.TEXT:
                return [title, body]

    def holds(self, literal: str, field: Field) -> bool:
        return any(holds_literal(text, literal) for text in self.texts(field))


class MemoryEngine:
    """Articles in a dictionary; every question looks at every one of them."""

    def __init__(self) -> None:
        self._documents: dict[str, _Document] = {}
        self._notes: dict[str, Stamp] = {}

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes in order, or none."""
        documents, notes = dict(self._documents), dict(self._notes)
        for change in changes:
            match change:
                case Upsert(entry):
                    documents[entry.article.id] = _Document(entry)
                case Remove(article_id):
                    documents.pop(article_id, None)
                case Note(stamp):
                    notes[stamp.path] = stamp
                case Forget(path):
                    notes.pop(path, None)
        self._documents, self._notes = documents, notes

    def search(
        self,
        query: Node,
        order: Order = Order.RELEVANCE,
        limit: int = 10,
        offset: int = 0,
        facets: Sequence[str] = (),
    ) -> Page:
        """Look at every article."""
        matched = [document for document in self._documents.values() if _matches(document, query)]
        scores = self._scores(scoring_terms(query), matched)
        newest = {document.article.id: _when(document.article) for document in matched}

        def place(document: _Document) -> tuple[float, float, str]:
            key = document.article.id
            match order:
                case Order.RELEVANCE:
                    return -scores[key], -newest[key], key
                case Order.NEWEST:
                    return -newest[key], 0, key
                case Order.OLDEST:
                    when = newest[key]
                    return (when if when != float("-inf") else float("inf")), 0, key

        shown = sorted(matched, key=place)[offset : offset + limit]
        return Page(
            total=len(matched),
            candidates=tuple(
                Candidate(document.article.id, scores[document.article.id]) for document in shown
            ),
            facets={name: _facet(name, matched) for name in facets},
        )

    def _scores(self, terms: list[str], matched: list[_Document]) -> dict[str, float]:
        entries = [document.entry for document in self._documents.values()]
        totals = [
            sum(lengths) for lengths in zip(*(entry.lengths for entry in entries), strict=True)
        ]
        averages = [total / len(entries) for total in totals]
        scores = dict.fromkeys((document.article.id for document in matched), 0.0)
        for term in terms:
            weight = idf(len(entries), sum(term in entry.counts for entry in entries))
            for document in matched:
                norms = zone_norms(document.entry.lengths, averages)
                counts = unpack_counts(document.entry.counts.get(term, 0))
                frequency = sum(count * norm for count, norm in zip(counts, norms, strict=True))
                scores[document.article.id] += term_score(weight, frequency)
        return scores

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids."""
        found = (self._documents.get(article_id) for article_id in ids)
        return [document.article for document in found if document]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return what the entries have."""
        entries = (self._documents[article_id].entry for article_id in ids)
        return [(entry.folded_title, entry.folded_body) for entry in entries]

    def stamps(self) -> Iterator[Stamp]:
        """Yield every stamp."""
        yield from [document.entry.stamp for document in self._documents.values()]
        yield from list(self._notes.values())

    def check(self) -> list[str]:
        """Find nothing: what is in memory can't be damaged."""
        return []

    def close(self) -> None:
        """Do nothing."""


def open_engine(_folder: Path, _create: bool) -> MemoryEngine:
    """Return an empty engine: nothing is kept anywhere."""
    return MemoryEngine()


def _matches(document: _Document, node: Node) -> bool:
    match node:
        case Words(_, terms, field, any_term):
            found = (document.holds(term, field) for term in terms)
            return any(found) if any_term else all(found)
        case Phrase(literal, _, field):
            return document.holds(literal, field)
        case Source(name):
            return document.article.source is not None and name in fold(document.article.source)
        case Dates(first, last):
            published = document.article.published
            if published is None:
                return False
            begins, ends = published.days(ARCHIVE_ZONE)
            return (last is None or begins <= last) and (first is None or ends >= first)
        case Everything():
            return True
        case And(children):
            return all(_matches(document, child) for child in children)
        case Or(children):
            return any(_matches(document, child) for child in children)
        case Not(child):
            return not _matches(document, child)


def _when(article: Article) -> float:
    return article.published.sort_key() if article.published else float("-inf")


def _facet(name: str, matched: list[_Document]) -> tuple[tuple[str, int], ...]:
    value = {"source": lambda article: article.source or "", "month": month_of}[name]
    counts = Counter(value(document.article) for document in matched)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
