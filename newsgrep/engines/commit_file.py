"""Commit files: which files a commit has, and the engine's description of them, as data.

A commit file is one line of JSON and a line with the checksum of the first. Its size is limited,
its values are checked when it is read, and no name in it leads out of its folder.
:mod:`newsgrep.engines.commits` says when commit files are written, and what each is for.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from zlib import crc32

from newsgrep.engines.base import RolledBack

LOCK_NAME: Final = "writer.lock"
"""Locked by the process that writes to a folder of data; its content means nothing."""

MAX_COMMIT_BYTES: Final = 16 << 20
"""The size of a commit file. Engines put what grows with the number of documents into files."""

_COMMIT_FILE: Final = re.compile(r"commit-(0|[1-9][0-9]{0,14})(\.previous)?\.json")
_DATA_FILE: Final = re.compile(r"(?!commit-)[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_TEXT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_CHECKSUM_LINE: Final = re.compile(rb"\ncrc32 ([0-9a-f]{8})\n\Z")
_CHECKSUM_LINE_BYTES: Final = 16
_READ_BYTES: Final = 1 << 20
_MAX_NUMBER: Final = 10**15


class FileChecksum(NamedTuple):
    """The size of a file in bytes, and the CRC-32 of all of them."""

    size: int
    crc: int


class Restored(NamedTuple):
    """The number and the time of the commit whose files a rollback has published again."""

    number: int
    time: str


@dataclass(frozen=True, slots=True)
class Commit:
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


def pack_commit(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a commit file; ``content`` is what :func:`parse_commit` expects."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, sort_keys=True)
    body = text.encode("ascii")
    return body + b"\ncrc32 %08x\n" % crc32(body)


def parse_commit(data: bytes) -> Commit:
    """Return the commit that the bytes of a commit file describe.

    Raises :class:`ValueError`, :class:`LookupError`, :class:`TypeError` or
    :class:`AttributeError` for anything else.
    """
    if len(data) > MAX_COMMIT_BYTES:
        raise ValueError(f"it is larger than {MAX_COMMIT_BYTES:,} bytes")
    ending = _CHECKSUM_LINE.search(data, max(len(data) - _CHECKSUM_LINE_BYTES, 0))
    if ending is None:
        raise ValueError("its end is missing")
    body = data[: ending.start()]
    checksum = crc32(body)
    if checksum != int(ending[1], 16):
        raise ValueError("its checksum is wrong")
    try:
        content = json.loads(body.decode("ascii"), parse_constant=_refuse_constant)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
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


def checksum_file(path: Path) -> FileChecksum:
    """Return size and checksum of a file of any size; raises what :func:`open_regular` does."""
    size = crc = 0
    with open_regular(path) as stream:
        while part := stream.read(_READ_BYTES):
            size, crc = size + len(part), crc32(part, crc)
    return FileChecksum(size, crc)


def file_problem(folder: Path, name: str, expected: FileChecksum, *, deep: bool) -> str | None:
    """Return what is wrong with a file in a sentence; with ``deep``, every byte is read.

    Raises ``OSError`` if it can't be read for another reason than damage.
    """
    try:
        with open_regular(folder / name) as stream:
            size = os.fstat(stream.fileno()).st_size
        if size != expected.size:
            return f"The file {name} has {size} bytes instead of {expected.size}."
        if deep and checksum_file(folder / name) != expected:
            return f"The file {name} does not match its checksum."
    except FileNotFoundError:
        return f"The file {name} is missing."
    except ValueError as exc:
        return f"The file {name} is not a file of an index: {exc}."
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise
        return f"The file {name} can't be read ({exc.strerror})."
    return None


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a link is not followed, and a pipe not waited for.

    Raises ``OSError``, and :class:`ValueError` if it is not a regular file.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as exc:
        if exc.errno in {errno.ELOOP, errno.ENXIO}:
            raise ValueError("it is a symbolic link or a socket") from exc
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        return open(descriptor, "rb")  # noqa: PTH123  (a descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise ValueError("a number is missing")
    return value


def _optional_number(value: object) -> int | None:
    return None if value is None else _number(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise ValueError("a text is missing")
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
        raise TypeError("a pair is missing")
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is missing")
    return value


def _data_file(name: str) -> str:
    """Return a name that can only be a file of the folder itself."""
    if not _DATA_FILE.fullmatch(name) or name == LOCK_NAME:
        raise ValueError("a file has an invalid name")
    return name
