"""The folder of a Whoosh index: fields, columns, segments of a commit, and checked files.

An article has terms in the text fields and one term for each of its names; everything else is in
columns. A file record without an article has a key and its column only. Texts are cut into terms
before. Names of fields and columns, and the terms of ``kind``, are on disk: they change only with
the format of the index.

A segment is written once. Every page of its files has a checksum, which is compared whenever a
part of the page is read. The checksums are in the file ``ID.sums``, and the numbers of deleted
documents in ``ID.N.del``; both are compared with the commit file when they are opened, see
:mod:`newsgrep.engines.commits`.
"""

from __future__ import annotations

import os
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple
from zlib import crc32

from newsgrep._io import path_key
from newsgrep.engines.commits import Commit, FileChecksum, open_regular
from newsgrep.messages import message
from newsgrep.query.ast import Field, NameField

# Fields and columns --------------------------------------------------------------------------

KIND_FIELD: Final = "kind"
ARTICLE: Final = "article"
FILE_RECORD: Final = "file record"
"""The terms of the field ``kind``: a document is an article, or a file record without one."""

TEXT_FIELD: Final = "text"
"""Terms of title and body; the weight of a posting contains their counts (:func:`to_weight`)."""

CAPTION_FIELD: Final = "caption"

LEFT_OUT_FIELD: Final = "left_out"

EARLIER_FIELD: Final = "earlier"

FIELD_BY_PASSAGE_KIND: Final = {
    Field.CAPTION: CAPTION_FIELD,
    Field.LEFT_OUT: LEFT_OUT_FIELD,
    Field.EARLIER: EARLIER_FIELD,
}
"""Fields of texts that no other search counts; all weights are 1."""

CHANGE_FIELD: Final = "change"
"""The keywords of an article's changes (:func:`newsgrep.analysis.versions.change_keywords`)."""

KEY_FIELD: Final = "key"
"""One term for each file record without an article, see :func:`file_record_key`."""

FIELD_BY_NAME_KIND: Final = {kind: f"{kind.value}_name" for kind in NameField}
"""Fields whose terms are whole names, as they are written."""

LENGTH_COLUMNS: Final = ("title_length", "lead_length", "body_length")
NUMBER_COLUMNS: Final = {"first_day": "i", "last_day": "i", "timestamp": "d"} | dict.fromkeys(
    LENGTH_COLUMNS, "I"
)
"""Columns of numbers with their type codes, as in :mod:`array`."""

NUMBER_DEFAULTS: Final = {"timestamp": float("-inf")}
BYTES_COLUMNS: Final = ("id", "url", "folded", "rest", "left_out_passages", "file_record")
FACET_COLUMNS: Final = ("source", "month")

VERSIONS_COLUMN: Final = "versions"
"""The packed earlier versions: a column of byte strings that segments without any do not have."""

COLUMNS: Final = (*NUMBER_COLUMNS, *BYTES_COLUMNS, *FACET_COLUMNS)

DEFAULT_VALUES: Final = (
    {name: NUMBER_DEFAULTS.get(name, 0) for name in NUMBER_COLUMNS}
    | dict.fromkeys(BYTES_COLUMNS, b"")
    | dict.fromkeys(FACET_COLUMNS, b"")
)
"""Written for every document that has no other value, so that each column has a file."""


def file_record_key(path: str) -> str:
    """Return the key of the record of a file without an article.

    A digest, since a path may contain any bytes and a term is text.
    """
    from hashlib import sha256  # not needed by a search

    return sha256(path_key(path)).hexdigest()


# Names of files ------------------------------------------------------------------------------

PAGE_BYTES: Final = 4096
"""A term or a text is in one or two pages."""

_READ_BYTES: Final = 256 * PAGE_BYTES
_MAX_CACHED_PAGES: Final = 2048
_CHECKSUM_BYTES: Final = 4
_NUMBER_BYTES: Final = 4

