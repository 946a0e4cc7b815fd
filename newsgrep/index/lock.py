"""One writer at a time: who changes an index holds its lock, and says who it is.

The lock is the operating system's, so that a dead process holds none.
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
"""The right to write, of the group and of everybody."""


@contextmanager
def write_lock(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Keep other writers out of the index in ``folder``.

    Raises :class:`IndexLocked` if another one is still at work after ``wait`` seconds, and
    :class:`IndexMissing` if nothing may be written there.
    """
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout as exc:
        raise IndexLocked(
            f"{_describe_holder(folder)} is writing to the index in {folder}: try again when "
            "it is done, "
            "or say how long to wait for it (--wait SECONDS)."
        ) from exc
    except OSError as exc:
        raise IndexMissing(
            f"Nothing can be written in {folder} ({exc.strerror}): name another with --index."
        ) from exc
    try:
        with _private_umask():
            told = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%H:%M:%S")}
            with suppress(OSError):
                (folder / HOLDER_FILE).write_text(json.dumps(told), "utf-8")
            yield
    finally:
        with suppress(OSError):
            (folder / HOLDER_FILE).unlink()
        lock.release()


@contextmanager
def exclusive_lock(lock_file: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Keep others away from ``what``, the beginning of a sentence, while this lasts.

    Raises :class:`IndexLocked` if somebody else is still at it after ``wait`` seconds, and
    :class:`InputError` if nothing may be written there.
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
    """See to it that nobody else can change what is written, whatever the user's habit is.

    An index that others can change would not be opened again.
    """
    habit = os.umask(_WRITE_BY_OTHERS)
    os.umask(habit | _WRITE_BY_OTHERS)
    try:
        yield
    finally:
        os.umask(habit)


def _describe_holder(folder: Path) -> str:
    try:
        told = json.loads((folder / HOLDER_FILE).read_text("utf-8"))
        return f"Process {told['pid']} on {told['host']} (since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "Another process"
