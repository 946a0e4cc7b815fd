"""Reading one commit of a tantivy index: documents, terms, counts and facets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tantivy import DocAddress, Document, Index, Query

from newsgrep.analysis.characters import CharKind, kind_of
from newsgrep.analysis.versions import pack_earlier
from newsgrep.engines.base import FACET_FIELDS, FacetCounts, by_frequency, count_years
from newsgrep.engines.commits import Commit, CommitFolder
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, TERMS, term_token
from newsgrep.engines.engine_query.lower import term_clause, values_of
from newsgrep.engines.tantivy.files import commit_meta, linked_folder, translate_errors
from newsgrep.engines.tantivy.query import QueryBuilder
from newsgrep.engines.tantivy.schema import (
    ARTICLE_KIND,
    FILE_RECORD_KIND,
    KIND,
    PACKED_REST,
    PACKED_TEXTS,
    create_schema,
    left_out_bytes,
    stored_article,
    stored_bytes,
    stored_file_record,
    versions_bytes,
)
from newsgrep.engines.tantivy.verified import verify_files
from newsgrep.messages import message
from newsgrep.models import FileRecord
from newsgrep.query.ast import Field, LocationField, NameField

MAX_BUCKETS: Final = 60_000
"""Facet values that one aggregation returns; tantivy refuses more than 65,000."""

_FILTER_SHARE: Final = 4
"""A filter takes 2 ns for each match of its query, an intersection 10 for each of the rarer."""

BITS_OF_CACHE: Final = 2**24
BITS_OF_MEMORY: Final = 2**28
"""Bits of the filters of one aggregation: one for each document and filter.

