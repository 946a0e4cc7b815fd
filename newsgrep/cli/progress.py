"""Long commands: a progress bar on a terminal, and a clean end for signals.

By default Python dies at once from SIGTERM and SIGHUP, and leaves worker processes and half a
commit behind. Commands that write treat them like Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from newsgrep.index.workers import Progress


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Show a bar with rate and time left on standard error, if it is a terminal.

    Yields a function of the number of items done and their total, ``None`` if not known yet.
    """
    if not sys.stderr.isatty():
        from newsgrep.index.workers import no_progress

        yield no_progress
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[rate]}"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, rate="", visible=False)

        def show(done: int, total: int | None) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            name = "writing the index" if done == total else "reading"
            bar.update(
                task, description=name, completed=done, total=total, rate=rate, visible=total != 0
            )

        yield show


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
