"""The folder of a Whoosh index: checked files, durable commits, and the last two of them.

Whoosh alone reads whatever bytes a file contains, does not sync anything to disk, and keeps one
table of contents. Here every page of a segment's files has a checksum, which is compared
whenever a part of the page is read, and the commit before the last can be restored.
"""

from __future__ import annotations

import re
import shutil
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import SEEK_CUR, SEEK_END, SEEK_SET
from itertools import count
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from zlib import crc32

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import BufferFile, StructFile
from whoosh.reading import CorruptIndexError

from newsgrep._io import sync
from newsgrep.engines.whoosh.internals import (
    INDEX_FILE,
    INDEX_NAME,
    TEMPORARY_FOLDER,
    TOC,
    W3Segment,
    get_checksums,
    set_checksums,
    toc_name,
)

PAGE_BYTES: Final = 4096
"""A term or a text is in one or two pages."""

_READ_BYTES: Final = 256 * PAGE_BYTES
_MAX_CACHED_PAGES: Final = 2048
_CHECKSUM_BYTES: Final = 4


class FileChecksums(NamedTuple):
    """The size of a file in bytes, and the CRC-32 of each page, four bytes each."""

    size: int
    pages: bytes


def checksum_file(path: Path) -> FileChecksums:
    """Return the size and the page checksums of the file at ``path``."""
    pages, size = bytearray(), 0
    with path.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            size += len(block)
            pages += _page_checksums(block)
    return FileChecksums(size, bytes(pages))


def _page_checksums(block: bytes) -> bytes:
    view = memoryview(block)
    starts = range(0, len(block), PAGE_BYTES)
    return b"".join(
        crc32(view[start : start + PAGE_BYTES]).to_bytes(_CHECKSUM_BYTES, "big") for start in starts
    )


class CheckedFile(StructFile):
    """A file open for reading, which raises :class:`CorruptIndexError` for a changed page.

    Pages that were read are cached, up to 8 MiB, so that the bytes used are the bytes compared.
    """

    def __init__(self, path: Path, expected: FileChecksums) -> None:
        self._raw = path.open("rb", buffering=0)
        # Whoosh reads pickles from `file`, which needs only methods that are defined here.
        super().__init__(cast("BinaryIO", self), name=path.name)
        self.is_real = False
        self._filename = path.name
        self._size, self._checksums = expected
        self._position = 0
        self._pages: dict[int, bytes] = {}
        if fstat(self._raw.fileno()).st_size != self._size:
            self._raw.close()
            raise CorruptIndexError(f"{path.name} does not have the size that it had")

    def get(self, position: int, length: int) -> bytes:
        """Return ``length`` bytes from ``position``, or fewer at the end of the file."""
        end = min(position + length, self._size)
        first, last = position // PAGE_BYTES, (end - 1) // PAGE_BYTES
        start = first * PAGE_BYTES
        if first == last:
            return self._page(first)[position - start : end - start]
        if not 0 <= position < end:
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
        self._raw.seek(first * PAGE_BYTES)
        wanted = min((last + 1) * PAGE_BYTES, self._size) - first * PAGE_BYTES
        data = self._raw.read(wanted)
        while len(data) < wanted and (more := self._raw.read(wanted - len(data))):
            data += more  # the system may return fewer bytes than requested
        expected = self._checksums[first * _CHECKSUM_BYTES : (last + 1) * _CHECKSUM_BYTES]
        if _page_checksums(data) != expected:
            raise CorruptIndexError(f"{self._filename} does not match its checksum")
        return data

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, or all that are left if ``size`` is negative."""
        data = self.get(self._position, self._size if size < 0 else size)
        self._position += len(data)
        return data

    def readline(self) -> bytes:
        """Return the next bytes up to and including the end of a line."""
        line = bytearray()
        for position in count(self._position):
            byte = self.get(position, 1)
            line += byte
            if byte in (b"", b"\n"):
                break
        self._position += len(line)
        return bytes(line)

    def seek(self, position: int, whence: int = SEEK_SET) -> int:
        """Set the position of the next byte and return it."""
        base = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._size}[whence]
        self._position = base + position
        return self._position

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def get_array(self, position: int, typecode: str, length: int) -> array[Any]:
        """Return ``length`` numbers from ``position``; numbers are big-endian in files."""
        self.seek(position)
        return self.read_array(typecode, length)

    def close(self) -> None:
        """Close the file; it may be closed already."""
        self._raw.close()
        self.is_closed = True


def append_checksum(path: Path) -> None:
    """Append the CRC-32 of a file that is read whole; Whoosh ignores bytes at the end of it."""
    with path.open("r+b") as stream:
        total = crc32(stream.read())
        stream.write(total.to_bytes(_CHECKSUM_BYTES, "big"))


def read_verified(path: Path) -> bytes:
    """Return the content of a file that :func:`append_checksum` has changed.

    Raises :class:`CorruptIndexError` if it does not match its checksum.
    """
    data = path.read_bytes()
    content, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if crc32(content).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        raise CorruptIndexError(f"{path.name} does not match its checksum")
    return content


def record_checksums(storage: FileStorage, segment: W3Segment) -> None:
    """Store the checksums of all files of ``segment`` in it."""
    prefix = f"{segment.segment_id()}."
    names = [name for name in sorted(storage) if name.startswith(prefix)]
    set_checksums(segment, {name: checksum_file(Path(storage.folder, name)) for name in names})


def checksums_of(segment: W3Segment) -> dict[str, FileChecksums]:
    """Return the checksums that are stored in ``segment``, by name of the file."""
    return {name: FileChecksums(*each) for name, each in get_checksums(segment).items()}


def verify_sizes(storage: FileStorage, segments: Iterable[W3Segment]) -> None:
    """Raise :class:`CorruptIndexError` for a file that is missing or has another size.

    Called before anything is read: Whoosh reads default values from a missing column.
    """
    for segment in segments:
        for name, (size, _) in checksums_of(segment).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or does not have the size that it had")


_LAST: Final = "toc"
_PREVIOUS: Final = "before"
"""Suffixes of the tables of contents of the last commit and of the one before it.

