"""One module per format, found by itself: a new format is a new file in this folder.

Each module has a ``FORMAT`` of type :class:`~newsgrep.ingest.formats.base.Format`.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from newsgrep.ingest.formats.base import Format


@cache
def _by_suffix() -> dict[str, Format]:
    found: dict[str, Format] = {}
    for info in sorted(iter_modules(__path__), key=lambda info: info.name):
        offered = getattr(import_module(f"{__name__}.{info.name}"), "FORMAT", None)
        if isinstance(offered, Format):
            for suffix in offered.suffixes:
                found[suffix] = offered
    return found


def suffixes() -> frozenset[str]:
    """Return the file name suffixes that newsgrep reads, lower-case with their dot."""
    return frozenset(_by_suffix())


def format_of(path: str) -> Format | None:
    """Return the format that ``path`` has by its suffix, or None."""
    return _by_suffix().get(os.path.splitext(path)[1].lower())  # noqa: PTH122 - any byte may stand in it
