"""Every use of Whoosh, which writes the columns and the tables of terms, with its reason.

Nothing of Whoosh is needed for reading: see :mod:`newsgrep.engines.whoosh.segment`. What is here
depends on the inside of one minor version of whoosh3 and is checked against
:data:`SUPPORTED_VERSION` on import. tests/engines/test_whoosh_format.py compares what Whoosh's
own classes read from the files.

To move to another minor version, go through the entries below in its source, change
:data:`SUPPORTED_VERSION` and the requirement in pyproject.toml, and run tests/engines.

==================================  ==========================================================
what is used                        why
==================================  ==========================================================
``OrderedHashWriter``               its "extras" are a pickle, and here a JSON object; a row is
                                    written by one call instead of four
layout of the three column types    they are read by newsgrep's own classes
==================================  ==========================================================
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Any, Final, Protocol
from zlib import crc32

import whoosh
from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.filedb.filetables import HashWriter, OrderedHashWriter
from whoosh.filedb.structfile import StructFile
from whoosh.util.numlists import GrowableArray

from newsgrep.engines.whoosh.segment import EXTRAS_LENGTH, FIELD_NUMBER, HASH_TYPE
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
    "TermWriter",
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


# Columns -------------------------------------------------------------------------------------


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


# Terms ---------------------------------------------------------------------------------------

_ROW_LENGTHS: Final = Struct(">ii")


class TermWriter(OrderedHashWriter):
    """Whoosh's writer of a hash table, for the terms of fields that are known."""

    def __init__(self, file: StructFile, fields: Sequence[str]) -> None:
        HashWriter.__init__(self, file, hashtype=HASH_TYPE)  # the subclass has no `hashtype`
        self.index = GrowableArray("H")
        self.lastkey = b""
        self._fields = list(fields)
        self._position = self.tell()

    def add_term(self, field: str, term: str, row: bytes) -> None:
        """Add a term with its row; fields and, within a field, code points ascend."""
        key = FIELD_NUMBER.pack(self._fields.index(field)) + term.encode("utf-8")
        if key <= self.lastkey:
            raise ValueError(f"keys must ascend: {self.lastkey!r}, {key!r}")
        written = _ROW_LENGTHS.pack(len(key), len(row)) + key + row
        self.dbfile.write(written)
        hashed = crc32(key)
        self.buckets[hashed & 0xFF].append((hashed, self._position))
        self.index.append(self._position)
        self.lastkey = key
        self._position += len(written)

    def _write_extras(self) -> None:
        described = {"fields": self._fields, "positions": [self.index.typecode, len(self.index)]}
        data = json.dumps(described).encode()
        self.dbfile.write(EXTRAS_LENGTH.pack(len(data)) + data)
        self.index.to_file(self.dbfile)
