"""Find the files to read under the given paths, in a stable order, each once.

Whatever is found and not read is listed with its reason, so the numbers of a run add up. This
includes what programs that save pages write beside them: the cache of HTTrack, and ArchiveBox's
other copies.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import compress
from operator import attrgetter
from typing import Final
from unicodedata import normalize

from newsgrep._io import describe_special_file, path_key
from newsgrep.extraction.records.names import may_be_readable, readable_suffixes, suffix_of
from newsgrep.messages import message, system_reason


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: absolute path with links not resolved, size in bytes, mtime in ns.

    ``locator`` names the only record to read in a file of many; it is empty otherwise.
    """

    path: str
    size: int
    mtime_ns: int
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that is not read, and the reason.

    ``kind`` is one of ``hidden``, ``tool``, ``format``, ``unreadable``, ``special``, ``loop``,
    ``missing`` and ``outside``; ``reason`` is for people.
    """

    path: str
    reason: str
    kind: str


IsUnchanged = Callable[[str, bytes, int], bool]
"""Returns whether the files in a folder are unchanged, given its path, a digest, and how many."""

_NAME = attrgetter("name")
_NUMBERS = attrgetter("st_ino", "st_nlink", "st_size", "st_mtime_ns")
_FILE_TYPE: Final = stat.S_IFMT(0xFFFF)
_FILES_AND_FOLDERS: Final = frozenset((stat.S_IFREG, stat.S_IFDIR))


class _FileNumbers:
    """The device and inode numbers of files: some bytes for each of a million files.

    File systems number the files of a folder one after another, so 64 of them share an entry.
    """

    def __init__(self) -> None:
        self._devices: dict[int, dict[int, int]] = {}
        self._later: list[tuple[int, array[int]]] = []

    def add_later(self, device: int, inodes: array[int]) -> None:
        """Add many files, which only links can reach again."""
        self._later.append((device, inodes))

    def add_all(self) -> None:
        """Complete what :meth:`add_later` has begun, before a link is followed."""
        for device, inodes in self._later:
            for inode in inodes:
                self.add(device, inode)
        self._later.clear()

    def add(self, device: int, inode: int) -> bool:
        """Add a file; return whether it is new."""
        blocks = self._devices.setdefault(device, {})
        block, bit = inode >> 6, 1 << (inode & 63)
        known = blocks.get(block, 0)
        blocks[block] = known | bit
        return not known & bit


class _Walk:
    """One walk through folders, with the files and folders visited so far.

    Links are followed to targets under ``paths``, or to any target if ``paths`` is None.
    ``is_unchanged`` is described at :func:`find_files`.
    """

    def __init__(self, paths: Sequence[str] | None, is_unchanged: IsUnchanged | None) -> None:
        self.paths = paths
        self.is_unchanged = is_unchanged
        self.files = _FileNumbers()
        self.folders: set[tuple[int, int]] = set()
        # Device and inode of files that were not found under their own names.
        self.linked: set[tuple[int, int]] = set()

    @cached_property
    def roots(self) -> frozenset[str]:
        """Return the given paths with links resolved; computed for the first link."""
        return frozenset(real for path in self.paths or () if (real := _real_path(path)))

    def from_path(self, path: str) -> Iterator[File | Skipped]:
        try:
            status = os.stat(path)  # noqa: PTH116 - a name may contain any byte
        except OSError as exc:
            yield _skip_for_error(path, exc)
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self.folder(path, status)
        else:
            yield from self.file(path, status)

    def outside(self, entry: os.DirEntry[str]) -> Skipped | None:
        """Return ``entry`` as skipped if it is a link to a target outside the given paths."""
        if self.paths is None or not _is_link(entry):
            return None
        target = os.path.realpath(entry.path)
        if any(parent in self.roots for parent in iter_parents(target)):
            return None
        reason = message(
            "a link to {target}, outside the given paths; use --follow to read it", target=target
        )
        return Skipped(entry.path, reason, "outside")

    def file(
        self, path: str, status: os.stat_result, entry: os.DirEntry[str] | None = None
    ) -> Iterator[File | Skipped]:
        if not stat.S_ISREG(status.st_mode):
            yield Skipped(path, describe_special_file(status.st_mode), "special")
            return
        if not may_be_readable(path):
            suffix = suffix_of(path)
            reason = message("newsgrep does not read {suffix} files", suffix=suffix)
            yield Skipped(path, reason, "format")
            return
        if entry and (outside := self.outside(entry)):
            yield outside
            return
        device, inode = _identity(path, status)
        if entry is None or status.st_nlink > 1 or entry.is_symlink():
            self.files.add_all()
            self.linked.add((device, inode))
        if not self.files.add(device, inode):
            return
        yield File(path, status.st_size, status.st_mtime_ns)

    def unchanged_entries(
        self, path: str, device: int, found: Sequence[os.DirEntry[str]]
    ) -> list[os.DirEntry[str]] | None:
        """Return the folders in a folder whose files are unchanged, ``None`` if some may not be.

        Where all files are under their own names and can be read, a digest of their names, sizes
        and times is enough. Everything else is decided file by file.
        """
        if self.is_unchanged is None or is_snapshot(os.path.basename(path)):  # noqa: PTH119
            return None
        if all(entry.is_dir(follow_symlinks=False) for entry in found):
            return None
        names = [entry.name for entry in found]
        joined = "\0".join(names)
        if joined.startswith(".") or "\0." in joined or not OF_TOOLS.keys().isdisjoint(names):
            return None
        try:
            statuses = _statuses(found)
        except OSError:
            return None
        types = {status.st_mode & _FILE_TYPE for status in statuses}
        if stat.S_IFREG not in types or not types <= _FILES_AND_FOLDERS:
            return None
        if _HAS_JUNCTIONS and any(map(_is_link, found)):
            return None
        folders: list[os.DirEntry[str]] = []
        if len(types) > 1:
            is_file = [stat.S_ISREG(status.st_mode) for status in statuses]
            folders = [entry for entry, each in zip(found, is_file, strict=True) if not each]
            names, statuses = [*compress(names, is_file)], [*compress(statuses, is_file)]
            joined = "\0".join(names)
        endings = {name[name.rfind(".") :] for name in names}
        if not endings <= readable_suffixes() and not all(map(may_be_readable, names)):
            return None
        numbers, links, sizes, times = zip(*map(_NUMBERS, statuses), strict=True)
        if not all(numbers) or set(links) != {1}:
            return None
        try:
            inodes = array("Q", numbers)
        except OverflowError:  # ReFS of Windows has numbers of 128 bits
            return None
        digest = blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16)
        digest.update(array("Q", sizes))
        digest.update(array("q", times))
        if self.linked and not self.linked.isdisjoint((device, inode) for inode in inodes):
            return None
        if not self.is_unchanged(path, digest.digest(), len(names)):
            return None
        self.files.add_later(device, inodes)
        return folders

    def folder(self, top: str, status: os.stat_result) -> Iterator[File | Skipped]:
        """Walk ``top`` without recursion: folders may be nested very deeply."""
        stack: list[Iterator[os.DirEntry[str]]] = []
        trail: list[tuple[int, int]] = []
        skipped: dict[str, str] = {}

        def enter(path: str, status: os.stat_result) -> Skipped | None:
            key = _identity(path, status)
            if key in trail:
                return Skipped(path, message("a link back to a folder above it"), "loop")
            if key in self.folders:
                return None
            try:
                with os.scandir(path) as entries:
                    found = sorted(entries, key=_NAME)
            except OSError as exc:
                return _skip_for_error(path, exc)
            if not "".join(map(_NAME, found)).isascii():
                found.sort(key=lambda entry: path_key(entry.name))
            self.folders.add(key)
            trail.append(key)
            folders = self.is_unchanged and self.unchanged_entries(path, status.st_dev, found)
            stack.append(iter(found if folders is None else folders))
            if is_snapshot(os.path.basename(path)):  # noqa: PTH119 - a name may contain any byte
                reasons = _skipped_in_snapshot({each.name for each in found if not _is_empty(each)})
                skipped.update((f"{path}{os.sep}{name}", why) for name, why in reasons.items())
            return None

        problem = enter(top, status)
        if problem:
            yield problem
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
                trail.pop()
                continue
            if entry.name.startswith("."):
                yield Skipped(entry.path, message("hidden: its name starts with a dot"), "hidden")
                continue
            if reason := OF_TOOLS.get(entry.name) or skipped.pop(entry.path, None):
                yield Skipped(entry.path, reason, "tool")
                continue
            try:
                status = _status(entry)
            except OSError as exc:
                yield _skip_for_error(entry.path, exc)
                continue
            if stat.S_ISDIR(status.st_mode):
                problem = self.outside(entry) or enter(entry.path, status)
                if problem:
                    yield problem
            else:
                yield from self.file(entry.path, status, entry)


def _status(entry: os.DirEntry[str], *, follow: bool = True) -> os.stat_result:
    """Return the status of an entry, with its numbers also on Windows, whose lists lack them."""
    status = entry.stat(follow_symlinks=follow)
    return status if status.st_ino else os.stat(entry.path, follow_symlinks=follow)  # noqa: PTH116


def _statuses(entries: Iterable[os.DirEntry[str]]) -> list[os.stat_result]:
    """Return :func:`_status` of many entries, without following links."""
    found = [entry.stat(follow_symlinks=False) for entry in entries]
    if all(status.st_ino for status in found):
        return found
    return [_status(entry, follow=False) for entry in entries]


def _identity(path: str, status: os.stat_result) -> tuple[int, int]:
    """Return what is the same for all paths of a file or folder: its device and inode number.

    Some network drives number no files: then it is computed from the path without links.
    """
    if status.st_ino:
        return status.st_dev, status.st_ino
    real = os.fsencode(os.path.realpath(path))
    return -1, int.from_bytes(blake2b(real, digest_size=8).digest(), "big")


_HAS_JUNCTIONS: Final = hasattr(stat, "IO_REPARSE_TAG_MOUNT_POINT")
"""Whether this is Windows, where a junction is a link to a folder and not a symbolic link."""


def _is_link(entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink() or not _HAS_JUNCTIONS:
        return entry.is_symlink()
    tag: int = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _is_empty(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file() and not entry.stat().st_size
    except OSError:
        return True


def spelled_path(path: str) -> str:
    """Return the absolute path of ``path``, spelled as its folders list their names.

    Links are not resolved. On macOS, Windows and memory cards, ``Archive`` and ``archive``, or é
    as one character and as two, may be names of one file; whichever a user types, the result is
    the same. Names that do not exist stay as they are.
    """
    return spelled_paths([path])[0]


def spelled_paths(paths: Iterable[str]) -> list[str]:
    """Return :func:`spelled_path` of each path; a folder of many of them is looked at once."""
    spelling = _Spelling()
    return [spelling.path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  (links stay)


class _Spelling:
    """How folders list names that can be written in several ways."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._listed: dict[str, list[str]] = {}

    def path(self, path: str) -> str:
        names: list[str] = []
        above = path
        while (spelled := self._folders.get(above)) is None:
            above, name = os.path.split(above)
            if not name:  # the root, or a drive
                drive, rest = os.path.splitdrive(above)
                spelled = drive.upper() + rest if len(drive) == _DRIVE_LETTER else above
                break
            names.append(name)
        for name in reversed(names):
            self._folders[above] = spelled
            above = os.path.join(above, name)  # noqa: PTH118  (any bytes)
            spelled = os.path.join(spelled, self._name(spelled, name))  # noqa: PTH118  (likewise)
        return spelled

    def _name(self, folder: str, name: str) -> str:
        others = {name.swapcase(), *(normalize(form, name) for form in ("NFC", "NFD"))} - {name}
        is_other = any(_is_same(folder, name, other) for other in others)
        return self._listed_name(folder, name) if is_other else name

    def _listed_name(self, folder: str, name: str) -> str:
        if folder not in self._listed:
            self._listed[folder] = []
            with suppress(OSError):  # it may be searched, but not listed
                self._listed[folder] = os.listdir(folder)  # noqa: PTH208  (any bytes)
        if name in self._listed[folder]:
            return name
        key = _spelling_key(name)
        return next((each for each in self._listed[folder] if _spelling_key(each) == key), name)


