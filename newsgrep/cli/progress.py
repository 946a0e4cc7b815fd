"""A bar for long runs, on a terminal only."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from newsgrep.index.workers import Progress, no_progress


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Show a bar with rate and time left on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, rate="", visible=False)

        def show(done: int, total: int | None) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            name = "writing the index" if done == total else "reading"
            bar.update(
                task, description=name, completed=done, total=total, rate=rate, visible=total != 0
            )

        yield show


_SIGNALS: Final = ("SIGTERM", "SIGHUP")
_SIGNAL_STATUS: Final = 128


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C's asked newsgrep to end; its number is the only argument."""


def handle_signals() -> None:
    """From now on raise :class:`Terminated` for signals that ask a process to end."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # Under nohup a process is to stay deaf.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _: FrameType | None) -> None:
    raise Terminated(number)


def signal_status(stop: BaseException | None) -> int:
    """Return the exit status of a process that was stopped so: 128 and the signal's number."""
    while stop is not None:
        if isinstance(stop, Terminated):
            return _SIGNAL_STATUS + int(stop.args[0])
        stop = stop.__cause__
    return _SIGNAL_STATUS + signal.SIGINT
