"""What the files of a segment should be: their sizes and checksums, kept where Whoosh keeps it.

Whoosh itself would read whatever is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from zlib import crc32

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.filestore import FileStorage
from whoosh.reading import CorruptIndexError

SUMS: Final = "file_sums"
"""The attribute of a segment that has the :func:`file_sums` it was written with."""


def file_sums(storage: FileStorage, segment: W3Segment) -> dict[str, tuple[int, int]]:
    """Return the size in bytes and the CRC-32 of every file of ``segment``, by name."""
    prefix = f"{segment.segment_id()}."
    names = [name for name in sorted(storage) if name.startswith(prefix)]
    return {name: (storage.file_length(name), checksum(storage, name)) for name in names}


def checksum(storage: FileStorage, name: str) -> int:
    """Return the CRC-32 of a file's bytes."""
    found = 0
    with Path(storage.folder, name).open("rb") as stream:
        while block := stream.read(1 << 20):
            found = crc32(block, found)
    return found


def check_sizes(storage: FileStorage, segments: Iterable[W3Segment]) -> None:
    """Raise :class:`CorruptIndexError` for a file that is gone or has another size.

    Done before anything is read: Whoosh takes a missing column for one of default values.
    """
    for segment in segments:
        for name, (size, _) in getattr(segment, SUMS).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or has another size than it had")