_DRIVE_LETTER: Final = len("c:")


def _is_same(folder: str, name: str, other: str) -> bool:
    """Return whether two names are those of one file."""
    try:
        found = os.lstat(os.path.join(folder, other))  # noqa: PTH118  (any bytes)
        return os.path.samestat(found, os.lstat(os.path.join(folder, name)))  # noqa: PTH118
    except (OSError, ValueError):
        return False


def _spelling_key(name: str) -> str:
    return normalize("NFC", normalize("NFC", name).casefold())


def iter_parents(path: str) -> Iterator[str]:
    """Yield ``path``, which is absolute, and every folder above it, by name only."""
    while True:
        yield path
        above = os.path.dirname(path)  # noqa: PTH120 - a name may contain any byte
        if above == path:
            return
        path = above


def _skip_for_error(path: str, exc: OSError) -> Skipped:
    if exc.errno == errno.ELOOP:
        return Skipped(path, message("symbolic links that lead to each other"), "loop")
    if exc.errno in (errno.ENOENT, errno.ENOTDIR):
        if os.path.islink(path):  # noqa: PTH114 - a name may contain any byte
            return Skipped(path, message("a symbolic link to nothing"), "missing")
        return Skipped(path, message("does not exist"), "missing")
    return Skipped(
        path, message("cannot be read: {reason}", reason=system_reason(exc)), "unreadable"
    )


