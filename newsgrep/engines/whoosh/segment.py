"""The files of a segment, read without trusting what they contain.

Whoosh writes the files of a segment. Its own readers trust every size and position in them, and
load pickles, which can run code. Here each number is compared with the size of the file before it
is used, so that a file that somebody has made up costs no more memory and time than another one of
its size, and pickled tuples of numbers are parsed (:class:`.postings.PickledNumbers`).

==============  ===============================================================================
``ID.trm``      the terms, each with its postings, or where they are (:class:`TermFile`)
``ID.pst``      the postings of terms that have many of them, in blocks
``ID.NAME.col`` a column, in the layout of its type
==============  ===============================================================================

All numbers are big-endian. :mod:`newsgrep.engines.whoosh.postings` reads what a row says.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from struct import Struct
from typing import Any, Final

from newsgrep.engines.whoosh.storage import CheckedFile, CorruptFile, Segment
from newsgrep.messages import message

try:
    # As in random.py: hashlib loads OpenSSL, which takes 3 ms.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:  # a Python that was built without it
    from hashlib import md5

ITEM_BYTES: Final = {"B": 1, "H": 2, "i": 4, "I": 4, "Q": 8, "d": 8}
"""Type codes of arrays in files, as in :mod:`array`, with the size of an item."""

_COUNT_CODES: Final = {"B": "B", "H": "H", "i": "I", "I": "I"}
"""Whoosh's type codes of lengths and positions in a column; none is negative."""


def read_array(file: CheckedFile, position: int, code: str, count: int) -> array[Any]:
    """Return ``count`` numbers with the type ``code`` that begin at byte ``position``."""
    return to_array(code, file.get(position, count * ITEM_BYTES[code]))


