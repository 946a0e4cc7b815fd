"""Writing to a Whoosh index: changes become documents, and all changes of a run one commit.

Postings of a segment are gathered in memory by term and each list is written once. A segment that
grows too large for memory is finished and another one begun, within the same commit.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from newsgrep.analysis.codec import pack_file_record
from newsgrep.analysis.document import IndexDocument, publication_month
from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.commits import FileChecksum
from newsgrep.engines.whoosh.internals import SegmentBuilder, Term
from newsgrep.engines.whoosh.joints import JointWriter
from newsgrep.engines.whoosh.postings import to_weight
from newsgrep.engines.whoosh.reader import OpenSegment, WhooshReader
from newsgrep.engines.whoosh.storage import (
    ARTICLE,
    BYTES_COLUMNS,
    CAPTION_FIELD,
    CHANGE_FIELD,
    DEFAULT_VALUES,
    EARLIER_FIELD,
    FACET_COLUMNS,
    FIELD_BY_NAME_KIND,
    FILE_RECORD,
    JOINTS,
    KEY_FIELD,
    KIND_FIELD,
    LEFT_OUT_FIELD,
    LENGTH_COLUMNS,
    NUMBER_COLUMNS,
    TEXT_FIELD,
    VERSIONS_COLUMN,
    Segment,
    checksum_segment,
    file_record_key,
    pack_deleted,
    write_file,
)
from newsgrep.models import ARCHIVE_ZONE, FileRecord
from newsgrep.query.ast import NameField

MAX_SEGMENT_POSTINGS: Final = 18_000_000
"""Postings gathered for one segment: eight bytes each, about 30,000 to 55,000 articles."""

MAX_FACET_VALUES: Final = 65_000
"""Distinct sources in a segment: Whoosh's column has room for 65,535, and would drop others."""

ALWAYS_MERGED: Final = 1000
"""Segments with at most this many documents are always merged into the new one."""

_NUMBER_SHIFT: Final = 32

DocumentAddress = tuple["NewSegment", int]
"""The segment of a document that is written now, and its number in the segment."""


class FieldTerms(NamedTuple):
    """The distinct terms of a field, and the packed counts of each (:func:`pack_counts`)."""

    terms: Sequence[str]
    counts: Sequence[int]


