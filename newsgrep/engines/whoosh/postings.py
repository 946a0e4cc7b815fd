"""Posting lists of a segment, read without trusting or unpickling them.

Whoosh pickles the numbers of a list. What is pickled is parsed here and not loaded, and each size
is limited by what the term's row says.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from struct import Struct
from typing import Final
from zlib import decompressobj

from newsgrep.analysis.scoring import FieldCounts, pack_counts, unpack_counts
from newsgrep.engines.whoosh.segment import to_array
from newsgrep.engines.whoosh.storage import CheckedFile, CorruptFile
from newsgrep.messages import message

# Pickled numbers -----------------------------------------------------------------------------

_INTEGERS: Final = {ord("K"): (1, "B"), ord("M"): (2, "H"), ord("J"): (4, "I")}
"""Opcodes that precede an integer in a pickle, least byte first: its size and type code."""

_PROTOCOL: Final = 0x80
_FLOAT: Final = ord("G")
_FLOAT_VALUE: Final = Struct(">d")
_MEMO_SIZES: Final = {ord("q"): 2, ord("r"): 5}
_BYTES_HEADS: Final = {ord("C"): 1, ord("B"): 4}
_SMALL_TUPLE: Final = 3


class PickledNumbers:
    """Numbers and tuples of numbers in a pickle as Whoosh writes it, which is not loaded.

    ``at`` is the position of what is read next. Anything else raises :class:`CorruptFile`.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def skip(self, expected: bytes) -> None:
        """Skip these bytes."""
        if not self._data.startswith(expected, self.at):
            raise CorruptFile(message("postings are not numbers"))
        self.at += len(expected)

    def skip_protocol(self) -> None:
        """Skip the number of a pickle's protocol, if it begins with one."""
        if self._data[self.at] == _PROTOCOL:
            self.at += 2

    def number(self) -> int:
        """Return an integer that is not negative, or a float with the value of one."""
        opcode, at = self._data[self.at], self.at + 1
        if opcode == _FLOAT:
            (value,) = _FLOAT_VALUE.unpack_from(self._data, at)
            self.at = at + _FLOAT_VALUE.size
            if not 0 <= value <= _MAX_NUMBER or value % 1:
                raise CorruptFile(message("a weight is not a number of occurrences"))
            return int(value)
        if opcode not in _INTEGERS:
            raise CorruptFile(message("postings are not numbers"))
        self.at = at + _INTEGERS[opcode][0]
        return int.from_bytes(self._data[at : self.at], "little")

    def sequence(self, count: int) -> Sequence[int]:
        """Return a tuple of ``count`` numbers, or bytes."""
        opcode = self._data[self.at]
        if opcode in _BYTES_HEADS:
            return self._bytes(_BYTES_HEADS[opcode], count)
        if opcode == ord("("):
            self.at += 1
            numbers = [self.number(), *self._uniform(count - 1)]
            numbers += [self.number() for _ in range(count - len(numbers))]
            self.skip(b"t")
        else:
            if not 0 < count <= _SMALL_TUPLE:
                raise CorruptFile(message("postings are not numbers"))
            numbers = [self.number() for _ in range(count)]
            self.skip(b"\x84\x85\x86\x87"[count : count + 1])
        self._skip_memo()
        return numbers

    def weights(self, count: int) -> Sequence[int] | None:
        """Return ``count`` weights; ``None`` if all are 1. A single number is that of all."""
        start = self.at
        if self._data[start] == ord("N"):
            self.at += 1
            return None
        if self._data[start] == _FLOAT:
            number = self.number()
            if self._data[self.at] in b"N)":
                return [number] * count
            self.at = start
        return self.sequence(count)

    def _uniform(self, count: int) -> Sequence[int]:
        """Return the next ``count`` integers if all of them have the same opcode, else none."""
        opcode = self._data[self.at]
        size, code = _INTEGERS.get(opcode, (0, ""))
        end = self.at + (size + 1) * count
        if not size or self._data[self.at : end : size + 1] != bytes([opcode]) * count:
            return ()
        packed = bytearray(size * count)
        for byte in range(size):
            # From the highest, as numbers are big-endian in all files.
            packed[byte::size] = self._data[self.at + size - byte : end : size + 1]
        self.at = end
        return to_array(code, bytes(packed))

    def _bytes(self, head: int, count: int) -> bytes:
        start = self.at + 1 + head
        length = int.from_bytes(self._data[self.at + 1 : start], "little")
        found = self._data[start : start + length]
        if len(found) != count:
            raise CorruptFile(message("a block of postings has another number of weights"))
        self.at = start + length
        self._skip_memo()
        return found

    def _skip_memo(self) -> None:
        if self.at < len(self._data):
            self.at += _MEMO_SIZES.get(self._data[self.at], 0)


