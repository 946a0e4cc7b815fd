"""Verifying a Whoosh index, and salvaging what can be read of a damaged one.

Indexes of formats 4 to 7 are salvaged in the same way, when they are rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from newsgrep.analysis.codec import (
    unpack_article,
    unpack_file_record,
    unpack_left_out,
)
from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.analysis.versions import unpack_versions
from newsgrep.engines.base import Stored, Unreadable
from newsgrep.engines.commits import Commit, CommitFolder, checksum_file
from newsgrep.engines.whoosh.joints import LEFT_OUT_ZONE
from newsgrep.engines.whoosh.old_formats import OldSegment, read_old_commits
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.segment import BytesColumn
from newsgrep.engines.whoosh.storage import (
    BYTES_COLUMNS,
    CAPTION_FIELD,
    CHANGE_FIELD,
    EARLIER_FIELD,
    ENGINE,
    LEFT_OUT_FIELD,
    OWN_FILE,
    TEXT_FIELD,
    VERSIONS_COLUMN,
    CheckedFile,
    CorruptFile,
    Segment,
    read_deleted,
    read_page_checksums,
    segments_of,
)
from newsgrep.errors import IndexDamaged
from newsgrep.messages import message
from newsgrep.models import FileRecord, Status

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_64_BITS: Final = (1 << 64) - 1


def find_problems(
    commits: CommitFolder, reader: WhooshReader, *, deep: bool, user: UserDictionary | None = None
) -> Iterator[str]:
    """Yield a sentence for each problem; may also raise what damaged data raises.

    With ``deep`` all terms are compared with those of the stored texts; ``user`` is the user's
    dictionary of the index.
    """
    damaged = commits.file_problems(reader.commit)
    yield from damaged
    yield from commits.other_problems(reader.commit)
    if damaged:
        return  # the content of such files may be anything
    for document in sorted(reader.all_documents()):
        article, article_id = reader.article(document), reader.article_id(document)
        if article.id != article_id:
            yield message(
                "The article {id} is stored as {article_id}.", id=article.id, article_id=article_id
            )
    for _ in reader.file_records():
        pass
    if deep:
        yield from _term_problems(reader, user)


def _term_problems(reader: WhooshReader, user: UserDictionary | None) -> Iterator[str]:
    """Compare the postings of every document with the terms of its article.

    Together they would not fit into memory, so each document has one sum over its terms and
    counts: one from the postings, one from the article.
    """
    living = reader.all_documents()
    sums = dict.fromkeys(living, 0)
    for field in (TEXT_FIELD, CAPTION_FIELD, LEFT_OUT_FIELD, EARLIER_FIELD, CHANGE_FIELD):
        for term, numbers, counts in reader.all_postings(field):
            for number, count in zip(numbers, counts, strict=True):
                sums[number] = sums.get(number, 0) + _term_checksum(field, term, count) & _64_BITS
    signatures = _signature_checksums(reader)
    for number in sorted(living):
        article = reader.article(number)
        document = make_document(article, reader.file_record(number), user=user)
        pairs: Iterable[tuple[str, str, int]] = (
            *((TEXT_FIELD, term, count) for term, count in document.counts.items()),
            *((CAPTION_FIELD, term, 1) for term in document.caption_terms),
            *((LEFT_OUT_FIELD, term, 1) for term in document.left_out_units),
            *((EARLIER_FIELD, term, 1) for term in document.earlier_terms),
            *((CHANGE_FIELD, term, 1) for term in document.changes),
        )
        if sum(_term_checksum(*pair) for pair in pairs) & _64_BITS != sums.pop(number):
            yield message("The terms of the article {id} do not match its text.", id=article.id)
        elif signatures.get(number, expected := _signature_checksum(document)) != expected:
            yield message("The joints of the article {id} do not match its text.", id=article.id)
    for number in sums:
        yield message("There are terms of a document {number} that does not exist.", number=number)


def _signature_checksums(reader: WhooshReader) -> dict[int, int]:
    """Return the checksum of each document's signatures, if its segment has signatures."""
    found: dict[int, int] = {}
    for segment in reader.segments:
        if (joints := segment.joints) is None:
            continue
        found |= dict.fromkeys(range(segment.offset, segment.offset + segment.size), 0)
        for block in joints.blocks:
            for number, signature in zip(
                joints.numbers(block), joints.signatures(block), strict=True
            ):
                found[segment.offset + number] += crc32(signature) << block.zone
    return found


def _signature_checksum(document: IndexDocument) -> int:
    return crc32(document.joints) + (crc32(document.left_out_joints) << LEFT_OUT_ZONE)


def _term_checksum(field: str, term: str, count: int) -> int:
    return crc32(f"{field} {term}".encode()) * (2 * count + 1)


_SELF_CHECKED: Final = frozenset(("folded", "rest", VERSIONS_COLUMN))
"""Columns whose values contain checksums of their own: one may be intact in a damaged page."""

_NAMES_IN_FORMAT_4: Final = {"file_record": "stamp"}


_DAMAGE: Final = (CorruptFile, FileNotFoundError, ValueError, LookupError, TypeError)
"""What damaged bytes raise. Another error of the system must not look like a loss of data."""


class _SavedFile(NamedTuple):
    """What is known of a file: its size, and its page checksums.

    ``pages`` is ``None`` if the whole file was compared with its checksum.
    """

    size: int
    pages: bytes | None


class _OpenSegment(NamedTuple):
    """The numbers of a segment's living documents, and its columns by name."""

    living: Iterable[int]
    columns: Mapping[str, Any]
    files: list[CheckedFile]


class _EmptyColumn:
    """Stands in for a column that a segment does not have."""

    def __getitem__(self, number: int) -> bytes:
        return b""


