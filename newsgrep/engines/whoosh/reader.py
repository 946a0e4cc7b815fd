"""A Whoosh index as a :class:`newsgrep.engines.postings_query.PostingsReader`.

Posting lists and columns of numbers are read whole. Document numbers are those of the index:
segments follow one another. What was read is cached while the index is open.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import merge
from itertools import compress, groupby
from typing import Any, Final
from zlib import crc32

from whoosh.filedb.structfile import StructFile
from whoosh.reading import ReaderClosed, SegmentReader, TermNotFound

from newsgrep.analysis.codec import unpack_article, unpack_file_record, unpack_left_out
from newsgrep.analysis.fold import fold
from newsgrep.engines.whoosh.codec import (
    COLUMNS,
    FIELD_BY_NAME_KIND,
    FIELD_BY_PASSAGE_KIND,
    FILE_RECORD,
    KEY_FIELD,
    KIND_FIELD,
    LENGTH_COLUMNS,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
    TEXT_FIELD,
    file_record_key,
    join_blocks,
)
from newsgrep.engines.whoosh.internals import (
    TOC,
    W3Segment,
    read_blocks,
    read_numbers,
    read_references,
)
from newsgrep.engines.whoosh.storage import IndexFolder
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Field, LocationField, NameField

_NO_POSTINGS: Final = (array("L"), array("L"))

MAX_CACHED_POSTINGS: Final = 4_000_000
"""Postings that are cached, of 16 bytes each."""


def open_column(storage: IndexFolder, segment: W3Segment, name: str) -> tuple[StructFile, int]:
    """Return the file of a segment's column, open for reading, and its length in bytes."""
    filename = segment.codec().column_filename(segment, name)
    return storage.open_file(filename), storage.file_length(filename)


class OpenSegment:
    """A segment of an index.

    ``offset`` is the number of its first document in the index; numbers that methods accept and
    return begin with 0 in each segment.
    """

    def __init__(self, storage: IndexFolder, toc: TOC, segment: W3Segment, offset: int) -> None:
        self._reader = SegmentReader(storage, toc.schema, segment, generation=toc.generation)
        self.offset = offset
        self.size: int = segment.doc_count_all()
        self.deleted = frozenset(segment.deleted_docs())
        # Opened before a writer may delete the files. Whoosh would open each when it is needed,
        # and would read default values if the file is gone.
        self._files = {name: open_column(storage, segment, name) for name in COLUMNS}
        self._columns: dict[str, Any] = {}

    def close(self) -> None:
        """Close all files."""
        with suppress(ReaderClosed):
            self._reader.close()
        for file, _ in self._files.values():
            file.close()

    def living(self) -> Iterable[int]:
        """Return the documents that are not deleted."""
        return self._reader.all_doc_ids()

    def lexicon(self, field: str) -> Iterable[bytes]:
        """Return the terms of ``field`` in order."""
        return self._reader.lexicon(field)

    def expand_prefix(self, field: str, prefix: bytes) -> Iterable[bytes]:
        """Return the terms of ``field`` that begin with ``prefix``, in order."""
        return self._reader.expand_prefix(field, prefix)

    def postings(self, field: str, term: str | bytes) -> tuple[array[int], array[int]]:
        """Return the living documents with ``term`` in ``field``, and their packed counts."""
        try:
            numbers, counts = join_blocks(read_blocks(self._reader.postings(field, term)))
        except TermNotFound:
            return _NO_POSTINGS
        if self.deleted:
            is_living = [number not in self.deleted for number in numbers]
            return array("L", compress(numbers, is_living)), array("L", compress(counts, is_living))
        return numbers, counts

    def document_frequency(self, field: str, term: str) -> int:
        """Return how many living documents have ``term`` in ``field``."""
        if self.deleted:  # the frequency that is stored with the term includes them
            return len(self.postings(field, term)[0])
        frequency: int = self._reader.doc_frequency(field, term)
        return frequency

    def column(self, name: str) -> Any:
        """Return a sequence with the value of a column for each document."""
        if name not in self._columns:
            file, length = self._files[name]
            kind: Any = self._reader.schema[name].column_type
            self._columns[name] = kind.reader(file, 0, length, self.size)
        return self._columns[name]

    def numbers(self, name: str) -> array[Any]:
        """Return a column of numbers as an array."""
        numbers = read_numbers(*self._files[name], NUMBER_COLUMNS[name])
        numbers.extend([NUMBER_DEFAULTS.get(name, 0)] * (self.size - len(numbers)))
        return numbers

    def facet_values(self, name: str) -> Iterator[str]:
        """Yield the value of a facet for each document."""
        values, references = read_references(self.column(name))
        texts = [value.decode("utf-8") for value in values]
        return map(texts.__getitem__, references)


