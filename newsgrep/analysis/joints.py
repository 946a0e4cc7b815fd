"""Joints: pairs of neighbouring characters that are no dictionary word, as a signature of a text.

The terms of a text say which words it has, and not which words follow one another. A quoted string
of two frequent words therefore has many candidates. But every text that contains the string also
contains each pair of its characters: the pair is a term if it is a dictionary word, else it is a
joint. 中国经济 has the words 中国 and 经济, and the joint 国经.

Most joints are rare, so they are not stored one by one. The signature of a text is a set of bits,
one for the hash of each joint. A text without the bit does not contain the joint; one with the bit
may contain another joint with the same hash, so the text decides as ever. The number of bits is a
power of two, between 8 and 16 for each joint: then one bit in 8 to 16 is set, and signatures take
a tenth of the text (.094 of opinion pieces of 3,600 characters, .103 of bulletins of 500).

Pairs are those of UTF-16 code units: of two halves of a rare character, too, which loses nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import pairwise
from struct import pack
from typing import Final

_BITS_PER_JOINT: Final = 8
_LEAST_SIZE, _MOST_SIZE = 9, 17
"""Of a signature, as powers of two of bits. Only texts of 40,000 characters need more."""

MOST_BYTES: Final = (1 << _MOST_SIZE) // 8
"""Bytes of a signature."""

_HASH_BITS: Final = 32
_MULTIPLIER: Final = 0x9E3779B1
"""2**32 divided by the golden ratio, as in Fibonacci hashing (Knuth, TAOCP 3, 6.4)."""

_UNIT_BITS: Final = 16
_BYTES_PER_UNIT: Final = 2
_ENCODING: Final = f"utf-16-{'le' if sys.byteorder == 'little' else 'be'}"
_LANE_BYTES: Final = 8
_FIRST, _LAST, _AFTER_LAST = "\u4e00", "\u9fd5", "\u9fd6"
"""Only pairs of these (:attr:`newsgrep.analysis.characters.CharKind.HAN`) are words wherever they
occur: two letters or digits may be part of a longer run, which is one term."""


def joint_signature(folded: str, terms: Iterable[str]) -> bytes:
    """Return the signature of a folded text with these terms; ``b""`` if it has no joint.

    Its length is a power of two, at least 64 and at most :data:`MOST_BYTES`. Bit ``n`` is bit
    ``n % 8`` of byte ``n // 8``.
    """
    units = folded.encode(_ENCODING, "surrogatepass")
    joints = {*_pairs(units), *_pairs(units[_BYTES_PER_UNIT:])}
    # A term that begins with Han consists of Han.
    words = [term for term in terms if len(term) == 2 and _FIRST <= term < _AFTER_LAST]
    joints.difference_update(_pairs("".join(words).encode(_ENCODING)))
    if not joints:
        return b""
    count = len(joints)
    size = (_BITS_PER_JOINT * count - 1).bit_length()
    size = min(max(size, _LEAST_SIZE), _MOST_SIZE)
    # All joints are multiplied at once, in lanes of 64 bits, which have room for the products.
    last = ((1 << size) - 1).to_bytes(_LANE_BYTES, sys.byteorder)
    lanes = int.from_bytes(pack(f"={count}Q", *joints), sys.byteorder) * _MULTIPLIER
    lanes = lanes >> _HASH_BITS - size & int.from_bytes(last * count, sys.byteorder)
    marks = bytearray(1 << size)
    for bit in memoryview(lanes.to_bytes(_LANE_BYTES * count, sys.byteorder)).cast("Q").tolist():
        marks[bit] = 1
    # Eight bytes of 0 or 1 become one byte, in as many additions for all of them together.
    packed = 0
    for bit in range(8):
        packed |= int.from_bytes(marks[bit::8], "little") << bit
    return packed.to_bytes(len(marks) // 8, "little")


def _pairs(units: bytes) -> list[int]:
    """Return the units at even places with the one that follows each, as one number."""
    whole = len(units) // (2 * _BYTES_PER_UNIT) * (2 * _BYTES_PER_UNIT)
    view = memoryview(units)[:whole].cast("I")
    if sys.byteorder == "little":
        return view.tolist()
    return [number >> _UNIT_BITS | (number & 0xFFFF) << _UNIT_BITS for number in view]


def joints_of(folded: str) -> tuple[dict[str, int], set[int]]:
    """Return the pairs of neighbouring characters that may be words, and all others.

    The former are the keys of their hashes, of the others there are only the hashes. Whether such
    a pair is a word is for the index to say: then it is among the terms of every text that contains
    it, else its hash is in the signature.
    """
    words: dict[str, int] = {}
    others: set[int] = set()
    units = memoryview(folded.encode(_ENCODING, "surrogatepass")).cast("H")
    for first, second in pairwise(map(chr, units)):
        if _FIRST <= first <= _LAST and _FIRST <= second <= _LAST:
            words[first + second] = _hash(first, second)
        else:
            others.add(_hash(first, second))
    return words, others


def _hash(first: str, second: str) -> int:
    return (ord(first) | ord(second) << _UNIT_BITS) * _MULTIPLIER & (1 << _HASH_BITS) - 1


def signature_bit(hashed: int, size: int) -> int:
    """Return which bit of a signature of ``size`` bytes is set for a joint with this hash."""
    return hashed >> _HASH_BITS - (size * 8 - 1).bit_length()
