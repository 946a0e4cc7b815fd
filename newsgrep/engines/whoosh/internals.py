"""The use of Whoosh: it writes the columns of a segment.

Nothing of Whoosh is needed for reading: see :mod:`newsgrep.engines.whoosh.segment`, which depends
on the layout of three types of columns of one minor version of whoosh3. It is checked against
:data:`SUPPORTED_VERSION` on import, and tests/engines/test_whoosh_format.py compares what Whoosh's
own classes read from the files.

To move to another minor version, compare the source of the three types, change
:data:`SUPPORTED_VERSION` and the requirement in pyproject.toml, and run tests/engines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

import whoosh
from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.filedb.structfile import StructFile

from newsgrep.engines.whoosh.storage import (
    BYTES_COLUMNS,
    FACET_COLUMNS,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
)
from newsgrep.errors import UsageError

__all__ = [
    "SUPPORTED_VERSION",
    "ColumnWriter",
    "StructFile",
    "check_version",
    "column_writer",
    "create_file",
]

SUPPORTED_VERSION: Final = (3, 54)
"""Major and minor version of whoosh3 that this module was written for."""


def check_version(installed: tuple[int, ...]) -> None:
    """Raise :class:`UsageError` if the ``installed`` version of Whoosh is not supported."""
    if installed[:2] != SUPPORTED_VERSION:
        major, minor = SUPPORTED_VERSION
        found = ".".join(map(str, installed))
        raise UsageError(
            f"newsgrep needs whoosh3 {major}.{minor}, but version {found} is installed. Install "
            f'it with: pip install "whoosh3=={major}.{minor}.*"'
        )


check_version(whoosh.__version__)

_BUFFER_BYTES: Final = 65_536


def create_file(path: Path) -> StructFile:
    """Create the file ``path`` for writing; raises ``FileExistsError`` if there is one."""
    return StructFile(path.open("xb", _BUFFER_BYTES), name=path.name)


class ColumnWriter(Protocol):
    """A writer of one of Whoosh's columns."""

    def add(self, document: int, value: Any, /) -> None:
        """Write the value of a document; documents ascend from 0."""

    def finish(self, documents: int, /) -> None:
        """Write what follows the values of all documents."""


_OFFSETS_CUTOFF: Final = 1000
"""Columns with more values store offsets; else they are computed from the values' lengths."""

_COLUMN_TYPES: Final[dict[str, Any]] = (
    dict.fromkeys(BYTES_COLUMNS, VarBytesColumn(write_offsets_cutoff=_OFFSETS_CUTOFF))
    | dict.fromkeys(FACET_COLUMNS, RefBytesColumn())
    | {
        name: NumericColumn(code, default=NUMBER_DEFAULTS.get(name, 0))
        for name, code in NUMBER_COLUMNS.items()
    }
)


def column_writer(name: str, file: StructFile) -> ColumnWriter:
    """Return a writer of the column ``name``."""
    writer: ColumnWriter = _COLUMN_TYPES[name].writer(file)
    return writer
