"""The files of a segment, read without trusting what they contain.

Whoosh writes the columns, and trusts every size and position in them. Here each number in a file is
compared with the size of the file before it is used, so that a file that somebody has made up costs
no more memory and time than another one of its size. Nothing in a segment is a pickle.

==============  ===============================================================================
``ID.trm``      the terms, each with its postings, or where they are (:class:`TermFile`)
``ID.pst``      the postings of terms that have many of them, in blocks
``ID.NAME.col`` a column, in the layout of Whoosh's column type
==============  ===============================================================================

All numbers are big-endian.
"""

from __future__ import annotations

import json
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import decompressobj

from newsgrep.analysis.scoring import FieldCounts, pack_counts, unpack_counts
from newsgrep.engines.whoosh.storage import CheckedFile, CorruptFile

_ITEM_BYTES: Final = {"B": 1, "H": 2, "i": 4, "I": 4, "Q": 8, "d": 8}
"""Type codes of arrays in files, as in :mod:`array`, with the size of an item."""

_COUNT_CODES: Final = {"B": "B", "H": "H", "i": "I", "I": "I"}
"""Whoosh's type codes of lengths and positions in a column; none is negative."""


def read_array(file: CheckedFile, position: int, code: str, count: int) -> array[Any]:
    """Return ``count`` numbers with the type ``code`` that begin at byte ``position``."""
    return _to_array(code, file.get(position, count * _ITEM_BYTES[code]))


def _to_array(code: str, data: bytes) -> array[Any]:
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
    count, rest = divmod(file.size, _ITEM_BYTES[code])
    if rest or count > documents:
        raise CorruptFile(f"{file.name} does not have the size of a column")
    numbers = read_array(file, 0, code, count)
    numbers.extend([default] * (documents - count))
    return numbers


def _count_code(code: str, file: CheckedFile) -> str:
    if code not in _COUNT_CODES:
        raise CorruptFile(f"{file.name} contains an unknown type of numbers")
    return _COUNT_CODES[code]


class BytesColumn:
    """A column of byte strings: the values, their lengths, and in large columns their positions."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        end = file.size - 1
        code = chr(file.get(end, 1)[0])
        starts: array[int] | None = None
        if code == "X":
            code, starts_code = map(chr, file.get(end - 2, 2))
            end -= 2 + documents * _ITEM_BYTES[_count_code(starts_code, file)]
            starts = read_array(file, end, _count_code(starts_code, file), documents)
        code = _count_code(code, file)
        end -= documents * _ITEM_BYTES[code]
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
        end = 0
        for document in documents:
            start, length = self._starts[document], self._lengths[document]
            if start < end:
                raise CorruptFile(f"{self._file.name} contains values that overlap")
            end = start + length
            yield self._file.get(start, length)


class ReferenceColumn:
    """A column of few distinct values: ``references[document]`` is an index of ``values``."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        code = _count_code(chr(file.get(file.size - 1, 1)[0]), file)
        self.references: Sequence[int] = read_array(file, 0, code, documents)
        start = documents * _ITEM_BYTES[code]
        self.values = list(_parse_values(file.get(start, file.size - 1 - start), file.name))


def _parse_values(data: bytes, name: str) -> Iterator[bytes]:
    """Yield the values in ``data``: their number, then each with its length."""
    count, at = parse_number(data, 0)
    for _ in range(count):
        length, at = parse_number(data, at)
        if length > len(data) - at:
            raise CorruptFile(f"{name} is cut off")
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

FIELD_NUMBER: Final = Struct(">H")
"""Begins the key of a row; the term in UTF-8 follows."""

ROW_LENGTHS: Final = Struct(">IB")
"""Precedes a row: the lengths of key and row."""

TERMS_END: Final = Struct(">4sQII")
"""The end of a table of terms: :data:`TERMS_MAGIC`, where the rows end, the number of blocks, and
the length of the names of the fields."""

TERMS_MAGIC: Final = b"NGT6"
BLOCK_BYTES: Final = 1024
"""A block of rows ends with the first row that makes it so long."""

_READ_AHEAD: Final = 16_384


