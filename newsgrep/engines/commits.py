"""Commits of an index in a folder: immutable files, and one small file that names them.

A folder of data contains files that are written once, and commit files. ``commit-7.json`` is
the last commit if no other has a higher number, and ``commit-6.previous.json`` is the commit
that a rollback restores. ``commit-7.copy.json`` has the same content as ``commit-7.json``; only
the repair of an index that has lost that file reads it. A commit file names every file of its
commit with size and checksum, contains the engine's own description of them (``state``), and
ends with its own checksum. It is JSON, so that reading a file from anywhere runs no code.

Publishing a commit syncs its files, then the folder, and renames the finished commit file,
which is the switch. Then the commit before it is renamed, so that the loss of the last one is an
error and not an older answer, and files that neither of the two names are deleted. A rollback
publishes the files of the previous commit as the next one; numbers only increase.

This module reads, takes no lock and creates no file. The size of a commit file is limited, its
values are checked, and no name in it leads out of the folder::

    commits = CommitFolder(folder, "whoosh", own_files)
    reader = commits.open_last(open_files)

:mod:`newsgrep.engines.commit_writer` publishes commits.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, TypeVar
from zlib import crc32

from newsgrep._io import IS_WINDOWS, describe_special_file
from newsgrep.engines.base import DAMAGE_REMEDY, RolledBack
from newsgrep.errors import IndexDamaged
from newsgrep.messages import message

_Opened = TypeVar("_Opened")

LOCK_NAME: Final = "writer.lock"
"""Locked by the process that writes to a folder of data; its content means nothing."""

MAX_COMMIT_BYTES: Final = 16 << 20
"""The size of a commit file. Engines put what grows with the number of documents into files."""

_COMMIT_FILE: Final = re.compile(r"commit-(0|[1-9][0-9]{0,14})(\.previous)?\.json")
_COPY: Final = re.compile(r"commit-(0|[1-9][0-9]{0,14})\.copy\.json")
_DATA_FILE: Final = re.compile(r"(?!commit-)[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_TEXT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_CHECKSUM_LINE: Final = re.compile(rb"\ncrc32 ([0-9a-f]{8})\n\Z")
_CHECKSUM_LINE_BYTES: Final = 16
_READ_BYTES: Final = 1 << 20
_MAX_NUMBER: Final = 10**15
_MAX_LISTINGS: Final = 5
_DRAFT: Final = re.compile(r"commit-[0-9]+\.json\.new")


class FileChecksum(NamedTuple):
    """The size of a file in bytes, and the CRC-32 of all of them."""

    size: int
    crc: int


class Restored(NamedTuple):
    """The number and the time of the commit whose files a rollback has published again."""

    number: int
    time: str


class Commit(NamedTuple):
    """The content of a commit file.

    ``time`` is ``YYYY-MM-DDTHH:MM:SSZ``. ``index_id`` is the same for all commits of one folder,
    and of no other. ``previous`` is the number of the commit that a rollback restores. If this
    commit is a rollback, ``rolled_back`` is the number of the commit that it has dropped, and
    ``restored`` the commit whose files it has. ``files`` has their names, and ``state`` is the
    engine's, any JSON object. ``checksum`` is the CRC-32 of the first line.
    """

    number: int
    time: str
    engine: str
    index_id: str
    previous: int | None
    rolled_back: int | None
    restored: Restored | None
    files: Mapping[str, FileChecksum]
    state: Mapping[str, Any]
    checksum: int

    @property
    def mark(self) -> int:
        """Return a number that no other commit of any index has; 0 for an empty index."""
        return self.number << 32 | self.checksum if self.number else 0

    @property
    def as_rolled_back(self) -> RolledBack | None:
        """Return what the rollback that made this commit returned, if one did."""
        if self.rolled_back is None or self.restored is None:
            return None
        return RolledBack(*self.restored, dropped=self.rolled_back)


class CommitName(NamedTuple):
    """What the name of a commit file says: its number, and whether it is the previous commit."""

    number: int
    is_previous: bool = False

    def __str__(self) -> str:
        return f"commit-{self.number}{'.previous' if self.is_previous else ''}.json"


def parse_name(name: str) -> CommitName | None:
    """Return what the name of a commit file says, ``None`` for any other name."""
    match = _COMMIT_FILE.fullmatch(name)
    return match and CommitName(int(match[1]), match[2] is not None)


def copy_name(number: int) -> str:
    """Return the name of the copy of a commit file."""
    return f"commit-{number}.copy.json"


def parse_sealed(data: bytes) -> tuple[Any, int]:
    """Return the JSON value in ``data``, which ends with its checksum, and that checksum.

    Raises :class:`ValueError` for anything else.
    """
    ending = _CHECKSUM_LINE.search(data, max(len(data) - _CHECKSUM_LINE_BYTES, 0))
    if ending is None:
        raise ValueError(message("its end is missing"))
    body = data[: ending.start()]
    checksum = crc32(body)
    if checksum != int(ending[1], 16):
        raise ValueError(message("its checksum is wrong"))
    try:
        return json.loads(body.decode("ascii"), parse_constant=_refuse_constant), checksum
    except RecursionError as exc:
        raise ValueError(message("it is nested too deeply")) from exc


def parse_commit(data: bytes) -> Commit:
    """Return the commit that the bytes of a commit file describe.

    Raises :class:`ValueError`, :class:`LookupError`, :class:`TypeError` or
    :class:`AttributeError` for anything else.
    """
    if len(data) > MAX_COMMIT_BYTES:
        raise ValueError(
            message(
                "it is larger than {max_commit_bytes:,} bytes", max_commit_bytes=MAX_COMMIT_BYTES
            )
        )
    content, checksum = parse_sealed(data)
    return Commit(
        number=_number(content["number"]),
        time=_text(content["time"]),
        engine=_text(content["engine"]),
        index_id=_text(content["index"]),
        previous=_optional_number(content["previous"]),
        rolled_back=_optional_number(content["rolled_back"]),
        restored=_restored(content["restored"]),
        files={_data_file(name): _checksum(each) for name, each in content["files"].items()},
        state=_object(content["state"]),
        checksum=checksum,
    )


def read_commit(path: Path) -> Commit:
    """Read a commit file; raises what :func:`parse_commit` does, and ``OSError``."""
    with open_regular(path) as stream:
        return parse_commit(stream.read(MAX_COMMIT_BYTES + 1))


def checksum_file(path: Path, limit: int = sys.maxsize) -> FileChecksum:
    """Return size and checksum of a file, or of its first ``limit`` bytes if it is longer.

    Raises what :func:`open_regular` does.
    """
    size = crc = 0
    with open_regular(path) as stream:
        while part := stream.read(min(_READ_BYTES, limit - size)):
            size, crc = size + len(part), crc32(part, crc)
    return FileChecksum(size, crc)


def file_problem(folder: Path, name: str, expected: FileChecksum, *, deep: bool) -> str | None:
    """Return what is wrong with a file in a sentence; with ``deep``, every byte is read.

    Raises ``OSError`` if it can't be read. An input/output error is not reported as damage, since
    the stored bytes may be correct.
    """
    try:
        with open_regular(folder / name) as stream:
            size = os.fstat(stream.fileno()).st_size
        if size != expected.size:
            return message(
                "The file {name} has {size} bytes instead of {expected}.",
                name=name,
                size=size,
                expected=expected.size,
            )
        if deep and checksum_file(folder / name) != expected:
            return message("The file {name} does not match its checksum.", name=name)
    except FileNotFoundError:
        return message("The file {name} is missing.", name=name)
    except ValueError as exc:
        return message(
            "The file {name} is not a file of an index: {reason}.", name=name, reason=exc
        )
    return None


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a link is not followed, and a pipe not waited for.

    Raises ``OSError``, and :class:`ValueError` if it is not a regular file.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if IS_WINDOWS:  # which has no flag for it, and opens no folder
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(describe_special_file(mode))
    try:
        descriptor = os.open(path, flags)
    except OSError as exc:
        if exc.errno in {errno.ELOOP, errno.ENXIO}:
            raise ValueError(message("it is a symbolic link or a socket")) from exc
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(message("it is not a regular file"))
        return open(descriptor, "rb")  # noqa: PTH123  (a descriptor)
    except BaseException:
        os.close(descriptor)
        raise


class CommitFolder:
    """The data of one index in ``folder``, written by ``engine``.

    ``own_files`` matches the names of the engine's files and folders, in whole: what it matches
    is deleted when no commit names it. Nothing else is ever deleted.
    """

    def __init__(self, folder: Path, engine: str, own_files: re.Pattern[str]) -> None:
        self.folder = folder
        self._engine = engine
        self._own_files = own_files

    def last_number(self) -> int | None:
        """Return the number of the last commit, ``None`` if there is no file of one.

        This reads one list of names. A reader compares it with the number of its commit.
        """
        names = self._names()
        for _ in range(_MAX_LISTINGS):
            numbers = [each.number for each in commit_names(names) if not each.is_previous]
            if numbers:
                return max(numbers)
            # A list that is read while a writer renames may have neither of two names.
            before, names = names, self._names()
            if names == before:
                break
        return None

    def last(self) -> Commit:
        """Return the last commit; raises :class:`IndexDamaged` if it can't be read."""
        number = self.last_number()
        while number is not None:
            try:
                return self._read(CommitName(number))
            except FileNotFoundError as exc:  # renamed meanwhile, after the next commit
                before, number = number, self.last_number()
                if number == before:
                    raise self.damaged(
                        message("{before} can't be opened", before=CommitName(before))
                    ) from exc
        raise self.damaged(message("the file of its last commit is missing"))

    def open_last(self, open_files: Callable[[Commit], _Opened]) -> _Opened:
        """Return ``open_files(commit)`` for the last commit.

        Its files are deleted when two more commits are made meanwhile: then the new last commit
        is opened. Otherwise what ``open_files`` raises is raised.
        """
        while True:
            commit = self.last()
            try:
                return open_files(commit)
            except (FileNotFoundError, IndexDamaged):
                if self.last_number() == commit.number:
                    raise

    def expected_number(self) -> int | None:
        """Return the number of the last commit, also if its file is lost.

        ``None`` if there is no file of any commit.
        """
        number = self.last_number()
        if number is not None:
            return number
        names = self._names()
        if previous := commit_names(names):
            return max(previous).number + 1
        return max(_copies(names), default=None)

    def previous(self, last: Commit) -> Commit | None:
        """Return the commit that a rollback restores, if ``last`` has one.

        Raises :class:`IndexDamaged` if it can't be read.
        """
        if last.previous is None:
            return None
        for is_previous in (True, False):  # or its writer was killed before it was renamed
            with suppress(FileNotFoundError):
                return self._read(CommitName(last.previous, is_previous))
        raise self.damaged(message("{name} is missing", name=CommitName(last.previous, True)))

    def readable_commits(self) -> list[Commit]:
        """Return each commit whose file or the copy of it can be read, the last one first."""
        found, expected, names = dict[int, Commit](), self.expected_number(), self._names()
        for name in commit_names(names):
            with suppress(FileNotFoundError, IndexDamaged):
                found[name.number] = self._read(name)
        for number in _copies(names):
            # A killed writer leaves the copy of a commit that was never published.
            if number not in found and expected is not None and number <= expected:
                with suppress(FileNotFoundError, IndexDamaged):
                    found[number] = self._read(CommitName(number), copy_name(number))
        return [found[number] for number in sorted(found, reverse=True)]

    def file_problems(self, commit: Commit, *, deep: bool = True) -> list[str]:
        """Return a sentence for each file that is not what ``commit`` names.

        All sizes are compared, and with ``deep`` all checksums, which reads every byte. Raises
        ``OSError`` if a file can't be read.
        """
        problems = (
            file_problem(self.folder, name, expected, deep=deep)
            for name, expected in sorted(commit.files.items())
        )
        return list(filter(None, problems))

    def other_problems(self, last: Commit) -> Iterator[str]:
        """Yield a sentence for each problem of what only a repair or a rollback reads.

        That is the copy of the commit file, and the previous commit. Raises ``OSError``.
        """
        copy = copy_name(last.number)
        try:
            if self._read(CommitName(last.number), copy) != last:
                yield message("The file {copy} is another commit's.", copy=copy)
        except FileNotFoundError:
            yield message("The file {copy} is missing.", copy=copy)
        except IndexDamaged:
            yield message("The file {copy} is damaged.", copy=copy)
        start = message("The previous commit {previous} can't be restored", previous=last.previous)
        try:
            previous = self.previous(last)
        except IndexDamaged:
            yield message("{start}: its commit file is damaged.", start=start)
            return
        if previous is None:
            return
        for name in previous.files.keys() - last.files.keys():
            if problem := file_problem(self.folder, name, previous.files[name], deep=True):
                yield f"{start}: {problem}"

    def leftovers(self) -> list[str]:
        """Return the names of what :meth:`remove_leftovers` deletes or renames."""
        last = self.last()
        used = {*last.files, str(CommitName(last.number)), copy_name(last.number)}
        if last.previous is not None:
            used.add(str(CommitName(last.previous, True)))
            with suppress(IndexDamaged):  # a damaged previous commit can't be restored
                if previous := self.previous(last):
                    used.update(previous.files)
        return [name for name in self._names() if self._is_own(name) and name not in used]

    def damaged(self, reason: str) -> IndexDamaged:
        """Return the error for damage in this folder."""
        return IndexDamaged(
            "The index in {folder} is damaged ({reason}): {damage_remedy}.",
            folder=self.folder,
            reason=reason,
            damage_remedy=DAMAGE_REMEDY,
        )

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))  # noqa: PTH208  (a search waits for this)
        except FileNotFoundError:
            return []

    def _is_own(self, name: str) -> bool:
        patterns = (_COMMIT_FILE, _COPY, _DRAFT, self._own_files)
        return any(pattern.fullmatch(name) for pattern in patterns)

    def _read(self, name: CommitName, file: str = "") -> Commit:
        """Read a commit file, by default the one with this ``name``.

        Raises :class:`IndexDamaged`, and ``OSError`` for other reasons.
        """
        try:
            commit = read_commit(self.folder / (file or str(name)))
            if commit.number != name.number:
                raise ValueError(message("it is another commit's"))
            if commit.engine != self._engine:
                raise ValueError(message("it is another engine's"))
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            raise self.damaged(
                message("{file} can't be read: {reason}", file=file or name, reason=exc)
            ) from exc
        return commit


def commit_names(names: list[str]) -> list[CommitName]:
    """Return what those names say that are names of commit files."""
    return list(filter(None, map(parse_name, names)))


def _copies(names: list[str]) -> list[int]:
    """Return the numbers of the commits that have a copy of their file among ``names``."""
    return [int(match[1]) for match in map(_COPY.fullmatch, names) if match]


def _refuse_constant(name: str) -> float:
    raise ValueError(message("{name} is not a number", name=name))


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise ValueError(message("a number is missing"))
    return value


def _optional_number(value: object) -> int | None:
    return None if value is None else _number(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise ValueError(message("a text is missing"))
    return value


def _restored(value: object) -> Restored | None:
    if value is None:
        return None
    number, time = _pair(value)
    return Restored(_number(number), _text(time))


def _checksum(value: object) -> FileChecksum:
    size, crc = _pair(value)
    return FileChecksum(_number(size), _number(crc))


def _pair(value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(message("a pair is missing"))
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(message("an object is missing"))
    return value


def _data_file(name: str) -> str:
    """Return a name that can only be a file of the folder itself."""
    if not _DATA_FILE.fullmatch(name) or name == LOCK_NAME:
        raise ValueError(message("a file has an invalid name"))
    return name
