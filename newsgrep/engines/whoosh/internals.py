"""Every use of Whoosh, with its reason: its codec writes the files of a segment.

A segment is one of Whoosh's, which its own reader opens: tests/engines/test_whoosh_format.py
compares postings, column values and statistics, in both directions. Reading does without
Whoosh, see :mod:`newsgrep.engines.whoosh.segment`. What is here depends on the inside of one minor
version of whoosh3 and is checked against :data:`SUPPORTED_VERSION` on import.

To move to another minor version, go through the entries below in its source, change
:data:`SUPPORTED_VERSION` and the requirement in pyproject.toml, and run tests/engines.

=============================  ===============================================================
what is used                   why
=============================  ===============================================================
``W3PerDocWriter``             writes columns
``W3FieldWriter``              subclassed: it takes whole lists, puts short ones beside their
                               term, and all numbers of a block take the same number of bytes,
                               so that they are parsed at once and not one by one. Measured
                               with every fourth term of the texts of 6,000 news bulletins: terms
                               and postings take 2.5 MB instead of 3.8, all these lists are read
                               in 0.21 s instead of 0.53, the longest one in 0.6 ms instead of 3.5
``OrderedHashWriter``          subclassed: it writes rows and hash tables in bulk, the same bytes
                               in a third of the time
attributes of the two writers  their files are closed after an error, and the field map and the
                               size of the table's index are stored in the commit file, too
=============================  ===============================================================
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import md5
from itertools import accumulate
from operator import sub
from pathlib import Path
from struct import Struct
from typing import Any, Final
from zlib import compress

import whoosh
from whoosh.codec.whoosh3 import (
    COMPRESSION_MIN_SIZE,
    W3Codec,
    W3FieldWriter,
    W3Segment,
)
from whoosh.columns import Column, NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.system import pack_ushort

from newsgrep.engines.whoosh.postings import BLOCK_LENGTH, BLOCKS_MAGIC, LISTED_AT, TERM_ROW
from newsgrep.engines.whoosh.storage import (
    BYTES_COLUMNS,
    FACET_COLUMNS,
    INDEX_NAME,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
    VERSIONS_COLUMN,
    Segment,
)
from newsgrep.errors import UsageError

SUPPORTED_VERSION: Final = (3, 54)
"""Major and minor version of whoosh3 that this module was written for."""


def check_version(installed: tuple[int, ...]) -> None:
    """Raise :class:`UsageError` if the ``installed`` version of Whoosh is not supported."""
    if installed[:2] != SUPPORTED_VERSION:
        major, minor = SUPPORTED_VERSION
        found = ".".join(map(str, installed))
        raise UsageError(
            "newsgrep needs whoosh3 {major}.{minor}, but version {found} is installed. Install "
            'it with: pip install "whoosh3=={major}.{minor}.*"',
            major=major,
            minor=minor,
            found=found,
        )


check_version(whoosh.__version__)

_OFFSETS_CUTOFF: Final = 1000
"""Columns with more values store offsets; else they are computed from the values' lengths."""

COLUMN_TYPES: Final[Mapping[str, Column]] = (
    dict.fromkeys(
        (*BYTES_COLUMNS, VERSIONS_COLUMN), VarBytesColumn(write_offsets_cutoff=_OFFSETS_CUTOFF)
    )
    | dict.fromkeys(FACET_COLUMNS, RefBytesColumn())
    | {
        name: NumericColumn(code, default=NUMBER_DEFAULTS.get(name, 0))
        for name, code in NUMBER_COLUMNS.items()
    }
)

BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

MAX_INLINED: Final = 32
"""A list up to this length is stored with its term: a block of its own would be larger.

Lists of 9 to 31 postings of two archives take 4.1 bytes for a posting so, and 6.0 in blocks.
"""

_COMPRESSION: Final = 6
"""Level of zlib. Level 3 makes lists 6 % larger, in half the time: 1.5 % of that of indexing."""

_SLOTS: Final = 5, 4
"""Slots of a hash table for so many terms: Whoosh writes two for each. A search looks up few."""
_HIGHEST_BYTE: Final = 0xFF
_HIGHEST_OF_TWO_BYTES: Final = 0xFFFF

Term = tuple[str, Sequence[int], Sequence[int]]
"""A term, its documents, ascending, and their weights."""


