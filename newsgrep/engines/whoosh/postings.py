"""A term's postings as Whoosh's blocks, written whole and read whole.

The codec's own writer makes the blocks and unmodified Whoosh reads them (a test compares
posting for posting); what is ours is that a list arrives at once, and how small its parts are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
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
    W3TermInfo,
)
from whoosh.matching.mcore import ListMatcher, Matcher
from whoosh.matching.wrappers import FilterMatcher

BLOCK_LIMIT: Final = 4096
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""

_INLINE: Final = 8
"""A list up to this long lies with its term: a block of its own would take more room."""

_COMPRESSION: Final = 6
_PICKLE: Final = 3  # the first protocol that has bytes; later ones frame every pickle
_LENGTH: Final = Struct("!i")
_ONE_BYTE: Final = 256

Block = tuple[Iterable[int], Iterable[int]]
"""Document numbers, and the weights of the postings (small ones, see :func:`to_weight`)."""


class _Weights(dict[int, int]):
    """From packed counts to the weights on disk, worked out once for each value.

    A weight has the low bits of all three counts in its low byte, so that 98 in 100
    postings have a weight of one byte: 4 bits of body, 3 of lead, 1 of title.
    """

    def __missing__(self, packed: int) -> int:
        title, lead, body = packed >> 20, packed >> 12 & 0xFF, packed & 0xFFF
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
        packed = title << 20 | lead << 12 | body
        self[weight] = packed
        return packed


to_weight: Final = _Weights().__getitem__
"""Return the weight that a posting with these packed counts has on disk, below 2**24."""

to_packed: Final = _Packed().__getitem__
"""Return the packed counts (:func:`newsgrep.engines.entry.pack_counts`) of a weight."""


class Codec(W3Codec):
    """Whoosh's codec with our writer of posting lists; all of its files are Whoosh's."""

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
        field.start_term(term.encode("utf-8"))
        if len(numbers) <= _INLINE:
            self._terminfo = _Inline(numbers, weights)
        else:
            for start in range(0, len(numbers), BLOCK_LIMIT):
                if start:
                    self._write_block()  # a full block is followed by another
                self._ids = numbers[start : start + BLOCK_LIMIT]
                # Whoosh's own are an array of floats; it only counts, adds and slices them.
                self._weights = weights[start : start + BLOCK_LIMIT]  # type: ignore[assignment]
                self._maxweight = max(self._weights)
        field.finish_term()

    def finish_postings(self) -> W3TermInfo:
        """Return what the term index says of the list."""
        if isinstance(self._terminfo, _Inline):
            info, self._terminfo = self._terminfo, None
        else:
            info = super().finish_postings()
        return cast("W3TermInfo", info)

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


class _Inline(W3TermInfo):
    """A short list; Whoosh reads such ones, but its writer can't make them (3.54)."""

    def __init__(self, numbers: Sequence[int], weights: Sequence[int]) -> None:
        super().__init__()
        self._weight, self._df = sum(weights), len(numbers)
        self._maxlength = 0
        self._maxweight = max(weights)
        self._minid, self._maxid = numbers[0], numbers[-1]
        self.set_inlined(numbers, weights, ())


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
