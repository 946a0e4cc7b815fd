"""Writing the files of one segment: see :mod:`newsgrep.engines.whoosh.segment` for their form."""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import sub
from pathlib import Path
from typing import Any, Final
from zlib import compress

from newsgrep.engines.whoosh.internals import (
    ColumnWriter,
    StructFile,
    column_writer,
    create_file,
)
from newsgrep.engines.whoosh.segment import (
    BLOCK_BYTES,
    BLOCK_HEADER,
    FIELD_NUMBER,
    GAP_CODES,
    LISTED_ROW,
    ROW_LENGTHS,
    TERMS_END,
    TERMS_MAGIC,
    WIDE_WEIGHTS,
    BlockForm,
)
from newsgrep.engines.whoosh.storage import COLUMNS

MAX_INLINED: Final = 8
"""A list up to this length is stored in its term's row: a block of its own would be larger."""

BLOCK_LIMIT: Final = 4096
"""Postings in one block. Long lists are read whole."""

_COMPRESSION: Final = 6
_COMPRESSED_FROM: Final = 80
"""Bytes of a block that compression makes smaller; most shorter ones become larger."""

_HIGHEST: Final = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}

WrittenPostings = Iterable[tuple[str, Iterable[tuple[str, list[int], list[int]]]]]
"""Fields, in order of name, each with its terms, in order of code points; a term has documents,
ascending, and weights."""


class SegmentBuilder:
    """Writes one segment into ``folder``: documents one after the other, then all postings.

    ``documents`` is the number of documents so far.
    """

    def __init__(self, folder: Path) -> None:
        self.name: Final = os.urandom(8).hex()
        self.documents = 0
        self._folder = folder
        self._files: dict[str, StructFile] = {}
        self._columns: dict[str, ColumnWriter] = {}
        self.is_finished = False
        try:
            for name in COLUMNS:
                file = self._files[name] = create_file(self._path(f"{name}.col"))
                self._columns[name] = column_writer(name, file)
        except BaseException:
            self.close()
            raise

    def _path(self, ending: str) -> Path:
        return self._folder / f"{self.name}.{ending}"

    def add(self, columns: Mapping[str, Any]) -> int:
        """Add a document with a value for each column, and return its number."""
        number = self.documents
        for name, value in columns.items():
            self._columns[name].add(number, value)
        self.documents += 1
        return number

    def add_all(self, columns: Mapping[str, Iterable[Any]], count: int) -> None:
        """Add ``count`` documents, given all their values for each column."""
        numbers = range(self.documents, self.documents + count)
        for name, values in columns.items():
            add = self._columns[name].add
            for number, value in zip(numbers, values, strict=True):
                add(number, value)
        self.documents += count

    def finish(self, fields: Sequence[str], postings: WrittenPostings) -> None:
        """Write the terms of ``fields``, and close all files."""
        for writer in self._columns.values():
            writer.finish(self.documents)
        self._files["trm"] = create_file(self._path("trm"))
        self._files["pst"] = create_file(self._path("pst"))
        terms = _TermWriter(self._files["trm"], fields)
        listed = _ListWriter(self._files["pst"])
        for field, lists in postings:
            for term, numbers, weights in lists:
                terms.add(field, term, listed.write(numbers, weights))
        terms.finish()
        for file in self._files.values():
            if not file.is_closed:
                file.close()
        self.is_finished = True

    def close(self) -> None:
        """Close all files, of a segment that is not finished as well."""
        for file in self._files.values():
            if not file.is_closed:
                with suppress(OSError):  # a full disk was reported by the first error
                    file.close()


class _TermWriter:
    """Writes a table of terms: see :class:`newsgrep.engines.whoosh.segment.TermFile`."""

    def __init__(self, file: StructFile, fields: Sequence[str]) -> None:
        self._file = file
        self._fields = list(fields)
        self._last_key = b""
        self._block: list[bytes] = []
        self._block_bytes = 0
        self._positions = array("Q")
        self._position = 0

    def add(self, field: str, term: str, row: bytes) -> None:
        """Add a term with its row; fields and, within a field, code points ascend."""
        key = FIELD_NUMBER.pack(self._fields.index(field)) + term.encode("utf-8")
        if key <= self._last_key:
            raise ValueError(f"keys must ascend: {self._last_key!r}, {key!r}")
        self._last_key = key
        self._block.append(ROW_LENGTHS.pack(len(key), len(row)) + key + row)
        self._block_bytes += ROW_LENGTHS.size + len(key) + len(row)
        if self._block_bytes >= BLOCK_BYTES:
            self._write_block()

    def _write_block(self) -> None:
        self._positions.append(self._position)
        self._file.write(b"".join(self._block))
        self._position += self._block_bytes
        self._block.clear()
        self._block_bytes = 0

    def finish(self) -> None:
        """Write what follows the rows."""
        if self._block:
            self._write_block()
        names = json.dumps(self._fields).encode()
        self._file.write(
            _to_bytes("Q", self._positions)
            + names
            + TERMS_END.pack(TERMS_MAGIC, self._position, len(self._positions), len(names))
        )


class _ListWriter:
    """Writes long lists of postings to a file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._position = 0

    def write(self, numbers: Sequence[int], weights: Sequence[int]) -> bytes:
        """Write the postings of a term, unless they are few; return the row of the term."""
        if len(numbers) <= MAX_INLINED:
            return inline_postings(numbers, weights)
        start = self._position
        for block in _blocks(numbers, weights):
            self._file.write(block)
            self._position += len(block)
        return LISTED_ROW.pack(0, len(numbers), start, self._position - start)


def inline_postings(numbers: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return the row of a term that contains its postings, at most :data:`MAX_INLINED`."""
    code = _narrowest(max(weights), "BI")
    count = len(numbers) | (WIDE_WEIGHTS if code == "I" else 0)
    return bytes([count]) + _to_bytes("I", numbers) + _to_bytes(code, weights)


def _blocks(numbers: Sequence[int], weights: Sequence[int]) -> Iterator[bytes]:
    for start in range(0, len(numbers), BLOCK_LIMIT):
        end = start + BLOCK_LIMIT
        yield pack_block(numbers[start:end], weights[start:end])


def pack_block(numbers: Sequence[int], weights: Sequence[int]) -> bytes:
    """Return a block of at most :data:`BLOCK_LIMIT` postings."""
    gaps = list(map(sub, numbers[1:], numbers))
    gap_code = _narrowest(max(gaps, default=0), GAP_CODES)
    highest = max(weights)
    weight_code = "" if highest == 1 == min(weights) else _narrowest(highest, "BI")
    body = _to_bytes(gap_code, gaps) + (_to_bytes(weight_code, weights) if weight_code else b"")
    packed = compress(body, _COMPRESSION) if len(body) >= _COMPRESSED_FROM else body
    form = BlockForm(gap_code, weight_code, len(packed) < len(body))
    body = packed if form.is_compressed else body
    return BLOCK_HEADER.pack(len(numbers), form.to_byte(), numbers[0], len(body)) + body


def _narrowest(number: int, codes: str) -> str:
    return next(code for code in codes if number <= _HIGHEST[code])


def _to_bytes(code: str, numbers: Iterable[int]) -> bytes:
    packed = array(code, numbers)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()
