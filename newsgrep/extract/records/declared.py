"""Formats of many records that other packages declare as entry points.

::

    [project.entry-points."newsgrep.formats"]
    mbox = "newsgrep_mbox:FORMAT"

The value is a :class:`~newsgrep.extract.records.base.RecordFormat` with ``suffixes``. Newsgrep
opens files of these names, also in archives, and reads those that ``recognises`` accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from newsgrep.errors import UsageError
from newsgrep.extract.records.base import RecordFormat

ENTRY_POINTS: Final = "newsgrep.formats"
"""The entry-point group in which packages declare formats."""

_OWN_PACKAGE: Final = "newsgrep."


@cache
def declared_formats() -> tuple[RecordFormat, ...]:
    """Return the formats of other packages, in the order of their names.

    Raises :class:`~newsgrep.errors.UsageError` for one that cannot be loaded.
    """
    from importlib.metadata import entry_points  # slow: newsgrep's own formats do not need it

    points = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return tuple(
        _load(point.name, point.value, point.load)
        for point in points
        if not point.value.startswith(_OWN_PACKAGE)
    )


def _load(name: str, value: str, load: Callable[[], object]) -> RecordFormat:
    try:
        found = load()
    except Exception as exc:
        raise UsageError(
            f"The format {name} ({value}) cannot be loaded: {type(exc).__name__}: {exc}. "
            "Update or uninstall the package that declares it."
        ) from exc
    if not isinstance(found, RecordFormat):
        raise UsageError(
            f"The format {name} ({value}) is not a RecordFormat. "
            "Update or uninstall the package that declares it."
        )
    return found
