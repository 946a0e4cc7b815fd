"""A Whoosh index as the store that :mod:`newsgrep.engines.evaluate` asks.

Document numbers span segments; what is read once is kept while the index is open.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import merge
from itertools import groupby
from typing import Any, Final
from zlib import crc32

from whoosh.index import FileIndex
from whoosh.reading import EmptyReader, IndexReader, ReaderClosed

from newsgrep.engines.packing import unpack_article, unpack_stamp
from newsgrep.engines.whoosh.schema import (
    CAPTION,
    KEY,
    KIND,
    LENGTHS,
    NAMES,
    NOTE,
    NUMBERS,
    TEXT,
    note_key,
)
from newsgrep.engines.whoosh.segment import Segment
from newsgrep.engines.whoosh.storage import Folder
from newsgrep.models import Article, Stamp
from newsgrep.query.tree import Address, Field, Name
from newsgrep.text.fold import fold

MOST_KEPT: Final = 4_000_000
"""Postings that are kept for the next question, of 16 bytes each."""


class Store:
    """A Whoosh reader as :class:`newsgrep.engines.evaluate.Store`, with a folder of its own."""

    def __init__(self, storage: Folder) -> None:
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
        self._segments = [Segment(reader, offset) for reader, offset in readers]

    def __enter__(self) -> Store:
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
        return self._list(KIND, NOTE)[0]

    def _dead(self) -> list[int]:
        return [n + segment.offset for segment in self._segments for n in segment.dead]

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        if (known := self._postings.get(term)) is None:
            known = self._list(TEXT, term)
            self._kept += len(known[0])
            if self._kept > MOST_KEPT:  # of many questions, which may go on for hours
                self._postings.clear()
                self._kept = len(known[0])
            self._postings[term] = known
        return known

    def frequency(self, term: str) -> int:
        if (known := self._postings.get(term)) is not None:
            return len(known[0])
        return sum(segment.frequency(TEXT, term) for segment in self._segments)

    def with_caption(self, term: str) -> array[int]:
        return self._list(CAPTION, term)[0]

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
        """Yield every term of a field with what :meth:`_list` says of it."""
        for term in self._lexicon(field):
            yield term, *self._list(field, term)

    def names(self, kind: Name) -> Iterator[tuple[str, array[int]]]:
        for name in self._lexicon(NAMES[kind]):
            yield name, self._list(NAMES[kind], name)[0]

    def terms(self, prefix: str, field: Field) -> Iterator[str]:
        name = CAPTION if field is Field.CAPTION else TEXT
        start = prefix.encode("utf-8")
        lists = (segment.reader.expand_prefix(name, start) for segment in self._segments)
        for term, _ in groupby(merge(*lists)):
            yield term.decode("utf-8")

    def called(self, word: str) -> Sequence[int]:
        if self._sources is None:
            self._sources = {}
            for name in self._lexicon(NAMES[Name.SOURCE]):
                self._sources.setdefault(fold(name), []).append(name)
        names = self._sources.get(word, ())
        return [d for name in names for d in self._list(NAMES[Name.SOURCE], name)[0]]

    def address(self, kind: Address, document: int) -> str:
        if kind is Address.PATH:
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
        title, lead, body = map(self._number_column, LENGTHS)
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
        return replace(article, url=self.address(Address.URL, document) or None)

    def find(self, article_id: str) -> int | None:
        """Return the living document with this article."""
        if (number := self._found.get(article_id)) is None:
            if self._by_id is None:
                self._by_id = {self.identifier(number): number for number in self.everything()}
            number = self._by_id.get(article_id)
        return number

    def find_note(self, path: str) -> int | None:
        """Return the living document with the note on this path."""
        numbers, _ = self._list(KEY, note_key(path))
        return numbers[0] if numbers else None

    def stamp(self, document: int) -> Stamp:
        """Return the stamp of a document or note."""
        return unpack_stamp(self._value("stamp", document), self.identifier(document))

    def stamps(self) -> Iterator[Stamp]:
        """Yield the stamps of all living documents and notes."""
        for segment in self._segments:
            stamps, ids = segment.column("stamp"), segment.column("id")
            for number in segment.living():
                yield unpack_stamp(stamps[number], ids[number].decode())

    def _value(self, name: str, document: int) -> bytes:
        segment = self._segments[bisect_right(self._offsets, document) - 1]
        value: bytes = segment.column(name)[document - segment.offset]
        return value

    def _number_column(self, name: str) -> array[Any]:
        if name not in self._numbers:
            numbers: array[Any] = array(NUMBERS[name])
            for segment in self._segments:
                numbers.extend(segment.numbers(name))
            self._numbers[name] = numbers
        return self._numbers[name]
