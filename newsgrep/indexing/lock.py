"""Locks: one process at a time writes to an index, and leaves a note that identifies it.

The operating system releases the lock of a process that ends in any way.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from newsgrep._io import refuse_special_lock, write_new
from newsgrep.engines.commits import open_regular
from newsgrep.errors import IndexLocked, IndexMissing, InputError
from newsgrep.indexing.manifest import HOLDER_FILE, LOCK_FILE, SAVED_LOCK_FILE
from newsgrep.messages import message, system_reason

_MAX_HOLDER_BYTES: Final = 4096


@contextmanager
def write_lock(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Keep other writers out of the index in ``folder``.

    Raises :class:`IndexLocked` if another process still writes after ``wait`` seconds,
    :class:`InputError` if the lock file is a link, a folder or another special file, and
    :class:`IndexMissing` if nothing can be written there.
    """
    refuse_special_lock(folder / LOCK_FILE)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout as exc:
        raise IndexLocked(
            "{folder} is writing to the index in {folder2}: try again when "
            "it is done, or wait for it with --wait SECONDS.",
            folder=_describe_holder(folder),
            folder2=folder,
        ) from exc
    except OSError as exc:
        raise IndexMissing(
            "Nothing can be written in {folder} ({reason}): name another index with --index.",
            folder=folder,
            reason=system_reason(exc),
        ) from exc
    try:
        since = time.strftime("%H:%M:%S")
        holder = {"pid": os.getpid(), "host": platform.node(), "since": since}
        with suppress(OSError):
            write_new(folder / HOLDER_FILE, json.dumps(holder).encode("ascii"))
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER_FILE).unlink()
        lock.release()


@contextmanager
def exclusive_lock(lock_file: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Keep other processes away from ``what``, such as ``The saved queries``.

    Raises :class:`IndexLocked` if another process still has the lock after ``wait`` seconds,
    and :class:`InputError` if the file can't be written, or is not a regular one.
    """
    refuse_special_lock(lock_file)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout as exc:
        raise IndexLocked(
            "{what} are being changed by another process: try again when it is done.", what=what
        ) from exc
    except OSError as exc:
        raise InputError(
            "{what} can't be changed ({reason}: {parent}): ask its owner, or "
            "name a folder of your own.",
            what=what,
            reason=system_reason(exc),
            parent=lock_file.parent,
        ) from exc
    try:
        yield
    finally:
        lock.release()


@contextmanager
def personal_lock(folder: Path, what: str) -> Iterator[None]:
    """Create the user's own ``folder`` of an index, and keep other processes from changing it.

    Raises :class:`InputError` if nothing can be written there, and what :func:`exclusive_lock`
    does.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            "Nothing can be written in {folder} ({reason}): make sure that you can write there.",
            folder=folder,
            reason=system_reason(exc),
        ) from exc
    with exclusive_lock(folder / SAVED_LOCK_FILE, what):
        yield


def _describe_holder(folder: Path) -> str:
    try:
        with open_regular(folder / HOLDER_FILE) as stream:
            holder = json.loads(stream.read(_MAX_HOLDER_BYTES))
        return message(
            "Process {pid} on {host} (since {since})",
            pid=holder["pid"],
            host=holder["host"],
            since=holder["since"],
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return message("Another process")
