"""Every use of what Whoosh does not document, in one module, with its reason.

The rest of the package uses Whoosh's documented classes, or this module. What is here depends on
the inside of one minor version of whoosh3 and is checked against :data:`SUPPORTED_VERSION` on
import. Unmodified Whoosh reads the index nevertheless: tests/engines/test_whoosh_format.py
compares every posting, column value and term statistic.

To move to another minor version, go through the entries below in its source, change
:data:`SUPPORTED_VERSION` and the requirement in pyproject.toml, and run tests/engines.

==================================  ==========================================================
what is used                        why
==================================  ==========================================================
names of files, :data:`LOCK_NAME`   the last two commits are kept, and leftovers are deleted
``TOC``, ``W3Segment`` pickled      checksums of files are stored as an attribute of a segment
``W3Codec``, ``W3FieldWriter``,     posting lists are written whole, and are smaller: short ones
``W3PostingsWriter``,               lie with their term, and most weights take one byte
``OrderedHashWriter``
``ListMatcher``, ``W3LeafMatcher``  posting lists are read whole: 20 times as fast
layout of columns of numbers and    columns are read whole: 40 times as fast as value by value
references
steps of ``SegmentWriter.commit``   postings are gathered by term, segments are finished before
                                    they grow too large, and a commit is synced to disk
==================================  ==========================================================
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from hashlib import md5
from itertools import accumulate, repeat
from operator import sub
from pickle import dumps
from struct import Struct
from typing import Any, Final, cast
from zlib import compress

import whoosh
from whoosh.codec.whoosh3 import (
    COMPRESSION_MIN_SIZE,
    WHOOSH3_HEADER_MAGIC,
    W3Codec,
    W3FieldWriter,
    W3LeafMatcher,
    W3PostingsWriter,
    W3Segment,
    W3TermInfo,
)
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.filedb.structfile import StructFile
from whoosh.index import TOC, FileIndex
from whoosh.matching.mcore import ListMatcher, Matcher
from whoosh.matching.wrappers import FilterMatcher
from whoosh.system import pack_ushort
from whoosh.writing import SegmentWriter

from newsgrep.errors import UsageError

__all__ = [
    "BLOCK_LIMIT",
    "INDEX_FILE",
    "INDEX_NAME",
    "LOCK_NAME",
    "SUPPORTED_VERSION",
    "TEMPORARY_FOLDER",
    "TOC",
    "BulkCodec",
    "HookedSegmentWriter",
    "PostingsBlock",
    "W3Segment",
    "check_version",
    "get_checksums",
    "read_blocks",
    "read_numbers",
    "read_references",
    "set_checksums",
    "toc_name",
]

SUPPORTED_VERSION: Final = (3, 54)
"""Major and minor version of whoosh3 that this module was written for."""


def check_version(installed: tuple[int, ...]) -> None:
    """Raise :class:`UsageError` if the ``installed`` version of Whoosh is not supported."""
    if installed[:2] != SUPPORTED_VERSION:
        major, minor = SUPPORTED_VERSION
        found = ".".join(map(str, installed))
        raise UsageError(
            f"newsgrep needs whoosh3 {major}.{minor}, but version {found} is installed. Install "
            f'it with: pip install "whoosh3=={major}.{minor}.*"'
        )


check_version(whoosh.__version__)


# Names of files ------------------------------------------------------------------------------

INDEX_NAME: Final = "NEWSGREP"
"""The name that Whoosh puts into the names of all files of an index."""

LOCK_NAME: Final = f"{INDEX_NAME}_WRITELOCK"
"""The lock file of ``SegmentWriter``, for writers that are none."""

TEMPORARY_FOLDER: Final = f"{INDEX_NAME}.tmp"
"""Where ``SegmentWriter`` and ``W3PerDocWriter`` put temporary files."""

INDEX_FILE: Final = re.compile(rf"_?{INDEX_NAME}_(?!WRITELOCK)")
"""Matches the beginning of names of tables of contents and of files of segments."""


def toc_name(generation: int, suffix: str = "toc") -> str:
    """Return the name of the table of contents of a commit, as ``TOC.write`` uses it."""
    return f"_{INDEX_NAME}_{generation}.{suffix}"


# Attributes of segments ----------------------------------------------------------------------

_CHECKSUMS: Final = "file_sums"


def set_checksums(segment: W3Segment, checksums: Mapping[str, tuple[int, bytes]]) -> None:
    """Store the size and page checksums of a segment's files, by their names, in the segment.

    A table of contents contains the pickled segments, and a pickle contains all attributes.
    Values are stored as plain tuples, so that unmodified Whoosh can load them.
    """
    setattr(segment, _CHECKSUMS, {name: tuple(each) for name, each in checksums.items()})


def get_checksums(segment: W3Segment) -> dict[str, tuple[int, bytes]]:
    """Return what :func:`set_checksums` stored in the segment."""
    checksums: dict[str, tuple[int, bytes]] = getattr(segment, _CHECKSUMS)
    return checksums


# Writing posting lists -----------------------------------------------------------------------

BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

_MAX_INLINED: Final = 8
"""A list up to this length is stored with its term: a block of its own would be larger."""

_COMPRESSION: Final = 6
_PICKLE_PROTOCOL: Final = 3  # the first with bytes; later ones add a frame to every pickle
_LENGTH: Final = Struct("!i")
_ROW: Final = Struct("!ii")
_ONE_BYTE: Final = 256


class BulkCodec(W3Codec):
    """Whoosh's codec with a faster writer of posting lists; the files have Whoosh's format."""

    def field_writer(self, storage: FileStorage, segment: W3Segment) -> W3FieldWriter:
        """Return the writer of a segment's terms and postings."""
        writer: W3FieldWriter = super().field_writer(storage, segment)
        # Replaces the writer of terms that Whoosh has just created, on the same file.
        own = writer._tindex  # noqa: SLF001  (created by the constructor, without a parameter)
        own.dbfile.seek(own.startoffset)
        writer._tindex = TermIndexWriter(own.dbfile)  # noqa: SLF001  (as above)
        writer._tindex.extras = own.extras  # noqa: SLF001  (as above)
        return writer

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> BulkPostingsWriter:
        """Return the writer of a field's postings."""
        return BulkPostingsWriter(dbfile, BLOCK_LIMIT, byteids, _COMPRESSION)

    def __reduce__(self) -> tuple[type[W3Codec], tuple[()]]:
        # A pickled segment contains its codec. With this class, Whoosh could not load it alone.
        return W3Codec, ()


