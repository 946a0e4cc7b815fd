"""A service manager's or a closed terminal's signal ends a writing command like Ctrl-C does.

By default Python would be gone at once, with processes and half a commit left behind.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

_SIGNALS: Final = ("SIGTERM", "SIGHUP")
_OF_SHELLS: Final = 128


class Ended(KeyboardInterrupt):
    """A signal other than Ctrl-C's asked newsgrep to end; its number is the only argument."""


def end_cleanly() -> None:
    """From now on raise :class:`Ended` for signals that ask a process to end."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # Under nohup a process is to stay deaf.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    raise Ended(number)


def status_of(stop: BaseException | None) -> int:
    """Return the exit status of a process that was stopped so: 128 and the signal's number."""
    while stop is not None:
        if isinstance(stop, Ended):
            return _OF_SHELLS + int(stop.args[0])
        stop = stop.__cause__
    return _OF_SHELLS + signal.SIGINT
