"""The life of an index: creating, updating, verifying, rebuilding and copying it.

:func:`index_at` returns the index that a user names, :func:`find_index` the nearest one.
:mod:`newsgrep.indexing.store` has its interface, :mod:`newsgrep.indexing.folder` and
:mod:`newsgrep.indexing.server` implement it, and :mod:`newsgrep.indexing.update` is what
``newsgrep index`` does. Nothing here searches.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from newsgrep.engines.registry import DEFAULT_TIMEOUT, engine_names, is_on_server
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.store import Index

_URL: Final = re.compile(r"(?P<engine>[A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9]+)?:(?P<slashes>//)?")


def index_at(text: str | Path, timeout: float = DEFAULT_TIMEOUT) -> Index:
    """Return the index that ``text`` names: by a URL on a server, else in a folder.

    ``timeout`` is the number of seconds that a server may take for each request. Raises
    :class:`UsageError` for an invalid URL.
    """
    match = _URL.match(text) if isinstance(text, str) else None
    if match is None or not (match["slashes"] or _is_server_engine(match["engine"].lower())):
        return FolderIndex(Path(text))
    from newsgrep.indexing.server import ServerIndex  # not for indexes in folders

    index = ServerIndex(str(text), timeout)
    _ = index.address  # so that a mistake in it is reported before anything is done
    return index


INDEX_NAME: Final = "index"
"""The name of the folder that an index has by default."""


def find_index() -> FolderIndex:
    """Return the index in the folder ``index`` of the current folder, or the nearest one above.

    A folder above may be writable by others, so an index there counts only if its owner is the
    user of this process. If there is none, the index in the current folder is returned, which
    does not exist; its error names the folders that were searched.
    """
    here = FolderIndex(Path(INDEX_NAME))
    if here.exists():
        return here
    try:
        folder = Path.cwd()
    except FileNotFoundError:
        return here
    searched = [str(folder / INDEX_NAME)]
    for above in folder.parents:
        found = FolderIndex(above / INDEX_NAME)
        try:
            if found.exists():
                if _is_own(found.path):
                    return found
                searched.append(f"{found.path} (not yours: name it with --index)")
                continue
        except PermissionError:
            pass
        searched.append(str(found.path))
    return FolderIndex(here.path, tuple(searched))


def _is_own(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid()


def _is_server_engine(name: str) -> bool:
    return name in engine_names() and is_on_server(name)
