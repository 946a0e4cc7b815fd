"""A Whoosh segment writer that gathers a segment's postings by term and writes each list once.

Whoosh's own writer takes every posting through a sorting pool and five method calls. A
segment that grows too large for memory is closed and another begun, within one commit.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from whoosh.codec.whoosh3 import W3Segment
from whoosh.index import TOC, FileIndex, LockError
from whoosh.reading import SegmentReader
from whoosh.writing import SegmentWriter

from newsgrep.analysis.codec import pack_file_record
from newsgrep.analysis.document import IndexDocument, publication_month
from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.whoosh.codec import (
    ARTICLE,
    CAPTION_FIELD,
    DEFAULT_VALUES,
    FILE_RECORD,
    INDEX_NAME,
    KEY_FIELD,
    KIND_FIELD,
    LENGTH_COLUMNS,
    NAME_FIELDS,
    TEXT_FIELD,
    BulkCodec,
    counts_to_weight,
    file_record_key,
    join_blocks,
    read_blocks,
)
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder, checksums_of, record_checksums
from newsgrep.models import ARCHIVE_ZONE, FileRecord
from newsgrep.query.ast import NameField

MAX_SEGMENT_POSTINGS: Final = 32_000_000
"""Postings gathered for one segment: eight bytes each, some 50,000 to 100,000 articles."""

ALWAYS_MERGED: Final = 1000
"""Documents up to which a segment is always taken over into the one that is written."""

_NUMBER_SHIFT: Final = 32

DocumentAddress = tuple[W3Segment, int]
"""A document by its segment and its number there."""


class FieldTerms(NamedTuple):
    """Terms of a field, each once, and :func:`pack_counts` or the like of each."""

    terms: Sequence[str]
    counts: Sequence[int]


class BulkWriter(SegmentWriter):
    """Whoosh's writer with a short cut for documents whose terms are known."""

    def __init__(self, index: FileIndex, most_postings: int = MAX_SEGMENT_POSTINGS) -> None:
        # Plain files are read where they are; a compound one would be copied into memory.
        super().__init__(index, compound=False, codec=BulkCodec())
        self._most = most_postings
        self._gathered = 0
        self._there = {segment.segment_id() for segment in self.segments}
        self._finished: list[W3Segment] = []
        # By field and term; each posting is one number: the document's, then the counts.
        self._lists: defaultdict[str, defaultdict[str, array[int]]] = defaultdict(_new_lists)

    def add(self, terms: Mapping[str, FieldTerms], columns: Mapping[str, Any]) -> DocumentAddress:
        """Add a document with terms by field and a value for each column."""
        if self._gathered > self._most:
            self._next_segment()
        number: int = self.docnum
        first = number << _NUMBER_SHIFT
        for field, (texts, counts) in terms.items():
            lists = self._lists[field]
            for term, count in zip(texts, counts, strict=True):
                lists[term].append(first | count)
            self._gathered += len(counts)
        documents = self.perdocwriter
        documents.start_doc(number)
        for name, value in columns.items():
            documents.add_column_value(name, self.schema[name].column_type, value)
        documents.finish_doc()
        self.docnum += 1
        self._added = True
        return self.newsegment, number

    def merge_small(self, _: SegmentWriter, segments: list[W3Segment]) -> list[W3Segment]:
        """Take over small segments and return the rest: what ``commit`` takes as ``mergetype``.

        A segment is small if it has no more documents than all smaller ones and the new
        one together. So their number grows with the logarithm of the archive, and an
        article is written again about as often. Those that are half deleted go as well.
        """
        total = self.docnum
        kept = []
        for segment in sorted(segments, key=W3Segment.doc_count):
            living = segment.doc_count()
            is_small = living <= max(total, ALWAYS_MERGED) and self._gathered <= self._most // 2
            if not living:
                continue
            if is_small or living <= segment.doc_count_all() // 2:
                with SegmentReader(self.storage, self.schema, segment) as reader:
                    self.add_reader(reader)
                total += living
            else:
                kept.append(segment)
        return kept

    def add_postings_to_pool(
        self, reader: SegmentReader, startdoc: int, docmap: Mapping[int, int] | None
    ) -> None:
        """Take over the postings of a segment that is merged into this one."""
        for field in reader.indexed_field_names():
            lists = self._lists[field]
            for term in reader.lexicon(field):
                numbers, counts = join_blocks(read_blocks(reader.postings(field, term)))
                if docmap is None:
                    pairs = [(n + startdoc, c) for n, c in zip(numbers, counts, strict=True)]
                else:
                    both = zip(numbers, counts, strict=True)
                    pairs = [(docmap[n], c) for n, c in both if n in docmap]
                if pairs:
                    lists[term.decode("utf-8")].extend(n << _NUMBER_SHIFT | c for n, c in pairs)
                    self._gathered += len(pairs)

    def cancel(self, **_: Any) -> None:
        """Give everything up, and leave no file behind."""
        try:
            self._close_segment()
        finally:
            self.storage.tidy()
            self._finish()

    def _cleanup_on_error(self) -> None:
        self.storage.tidy()  # while nobody else can write
        super()._cleanup_on_error()

    def _next_segment(self) -> None:
        self._finished.append(self._finalize_segment())
        self.newsegment = self.codec.new_segment(self.storage, self.indexname)
        self.perdocwriter = self.codec.per_document_writer(self.storage, self.newsegment)
        self.fieldwriter = self.codec.field_writer(self.storage, self.newsegment)
        self.docnum, self._gathered, self._added = self.docbase, 0, False

    def _flush_segment(self) -> None:
        self.perdocwriter.close()
        fields = self.fieldwriter
        for field, lists in sorted(self._lists.items()):  # Whoosh's readers rely on the order
            fields.start_field(field, self.schema[field])
            writer = fields._postwriter  # noqa: SLF001  (the codec's own, of this field)
            for term in sorted(lists):  # in the order of code points, as their UTF-8 is
                # Numbers and counts are taken apart at once, as halves of each 64 bits.
                halves = memoryview(lists.pop(term)).cast("B").cast("I")
                numbers, counts = halves[_HIGH::2].tolist(), halves[_LOW::2].tolist()
                writer.write(fields, term, numbers, list(map(counts_to_weight, counts)))
            fields.finish_field()
        self._lists.clear()
        fields.close()

    def _finalize_segment(self) -> W3Segment:
        segment: W3Segment = super()._finalize_segment()
        record_checksums(self.storage, segment)
        return segment

    def _commit_toc(self, segments: list[W3Segment]) -> None:
        """Make what was written the last commit, for good."""
        kept = [segment for segment in segments if segment.segment_id() in self._there]
        fresh = [*self._finished, *(s for s in segments if s.segment_id() not in self._there)]
        self.storage.settle(name for segment in fresh for name in checksums_of(segment))
        TOC(self.schema, kept + fresh, self.generation).write(self.storage, self.indexname)
        self.storage.set_aside(self.generation - 1)
        self.storage.tidy()


