"""Which fields and columns a document has in the Whoosh index."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from hashlib import md5
from itertools import accumulate, repeat
from operator import sub
from os import fsencode
from pickle import dumps
from struct import Struct
from typing import Any, Final, cast
from zlib import compress

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
from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import COLUMN, ID, Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.filedb.structfile import StructFile
from whoosh.matching.mcore import ListMatcher, Matcher
from whoosh.matching.wrappers import FilterMatcher
from whoosh.system import pack_ushort

from newsgrep.analysis.document import FieldCounts, pack_counts, unpack_counts
from newsgrep.query.ast import NameField

INDEX_NAME: Final = "NEWSGREP"

ARTICLE: Final = "article"
FILE_RECORD: Final = "note"

TEXT_FIELD: Final = "text"
"""Terms of title and body; a posting's weight tells how often (postings.py)."""

CAPTION_FIELD: Final = "caption"
KIND_FIELD: Final = "kind"
KEY_FIELD: Final = "key"
NAME_FIELDS: Final = {kind: f"{kind.value}_name" for kind in NameField}
"""Fields whose terms are whole names, as they are written."""

LENGTH_COLUMNS: Final = ("title_length", "lead_length", "body_length")
_OFFSETS_CUTOFF: Final = (
    1000  # values of a column; more than these are found without adding lengths up
)

NUMBER_COLUMNS: Final = {"first_day": "i", "last_day": "i", "moment": "d"} | dict.fromkeys(
    LENGTH_COLUMNS, "I"
)
NUMBER_DEFAULTS: Final = {"moment": float("-inf")}
BYTES_COLUMNS: Final = ("id", "url", "folded", "rest", "stamp")
FACET_COLUMNS: Final = ("source", "month")

COLUMNS: Final = (*NUMBER_COLUMNS, *BYTES_COLUMNS, *FACET_COLUMNS)

# Every document has a value in every column, so a column whose file is missing is damage;
# Whoosh by itself would go on with the default value.
DEFAULT_VALUES: Final = (
    {name: NUMBER_DEFAULTS.get(name, 0) for name in NUMBER_COLUMNS}
    | dict.fromkeys(BYTES_COLUMNS, b"")
    | dict.fromkeys(FACET_COLUMNS, b"")
)


def create_schema() -> Schema:
    """Return the schema; Whoosh stores it inside the index, made of its own classes only."""
    fields: dict[str, Any] = {KIND_FIELD: ID(), KEY_FIELD: ID()} | {
        field: ID() for field in NAME_FIELDS.values()
    }
    # Terms arrive cut already. Lengths are kept exactly, in columns, where Whoosh would
    # round them to a byte. ID fields store no frequency beside the weight.
    fields |= {TEXT_FIELD: ID(), CAPTION_FIELD: ID()}
    fields |= {
        name: COLUMN(VarBytesColumn(write_offsets_cutoff=_OFFSETS_CUTOFF)) for name in BYTES_COLUMNS
    }
    fields |= {name: COLUMN(RefBytesColumn()) for name in FACET_COLUMNS}
    fields |= {
        name: COLUMN(NumericColumn(code, default=NUMBER_DEFAULTS.get(name, 0)))
        for name, code in NUMBER_COLUMNS.items()
    }
    return Schema(**fields)


def file_record_key(path: str) -> str:
    """Return the key of the note on a file; a path may be any bytes, a term is text."""
    from hashlib import sha256  # a search has no use for it

    return sha256(fsencode(path)).hexdigest()


BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

_MAX_INLINED: Final = 8
"""A list up to this long lies with its term: a block of its own would take more room."""

_COMPRESSION: Final = 6
_PICKLE_PROTOCOL: Final = 3  # the first protocol that has bytes; later ones frame every pickle
_LENGTH: Final = Struct("!i")
_ROW: Final = Struct("!ii")
_ONE_BYTE: Final = 256

PostingsBlock = tuple[Iterable[int], Iterable[int]]
"""Document numbers, and the weights of the postings (small ones, see :func:`counts_to_weight`)."""


class _WeightByCounts(dict[int, int]):
    """From packed counts to the weights on disk, worked out once for each value.

    A weight has the low bits of all three counts in its low byte, so that 98 in 100
    postings have a weight of one byte: 4 bits of body, 3 of lead, 1 of title.
    """

    def __missing__(self, packed: int) -> int:
        title, lead, body = unpack_counts(packed)
        low = body & 0xF | (lead & 7) << 4 | (title & 1) << 7
        weight = low | (body >> 4) << 8 | (lead >> 3) << 16 | (title >> 1) << 21
        self[packed] = weight
        return weight


class _CountsByWeight(dict[int, int]):
    """The way back."""

    def __missing__(self, weight: int) -> int:
        body = weight & 0xF | (weight >> 8 & 0xFF) << 4
        lead = weight >> 4 & 7 | (weight >> 16 & 0x1F) << 3
        title = weight >> 7 & 1 | (weight >> 21) << 1
        packed = self[weight] = pack_counts(FieldCounts(title, lead, body))
        return packed


counts_to_weight: Final = _WeightByCounts().__getitem__
"""Return the weight that a posting with these packed counts has on disk, below 2**24."""

weight_to_counts: Final = _CountsByWeight().__getitem__
"""Return the packed counts (:func:`newsgrep.analysis.document.pack_counts`) of a weight."""


