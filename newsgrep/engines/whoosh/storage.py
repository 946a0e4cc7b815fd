"""Files whose every page has a checksum, which is compared whenever something of it is read.

Whoosh by itself would take whatever bytes are there for postings, and find less or more.
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

from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import BufferFile, StructFile
from whoosh.index import TOC
from whoosh.reading import CorruptIndexError

from newsgrep._io import sync
from newsgrep.engines.whoosh.codec import INDEX_NAME

PAGE_BYTES: Final = 4096
"""Bytes; a term or a text is in one or two of them."""

_READ_BYTES: Final = 256 * PAGE_BYTES
_MAX_CACHED_PAGES: Final = 2048
_CHECKSUM_BYTES: Final = 4
_TRAILER_BYTES: Final = 4


class FileChecksums(NamedTuple):
    """What a file should be: its size in bytes, and the CRC-32 of each page of it in four bytes."""

    size: int
    pages: bytes


def checksum_file(path: Path) -> FileChecksums:
    """Return what the file at ``path`` is."""
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
        crc32(view[at : at + PAGE_BYTES]).to_bytes(_CHECKSUM_BYTES, "big") for at in starts
    )


class CheckedFile(StructFile):
    """A file of Whoosh's for reading, which raises :class:`CorruptIndexError` for a changed page.

    Pages once read are kept, up to some megabytes, so that what was compared is what is used.
    """

    def __init__(self, path: Path, expected: FileChecksums) -> None:
        self._raw = path.open("rb", buffering=0)
        # Whoosh reads pickles from `file`, which needs no more than what is defined here.
        super().__init__(cast("BinaryIO", self), name=path.name)
        self.is_real = False
        self._size, self._sums = expected
        self._at = 0
        self._kept: dict[int, bytes] = {}
        if fstat(self._raw.fileno()).st_size != self._size:
            self._raw.close()
            raise CorruptIndexError(f"{path.name} has another size than it had")

    def get(self, position: int, length: int) -> bytes:
        """Return ``length`` bytes from ``position`` on, or those up to the end of the file."""
        end = min(position + length, self._size)
        first, last = position // PAGE_BYTES, (end - 1) // PAGE_BYTES
        if first == last:
            start = first * PAGE_BYTES
            return self._page(first)[position - start : end - start]
        if not 0 <= position < end:
            return b""
        start = first * PAGE_BYTES
        return self._read(first, last)[position - start : end - start]

    def _page(self, number: int) -> bytes:
        page = self._kept.get(number)
        if page is None:
            page = self._read(number, number)
            if len(self._kept) == _MAX_CACHED_PAGES:
                self._kept.clear()
            self._kept[number] = page
        return page

    def _read(self, first: int, last: int) -> bytes:
        """Return the bytes of all pages from ``first`` to ``last``, once compared."""
        self._raw.seek(first * PAGE_BYTES)
        wanted = min((last + 1) * PAGE_BYTES, self._size) - first * PAGE_BYTES
        data = self._raw.read(wanted)
        while len(data) < wanted and (more := self._raw.read(wanted - len(data))):
            data += more  # a system may give less than asked for
        if (
            _page_checksums(data)
            != self._sums[first * _CHECKSUM_BYTES : (last + 1) * _CHECKSUM_BYTES]
        ):
            raise CorruptIndexError(f"{self._name} has other bytes than it was written with")
        return data

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all that are left for a negative ``size``."""
        data = self.get(self._at, self._size if size < 0 else size)
        self._at += len(data)
        return data

    def readline(self) -> bytes:
        """Return the next bytes up to the end of a line."""
        line = bytearray()
        for at in count(self._at):
            byte = self.get(at, 1)
            line += byte
            if byte in (b"", b"\n"):
                break
        self._at += len(line)
        return bytes(line)

    def seek(self, position: int, whence: int = SEEK_SET) -> int:
        """Go to ``position``."""
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence]
        self._at = base + position
        return self._at

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def get_array(self, position: int, typecode: str, length: int) -> array[Any]:
        """Return numbers, which are big-endian in files."""
        self.seek(position)
        return self.read_array(typecode, length)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        self.is_closed = True


