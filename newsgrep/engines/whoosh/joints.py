"""The signatures of a segment's texts (:mod:`newsgrep.analysis.joints`), in the file ``ID.joints``.

A query needs a few bits of every signature. So signatures are divided into blocks of texts with
equally long ones, and each block is stored by the column: the first byte of all signatures, then
the second byte of all, and so on. Bytes of one column are tested together, in a few calls.

=============  ================================================================================
blocks         the numbers of its texts, where each of its groups ends, and the groups. A group
               is a number of columns, compressed: a small block has few groups
directory      for each block: position, texts, bytes of a signature, columns in a group, and
               whether the texts are articles (0) or what was left out of them (1)
at the end     the number of blocks
=============  ================================================================================

All numbers are big-endian. A segment of format 7 has no such file.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import compress
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, NamedTuple

from newsgrep.analysis.joints import MOST_BYTES, signature_bit
from newsgrep.engines.whoosh.segment import read_array
from newsgrep.engines.whoosh.storage import CheckedFile, CorruptFile
from newsgrep.messages import message

_BLOCK: Final = Struct(">QIIIB")
_COUNT: Final = Struct(">I")
_NUMBER_BYTES: Final = 4
_RAW_DEFLATE: Final = -15

_TEXTS_IN_BLOCK: Final = 4096
_BYTES_IN_BLOCK: Final = 1 << 22
"""A block is written when it has so many texts, or so many bytes before compression."""

_BYTES_IN_GROUP: Final = 4096
"""Before compression, at least: a query reads one group of each block for each joint."""

_COPIED: Final = _TEXTS_IN_BLOCK // 4
"""Texts of a block that is copied whole when segments merge, instead of joined with others."""


TEXT_ZONE: Final = 0
LEFT_OUT_ZONE: Final = 1
"""Title and body of an article, and what was left out of it."""


class _Block(NamedTuple):
    """Where a block begins, how it is divided, and what zone of articles it describes."""

    position: int
    texts: int
    size: int
    columns: int
    zone: int

    @property
    def is_possible(self) -> bool:
        """Return whether a writer divides blocks so."""
        return (
            0 < self.columns <= self.size <= MOST_BYTES
            and not self.size & (self.size - 1)  # else bits of a hash are outside of it
            and 0 < self.texts * self.columns <= _BYTES_IN_GROUP + _TEXTS_IN_BLOCK
            and self.texts * self.size <= _BYTES_IN_BLOCK + MOST_BYTES
        )

    @property
    def groups(self) -> int:
        """Return the number of groups of columns."""
        return -(-self.size // self.columns)


class JointFile:
    """The signatures of a segment with so many ``documents``."""

    def __init__(self, file: CheckedFile, documents: int) -> None:
        self._file = file
        self._documents = documents
        end = file.size - _COUNT.size
        (count,) = _COUNT.unpack(file.get(end, _COUNT.size))
        directory = file.get(end - count * _BLOCK.size, count * _BLOCK.size)
        self.blocks = [_Block(*each) for each in _BLOCK.iter_unpack(directory)]
        # Each document has two signatures at most, so a made-up directory takes no more memory.
        if sum(block.texts for block in self.blocks) > documents * 2 or not all(
            block.is_possible for block in self.blocks
        ):
            raise CorruptFile(message("{name} does not describe signatures", name=file.name))
        self._numbers: dict[_Block, array[int]] = {}
        self._ends: dict[_Block, array[int]] = {}

    def with_joints(self, zone: int, hashes: Iterable[int]) -> Iterator[int]:
        """Yield the documents that may have all joints with these hashes in a zone."""
        hashes = list(hashes)
        for block in self.blocks:
            if block.zone != zone:
                continue
            bits = [signature_bit(each, block.size) for each in hashes]
            found = -1
            for bit in bits:
                tested = self._column(block, bit >> 3).translate(_bit_table(bit & 7))
                found &= int.from_bytes(tested, "little")
                if not found:
                    break
            if found:
                has_all = found.to_bytes(block.texts, "little") if bits else b"\1" * block.texts
                yield from compress(self.numbers(block), has_all)

    def numbers(self, block: _Block) -> array[int]:
        """Return the documents of ``block`` in ascending order."""
        if block not in self._numbers:
            numbers = read_array(self._file, block.position, "I", block.texts)
            if numbers[-1] >= self._documents:
                raise CorruptFile(
                    message("{name} names documents that do not exist", name=self._file.name)
                )
            self._numbers[block] = numbers
        return self._numbers[block]

    def signatures(self, block: _Block) -> list[bytes]:
        """Return the signatures of the documents of ``block``, in the order of these."""
        columns = b"".join(self._group(block, number) for number in range(block.groups))
        size = block.size
        return _transposed(columns, block.texts, size)

    def packed_groups(self, block: _Block) -> bytes:
        """Return where the groups of ``block`` end, and the groups, as they are stored."""
        ends = self._group_ends(block)
        start = block.position + block.texts * _NUMBER_BYTES
        return self._file.get(start, block.groups * _NUMBER_BYTES + ends[-1])

    def _column(self, block: _Block, number: int) -> bytes:
        group, column = divmod(number, block.columns)
        start = column * block.texts
        return self._group(block, group)[start : start + block.texts]

    def _group(self, block: _Block, number: int) -> bytes:
        ends = self._group_ends(block)
        start = ends[number - 1] if number else 0
        origin = block.position + block.texts * _NUMBER_BYTES + block.groups * _NUMBER_BYTES
        packed = self._file.get(origin + start, ends[number] - start)
        columns = min(block.columns, block.size - number * block.columns)
        length = columns * block.texts
        try:
            group = zlib.decompressobj(_RAW_DEFLATE).decompress(packed, length)
        except zlib.error as exc:
            raise CorruptFile(message("{name} cannot be unpacked", name=self._file.name)) from exc
        if len(group) != length:
            raise CorruptFile(message("{name} is cut off", name=self._file.name))
        return group

    def _group_ends(self, block: _Block) -> array[int]:
        if block not in self._ends:
            start = block.position + block.texts * _NUMBER_BYTES
            self._ends[block] = read_array(self._file, start, "I", block.groups)
        return self._ends[block]


@cache
def _bit_table(bit: int) -> bytes:
    """Return the table that translates a byte to 1 if this bit of it is set, else to 0."""
    return bytes(byte >> bit & 1 for byte in range(256))


def _transposed(rows: bytes, width: int, height: int) -> list[bytes]:
    """Return the columns of ``height`` rows of ``width`` bytes each."""
    if height * width != len(rows):
        raise CorruptFile(message("signatures are cut off"))
    return [rows[column::width] for column in range(width)]


class JointWriter:
    """Writes the signatures of a new segment to the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: BinaryIO | None = None
        self._position = 0
        self._directory: list[_Block] = []
        # By zone and the length of signatures: documents and their signatures.
        self._open: dict[tuple[int, int], tuple[list[int], list[bytes]]] = {}

    def add(self, number: int, zone: int, signature: bytes) -> None:
        """Add the signature of a zone of document ``number``; documents ascend."""
        if not signature:
            return
        size = len(signature)
        numbers, signatures = self._open.setdefault((zone, size), ([], []))
        numbers.append(number)
        signatures.append(signature)
        if len(numbers) == _TEXTS_IN_BLOCK or len(numbers) * size >= _BYTES_IN_BLOCK:
            self._flush(zone, size)

    def merge(self, file: JointFile, numbers: Mapping[int, int]) -> None:
        """Add the signatures of another segment's documents; ``numbers`` are those here."""
        for block in file.blocks:
            old = file.numbers(block)
            if block.texts >= _COPIED and all(map(numbers.__contains__, old)):
                kept = [numbers[number] for number in old]
                self._write(kept, block, file.packed_groups(block))
            else:
                for number, signature in zip(old, file.signatures(block), strict=True):
                    if number in numbers:
                        self.add(numbers[number], block.zone, signature)

    def _flush(self, zone: int, size: int) -> None:
        numbers, signatures = self._open.pop((zone, size))
        columns = min(size, -(-_BYTES_IN_GROUP // len(numbers)))
        by_column = _transposed(b"".join(signatures), size, len(numbers))
        ends, groups = array("I"), bytearray()
        for start in range(0, size, columns):
            groups += _packed(b"".join(by_column[start : start + columns]))
            ends.append(len(groups))
        block = _Block(0, len(numbers), size, columns, zone)
        self._write(numbers, block, _big_endian(ends) + groups)

    def _write(self, numbers: Sequence[int], block: _Block, groups: bytes) -> None:
        """Write the groups of a block that is like ``block``, with these documents."""
        if self._stream is None:
            self._stream = self._path.open("xb")
        self._directory.append(block._replace(position=self._position))
        data = _big_endian(array("I", numbers)) + groups
        self._stream.write(data)
        self._position += len(data)

    def finish(self) -> None:
        """Write what is left and the directory, and close the file."""
        for zone, size in sorted(self._open):
            self._flush(zone, size)
        if self._stream is None:
            self._stream = self._path.open("xb")
        self._stream.write(b"".join(_BLOCK.pack(*block) for block in self._directory))
        self._stream.write(_COUNT.pack(len(self._directory)))
        self.close()

    def close(self) -> None:
        """Close the file, finished or not."""
        if self._stream is not None:
            self._stream.close()


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


def _packed(columns: bytes) -> bytes:
    """Return columns compressed by the frequency of bytes only: nothing is repeated in them."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _RAW_DEFLATE, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(columns) + packer.flush()
