"""What the libraries that unpack data raise for damage, and for nothing else."""

from __future__ import annotations

import errno
import lzma
import tarfile
import zipfile
import zlib
from typing import Final

DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)
"""Catch these and call :func:`raise_system_error` first: many libraries raise ``OSError``."""

_OF_DATA: Final = (None, errno.EINVAL)
"""``errno`` of errors about data: none, or that of a seek to a position that is made up."""


def raise_system_error(exc: BaseException) -> None:
    """Raise what the system has raised, such as too many open files, if that led to ``exc``.

    Libraries replace such errors by their own. An article whose file cannot be read now is kept;
    one whose file is damaged is not.
    """
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno not in _OF_DATA:
            raise cause
        cause = cause.__context__