class _UnreadableColumn:
    """Stands in for a column that can't be opened."""

    def __getitem__(self, number: int) -> bytes:
        raise LookupError(number)


class _Commit(NamedTuple):
    """A readable commit: functions that open its segments, and whether it is the last commit."""

    segments: Sequence[Callable[[], _OpenSegment]]
    is_last: bool


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield everything readable, each article and file record once, then what is unreadable.

    What the last commit can't provide may still be readable in the commit before it. If the last
    commit is not readable itself, it is unknown what it contained, and that is one of the
    unreadable items. Raises :class:`IndexDamaged` if neither commit is readable.
    """
    seen: set[str] = set()
    lost: list[str | None] = []
    commits = list(_commits(folder))
    if not commits:
        raise IndexDamaged(
            "Nothing can be recovered from {folder}: its commit files are missing or damaged. "
            "Delete the folder of the index and index again.",
            folder=folder,
        )
    last, *previous = commits
    for item in _salvage_commit(last):
        if isinstance(item, Unreadable):
            lost.append(item.path)
        elif (key := _stored_key(item.file_record)) not in seen:
            seen.add(key)
            yield item
    # What only the previous commit contains was deleted by the last one, or is lost in it.
    for item in _salvage_commit(previous[0]) if lost and previous else ():
        if isinstance(item, Unreadable) or _stored_key(item.file_record) in seen:
            continue
        path = item.file_record.path
        if path in lost or None in lost:
            lost.remove(path if path in lost else None)
            yield item
    yield from map(Unreadable, lost)
    if not last.is_last:
        yield Unreadable(None)


def _stored_key(record: FileRecord) -> str:
    if record.status is Status.INDEXED:
        return f"article {record.article_id}"
    return f"file {record.path}"


def _commits(folder: Path) -> Iterator[_Commit]:
    """Yield each readable commit, the last one first.

    The last segment comes first, so that of an article that is stored twice, because a list of
    deleted documents is lost, the newer one is yielded.
    """
    commits = CommitFolder(folder, ENGINE, OWN_FILE)
    last = commits.expected_number()
    for commit in commits.readable_commits():
        with suppress(CorruptFile):
            segments = reversed(segments_of(commit))
            opening = [partial(_open_segment, folder, commit, each) for each in segments]
            yield _Commit(opening, commit.number == last)
    for is_last, old_segments in read_old_commits(folder):
        opening = [partial(_open_old_segment, folder, each) for each in reversed(old_segments)]
        yield _Commit(opening, is_last)


def _open_segment(folder: Path, commit: Commit, segment: Segment) -> _OpenSegment:
    files = {}
    try:
        pages = read_page_checksums(folder, commit, segment)
        files = {name: _SavedFile(commit.files[name].size, each) for name, each in pages.items()}
    except (CorruptFile, FileNotFoundError):
        for name in segment.files:
            size = commit.files[name].size
            with suppress(FileNotFoundError, ValueError):
                if checksum_file(folder / name, size) == commit.files[name]:
                    files[name] = _SavedFile(size, None)
    deleted = frozenset[int]()
    with suppress(CorruptFile, FileNotFoundError):
        deleted = read_deleted(folder, commit, segment)
    living = (n for n in reversed(range(segment.documents)) if n not in deleted)
    names = (*BYTES_COLUMNS, VERSIONS_COLUMN) if segment.has_versions else BYTES_COLUMNS
    return _open_columns(folder, segment.name, segment.documents, living, files, names)


def _open_old_segment(folder: Path, segment: OldSegment) -> _OpenSegment:
    files = {name: _SavedFile(*each) for name, each in segment.files.items()}
    living = (n for n in reversed(range(segment.documents)) if n not in segment.deleted)
    names = BYTES_COLUMNS
    return _open_columns(folder, segment.name, segment.documents, living, files, names, is_old=True)


def _open_columns(
    folder: Path,
    segment: str,
    documents: int,
    living: Iterable[int],
    saved: Mapping[str, _SavedFile],
    names: Iterable[str],
    *,
    is_old: bool = False,
) -> _OpenSegment:
    columns: dict[str, Any] = {VERSIONS_COLUMN: _EmptyColumn()}
    files: list[CheckedFile] = []
    for column in names:
        name = f"{segment}.{column}.col"
        if is_old and name not in saved:
            name = f"{segment}.{_NAMES_IN_FORMAT_4.get(column, column)}.col"
        columns[column] = _EmptyColumn() if is_old and name not in saved else _UnreadableColumn()
        if name not in saved:
            continue
        size, pages = saved[name]
        with suppress(*_DAMAGE):
            file = CheckedFile(folder / name, size, None if column in _SELF_CHECKED else pages)
            files.append(file)
            columns[column] = BytesColumn(file, documents)
    return _OpenSegment(living, columns, files)


def _salvage_commit(commit: _Commit) -> Iterator[Stored | Unreadable]:
    for open_segment in commit.segments:
        living, columns, files = open_segment()
        try:
            for number in living:
                yield _salvage_document(columns, number)
        finally:
            for file in files:
                file.close()


def _salvage_document(columns: Mapping[str, Any], number: int) -> Stored | Unreadable:
    path = None
    try:
        record = unpack_file_record(columns["file_record"][number], columns["id"][number].decode())
        path = record.path
        if record.status is not Status.INDEXED:
            return Stored(None, record)
        article = unpack_article(columns["folded"][number], columns["rest"][number], path)
        url = columns["url"][number].decode() or None
        left_out = unpack_left_out(columns["left_out_passages"][number])
        versions = unpack_versions(columns[VERSIONS_COLUMN][number], article)
        return Stored(article._replace(url=url, left_out=left_out, versions=versions), record)
    except _DAMAGE:
        return Unreadable(path)
