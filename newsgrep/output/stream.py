"""The way to standard output: UTF-8 whatever the locale says, and quiet when nobody reads on."""

from __future__ import annotations

import sys


class ReaderGone(Exception):
    """Whoever read our output has closed it, as ``head`` does: a reason to stop, no error."""


def write(text: str, end: str = "\n") -> None:
    """Write ``text`` and ``end`` to standard output; raises :class:`ReaderGone`.

    Halves of characters, which file names may hold, become question marks.
    """
    write_bytes((text + end).encode("utf-8", "replace"))


def write_now(text: str) -> None:
    """Write ``text`` as a line that whoever reads has at once; raises :class:`ReaderGone`."""
    write(text)
    flush()


def flush() -> None:
    """Hand over what was written; raises :class:`ReaderGone`."""
    try:
        sys.stdout.buffer.flush()
    except BrokenPipeError as exc:
        raise ReaderGone from exc


def write_bytes(data: bytes) -> None:
    """Write ``data`` to standard output as it is; raises :class:`ReaderGone`."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError as exc:
        raise ReaderGone from exc
