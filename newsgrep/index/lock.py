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

from newsgrep.errors import IndexLocked, IndexMissing, InputError
from newsgrep.index.manifest import HOLDER_FILE, LOCK_FILE

_WRITE_BY_OTHERS: Final = 0o022
"""The write permission of the group and of everybody."""


@contextmanager
def write_lock(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Keep other writers out of the index in ``folder``; files are made for the user only.

    Raises :class:`IndexLocked` if another process still writes after ``wait`` seconds, and
    :class:`IndexMissing` if nothing can be written there.
    """
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout as exc:
        raise IndexLocked(
            f"{_describe_holder(folder)} is writing to the index in {folder}: try again when "
            "it is done, or wait for it with --wait SECONDS."
        ) from exc
    except OSError as exc:
        raise IndexMissing(
            f"Nothing can be written in {folder} ({exc.strerror}): name another index with --index."
        ) from exc
    try:
        with _private_umask():
            now = time.strftime("%H:%M:%S")
            holder = {"pid": os.getpid(), "host": platform.node(), "since": now}
            with suppress(OSError):
                (folder / HOLDER_FILE).write_text(json.dumps(holder), "utf-8")
            yield
    finally:
        with suppress(OSError):
            (folder / HOLDER_FILE).unlink()
        lock.release()


@contextmanager
def exclusive_lock(lock_file: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Keep other processes away from ``what``, such as ``The saved queries``.

    Raises :class:`IndexLocked` if another process still has the lock after ``wait`` seconds,
    and :class:`InputError` if the file can't be written.
    """
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout as exc:
        raise IndexLocked(
            f"{what} are being changed by another process: try again when it is done."
        ) from exc
    except OSError as exc:
        raise InputError(
            f"{what} can't be changed ({exc.strerror}: {lock_file.parent}): ask its owner, or "
            "name a folder of your own."
        ) from exc
    try:
        with _private_umask():
            yield
    finally:
        lock.release()


@contextmanager
def _private_umask() -> Iterator[None]:
    """Let nobody else change what is written, whatever the user's umask is.

    An index that others can change would be refused as untrusted.
    """
    usual = os.umask(_WRITE_BY_OTHERS)
    os.umask(usual | _WRITE_BY_OTHERS)
    try:
        yield
    finally:
        os.umask(usual)


def _describe_holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER_FILE).read_text("utf-8"))
        return f"Process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "Another process"
