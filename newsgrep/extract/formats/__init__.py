"""One module per format, loaded when a file has its suffix.

Each module has a ``FORMAT`` of type :class:`~newsgrep.extract.formats.base.Format`.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from newsgrep.extract.formats.base import Format


_MODULES: Final = {
    ".htm": "html",
    ".html": "html",
    ".markdown": "markdown",
    ".md": "markdown",
    ".txt": "text",
}


def suffixes() -> frozenset[str]:
    """Return the file name suffixes that newsgrep reads, lower-case with their dot."""
    return frozenset(_MODULES)


def format_of(path: str) -> Format | None:
    """Return the format that ``path`` has by its suffix, or None."""
    name = _MODULES.get(os.path.splitext(path)[1].lower())  # noqa: PTH122 - any byte may stand in it
    return _load(name) if name else None


@cache
def _load(name: str) -> Format:
    return cast("Format", import_module(f"{__name__}.{name}").FORMAT)