class TermFile:
    """The terms of a segment: a row of bytes for each pair of a field and a term.

    Rows are in the order of their keys, in blocks. After them come the positions of the blocks,
    eight bytes each, the names of the fields in the order of their numbers, as a JSON array, and
    :data:`TERMS_END`. A term is found in about as many steps as the number of blocks has bits,
    whichever terms there are: articles cannot be written so that it takes longer.
    """

    def __init__(self, file: CheckedFile) -> None:
        self._file = file
        end = file.size - TERMS_END.size
        magic, self._end_of_rows, blocks, length = TERMS_END.unpack(file.get(end, TERMS_END.size))
        self._positions = self._end_of_rows
        if magic != TERMS_MAGIC or self._positions + blocks * _ITEM_BYTES["Q"] + length != end:
            raise CorruptFile(f"{file.name} is not a table of terms")
        try:
            names = json.loads(file.get(end - length, length))
            self._numbers = {str(name): number for number, name in enumerate(names)}
        except (TypeError, ValueError, RecursionError) as exc:
            raise CorruptFile(f"{file.name} does not name its fields") from exc
        self._blocks = range(blocks)
        self._first_keys: dict[int, bytes] = {}

    @property
    def fields(self) -> Iterable[str]:
        """Return the names of the fields that have terms."""
        return self._numbers

    def find(self, field: str, term: bytes) -> bytes | None:
        """Return the row of ``term`` in ``field``, ``None`` if there is none."""
        number = self._numbers.get(field)
        if number is None:
            return None
        wanted = FIELD_NUMBER.pack(number) + term
        for key, row in self._rows_from(self._block_with(wanted), BLOCK_BYTES):
            if key >= wanted:
                return row if key == wanted else None
        return None

    def rows(self, field: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the terms of ``field`` that begin with ``prefix``, in order, with their rows."""
        number = self._numbers.get(field)
        if number is None:
            return
        start = FIELD_NUMBER.pack(number) + prefix
        for key, row in self._rows_from(self._block_with(start), _READ_AHEAD):
            if key.startswith(start):
                yield key[FIELD_NUMBER.size :], row
            elif key > start:
                return

    def _block_with(self, key: bytes) -> int:
        """Return where the last block begins whose first key does not follow ``key``."""
        number = bisect_right(self._blocks, key, key=self._first_key)
        return self._position(max(number - 1, 0)) if self._blocks else self._end_of_rows

    def _first_key(self, block: int) -> bytes:
        key = self._first_keys.get(block)
        if key is None:
            position = self._position(block)
            length, _ = ROW_LENGTHS.unpack(self._file.get(position, ROW_LENGTHS.size))
            key = self._first_keys[block] = self._file.get(position + ROW_LENGTHS.size, length)
        return key

    def _position(self, block: int) -> int:
        at = self._positions + block * _ITEM_BYTES["Q"]
        position: int = read_array(self._file, at, "Q", 1)[0]
        return position

    def _rows_from(self, position: int, ahead: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and rows from a position, reading at least ``ahead`` bytes at once."""
        data, start, end = b"", position, self._end_of_rows
        head = ROW_LENGTHS.size
        while position < end:
            at = position - start
            if len(data) - at < head:
                data, start, at = self._ahead(position, max(head, ahead)), position, 0
            key_length, length = ROW_LENGTHS.unpack_from(data, at)
            size = head + key_length + length
            if len(data) - at < size:
                data, start, at = self._ahead(position, max(size, ahead)), position, 0
                if len(data) < size:
                    raise CorruptFile(f"{self._file.name} contains a wrong length")
            row_at = at + head + key_length
            yield data[at + head : row_at], data[row_at : at + size]
            position += size

    def _ahead(self, position: int, length: int) -> bytes:
        return self._file.get(position, min(length, self._end_of_rows - position))


# Postings ------------------------------------------------------------------------------------

LISTED_ROW: Final = Struct(">BIQI")
"""The row of a term whose postings are in blocks: 0, their number, where they begin, bytes."""

BLOCK_HEADER: Final = Struct(">HBII")
"""Number of postings, :class:`BlockForm`, the first document, and the length of what follows.

What follows are the differences between successive documents, then the weights.
"""

GAP_CODES: Final = "BHI"
WEIGHT_CODES: Final = ("", "B", "I")
"""Type codes of arrays in a block; without weights, all are 1."""

WIDE_WEIGHTS: Final = 0x80
"""Added to the number of inlined postings whose weights take four bytes instead of one."""


class BlockForm(NamedTuple):
    """How the arrays of a block are stored; in the file it is a byte."""

    gap_code: str
    weight_code: str
    is_compressed: bool

    def to_byte(self) -> int:
        """Return the form as a byte."""
        gaps, weights = GAP_CODES.index(self.gap_code), WEIGHT_CODES.index(self.weight_code)
        return gaps | weights << 2 | self.is_compressed << 4


FORMS: Final = {
    form.to_byte(): form
    for form in (
        BlockForm(gaps, weights, is_compressed)
        for gaps in GAP_CODES
        for weights in WEIGHT_CODES
        for is_compressed in (False, True)
    )
}


class _WeightByCounts(dict[int, int]):
    """Weights by packed counts, each computed once.

    The low byte of a weight contains the low bits of all three counts (4 of the body's, 3 of
    the lead's, 1 of the title's), so that 98 of 100 postings have a weight of one byte.
    """

    def __missing__(self, packed: int) -> int:
        title, lead, body = unpack_counts(packed)
        low = body & 0xF | (lead & 7) << 4 | (title & 1) << 7
        weight = low | (body >> 4) << 8 | (lead >> 3) << 16 | (title >> 1) << 21
        self[packed] = weight
        return weight


class _CountsByWeight(dict[int, int]):
    """Packed counts by weight: the inverse of :class:`_WeightByCounts`."""

    def __missing__(self, weight: int) -> int:
        body = weight & 0xF | (weight >> 8 & 0xFF) << 4
        lead = weight >> 4 & 7 | (weight >> 16 & 0x1F) << 3
        title = weight >> 7 & 1 | (weight >> 21) << 1
        packed = self[weight] = pack_counts(FieldCounts(title, lead, body))
        return packed


to_weight: Final = _WeightByCounts().__getitem__
"""Return the weight on disk, below 2**24, of a posting with these packed counts."""

from_weight: Final = _CountsByWeight().__getitem__
"""Return the packed counts (:func:`newsgrep.analysis.scoring.pack_counts`) of a weight."""

Postings = tuple["array[int]", "array[int]"]
"""Document numbers, ascending, and the packed counts of each posting."""


def count_postings(row: bytes) -> int:
    """Return the number of postings of the term with this row, deleted documents included."""
    if row[0]:
        return row[0] & ~WIDE_WEIGHTS
    count: int = LISTED_ROW.unpack(row)[1]
    return count


def listed_at(row: bytes) -> tuple[int, int]:
    """Return where the blocks of a term begin and end; two zeros if its row has the postings."""
    if row[0]:
        return 0, 0
    _, _, start, length = LISTED_ROW.unpack(row)
    return start, start + length


def read_postings(row: bytes, file: CheckedFile, documents: int) -> Postings:
    """Return the postings of the term with this row of a segment with so many ``documents``."""
    numbers, counts = array("L"), array("L")
    if total := row[0]:
        code = "I" if total & WIDE_WEIGHTS else "B"
        total &= ~WIDE_WEIGHTS
        end = 1 + total * _ITEM_BYTES["I"]
        if len(row) != end + total * _ITEM_BYTES[code]:
            raise CorruptFile("a list of postings does not have the length that it should")
        numbers.extend(iter(_to_array("I", row[1:end])))
        counts.extend(map(from_weight, _to_array(code, row[end:])))
    else:
        _, total, start, length = LISTED_ROW.unpack(row)
        data, at = file.get(start, length), 0
        while at < length:
            at = _read_block(data, at, numbers, counts, total)
    if len(numbers) != total or not numbers or numbers[-1] >= documents:
        raise CorruptFile(f"{file.name} contains postings of documents that do not exist")
    return numbers, counts


def _read_block(data: bytes, at: int, numbers: array[int], counts: array[int], total: int) -> int:
    """Append the postings of the block at ``at``, and return where the next block begins."""
    count, form, first, length = BLOCK_HEADER.unpack_from(data, at)
    if not 0 < count <= total - len(numbers):
        raise CorruptFile("a list of postings does not have the length that it should")
    gap_code, weight_code, is_compressed = FORMS[form]
    at += BLOCK_HEADER.size
    end: int = at + length
    body = data[at:end]
    gaps_size = (count - 1) * _ITEM_BYTES[gap_code]
    size = gaps_size + (count * _ITEM_BYTES[weight_code] if weight_code else 0)
    if is_compressed:
        body = decompressobj().decompress(body, size + 1)  # a limit of 0 would be no limit
    if len(body) != size or end > len(data) or (numbers and first <= numbers[-1]):
        raise CorruptFile("a block of postings is invalid")
    numbers.extend(accumulate(_to_array(gap_code, body[:gaps_size]), initial=first))
    if weight_code:
        counts.extend(map(from_weight, _to_array(weight_code, body[gaps_size:])))
    else:
        counts.extend([from_weight(1)] * count)
    return end