# Postings ------------------------------------------------------------------------------------

TERM_ROW: Final = Struct(">BfIBBfII")
"""The row of a term: whether its postings follow, their weight, number, two lengths that are not
used, the highest weight, the first and the last document."""

LISTED_AT: Final = Struct(">qi")
"""Follows :data:`TERM_ROW` if the postings are in blocks: where those begin, and their bytes."""

BLOCKS_MAGIC: Final = b"W3Bl"
BLOCK_LENGTH: Final = Struct(">i")
"""Precedes a block; negative for the last one."""

_MAX_BYTES_PER_POSTING: Final = 16
"""A number takes at most nine bytes, and its difference to the one before at most five."""

_MAX_BYTES_BESIDE: Final = 64

_DESCRIPTION_LENGTH: Final = 6
"""A block is described by its number of postings, the last document, the highest weight, whether
it is compressed, and two lengths that are not used."""

_MAX_NUMBER: Final = 0xFFFFFFFF


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
    count: int = TERM_ROW.unpack_from(row)[2]
    return count


def listed_at(row: bytes) -> tuple[int, int]:
    """Return where the blocks of a term begin and end; two zeros if its row has the postings."""
    if row[0]:
        return 0, 0
    start, length = LISTED_AT.unpack_from(row, TERM_ROW.size)
    return start, start + length


def read_postings(row: bytes, file: CheckedFile, documents: int) -> Postings:
    """Return the postings of the term with this row of a segment with so many ``documents``."""
    counts = array("L")
    return read_documents(row, file, documents, counts), counts


def read_documents(
    row: bytes, file: CheckedFile, documents: int, counts: array[int] | None = None
) -> array[int]:
    """Return the numbers of the documents with a term, and append its packed counts to ``counts``.

    Without ``counts``, it takes half the time of :func:`read_postings`.
    """
    numbers = array("L")
    total = count_postings(row)
    if total > documents:
        raise CorruptFile(
            message("{name} contains more postings of a term than documents", name=file.name)
        )
    if row[0]:
        _add_postings(row[TERM_ROW.size :], total, numbers, counts, are_deltas=False)
    else:
        start, end = listed_at(row)
        data = file.get(start, end - start)
        if not data.startswith(BLOCKS_MAGIC):
            raise CorruptFile(
                message("{name} contains no postings where they should be", name=file.name)
            )
        at = len(BLOCKS_MAGIC)
        while at < len(data) and len(numbers) < total:
            at = _read_block(data, at, total - len(numbers), numbers, counts)
    if len(numbers) != total or not numbers or numbers[-1] >= documents:
        raise CorruptFile(
            message("{name} contains postings of documents that do not exist", name=file.name)
        )
    return numbers


def _read_block(
    data: bytes, at: int, most: int, numbers: array[int], counts: array[int] | None
) -> int:
    """Append the postings of the block at ``at``, and return where the next block begins."""
    length: int = BLOCK_LENGTH.unpack_from(data, at)[0]
    at += BLOCK_LENGTH.size
    end = at + abs(length)
    description = PickledNumbers(data, at)
    description.skip_protocol()
    count, _, _, compression, _, _ = description.sequence(_DESCRIPTION_LENGTH)
    description.skip(b".")
    if not 0 < count <= most or end > len(data):
        raise CorruptFile(message("a block of postings does not have the size that it should"))
    body = data[description.at : end]
    if compression:
        limit = count * _MAX_BYTES_PER_POSTING + _MAX_BYTES_BESIDE
        body = decompressobj().decompress(body, limit)
    _add_postings(body, count, numbers, counts, are_deltas=True)
    return end


def _add_postings(
    body: bytes, count: int, numbers: array[int], counts: array[int] | None, *, are_deltas: bool
) -> None:
    """Append ``count`` postings that are pickled as a tuple of documents, weights and nothing."""
    pickled = PickledNumbers(body, 0)
    pickled.skip_protocol()
    listed = pickled.sequence(count)
    before = numbers[-1] if numbers else -1
    numbers.extend(accumulate(listed) if are_deltas else listed)
    if numbers[len(numbers) - count] <= before:
        raise CorruptFile(message("postings are not in order"))
    if counts is not None:
        weights = pickled.weights(count)
        counts.extend([from_weight(1)] * count if weights is None else map(from_weight, weights))
