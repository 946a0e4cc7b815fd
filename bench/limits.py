"""Limits for code of others: no network, and a limit of CPU time for each page."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

SECONDS: Final = 20
"""CPU seconds for one page; newsgrep needs a hundredth of one."""


class OutOfTime(BaseException):
    """A page took too long. Not an ``Exception``: libraries catch all of these and continue."""


@contextmanager
def no_network() -> Iterator[None]:
    """Fail at once where code in the block looks up a host or connects to it.

    Article extractors download the images of a page to measure them, which takes ten seconds for
    each host that does not respond, and measures the network.
    """
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError("the bench has no network")

    socket.getaddrinfo = refuse
    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.getaddrinfo = resolve
        socket.socket.connect = connect  # type: ignore[method-assign]


@contextmanager
def cpu_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raise :class:`OutOfTime` in the block after ``seconds`` of CPU time of this process.

    Code in C is interrupted when it returns. Without such timers, as on Windows, there is no limit.
    """
    if not hasattr(signal, "setitimer"):  # pragma: no cover
        yield
        return

    def stop(*_: Any) -> NoReturn:
        raise OutOfTime

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