class SegmentBuilder:
    """Writes one segment into ``folder``: documents one after the other, then all postings.

    ``name`` is the segment's, and ``documents`` the number of documents so far.
    """

    def __init__(self, folder: Path) -> None:
        storage = FileStorage(str(folder))
        codec = W3Codec()
        self._segment = W3Segment(codec, INDEX_NAME, segid=os.urandom(8).hex())
        self.name: str = self._segment.segment_id()
        self.documents = 0
        self._has_versions = False
        self._columns = codec.per_document_writer(storage, self._segment)
        try:
            self._terms = BulkFieldWriter(codec, storage, self._segment)
        except OSError:
            self._close_columns()
            raise

    def add(self, columns: Mapping[str, Any]) -> int:
        """Add a document with a value for each column, and return its number.

        That of :data:`VERSIONS_COLUMN` may be missing.
        """
        number, writer = self.documents, self._columns
        writer.start_doc(number)
        for name, value in columns.items():
            writer.add_column_value(name, COLUMN_TYPES[name], value)
        self._has_versions |= VERSIONS_COLUMN in columns
        writer.finish_doc()
        self.documents += 1
        return number

    def finish(self, fields: Iterable[tuple[str, Iterable[Term]]]) -> Segment:
        """Write the terms of ``fields``, both in order, and close all files."""
        self._segment.set_doc_count(self.documents)
        self._columns.close()
        writer = self._terms
        for name, terms in fields:
            writer.write(name, terms)
        index = writer._tindex.index  # noqa: SLF001  (described in the commit file)
        names = sorted(writer._fieldmap, key=writer._fieldmap.__getitem__)  # noqa: SLF001  (likewise)
        writer.close()
        return Segment(
            self.name, self.documents, None, names, index.typecode, len(index), self._has_versions
        )

    def close(self) -> None:
        """Close the files of a segment that is not finished."""
        self._close_columns()
        with suppress(OSError):  # a full disk was reported by the first error
            self._terms._tindex.dbfile.file.close()  # noqa: SLF001  (has no method for this)
        with suppress(OSError):
            self._terms._postfile.file.close()  # noqa: SLF001  (likewise)

    def _close_columns(self) -> None:
        with suppress(OSError):
            self._columns._cols._temp.file.close()  # noqa: SLF001  (likewise)


class BulkFieldWriter(W3FieldWriter):
    """Whoosh's writer of terms, which takes whole lists of postings."""

    def __init__(self, codec: W3Codec, storage: FileStorage, segment: W3Segment) -> None:
        super().__init__(codec, storage, segment)
        file = self._tindex.dbfile
        file.seek(self._tindex.startoffset)  # the new table writes its head again
        self._tindex = BulkHashWriter(file)
        self._tindex.extras["fieldmap"] = self._fieldmap
        self._posted = 0

    def write(self, name: str, terms: Iterable[Term]) -> None:
        """Write a field with all its terms, in order."""
        number = self._fieldmap[name] = len(self._fieldmap)
        prefix, add = pack_ushort(number), self._tindex.add
        for term, numbers, weights in terms:
            is_short = len(numbers) <= MAX_INLINED
            postings = _inlined_postings if is_short else self._listed_postings
            add(prefix + term.encode("utf-8"), postings(numbers, weights))

    def _listed_postings(self, numbers: Sequence[int], weights: Sequence[int]) -> bytes:
        """Write postings in blocks, and return the value of the term's row: where they are."""
        count = len(numbers)
        data = BLOCKS_MAGIC + b"".join(
            _listed_block(
                numbers[start : start + BLOCK_LIMIT],
                weights[start : start + BLOCK_LIMIT],
                is_last=start + BLOCK_LIMIT >= count,
            )
            for start in range(0, count, BLOCK_LIMIT)
        )
        self._postfile.write(data)
        self._posted += len(data)
        totals = (sum(weights), count, 0, 0, max(weights), numbers[0], numbers[-1])
        return TERM_ROW.pack(False, *totals) + LISTED_AT.pack(self._posted - len(data), len(data))


_ROW_LENGTHS: Final = Struct("!ii")
_SLOT: Final = Struct("!Iq")
_END_OF_DIGEST: Final = Struct("!12xI")
_ROWS_AT_ONCE: Final = 4096