class BulkPostingsWriter(W3PostingsWriter):
    """Whoosh's writer of posting lists, which takes whole lists."""

    def write(
        self, field: W3FieldWriter, term: str, numbers: list[int], weights: list[int]
    ) -> None:
        """Write a term of ``field`` with its documents, in ascending order, and their weights."""
        key = term.encode("utf-8")
        if len(numbers) <= _MAX_INLINED:
            # Whoosh's own writer of inlined lists calls a method that does not exist in 3.54.
            row = pack_ushort(field._fieldid) + key  # noqa: SLF001  (the layout of term files)
            field._tindex.add(row, _inlined_postings(numbers, weights))  # noqa: SLF001  (as above)
            return
        field.start_term(key)
        for start in range(0, len(numbers), BLOCK_LIMIT):
            if start:
                self._write_block()  # a full block with another after it
            self._ids = numbers[start : start + BLOCK_LIMIT]
            # Whoosh uses an array of floats, and only counts, adds and slices its elements.
            self._weights = weights[start : start + BLOCK_LIMIT]  # type: ignore[assignment]
            self._maxweight = max(self._weights)
        field.finish_term()

    def _write_block(self, last: bool = False) -> None:
        # Like Whoosh's method, but Whoosh pickles tuples of floats. Its readers accept any
        # sequence of numbers, and bytes are the shortest.
        cast("W3TermInfo", self._terminfo).add_block(self)
        data = dumps((self._deltas(), self._short_weights(), None), _PICKLE_PROTOCOL)
        compressed = compress(data, _COMPRESSION) if len(data) > COMPRESSION_MIN_SIZE else data
        is_shorter = len(compressed) < len(data)
        info = dumps(
            (len(self._ids), self._ids[-1], self._maxweight, _COMPRESSION * is_shorter, 0, 0),
            _PICKLE_PROTOCOL,
        )
        data = compressed if is_shorter else data
        length = len(info) + len(data)
        file = self._postfile
        file.write(
            (b"" if self._blockcount else WHOOSH3_HEADER_MAGIC)
            + _LENGTH.pack(-length if last else length)
            + info
            + data
        )
        self._blockcount += 1
        self._new_block()

    def _deltas(self) -> tuple[int, ...]:
        return (self._ids[0], *map(sub, self._ids[1:], self._ids))

    def _short_weights(self) -> bytes | tuple[int, ...] | None:
        weights, highest = cast("list[int]", self._weights), self._maxweight
        if highest == 1 == min(weights):
            return None
        return bytes(weights) if highest < _ONE_BYTE else tuple(weights)


