"""The files of a segment, read without trusting what they contain.

Whoosh writes the tables of terms and the columns, and trusts every size and position in them. Here
each is compared with the size of the file before it is used, so that a file that somebody has made
up costs no more memory and time than another one of its size. Nothing in a segment is a pickle.

==============  ===============================================================================
``ID.trm``      Whoosh's ordered hash table from a field's number and a term to a row
                (:func:`read_postings`); its "extras" are a JSON object, see :class:`TermFile`
``ID.pst``      the postings of terms that have many of them, in blocks
``ID.NAME.col`` a column, in the layout of Whoosh's column type
==============  ===============================================================================

All numbers are big-endian.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import crc32, decompressobj

from newsgrep.analysis.scoring import FieldCounts, pack_counts, unpack_counts
from newsgrep.engines.whoosh.storage import CheckedFile, CorruptFile

_ITEM_BYTES: Final = {"B": 1, "H": 2, "i": 4, "I": 4, "q": 8, "d": 8}
"""Type codes of arrays in files, as in :mod:`array`, with the size of an item."""


def read_array(file: CheckedFile, position: int, code: str, count: int) -> array[Any]:
    """Return ``count`` numbers with the type ``code`` that begin at byte ``position``."""
    if code not in _ITEM_BYTES:
        raise CorruptFile(f"{file.name} contains an unknown type of numbers")
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


class BytesColumn:
    """A column of byte strings: the values, their lengths, and in large columns their positions."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        end = file.size - 1
        code = chr(file.get(end, 1)[0])
        starts: array[int] | None = None
        if code == "X":
            code, starts_code = map(chr, file.get(end - 2, 2))
            end -= 2 + documents * _ITEM_BYTES.get(starts_code, 0)
            starts = read_array(file, end, starts_code, documents)
        end -= documents * _ITEM_BYTES.get(code, 0)
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
        code = chr(file.get(file.size - 1, 1)[0])
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


def parse_number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number of variable length at ``at``, lowest seven bits first, and its end."""
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number | data[at] << shift, at + 1


# Terms ---------------------------------------------------------------------------------------

HASH_TYPE: Final = 1
"""Whoosh's number for a table whose hashes are CRC-32."""

EXTRAS_LENGTH: Final = Struct(">I")
FIELD_NUMBER: Final = Struct(">H")

_HEADER: Final = b"HSH3" + bytes([HASH_TYPE]) + bytes(8)
_ROW_LENGTHS: Final = Struct(">ii")
_SLOT: Final = Struct(">Iq")
_TABLE: Final = Struct(">qi")
_TABLES: Final = 256
_END: Final = Struct(">i")
_READ_AHEAD: Final = 16_384


class TermFile:
    """The terms of a segment: a row of bytes for each pair of a field and a term.

    Rows are in the order of field and term. After the hash tables and their directory come the
    "extras": the length of a JSON object, the object, and the positions of all rows. The object
    has ``fields``, the names of fields in the order of their numbers, and ``positions``, the
    type code and the number of the positions.
    """

    def __init__(self, file: CheckedFile) -> None:
        self._file = file
        if file.get(0, len(_HEADER)) != _HEADER:
            raise CorruptFile(f"{file.name} is not a table of terms")
        end = file.size - _END.size
        (extras_size,) = _END.unpack(file.get(end, _END.size))
        extras = end - extras_size
        (length,) = EXTRAS_LENGTH.unpack(file.get(extras, EXTRAS_LENGTH.size))
        described = file.get(extras + EXTRAS_LENGTH.size, length)
        self._positions = extras + EXTRAS_LENGTH.size + length
        try:
            self._parse_extras(described)
        except (TypeError, LookupError, ValueError, RecursionError) as exc:
            raise CorruptFile(f"{file.name} does not describe its terms") from exc
        if self._positions + self._count * _ITEM_BYTES[self._code] != end:
            raise CorruptFile(f"{file.name} has another number of terms than it says")
        self._directory = extras - _TABLES * _TABLE.size
        self._end_of_rows = self._table(0)[0]
        if not len(_HEADER) <= self._end_of_rows <= self._directory:
            raise CorruptFile(f"{file.name} contains a wrong position")

    def _parse_extras(self, data: bytes) -> None:
        described = json.loads(data)
        self._fields = {str(name): number for number, name in enumerate(described["fields"])}
        code, count = described["positions"]
        if code not in _ITEM_BYTES or type(count) is not int or count < 0:
            raise TypeError("not the number of positions")
        self._code, self._count = code, count

    @property
    def fields(self) -> Iterable[str]:
        """Return the names of the fields that have terms."""
        return self._fields

    def find(self, field: str, term: bytes) -> bytes | None:
        """Return the row of ``term`` in ``field``, ``None`` if there is none."""
        number = self._fields.get(field)
        if number is None:
            return None
        key = FIELD_NUMBER.pack(number) + term
        hashed = crc32(key)
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
        number = self._fields.get(field)
        if number is None:
            return
        start = FIELD_NUMBER.pack(number) + prefix
        for key, row in self._rows_from(self._first_not_before(start)):
            if not key.startswith(start):
                return
            yield key[FIELD_NUMBER.size :], row

    def _first_not_before(self, key: bytes) -> int:
        """Return the position of the first row whose key is ``key`` or follows it."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            position = self._position(middle)
            length, _ = _ROW_LENGTHS.unpack(self._file.get(position, _ROW_LENGTHS.size))
            if self._file.get(position + _ROW_LENGTHS.size, length) < key:
                low = middle + 1
            else:
                high = middle
        return self._position(low) if low < self._count else self._end_of_rows

    def _position(self, number: int) -> int:
        at = self._positions + number * _ITEM_BYTES[self._code]
        position: int = read_array(self._file, at, self._code, 1)[0]
        return position

    def _rows_from(self, position: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and rows from a position, which are read in pieces of some pages."""
        data, start, name = b"", position, self._file.name
        end = self._end_of_rows
        while position < end:
            at = position - start
            if len(data) - at < _ROW_LENGTHS.size:
                data, start, at = self._ahead(position, _ROW_LENGTHS.size), position, 0
            key_length, length = _ROW_LENGTHS.unpack_from(data, at)
            size = _ROW_LENGTHS.size + key_length + length
            if key_length < 0 or length < 0 or size > end - position:
                raise CorruptFile(f"{name} contains a wrong length")
            if len(data) - at < size:
                data, start, at = self._ahead(position, size), position, 0
            key_at = at + _ROW_LENGTHS.size
            row_at = key_at + key_length
            yield data[key_at:row_at], data[row_at : row_at + length]
            position += size

    def _ahead(self, position: int, least: int) -> bytes:
        most = self._end_of_rows - position
        return self._file.get(position, min(max(_READ_AHEAD, least), most))


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
    if len(body) != size or (numbers and first <= numbers[-1]):
        raise CorruptFile("a block of postings is invalid")
    numbers.extend(accumulate(_to_array(gap_code, body[:gaps_size]), initial=first))
    if weight_code:
        counts.extend(map(from_weight, _to_array(weight_code, body[gaps_size:])))
    else:
        counts.extend([from_weight(1)] * count)
    return end
