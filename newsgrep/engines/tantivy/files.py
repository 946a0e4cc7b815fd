"""The files of a tantivy index, and folders of links to them in which tantivy opens it.

tantivy locks, creates and deletes files in the folder that it opens. So it never opens the
folder of the data: a reader gives it a temporary folder with links to the files of one commit,
a writer a folder ``work`` (:mod:`newsgrep.engines.tantivy.writer`). The content of tantivy's
:data:`META` is the ``state`` of a commit.

What tantivy raises becomes :class:`IndexDamaged` or the error of the operating system that caused
it, in :func:`translate_errors`.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import ENOENT, ENOTEMPTY
from itertools import chain
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from newsgrep._io import IS_WINDOWS, link_file
from newsgrep.engines.base import DAMAGE_REMEDY
from newsgrep.engines.commits import Commit, open_regular
from newsgrep.errors import IndexDamaged, InputError
from newsgrep.messages import message

try:
    import fcntl
except ImportError:  # pragma: no cover  (Windows)
    fcntl = None  # type: ignore[assignment]

ENGINE: Final = "tantivy"
META: Final = "meta.json"
"""The file that lists the segments of an index; tantivy's own description of it."""

WORK_FOLDER: Final = "work"

OWN_FILES: Final = re.compile(
    rf"[0-9a-f]{{32}}\.([0-9]+\.)?[a-z]+|{WORK_FOLDER}"
    # Format 5 and before
    r"|meta\.json(\.again)?|\.managed\.json(\.new)?|\.tantivy-(meta|writer)\.lock|before(\.new)?"
)
"""The names in a folder of data that are deleted unless a commit names them."""

SPARE_SUFFIXES: Final = ("fast", "fieldnorm", "idx", "pos", "term")
"""The files of a segment that are not needed to read what is stored in it."""

MIN_HEAP_BYTES: Final = 15_000_000
"""The memory that a writer needs at least."""

_SEGMENT_SUFFIXES: Final = (*SPARE_SUFFIXES, "store")
_SEGMENT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_DOCUMENTS: Final = 1 << 31

_MEMORY_FOLDER: Final = "/dev/shm"  # noqa: S108  (a folder of our own is created in it)
"""Where Linux has files in memory: links are created faster there, and also if a disk is full."""

_FOLDER_PREFIX: Final = "newsgrep-open-"
_FOLDER_LOCK: Final = "lock"
_LOCKING_SECONDS: Final = 60
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)

_FOOTER_MAGIC: Final = 1337
_FOOTER_TAIL_BYTES: Final = 8
_READ_BYTES: Final = 1 << 20

_REMOVALS: Final = 10
_REMOVAL_PAUSE_SECONDS: Final = 0.002

DAMAGE_ERRORS: Final = (ValueError, LookupError)
"""The binding raises ValueError, with any cause, and unpacking damaged data raises both.

Another error, such as :class:`TypeError`, is one in a program.
"""