class BulkHashWriter(OrderedHashWriter):
    """Whoosh's writer of a hash table with sorted keys. It writes the same bytes."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._end = file.tell()
        self._keys: list[bytes] = []
        self._values: list[bytes] = []

    def add(self, key: bytes, value: bytes) -> None:
        """Add a row; ``key`` is greater than all keys before it."""
        self._keys.append(key)
        self._values.append(value)
        if len(self._keys) == _ROWS_AT_ONCE:
            self._write_rows()

    def _write_rows(self) -> None:
        keys = self._keys
        if not keys:
            return
        rows = [
            _ROW_LENGTHS.pack(len(key), len(value)) + key + value
            for key, value in zip(keys, self._values, strict=True)
        ]
        self.dbfile.write(b"".join(rows))
        *positions, self._end = accumulate(map(len, rows), initial=self._end)
        index = self.index
        index.append(positions[-1])  # so the array has room for all of them
        index.array[-1:] = array(index.typecode, positions)
        digests = b"".join([md5(key, usedforsecurity=False).digest() for key in keys])
        for (hashed,), position in zip(_END_OF_DIGEST.iter_unpack(digests), positions, strict=True):
            self.buckets[hashed & _HIGHEST_BYTE].append((hashed, position))
        self._keys.clear()
        self._values.clear()

    def _write_hashes(self) -> None:
        self._write_rows()
        for entries in self.buckets:
            slots = -(-len(entries) * _SLOTS[0] // _SLOTS[1])
            self.directory.append((self._end, slots))
            table, taken = bytearray(_SLOT.size * slots), bytearray(slots)
            for hashed, position in entries:
                slot = (hashed >> 8) % slots
                while taken[slot]:
                    slot = slot + 1 if slot + 1 < slots else 0
                taken[slot] = True
                _SLOT.pack_into(table, _SLOT.size * slot, hashed, position)
            self.dbfile.write(bytes(table))
            self._end += len(table)


def _listed_block(numbers: Sequence[int], weights: Sequence[int], *, is_last: bool) -> bytes:
    """Return a block of postings: its length, negative for the last one, its description, data.

    It is as Whoosh's, but Whoosh pickles each number in as few bytes as it takes, and weights as
    floats. Its readers accept any sequence of numbers.
    """
    deltas = (numbers[0], *map(sub, numbers[1:], numbers))
    data = _pack_numbers(deltas) + _pack_weights(weights) + b"N\x87."
    compressed = compress(data, _COMPRESSION) if len(data) > COMPRESSION_MIN_SIZE else data
    is_shorter = len(compressed) < len(data)
    described = (len(numbers), numbers[-1], max(weights), _COMPRESSION * is_shorter, 0, 0)
    description = b"(" + b"".join(map(_pack_number, described)) + b"t."
    data = compressed if is_shorter else data
    length = len(description) + len(data)
    return BLOCK_LENGTH.pack(-length if is_last else length) + description + data


def _inlined_postings(numbers: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return the value of a term's row if it contains the postings instead of their position."""
    if len(numbers) == 1:  # most terms
        number, weight = numbers[0], weights[0]
        packed = b"N" if weight == 1 else _pack_number(weight) + b"\x85"
        return TERM_ROW.pack(True, weight, 1, 0, 0, weight, number, number) + b"%b\x85%b)\x87." % (
            _pack_number(number),
            packed,
        )
    totals = (sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
    listed = b"(" + _pack_items(numbers) + b"t"
    return TERM_ROW.pack(True, *totals) + listed + _pack_weights(weights) + b")\x87."


# Pickles begin without the number of a protocol, which is optional and takes two bytes.


def _pack_numbers(numbers: Sequence[int]) -> bytes:
    """Return a tuple as pickled: all numbers but the first take the same number of bytes."""
    return b"(J" + numbers[0].to_bytes(4, "little") + _pack_items(numbers[1:]) + b"t"


def _pack_items(numbers: Sequence[int]) -> bytes:
    """Return numbers as pickled, each in the same number of bytes."""
    highest = max(numbers, default=0)
    if highest <= _HIGHEST_BYTE:
        items = bytearray(b"K\0" * len(numbers))
        items[1::2] = bytes(numbers)
        return bytes(items)
    opcode, code = (b"M", "H") if highest <= _HIGHEST_OF_TWO_BYTES else (b"J", "i")
    packed = array(code, numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    data, width = packed.tobytes(), packed.itemsize
    items = bytearray((width + 1) * len(numbers))
    items[:: width + 1] = opcode * len(numbers)
    for byte in range(width):
        items[byte + 1 :: width + 1] = data[byte::width]
    return bytes(items)


@lru_cache(maxsize=1 << 16)
def _pack_number(number: int) -> bytes:
    """Return a number as pickled; documents and weights occur again and again."""
    if number <= _HIGHEST_BYTE:
        return b"K%c" % number
    if number <= _HIGHEST_OF_TWO_BYTES:
        return b"M" + number.to_bytes(2, "little")
    return b"J" + number.to_bytes(4, "little")


def _pack_weights(weights: Sequence[int]) -> bytes:
    """Return weights as pickled: nothing if all are 1, else bytes if that is possible."""
    highest, count = max(weights), len(weights)
    if highest == 1:
        return b"N"
    if highest > _HIGHEST_BYTE:
        return _pack_numbers(weights)
    head = b"C%c" % count if count <= _HIGHEST_BYTE else b"B" + count.to_bytes(4, "little")
    return head + bytes(weights)
