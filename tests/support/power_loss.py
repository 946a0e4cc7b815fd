"""What a loss of power leaves of a folder, from the recorded calls of the commands before it.

A file's data are safe after a sync of the file, and the names in a folder after a sync of the
folder; nothing else is. :class:`Disk` replays recorded calls and then writes what may be left:

* :meth:`Disk.write_in_order`: the names as they were, and of files that were not synced only
  the first changes, as file systems leave them that write names in order and data late
* :meth:`Disk.write_any_order`: of the changes that were not synced, any: names appear and
  disappear independently, and parts of files are missing or zero

A rename takes place or does not, as on every file system with a journal.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.disk_faults import DiskCall, Kind

_PAGE = 4096


@dataclass(eq=False)
class _File:
    """A file or, with ``target``, a symbolic link.

    ``safe`` is the synced content, ``pending`` are the later changes: position and bytes of a
    write, or the new size and ``None``.
    """

    safe: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    target: str | None = None

    def content(self, changes: int | None = None) -> bytearray:
        """Return the content after so many pending changes, all by default."""
        content = bytearray(self.safe)
        for at, data in self.pending[:changes]:
            if data is None:
                content = content[:at].ljust(at, b"\0")
            else:
                content = content.ljust(at, b"\0")
                content[at : at + len(data)] = data
        return content

    def sync(self) -> None:
        self.safe = bytes(self.content())
        self.pending.clear()


@dataclass(eq=False)
class _Folder:
    """A folder; its names differ from moment to moment and are in :data:`_Names`."""


_Node = _File | _Folder
_Names = dict[_Folder, dict[str, _Node]]
_Change = list[tuple[_Folder, str, _Node | None]]
"""Names and what they then refer to, ``None`` if nothing; they change together."""

_Content = Callable[[_File], bytes]
"""Returns what a file is left with."""


class Disk:
    """A folder, and what of it is safe, while recorded calls are replayed.

    ``inodes`` are those of :func:`inodes_below` when the calls were recorded, if the folder is
    a copy.
    """

    def __init__(self, folder: Path, inodes: Mapping[str, int] | None = None) -> None:
        self.folder = folder.resolve()
        self._inodes = inodes_below(folder) if inodes is None else inodes
        self._root = _Folder()
        self._nodes: dict[int, _Node] = {self._inodes[""]: self._root}
        self._now: _Names = {self._root: {}}
        self._read(self.folder, self._root)
        self._safe: _Names = _copy(self._now)
        self._pending: list[_Change] = []

    def _read(self, path: Path, folder: _Folder) -> None:
        for each in path.iterdir():
            inode = self._inodes[str(each.relative_to(self.folder))]
            node = self._nodes.get(inode)
            if node is None:
                if each.is_symlink():
                    node = _File(target=os.readlink(each))  # noqa: PTH115  (as text)
                elif each.is_dir():
                    node = _Folder()
                    self._now[node] = {}
                    self._read(each, node)
                else:
                    node = _File(each.read_bytes())
                self._nodes[inode] = node
            self._now[folder][each.name] = node

    # Replaying

    def replay(self, calls: Iterable[DiskCall]) -> None:
        """Apply calls that succeeded."""
        for call in calls:
            if call.result >= 0:
                self._replay(call)

    def _replay(self, call: DiskCall) -> None:
        match call.kind:
            case Kind.OPEN if call.offset == 1:
                self._create(call, _File())
            case Kind.OPEN if call.offset == 2:
                self._file(call).pending.append((0, None))
            case Kind.WRITE:
                self._file(call).pending.append((call.offset, call.data))
            case Kind.TRUNCATE:
                self._file(call).pending.append((call.offset, None))
            case Kind.SYMLINK:
                self._create(call, _File(target=call.other))
            case Kind.MKDIR:
                self._create(call, _Folder())
            case Kind.UNLINK | Kind.RMDIR:
                self._change([(*self._place(call.path), None)])
            case Kind.LINK:
                self._change([(*self._place(call.other), self._nodes[call.inode])])
            case Kind.RENAME:
                old, new = self._place(call.path), self._place(call.other)
                self._change([(*old, None), (*new, self._now[old[0]][old[1]])])
            case Kind.SYNC:
                self._sync(self._nodes[call.inode])
            case _:
                pass

    def _file(self, call: DiskCall) -> _File:
        node = self._nodes[call.inode]
        assert isinstance(node, _File), call
        return node

    def _place(self, path: str) -> tuple[_Folder, str]:
        """Return the folder and the last part of a path."""
        *parents, name = Path(path).relative_to(self.folder).parts
        folder = self._root
        for part in parents:
            node = self._now[folder][part]
            assert isinstance(node, _Folder), path
            folder = node
        return folder, name

    def _create(self, call: DiskCall, node: _Node) -> None:
        self._nodes[call.inode] = node
        if isinstance(node, _Folder):
            self._now[node] = {}
            self._safe[node] = {}
        self._change([(*self._place(call.path), node)])

    def _change(self, change: _Change) -> None:
        _apply(self._now, change)
        self._pending.append(change)

    def _sync(self, node: _Node) -> None:
        if isinstance(node, _File):
            node.sync()
            return
        done = [change for change in self._pending if any(edit[0] is node for edit in change)]
        for change in done:
            # Earlier changes of the same names have no effect any more.
            names = {(folder, name) for folder, name, _ in change}
            at = self._pending.index(change)
            for earlier in self._pending[:at]:
                earlier[:] = [edit for edit in earlier if edit[:2] not in names]
            del self._pending[at]
            _apply(self._safe, change)

    # What is left

    def write_all(self, target: Path) -> None:
        """Write the folder as it is if no power is lost."""
        self._write(self._now, target, lambda file: bytes(file.content()))

    def write_in_order(self, target: Path, chance: random.Random) -> None:
        """Write the folder with all names, and unsynced files as they were at some moment."""

        def content(file: _File) -> bytes:
            return bytes(file.content(chance.randint(0, len(file.pending))))

        self._write(self._now, target, content)

    def write_any_order(self, target: Path, chance: random.Random) -> None:
        """Write the folder with any of the changes that were not synced."""
        names = _copy(self._safe)
        likely = chance.choice((0.1, 0.5, 0.9))
        for change in self._pending:
            if chance.random() < likely:
                _apply(names, change)

        def content(file: _File) -> bytes:
            if not file.pending or chance.random() < 0.2:
                return bytes(file.content())
            whole = file.content(chance.randint(0, len(file.pending)))
            safe = file.safe
            for at in range(0, len(whole), _PAGE):
                if chance.random() < 0.3:
                    old = safe[at : at + _PAGE].ljust(min(_PAGE, len(whole) - at), b"\0")
                    whole[at : at + _PAGE] = old
            return bytes(whole[: chance.choice((len(whole), len(whole), len(safe)))])

        self._write(names, target, content)

    def _write(self, names: _Names, target: Path, content: _Content) -> None:
        written: dict[_File, Path] = {}

        def write(folder: _Folder, path: Path) -> None:
            path.mkdir(mode=0o700, exist_ok=True)
            for name, node in names[folder].items():
                at = path / name
                if isinstance(node, _Folder):
                    write(node, at)
                elif node in written:
                    at.hardlink_to(written[node])
                elif node.target is not None:
                    at.symlink_to(node.target)
                else:
                    at.write_bytes(content(node))
                    at.chmod(0o600)
                    written[node] = at

        write(self._root, target)


def _copy(names: Mapping[_Folder, dict[str, _Node]]) -> _Names:
    return {folder: dict(entries) for folder, entries in names.items()}


def _apply(names: _Names, change: _Change) -> None:
    for folder, name, node in change:
        if node is None:
            names[folder].pop(name, None)
        else:
            names[folder][name] = node


def inodes_below(folder: Path) -> dict[str, int]:
    """Return the inode of each file and folder by its relative path; the folder's is ``""``."""
    found = {str(path.relative_to(folder)): path.lstat().st_ino for path in folder.rglob("*")}
    return {"": folder.stat().st_ino} | found