def _new_lists() -> defaultdict[str, array[int]]:
    return defaultdict(_new_list)


def _new_list() -> array[int]:
    return array("Q")


_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


@contextmanager
def write_lock(storage: IndexFolder) -> Iterator[None]:
    """Keep writers out; raises Whoosh's ``LockError`` where one is at work."""
    lock = storage.lock(f"{INDEX_NAME}_WRITELOCK")
    if not lock.acquire():
        raise LockError
    try:
        yield
    finally:
        lock.release()


class ChangeWriter:
    """The changes of one commit, with those documents of it that a later one replaces."""

    def __init__(self, storage: IndexFolder) -> None:
        self._storage = storage
        self._writer = BulkWriter(FileIndex(storage, indexname=INDEX_NAME))
        try:
            self._storage.contents()  # what is taken over from there is compared with its sums
            self._committed = WhooshReader(IndexFolder(storage.folder))
        except BaseException:
            self._writer.cancel()  # or nobody could write again
            raise
        self._articles: dict[str, DocumentAddress] = {}
        self._notes: dict[str, DocumentAddress] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply all changes and commit them, or give all of them up."""
        try:
            self._apply(changes)
        except BaseException:
            self._writer.cancel()
            raise
        try:
            self._writer.commit(mergetype=self._writer.merge_small)
        finally:
            self._storage.let_go()

    def _apply(self, changes: Iterable[Change]) -> None:
        with self._committed:
            for change in changes:
                match change:
                    case PutArticle(entry):
                        self._remove(entry.article_id)
                        self._articles[entry.article_id] = self._writer.add(
                            *_article_document(entry)
                        )
                    case DeleteArticle(article_id):
                        self._remove(article_id)
                    case PutFileRecord(stamp):
                        self._forget(stamp.path)
                        self._notes[stamp.path] = self._writer.add(*_file_record_document(stamp))
                    case DropFileRecord(path):
                        self._forget(path)

    def _remove(self, article_id: str) -> None:
        self._delete(self._articles.pop(article_id, None) or self._committed.find(article_id))

    def _forget(self, path: str) -> None:
        self._delete(self._notes.pop(path, None) or self._committed.find_note(path))

    def _delete(self, where: DocumentAddress | int | None) -> None:
        match where:
            case (segment, number):
                # Whoosh deletes by number in committed segments only; this is being written.
                segment.delete_document(number)
            case int(number):
                self._writer.delete_document(number)


def _file_record_document(stamp: FileRecord) -> tuple[dict[str, FieldTerms], dict[str, Any]]:
    terms = {
        KIND_FIELD: _single_term(FILE_RECORD),
        KEY_FIELD: _single_term(file_record_key(stamp.path)),
    }
    return terms, DEFAULT_VALUES | {"stamp": pack_file_record(stamp)}


def _single_term(term: str) -> FieldTerms:
    return FieldTerms((term,), (1,))


def _article_document(entry: IndexDocument) -> tuple[dict[str, FieldTerms], dict[str, Any]]:
    terms = {KIND_FIELD: _single_term(ARTICLE)}
    if entry.terms:
        terms[TEXT_FIELD] = FieldTerms(entry.terms.split("\n"), entry.packed_counts)
    if entry.caption_terms:
        terms[CAPTION_FIELD] = FieldTerms(entry.caption_terms, (1,) * len(entry.caption_terms))
    columns: dict[str, Any] = DEFAULT_VALUES | {
        "id": entry.article_id.encode(),
        "folded": entry.folded,
        "rest": entry.rest,
        "stamp": pack_file_record(entry.stamp),
        "url": (entry.url or "").encode("utf-8", "replace"),
        "month": publication_month(entry.published).encode(),
    }
    columns |= dict(zip(LENGTH_COLUMNS, entry.lengths, strict=True))
    if entry.source:
        columns["source"] = entry.source.encode("utf-8", "replace")
    names = {
        NameField.SOURCE: (entry.source,) if entry.source else (),
        NameField.AUTHOR: entry.authors,
        NameField.TAG: entry.tags,
    }
    for kind, written in names.items():
        if each := tuple(sorted({name.encode("utf-8", "replace").decode() for name in written})):
            terms[NAME_FIELDS[kind]] = FieldTerms(each, (1,) * len(each))
    if entry.published:
        first, last = entry.published.days(ARCHIVE_ZONE)
        columns["first_day"], columns["last_day"] = first.toordinal(), last.toordinal()
        columns["moment"] = entry.published.sort_key()
    return terms, columns