class NewSegment:
    """A segment that is written: its files, and the numbers of its ``deleted`` documents."""

    def __init__(self, folder: Path) -> None:
        self.builder = SegmentBuilder(folder)
        self._joints = JointWriter(folder / f"{self.builder.name}.{JOINTS}")
        self._has_joints = True
        self.deleted: set[int] = set()
        # By field and term. A posting is one number: the document's, then the packed counts.
        self._lists: defaultdict[str, defaultdict[str, array[int]]] = defaultdict(_new_lists)
        self.gathered = 0
        """The number of postings that are in memory."""
        self.sources: set[bytes] = set()
        self._finished: Segment | None = None

    def add(
        self,
        terms: Mapping[str, FieldTerms],
        columns: Mapping[str, Any],
        signatures: Sequence[bytes] = (),
    ) -> DocumentAddress:
        """Add a document: its terms by field, its columns, and signatures by zone."""
        number = self.builder.add(columns)
        for zone, signature in enumerate(signatures):
            self._joints.add(number, zone, signature)
        self.sources.add(columns["source"])
        first = number << _NUMBER_SHIFT
        for field, (texts, counts) in terms.items():
            lists = self._lists[field]
            # For each term, ``lists[term].append(first | count)``, by functions in C.
            postings = map(first.__or__, counts)
            deque(map(array.append, map(lists.__getitem__, texts), postings), maxlen=0)
            self.gathered += len(counts)
        return self, number

    def merge(self, segment: OpenSegment, deleted: set[int] | frozenset[int]) -> None:
        """Add the documents of a committed segment that are not ``deleted``."""
        living = [number for number in range(segment.size) if number not in deleted]
        first = self.builder.documents
        columns: dict[str, Iterable[Any]] = {
            name: segment.column(name).values(living) for name in BYTES_COLUMNS
        }
        for name in NUMBER_COLUMNS:
            columns[name] = map(segment.numbers(name).__getitem__, living)
        for name in FACET_COLUMNS:
            facet = segment.facet(name)
            columns[name] = [facet.values[facet.references[number]] for number in living]
        self.sources.update(_sources(segment))
        versions = segment.versions(living)
        for *values, packed in zip(*columns.values(), versions, strict=True):
            each = dict(zip(columns, values, strict=True))
            self.builder.add(each | {VERSIONS_COLUMN: packed} if packed else each)
        if segment.joints is None:
            self._has_joints = False
        else:
            new_numbers = {old: first + new for new, old in enumerate(living)}
            self._joints.merge(segment.joints, new_numbers)
        numbers = {old: first + new << _NUMBER_SHIFT for new, old in enumerate(living)}
        for field in segment.fields:
            lists = self._lists[field]
            for term, (documents, counts) in segment.all_postings(field):
                postings = [
                    numbers[document] | count
                    for document, count in zip(documents, counts, strict=True)
                    if document in numbers
                ]
                if postings:
                    lists[term.decode("utf-8")].extend(postings)
                    self.gathered += len(postings)

    def finish(self) -> Segment:
        """Write and forget all postings, and close the files, unless that is done."""
        if self._finished is None:
            lists = sorted(self._lists.items())
            segment = self.builder.finish((name, _popped(each)) for name, each in lists)
            if self._has_joints:
                self._joints.finish()
            else:
                self._joints.close()
            self._finished = segment._replace(has_joints=self._has_joints)
            self._lists.clear()
            self.gathered = 0
        return self._finished

    def close(self) -> None:
        """Close the files, of a segment that is not finished as well."""
        if self._finished is None:
            self.builder.close()
            self._joints.close()


def _sources(segment: OpenSegment) -> list[bytes]:
    return segment.facet("source").values


def _new_lists() -> defaultdict[str, array[int]]:
    return defaultdict(partial(array, "Q"))


_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


def _popped(lists: dict[str, array[int]]) -> Iterator[Term]:
    """Remove and yield each term with document numbers and weights, in order of code points."""
    for term in sorted(lists):
        postings = lists.pop(term)
        if len(postings) == 1:  # most terms
            number, counts_of_one = divmod(postings[0], 1 << _NUMBER_SHIFT)
            yield term, (number,), (to_weight(counts_of_one),)
            continue
        # Each 64-bit posting is viewed as two halves of 32 bits: the number and the counts.
        halves = memoryview(postings).cast("B").cast("I")
        numbers, counts = halves[_HIGH::2].tolist(), halves[_LOW::2].tolist()
        yield term, numbers, list(map(to_weight, counts))


