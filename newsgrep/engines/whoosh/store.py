"""A Whoosh reader as the store that :mod:`newsgrep.engines.evaluate` asks.

Document numbers span segments; what is read once is kept while the reader is open.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from whoosh.codec.whoosh3 import W3Codec, W3LeafMatcher
from whoosh.columns import NumericColumn
from whoosh.index import FileIndex
from whoosh.matching.mcore import Matcher
from whoosh.reading import CorruptIndexError, EmptyReader, IndexReader, ReaderClosed, TermNotFound

from newsgrep.engines.packing import unpack_article, unpack_stamp
from newsgrep.engines.whoosh.bulk import SUMS, checksum
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
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._columns: dict[tuple[int, str], Any] = {}
        self._numbers: dict[str, array[Any]] = {}
        self._everything: set[int] | None = None
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
            numbers, counts = array("L"), array("L")
            for ids, weights in self._blocks(TEXT, term):
                numbers.extend(ids)
                counts.extend(map(int, weights))
            self._postings[term] = numbers, counts
        return self._postings[term]

    def with_caption(self, term: str) -> array[int]:
        return self._numbers_with(CAPTION, term)

    def _numbers_with(self, field: str, term: str | bytes) -> array[int]:
        numbers = array("L")
        for ids, _ in self._blocks(field, term):
            numbers.extend(ids)
        return numbers

    def _blocks(
        self, field: str, term: str | bytes
    ) -> Iterator[tuple[Iterable[int], Iterable[float]]]:
        for segment, offset in self._segments:
            with suppress(TermNotFound):
                for ids, weights in _blocks(segment.postings(field, term)):
                    yield ((number + offset for number in ids) if offset else ids), weights

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
        return self._value("id", document).decode()

    def values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        """Yield the value of facet ``name`` for each of ``documents``."""
        return (self._value(name, document).decode("utf-8") for document in documents)

    def article(self, document: int) -> Article:
        """Return a document's article."""
        return unpack_article(self.folded(document), self._value("article", document))

    def find(self, key: str) -> int | None:
        """Return the living document with this key."""
        # A name that is no valid text is no key, but may be asked for.
        numbers = self._numbers_with(KEY, key.encode("utf-8", "replace"))
        return numbers[0] if numbers else None

    def stamps(self) -> Iterator[Stamp]:
        """Yield the stamps of all living documents and notes."""
        for segment, offset in self._segments:
            for number in segment.all_doc_ids():
                yield unpack_stamp(self._value("stamp", number + offset))

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


def _check_sizes(index: FileIndex) -> None:
    """Raise :class:`CorruptIndexError` for a file that is gone or has another size.

    Done before anything is read: Whoosh takes a missing column for one of default values.
    """
    storage = index.storage
    for segment in index._segments():  # noqa: SLF001  (asked without opening the files)
        for name, (size, _) in getattr(segment, SUMS).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or has another size than it had")


def _blocks(matcher: Matcher) -> Iterator[tuple[Iterable[int], Iterable[float]]]:
    """Yield ids and weights of a term's postings, as many at a time as Whoosh stores together.

    Whoosh's own way is a method call for each posting and value; this is ten times as
    fast. A test compares the two.
    """
    if isinstance(matcher, W3LeafMatcher):
        while matcher.is_active():
            matcher.id(), matcher.weight()  # makes it read the block that it stands on
            ids: Sequence[int] = matcher._ids or ()  # noqa: SLF001  (blocks have no public name)
            yield ids, matcher._weights or ()  # noqa: SLF001  (blocks have no public name)
            matcher._next_block()  # noqa: SLF001  (likewise)
        return
    # Very short postings come as a list, and a segment with deletions puts a filter round.
    while matcher.is_active():
        yield (matcher.id(),), (matcher.weight(),)
        matcher.next()


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
