"""Whose an index is: one that somebody else may have written is not opened unasked.

The engine's files hold pickles, and loading a pickle can run code.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from newsgrep.errors import IndexUntrusted

_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT: Final = 0


def refuse_strangers(data: Path) -> None:
    """Raise :class:`IndexUntrusted` if others own or may write to ``data``, or a file in it.

    The superuser is nobody's stranger. What is not there is somebody else's complaint.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  (Windows)
        return
    trusted = {os.geteuid(), _ROOT}
    try:
        with os.scandir(data) as entries:
            paths = [str(data), *(entry.path for entry in entries)]
    except OSError:
        return
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a search waits for this)
        except FileNotFoundError:
            continue  # deleted by a writer, or a lock's link to nowhere
        if status.st_uid not in trusted:
            trouble = f"belongs to {_name(status.st_uid)}"
            cure = "make an index of your own"
        elif status.st_mode & _OTHERS:
            trouble = "can be changed by other users"
            cure = f"take that right from them (chmod -R go-w {data})"
        else:
            continue
        raise IndexUntrusted(
            f"{path} {trouble}, and opening an index can run code that is hidden in it: if you "
            f"trust everyone who could write there, say --trust, or {cure}."
        )


def _name(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
