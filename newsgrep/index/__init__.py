"""The life of an index: creating, updating, verifying, rebuilding and copying it.

:func:`index_at` returns the index that a user means. :mod:`newsgrep.index.store` has its
interface, :mod:`newsgrep.index.folder` and :mod:`newsgrep.index.server` implement it, and
:mod:`newsgrep.index.update` is what ``newsgrep index`` does. Nothing here searches.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from newsgrep.engines.registry import DEFAULT_TIMEOUT, engine_names, is_on_server
from newsgrep.index.folder import FolderIndex
from newsgrep.index.store import Index

_URL: Final = re.compile(r"(?P<engine>[A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9]+)?:(?P<slashes>//)?")


def index_at(text: str | Path, timeout: float = DEFAULT_TIMEOUT) -> Index:
    """Return the index that ``text`` names: by a URL on a server, else in a folder.

    ``timeout`` is the number of seconds that a server may take for each request. Raises
    :class:`UsageError` for an invalid URL.
    """
    match = _URL.match(text) if isinstance(text, str) else None
    if match is None or not (match["slashes"] or _is_server_engine(match["engine"].lower())):
        return FolderIndex(Path(text))
    from newsgrep.index.server import ServerIndex  # not for indexes in folders

    index = ServerIndex(str(text), timeout)
    _ = index.address  # so that a mistake in it is reported before anything is done
    return index


def _is_server_engine(name: str) -> bool:
    return name in engine_names() and is_on_server(name)
