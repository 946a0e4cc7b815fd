"""Commands on a pseudo-terminal; this module can be imported on POSIX systems only."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

ROWS = 24


def run_on_terminal(
    command: Sequence[str | bytes | Path],
    folder: Path,
    env: Mapping[str, str],
    columns: int,
    timeout: float,
) -> tuple[int, bytes]:
    """Run a command on a terminal; return its exit status and all bytes the screen received."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    process = subprocess.Popen(
        list(command), cwd=folder, env=dict(env), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen = b""
    try:
        while data := _read(ours):
            screen += data
    finally:
        os.close(ours)
    return process.wait(timeout), screen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports an error where the other end is closed
        return b""
