"""Commands on a pseudo-terminal; this module can be imported on POSIX systems only."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROWS = 24


class Terminal:
    """A command on a terminal of its own, for tests that type while it runs.

    ``screen`` is what the terminal has received so far.
    """

    def __init__(
        self,
        command: Sequence[str | bytes | Path],
        folder: Path,
        env: Mapping[str, str],
        *,
        columns: int = 80,
        timeout: float,
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self._process = subprocess.Popen(
            # A session of its own, whose controlling terminal sends SIGINT for Ctrl-C.
            [sys.executable, "-c", _TAKE_TERMINAL, *map(os.fsdecode, command)],
            cwd=folder,
            env=dict(env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._timeout = timeout
        self._data = b""
        self._is_open = True

    def __enter__(self) -> Terminal:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs, and close the terminal."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._ours)

    @property
    def screen(self) -> str:
        """Return what was received so far."""
        return self._data.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        """Send ``text`` as from a keyboard."""
        os.write(self._ours, text.encode())

    def read_for(self, seconds: float) -> None:
        """Receive what comes within ``seconds``."""
        until = time.monotonic() + seconds
        while self._is_open and (left := until - time.monotonic()) > 0:
            self._receive(left)

    def wait_for(self, text: str, start: int = 0) -> None:
        """Receive until the screen shows ``text`` after ``start`` characters."""
        until = time.monotonic() + self._timeout
        while text not in self.screen[start:]:
            assert self._is_open, f"it ended without {text!r}: {self.screen}"
            assert time.monotonic() < until, f"no {text!r}: {self.screen}"
            self._receive(0.2)

    def wait(self) -> int:
        """Receive until all processes have closed the terminal; return the exit status."""
        until = time.monotonic() + self._timeout
        while self._is_open:
            assert time.monotonic() < until, f"it hangs: {self.screen}"
            self._receive(0.2)
        return self._process.wait(self._timeout)

    def _receive(self, seconds: float) -> None:
        if select.select([self._ours], [], [], seconds)[0]:
            data = _read(self._ours)
            self._is_open = bool(data)
            self._data += data


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


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