class TermIndexWriter(OrderedHashWriter):
    """Whoosh's writer of term files, with one write call for each row instead of four."""

    def __init__(self, dbfile: StructFile) -> None:
        super().__init__(dbfile)
        self._position = self.tell()

    def add(self, key: bytes, value: bytes) -> None:
        """Add a row; keys must be in ascending order."""
        if key <= self.lastkey:
            raise ValueError(f"keys must ascend: {self.lastkey!r}, {key!r}")
        row = _ROW.pack(len(key), len(value)) + key + value
        self.dbfile.write(row)
        hashed = int.from_bytes(md5(key, usedforsecurity=False).digest()[-4:], "big")
        self.buckets[hashed & 0xFF].append((hashed, self._position))
        self.index.append(self._position)
        self.lastkey = key
        self._position += len(row)


def _inlined_postings(numbers: list[int], weights: list[int]) -> bytes:
    """Return the value of a term's row if it contains the postings instead of their position."""
    totals = (sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
    return W3TermInfo._struct.pack(True, *totals) + dumps(  # noqa: SLF001  (the layout of rows)
        (tuple(numbers), tuple(weights), ()), _PICKLE_PROTOCOL
    )


# Reading posting lists -----------------------------------------------------------------------

PostingsBlock = tuple[Iterable[int], Iterable[int]]
"""Document numbers, and the weight of each posting."""


def read_blocks(matcher: Matcher) -> Iterator[PostingsBlock]:
    """Yield the postings of a new matcher in blocks, those of deleted documents included.

    Whoosh's documented way is a method call for each posting and value, and takes 20 times as
    long.
    """
    if isinstance(matcher, FilterMatcher):  # a segment with deletions wraps its matchers
        matcher = matcher.child
    if isinstance(matcher, ListMatcher):
        yield matcher._ids, matcher._weights  # noqa: SLF001  (lists have no public name)
    elif isinstance(matcher, W3LeafMatcher):
        while matcher.is_active():
            matcher._read_data()  # noqa: SLF001  (blocks have no public name)
            deltas, weights, _ = cast("tuple[Any, ...]", matcher._data)  # noqa: SLF001  (as above)
            yield accumulate(deltas), repeat(1, len(deltas)) if weights is None else weights
            matcher._next_block()  # noqa: SLF001  (as above)
    elif matcher.is_active():
        raise TypeError(f"cannot read the postings of {type(matcher).__name__}")


# Reading columns -----------------------------------------------------------------------------


def read_numbers(file: StructFile, length: int, typecode: str) -> array[Any]:
    """Return all values in the ``length`` bytes of a ``NumericColumn``'s file.

    Numbers are big-endian. Documents at the end that have the default value are not in the file.
    """
    numbers: array[Any] = array(typecode)
    numbers.frombytes(file.get(0, length - length % numbers.itemsize))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def read_references(column: Any) -> tuple[list[bytes], array[int]]:
    """Return the distinct values of a ``RefBytesColumn``, and the index of each document's value.

    ``column`` is a reader of such a column.
    """
    references: array[int] = column._dbfile.get_array(  # noqa: SLF001  (read at once)
        column._basepos,  # noqa: SLF001  (as above)
        column._typecode,  # noqa: SLF001  (as above)
        column._doccount,  # noqa: SLF001  (as above)
    )
    return column._uniques, references  # noqa: SLF001  (read by the constructor)


# Writing segments ----------------------------------------------------------------------------


class HookedSegmentWriter(SegmentWriter):
    """Whoosh's segment writer, with the private steps of a commit as methods to override.

    ``commit`` calls :meth:`flush_postings` and :meth:`on_segment_written` for the last segment,
    then :meth:`commit_segments`; where it fails, and in ``cancel``, :meth:`discard_files`.
    """

    def __init__(self, index: FileIndex) -> None:
        # Plain files are read where they are; a compound file would be copied into memory.
        super().__init__(index, compound=False, codec=BulkCodec())

    def flush_postings(self) -> None:
        """Write all postings of the segment, by :meth:`write_field`, fields in order of name."""
        raise NotImplementedError

    def on_segment_written(self, segment: W3Segment) -> None:
        """Do what is to be done when all files of ``segment`` are written and closed."""
        raise NotImplementedError

    def commit_segments(self, segments: list[W3Segment]) -> None:
        """Make ``segments`` the last commit."""
        raise NotImplementedError

    def discard_files(self) -> None:
        """Delete the files of a commit that failed, while other writers are locked out."""
        raise NotImplementedError

    def add_columns(self, columns: Mapping[str, Any]) -> int:
        """Add a document with a value for each column, and return its number in the segment."""
        number: int = self.docnum
        documents = self.perdocwriter
        documents.start_doc(number)
        for name, value in columns.items():
            documents.add_column_value(name, self.schema[name].column_type, value)
        documents.finish_doc()
        self.docnum += 1
        self._added = True
        return number

    def write_field(self, name: str, postings: Iterable[tuple[str, list[int], list[int]]]) -> None:
        """Write a field's terms, in order of code points, each with documents and weights."""
        fields = self.fieldwriter
        fields.start_field(name, self.schema[name])
        writer = fields._postwriter  # noqa: SLF001  (created by start_field, of BulkCodec)
        for term, numbers, weights in postings:
            writer.write(fields, term, numbers, weights)
        fields.finish_field()

    def finish_segment(self) -> W3Segment:
        """Finish the segment that is written, begin another one, and return the finished one."""
        segment = self._finalize_segment()
        self.newsegment = self.codec.new_segment(self.storage, self.indexname)
        self.perdocwriter = self.codec.per_document_writer(self.storage, self.newsegment)
        self.fieldwriter = self.codec.field_writer(self.storage, self.newsegment)
        self.docnum, self._added = self.docbase, False
        return segment

    def cancel(self, **_: Any) -> None:
        """Discard all changes, and leave no file behind."""
        try:
            self._close_segment()
        finally:
            self.discard_files()
            self._finish()

    def _flush_segment(self) -> None:
        self.perdocwriter.close()
        self.flush_postings()
        self.fieldwriter.close()

    def _finalize_segment(self) -> W3Segment:
        segment: W3Segment = super()._finalize_segment()
        self.on_segment_written(segment)
        return segment

    def _commit_toc(self, segments: list[W3Segment]) -> None:
        self.commit_segments(segments)

    def _cleanup_on_error(self) -> None:
        self.discard_files()
        super()._cleanup_on_error()
