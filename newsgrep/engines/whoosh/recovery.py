"""Everything that a Whoosh index holds is read and compared with what it should be.

Files with their checksums, articles with themselves, and terms with the articles' texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from whoosh.codec.whoosh3 import W3Segment
from whoosh.fields import Schema
from whoosh.index import TOC

from newsgrep.analysis.codec import unpack_article, unpack_file_record
from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Stored, Unreadable
from newsgrep.engines.whoosh.codec import BYTES_COLUMNS, CAPTION_FIELD, INDEX_NAME, TEXT_FIELD
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder, checksum_file, checksums_of
from newsgrep.errors import IndexDamaged
from newsgrep.models import FileRecord, Status

_BITS = (1 << 64) - 1


def find_problems(storage: IndexFolder, store: WhooshReader, *, deep: bool) -> Iterator[str]:
    """Yield what is wrong, one sentence each; may also raise what damaged data raises."""
    harmed = list(_file_problems(storage))
    yield from harmed
    if harmed:
        return  # what they hold need not make any sense
    for document in sorted(store.everything()):
        article = store.article(document)
        if article.id != store.identifier(document):
            yield f"The article {article.id} is kept as {store.identifier(document)}."
    for _ in store.stamps():
        pass
    if deep:
        yield from _term_problems(store)


def _file_problems(storage: IndexFolder) -> Iterator[str]:
    for segment in TOC.read(storage, INDEX_NAME).segments:
        for name, expected in checksums_of(segment).items():
            if not storage.file_exists(name):
                yield f"The file {name} is missing."
            elif storage.file_length(name) != expected.size:
                size = storage.file_length(name)
                yield f"The file {name} has {size} bytes instead of {expected.size}."
            elif checksum_file(Path(storage.folder, name)) != expected:
                yield f"The file {name} has other bytes than it was written with."


def _term_problems(store: WhooshReader) -> Iterator[str]:
    """Compare the postings of every document with the terms of its article.

    All at once they would not fit into memory, so each document has one sum over all of
    its terms and counts, of the postings and of the article.
    """
    living = store.everything()
    found = dict.fromkeys(living, 0)
    for field in (TEXT_FIELD, CAPTION_FIELD):
        for term, numbers, counts in store.all_postings(field):
            for number, count in zip(numbers, counts, strict=True):
                found[number] = found.get(number, 0) + _term_checksum(field, term, count) & _BITS
    for document in sorted(living):
        article = store.article(document)
        entry = make_document(article, store.stamp(document))
        pairs: Iterable[tuple[str, str, int]] = (
            *((TEXT_FIELD, term, count) for term, count in entry.counts.items()),
            *((CAPTION_FIELD, term, 1) for term in entry.caption_terms),
        )
        if sum(_term_checksum(*pair) for pair in pairs) & _BITS != found.pop(document):
            yield f"The terms of the article {article.id} are not those of its text."
    for document in found:
        yield f"There are terms of a document {document} that is not there."


def _term_checksum(field: str, term: str, count: int) -> int:
    return crc32(f"{field} {term}".encode()) * (2 * count + 1)


_ID: Final = "id"


def salvage(storage: IndexFolder) -> Iterator[Stored | Unreadable]:
    """Yield all that can be read, each article and note once, and then what is lost.

    Raises :class:`IndexDamaged` where neither commit's table of contents can be read.
    """
    seen: set[str] = set()
    lost: list[str | None] = []
    commits = storage.readable_contents()
    if not commits:
        raise IndexDamaged(
            f"Nothing can be saved from {storage.folder}, which has lost its tables of contents: "
            "delete the folder of the index and index again."
        )
    last, *before = (_salvage_commit(storage, contents) for contents in commits)
    for item in last:
        if isinstance(item, Unreadable):
            lost.append(item.path)
        else:
            seen.add(_stored_key(item.stamp))
            yield item
    # What only the commit before has, was taken out by the last, unless it is lost there.
    for item in before[0] if lost and before else ():
        if isinstance(item, Unreadable) or _stored_key(item.stamp) in seen:
            continue
        path = item.stamp.path
        if path in lost or None in lost:
            lost.remove(path if path in lost else None)
            yield item
    yield from map(Unreadable, lost)


def _salvage_commit(storage: IndexFolder, contents: TOC) -> Iterator[Stored | Unreadable]:
    for segment in contents.segments:
        yield from _salvage_segment(storage, contents.schema, segment)


def _stored_key(stamp: FileRecord) -> str:
    is_shown = stamp.status is Status.INDEXED
    return f"article {stamp.article_id}" if is_shown else f"note {stamp.path}"


def _salvage_segment(
    storage: IndexFolder, schema: Schema, segment: W3Segment
) -> Iterator[Stored | Unreadable]:
    reader = segment.codec().per_document_reader(storage, segment)
    columns: dict[str, Any] = {}
    for name in BYTES_COLUMNS:
        try:
            columns[name] = reader.column_reader(name, schema[name].column_type)
        except Exception:  # noqa: BLE001  (bytes without sense end as nearly any error)
            columns[name] = _UnreadableColumn()
    dead = frozenset(segment.deleted_docs())
    try:
        for number in range(segment.doc_count_all()):
            if number not in dead:
                yield _salvage_document(columns, number)
    finally:
        reader.close()


class _UnreadableColumn:
    """A column that can't be read at all."""

    def __getitem__(self, number: int) -> bytes:
        raise LookupError(number)


def _salvage_document(columns: dict[str, Any], number: int) -> Stored | Unreadable:
    path = None
    try:
        stamp = unpack_file_record(columns["stamp"][number], columns[_ID][number].decode())
        path = stamp.path
        if stamp.status is not Status.INDEXED:
            return Stored(None, stamp)
        article = unpack_article(columns["folded"][number], columns["rest"][number], path)
        return Stored(replace(article, url=columns["url"][number].decode() or None), stamp)
    except Exception:  # noqa: BLE001  (likewise)
        return Unreadable(path)
