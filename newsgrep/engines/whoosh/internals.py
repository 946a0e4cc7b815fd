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
``W3PerDocWriter``,            write columns, and the hash table of terms
``W3FieldWriter``
``W3PostingsWriter``           subclassed: it takes whole lists, puts short ones beside their
                               term, and all numbers of a block take the same number of bytes,
                               so that they are parsed at once and not one by one. Measured
                               with every fourth term of the texts of 6,000 news bulletins: terms
                               and postings take 2.5 MB instead of 3.8, all these lists are read
                               in 0.21 s instead of 0.53, the longest one in 0.6 ms instead of 3.5
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
from operator import sub
from pathlib import Path
from pickle import dumps
from typing import Any, Final, cast
from zlib import compress

import whoosh
from whoosh.codec.whoosh3 import (
    COMPRESSION_MIN_SIZE,
    WHOOSH3_HEADER_MAGIC,
    W3Codec,
    W3FieldWriter,
    W3PostingsWriter,
    W3Segment,
    W3TermInfo,
)
from whoosh.columns import Column, NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import ID
from whoosh.filedb.filestore import FileStorage
from whoosh.system import pack_int, pack_ushort

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

FIELD_TYPE: Final = ID()
"""The type of all fields: it stores a weight, and no frequency or position beside it."""

BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

MAX_INLINED: Final = 8
"""A list up to this length is stored with its term: a block of its own would be larger."""

_COMPRESSION: Final = 6
_PICKLE_PROTOCOL: Final = 3  # the first with bytes; later ones add a frame to every pickle
_HIGHEST_BYTE: Final = 0xFF

Term = tuple[str, Sequence[int], Sequence[int]]
"""A term, its documents, ascending, and their weights."""


class SegmentBuilder:
    """Writes one segment into ``folder``: documents one after the other, then all postings.

    ``name`` is the segment's, and ``documents`` the number of documents so far.
    """

    def __init__(self, folder: Path) -> None:
        storage = FileStorage(str(folder))
        codec = BulkCodec()
        self._segment = W3Segment(codec, INDEX_NAME, segid=os.urandom(8).hex())
        self.name: str = self._segment.segment_id()
        self.documents = 0
        self._has_versions = False
        self._columns = codec.per_document_writer(storage, self._segment)
        try:
            self._terms = codec.field_writer(storage, self._segment)
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
            writer.start_field(name, FIELD_TYPE)
            postings: BulkPostingsWriter = writer._postwriter  # noqa: SLF001  (of BulkCodec)
            for term, numbers, weights in terms:
                postings.write(writer, term, numbers, weights)
            writer.finish_field()
        index = writer._tindex.index  # noqa: SLF001  (described in the commit file)
        names = sorted(writer._fieldmap, key=writer._fieldmap.get)  # noqa: SLF001  (likewise)
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


class BulkCodec(W3Codec):
    """Whoosh's codec, with a writer of whole posting lists."""

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> BulkPostingsWriter:
        """Return the writer of a field's postings."""
        return BulkPostingsWriter(dbfile, BLOCK_LIMIT, byteids, _COMPRESSION)


class BulkPostingsWriter(W3PostingsWriter):
    """Whoosh's writer of posting lists, which takes whole lists."""

    def write(
        self, field: W3FieldWriter, term: str, numbers: Sequence[int], weights: Sequence[int]
    ) -> None:
        """Write a term of ``field`` with its documents, in ascending order, and their weights."""
        key = term.encode("utf-8")
        if len(numbers) <= MAX_INLINED:
            # Whoosh's own writer of inlined lists calls a method that does not exist in 3.54.
            row = pack_ushort(field._fieldid) + key  # noqa: SLF001  (the layout of term files)
            field._tindex.add(row, _inlined_postings(numbers, weights))  # noqa: SLF001  (as above)
            return
        field.start_term(key)
        for start in range(0, len(numbers), BLOCK_LIMIT):
            if start:
                self._write_block()  # a full block with another after it
            self._ids = numbers[start : start + BLOCK_LIMIT]  # type: ignore[assignment]
            # Whoosh uses an array of floats, and only counts, adds and slices its elements.
            self._weights = weights[start : start + BLOCK_LIMIT]  # type: ignore[assignment]
            self._maxweight = max(self._weights)
        field.finish_term()

    def _write_block(self, last: bool = False) -> None:
        # Like Whoosh's method, but Whoosh pickles each number in as few bytes as it takes, and
        # weights as floats. Its readers accept any sequence of numbers.
        cast("W3TermInfo", self._terminfo).add_block(self)
        numbers = cast("Sequence[int]", self._ids)
        deltas = (numbers[0], *map(sub, numbers[1:], numbers))
        weights = _pack_weights(cast("Sequence[int]", self._weights))
        data = b"\x80\x03" + _pack_numbers(deltas) + weights + b"N\x87."
        compressed = compress(data, _COMPRESSION) if len(data) > COMPRESSION_MIN_SIZE else data
        is_shorter = len(compressed) < len(data)
        info = dumps(
            (len(numbers), numbers[-1], self._maxweight, _COMPRESSION * is_shorter, 0, 0),
            _PICKLE_PROTOCOL,
        )
        data = compressed if is_shorter else data
        length = len(info) + len(data)
        self._postfile.write(
            (b"" if self._blockcount else WHOOSH3_HEADER_MAGIC)
            + pack_int(-length if last else length)
            + info
            + data
        )
        self._blockcount += 1
        self._new_block()


def _pack_numbers(numbers: Sequence[int]) -> bytes:
    """Return a tuple as pickled: all numbers but the first take the same number of bytes."""
    first, rest = numbers[0], numbers[1:]
    highest = max(rest, default=0)
    opcode, code = next(each for each in _OPCODES if highest <= each[2])[:2]
    packed = array(code, rest)
    if sys.byteorder == "big":
        packed.byteswap()
    data, width = packed.tobytes(), packed.itemsize
    items = bytearray((width + 1) * len(rest))
    items[:: width + 1] = opcode * len(rest)
    for byte in range(width):
        items[byte + 1 :: width + 1] = data[byte::width]
    return b"(J" + first.to_bytes(4, "little") + bytes(items) + b"t"


_OPCODES: Final = ((b"K", "B", _HIGHEST_BYTE), (b"M", "H", 0xFFFF), (b"J", "i", 0x7FFFFFFF))
"""The opcodes of pickled numbers, with their type codes and the highest numbers."""


def _pack_weights(weights: Sequence[int]) -> bytes:
    """Return weights as pickled: nothing if all are 1, else bytes if that is possible."""
    highest = max(weights)
    if highest == 1 == min(weights):
        return b"N"
    if highest > _HIGHEST_BYTE:
        return _pack_numbers(weights)
    return b"B" + len(weights).to_bytes(4, "little") + bytes(weights)


def _inlined_postings(numbers: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return the value of a term's row if it contains the postings instead of their position."""
    totals = (sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
    return W3TermInfo._struct.pack(True, *totals) + dumps(  # noqa: SLF001  (the layout of rows)
        (tuple(numbers), tuple(weights), ()), _PICKLE_PROTOCOL
    )
