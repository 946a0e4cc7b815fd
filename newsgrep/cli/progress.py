"""Long commands: a progress bar on a terminal, and a clean end for signals.

By default Python dies at once from SIGTERM and SIGHUP, and leaves worker processes and half a
commit behind. Commands that write treat them like Ctrl-C.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from newsgrep._io import IS_WINDOWS
from newsgrep.cli.options import OWN_PROCESS
from newsgrep.messages import _, mark
from newsgrep.terminal import format_bytes

if TYPE_CHECKING:
    from rich import progress as rich


class ProgressBar:
    """Shows numbers of items, or of bytes, and their total: ``None`` if it is not known yet."""

    def __init__(self, bar: rich.Progress | None) -> None:
        self._bar = bar
        if bar:
            self._task = bar.add_task(_("reading"), total=None, count="", rate="", visible=False)

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
            description=_("writing the index") if done == total else _("reading"),
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
    console = Console(stderr=True)
    try:
        with rich.Progress(*columns, console=console, transient=True) as bar:
            yield ProgressBar(bar)
    finally:  # also if Ctrl-C came while the bar was started
        console.show_cursor()


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
    console = Console(stderr=True)
    try:
        with rich.Progress(*columns, console=console, transient=True) as shown:
            shown.add_task(what)
            yield
    finally:
        console.show_cursor()


_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""SIGBREAK is sent by Ctrl-Break and by closing the window on Windows, which has no SIGHUP."""

_SIGNAL_STATUS: Final = 128
"""Shells report a process that a signal ended as 128 plus the number of the signal."""

_STOPPING: Final = mark("Stopping... Press Ctrl-C again to stop at once.")
_STOPPED: Final = mark("Stopped at once. The index is at its last commit.")
_ERASE_LINE: Final = "\r\x1b[K"
_SHOW_CURSOR: Final = "\x1b[?25h"
"""The progress bar hides the cursor of a terminal."""

_LEAKED: Final = "ignore:resource_tracker:UserWarning"
"""What Python would print after an end at once, when it has deleted all semaphores."""


class Terminated(KeyboardInterrupt):
    """A signal other than that of Ctrl-C ended the command; its number is the only argument."""


def handle_signals() -> None:
    """From now on, signals that end a process end the command, and the second one at once.

    The first one raises :class:`KeyboardInterrupt` or :class:`Terminated`. A thread answers
    on the terminal, and to the second one also while the main thread runs code of a library that
    cannot be interrupted. An index is then at its last commit, as after a loss of power.
    """
    raised: list[int] = []

    def raise_once(number: int, _frame: FrameType | None) -> None:
        if raised:
            return  # an exception within the clean-up would leave workers and files behind
        raised.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # nohup ignores SIGHUP for its command, which must stay so.
        if number is not None and signal.getsignal(number) in {
            signal.SIG_DFL,
            signal.default_int_handler,
        }:
            signal.signal(number, raise_once)
    if click.get_current_context().find_root().obj is OWN_PROCESS:
        sys.warnoptions.append(_LEAKED)
        Thread(target=_answer_signals, args=_signal_channel(), daemon=True).start()


def _signal_channel() -> tuple[int | socket.socket, Callable[[int], bytes], object]:
    """Return where Python writes the numbers of signals: what to wait for, and how to read it.

    The third value is to be kept: the other end is closed with it.
    """
    if IS_WINDOWS or not hasattr(os, "set_blocking"):  # Windows waits for no pipe
        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        return receiver, receiver.recv, sender
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading, partial(os.read, reading), writing


def _answer_signals(
    receiver: int | socket.socket, read: Callable[[int], bytes], _sender: object
) -> None:
    """Read the numbers of signals as they arrive; the second one ends this process.

    The thread waits in ``select``, so that no call to read is under way when the process forks.
    """
    count = 0
    while select.select([receiver], [], []) and (numbers := read(1)):
        if numbers[0] not in {getattr(signal, name, None) for name in _SIGNALS}:
            continue
        count += 1
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        if count == 1:
            if is_terminal:
                os.write(2, f"{_ERASE_LINE}{_(_STOPPING)}\n".encode())
            continue
        end_workers()
        if is_terminal:
            os.write(2, f"{_SHOW_CURSOR}{_ERASE_LINE}newsgrep: {_(_STOPPED)}\n".encode())
        os._exit(_SIGNAL_STATUS + numbers[0])


def end_workers() -> None:
    """Kill all worker processes, which change nothing themselves."""
    if "multiprocessing" in sys.modules:
        from multiprocessing import active_children

        for child in active_children():
            child.kill()


def signal_status(stop: BaseException | None) -> int:
    """Return the exit status for a command that ``stop``, or its cause, ended."""
    while stop is not None:
        if isinstance(stop, Terminated):
            return _SIGNAL_STATUS + int(stop.args[0])
        stop = stop.__cause__
    return _SIGNAL_STATUS + signal.SIGINT