def to_array(code: str, data: bytes) -> array[Any]:
    """Return big-endian numbers as an array."""
    numbers: array[Any] = array(code)
    numbers.frombytes(data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


# Columns -------------------------------------------------------------------------------------


def read_numbers(file: CheckedFile, code: str, documents: int, default: float) -> array[Any]:
    """Return a column of numbers, one for each document.

    Documents at the end that have the ``default`` value are not in the file.
    """
    count, rest = divmod(file.size, ITEM_BYTES[code])
    if rest or count > documents:
        raise CorruptFile(message("{name} does not have the size of a column", name=file.name))
    numbers = read_array(file, 0, code, count)
    numbers.extend([default] * (documents - count))
    return numbers


def _count_code(code: str, file: CheckedFile) -> str:
    if code not in _COUNT_CODES:
        raise CorruptFile(message("{name} contains an unknown type of numbers", name=file.name))
    return _COUNT_CODES[code]


_LARGEST_GAP: Final = 2048
_READ_TOGETHER: Final = 1 << 17
"""Bytes between two values that are read together, and of values that are."""


class BytesColumn:
    """A column of byte strings: the values, their lengths, and in large columns their positions."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        end = file.size - 1
        code = chr(file.get(end, 1)[0])
        starts: array[int] | None = None
        if code == "X":
            code, starts_code = map(chr, file.get(end - 2, 2))
            end -= 2 + documents * ITEM_BYTES[_count_code(starts_code, file)]
            starts = read_array(file, end, _count_code(starts_code, file), documents)
        code = _count_code(code, file)
        end -= documents * ITEM_BYTES[code]
        self._lengths = read_array(file, end, code, documents)
        if starts is None:
            starts = array("Q", accumulate(self._lengths, initial=0))
        self._starts = starts
        self._file = file

    def __getitem__(self, document: int) -> bytes:
        return self._file.get(self._starts[document], self._lengths[document])

    def values(self, documents: Iterable[int]) -> Iterator[bytes]:
        """Yield the values of ``documents``, which ascend.

        Raises :class:`CorruptFile` for values that overlap: all of them together could be many
        times as large as the file.
        """
        starts, lengths, read = self._starts, self._lengths, self._file.get
        run: list[tuple[int, int]] = []  # values that are read together, as neighbours mostly are
        first = end = 0
        for document in documents:
            start = starts[document]
            if start < end:
                raise CorruptFile(
                    message("{name} contains values that overlap", name=self._file.name)
                )
            if run and (start - end > _LARGEST_GAP or end - first > _READ_TOGETHER):
                data = read(first, end - first)
                yield from [data[low:high] for low, high in run]
                run = []
            if not run:
                first = start
            end = start + lengths[document]
            run.append((start - first, end - first))
        if run:
            data = read(first, end - first)
            yield from [data[low:high] for low, high in run]


class ReferenceColumn:
    """A column of few distinct values: ``references[document]`` is an index of ``values``."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        code = _count_code(chr(file.get(file.size - 1, 1)[0]), file)
        self.references: Sequence[int] = read_array(file, 0, code, documents)
        start = documents * ITEM_BYTES[code]
        self.values = list(_parse_values(file.get(start, file.size - 1 - start), file.name))


def _parse_values(data: bytes, name: str) -> Iterator[bytes]:
    """Yield the values in ``data``: their number, then each with its length."""
    count, at = parse_number(data, 0)
    for _ in range(count):
        length, at = parse_number(data, at)
        if length > len(data) - at:
            raise CorruptFile(message("{name} is cut off", name=name))
        yield data[at : at + length]
        at += length


_MAX_SHIFT: Final = 63


def parse_number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number of variable length at ``at``, lowest seven bits first, and its end."""
    number = shift = 0
    while data[at] & 0x80 and shift < _MAX_SHIFT:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number | data[at] << shift, at + 1


# Terms ---------------------------------------------------------------------------------------

_MAGIC: Final = b"HSH3"
_FIELD_NUMBER: Final = Struct(">H")
_ROW_LENGTHS: Final = Struct(">ii")
_SLOT: Final = Struct(">Iq")
_TABLE: Final = Struct(">qi")
_TABLES: Final = 256
_END: Final = Struct(">i")
_READ_AHEAD: Final = 16_384


class TermFile:
    """The terms of a segment: a row of bytes for each pair of a field and a term.

    Rows are in the order of field and term. After them come the hash tables, their directory, a
    pickle, which is not read, the positions of all rows, and the length of the last two. What the
    pickle contains is also in the commit file: see :class:`.storage.Segment`.
    """

    def __init__(self, file: CheckedFile, segment: Segment) -> None:
        self._file = file
        self._numbers = {name: number for number, name in enumerate(segment.fields)}
        self._code, self._count = segment.position_code, segment.terms
        end = file.size - _END.size
        (length,) = _END.unpack(file.get(end, _END.size))
        self._positions = end - self._count * ITEM_BYTES[self._code]
        self._directory = end - length - _TABLES * _TABLE.size
        self._end_of_rows = self._table(0)[0]
        if file.get(0, len(_MAGIC)) != _MAGIC or not (
            0 <= self._end_of_rows <= self._directory <= self._positions <= end
        ):
            raise CorruptFile(message("{name} is not a table of terms", name=file.name))

    @property
    def fields(self) -> Iterable[str]:
        """Return the names of the fields that have terms."""
        return self._numbers

    def find(self, field: str, term: bytes) -> bytes | None:
        """Return the row of ``term`` in ``field``, ``None`` if there is none."""
        number = self._numbers.get(field)
        if number is None:
            return None
        key = _FIELD_NUMBER.pack(number) + term
        hashed = int.from_bytes(md5(key, usedforsecurity=False).digest()[-4:], "big")
        start, slots = self._table(hashed % _TABLES)
        get = self._file.get
        first = (hashed >> 8) % slots if slots > 0 else 0
        for slot in range(first, first + slots):
            found, position = _SLOT.unpack(get(start + slot % slots * _SLOT.size, _SLOT.size))
            if not position:
                return None
            if found == hashed:
                key_length, length = _ROW_LENGTHS.unpack(get(position, _ROW_LENGTHS.size))
                at = position + _ROW_LENGTHS.size
                if key_length == len(key) and get(at, key_length) == key:
                    return get(at + key_length, length)
        return None

    def _table(self, number: int) -> tuple[int, int]:
        position = self._directory + number * _TABLE.size
        start, slots = _TABLE.unpack(self._file.get(position, _TABLE.size))
        return start, slots

    def rows(self, field: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the terms of ``field`` that begin with ``prefix``, in order, with their rows."""
        number = self._numbers.get(field)
        if number is None:
            return
        start = _FIELD_NUMBER.pack(number) + prefix
        first = bisect_left(range(self._count), start, key=self._key)
        if first == self._count:
            return
        for key, row in self._rows_from(self._position(first)):
            if not key.startswith(start):
                return
            yield key[_FIELD_NUMBER.size :], row

    def _key(self, number: int) -> bytes:
        position = self._position(number)
        length, _ = _ROW_LENGTHS.unpack(self._file.get(position, _ROW_LENGTHS.size))
        return self._file.get(position + _ROW_LENGTHS.size, length)

    def _position(self, number: int) -> int:
        at = self._positions + number * ITEM_BYTES[self._code]
        position: int = read_array(self._file, at, self._code, 1)[0]
        return position

    def _rows_from(self, position: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and rows from a position, which are read in pieces of some pages."""
        data, start, end, head = b"", position, self._end_of_rows, _ROW_LENGTHS.size
        while position < end:
            at = position - start
            if len(data) - at < head:
                data, start, at = self._ahead(position, head), position, 0
            key_length, length = _ROW_LENGTHS.unpack_from(data, at)
            size = head + key_length + length
            if key_length < 0 or length < 0 or size > end - position:
                raise CorruptFile(message("{name} contains a wrong length", name=self._file.name))
            if len(data) - at < size:
                data, start, at = self._ahead(position, size), position, 0
            row_at = at + head + key_length
            yield data[at + head : row_at], data[row_at : at + size]
            position += size

    def _ahead(self, position: int, least: int) -> bytes:
        most = self._end_of_rows - position
        return self._file.get(position, min(max(_READ_AHEAD, least), most))