TERMS: Final = "trm"
POSTINGS: Final = "pst"
CHECKED_ENDINGS: Final = (
    *sorted(f"{name}.col" for name in (*COLUMNS, "_stored")),
    POSTINGS,
    TERMS,
)
"""Endings of the names of the files with page checksums that every segment has."""

VERSIONS: Final = f"{VERSIONS_COLUMN}.col"
"""The ending of another file, which only segments with earlier versions have."""

JOINTS: Final = "joints"
"""The ending of the file of signatures (:mod:`.joints`), which format 7 does not have."""

INDEX_NAME: Final = "NEWSGREP"
"""The name of the index that begins the names of its segments."""

OWN_FILE: Final = re.compile(
    rf"{INDEX_NAME}(_[0-9a-z]{{16}}\.([a-z_]+\.col|trm|pst|joints|sums|[0-9]+\.del)|\.tmp)"
)
"""The names of a segment's files, and of the folder of Whoosh's temporary ones."""

ENGINE: Final = "whoosh"
"""The name of the engine in commit files."""

_SEGMENT_NAME: Final = re.compile(rf"{INDEX_NAME}_[0-9a-z]{{16}}")
_POSITION_CODES: Final = frozenset("BHiIq")


class CorruptFile(Exception):
    """A file does not contain what it should."""


# Files with page checksums -------------------------------------------------------------------


def checksum_pages(path: Path) -> tuple[FileChecksum, bytes]:
    """Return size and checksum of the file at ``path``, and the CRC-32 of each page in turn."""
    pages, size, whole = bytearray(), 0, 0
    with open_regular(path) as stream:
        while block := stream.read(_READ_BYTES):
            size += len(block)
            whole = crc32(block, whole)
            pages += _page_checksums(block)
    return FileChecksum(size, whole), bytes(pages)


def _page_checksums(block: bytes) -> bytes:
    if len(block) <= PAGE_BYTES:
        return crc32(block).to_bytes(_CHECKSUM_BYTES, "big")
    view = memoryview(block)
    starts = range(0, len(block), PAGE_BYTES)
    return b"".join(
        crc32(view[start : start + PAGE_BYTES]).to_bytes(_CHECKSUM_BYTES, "big") for start in starts
    )


class CheckedFile:
    """A file open for reading, in which a changed page raises :class:`CorruptFile`.

    Pages that were read are cached, up to 8 MiB, so that the bytes used are the bytes compared.
    Without ``checksums`` nothing is compared. The first ``size`` bytes of a longer file can be
    read; a shorter one raises :class:`CorruptFile`.
    """

    def __init__(self, path: Path, size: int, checksums: bytes | None) -> None:
        try:
            self._raw = open_regular(path)
        except ValueError as exc:
            raise CorruptFile(f"{path.name}: {exc}") from exc
        self.name = path.name
        self.size = size
        self._checksums = checksums
        self._pages: dict[int, bytes] = {}
        self._lock = Lock()
        found = os.fstat(self._raw.fileno()).st_size
        self.is_longer = found > size
        if found < size:
            self._raw.close()
            raise CorruptFile(
                message(
                    "{name} has {found} bytes instead of {size}",
                    name=path.name,
                    found=found,
                    size=size,
                )
            )

    def get(self, position: int, length: int) -> bytes:
        """Return the ``length`` bytes from ``position``; raises :class:`CorruptFile` outside."""
        end = position + length
        if not 0 <= position <= end <= self.size:
            raise CorruptFile(message("{name} contains a wrong position or size", name=self.name))
        first, last = position // PAGE_BYTES, (end - 1) // PAGE_BYTES
        start = first * PAGE_BYTES
        if first == last:
            return self._page(first)[position - start : end - start]
        if not length:
            return b""
        return self._read(first, last)[position - start : end - start]

    def _page(self, number: int) -> bytes:
        page = self._pages.get(number)
        if page is None:
            page = self._read(number, number)
            if len(self._pages) == _MAX_CACHED_PAGES:
                self._pages.clear()
            self._pages[number] = page
        return page

    def _read(self, first: int, last: int) -> bytes:
        """Return the bytes of the pages ``first`` to ``last``, after comparing their checksums."""
        start = first * PAGE_BYTES
        data = self._read_at(start, min((last + 1) * PAGE_BYTES, self.size) - start)
        if self._checksums is not None:
            expected = self._checksums[first * _CHECKSUM_BYTES : (last + 1) * _CHECKSUM_BYTES]
            if _page_checksums(data) != expected:
                raise CorruptFile(message("{name} does not match its checksum", name=self.name))
        return data

    def _read_at(self, start: int, size: int) -> bytes:
        if hasattr(os, "pread"):  # one call of the system instead of two, and no buffer
            data: bytes = os.pread(self._raw.fileno(), size, start)
            if len(data) == size:
                return data
        with self._lock:  # several threads may read one index
            self._raw.seek(start)
            return self._raw.read(size)

    def close(self) -> None:
        """Close the file; it may be closed already."""
        self._raw.close()