class BulkCodec(W3Codec):
    """Whoosh's codec with our writer of posting lists; all of its files are Whoosh's."""

    def field_writer(self, storage: FileStorage, segment: W3Segment) -> W3FieldWriter:
        """Return the writer of a segment's terms and postings."""
        writer: W3FieldWriter = super().field_writer(storage, segment)
        # In the place of Whoosh's own, which has just begun the same file.
        own = writer._tindex  # noqa: SLF001  (there is no other way to it)
        own.dbfile.seek(own.startoffset)
        writer._tindex = TermIndexWriter(own.dbfile)  # noqa: SLF001  (likewise)
        writer._tindex.extras = own.extras  # noqa: SLF001  (likewise)
        return writer

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> BulkPostingsWriter:
        """Return the writer of a field's postings."""
        return BulkPostingsWriter(dbfile, BLOCK_LIMIT, byteids, _COMPRESSION)

    def __reduce__(self) -> tuple[type[W3Codec], tuple[()]]:
        # A segment keeps its codec; a pickle with our classes would need us to be read.
        return W3Codec, ()


class BulkPostingsWriter(W3PostingsWriter):
    """Whoosh's writer of posting lists, given whole lists."""

    def write(
        self, field: W3FieldWriter, term: str, numbers: list[int], weights: list[int]
    ) -> None:
        """Write a term of ``field`` with its documents, ascending, and their weights."""
        key = term.encode("utf-8")
        if len(numbers) <= _MAX_INLINED:
            # Whoosh's own writer for such lists calls a method that does not exist, in 3.54.
            term_key = pack_ushort(field._fieldid) + key  # noqa: SLF001
            field._tindex.add(term_key, _inlined_postings(numbers, weights))  # noqa: SLF001
            return
        field.start_term(key)
        for start in range(0, len(numbers), BLOCK_LIMIT):
            if start:
                self._write_block()  # a full block is followed by another
            self._ids = numbers[start : start + BLOCK_LIMIT]
            # Whoosh's own are an array of floats; it only counts, adds and slices them.
            self._weights = weights[start : start + BLOCK_LIMIT]  # type: ignore[assignment]
            self._maxweight = max(self._weights)
        field.finish_term()

    def _write_block(self, last: bool = False) -> None:
        # As Whoosh's own, but that Whoosh pickles tuples of floats. Readers take any
        # sequence of numbers, and bytes are the shortest.
        cast("W3TermInfo", self._terminfo).add_block(self)
        data = dumps((self._differences(), self._small_weights(), None), _PICKLE_PROTOCOL)
        squeezed = compress(data, _COMPRESSION) if len(data) > COMPRESSION_MIN_SIZE else data
        packed = len(squeezed) < len(data)
        info = dumps(
            (len(self._ids), self._ids[-1], self._maxweight, _COMPRESSION * packed, 0, 0),
            _PICKLE_PROTOCOL,
        )
        data = squeezed if packed else data
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

    def _differences(self) -> tuple[int, ...]:
        return (self._ids[0], *map(sub, self._ids[1:], self._ids))

    def _small_weights(self) -> bytes | tuple[int, ...] | None:
        weights, most = cast("list[int]", self._weights), self._maxweight
        if most == 1 == min(weights):
            return None
        return bytes(weights) if most < _ONE_BYTE else tuple(weights)


class TermIndexWriter(OrderedHashWriter):
    """Whoosh's file of terms, written with one call for each row instead of four."""

    def __init__(self, dbfile: StructFile) -> None:
        super().__init__(dbfile)
        self._place = self.tell()

    def add(self, key: bytes, value: bytes) -> None:
        """Add a row; keys come in ascending order."""
        if key <= self.lastkey:
            raise ValueError(f"keys must ascend: {self.lastkey!r}, {key!r}")
        row = _ROW.pack(len(key), len(value)) + key + value
        self.dbfile.write(row)
        hashed = int.from_bytes(md5(key, usedforsecurity=False).digest()[-4:], "big")
        self.buckets[hashed & 0xFF].append((hashed, self._place))
        self.index.append(self._place)
        self.lastkey = key
        self._place += len(row)


def _inlined_postings(numbers: list[int], weights: list[int]) -> bytes:
    """Return what stands in the place of an address: the postings themselves."""
    totals = (sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
    return W3TermInfo._struct.pack(True, *totals) + dumps(  # noqa: SLF001  (Whoosh's layout)
        (tuple(numbers), tuple(weights), ()), _PICKLE_PROTOCOL
    )


def read_blocks(matcher: Matcher) -> Iterator[PostingsBlock]:
    """Yield the postings of a matcher that was just made, a block at a time.

    Those of deleted documents are among them. Whoosh's own way is a method call for each
    posting and value; this is twenty times as fast.
    """
    if isinstance(matcher, FilterMatcher):  # put round by a segment with deletions
        matcher = matcher.child
    if isinstance(matcher, ListMatcher):
        yield matcher._ids, matcher._weights  # noqa: SLF001  (lists have no public name)
    elif isinstance(matcher, W3LeafMatcher):
        while matcher.is_active():
            matcher._read_data()  # noqa: SLF001  (blocks have no public name)
            deltas, weights, _ = cast("tuple[Any, ...]", matcher._data)  # noqa: SLF001  (likewise)
            yield accumulate(deltas), repeat(1, len(deltas)) if weights is None else weights
            matcher._next_block()  # noqa: SLF001  (likewise)
    elif matcher.is_active():
        raise TypeError(f"no postings known of {type(matcher).__name__}")


def join_blocks(parts: Iterable[PostingsBlock]) -> tuple[array[int], array[int]]:
    """Return all blocks as one list of numbers and one of packed counts."""
    numbers, counts = array("L"), array("L")
    for ids, weights in parts:
        numbers.extend(ids)
        counts.extend(map(weight_to_counts, weights))
    return numbers, counts
