"""One Whoosh segment read in large pieces: whole posting lists, whole columns of numbers.

Document numbers are the segment's own, from 0; what is read once is kept while it is open.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import merge
from itertools import compress, groupby
from typing import Any, Final, cast
from zlib import crc32

from whoosh.codec.whoosh3 import W3Segment
from whoosh.columns import NumericColumn
from whoosh.index import FileIndex
from whoosh.reading import EmptyReader, IndexReader, ReaderClosed, SegmentReader, TermNotFound

from newsgrep.analysis.codec import unpack_article, unpack_file_record
from newsgrep.analysis.fold import fold
from newsgrep.engines.whoosh.codec import (
    CAPTION_FIELD,
    COLUMNS,
    FILE_RECORD,
    KEY_FIELD,
    KIND_FIELD,
    LENGTH_COLUMNS,
    NAME_FIELDS,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
    TEXT_FIELD,
    file_record_key,
    join_blocks,
    read_blocks,
)
from newsgrep.engines.whoosh.storage import IndexFolder
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Field, LocationField, NameField

_NO_POSTINGS: Final = (array("L"), array("L"))


class OpenSegment:
    """A segment of a reader.

    ``offset`` is the number of its first document in the index, ``dead`` has the deleted.
    """

    def __init__(self, reader: IndexReader, offset: int) -> None:
        self.reader = reader
        self.offset = offset
        self._information = cast("W3Segment", reader.segment())
        # Opened before a writer may delete them; Whoosh would open each when it is asked for.
        self._documents = cast("SegmentReader", reader)._perdoc  # noqa: SLF001  (columns have no public name)
        self._files = self._documents._colfiles  # noqa: SLF001  (likewise)
        for name in COLUMNS:
            self._files[name] = self._documents._get_column_file(name)  # noqa: SLF001  (likewise)
        self.dead = frozenset(self._information.deleted_docs())
        self._columns: dict[str, Any] = {}

    def living(self) -> Iterable[int]:
        """Return the documents that are not deleted."""
        return self.reader.all_doc_ids()

    def postings(self, field: str, term: str | bytes) -> tuple[array[int], array[int]]:
        """Return the living documents with ``term`` in ``field``, and their packed counts."""
        try:
            numbers, counts = join_blocks(read_blocks(self.reader.postings(field, term)))
        except TermNotFound:
            return _NO_POSTINGS
        if self.dead:
            lives = [number not in self.dead for number in numbers]
            return array("L", compress(numbers, lives)), array("L", compress(counts, lives))
        return numbers, counts

    def frequency(self, field: str, term: str) -> int:
        """Return how many living documents have ``term`` in ``field``."""
        if self.dead:  # what is kept with the term counts them
            return len(self.postings(field, term)[0])
        frequency: int = self.reader.doc_frequency(field, term)
        return frequency

    def column(self, name: str) -> Any:
        """Return a column, whose values are had by document number."""
        if name not in self._columns:
            # Whoosh's own way would look for the file first, and take a column whose file
            # a writer has deleted meanwhile for one of default values.
            kind = self.reader.schema[name].column_type
            self._columns[name] = self._documents.column_reader(name, kind)
        return self._columns[name]

    def numbers(self, name: str) -> array[Any]:
        """Return a column of numbers as an array, one value for each document."""
        code = NUMBER_COLUMNS[name]
        numbers: array[Any] = array(code)
        column = self.column(name)
        if isinstance(column, NumericColumn.Reader):
            # Big-endian on disk; documents at the end without a value are not there.
            size = numbers.itemsize
            numbers.frombytes(column._dbfile.get(column._basepos, column._count * size))  # noqa: SLF001  (read at once: 40 times as fast as one by one)
            if sys.byteorder == "little":
                numbers.byteswap()
        numbers.extend(
            [NUMBER_DEFAULTS.get(name, 0)] * (self.reader.doc_count_all() - len(numbers))
        )
        return numbers

    def values(self, name: str) -> Iterator[str]:
        """Yield the value of a facet for each document."""
        column = self.column(name)
        texts = [value.decode("utf-8") for value in column._uniques]  # noqa: SLF001  (what the column refers to)
        refs = column._dbfile.get_array(column._basepos, column._typecode, column._doccount)  # noqa: SLF001  (read at once)
        return map(texts.__getitem__, refs)


MAX_CACHED_POSTINGS: Final = 4_000_000
"""Postings that are kept for the next question, of 16 bytes each."""


class WhooshReader:
    """A Whoosh reader as a :class:`newsgrep.engines.postings_query.PostingsReader`."""

    def __init__(self, storage: IndexFolder) -> None:
        self._storage = storage
        try:
            self._open()
        except BaseException:
            storage.let_go()
            raise
        self._offsets = [segment.offset for segment in self._segments]
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._kept = 0
        self._numbers: dict[str, array[Any]] = {}
        self._values: dict[str, list[str]] = {}
        self._everything: set[int] | None = None
        self._found: dict[str, int] = {}
        self._by_id: dict[str, int] | None = None
        self._sources: dict[str, list[str]] | None = None

    def _open(self) -> None:
        # Read once, so that all that follows is of one commit.
        contents = self._storage.contents()
        # After going back, a generation's number is given again, but never a segment's name.
        names = "".join(segment.segment_id() for segment in contents.segments)
        self.commit: int = contents.generation << 32 | crc32(names.encode())
        self._reader: IndexReader = FileIndex._reader(  # noqa: SLF001  (with contents that are read)
            self._storage, contents.schema, contents.segments, contents.generation
        )
        readers = (
            []
            if isinstance(self._reader, EmptyReader)  # it claims to be a segment
            else self._reader.leaf_readers()
        )
        self._segments = [OpenSegment(reader, offset) for reader, offset in readers]

    def __enter__(self) -> WhooshReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the reader's files."""
        with suppress(ReaderClosed):
            self._reader.close()
        self._storage.let_go()

    def count(self) -> int:
        return self._reader.doc_count() - len(self._notes())

    def everything(self) -> set[int]:
        if self._everything is None:
            self._everything = set(range(self._reader.doc_count_all())).difference(
                self._notes(), self._dead()
            )
        return self._everything

    def _notes(self) -> array[int]:
        return self._list(KIND_FIELD, FILE_RECORD)[0]

    def _dead(self) -> list[int]:
        return [n + segment.offset for segment in self._segments for n in segment.dead]

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        if (known := self._postings.get(term)) is None:
            known = self._list(TEXT_FIELD, term)
            self._kept += len(known[0])
            if self._kept > MAX_CACHED_POSTINGS:  # of many questions, which may go on for hours
                self._postings.clear()
                self._kept = len(known[0])
            self._postings[term] = known
        return known

    def frequency(self, term: str) -> int:
        if (known := self._postings.get(term)) is not None:
            return len(known[0])
        return sum(segment.frequency(TEXT_FIELD, term) for segment in self._segments)

    def with_caption(self, term: str) -> array[int]:
        return self._list(CAPTION_FIELD, term)[0]

    def _list(self, field: str, term: str | bytes) -> tuple[array[int], array[int]]:
        """Return the living documents with ``term`` in ``field``, and the packed counts."""
        first, *others = self._segments or (None,)
        if first is None:
            return array("L"), array("L")
        numbers, counts = first.postings(field, term)
        for segment in others:
            more, told = segment.postings(field, term)
            numbers = numbers + array("L", [number + segment.offset for number in more])
            counts = counts + told
        return numbers, counts

    def all_postings(self, field: str) -> Iterator[tuple[str, array[int], array[int]]]:
        """Yield every term of a field with what :meth:`_print_listed` says of it."""
        for term in self._lexicon(field):
            yield term, *self._list(field, term)

    def names(self, kind: NameField) -> Iterator[tuple[str, array[int]]]:
        for name in self._lexicon(NAME_FIELDS[kind]):
            yield name, self._list(NAME_FIELDS[kind], name)[0]

    def terms(self, prefix: str, field: Field) -> Iterator[str]:
        name = CAPTION_FIELD if field is Field.CAPTION else TEXT_FIELD
        start = prefix.encode("utf-8")
        lists = (segment.reader.expand_prefix(name, start) for segment in self._segments)
        for term, _ in groupby(merge(*lists)):
            yield term.decode("utf-8")

    def called(self, word: str) -> Sequence[int]:
        if self._sources is None:
            self._sources = {}
            for name in self._lexicon(NAME_FIELDS[NameField.SOURCE]):
                self._sources.setdefault(fold(name), []).append(name)
        names = self._sources.get(word, ())
        return [d for name in names for d in self._list(NAME_FIELDS[NameField.SOURCE], name)[0]]

    def address(self, kind: LocationField, document: int) -> str:
        if kind is LocationField.PATH:
            return self.stamp(document).path
        return self._value("url", document).decode()

    def _lexicon(self, field: str) -> Iterator[str]:
        """Yield every term of a field once.

        Whoosh's own way over several segments takes it that their fields are in the order of
        names, and forgets terms where they are not, as in what newsgrep has written before.
        """
        lexicons = (segment.reader.lexicon(field) for segment in self._segments)
        for term, _ in groupby(merge(*lexicons)):
            yield term.decode("utf-8")

    def days(self) -> tuple[array[int], array[int]]:
        return self._number_column("first_day"), self._number_column("last_day")

    def moments(self) -> array[float]:
        return self._number_column("moment")

    def lengths(self) -> tuple[array[int], array[int], array[int]]:
        title, lead, body = map(self._number_column, LENGTH_COLUMNS)
        return title, lead, body

    def folded(self, document: int) -> bytes:
        return self._value("folded", document)

    def folded_texts(self, documents: Sequence[int]) -> Iterator[bytes]:
        ends = (*self._offsets[1:], None)  # there may be no segment at all
        for segment, end in zip(self._segments, ends, strict=False):
            first = bisect_left(documents, segment.offset)
            last = len(documents) if end is None else bisect_left(documents, end)
            offset, texts = segment.offset, segment.column("folded")
            for document in documents[first:last]:
                yield texts[document - offset]

    def identifier(self, document: int) -> str:
        article_id = self._value("id", document).decode()
        self._found[article_id] = document  # it will be asked for
        return article_id

    def values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        """Return the value of facet ``name`` for each of ``documents``."""
        if name not in self._values:
            self._values[name] = [
                value for segment in self._segments for value in segment.values(name)
            ]
        return map(self._values[name].__getitem__, documents)

    def article(self, document: int) -> Article:
        """Return a document's article."""
        rest = self._value("rest", document)
        article = unpack_article(self.folded(document), rest, self.stamp(document).path)
        return replace(article, url=self.address(LocationField.URL, document) or None)

    def find(self, article_id: str) -> int | None:
        """Return the living document with this article."""
        if (number := self._found.get(article_id)) is None:
            if self._by_id is None:
                self._by_id = {self.identifier(number): number for number in self.everything()}
            number = self._by_id.get(article_id)
        return number

    def find_note(self, path: str) -> int | None:
        """Return the living document with the note on this path."""
        numbers, _ = self._list(KEY_FIELD, file_record_key(path))
        return numbers[0] if numbers else None

    def stamp(self, document: int) -> FileRecord:
        """Return the stamp of a document or note."""
        return unpack_file_record(self._value("stamp", document), self.identifier(document))

    def stamps(self) -> Iterator[FileRecord]:
        """Yield the stamps of all living documents and notes."""
        for segment in self._segments:
            stamps, ids = segment.column("stamp"), segment.column("id")
            for number in segment.living():
                yield unpack_file_record(stamps[number], ids[number].decode())

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