If the table of the last commit is lost, the index is damaged, and not silently an older one.
"""

_TOC_NAME: Final = re.compile(rf"_{INDEX_NAME}_(\d+)\.({_LAST}|{_PREVIOUS})")

_SELF_CHECKED: Final = (".folded.col", ".rest.col")
"""Columns whose values contain checksums of their own."""


class IndexFolder(FileStorage):
    """Whoosh's storage with checked files, durable renaming, and knowledge of its commits."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(str(path))
        self._checksums: dict[str, FileChecksums] = {}
        self._open_files: list[CheckedFile] = []

    def read_toc(self) -> TOC:
        """Return the last commit's table of contents; its files are checked from now on.

        Raises :class:`CorruptIndexError` if one of them has another size, and Whoosh's
        ``EmptyIndexError`` if there is no table of contents.
        """
        toc: TOC = TOC.read(self, INDEX_NAME)
        verify_sizes(self, toc.segments)
        for segment in toc.segments:
            self._checksums |= checksums_of(segment)
        return toc

    def segments(self) -> list[W3Segment]:
        """Return the segments of the last commit, without checking their files."""
        segments: list[W3Segment] = TOC.read(self, INDEX_NAME).segments
        return segments

    def readable_tocs(self) -> list[TOC]:
        """Return the readable tables of contents of the last commit and of the one before it.

        From now on texts are also read from pages with wrong checksums: each text has its own.
        """
        found = []
        for number, suffix in (
            (self.last_commit(), _LAST),
            (self.previous_commit(), _PREVIOUS),
        ):
            with suppress(Exception):
                found.append(TOC.read(_TocView(self, suffix), INDEX_NAME, number or 0))
                for segment in found[-1].segments:
                    self._checksums |= {
                        name: expected
                        for name, expected in checksums_of(segment).items()
                        if not name.endswith(_SELF_CHECKED)
                    }
        return found

    def open_file(self, name: str, **options: Any) -> StructFile:
        """Open a file for reading; one with checksums is checked as it is read."""
        path = Path(self.folder, name)
        if _TOC_NAME.fullmatch(name):
            return BufferFile(read_verified(path), name=name)
        if name in self._checksums:
            self._open_files.append(CheckedFile(path, self._checksums[name]))
            return self._open_files[-1]
        file: StructFile = super().open_file(name, **options)
        return file

    def close_files(self) -> None:
        """Close all files that are open for reading; Whoosh leaves some open when it fails."""
        while self._open_files:
            self._open_files.pop().close()

    def sync_files(self, names: Iterable[str]) -> None:
        """Wait until these files, and then the folder itself, are on the disk."""
        for name in names:
            sync(Path(self.folder, name))
        sync(Path(self.folder))

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        """Rename a file durably: for a table of contents, this is the commit."""
        if _TOC_NAME.fullmatch(newname):
            append_checksum(Path(self.folder, oldname))
        sync(Path(self.folder, oldname))
        super().rename_file(oldname, newname, safe=safe)
        try:
            sync(Path(self.folder))
        except OSError:
            # A commit that may not survive a power failure must not be visible either.
            with suppress(OSError):
                Path(self.folder, newname).unlink()
            raise

    def last_commit(self) -> int | None:
        """Return the number of the last commit, if there is any."""
        return max(self._commits(_LAST), default=None)

    def commit_mark(self) -> tuple[int, int, int] | None:
        """Return a value that identifies the last commit, if there is any.

        Its number alone does not: after a rollback, the next commit gets the number of the
        dropped one.
        """
        number = self.last_commit()
        if number is None:
            return None
        try:
            status = Path(self.folder, toc_name(number)).stat()
        except FileNotFoundError:
            return number, 0, 0
        return number, status.st_ino, status.st_mtime_ns

    def previous_commit(self) -> int | None:
        """Return the number of the commit that a rollback would restore, if there is one.

        The empty index with number 0, which every index begins with, is not restored.
        """
        return max(filter(None, self._commits(_PREVIOUS)), default=None)

    def _commits(self, suffix: str) -> list[int]:
        matches = filter(None, map(_TOC_NAME.fullmatch, self))
        return [int(match[1]) for match in matches if match[2] == suffix]

    def retain(self, number: int) -> None:
        """Make ``number``, after which another commit was made, the one to roll back to."""
        super().rename_file(toc_name(number, _LAST), toc_name(number, _PREVIOUS))

    def leftovers(self) -> list[str]:
        """Return the names of files of the index that neither of the two commits contains."""
        used = {
            *self._files_of(self.last_commit(), _LAST),
            *self._files_of(self.previous_commit(), _PREVIOUS),
        }
        return [name for name in self if INDEX_FILE.match(name) and name not in used]

    def _files_of(self, number: int | None, suffix: str) -> Iterator[str]:
        if number is None:
            return
        try:
            toc = TOC.read(_TocView(self, suffix), INDEX_NAME, number)
        except Exception:
            if suffix == _LAST:
                raise
            return  # a damaged previous commit can't be restored
        yield toc_name(number, suffix)
        for segment in toc.segments:
            yield from checksums_of(segment)

    def remove_leftovers(self) -> None:
        """Delete leftovers; a file that can't be deleted now is deleted another time."""
        *older, _ = sorted(self._commits(_LAST)) or [0]
        if older:  # a writer was killed between a commit and retaining the one before
            self.retain(older[-1])
        try:
            names = self.leftovers()
        except Exception:  # noqa: BLE001  (without a table of contents, any file may be in use)
            return
        for name in names:
            with suppress(OSError):
                self.delete_file(name)
        shutil.rmtree(Path(self.folder, TEMPORARY_FOLDER), ignore_errors=True)

    def rollback(self) -> None:
        """Make the commit before the last one the last; raises :class:`LookupError` without one."""
        last, previous = self.last_commit(), self.previous_commit()
        if previous is None:
            raise LookupError("only one commit is kept")
        super().rename_file(toc_name(previous, _PREVIOUS), toc_name(previous, _LAST))
        if last is not None:
            self.delete_file(toc_name(last, _LAST))
        self.sync_files(())


class _TocView:
    """A folder whose tables of contents have another suffix, for ``TOC.read``."""

    def __init__(self, folder: IndexFolder, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix

    def open_file(self, name: str) -> Any:
        return self._folder.open_file(name.removesuffix(_LAST) + self._suffix)