class WhooshReader:
    """All segments of one commit; ``commit`` is a number that identifies it."""

    def __init__(self, storage: IndexFolder) -> None:
        self._storage = storage
        self._segments: list[OpenSegment] = []
        try:
            toc = storage.read_toc()  # once, so that everything is from one commit
            offset = 0
            for segment in toc.segments:
                self._segments.append(OpenSegment(storage, toc, segment, offset))
                offset += segment.doc_count_all()
        except BaseException:
            self.close()
            raise
        # After a rollback, a generation's number is used again, but never a segment's name.
        names = "".join(segment.segment_id() for segment in toc.segments)
        self.commit: int = toc.generation << 32 | crc32(names.encode())
        self._offsets = [segment.offset for segment in self._segments]
        self._size = offset
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._cached_postings = 0
        self._numbers: dict[str, array[Any]] = {}
        self._facet_values: dict[str, list[str]] = {}
        self._all_documents: set[int] | None = None
        self._numbers_by_id: dict[str, int] = {}
        self._are_all_ids_known = False
        self._sources: dict[str, list[str]] | None = None

    def __enter__(self) -> WhooshReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        for segment in self._segments:
            segment.close()
        self._storage.close_files()

    def document_count(self) -> int:
        deleted = sum(len(segment.deleted) for segment in self._segments)
        return self._size - deleted - len(self._without_article())

    def all_documents(self) -> set[int]:
        if self._all_documents is None:
            deleted = (n + segment.offset for segment in self._segments for n in segment.deleted)
            self._all_documents = set(range(self._size)).difference(
                self._without_article(), deleted
            )
        return self._all_documents

    def _without_article(self) -> array[int]:
        """Return the documents that are file records only."""
        return self._field_postings(KIND_FIELD, FILE_RECORD)[0]

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        if (cached := self._postings.get(term)) is None:
            cached = self._field_postings(TEXT_FIELD, term)
            self._cached_postings += len(cached[0])
            if self._cached_postings > MAX_CACHED_POSTINGS:  # in a process that runs for hours
                self._postings.clear()
                self._cached_postings = len(cached[0])
            self._postings[term] = cached
        return cached

    def document_frequency(self, term: str) -> int:
        if (cached := self._postings.get(term)) is not None:
            return len(cached[0])
        return sum(segment.document_frequency(TEXT_FIELD, term) for segment in self._segments)

    def passage_documents(self, term: str, field: Field) -> array[int]:
        return self._field_postings(FIELD_BY_PASSAGE_KIND[field], term)[0]

    def _field_postings(self, field: str, term: str | bytes) -> tuple[array[int], array[int]]:
        """Return the living documents with ``term`` in ``field``, and the packed counts."""
        first, *others = self._segments or (None,)
        if first is None:
            return array("L"), array("L")
        numbers, counts = first.postings(field, term)
        for segment in others:
            more_numbers, more_counts = segment.postings(field, term)
            numbers = numbers + array("L", [number + segment.offset for number in more_numbers])
            counts = counts + more_counts
        return numbers, counts

    def all_postings(self, field: str) -> Iterator[tuple[str, array[int], array[int]]]:
        """Yield every term of ``field`` with its living documents and packed counts."""
        for term in self._lexicon(field):
            yield term, *self._field_postings(field, term)

    def names(self, kind: NameField) -> Iterator[tuple[str, array[int]]]:
        for name in self._lexicon(FIELD_BY_NAME_KIND[kind]):
            yield name, self._field_postings(FIELD_BY_NAME_KIND[kind], name)[0]

    def terms(self, prefix: str, field: Field) -> Iterator[str]:
        name = FIELD_BY_PASSAGE_KIND.get(field, TEXT_FIELD)
        start = prefix.encode("utf-8")
        lists = (segment.expand_prefix(name, start) for segment in self._segments)
        for term, _ in groupby(merge(*lists)):
            yield term.decode("utf-8")

    def source_documents(self, term: str) -> Sequence[int]:
        field = FIELD_BY_NAME_KIND[NameField.SOURCE]
        if self._sources is None:
            self._sources = {}
            for name in self._lexicon(field):
                self._sources.setdefault(fold(name), []).append(name)
        names = self._sources.get(term, ())
        return [number for name in names for number in self._field_postings(field, name)[0]]

    def location(self, kind: LocationField, document: int) -> str:
        if kind is LocationField.PATH:
            return self.file_record(document).path
        return self._value("url", document).decode()

    def _lexicon(self, field: str) -> Iterator[str]:
        """Yield every term of ``field`` once.

        Whoosh's own lexicon of several segments expects each segment's fields in order of name,
        and skips terms where they are not, as in indexes of early development versions.
        """
        lexicons = (segment.lexicon(field) for segment in self._segments)
        for term, _ in groupby(merge(*lexicons)):
            yield term.decode("utf-8")

    def publication_days(self) -> tuple[array[int], array[int]]:
        return self._number_column("first_day"), self._number_column("last_day")

    def timestamps(self) -> array[float]:
        return self._number_column("timestamp")

    def field_lengths(self) -> tuple[array[int], array[int], array[int]]:
        title, lead, body = map(self._number_column, LENGTH_COLUMNS)
        return title, lead, body

    def folded_text(self, document: int) -> bytes:
        """Return the packed folded texts of a document."""
        return self._value("folded", document)

    def packed_texts(self, documents: Sequence[int], field: Field) -> Iterator[bytes]:
        name = "left_out_passages" if field is Field.LEFT_OUT else "folded"
        ends = (*self._offsets[1:], None)  # one more than segments if there are none
        for segment, end in zip(self._segments, ends, strict=False):
            first = bisect_left(documents, segment.offset)
            last = len(documents) if end is None else bisect_left(documents, end)
            offset, texts = segment.offset, segment.column(name)
            for document in documents[first:last]:
                yield texts[document - offset]

    def article_id(self, document: int) -> str:
        article_id = self._value("id", document).decode()
        self._numbers_by_id[article_id] = document  # most callers read the article next
        return article_id

    def facet_values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        if name not in self._facet_values:
            self._facet_values[name] = [
                value for segment in self._segments for value in segment.facet_values(name)
            ]
        return map(self._facet_values[name].__getitem__, documents)

    def article(self, document: int) -> Article:
        rest, path = self._value("rest", document), self.file_record(document).path
        article = unpack_article(self.folded_text(document), rest, path)
        return replace(
            article,
            url=self.location(LocationField.URL, document) or None,
            left_out=unpack_left_out(self._value("left_out_passages", document)),
        )

    def find_article(self, article_id: str) -> int | None:
        number = self._numbers_by_id.get(article_id)
        if number is None and not self._are_all_ids_known:
            for document in self.all_documents():
                self.article_id(document)
            self._are_all_ids_known = True
            number = self._numbers_by_id.get(article_id)
        return number

    def find_file_record(self, path: str) -> int | None:
        """Return the living document with the record of a file without an article."""
        numbers, _ = self._field_postings(KEY_FIELD, file_record_key(path))
        return numbers[0] if numbers else None

    def file_record(self, document: int) -> FileRecord:
        """Return the file record that is stored with a document."""
        return unpack_file_record(self._value("file_record", document), self.article_id(document))

    def file_records(self) -> Iterator[FileRecord]:
        """Yield the file records of all living documents."""
        for segment in self._segments:
            records, ids = segment.column("file_record"), segment.column("id")
            for number in segment.living():
                yield unpack_file_record(records[number], ids[number].decode())

    def _value(self, name: str, document: int) -> bytes:
        segment = self._segments[bisect_right(self._offsets, document) - 1]
        value: bytes = segment.column(name)[document - segment.offset]
        return value

    def _number_column(self, name: str) -> array[Any]:
        if name not in self._numbers:
            numbers: array[Any] = array(NUMBER_COLUMNS[name])
            for segment in self._segments:
                numbers.extend(segment.numbers(name))
            self._numbers[name] = numbers
        return self._numbers[name]