2,000 words of 100,000 articles: 0.4 s instead of 0.5 with a word, 0.2 instead of 20 with a phrase,
where evaluating it more often takes longer than filters that are not in the processor's cache.
"""

FIRST_PAGE: Final = 4096
PAGE: Final = 100_000
"""Documents that are listed at once, first and then, so that a million take little memory."""


def open_last(commits: CommitFolder) -> tuple[Commit, CommitReader]:
    """Open the last commit after its files are verified.

    Raises :class:`IndexDamaged`, and ``OSError`` for what the operating system refuses.
    """
    try:
        return commits.open_last(lambda commit: (commit, _open_commit(commits, commit)))
    except FileNotFoundError as exc:
        raise commits.damaged(
            message("{name} is missing", name=Path(exc.filename or "").name)
        ) from exc


def _open_commit(commits: CommitFolder, commit: Commit) -> CommitReader:
    verify_files(commits, commit)
    with translate_errors(commits.folder):
        meta = commit_meta(commit)
    data = commits.folder.resolve()
    links = {name: data / name for name in commit.files}
    reader = open_files(commits.folder, links, meta, commit.mark)
    if reader.schema != create_schema():
        raise commits.damaged(message("it has the fields of another format"))
    return reader


def open_files(
    data: Path, links: Mapping[str, Path], meta: Mapping[str, Any], commit: int = 0
) -> CommitReader:
    """Open the files that ``meta`` lists, by their names; ``data`` is for messages."""
    with linked_folder(links, meta) as folder, translate_errors(data):
        has_deleted = any(each["deletes"] for each in meta["segments"])
        return CommitReader(data, Index.open(str(folder)), commit, has_deleted=has_deleted)


class CommitReader:
    """A commit, or a part of one, that :func:`open_last` or :func:`open_files` has opened.

    It stays readable when later commits delete its files. It is the ``IndexReader`` of
    :mod:`newsgrep.engines.engine_query.lower`. Methods raise what tantivy raises for damaged
    data, except where it says otherwise; callers use :func:`translate_errors`. ``commit`` is
    :attr:`Commit.mark`; ``has_deleted`` says whether segments have deleted documents, which the
    statistics of terms count.
    """

    def __init__(
        self, folder: Path, index: Index, commit: int = 0, *, has_deleted: bool = True
    ) -> None:
        self._folder = folder
        self._has_deleted = has_deleted
        self.searcher = index.searcher()
        self.schema = index.schema
        self.builder = QueryBuilder(index.schema)
        self.commit = commit
        self._addresses: dict[str, DocAddress] = {}

    def query(self, clause: ir.Clause) -> Query:
        """Return tantivy's query for a clause."""
        return self.builder.query(ir.all_of(clause))

    def count(self, clause: ir.Clause) -> int:
        """Return how many articles match ``clause``."""
        # A constant score: computing scores takes a third of the time.
        query = Query.const_score_query(self.query(clause), 0.0)
        result = self.searcher.search(query, 1, True)
        return int(result.count)  # type: ignore[attr-defined]  # left out of the binding's stubs

    def count_all(self, clauses: Sequence[ir.Clause]) -> list[int]:
        """Return how many articles match each clause."""
        return list(map(self.count, clauses))

    def frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        """Return how many articles contain each term of a title or body.

        The statistics of a term say so, unless documents are deleted that still have it.
        """
        if self._has_deleted:
            return {term: self.count(term_clause(term)) for term in terms}
        searcher = self.searcher
        return {term: searcher.doc_freq(TERMS, term_token(term)) for term in terms}

    def frequencies_within(self, terms: Iterable[str], within: ir.Clause) -> dict[str, int]:
        """Return how many of the articles that match ``within`` contain each term.

        Terms are filters of aggregations, each of which evaluates ``within`` once for many of
        them. Only a single term is intersected with each one that is rare beside it.
        """
        clauses = {term: term_clause(term) for term in terms}
        is_term = isinstance(within, ir.Term)
        rare = self.count(within) // _FILTER_SHARE if is_term else 0
        counts: dict[str, int] = {}
        filters: list[tuple[str, str]] = []
        for term, clause in clauses.items():
            token = term_token(term)
            # Filters are text, in which other tokens would be syntax.
            if token.isalnum() and self.searcher.doc_freq(TERMS, token) >= rare:
                filters.append((term, token))
            else:
                counts[term] = self.count(ir.all_of(clause, within))
        query = self.query(within)
        bits = BITS_OF_CACHE if is_term else BITS_OF_MEMORY
        size = max(bits // max(self.searcher.num_docs, 1), 1)
        for at in range(0, len(filters), size):
            some = filters[at : at + size]
            request = {term: {"filter": f'{TERMS}:"{token}"'} for term, token in some}
            found = self.searcher.aggregate(query, request)
            counts |= {term: int(found[term]["doc_count"]) for term, _ in some}
        return {term: counts[term] for term in clauses}

    def facet(self, name: str, clause: ir.Clause) -> FacetCounts:
        """Return the values of a facet with their counts.

        Raises :class:`KeyError` for an unknown facet.
        """
        if name == "year":
            return count_years(self.facet("month", clause))
        if name not in FACET_FIELDS:
            raise KeyError(name)
        query = self.query(clause)
        request = {name: {"terms": {"field": name, "size": MAX_BUCKETS}}}
        try:
            result = self.searcher.aggregate(query, request)[name]
            counts = {bucket["key"]: bucket["doc_count"] for bucket in result["buckets"]}
            is_complete = not result["sum_other_doc_count"]
        except ValueError:  # too many values
            is_complete = False
        if not is_complete:
            counts = dict(self.searcher.terms_with_prefix(name, "", query))
        return by_frequency({value: count for value, count in counts.items() if count})

    def id_at(self, address: DocAddress) -> str:
        """Return the id of the article at ``address``, which is remembered for it."""
        article_id = str(self.searcher.doc(address).get_first(ID))
        self._addresses[article_id] = address
        return article_id

    def documents_by_id(self, ids: Iterable[str]) -> Iterator[Document]:
        """Yield the stored documents of articles in the order of ``ids``, without unknown ids."""
        wanted = list(ids)
        missing = tuple({each for each in wanted if each not in self._addresses})
        if missing:
            query = self.query(ir.AnyTerm(ID, missing))
            for _, address in self.searcher.search(query, len(missing), False).hits:
                self.id_at(address)
        for each in wanted:
            if each in self._addresses:
                yield self.document(self._addresses[each])

    def documents(self, clause: ir.Clause | None = None) -> Iterator[Document]:
        """Yield the stored documents of the articles that match, or of everything."""
        return map(self.document, self.addresses(clause))

    def document(self, address: DocAddress) -> Document:
        """Return the stored document at ``address``."""
        return self.searcher.doc(address)

    def addresses(self, clause: ir.Clause | None = None, limit: int = 0) -> list[DocAddress]:
        """Return the addresses of the articles that match, or of all documents.

        At most ``limit`` of them, unless it is 0. Raises :class:`IndexDamaged`.
        """
        query = Query.all_query() if clause is None else self.query(clause)
        query = Query.const_score_query(query, 1.0)
        with translate_errors(self._folder):
            hits = self.searcher.search(query, limit or max(self.searcher.num_docs, 1), False).hits
        # Neighbours are compressed together, so they are read together.
        ordered = sorted((each.segment_ord, each.doc) for _, each in hits)
        return [DocAddress(segment, number) for segment, number in ordered]

    def file_records(self) -> Iterator[FileRecord]:
        """Yield the file records of files without an article, then those of all articles."""
        for kind in (FILE_RECORD_KIND, ARTICLE_KIND):
            query = Query.const_score_query(Query.term_query(self.schema, KIND, kind), 1.0)
            for address in self._pages(query):
                yield stored_file_record(self.document(address))

    def _pages(self, query: Query) -> Iterator[DocAddress]:
        """Yield the addresses of the documents that match, in order, which all score the same."""
        last, done, size = (-1, -1), 0, FIRST_PAGE
        while True:
            with translate_errors(self._folder):
                hits = self.searcher.search(query, size, False, offset=done).hits
            for _, address in hits:
                place = address.segment_ord, address.doc
                if place <= last:
                    raise ValueError(message("documents are not listed in their order"))
                last = place
                yield address
            if len(hits) < size:
                return
            done, size = done + size, PAGE

    def find_file_records(self, ids: Sequence[str]) -> dict[str, FileRecord]:
        """Return the file records of articles by id, without unknown ids."""
        query = self.query(ir.AnyTerm(ID, tuple(ids)))
        hits = self.searcher.search(query, max(len(ids), 1), False).hits
        records = (stored_file_record(self.document(address)) for _, address in hits)
        return {record.article_id or "": record for record in records}

    def terms(self, prefix: str, field: Field) -> Iterator[str]:  # noqa: ARG002  (never captions)
        """Yield the terms of titles and bodies that are letters and digits, by ``prefix``."""
        for token, _ in self.searcher.terms_with_prefix(TERMS, prefix):
            if kind_of(token[0]) is CharKind.WORD:
                yield token

    def texts(self, clause: ir.Clause, field: Field) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed texts of every article that matches ``clause``."""
        for document in self.documents(clause):
            if field is Field.LEFT_OUT:
                packed = left_out_bytes(document)
            else:
                packed = stored_bytes(document, PACKED_TEXTS)
            if field is Field.EARLIER:
                rest = stored_bytes(document, PACKED_REST)
                packed = pack_earlier(packed, rest, versions_bytes(document))
            yield str(document.get_first(ID)), packed

    def values(
        self, clause: ir.Clause, kind: NameField | LocationField
    ) -> Iterator[tuple[str, str]]:
        """Yield id and value for each name, or the address, of the articles that match."""
        for document in self.documents(clause):
            article = stored_article(document)
            for value in values_of(article, kind):
                yield article.id, value
