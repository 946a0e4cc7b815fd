"""A Whoosh segment writer that gathers a segment's postings by term and writes each list once.

Whoosh's own writer takes every posting through a sorting pool and five method calls. A
segment that grows too large for memory is closed and another begun, within one commit.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from whoosh.codec.whoosh3 import W3Segment
from whoosh.index import TOC, FileIndex
from whoosh.reading import SegmentReader
from whoosh.writing import SegmentWriter

from newsgrep.engines.whoosh.postings import Codec, blocks, joined, to_weight
from newsgrep.engines.whoosh.sums import note_sums, sums_of

MOST_POSTINGS: Final = 32_000_000
"""Postings gathered for one segment: eight bytes each, some 50,000 to 100,000 articles."""

SMALL: Final = 1000
"""Documents up to which a segment is always taken over into the one that is written."""

_NUMBER_SHIFT: Final = 32

Place = tuple[W3Segment, int]
"""A document by its segment and its number there."""


class Terms(NamedTuple):
    """Terms of a field, each once, and :func:`pack_counts` or the like of each."""

    terms: Sequence[str]
    counts: Sequence[int]


class BulkWriter(SegmentWriter):
    """Whoosh's writer with a short cut for documents whose terms are known."""

    def __init__(self, index: FileIndex, most_postings: int = MOST_POSTINGS) -> None:
        # Plain files are read where they are; a compound one would be copied into memory.
        super().__init__(index, compound=False, codec=Codec())
        self._most = most_postings
        self._gathered = 0
        self._there = {segment.segment_id() for segment in self.segments}
        self._finished: list[W3Segment] = []
        # By field and term; each posting is one number: the document's, then the counts.
        self._lists: defaultdict[str, defaultdict[str, array[int]]] = defaultdict(_new_lists)

    def add(self, terms: Mapping[str, Terms], columns: Mapping[str, Any]) -> Place:
        """Add a document with terms by field and a value for each column."""
        if self._gathered > self._most:
            self._next_segment()
        number: int = self.docnum
        first = number << _NUMBER_SHIFT
        for field, (texts, counts) in terms.items():
            lists = self._lists[field]
            for term, count in zip(texts, counts, strict=True):
                lists[term].append(first | count)
            self._gathered += len(counts)
        documents = self.perdocwriter
        documents.start_doc(number)
        for name, value in columns.items():
            documents.add_column_value(name, self.schema[name].column_type, value)
        documents.finish_doc()
        self.docnum += 1
        self._added = True
        return self.newsegment, number

    def merge_small(self, _: SegmentWriter, segments: list[W3Segment]) -> list[W3Segment]:
        """Take over small segments and return the rest: what ``commit`` takes as ``mergetype``.

        A segment is small if it has no more documents than all smaller ones and the new
        one together. So their number grows with the logarithm of the archive, and an
        article is written again about as often. Those that are half deleted go as well.
        """
        total = self.docnum
        kept = []
        for segment in sorted(segments, key=W3Segment.doc_count):
            living = segment.doc_count()
            is_small = living <= max(total, SMALL) and self._gathered <= self._most // 2
            if not living:
                continue
            if is_small or living <= segment.doc_count_all() // 2:
                with SegmentReader(self.storage, self.schema, segment) as reader:
                    self.add_reader(reader)
                total += living
            else:
                kept.append(segment)
        return kept

    def add_postings_to_pool(
        self, reader: SegmentReader, startdoc: int, docmap: Mapping[int, int] | None
    ) -> None:
        """Take over the postings of a segment that is merged into this one."""
        for field in reader.indexed_field_names():
            lists = self._lists[field]
            for term in reader.lexicon(field):
                numbers, counts = joined(blocks(reader.postings(field, term)))
                if docmap is None:
                    pairs = [(n + startdoc, c) for n, c in zip(numbers, counts, strict=True)]
                else:
                    both = zip(numbers, counts, strict=True)
                    pairs = [(docmap[n], c) for n, c in both if n in docmap]
                if pairs:
                    lists[term.decode("utf-8")].extend(n << _NUMBER_SHIFT | c for n, c in pairs)
                    self._gathered += len(pairs)

    def cancel(self, **_: Any) -> None:
        """Give everything up, and leave no file behind."""
        try:
            self._close_segment()
        finally:
            self.storage.tidy()
            self._finish()

    def _cleanup_on_error(self) -> None:
        self.storage.tidy()  # while nobody else can write
        super()._cleanup_on_error()

    def _next_segment(self) -> None:
        self._finished.append(self._finalize_segment())
        self.newsegment = self.codec.new_segment(self.storage, self.indexname)
        self.perdocwriter = self.codec.per_document_writer(self.storage, self.newsegment)
        self.fieldwriter = self.codec.field_writer(self.storage, self.newsegment)
        self.docnum, self._gathered, self._added = self.docbase, 0, False

    def _flush_segment(self) -> None:
        self.perdocwriter.close()
        fields = self.fieldwriter
        for field, lists in sorted(self._lists.items()):  # Whoosh's readers rely on the order
            fields.start_field(field, self.schema[field])
            writer = fields._postwriter  # noqa: SLF001  (the codec's own, of this field)
            for term in sorted(lists):  # in the order of code points, as their UTF-8 is
                # Numbers and counts are taken apart at once, as halves of each 64 bits.
                halves = memoryview(lists.pop(term)).cast("B").cast("I")
                numbers, counts = halves[_HIGH::2].tolist(), halves[_LOW::2].tolist()
                writer.write(fields, term, numbers, list(map(to_weight, counts)))
            fields.finish_field()
        self._lists.clear()
        fields.close()

    def _finalize_segment(self) -> W3Segment:
        segment: W3Segment = super()._finalize_segment()
        note_sums(self.storage, segment)
        return segment

    def _commit_toc(self, segments: list[W3Segment]) -> None:
        """Make what was written the last commit, for good."""
        kept = [segment for segment in segments if segment.segment_id() in self._there]
        fresh = [*self._finished, *(s for s in segments if s.segment_id() not in self._there)]
        self.storage.settle(name for segment in fresh for name in sums_of(segment))
        TOC(self.schema, kept + fresh, self.generation).write(self.storage, self.indexname)
        self.storage.set_aside(self.generation - 1)
        self.storage.tidy()


def _new_lists() -> defaultdict[str, array[int]]:
    return defaultdict(_new_list)


def _new_list() -> array[int]:
    return array("Q")


_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)
