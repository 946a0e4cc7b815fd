"""One Whoosh segment read in large pieces: whole posting lists, whole columns of numbers.

Document numbers are the segment's own, from 0; what is read once is kept while it is open.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Any, Final, cast

from whoosh.codec.whoosh3 import W3Segment
from whoosh.columns import NumericColumn
from whoosh.reading import IndexReader, SegmentReader, TermNotFound

from newsgrep.engines.whoosh.postings import blocks, joined
from newsgrep.engines.whoosh.schema import COLUMNS, DEFAULTS, NUMBERS

_NOTHING: Final = (array("L"), array("L"))


class Segment:
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
            numbers, counts = joined(blocks(self.reader.postings(field, term)))
        except TermNotFound:
            return _NOTHING
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
        code = NUMBERS[name]
        numbers: array[Any] = array(code)
        column = self.column(name)
        if isinstance(column, NumericColumn.Reader):
            # Big-endian on disk; documents at the end without a value are not there.
            size = numbers.itemsize
            numbers.frombytes(column._dbfile.get(column._basepos, column._count * size))  # noqa: SLF001  (read at once: 40 times as fast as one by one)
            if sys.byteorder == "little":
                numbers.byteswap()
        numbers.extend([DEFAULTS.get(name, 0)] * (self.reader.doc_count_all() - len(numbers)))
        return numbers

    def values(self, name: str) -> Iterator[str]:
        """Yield the value of a facet for each document."""
        column = self.column(name)
        texts = [value.decode("utf-8") for value in column._uniques]  # noqa: SLF001  (what the column refers to)
        refs = column._dbfile.get_array(column._basepos, column._typecode, column._doccount)  # noqa: SLF001  (read at once)
        return map(texts.__getitem__, refs)
