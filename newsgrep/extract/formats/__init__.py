"""File formats, by file name suffix; a format's module is loaded for its first file.

To add a format, add a module with a ``FORMAT`` of type
:class:`~newsgrep.extract.formats.base.Format` to this package, and a line to ``_SUFFIXES``.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from newsgrep.extract.formats.base import Format


_SUFFIXES: Final = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
    "text": (".txt",),
}
_MODULES: Final = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}


def suffixes() -> frozenset[str]:
    """Return the file name suffixes that newsgrep reads, in lower case with their dot."""
    return frozenset(_MODULES)


def format_of(path: str) -> Format | None:
    """Return the format of the file at ``path`` by its suffix, or None."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a name may contain any byte
    name = _MODULES.get(suffix)
    return _load(name) if name else None


def format_named(name: str) -> Format:
    """Return the format ``name``, one of :func:`format_names`."""
    return _load(name)


def format_names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(_SUFFIXES)


@cache
def _load(name: str) -> Format:
    return cast("Format", import_module(f"{__name__}.{name}").FORMAT)
