"""JSON as newsgrep prints it, tables beside modules, and files that survive a crash.

How Windows and macOS store files differently from Linux is decided here, and nowhere else.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from newsgrep.errors import InputError
from newsgrep.messages import message

# Lone surrogates have no UTF-8; the others change the direction of text or move a cursor.
_ESCAPED = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def encode_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return ``value`` as JSON text that can be encoded in UTF-8.

    Invisible characters that control a terminal are escaped. Bytes of a file name that are
    not valid UTF-8 are lone surrogates in Python; they are written as ``\udcXX`` escapes, and
    Python reads the original name back from them.
    """
    text = _json_encoder(indent).encode(value)
    return _ESCAPED.sub(_escape, text)


@cache
def _json_encoder(indent: int | None) -> json.JSONEncoder:
    separators = (",", ":") if indent is None else None
    return json.JSONEncoder(ensure_ascii=False, indent=indent, separators=separators)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\u{ord(character):04x}" if character <= "\uffff" else json.dumps(character)[1:-1]


def path_key(path: str) -> bytes:
    """Return bytes for hashes of a path and orders of paths, alike in all locales.

    On most systems these are the bytes of the path. ``os.fsencode`` depends on the locale, and
    raises an error for names from an index that was made in another one.
    """
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair: a name on Windows, or a damaged index
        return path.encode("utf-8", "surrogatepass")


def table_lines(beside: str, name: str) -> list[str]:
    """Return the lines, without comments, of the file ``name`` next to the module ``beside``."""
    text = Path(beside).with_name(name).read_text("utf-8")
    return [line for line in text.split("\n") if not line.startswith("#")]


def read_regular(path: Path) -> bytes:
    """Return the bytes of a regular file; a pipe or device is an ``OSError`` and not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123  (a descriptor)
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, message("Not a regular file"), str(path))
        return stream.read()


IS_WINDOWS: Final = not hasattr(os, "O_DIRECTORY")
"""Whether folders can't be opened, nor open files be deleted, renamed or replaced."""

_SHARING_SECONDS: Final = 5.0
"""How long a file is tried to be replaced that a reader or a virus scanner has open on Windows."""

_SHARING_PAUSE_SECONDS: Final = 0.02


def sync(path: Path) -> None:
    """Flush a file's bytes, or the names in a folder, to the disk.

    Windows can't flush a folder, whose names its file systems write to a journal, and flushes a
    file only if it is open for writing.
    """
    if IS_WINDOWS and path.is_dir():
        return
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) if IS_WINDOWS else os.O_RDONLY
    descriptor = os.open(path, flags)
    try:
        flush_descriptor(descriptor)
    finally:
        os.close(descriptor)


def flush_descriptor(descriptor: int) -> None:
    """Flush the bytes of an open file to the disk, on macOS also out of the disk's own cache."""
    try:
        from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined,unused-ignore]

        fcntl(descriptor, F_FULLFSYNC)
    except (ImportError, OSError):  # another system, or a file system without such a call
        os.fsync(descriptor)


def replace_file(draft: Path, path: Path) -> None:
    """Rename ``draft`` to ``path`` atomically, in place of a file that may exist.

    On Windows it waits up to five seconds for processes that have one of them open.
    """
    last = time.monotonic() + _SHARING_SECONDS
    while True:
        try:
            draft.replace(path)
        except PermissionError:
            if not IS_WINDOWS or time.monotonic() > last:
                raise
            time.sleep(_SHARING_PAUSE_SECONDS)
        else:
            return


def link_file(target: Path, link: Path) -> None:
    """Create another name ``link`` for the file ``target``, which must not exist.

    Raises ``OSError``, also where a file system or a system has no hard links.
    """
    if not hasattr(os, "link"):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(link))
    os.link(target, link)


_RESERVED_ON_WINDOWS: Final = re.compile(
    r"\A(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE
)


def safe_file_name(name: str) -> str:
    """Return ``name`` with a tilde after a part that means a device on Windows.

    On Windows, what is written to ``nul.seen`` is lost.

    >>> safe_file_name("con.seen"), safe_file_name("console.seen")
    ('con~.seen', 'console.seen')
    """
    return _RESERVED_ON_WINDOWS.sub(r"\1~", name)


def write_new(path: Path, data: bytes) -> None:
    """Write ``data`` to a new file at ``path``, which is on the disk when this returns.

    A file or link of this name is deleted before, so that no link is followed. If the file can't
    be written, nothing is left of it. Nobody else may write to it, whatever the umask is.
    """
    path.unlink(missing_ok=True)
    with open(path, "xb", opener=_open_for_owner) as stream:
        try:
            stream.write(data)
            stream.flush()
            flush_descriptor(stream.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to the file ``path`` atomically: readers see the old file or the new one.

    There may be only one writer at a time. When this returns, the file is on the disk.
    """
    draft = path.with_name(f"{path.name}.new")
    write_new(draft, data)
    try:
        replace_file(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    sync(path.parent)


def refuse_special_lock(path: Path) -> None:
    """Raise :class:`InputError` if ``path`` exists and can't be a lock file.

    A process that opens a device may start something, and a link may lead to another file.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise InputError(
                "The lock file {path} is {mode}: delete it and run the command again.",
                path=path,
                mode=describe_special_file(mode),
            )


def describe_special_file(mode: int) -> str:
    """Return a description for people of a file that is not a regular one, by its ``mode``."""
    return message("not a regular file but {mode}", mode=_file_type(mode))


def _file_type(mode: int) -> str:
    for test, name in (
        (stat.S_ISFIFO, message("a named pipe")),
        (stat.S_ISSOCK, message("a socket")),
        (stat.S_ISCHR, message("a device")),
        (stat.S_ISBLK, message("a device")),
        (stat.S_ISDIR, message("a folder")),
        (stat.S_ISLNK, message("a symbolic link")),
    ):
        if test(mode):
            return name
    return message("something else")
