"""Tables of millions of rows in some bytes a row: an index by hash, and file records in a file.

A dictionary takes 100 bytes for each key and 1 KB for each file record. What is here takes about
10 bytes of memory for each row, and costs some microseconds at each access.
"""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b
from io import BytesIO
from shutil import copyfileobj
from struct import Struct
from typing import BinaryIO, Final, cast

from newsgrep.analysis.codec import pack_file_record, unpack_file_record
from newsgrep.models import FileRecord

HASH_MASK: Final = 2**64 - 1
"""Hashes are numbers of 64 bits: two of ten million keys have the same with probability 3e-6."""

_MIN_SLOTS: Final = 64


def hash_key(text: str) -> int:
    """Return the hash of ``text`` in this process, from 1 to 2**64 - 1."""
    return hash(text) & HASH_MASK or 1


def stable_key(text: str) -> int:
    """Return a hash of ``text`` that is the same in every process, from 1 to 2**64 - 1."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class HashIndex:
    """The rows of a table by a number, such as a hash.

    ``keys`` has the number of each row, 0 for a row that is not to be found, and may grow. Few
    rows may have the same number::

        index = HashIndex(array("Q", [7, 9, 7]))
        assert list(index.rows(7)) == [0, 2]

    ``slots`` are those of another index of the same keys.
    """

    def __init__(self, keys: array[int], slots: array[int] | None = None) -> None:
        self._keys = keys
        self._slots = array("I", bytes(_MIN_SLOTS * 4)) if slots is None else slots
        self._inserted = 0 if slots is None else len(keys)

    @property
    def slots(self) -> array[int]:
        """Return the table itself: row + 1 in each used slot, else 0."""
        self._insert_new()
        return self._slots

    def rows(self, key: int) -> Iterator[int]:
        """Yield the rows whose number is ``key``, in order."""
        keys = self._keys
        if self._inserted < len(keys):
            self._insert_new()
        slots = self._slots
        mask = len(slots) - 1
        at = key & mask
        while row := slots[at]:
            if keys[row - 1] == key:
                yield row - 1
            at = (at + 1) & mask

    def _insert_new(self) -> None:
        keys, first = self._keys, self._inserted
        size = len(self._slots)
        while size * 2 < len(keys) * 3:  # at most two thirds of all slots are used
            size *= 2
        if size > len(self._slots):
            self._slots, first = array("I", bytes(size * 4)), 0
        slots, mask = self._slots, size - 1
        for row in range(first, len(keys)):
            if key := keys[row]:
                at = key & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = row + 1
        self._inserted = len(keys)


def or_bytes(column: bytearray, bits: bytes | bytearray) -> None:
    """Set bits in each byte of ``column``, in place; both have the same length."""
    both = int.from_bytes(column, "little") | int.from_bytes(bits, "little")
    column[:] = both.to_bytes(len(column), "little")


def spread(column: bytearray, bits: bytes | bytearray, groups: array[int]) -> None:
    """Set ``bits[group]`` in each byte of ``column``, given the group of each row."""
    if any(bits):
        or_bytes(column, bytes(map(bits.__getitem__, groups)))


def byte_table(matches: Callable[[int], object]) -> bytes:
    """Return a table with 1 for each byte that ``matches``, else 0."""
    return bytes(bool(matches(byte)) for byte in range(256))


def marked_rows(*columns: bytearray) -> Iterator[int]:
    """Yield the rows in which all ``columns`` have a 1; they have nothing else but 0."""
    first, *others = columns
    for other in others:
        both = int.from_bytes(first, "little") & int.from_bytes(other, "little")
        first = bytearray(both.to_bytes(len(first), "little"))
    at = first.find(1)
    while at >= 0:
        yield at
        at = first.find(1, at + 1)


_LENGTHS: Final = Struct(">IH")
_UNIT: Final = 16
"""Bytes: records begin at multiples of it, so that a place has 32 bits for up to 64 GB."""

_MAX_IN_MEMORY: Final = 32_000_000


class RecordFile:
    """File records, packed in memory, and beyond 32 MB in a temporary file without a name.

    ``data`` is what :meth:`to_bytes` of another one returned. Raises ``OSError`` if the file cannot
    be written.
    """

    def __init__(self, data: bytes = b"") -> None:
        self._stream: BinaryIO = BytesIO(data)
        self._size = len(data)
        self._is_on_disk = False

    def to_bytes(self) -> bytes:
        """Return all records, packed."""
        self._stream.seek(0)
        return self._stream.read(self._size)

    def append(self, record: FileRecord) -> int:
        """Add a record; return its place, which is greater than 0 and less than 2**32."""
        key = (record.article_id or "").encode("utf-8", "surrogatepass")
        packed = pack_file_record(record)
        data = _LENGTHS.pack(len(packed), len(key)) + key + packed
        data += bytes(-len(data) % _UNIT)
        if not self._is_on_disk and self._size + len(data) > _MAX_IN_MEMORY:
            self._move_to_disk()
        self._stream.seek(self._size)
        self._stream.write(data)
        self._size += len(data)
        return (self._size - len(data)) // _UNIT + 1

    def __getitem__(self, place: int) -> FileRecord:
        stream = self._stream
        stream.seek((place - 1) * _UNIT)
        length, key_length = _LENGTHS.unpack(stream.read(_LENGTHS.size))
        data = stream.read(key_length + length)
        key = data[:key_length].decode("utf-8", "surrogatepass")
        return unpack_file_record(data[key_length:], key)

    def _move_to_disk(self) -> None:
        # It is closed, and so deleted, when this object is.
        stream = cast("BinaryIO", tempfile.TemporaryFile(prefix="newsgrep-"))  # noqa: SIM115
        weakref.finalize(self, stream.close)
        self._stream.seek(0)
        copyfileobj(self._stream, stream)
        self._stream, self._is_on_disk = stream, True