_SYSTEM_ERROR: Final = re.compile(r"\bos error (\d+)\b|\bcode: (\d+)\b")


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise :class:`IndexDamaged` for what tantivy raises when it can't read its files.

    If the operating system is the cause, for example because too many files are open, raise its
    ``OSError``.
    """
    try:
        yield
    except DAMAGE_ERRORS as exc:
        if error := system_error(exc, folder):
            raise error from exc
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(
            "The index in {folder} is damaged ({reason}): {damage_remedy}.",
            folder=folder,
            reason=reason,
            damage_remedy=DAMAGE_REMEDY,
        ) from exc
    except BaseException as exc:
        # Damaged bytes may also cause a panic in Rust, whose class can't be imported.
        if not is_panic(exc):
            raise
        raise IndexDamaged(
            "The index in {folder} is damaged ({reason}): {damage_remedy}.",
            folder=folder,
            reason=exc,
            damage_remedy=DAMAGE_REMEDY,
        ) from exc


def is_panic(exc: BaseException) -> bool:
    """Return whether the exception is a panic in Rust."""
    return type(exc).__name__ == "PanicException"


def system_error(exc: BaseException, folder: Path) -> OSError | None:
    """Return the error of the operating system that an error of tantivy mentions, if any.

    A missing file is damage, unless a writer has deleted it meanwhile.
    """
    match = _SYSTEM_ERROR.search(str(exc))
    if match is None:
        return None
    number = int(match[1] or match[2])
    return None if number == ENOENT else OSError(number, os.strerror(number), str(folder))


def segment_name(segment: Mapping[str, Any]) -> str:
    """Return the beginning of the file names of a segment; raises like :func:`segment_files`."""
    if not _SEGMENT_ID.fullmatch(segment["segment_id"]):
        raise ValueError(message("a segment has an invalid name"))
    return str(segment["segment_id"].replace("-", ""))


def deletes_file(segment: Mapping[str, Any]) -> str | None:
    """Return the name of the file that lists the deleted documents of a segment, if it has any."""
    deletes = segment["deletes"]
    return f"{segment_name(segment)}.{int(deletes['opstamp'])}.del" if deletes else None


def segment_files(meta: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the files of each segment that ``meta`` lists.

    Raises :class:`ValueError`, :class:`LookupError` or :class:`TypeError` if it is invalid.
    """
    found = {}
    for segment in meta["segments"]:
        name = segment_name(segment)
        if name in found:
            raise ValueError(message("a segment is listed twice"))
        found[name] = [f"{name}.{suffix}" for suffix in _SEGMENT_SUFFIXES]
        found[name] += filter(None, [deletes_file(segment)])
    return found


def commit_meta(commit: Commit) -> dict[str, Any]:
    """Return the :data:`META` of a commit.

    Raises :class:`ValueError` if it does not describe the files of the commit.
    """
    try:
        meta: dict[str, Any] = commit.state["meta"]
        names = set(chain.from_iterable(segment_files(meta).values()))
        if names != commit.files.keys():
            raise ValueError(message("the segments do not have the files of the commit"))
        for segment in meta["segments"]:
            # That file has a byte for each document. tantivy allocates memory by number.
            file = f"{segment_name(segment)}.fieldnorm"
            if not 0 <= segment["max_doc"] <= min(commit.files[file].size, _MAX_DOCUMENTS):
                raise ValueError(message("a segment has an invalid number of documents"))
    except (LookupError, TypeError, AttributeError) as exc:
        raise ValueError(message("the commit file does not describe the segments")) from exc
    return meta


def footer_problem(path: Path) -> str | None:
    """Return what is wrong with a file of tantivy's, by the checksum at its end.

    Raises ``OSError`` if it can't be read.
    """
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(size - _FOOTER_TAIL_BYTES, 0))
            tail = stream.read()
            length = int.from_bytes(tail[:4], "little")
            body_size = size - _FOOTER_TAIL_BYTES - length
            if int.from_bytes(tail[4:], "little") != _FOOTER_MAGIC or body_size < 0:
                raise ValueError(message("no footer"))
            stream.seek(body_size)
            expected = json.loads(stream.read(length))["crc"]
            stream.seek(0)
            left, crc = body_size, 0
            while left > 0 and (part := stream.read(min(left, _READ_BYTES))):
                crc, left = crc32(part, crc), left - len(part)
    except FileNotFoundError:
        return message("The file {name} is missing.", name=path.name)
    except (ValueError, LookupError, TypeError, RecursionError):
        return message("The file {name} has no valid footer.", name=path.name)
    return (
        None
        if crc == expected
        else message("The file {name} does not match its checksum.", name=path.name)
    )


