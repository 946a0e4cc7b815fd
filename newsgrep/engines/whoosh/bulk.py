"""A Whoosh segment writer that gathers a segment's postings by term and writes each list once.

Whoosh's own writer takes every posting through a sorting pool and five method calls. The
blocks on disk are the same: its codec's posting writer still makes them, and a test reads
both back with unmodified Whoosh.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from whoosh.codec.whoosh3 import W3Codec, W3Segment
from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.writing import SegmentWriter

from newsgrep.engines.whoosh.schema import TEXT

BLOCK_LIMIT: Final = 1024
"""Postings in one block; Whoosh's default is 128. Long lists are read whole here."""


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


class BulkWriter(SegmentWriter):
    """Whoosh's writer with a short cut for the terms of the text field."""

    def __init__(self, index: FileIndex) -> None:
        # Plain files are mapped when read; a compound one would be copied into memory.
        super().__init__(index, compound=False, codec=W3Codec(blocklimit=BLOCK_LIMIT))
        self._lists: dict[str, tuple[array[int], array[float]]] = {}

    def add_with_terms(self, terms: Mapping[str, int], **fields: Any) -> int:
        """Add a document with ``fields`` and the weighted ``terms``; return its number."""
        number: int = self.docnum
        self.add_document(**fields)
        self._gather(number, terms.items())
        return number

    def _gather(self, number: int, postings: Iterable[tuple[str, float]]) -> None:
        lists = self._lists
        for term, weight in postings:
            try:
                numbers, weights = lists[term]
            except KeyError:
                numbers, weights = lists[term] = array("I"), array("f")
            numbers.append(number)
            weights.append(weight)

    def add_postings_to_pool(
        self, reader: Any, startdoc: int, docmap: Mapping[int, int] | None
    ) -> None:
        """Take over the postings of a segment that is merged into this one."""
        items = self._process_posts(reader.iter_postings(), startdoc, docmap)
        for item in items:
            field, term, number, weight, _ = item
            if field == TEXT:
                self._gather(number, ((term.decode("utf-8"), weight),))
            else:
                self.pool.add(item)

    def _flush_segment(self) -> None:
        self.perdocwriter.close()
        self.fieldwriter.add_postings(self.schema, None, self.pool.iter_postings())
        self._write_lists()
        self.fieldwriter.close()

    def _finalize_segment(self) -> W3Segment:
        segment: W3Segment = super()._finalize_segment()
        # Kept in the table of contents with the segment: what is cut short is noticed.
        setattr(segment, SUMS, file_sums(self.storage, segment))
        return segment

    def _write_lists(self) -> None:
        if not self._lists:
            return
        fields = self.fieldwriter
        fields.start_field(TEXT, self.schema[TEXT])
        postings = fields._postwriter  # noqa: SLF001  (the codec's own, of this field)
        for term in sorted(self._lists):  # in the order of code points, as their UTF-8 is
            numbers, weights = self._lists[term]
            fields.start_term(term.encode("utf-8"))
            for start in range(0, len(numbers), BLOCK_LIMIT):
                if start:
                    postings._write_block()  # noqa: SLF001  (a full block is followed by another)
                postings._ids = numbers[start : start + BLOCK_LIMIT]  # noqa: SLF001  (a block at once)
                postings._weights = weights[start : start + BLOCK_LIMIT]  # noqa: SLF001  (likewise)
                postings._maxweight = max(postings._weights)  # noqa: SLF001  (likewise)
            fields.finish_term()
        fields.finish_field()
        self._lists = {}
