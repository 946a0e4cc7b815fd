"""What the files of a segment should be, kept in the table of contents where Whoosh keeps it.

Whoosh itself would read whatever is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.filestore import FileStorage
from whoosh.reading import CorruptIndexError

from newsgrep.engines.whoosh.pages import FileSum, sum_up

_SUMS: Final = "file_sums"
"""The attribute of a segment; its values are plain tuples, for Whoosh reads them, too."""


def note_sums(storage: FileStorage, segment: W3Segment) -> None:
    """Note what all files of ``segment`` are now, in the segment."""
    prefix = f"{segment.segment_id()}."
    names = [name for name in sorted(storage) if name.startswith(prefix)]
    setattr(segment, _SUMS, {name: tuple(sum_up(Path(storage.folder, name))) for name in names})


def sums_of(segment: W3Segment) -> dict[str, FileSum]:
    """Return what was noted, by the names of the files."""
    return {name: FileSum(*told) for name, told in getattr(segment, _SUMS).items()}


def check_sizes(storage: FileStorage, segments: Iterable[W3Segment]) -> None:
    """Raise :class:`CorruptIndexError` for a file that is gone or has another size.

    Done before anything is read: Whoosh takes a missing column for one of default values.
    """
    for segment in segments:
        for name, (size, _) in sums_of(segment).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or has another size than it had")
