"""A term's postings as Whoosh's blocks, written whole and read whole.

The codec's own writer makes the blocks and unmodified Whoosh reads them (a test compares
posting for posting); what is ours is that a list arrives at once, and how small its parts are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from hashlib import md5
from itertools import accumulate, repeat
from operator import sub
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
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.filedb.structfile import StructFile
from whoosh.matching.mcore import ListMatcher, Matcher
from whoosh.matching.wrappers import FilterMatcher
from whoosh.system import pack_ushort

from newsgrep.engines.counts import Counts, pack_counts, unpack_counts

BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

_INLINE: Final = 8
"""A list up to this long lies with its term: a block of its own would take more room."""

_COMPRESSION: Final = 6
_PICKLE: Final = 3  # the first protocol that has bytes; later ones frame every pickle
_LENGTH: Final = Struct("!i")
_ROW: Final = Struct("!ii")
_ONE_BYTE: Final = 256

Block = tuple[Iterable[int], Iterable[int]]
"""Document numbers, and the weights of the postings (small ones, see :func:`to_weight`)."""


class _Weights(dict[int, int]):
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


class _Packed(dict[int, int]):
    """The way back."""

    def __missing__(self, weight: int) -> int:
        body = weight & 0xF | (weight >> 8 & 0xFF) << 4
        lead = weight >> 4 & 7 | (weight >> 16 & 0x1F) << 3
        title = weight >> 7 & 1 | (weight >> 21) << 1
        packed = self[weight] = pack_counts(Counts(title, lead, body))
        return packed


to_weight: Final = _Weights().__getitem__
"""Return the weight that a posting with these packed counts has on disk, below 2**24."""

to_packed: Final = _Packed().__getitem__
"""Return the packed counts (:func:`newsgrep.engines.counts.pack_counts`) of a weight."""


class Codec(W3Codec):
    """Whoosh's codec with our writer of posting lists; all of its files are Whoosh's."""

    def field_writer(self, storage: FileStorage, segment: W3Segment) -> W3FieldWriter:
        """Return the writer of a segment's terms and postings."""
        writer: W3FieldWriter = super().field_writer(storage, segment)
        # In the place of Whoosh's own, which has just begun the same file.
        own = writer._tindex  # noqa: SLF001  (there is no other way to it)
        own.dbfile.seek(own.startoffset)
        writer._tindex = TermIndex(own.dbfile)  # noqa: SLF001  (likewise)
        writer._tindex.extras = own.extras  # noqa: SLF001  (likewise)
        return writer

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> ListWriter:
        """Return the writer of a field's postings."""
        return ListWriter(dbfile, BLOCK_LIMIT, byteids, _COMPRESSION)

    def __reduce__(self) -> tuple[type[W3Codec], tuple[()]]:
        # A segment keeps its codec; a pickle with our classes would need us to be read.
        return W3Codec, ()


class ListWriter(W3PostingsWriter):
    """Whoosh's writer of posting lists, given whole lists."""

    def write(
        self, field: W3FieldWriter, term: str, numbers: list[int], weights: list[int]
    ) -> None:
        """Write a term of ``field`` with its documents, ascending, and their weights."""
        key = term.encode("utf-8")
        if len(numbers) <= _INLINE:
            field._tindex.add(pack_ushort(field._fieldid) + key, _inline(numbers, weights))  # noqa: SLF001  (its writer for such lists calls a method that is not there, in 3.54)
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
        data = dumps((self._differences(), self._small_weights(), None), _PICKLE)
        squeezed = compress(data, _COMPRESSION) if len(data) > COMPRESSION_MIN_SIZE else data
        packed = len(squeezed) < len(data)
        info = dumps(
            (len(self._ids), self._ids[-1], self._maxweight, _COMPRESSION * packed, 0, 0), _PICKLE
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


class TermIndex(OrderedHashWriter):
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


def _inline(numbers: list[int], weights: list[int]) -> bytes:
    """Return what stands in the place of an address: the postings themselves."""
    totals = (sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
    return W3TermInfo._struct.pack(True, *totals) + dumps(  # noqa: SLF001  (Whoosh's layout)
        (tuple(numbers), tuple(weights), ()), _PICKLE
    )


def blocks(matcher: Matcher) -> Iterator[Block]:
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


def joined(parts: Iterable[Block]) -> tuple[array[int], array[int]]:
    """Return all blocks as one list of numbers and one of packed counts."""
    numbers, counts = array("L"), array("L")
    for ids, weights in parts:
        numbers.extend(ids)
        counts.extend(map(to_packed, weights))
    return numbers, counts
