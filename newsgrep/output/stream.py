"""The way to standard output: UTF-8 whatever the locale says, and quiet when nobody reads on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Final

_PROMPTLY: Final = 0.05
"""Seconds that a line may wait for others, so that a thousand are not a thousand calls."""


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


def write_promptly(lines: Iterable[str]) -> None:
    """Write each line as it comes, so that it is seen before the last is made.

    When this returns all are written out: what follows on standard error stands after them.
    """
    flushed = 0.0
    for line in lines:
        write(line)
        if (now := time.monotonic()) - flushed > _PROMPTLY:
            flushed = now
            flush()
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
