"""A Whoosh reader as the store that :mod:`newsgrep.engines.evaluate` asks.

Document numbers span segments; what is read once is kept while the reader is open.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import compress
from typing import Any, Final

from whoosh.codec.whoosh3 import W3Codec
from whoosh.columns import NumericColumn
from whoosh.index import FileIndex
from whoosh.reading import CorruptIndexError, EmptyReader, IndexReader, ReaderClosed, TermNotFound

from newsgrep.engines.packing import unpack_article, unpack_stamp
from newsgrep.engines.whoosh.bulk import SUMS, checksum
from newsgrep.engines.whoosh.postings import blocks, joined
from newsgrep.engines.whoosh.schema import (
    ARTICLE,
    CAPTION,
    DEFAULTS,
    FACETS,
    KEY,
    KIND,
    LENGTHS,
    NUMBERS,
    SOURCE_NAME,
    TEXT,
    note_key,
)
from newsgrep.models import Article, Stamp

# Numbers and names have no check of their own, as compressed texts have.
_CHECKED: Final = frozenset(("id", *FACETS))


class Store:
    """A Whoosh reader as :class:`newsgrep.engines.evaluate.Store`; numbers span segments."""

    def __init__(self, index: FileIndex) -> None:
        self._storage: Any = index.storage  # a FileStorage, which its type does not say
        _check_sizes(index)
        self._reader: IndexReader = index.reader()
        self._segments: list[tuple[IndexReader, int]] = (
            []
            if isinstance(self._reader, EmptyReader)  # it claims to be a segment
            else list(self._reader.leaf_readers())
        )
        self._dead = {offset: _deleted(segment) for segment, offset in self._segments}
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._columns: dict[tuple[int, str], Any] = {}
        self._numbers: dict[str, array[Any]] = {}
        self._everything: set[int] | None = None
        self._found: dict[str, int] = {}
        self._by_id: dict[str, int] | None = None
        self._averages: tuple[float, float, float] | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the reader's files."""
        with suppress(ReaderClosed):
            self._reader.close()

    def everything(self) -> set[int]:
        if self._everything is None:
            self._everything = set(self._numbers_with(KIND, ARTICLE))
        return self._everything

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        if term not in self._postings:
            self._postings[term] = self._list(TEXT, term)
        return self._postings[term]

    def with_caption(self, term: str) -> array[int]:
        return self._numbers_with(CAPTION, term)

    def _numbers_with(self, field: str, term: str | bytes) -> array[int]:
        return self._list(field, term)[0]

    def _list(self, field: str, term: str | bytes) -> tuple[array[int], array[int]]:
        """Return the living documents with ``term`` in ``field``, and the packed counts."""
        numbers, counts = array("L"), array("L")
        for segment, offset in self._segments:
            with suppress(TermNotFound):
                found, told = joined(blocks(segment.postings(field, term)))
                if dead := self._dead[offset]:
                    lives = [number not in dead for number in found]
                    found, told = (
                        array("L", compress(found, lives)),
                        array("L", compress(told, lives)),
                    )
                numbers.extend([number + offset for number in found] if offset else found)
                counts.extend(told)
        return numbers, counts

    def sources(self) -> Iterator[tuple[str, array[int]]]:
        names: Iterable[bytes] = self._reader.lexicon(SOURCE_NAME) if self._segments else ()
        for name in names:
            text = name.decode("utf-8")
            yield text, self._numbers_with(SOURCE_NAME, text)

    def days(self) -> tuple[array[int], array[int]]:
        return self._number_column("first_day"), self._number_column("last_day")

    def moments(self) -> array[float]:
        return self._number_column("moment")

    def lengths(self) -> tuple[array[int], array[int], array[int]]:
        title, lead, body = map(self._number_column, LENGTHS)
        return title, lead, body

    def average_lengths(self) -> tuple[float, float, float]:
        if self._averages is None:
            living = self.everything()
            title, lead, body = (
                sum(column[number] for number in living) / len(living) if living else 0.0
                for column in self.lengths()
            )
            self._averages = title, lead, body
        return self._averages

    def folded(self, document: int) -> bytes:
        return self._value("folded", document)

    def identifier(self, document: int) -> str:
        article_id = self._value("id", document).decode()
        self._found[article_id] = document  # it will be asked for
        return article_id

    def values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        """Yield the value of facet ``name`` for each of ``documents``."""
        return (self._value(name, document).decode("utf-8") for document in documents)

    def article(self, document: int) -> Article:
        """Return a document's article."""
        rest = self._value("rest", document)
        return unpack_article(self.folded(document), rest, self.stamp(document).path)

    def find(self, article_id: str) -> int | None:
        """Return the living document with this article."""
        if (number := self._found.get(article_id)) is None:
            if self._by_id is None:
                self._by_id = {self.identifier(number): number for number in self.everything()}
            number = self._by_id.get(article_id)
        return number

    def find_note(self, path: str) -> int | None:
        """Return the living document with the note on this path."""
        numbers = self._numbers_with(KEY, note_key(path))
        return numbers[0] if numbers else None

    def stamp(self, document: int) -> Stamp:
        """Return the stamp of a document or note."""
        return unpack_stamp(self._value("stamp", document), self.identifier(document))

    def stamps(self) -> Iterator[Stamp]:
        """Yield the stamps of all living documents and notes."""
        for segment, offset in self._segments:
            for number in segment.all_doc_ids():
                yield self.stamp(number + offset)

    def _value(self, name: str, document: int) -> bytes:
        segment, offset = next(
            (segment, offset) for segment, offset in reversed(self._segments) if offset <= document
        )
        if (offset, name) not in self._columns:
            if name in _CHECKED:
                self._check_column(segment, name)
            self._columns[offset, name] = segment.column_reader(name, translate=False)
        value: bytes = self._columns[offset, name][document - offset]
        return value

    def _check_column(self, segment: IndexReader, name: str) -> None:
        """Raise :class:`CorruptIndexError` if a column that is read whole has changed."""
        file = W3Codec.column_filename(segment.segment(), name)
        if checksum(self._storage, file) != getattr(segment.segment(), SUMS)[file][1]:
            raise CorruptIndexError(f"{file} has other bytes than it had")

    def _number_column(self, name: str) -> array[Any]:
        if name not in self._numbers:
            numbers: array[Any] = array(NUMBERS[name])
            for segment, _ in self._segments:
                self._check_column(segment, name)
                numbers.extend(_numbers_of(segment, name))
            self._numbers[name] = numbers
        return self._numbers[name]