def append_checksum(path: Path) -> None:
    """Put a checksum behind a file that is read whole; Whoosh doesn't look there."""
    with path.open("r+b") as stream:
        total = crc32(stream.read())
        stream.write(total.to_bytes(_TRAILER_BYTES, "big"))


def read_verified(path: Path) -> bytes:
    """Return a sealed file's bytes; raises :class:`CorruptIndexError` for a changed one."""
    data = path.read_bytes()
    content, told = data[:-_TRAILER_BYTES], data[-_TRAILER_BYTES:]
    if crc32(content).to_bytes(_TRAILER_BYTES, "big") != told:
        raise CorruptIndexError(f"{path.name} has other bytes than it was written with")
    return content


_CHECKSUMS_ATTRIBUTE: Final = "file_sums"
"""The attribute of a segment; its values are plain tuples, for Whoosh reads them, too."""


def record_checksums(storage: FileStorage, segment: W3Segment) -> None:
    """Note what all files of ``segment`` are now, in the segment."""
    prefix = f"{segment.segment_id()}."
    names = [name for name in sorted(storage) if name.startswith(prefix)]
    setattr(
        segment,
        _CHECKSUMS_ATTRIBUTE,
        {name: tuple(checksum_file(Path(storage.folder, name))) for name in names},
    )


def checksums_of(segment: W3Segment) -> dict[str, FileChecksums]:
    """Return what was noted, by the names of the files."""
    return {
        name: FileChecksums(*told) for name, told in getattr(segment, _CHECKSUMS_ATTRIBUTE).items()
    }


def verify_sizes(storage: FileStorage, segments: Iterable[W3Segment]) -> None:
    """Raise :class:`CorruptIndexError` for a file that is gone or has another size.

    Done before anything is read: Whoosh takes a missing column for one of default values.
    """
    for segment in segments:
        for name, (size, _) in checksums_of(segment).items():
            if not storage.file_exists(name) or storage.file_length(name) != size:
                raise CorruptIndexError(f"{name} is missing or has another size than it had")


_TEMPORARY: Final = f"{INDEX_NAME}.tmp"
_TOC_NAME: Final = re.compile(rf"_{INDEX_NAME}_(\d+)\.(toc|before)")
_SELF_CHECKED: Final = (".folded.col", ".rest.col")
_INDEX_FILE: Final = re.compile(rf"_?{INDEX_NAME}_(?!WRITELOCK)")


