"""A Whoosh index as a :class:`newsgrep.engines.postings_query.PostingsReader`.

Posting lists and columns of numbers are read whole. Document numbers are those of the index:
segments follow one another. What was read is cached while the index is open.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import compress, groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from newsgrep.analysis.characters import fold
from newsgrep.analysis.codec import (
    unpack_article,
    unpack_file_record,
    unpack_left_out,
)
from newsgrep.engines.commits import Commit
from newsgrep.engines.whoosh.postings import (
    Postings,
    count_postings,
    listed_at,
    read_documents,
    read_postings,
)
from newsgrep.engines.whoosh.segment import BytesColumn, ReferenceColumn, TermFile, read_numbers
from newsgrep.engines.whoosh.storage import (
    CHANGE_FIELD,
    FIELD_BY_NAME_KIND,
    FIELD_BY_PASSAGE_KIND,
    FILE_RECORD,
    JOINTS,
    KEY_FIELD,
    KIND_FIELD,
    LENGTH_COLUMNS,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
    POSTINGS,
    TERMS,
    TEXT_FIELD,
    VERSIONS_COLUMN,
    CorruptFile,
    Segment,
    close_files,
    file_record_key,
    open_files,
    read_deleted,
    segments_of,
)
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord, Version
from newsgrep.query.ast import Field, LocationField, NameField, TextPattern

if TYPE_CHECKING:
    from newsgrep.engines.compact import HashIndex
    from newsgrep.engines.whoosh.joints import JointFile
    from newsgrep.query.verify import InflatedTexts

MAX_CACHED_POSTINGS: Final = 4_000_000
"""Postings that are cached, of 16 bytes each."""

MAX_CACHED_MATCHES: Final = 2_000_000
"""Documents that match a pattern and are cached, of 8 bytes each."""

MAX_CACHED_IMPACTS: Final = 32_000_000
"""Impacts that are cached, a byte for each document and term."""

MAX_INFLATED_TEXTS: Final = 1 << 28
"""Bytes of texts that are cached as they were before packing: two bytes for each character."""

_MAX_KEPT_NAMES: Final = 1_000_000
"""Names and postings of names kept of each kind: facets need all of them for each query."""

_MATCHES_PER_PATTERN: Final = 100
"""What a cached pattern takes itself, in documents."""


class OpenSegment:
    """A segment of an index.

    ``offset`` is the number of its first document in the index; numbers that methods accept and
    return begin with 0 in each segment. ``size`` is the number of its documents, with those that
    are ``deleted``.
    """

    def __init__(self, folder: Path, commit: Commit, segment: Segment, offset: int) -> None:
        self.description = segment
        self.offset = offset
        self.size = segment.documents
        self.deleted = read_deleted(folder, commit, segment)
        # All are opened before a writer may delete them.
        self._files = open_files(folder, commit, segment)
        try:
            self._terms = TermFile(self._files[TERMS], segment)
        except BaseException:
            self.close()
            raise
        self._bytes_columns: dict[str, BytesColumn] = {}
        self._facets: dict[str, ReferenceColumn] = {}
        self._joints: JointFile | None = None

    def close(self) -> None:
        """Close all files."""
        close_files(self._files)

    @property
    def fields(self) -> Iterable[str]:
        """Return the names of the fields that have terms."""
        return self._terms.fields

    def terms(self, field: str, prefix: bytes = b"") -> Iterator[bytes]:
        """Yield the terms of ``field`` that begin with ``prefix``, in order."""
        return (term for term, _ in self._terms.rows(field, prefix))

    def postings(self, field: str, term: bytes) -> Postings:
        """Return the living documents with ``term`` in ``field``, and their packed counts."""
        row = self._terms.find(field, term)
        return (array("L"), array("L")) if row is None else self._living_postings(row)

    def all_postings(self, field: str) -> Iterator[tuple[bytes, Postings]]:
        """Yield the terms of ``field`` in order, each with what :meth:`postings` returns.

        Raises :class:`CorruptFile` for lists that overlap: all of them together could be many
        times as large as the file.
        """
        end = 0
        for term, row in self._terms.rows(field):
            start, next_end = listed_at(row)
            if next_end:
                if start < end:
                    raise CorruptFile(
                        message(
                            "{name} contains lists that overlap", name=self._files[POSTINGS].name
                        )
                    )
                end = next_end
            yield term, self._living_postings(row)

    def _living_postings(self, row: bytes) -> Postings:
        numbers, counts = read_postings(row, self._files[POSTINGS], self.size)
        if self.deleted:
            is_living = [number not in self.deleted for number in numbers]
            return array("L", compress(numbers, is_living)), array("L", compress(counts, is_living))
        return numbers, counts

    def document_frequency(self, field: str, term: bytes) -> int:
        """Return how many living documents have ``term`` in ``field``."""
        row = self._terms.find(field, term)
        if row is None:
            return 0
        # The frequency that is stored with the term includes deleted documents.
        return len(self._living_postings(row)[0]) if self.deleted else count_postings(row)

    def count_marked(self, field: str, term: bytes, marks: bytes) -> int:
        """Return how many documents with ``term`` in ``field`` have a 1 in ``marks``."""
        row = self._terms.find(field, term)
        if row is None:
            return 0
        numbers = read_documents(row, self._files[POSTINGS], self.size)
        # Twice as fast as a loop or the intersection of sets; for one number it returns no tuple.
        marked: int = itemgetter(*numbers, numbers[0])(marks).count(1)
        return marked - marks[numbers[0]]

    def posting_count(self, field: str, term: bytes) -> int:
        """Return how many documents have ``term`` in ``field``, deleted ones included."""
        row = self._terms.find(field, term)
        return 0 if row is None else count_postings(row)

    @property
    def joints(self) -> JointFile | None:
        """Return the signatures of the texts, if the segment has them."""
        if self._joints is None and self.description.has_joints:
            from newsgrep.engines.whoosh.joints import JointFile  # words need none

            self._joints = JointFile(self._files[JOINTS], self.size)
        return self._joints

    def with_joints(
        self, words: Mapping[str, int], others: set[int], *, left_out: bool
    ) -> Iterator[int] | None:
        """Yield the documents that may contain all these pairs of characters; ``None`` for all.

        They are those of :func:`newsgrep.analysis.joints.joints_of`. Deleted documents may be
        among these.
        """
        if self.joints is None:
            return None
        find = self._terms.find
        # Left-out text has no words as terms: there, each pair is in the signature.
        joints = [
            hashed
            for word, hashed in words.items()
            if left_out or find(TEXT_FIELD, word.encode()) is None
        ]
        joints += others
        return self.joints.with_joints(int(left_out), joints) if joints else None

    def column(self, name: str) -> BytesColumn:
        """Return a column of byte strings."""
        if name not in self._bytes_columns:
            self._bytes_columns[name] = BytesColumn(self._files[f"{name}.col"], self.size)
        return self._bytes_columns[name]

    def versions(self, documents: Sequence[int]) -> Iterator[bytes]:
        """Yield the packed earlier versions of ``documents``, which ascend; ``b""`` for none."""
        if self.description.has_versions:
            return self.column(VERSIONS_COLUMN).values(documents)
        return repeat(b"", len(documents))

    def numbers(self, name: str) -> array[Any]:
        """Return a column of numbers as an array."""
        file, default = self._files[f"{name}.col"], NUMBER_DEFAULTS.get(name, 0)
        return read_numbers(file, NUMBER_COLUMNS[name], self.size, default)

    def facet(self, name: str) -> ReferenceColumn:
        """Return a column of facet values."""
        if name not in self._facets:
            self._facets[name] = ReferenceColumn(self._files[f"{name}.col"], self.size)
        return self._facets[name]

    def facet_values(self, name: str) -> Iterator[str]:
        """Yield the value of a facet for each document."""
        column = self.facet(name)
        texts = [value.decode("utf-8") for value in column.values]
        return map(texts.__getitem__, column.references)


class WhooshReader:
    """All segments of one commit."""

    def __init__(self, folder: Path, commit: Commit) -> None:
        self.commit = commit
        self.segments: list[OpenSegment] = []
        offset = 0
        try:
            for segment in segments_of(commit):
                self.segments.append(OpenSegment(folder, commit, segment, offset))
                offset += segment.documents
        except BaseException:
            self.close()
            raise
        self._offsets = [segment.offset for segment in self.segments]
        self._size = offset
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._cached_postings = 0
        self._matches: dict[TextPattern, array[int]] = {}
        self._cached_matches = 0
        self._impacts: dict[str, Sequence[int]] = {}
        self._inflated: InflatedTexts[int] | None = None
        self._has_read_texts = False
        self._numbers: dict[str, array[Any]] = {}
        self._facet_values: dict[str, list[str]] = {}
        self._all_documents: set[int] | None = None
        self._numbers_by_id: dict[str, int] = {}
        self._all_ids: HashIndex | None = None
        self._sources: dict[str, list[str]] | None = None
        self._names: dict[NameField, list[tuple[str, array[int]]]] = {}

    def __enter__(self) -> WhooshReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        for segment in self.segments:
            segment.close()

    def document_count(self) -> int:
        deleted = sum(len(segment.deleted) for segment in self.segments)
        return self._size - deleted - len(self._without_article())

    def all_documents(self) -> set[int]:
        if self._all_documents is None:
            deleted = (n + segment.offset for segment in self.segments for n in segment.deleted)
            self._all_documents = set(range(self._size)).difference(
                self._without_article(), deleted
            )
        return self._all_documents

    def undated_documents(self) -> set[int]:
        days, _ = self.publication_days()
        offsets = ((segment.offset, numbers) for segment, numbers in self._articles())
        return {o + n for o, numbers in offsets for n in numbers if not days[o + n]}

    def _without_article(self) -> array[int]:
        """Return the documents that are file records only."""
        return self._field_postings(KIND_FIELD, FILE_RECORD)[0]

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        if (cached := self._postings.get(term)) is None:
            cached = self._field_postings(TEXT_FIELD, term)
            self._cached_postings += len(cached[0])
            if self._cached_postings > MAX_CACHED_POSTINGS:  # in a process that runs for hours
                self._postings.clear()
                self._cached_postings = len(cached[0])
            self._postings[term] = cached
        return cached

    def document_frequency(self, term: str) -> int:
        if (cached := self._postings.get(term)) is not None:
            return len(cached[0])
        encoded = term.encode("utf-8")
        return sum(each.document_frequency(TEXT_FIELD, encoded) for each in self.segments)

    def count_among(self, documents: Iterable[int], terms: Iterable[str]) -> dict[str, int]:
        """Return how many of ``documents``, which are living, contain each term."""
        marks = bytearray(self._size)
        for number in documents:
            marks[number] = 1
        parts = [(s, bytes(marks[s.offset : s.offset + s.size])) for s in self.segments]
        return {
            term: sum(
                segment.count_marked(TEXT_FIELD, term.encode("utf-8"), part)
                for segment, part in parts
            )
            for term in terms
        }

    def with_joints(self, text: str, field: Field, candidates: set[int]) -> set[int]:
        from newsgrep.analysis.joints import joints_of  # words need none

        words, others = joints_of(text)
        if not words and not others:
            return candidates
        found: set[int] = set()
        for segment in self.segments:
            offset = segment.offset
            having = segment.with_joints(words, others, left_out=field is Field.LEFT_OUT)
            if having is None:
                found.update(candidates.intersection(range(offset, offset + segment.size)))
            else:
                found.update(candidates.intersection(map(offset.__add__, having)))
        return found

    def posting_count(self, term: str) -> int:
        encoded = term.encode("utf-8")
        return sum(each.posting_count(TEXT_FIELD, encoded) for each in self.segments)

    def known_matches(self, pattern: TextPattern) -> Sequence[int] | None:
        return self._matches.get(pattern)

    def learn_matches(self, pattern: TextPattern, documents: set[int]) -> None:
        self._cached_matches += len(documents) + _MATCHES_PER_PATTERN
        if self._cached_matches > MAX_CACHED_MATCHES:
            self._matches.clear()
            self._cached_matches = len(documents) + _MATCHES_PER_PATTERN
        self._matches[pattern] = array("L", documents)

    def forget_matches(self) -> None:
        """Forget which documents match which patterns: a search reads their texts again."""
        self._matches.clear()
        self._cached_matches = 0

    def inflated_texts(self) -> InflatedTexts[int] | None:
        if self._inflated is None and self._has_read_texts:
            from newsgrep.query.verify import InflatedTexts  # few processes answer two queries

            self._inflated = InflatedTexts(MAX_INFLATED_TEXTS)
        self._has_read_texts = True
        return self._inflated

    def known_impacts(self, term: str) -> Sequence[int] | None:
        return self._impacts.get(term)

    def learn_impacts(self, term: str, impacts: Sequence[int]) -> None:
        if (len(self._impacts) + 1) * self._size > MAX_CACHED_IMPACTS:
            self._impacts.clear()
        self._impacts[term] = impacts

    def passage_documents(self, term: str, field: Field) -> array[int]:
        return self._field_postings(FIELD_BY_PASSAGE_KIND[field], term)[0]

    def changed_documents(self, keyword: str) -> array[int]:
        return self._field_postings(CHANGE_FIELD, keyword)[0]

    def _field_postings(self, field: str, term: str) -> Postings:
        """Return the living documents with ``term`` in ``field``, and the packed counts."""
        encoded = term.encode("utf-8")
        return self._join((s.offset, s.postings(field, encoded)) for s in self.segments)

    @staticmethod
    def _join(parts: Iterable[tuple[int, Postings]]) -> Postings:
        """Return the postings of successive segments, given with their offsets, as one list."""
        numbers, counts = array("L"), array("L")
        for offset, (more_numbers, more_counts) in parts:
            if offset:
                more_numbers = array("L", [number + offset for number in more_numbers])
            numbers.extend(more_numbers)
            counts.extend(more_counts)
        return numbers, counts

    def all_postings(self, field: str) -> Iterator[tuple[str, array[int], array[int]]]:
        """Yield every term of ``field`` with its living documents and packed counts."""
        lists = (_located_postings(segment, field) for segment in self.segments)
        for term, parts in groupby(merge(*lists, key=_term_and_offset), lambda part: part[0]):
            yield term.decode("utf-8"), *self._join((offset, each) for _, offset, each in parts)

    def names(self, kind: NameField) -> Iterator[tuple[str, array[int]]]:
        if kind in self._names:
            yield from self._names[kind]
            return
        kept: list[tuple[str, array[int]]] = []
        room = _MAX_KEPT_NAMES
        for name, numbers, _ in self.all_postings(FIELD_BY_NAME_KIND[kind]):
            room -= len(numbers) + 1
            if room >= 0:
                kept.append((name, numbers))
            yield name, numbers
        if room >= 0:
            self._names[kind] = kept

    def terms(self, prefix: str, field: Field) -> Iterator[str]:
        return self._all_terms(FIELD_BY_PASSAGE_KIND.get(field, TEXT_FIELD), prefix)

    def _all_terms(self, field: str, prefix: str = "") -> Iterator[str]:
        start = prefix.encode("utf-8")
        for term, _ in groupby(merge(*(each.terms(field, start) for each in self.segments))):
            yield term.decode("utf-8")

    def source_documents(self, term: str) -> Sequence[int]:
        field = FIELD_BY_NAME_KIND[NameField.SOURCE]
        if self._sources is None:
            self._sources = {}
            for name in self._all_terms(field):
                self._sources.setdefault(fold(name), []).append(name)
        names = self._sources.get(term, ())
        return [number for name in names for number in self._field_postings(field, name)[0]]

    def location(self, kind: LocationField, document: int) -> str:
        if kind is LocationField.PATH:
            return self.file_record(document).path
        return self._value("url", document).decode()

    def publication_days(self) -> tuple[array[int], array[int]]:
        return self._number_column("first_day"), self._number_column("last_day")

    def timestamps(self) -> array[float]:
        return self._number_column("timestamp")

    def field_lengths(self) -> tuple[array[int], array[int], array[int]]:
        title, lead, body = map(self._number_column, LENGTH_COLUMNS)
        return title, lead, body

    def folded_text(self, document: int) -> bytes:
        """Return the packed folded texts of a document."""
        return self._value("folded", document)

    def packed_texts(self, documents: Sequence[int], field: Field) -> Iterator[bytes]:
        if field is Field.EARLIER:
            from newsgrep.analysis.versions import pack_earlier  # few queries need it

            names = ("folded", "rest", VERSIONS_COLUMN)
            return map(pack_earlier, *(self._values(name, documents) for name in names))
        return self._values("left_out_passages" if field is Field.LEFT_OUT else "folded", documents)

    def _values(self, name: str, documents: Sequence[int]) -> Iterator[bytes]:
        """Yield the values of a column for documents in ascending order."""
        ends = (*self._offsets[1:], None)  # one more than segments if there are none
        for segment, end in zip(self.segments, ends, strict=False):
            first = bisect_left(documents, segment.offset)
            last = len(documents) if end is None else bisect_left(documents, end)
            offset = segment.offset
            numbers = [document - offset for document in documents[first:last]]
            if name == VERSIONS_COLUMN:
                yield from segment.versions(numbers)
            else:
                yield from segment.column(name).values(numbers)

    def article_id(self, document: int) -> str:
        article_id = self._value("id", document).decode()
        self._numbers_by_id[article_id] = document  # most callers read the article next
        return article_id

    def facet_values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        if name not in self._facet_values:
            self._facet_values[name] = [
                value for segment in self.segments for value in segment.facet_values(name)
            ]
        return map(self._facet_values[name].__getitem__, documents)

    def article(self, document: int) -> Article:
        rest, path = self._value("rest", document), self.file_record(document).path
        article = unpack_article(self.folded_text(document), rest, path)
        return article._replace(
            url=self.location(LocationField.URL, document) or None,
            left_out=unpack_left_out(self._value("left_out_passages", document)),
            versions=self._versions(document, article),
        )

    def _versions(self, document: int, newest: Article) -> Sequence[Version]:
        segment = self.segments[bisect_right(self._offsets, document) - 1]
        packed = next(segment.versions([document - segment.offset]))
        if not packed:
            return ()
        from newsgrep.analysis.versions import unpack_versions  # most articles have none

        return unpack_versions(packed, newest)

    def find_article(self, article_id: str) -> int | None:
        if (number := self._numbers_by_id.get(article_id)) is not None:
            return number
        # Not needed by a search, which has read the ids of its hits.
        from newsgrep.engines.compact import HashIndex, hash_key

        if self._all_ids is None:
            keys = array("Q", bytes(8 * self._size))
            for segment, numbers in self._articles():
                for number, each in zip(numbers, segment.column("id").values(numbers), strict=True):
                    keys[segment.offset + number] = hash_key(each.decode())
            self._all_ids = HashIndex(keys)
        rows = self._all_ids.rows(hash_key(article_id))
        return next((row for row in rows if self._value("id", row).decode() == article_id), None)

    def _articles(self) -> Iterator[tuple[OpenSegment, array[int]]]:
        """Yield each segment with the numbers in it of its living articles."""
        has_article = bytearray(b"\1" * self._size)
        for number in self._without_article():
            has_article[number] = 0
        for segment in self.segments:
            for number in segment.deleted:
                has_article[segment.offset + number] = 0
            part = has_article[segment.offset : segment.offset + segment.size]
            yield segment, array("I", compress(range(segment.size), part))

    def find_file_record(self, path: str) -> int | None:
        """Return the living document with the record of a file without an article."""
        numbers, _ = self._field_postings(KEY_FIELD, file_record_key(path))
        return numbers[0] if numbers else None

    def file_record(self, document: int) -> FileRecord:
        """Return the file record that is stored with a document."""
        article_id = self._value("id", document).decode()
        return unpack_file_record(self._value("file_record", document), article_id)

    def file_records(self) -> Iterator[FileRecord]:
        """Yield the file records of files without an article, then those of all articles."""
        for record in self._values("file_record", self._without_article()):
            yield unpack_file_record(record, "")
        for segment, numbers in self._articles():
            records, ids = (segment.column(name).values(numbers) for name in ("file_record", "id"))
            for record, article_id in zip(records, ids, strict=True):
                yield unpack_file_record(record, article_id.decode())

    def _value(self, name: str, document: int) -> bytes:
        segment = self.segments[bisect_right(self._offsets, document) - 1]
        return segment.column(name)[document - segment.offset]

    def _number_column(self, name: str) -> array[Any]:
        if name not in self._numbers:
            numbers: array[Any] = array(NUMBER_COLUMNS[name])
            for segment in self.segments:
                numbers.extend(segment.numbers(name))
            self._numbers[name] = numbers
        return self._numbers[name]


def _located_postings(segment: OpenSegment, field: str) -> Iterator[tuple[bytes, int, Postings]]:
    for term, postings in segment.all_postings(field):
        yield term, segment.offset, postings


def _term_and_offset(part: tuple[bytes, int, Postings]) -> tuple[bytes, int]:
    return part[:2]