# Segments of a commit ------------------------------------------------------------------------


class Segment(NamedTuple):
    """What a commit says about a segment.

    ``documents`` is their number, deleted ones included. ``deleted`` is the name of the file with
    the numbers of deleted documents, if there are any. ``fields`` are the names of fields in the
    order of their numbers in the table of terms, ``terms`` is how many it has, and
    ``position_code`` the type code of their positions, as in :mod:`array`. ``has_versions`` says
    whether there is a column of earlier versions; format 6 has none. ``has_joints`` says whether
    there are signatures; format 7 has none.
    """

    name: str
    documents: int
    deleted: str | None
    fields: Sequence[str]
    position_code: str
    terms: int
    has_versions: bool = False
    has_joints: bool = False

    @property
    def checked_endings(self) -> tuple[str, ...]:
        """Return the endings of the files with page checksums, in the order of these."""
        versions = (VERSIONS,) if self.has_versions else ()
        return (
            (*CHECKED_ENDINGS, *versions, JOINTS)
            if self.has_joints
            else (*CHECKED_ENDINGS, *versions)
        )

    def file(self, ending: str) -> str:
        """Return the name of the segment's file with this ending."""
        return f"{self.name}.{ending}"

    @property
    def sums(self) -> str:
        """Return the name of the file with the page checksums."""
        return self.file("sums")

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of all files of the segment."""
        deleted = (self.deleted,) if self.deleted else ()
        return (*map(self.file, self.checked_endings), self.sums, *deleted)


def describe_segments(segments: Iterable[Segment]) -> dict[str, Any]:
    """Return the state of a commit with these segments; :func:`segments_of` is the inverse."""
    return {"segments": [list(segment) for segment in segments]}


def segments_of(commit: Commit) -> list[Segment]:
    """Return the segments of a commit; raises :class:`CorruptFile` if it does not describe them.

    Every document takes at least a byte of each column of byte strings, so that a number of
    documents that is made up is limited by the size of the files.
    """
    try:
        segments = [Segment(*each) for each in commit.state["segments"]]
        for segment in segments:
            _check_segment(segment, commit.files)
        if len({segment.name for segment in segments}) < len(segments):
            raise TypeError(message("a segment is named twice"))
    except (TypeError, LookupError) as exc:
        raise CorruptFile(message("the commit file does not describe the segments")) from exc
    return segments


def _check_segment(segment: Segment, files: Mapping[str, FileChecksum]) -> None:
    name, documents, _, fields, code, terms, has_versions, has_joints = segment
    if not _SEGMENT_NAME.fullmatch(name) or type(documents) is not int or type(terms) is not int:
        raise TypeError(message("not a segment"))
    if not all(isinstance(each, str) for each in fields) or code not in _POSITION_CODES:
        raise TypeError(message("not the terms of a segment"))
    if type(has_versions) is not bool or type(has_joints) is not bool:
        raise TypeError(message("not the columns of a segment"))
    if not 0 < documents < min(files[segment.file(f"{each}.col")].size for each in BYTES_COLUMNS):
        raise CorruptFile(
            message("the segment {name} has too few bytes for its documents", name=name)
        )
    pages = sum(_count_pages(files[segment.file(each)].size) for each in segment.checked_endings)
    if files[segment.sums].size != pages * _CHECKSUM_BYTES:
        raise CorruptFile(
            message("{sums} does not have one checksum for each page", sums=segment.sums)
        )
    if segment.deleted and files[segment.deleted].size > documents * _NUMBER_BYTES:
        raise CorruptFile(message("{deleted} is too large", deleted=segment.deleted))


def read_page_checksums(folder: Path, commit: Commit, segment: Segment) -> dict[str, bytes]:
    """Return the page checksums of a segment's files, by their names.

    Raises ``FileNotFoundError`` and :class:`CorruptFile`.
    """
    sums = read_whole(folder, segment.sums, commit.files[segment.sums])
    found, start = {}, 0
    for name in map(segment.file, segment.checked_endings):
        end = start + _count_pages(commit.files[name].size) * _CHECKSUM_BYTES
        found[name] = sums[start:end]
        start = end
    return found


def _count_pages(size: int) -> int:
    return -(-size // PAGE_BYTES)


def open_files(folder: Path, commit: Commit, segment: Segment) -> dict[str, CheckedFile]:
    """Open all files of a segment with page checksums; the keys are their endings.

    Raises ``FileNotFoundError`` and :class:`CorruptFile`; then none is open.
    """
    pages = read_page_checksums(folder, commit, segment)
    opened: dict[str, CheckedFile] = {}
    try:
        for ending in segment.checked_endings:
            name = segment.file(ending)
            opened[ending] = CheckedFile(folder / name, commit.files[name].size, pages[name])
            if opened[ending].is_longer:  # no answer would be wrong, but it is damage
                raise CorruptFile(message("{name} is longer than it was", name=name))
    except BaseException:
        close_files(opened)
        raise
    return opened


def close_files(opened: Mapping[str, CheckedFile]) -> None:
    """Close all files."""
    for file in opened.values():
        file.close()


def read_whole(folder: Path, name: str, expected: FileChecksum) -> bytes:
    """Return the content of a file that is compared with its checksum as a whole.

    Raises ``FileNotFoundError`` and :class:`CorruptFile`.
    """
    file = CheckedFile(folder / name, expected.size, None)
    try:
        data = file.get(0, expected.size)
    finally:
        file.close()
    if crc32(data) != expected.crc:
        raise CorruptFile(message("{name} does not match its checksum", name=name))
    return data


def read_deleted(folder: Path, commit: Commit, segment: Segment) -> frozenset[int]:
    """Return the numbers of a segment's deleted documents."""
    if segment.deleted is None:
        return frozenset()
    data = read_whole(folder, segment.deleted, commit.files[segment.deleted])
    if len(data) % _NUMBER_BYTES:
        raise CorruptFile(message("{deleted} is cut off", deleted=segment.deleted))
    numbers = array("I", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    deleted = frozenset(numbers)
    if max(deleted, default=0) >= segment.documents:
        raise CorruptFile(
            message("{deleted} names documents that do not exist", deleted=segment.deleted)
        )
    return deleted


def pack_deleted(numbers: Iterable[int]) -> bytes:
    """Return the content of a file of deleted documents."""
    packed = array("I", sorted(numbers))
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()


def checksum_segment(folder: Path, segment: Segment) -> Iterator[tuple[str, FileChecksum]]:
    """Write the page checksums of a segment, and yield its files with their checksums."""
    sums = bytearray()
    for ending in segment.checked_endings:
        checksum, pages = checksum_pages(folder / segment.file(ending))
        sums += pages
        yield segment.file(ending), checksum
    yield write_file(folder / segment.sums, bytes(sums))


def write_file(path: Path, data: bytes) -> tuple[str, FileChecksum]:
    """Create a file, which must not exist; return its name and its checksum."""
    with path.open("xb") as stream:
        stream.write(data)
    return path.name, FileChecksum(len(data), crc32(data))