class IndexFolder(FileStorage):
    """Whoosh's own storage, whose renaming lasts and which knows its commits."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(str(path))
        self._sums: dict[str, FileChecksums] = {}
        self._open: list[CheckedFile] = []

    def contents(self) -> TOC:
        """Return the table of contents of the last commit, and remember what its files should be.

        Raises :class:`CorruptIndexError` where one of them has another size.
        """
        contents: TOC = TOC.read(self, INDEX_NAME)
        verify_sizes(self, contents.segments)
        for segment in contents.segments:
            self._sums |= checksums_of(segment)
        return contents

    def readable_contents(self) -> list[TOC]:
        """Return what can be read of the last commit's table of contents and the one's before.

        From now on texts are read from pages with wrong checksums, too: each has its own.
        """
        found = []
        for number, kind in ((self.last(), "toc"), (self.before(), "before")):
            with suppress(Exception):
                found.append(TOC.read(_TocView(self, kind), INDEX_NAME, number or 0))
                for segment in found[-1].segments:
                    self._sums |= {
                        name: expected
                        for name, expected in checksums_of(segment).items()
                        if not name.endswith(_SELF_CHECKED)
                    }
        return found

    def open_file(self, name: str, **options: Any) -> StructFile:
        """Open a file for reading; one with a checksum is compared with it as it is read."""
        path = Path(self.folder, name)
        if _TOC_NAME.fullmatch(name):
            return BufferFile(read_verified(path), name=name)
        if name in self._sums:
            self._open.append(CheckedFile(path, self._sums[name]))
            return self._open[-1]
        file: StructFile = super().open_file(name, **options)
        return file

    def let_go(self) -> None:
        """Close all files that are open for reading; Whoosh leaves some open where it fails."""
        while self._open:
            self._open.pop().close()

    def settle(self, names: Iterable[str]) -> None:
        """Wait until these files, and then the folder itself, are on the disk."""
        for name in names:
            sync(Path(self.folder, name))
        sync(Path(self.folder))

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        """Rename a file for good: with a table of contents, this is the commit."""
        if _TOC_NAME.fullmatch(newname):
            append_checksum(Path(self.folder, oldname))
        sync(Path(self.folder, oldname))
        super().rename_file(oldname, newname, safe=safe)
        try:
            sync(Path(self.folder))
        except OSError:
            # What may not last must not be seen either.
            with suppress(OSError):
                Path(self.folder, newname).unlink()
            raise

    def last(self) -> int | None:
        """Return the number of the last commit."""
        return max(self._numbers("toc"), default=None)

    def mark(self) -> tuple[int, int, int] | None:
        """Return what tells the last commit from all others, also from one of its number.

        After going back, the next commit has the number of the one that was dropped.
        """
        number = self.last()
        if number is None:
            return None
        try:
            status = Path(self.folder, _toc_name(number, "toc")).stat()
        except FileNotFoundError:
            return number, 0, 0
        return number, status.st_ino, status.st_mtime_ns

    def before(self) -> int | None:
        """Return the number of the commit before the last, if there is one to go back to.

        Its table of contents has another name: where that of the last commit is lost, the
        index is damaged, and not silently an older one. The empty index that every one
        begins with is no commit of anybody's.
        """
        return max(filter(None, self._numbers("before")), default=None)

    def _numbers(self, kind: str) -> list[int]:
        matches = filter(None, map(_TOC_NAME.fullmatch, self))
        return [int(match[1]) for match in matches if match[2] == kind]

    def set_aside(self, number: int) -> None:
        """Make ``number``, which another commit has just followed, the one to go back to."""
        super().rename_file(_toc_name(number, "toc"), _toc_name(number, "before"))

    def leftovers(self) -> list[str]:
        """Return the files that neither commit names; files that are not ours are left out."""
        named = set(self._named(self.last(), "toc")) | set(self._named(self.before(), "before"))
        return [name for name in self if _INDEX_FILE.match(name) and name not in named]

    def _named(self, number: int | None, kind: str) -> Iterator[str]:
        if number is None:
            return
        try:
            contents = TOC.read(_TocView(self, kind), INDEX_NAME, number)
        except Exception:
            if kind == "toc":
                raise
            return  # nobody can go back to it
        yield _toc_name(number, kind)
        for segment in contents.segments:
            yield from checksums_of(segment)

    def tidy(self) -> None:
        """Delete leftovers; what can't be deleted now will be another time."""
        *older, _ = sorted(self._numbers("toc")) or [0]
        if older:  # a writer died between a commit and setting the one before aside
            self.set_aside(older[-1])
        try:
            names = self.leftovers()
        except Exception:  # noqa: BLE001  (without a table of contents, nothing is known to be left over)
            return
        for name in names:
            with suppress(OSError):
                self.delete_file(name)
        shutil.rmtree(Path(self.folder, _TEMPORARY), ignore_errors=True)

    def rollback(self) -> None:
        """Make the commit before the last the last one; there has to be one."""
        last, before = self.last(), self.before()
        if before is None:
            raise LookupError("only one commit is kept")
        super().rename_file(_toc_name(before, "before"), _toc_name(before, "toc"))
        if last is not None:
            self.delete_file(_toc_name(last, "toc"))
        self.settle(())


class _TocView:
    """A folder in which tables of contents have another ending."""

    def __init__(self, folder: IndexFolder, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    def open_file(self, name: str) -> Any:
        return self._folder.open_file(name.removesuffix("toc") + self._kind)


def _toc_name(number: int, kind: str) -> str:
    return f"_{INDEX_NAME}_{number}.{kind}"