@contextmanager
def linked_folder(links: Mapping[str, Path], meta: Mapping[str, Any]) -> Iterator[Path]:
    """Create a temporary folder with links to files by name, and :data:`META`.

    It is deleted on leaving: what tantivy has opened meanwhile stays readable. Raises like
    :func:`temporary_folder`.
    """

    def fill(folder: Path) -> None:
        for name, path in links.items():
            link_to(path, folder / name)
        (folder / META).write_text(json.dumps(meta), "utf-8")

    with temporary_folder(fill) as folder:
        yield folder


def link_to(target: Path, link: Path) -> None:
    """Create a symbolic link, or a hard link where users may create no others, as on Windows."""
    try:
        link.symlink_to(target)
    except (OSError, NotImplementedError):
        link_file(link.parent / target, link)


@contextmanager
def temporary_folder(fill: Callable[[Path], None]) -> Iterator[Path]:
    """Create a temporary folder, call ``fill`` with its path, and delete it on leaving.

    If one file system is full, another one is tried. Raises :class:`InputError` with the reason
    if there is none. The folder of a process that is killed meanwhile is deleted by the next one.
    """
    folder, lock = _filled_folder(fill)
    try:
        yield folder
    finally:
        if IS_WINDOWS:  # the lock is one of the files to be deleted
            os.close(lock)
        _remove_folder(folder)
        if not IS_WINDOWS:
            os.close(lock)


def _filled_folder(fill: Callable[[Path], None]) -> tuple[Path, int]:
    """Return the folder, and the descriptor of its lock."""
    problems = []
    parents: list[Callable[[], str]] = [lambda: _MEMORY_FOLDER, tempfile.gettempdir]
    for parent in reversed(parents) if "TMPDIR" in os.environ else parents:
        try:
            where = parent()
            _remove_abandoned(where)
            folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=where))
            try:
                lock = _lock_folder(folder)
                try:
                    fill(folder)
                except BaseException:
                    os.close(lock)
                    raise
            except BaseException:
                _remove_folder(folder)
                raise
        except OSError as exc:
            problems.append(exc)
        else:
            return folder, lock
    reasons = ", ".join(dict.fromkeys(each.strerror or str(each) for each in problems))
    raise InputError(
        "No temporary folder can be created ({reasons}): set TMPDIR to a folder in which you can "
        "create files.",
        reasons=reasons,
    ) from problems[-1]


def _lock_folder(folder: Path) -> int:
    """Lock a folder until the descriptor that is returned is closed, or the process ends.

    Raises ``OSError`` if it is locked, or a file can't be created.
    """
    descriptor = os.open(folder / _FOLDER_LOCK, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    try:
        if sys.platform != "win32" and fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(parent: str) -> None:
    """Delete this user's temporary folders in ``parent`` whose processes were killed."""
    if not (fcntl or IS_WINDOWS):
        return
    with suppress(OSError):
        for name in os.listdir(parent):  # noqa: PTH208  (a search waits for this)
            if name.startswith(_FOLDER_PREFIX):
                _remove_if_abandoned(Path(parent, name))


def _remove_if_abandoned(folder: Path) -> None:
    with suppress(OSError):
        status = folder.lstat()
        # On Windows each user has a folder for temporary files.
        owner = os.geteuid() if hasattr(os, "geteuid") else status.st_uid
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == owner
        # A new folder is locked a moment after it is created.
        if is_own and time.time() - status.st_mtime > _LOCKING_SECONDS:
            if IS_WINDOWS:  # no process deletes a file that another one has open
                (folder / _FOLDER_LOCK).unlink(missing_ok=True)
                _remove_folder(folder)
                return
            lock = _lock_folder(folder)
            try:
                _remove_folder(folder)
            finally:
                os.close(lock)


def _remove_folder(folder: Path) -> None:
    """Delete a temporary folder; a thread of tantivy may still create its lock file there."""
    with suppress(OSError):
        (folder / META).unlink()  # first: without it, the thread does nothing
    for _ in range(_REMOVALS):
        try:
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()
        except OSError as exc:
            if exc.errno != ENOTEMPTY:
                return
            time.sleep(_REMOVAL_PAUSE_SECONDS)
        else:
            return