def find_files(
    paths: Iterable[str], *, follow: bool = False, is_unchanged: IsUnchanged | None = None
) -> Iterator[File | Skipped]:
    """Yield the files under ``paths``, and each skipped path with its reason.

    Folders are walked to the bottom in the order of their names' bytes. Loops end, and a file
    reached twice is yielded at its first path only. Links to targets under ``paths`` are
    followed, others only with ``follow``: an archive may come from a stranger, and its links may
    lead to private files. A path given here is read even if its name starts with a dot,
    and wherever it leads.

    ``is_unchanged`` is called with the path of each folder whose files all have names of their
    own and can be read, with a digest of the names, sizes and times of these files, and their
    number. If it returns true, they are not yielded.
    """
    named = list(paths)
    walk = _Walk(None if follow else named, is_unchanged)
    for path, spelled in zip(named, spelled_paths(named), strict=True):
        try:
            yield from walk.from_path(spelled)
        except ValueError:
            yield Skipped(
                path, message("cannot be read: a NUL character in its name"), "unreadable"
            )


def _real_path(path: str) -> str | None:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in the name; reported when the path is walked
        return None


_SNAPSHOT_NAME = re.compile(r"[0-9]{9,11}(?:\.[0-9]{1,9})?")
"""The name of a snapshot: the seconds since the epoch at which the page was added."""
_SNAPSHOT_INDEX: Final = "index.json"
_SNAPSHOT_COPIES: Final = (
    "singlefile.html",
    "output.html",
    "readability",
    "mercury",
    "htmltotext.txt",
)
"""The copies in a snapshot, the best one first; SingleFile's states the address of the page."""
_SNAPSHOT_FILES: Final = frozenset((_SNAPSHOT_INDEX, "index.html", "headers.json"))

OF_TOOLS: Final[Mapping[str, str]] = {
    "hts-cache": "the cache of HTTrack, which repeats the pages beside it",
    "hts-log.txt": "the log of HTTrack",
}
"""Files and folders that a program which saves pages writes for itself, and the reasons."""


def is_snapshot(folder: str) -> bool:
    """Return whether the name of a folder is that of a snapshot."""
    return _SNAPSHOT_NAME.fullmatch(folder) is not None


def _skipped_in_snapshot(names: Set[str]) -> Mapping[str, str]:
    """Return the names in a snapshot that are not read, and the reasons; none in another folder.

    ``names`` are those of what the folder contains and is not empty.

    >>> _skipped_in_snapshot({"index.json", "singlefile.html", "output.html"})
    {'index.json': 'about a page that ArchiveBox saved', 'output.html': 'a copy of singlefile.html'}
    """
    copies = [name for name in _SNAPSHOT_COPIES if name in names]
    if _SNAPSHOT_INDEX not in names or not copies:
        return {}
    own = dict.fromkeys(
        sorted(_SNAPSHOT_FILES & names), message("about a page that ArchiveBox saved")
    )
    return own | dict.fromkeys(copies[1:], message("a copy of {path}", path=copies[0]))
