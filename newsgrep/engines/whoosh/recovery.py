"""Checking a Whoosh index, and reading what is left of a damaged one.

A check compares files with their checksums, articles with themselves, and terms with the texts of
the articles. Salvage reads articles and file records one by one, whatever else is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from whoosh.fields import Schema

from newsgrep.analysis.codec import unpack_article, unpack_file_record, unpack_left_out
from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Stored, Unreadable
from newsgrep.engines.whoosh.codec import (
    BYTES_COLUMNS,
    CAPTION_FIELD,
    LEFT_OUT_FIELD,
    TEXT_FIELD,
)
from newsgrep.engines.whoosh.internals import TOC, W3Segment
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder, checksum_file, checksums_of
from newsgrep.errors import IndexDamaged
from newsgrep.models import FileRecord, Status

_64_BITS: Final = (1 << 64) - 1

_NAMES_IN_FORMAT_4: Final = {"file_record": "stamp"}
"""Columns of format 4, which is salvaged when an index is rebuilt."""


def find_problems(storage: IndexFolder, reader: WhooshReader, *, deep: bool) -> Iterator[str]:
    """Yield a sentence for each problem; may also raise what Whoosh raises on damaged data.

    With ``deep`` all terms are compared with those of the stored texts.
    """
    damaged = list(_file_problems(storage))
    yield from damaged
    if damaged:
        return  # the content of such files may be anything
    for document in sorted(reader.all_documents()):
        article, article_id = reader.article(document), reader.article_id(document)
        if article.id != article_id:
            yield f"The article {article.id} is stored as {article_id}."
    for _ in reader.file_records():
        pass
    if deep:
        yield from _term_problems(reader)


def _file_problems(storage: IndexFolder) -> Iterator[str]:
    for segment in storage.segments():
        for name, expected in checksums_of(segment).items():
            if not storage.file_exists(name):
                yield f"The file {name} is missing."
            elif storage.file_length(name) != expected.size:
                size = storage.file_length(name)
                yield f"The file {name} has {size} bytes instead of {expected.size}."
            elif checksum_file(Path(storage.folder, name)) != expected:
                yield f"The file {name} does not match its checksum."


def _term_problems(reader: WhooshReader) -> Iterator[str]:
    """Compare the postings of every document with the terms of its article.

    Together they would not fit into memory, so each document has one sum over its terms and
    counts: one from the postings, one from the article.
    """
    living = reader.all_documents()
    sums = dict.fromkeys(living, 0)
    for field in (TEXT_FIELD, CAPTION_FIELD, LEFT_OUT_FIELD):
        for term, numbers, counts in reader.all_postings(field):
            for number, count in zip(numbers, counts, strict=True):
                sums[number] = sums.get(number, 0) + _term_checksum(field, term, count) & _64_BITS
    for number in sorted(living):
        article = reader.article(number)
        document = make_document(article, reader.file_record(number))
        pairs: Iterable[tuple[str, str, int]] = (
            *((TEXT_FIELD, term, count) for term, count in document.counts.items()),
            *((CAPTION_FIELD, term, 1) for term in document.caption_terms),
            *((LEFT_OUT_FIELD, term, 1) for term in document.left_out_units),
        )
        if sum(_term_checksum(*pair) for pair in pairs) & _64_BITS != sums.pop(number):
            yield f"The terms of the article {article.id} do not match its text."
    for number in sums:
        yield f"There are terms of a document {number} that does not exist."


def _term_checksum(field: str, term: str, count: int) -> int:
    return crc32(f"{field} {term}".encode()) * (2 * count + 1)


def salvage(storage: IndexFolder) -> Iterator[Stored | Unreadable]:
    """Yield everything readable, each article and file record once, then what is unreadable.

    What the last commit can't provide may still be readable in the commit before it. Raises
    :class:`IndexDamaged` if neither commit's table of contents is readable.
    """
    seen: set[str] = set()
    lost: list[str | None] = []
    tocs = storage.readable_tocs()
    if not tocs:
        raise IndexDamaged(
            f"Nothing can be recovered from {storage.folder}: its tables of contents are missing "
            "or damaged. Delete the folder of the index and index again."
        )
    last, *previous = (_salvage_commit(storage, toc) for toc in tocs)
    for item in last:
        if isinstance(item, Unreadable):
            lost.append(item.path)
        else:
            seen.add(_stored_key(item.file_record))
            yield item
    # What only the previous commit contains was deleted by the last one, or is lost in it.
    for item in previous[0] if lost and previous else ():
        if isinstance(item, Unreadable) or _stored_key(item.file_record) in seen:
            continue
        path = item.file_record.path
        if path in lost or None in lost:
            lost.remove(path if path in lost else None)
            yield item
    yield from map(Unreadable, lost)


def _salvage_commit(storage: IndexFolder, toc: TOC) -> Iterator[Stored | Unreadable]:
    for segment in toc.segments:
        yield from _salvage_segment(storage, toc.schema, segment)


def _stored_key(record: FileRecord) -> str:
    if record.status is Status.INDEXED:
        return f"article {record.article_id}"
    return f"file {record.path}"


def _salvage_segment(
    storage: IndexFolder, schema: Schema, segment: W3Segment
) -> Iterator[Stored | Unreadable]:
    reader = segment.codec().per_document_reader(storage, segment)
    columns: dict[str, Any] = {}
    for name in BYTES_COLUMNS:
        stored = name if name in schema else _NAMES_IN_FORMAT_4.get(name)
        if stored is None:
            columns[name] = _EmptyColumn()
            continue
        try:
            columns[name] = reader.column_reader(stored, schema[stored].column_type)
        except Exception:  # noqa: BLE001  (damaged bytes can raise nearly any error)
            columns[name] = _UnreadableColumn()
    deleted = frozenset(segment.deleted_docs())
    try:
        for number in range(segment.doc_count_all()):
            if number not in deleted:
                yield _salvage_document(columns, number)
    finally:
        reader.close()


class _EmptyColumn:
    """Stands in for a column that an older format does not have."""

    def __getitem__(self, number: int) -> bytes:
        return b""


class _UnreadableColumn:
    """Stands in for a column that can't be opened."""

    def __getitem__(self, number: int) -> bytes:
        raise LookupError(number)


def _salvage_document(columns: dict[str, Any], number: int) -> Stored | Unreadable:
    path = None
    try:
        record = unpack_file_record(columns["file_record"][number], columns["id"][number].decode())
        path = record.path
        if record.status is not Status.INDEXED:
            return Stored(None, record)
        article = unpack_article(columns["folded"][number], columns["rest"][number], path)
        url = columns["url"][number].decode() or None
        left_out = unpack_left_out(columns["left_out_passages"][number])
        return Stored(replace(article, url=url, left_out=left_out), record)
    except Exception:  # noqa: BLE001  (as above)
        return Unreadable(path)
