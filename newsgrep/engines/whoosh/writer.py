"""Writing to a Whoosh index: changes become documents, and all changes of a run one commit.

Postings of a segment are gathered in memory by term and each list is written once. Whoosh's own
writer takes every posting through a sorting pool and five method calls. A segment that grows
too large for memory is finished and another one begun, within the same commit.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from whoosh.index import FileIndex, LockError
from whoosh.reading import SegmentReader

from newsgrep.analysis.codec import pack_file_record
from newsgrep.analysis.document import IndexDocument, publication_month
from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.whoosh.codec import (
    ARTICLE,
    CAPTION_FIELD,
    DEFAULT_VALUES,
    FIELD_BY_NAME_KIND,
    FILE_RECORD,
    KEY_FIELD,
    KIND_FIELD,
    LEFT_OUT_FIELD,
    LENGTH_COLUMNS,
    TEXT_FIELD,
    file_record_key,
    join_blocks,
    to_weight,
)
from newsgrep.engines.whoosh.internals import (
    INDEX_NAME,
    LOCK_NAME,
    TOC,
    HookedSegmentWriter,
    W3Segment,
    read_blocks,
)
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder, checksums_of, record_checksums
from newsgrep.models import ARCHIVE_ZONE, FileRecord
from newsgrep.query.ast import NameField

MAX_SEGMENT_POSTINGS: Final = 32_000_000
"""Postings gathered for one segment: eight bytes each, about 50,000 to 100,000 articles."""

ALWAYS_MERGED: Final = 1000
"""Segments with at most this many documents are always merged into the new one."""

_NUMBER_SHIFT: Final = 32

DocumentAddress = tuple[W3Segment, int]
"""The segment of a document and its number in the segment."""


class FieldTerms(NamedTuple):
    """The distinct terms of a field, and the packed counts of each (:func:`pack_counts`)."""

    terms: Sequence[str]
    counts: Sequence[int]


class BulkWriter(HookedSegmentWriter):
    """A segment writer for documents whose terms are known."""

    def __init__(self, index: FileIndex, max_postings: int = MAX_SEGMENT_POSTINGS) -> None:
        super().__init__(index)
        self._max_postings = max_postings
        self._gathered = 0
        self._committed = {segment.segment_id() for segment in self.segments}
        self._finished: list[W3Segment] = []
        # By field and term. A posting is one number: the document's, then the packed counts.
        self._lists: defaultdict[str, defaultdict[str, array[int]]] = defaultdict(_new_lists)

    def add(self, terms: Mapping[str, FieldTerms], columns: Mapping[str, Any]) -> DocumentAddress:
        """Add a document with terms by field and a value for each column."""
        if self._gathered > self._max_postings:
            self._finished.append(self.finish_segment())
            self._gathered = 0
        number = self.add_columns(columns)
        first = number << _NUMBER_SHIFT
        for field, (texts, counts) in terms.items():
            lists = self._lists[field]
            for term, count in zip(texts, counts, strict=True):
                lists[term].append(first | count)
            self._gathered += len(counts)
        return self.newsegment, number

    def merge_small(self, _: HookedSegmentWriter, segments: list[W3Segment]) -> list[W3Segment]:
        """Merge small segments into the new one and return the others: a Whoosh ``mergetype``.

        A segment is small if it has no more documents than all smaller ones and the new one
        together. So the number of segments grows with the logarithm of the index's size, and
        so does the number of times that an article is written. Segments of which half is
        deleted are merged as well.
        """
        total = self.docnum
        kept = []
        for segment in sorted(segments, key=W3Segment.doc_count):
            living = segment.doc_count()
            is_small = living <= max(total, ALWAYS_MERGED)
            has_room = self._gathered <= self._max_postings // 2
            if not living:
                continue
            if (is_small and has_room) or living <= segment.doc_count_all() // 2:
                with SegmentReader(self.storage, self.schema, segment) as reader:
                    self.add_reader(reader)
                total += living
            else:
                kept.append(segment)
        return kept

    def add_postings_to_pool(
        self, reader: SegmentReader, startdoc: int, docmap: Mapping[int, int] | None
    ) -> None:
        """Gather the postings of a segment that is merged into the new one.

        ``docmap`` has the new numbers of living documents; without it, each number is
        increased by ``startdoc``.
        """
        for field in reader.indexed_field_names():
            lists = self._lists[field]
            for term in reader.lexicon(field):
                numbers, counts = join_blocks(read_blocks(reader.postings(field, term)))
                both = zip(numbers, counts, strict=True)
                if docmap is None:
                    pairs = [(number + startdoc, count) for number, count in both]
                else:
                    pairs = [(docmap[number], count) for number, count in both if number in docmap]
                if pairs:
                    lists[term.decode("utf-8")].extend(n << _NUMBER_SHIFT | c for n, c in pairs)
                    self._gathered += len(pairs)

    def flush_postings(self) -> None:
        """Write and forget all postings that were gathered."""
        for field, lists in sorted(self._lists.items()):  # Whoosh's readers rely on this order
            self.write_field(field, _popped_postings(lists))
        self._lists.clear()

    def on_segment_written(self, segment: W3Segment) -> None:
        """Store the checksums of the segment's files."""
        record_checksums(self.storage, segment)

    def commit_segments(self, segments: list[W3Segment]) -> None:
        """Commit durably, and keep the commit before this one."""
        old = [segment for segment in segments if segment.segment_id() in self._committed]
        last = [segment for segment in segments if segment.segment_id() not in self._committed]
        new = [*self._finished, *last]
        self.storage.sync_files(name for segment in new for name in checksums_of(segment))
        TOC(self.schema, old + new, self.generation).write(self.storage, self.indexname)
        self.storage.retain(self.generation - 1)
        self.storage.remove_leftovers()

    def discard_files(self) -> None:
        """Delete the files that no commit contains."""
        self.storage.remove_leftovers()


