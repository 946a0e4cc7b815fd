"""Long commands: a progress bar on a terminal, and a clean end for signals.

By default Python dies at once from SIGTERM and SIGHUP, and leaves worker processes and half a
commit behind. Commands that write treat them like Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from newsgrep.terminal import format_bytes

if TYPE_CHECKING:
    from rich import progress as rich


class ProgressBar:
    """Shows numbers of items, or of bytes, and their total: ``None`` if it is not known yet."""

    def __init__(self, bar: rich.Progress | None) -> None:
        self._bar = bar
        if bar:
            self._task = bar.add_task("reading", total=None, count="", rate="", visible=False)

    def __call__(self, done: int, total: int | None) -> None:
        """Show how many items are done."""
        self._show(done, total, "{:,}".format)

    def bytes(self, done: int, total: int | None) -> None:
        """Show how many bytes are done."""
        self._show(done, total, format_bytes)

    def _show(self, done: int, total: int | None, write: Callable[[int], str]) -> None:
        if self._bar is None:
            return
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            description="writing the index" if done == total else "reading",
            completed=done,
            total=total,
            count=write(done) if total is None else f"{write(done)}/{write(total)}",
            rate=f"{write(round(speed))}/s" if speed else "",
            visible=total != 0,
        )


@contextmanager
def show_progress() -> Iterator[ProgressBar]:
    """Show a bar with rate and time left on standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield ProgressBar(None)
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[count]}"),
        rich.TextColumn("{task.fields[rate]}"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield ProgressBar(bar)


@contextmanager
def show_elapsed(what: str) -> Iterator[None]:
    """Show ``what`` and the time it takes on standard error, if that is a terminal.

    For work without countable steps; nothing may be printed meanwhile.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (rich.TextColumn("{task.description}"), rich.TimeElapsedColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        shown.add_task(what)
        yield


_SIGNALS: Final = ("SIGTERM", "SIGHUP")
_SIGNAL_STATUS: Final = 128
"""Shells report a process that a signal ended as 128 plus the number of the signal."""


class Terminated(KeyboardInterrupt):
    """A signal other than that of Ctrl-C ended the command; its number is the only argument."""


def handle_signals() -> None:
    """From now on, raise :class:`Terminated` for signals that end a process."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # nohup ignores SIGHUP for its command, which must stay so.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _: FrameType | None) -> None:
    raise Terminated(number)


def signal_status(stop: BaseException | None) -> int:
    """Return the exit status for a command that ``stop``, or its cause, ended."""
    while stop is not None:
        if isinstance(stop, Terminated):
            return _SIGNAL_STATUS + int(stop.args[0])
        stop = stop.__cause__
    return _SIGNAL_STATUS + signal.SIGINT