def _deleted(reader: IndexReader) -> frozenset[int]:
    segment = reader.segment()
    return frozenset(segment.deleted_docs() if segment else ())


def _check_sizes(index: FileIndex) -> None:
    """Raise :class:`CorruptIndexError` for a file that is gone or has another size.

    Done before anything is read: Whoosh takes a missing column for one of default values.
    """
    storage = index.storage
    for segment in index._segments():  # noqa: SLF001  (asked without opening the files)
        for name, (size, _) in getattr(segment, SUMS).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or has another size than it had")


def _numbers_of(segment: IndexReader, name: str) -> array[Any]:
    """Return a segment's number column as an array, one value for each document."""
    code, default = NUMBERS[name], DEFAULTS.get(name, 0)
    count = segment.doc_count_all()
    numbers: array[Any] = array(code)
    column = segment.column_reader(name, translate=False)
    if isinstance(column, NumericColumn.Reader):
        # Big-endian on disk; documents at the end without a value are not there.
        size = numbers.itemsize
        numbers.frombytes(column._dbfile.get(column._basepos, column._count * size))  # noqa: SLF001  (read at once: 40 times as fast as one by one)
        if sys.byteorder == "little":
            numbers.byteswap()
    numbers.extend([default] * (count - len(numbers)))
    return numbers