class ChangeWriter:
    """Writes the files of one commit; a later change may replace a document of an earlier one.

    The caller locks other writers out, publishes what :meth:`finish` returns, and deletes the
    files that no commit names. Leaving the context closes all of them.
    """

    def __init__(self, folder: Path, max_postings: int = MAX_SEGMENT_POSTINGS) -> None:
        self._folder = folder
        self._max_postings = max_postings
        self._new = [NewSegment(folder)]
        self._articles: dict[str, DocumentAddress] = {}
        self._file_records: dict[str, DocumentAddress] = {}
        self._deleted: set[int] = set()

    def __enter__(self) -> ChangeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for segment in self._new:
            segment.close()

    def apply(self, change: Change, committed: WhooshReader) -> None:
        """Apply one change; ``committed`` is the commit before."""
        match change:
            case PutArticle(document):
                key = document.article_id
                self._delete(self._articles.pop(key, None) or committed.find_article(key))
                signatures = (document.joints, document.left_out_joints)
                self._articles[key] = self.add(*_article_document(document), signatures)
            case DeleteArticle(article_id):
                written = self._articles.pop(article_id, None)
                self._delete(written or committed.find_article(article_id))
            case PutFileRecord(record):
                self._drop_file_record(record.path, committed)
                self._file_records[record.path] = self.add(*_file_record_document(record))
            case DropFileRecord(path):
                self._drop_file_record(path, committed)

    def _drop_file_record(self, path: str, committed: WhooshReader) -> None:
        written = self._file_records.pop(path, None)
        self._delete(written or committed.find_file_record(path))

    def _delete(self, document: DocumentAddress | int | None) -> None:
        match document:
            case (segment, number):
                segment.deleted.add(number)
            case int(number):
                self._deleted.add(number)

    def add(
        self,
        terms: Mapping[str, FieldTerms],
        columns: Mapping[str, Any],
        signatures: Sequence[bytes] = (),
    ) -> DocumentAddress:
        """Add a document: its terms by field, its columns, and signatures by zone."""
        return self._segment_with_room().add(terms, columns, signatures)

    def _segment_with_room(self) -> NewSegment:
        last = self._new[-1]
        if last.gathered > self._max_postings or len(last.sources) >= MAX_FACET_VALUES:
            last.finish()
            self._new.append(NewSegment(self._folder))
        return self._new[-1]

    def finish(self, committed: WhooshReader) -> tuple[dict[str, FileChecksum], list[Segment]]:
        """Write all segments; return the files and the segments of the commit to publish."""
        kept = self._merge_small(committed.segments)
        files: dict[str, FileChecksum] = {}
        segments: list[Segment] = []
        for old, deleted in kept:
            segment = old.description
            if deleted != old.deleted:
                segment = self._write_deleted(segment, deleted, files, committed.commit.number)
            files |= {
                name: committed.commit.files[name] for name in segment.files if name not in files
            }
            segments.append(segment)
        for new in self._new:
            if len(new.deleted) == new.builder.documents:
                continue
            segment = new.finish()
            files |= checksum_segment(self._folder, segment)
            if new.deleted:
                segment = self._write_deleted(segment, new.deleted, files, committed.commit.number)
            segments.append(segment)
        return files, segments

    def _write_deleted(
        self,
        segment: Segment,
        deleted: Iterable[int],
        files: dict[str, FileChecksum],
        last: int,
    ) -> Segment:
        """Write the numbers of deleted documents, and return the segment with their file."""
        path = self._folder / segment.file(f"{last + 1}.del")
        name, checksum = write_file(path, pack_deleted(deleted))
        files[name] = checksum
        return segment._replace(deleted=name)

    def _merge_small(
        self, segments: Iterable[OpenSegment]
    ) -> list[tuple[OpenSegment, frozenset[int]]]:
        """Merge small segments into the new one; return the others with their deleted documents.

        A segment is small if it has no more documents than all smaller ones and the new one
        together. So the number of segments grows with the logarithm of the index's size, and
        so does the number of times that an article is written. Segments of which half is
        deleted are merged as well, if they have not too many sources together.
        """
        new = self._new[-1]
        total = new.builder.documents - len(new.deleted)
        kept = []
        with_deleted = [(each, self._deleted_of(each)) for each in segments]
        for segment, deleted in sorted(with_deleted, key=lambda each: each[0].size - len(each[1])):
            living = segment.size - len(deleted)
            is_small = living <= max(total, ALWAYS_MERGED)
            has_room = new.gathered <= self._max_postings // 2
            if not living:
                continue
            is_wanted = (is_small and has_room) or living <= segment.size // 2
            if is_wanted and len(new.sources.union(_sources(segment))) <= MAX_FACET_VALUES:
                new.merge(segment, deleted)
                total += living
            else:
                kept.append((segment, deleted))
        kept.sort(key=lambda each: each[0].offset)
        return kept

    def _deleted_of(self, segment: OpenSegment) -> frozenset[int]:
        end = segment.offset + segment.size
        now = {n - segment.offset for n in self._deleted if segment.offset <= n < end}
        return segment.deleted | now


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
        (EARLIER_FIELD, document.earlier_terms),
        (CHANGE_FIELD, document.changes),
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
    if document.versions:
        columns[VERSIONS_COLUMN] = document.versions
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
