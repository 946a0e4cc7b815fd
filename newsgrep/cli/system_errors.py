"""Errors of the operating system as sentences that say what to do."""

from __future__ import annotations

import errno
import os
from typing import Final

from newsgrep.terminal import quote_path

_ADVICE: Final = {
    errno.ENOSPC: "Free some disk space and run the command again.",
    errno.EDQUOT: "Free some disk space and run the command again.",
    errno.EFBIG: "Raise the limit for the size of files (ulimit -f) and run the command again.",
    errno.EROFS: "Name another folder, or mount the file system writable.",
    errno.EACCES: "Check the permissions, or name another file.",
    errno.EPERM: "Check the permissions, or name another file.",
    errno.EMFILE: "Raise the limit (ulimit -n) and run the command again.",
    errno.ENFILE: "Close other programs and run the command again.",
    errno.ENOMEM: "Close other programs and run the command again.",
    errno.EAGAIN: "Close other programs, or use fewer --jobs.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ELOOP: "Name the file that the links lead to.",
    errno.EIO: "Check the disk and its connection, and run the command again.",
}


def describe_system_error(exc: OSError) -> str:
    """Return a sentence with what failed, the file if it is known, and the next step."""
    if exc.filename is None and exc.errno == errno.ENOENT and not _current_folder_exists():
        return "The current folder no longer exists. Change to another one."
    name = "" if exc.filename is None else f": {quote_path(os.fsdecode(exc.filename))}"
    advice = _ADVICE.get(exc.errno or 0, "Fix this and run the command again.")
    return f"{exc.strerror or exc}{name}. {advice}"


def _current_folder_exists() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  (a string of any bytes)
    except OSError:
        return False
    return True