def _new_lists() -> defaultdict[str, array[int]]:
    return defaultdict(_new_list)


def _new_list() -> array[int]:
    return array("Q")


_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


def _popped_postings(lists: dict[str, array[int]]) -> Iterator[tuple[str, list[int], list[int]]]:
    """Remove and yield each term with document numbers and weights, in order of code points."""
    for term in sorted(lists):
        # Each 64-bit posting is viewed as two halves of 32 bits: the number and the counts.
        halves = memoryview(lists.pop(term)).cast("B").cast("I")
        numbers, counts = halves[_HIGH::2].tolist(), halves[_LOW::2].tolist()
        yield term, numbers, list(map(to_weight, counts))


@contextmanager
def storage_lock(storage: IndexFolder) -> Iterator[None]:
    """Lock other writers out; raises Whoosh's ``LockError`` if there is one."""
    lock = storage.lock(LOCK_NAME)
    if not lock.acquire():
        raise LockError
    try:
        yield
    finally:
        lock.release()


class ChangeWriter:
    """Applies changes as one commit; a later change may replace a document of an earlier one."""

    def __init__(self, storage: IndexFolder) -> None:
        self._storage = storage
        self._writer = BulkWriter(FileIndex(storage, indexname=INDEX_NAME))
        try:
            storage.read_toc()  # files that are merged are checked
            self._committed = WhooshReader(IndexFolder(storage.folder))
        except BaseException:
            self._writer.cancel()  # releases the lock
            raise
        self._articles: dict[str, DocumentAddress] = {}
        self._file_records: dict[str, DocumentAddress] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply all changes and commit them, or discard all of them."""
        try:
            self._apply(changes)
        except BaseException:
            self._writer.cancel()
            raise
        try:
            self._writer.commit(mergetype=self._writer.merge_small)
        finally:
            self._storage.close_files()

    def _apply(self, changes: Iterable[Change]) -> None:
        with self._committed:
            for change in changes:
                match change:
                    case PutArticle(document):
                        key = document.article_id
                        self._delete_article(key)
                        self._articles[key] = self._writer.add(*_article_document(document))
                    case DeleteArticle(article_id):
                        self._delete_article(article_id)
                    case PutFileRecord(record):
                        self._delete_file_record(record.path)
                        address = self._writer.add(*_file_record_document(record))
                        self._file_records[record.path] = address
                    case DropFileRecord(path):
                        self._delete_file_record(path)

    def _delete_article(self, article_id: str) -> None:
        written = self._articles.pop(article_id, None)
        self._delete(written or self._committed.find_article(article_id))

    def _delete_file_record(self, path: str) -> None:
        written = self._file_records.pop(path, None)
        self._delete(written or self._committed.find_file_record(path))

    def _delete(self, document: DocumentAddress | int | None) -> None:
        match document:
            case (segment, number):
                # Whoosh deletes by number only in segments that are committed.
                segment.delete_document(number)
            case int(number):
                self._writer.delete_document(number)


def _file_record_document(record: FileRecord) -> tuple[dict[str, FieldTerms], dict[str, Any]]:
    terms = {
        KIND_FIELD: _single_term(FILE_RECORD),
        KEY_FIELD: _single_term(file_record_key(record.path)),
    }
    return terms, DEFAULT_VALUES | {"file_record": pack_file_record(record)}


def _single_term(term: str) -> FieldTerms:
    return FieldTerms((term,), (1,))


def _article_document(document: IndexDocument) -> tuple[dict[str, FieldTerms], dict[str, Any]]:
    terms = {KIND_FIELD: _single_term(ARTICLE)}
    if document.terms:
        terms[TEXT_FIELD] = FieldTerms(document.terms.split("\n"), document.packed_counts)
    for field, passage_terms in (
        (CAPTION_FIELD, document.caption_terms),
        (LEFT_OUT_FIELD, document.left_out_units),
    ):
        if passage_terms:
            terms[field] = FieldTerms(passage_terms, (1,) * len(passage_terms))
    columns: dict[str, Any] = DEFAULT_VALUES | {
        "id": document.article_id.encode(),
        "folded": document.folded,
        "rest": document.rest,
        "left_out_passages": document.left_out,
        "file_record": pack_file_record(document.file_record),
        "url": (document.url or "").encode("utf-8", "replace"),
        "month": publication_month(document.published).encode(),
    }
    columns |= dict(zip(LENGTH_COLUMNS, document.lengths, strict=True))
    if document.source:
        columns["source"] = document.source.encode("utf-8", "replace")
    names = {
        NameField.SOURCE: (document.source,) if document.source else (),
        NameField.AUTHOR: document.authors,
        NameField.TAG: document.tags,
    }
    for kind, written in names.items():
        if each := tuple(sorted({name.encode("utf-8", "replace").decode() for name in written})):
            terms[FIELD_BY_NAME_KIND[kind]] = FieldTerms(each, (1,) * len(each))
    if document.published:
        first, last = document.published.days(ARCHIVE_ZONE)
        columns["first_day"], columns["last_day"] = first.toordinal(), last.toordinal()
        columns["timestamp"] = document.published.sort_key()
    return terms, columns
