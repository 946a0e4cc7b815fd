"""Folders that the servers' user can reach, and that don't heap up where tests were killed.

pytest's own are closed to everybody but root, and OpenSearch won't run as root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "newsgrep-cluster-"
YOUNG = 60.0
"""Seconds; a folder may not be locked yet in the moment after it is made."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder under the temporary one, and remove it, and those that the killed left.

    Its name has this process's id, so that a list of processes tells whose server one is.
    """
    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    if os.geteuid() == 0:
        folder.chmod(0o755)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)  # until this process is gone, however it goes
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(held)


def _remove_orphans() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # somebody else's, or just removed by its owner
            continue
        try:
            found = os.fstat(held)
            if found.st_uid != os.geteuid() or time.time() - found.st_mtime < YOUNG:
                continue
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)  # others may do the same
        except BlockingIOError:  # in use
            continue
        finally:
            os.close(held)
