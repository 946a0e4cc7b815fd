"""Folders that the servers' user can read, and that do not accumulate when tests are killed.

pytest's own folders are readable by root only, and OpenSearch refuses to run as root.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "newsgrep-cluster-"
MIN_AGE = 60.0
"""Seconds; a new folder may not be locked yet."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """Create a temporary folder and remove it at the end, with those of killed processes.

    Its name contains this process's id, so that a process list shows to whom a server belongs.
    """
    import fcntl  # on POSIX systems only, where alone servers are started

    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    if os.geteuid() == 0:
        folder.chmod(0o755)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when this process ends, however it ends
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def _remove_orphans() -> None:
    import fcntl

    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another user's, or just removed
            continue
        try:
            status = os.fstat(lock)
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < MIN_AGE:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)  # other processes may do the same
        except BlockingIOError:  # in use
            continue
        finally:
            os.close(lock)
