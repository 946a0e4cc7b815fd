"""The folder of a Whoosh index: what is written there lasts, and the last two commits stay.

Whoosh by itself syncs nothing to disk and keeps one table of contents.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import BufferFile, StructFile
from whoosh.index import TOC

from newsgrep.disk import sync
from newsgrep.engines.whoosh.pages import CheckedFile, FileSum, seal, unsealed
from newsgrep.engines.whoosh.schema import INDEX_NAME
from newsgrep.engines.whoosh.sums import check_sizes, sums_of

_TEMPORARY: Final = f"{INDEX_NAME}.tmp"
_CONTENTS: Final = re.compile(rf"_{INDEX_NAME}_(\d+)\.(toc|before)")
_OWN_SUMS: Final = (".folded.col", ".rest.col")
_OURS: Final = re.compile(rf"_?{INDEX_NAME}_(?!WRITELOCK)")


class Folder(FileStorage):
    """Whoosh's own storage, whose renaming lasts and which knows its commits."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(str(path))
        self._sums: dict[str, FileSum] = {}
        self._open: list[CheckedFile] = []

    def contents(self) -> TOC:
        """Return the table of contents of the last commit, and remember what its files should be.

        Raises :class:`CorruptIndexError` where one of them has another size.
        """
        contents: TOC = TOC.read(self, INDEX_NAME)
        check_sizes(self, contents.segments)
        for segment in contents.segments:
            self._sums |= sums_of(segment)
        return contents

    def readable_contents(self) -> list[TOC]:
        """Return what can be read of the last commit's table of contents and the one's before.

        From now on texts are read from pages with wrong checksums, too: each has its own.
        """
        found = []
        for number, kind in ((self.last(), "toc"), (self.before(), "before")):
            with suppress(Exception):
                found.append(TOC.read(_Named(self, kind), INDEX_NAME, number or 0))
                for segment in found[-1].segments:
                    self._sums |= {
                        name: expected
                        for name, expected in sums_of(segment).items()
                        if not name.endswith(_OWN_SUMS)
                    }
        return found

    def open_file(self, name: str, **options: Any) -> StructFile:
        """Open a file for reading; one with a checksum is compared with it as it is read."""
        path = Path(self.folder, name)
        if _CONTENTS.fullmatch(name):
            return BufferFile(unsealed(path), name=name)
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
        if _CONTENTS.fullmatch(newname):
            seal(Path(self.folder, oldname))
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
            status = Path(self.folder, _contents(number, "toc")).stat()
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
        matches = filter(None, map(_CONTENTS.fullmatch, self))
        return [int(match[1]) for match in matches if match[2] == kind]

    def set_aside(self, number: int) -> None:
        """Make ``number``, which another commit has just followed, the one to go back to."""
        super().rename_file(_contents(number, "toc"), _contents(number, "before"))

    def leftovers(self) -> list[str]:
        """Return the files that neither commit names; files that are not ours are left out."""
        named = set(self._named(self.last(), "toc")) | set(self._named(self.before(), "before"))
        return [name for name in self if _OURS.match(name) and name not in named]

    def _named(self, number: int | None, kind: str) -> Iterator[str]:
        if number is None:
            return
        try:
            contents = TOC.read(_Named(self, kind), INDEX_NAME, number)
        except Exception:
            if kind == "toc":
                raise
            return  # nobody can go back to it
        yield _contents(number, kind)
        for segment in contents.segments:
            yield from sums_of(segment)

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

    def go_back(self) -> None:
        """Make the commit before the last the last one; there has to be one."""
        last, before = self.last(), self.before()
        if before is None:
            raise LookupError("only one commit is kept")
        super().rename_file(_contents(before, "before"), _contents(before, "toc"))
        if last is not None:
            self.delete_file(_contents(last, "toc"))
        self.settle(())


class _Named:
    """A folder in which tables of contents have another ending."""

    def __init__(self, folder: Folder, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    def open_file(self, name: str) -> Any:
        return self._folder.open_file(name.removesuffix("toc") + self._kind)


def _contents(number: int, kind: str) -> str:
    return f"_{INDEX_NAME}_{number}.{kind}"
