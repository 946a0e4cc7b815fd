"""One process, measured as a whole: seconds by the clock, CPU seconds, memory of all its tree.

Start-up is part of it, because a person who runs a command waits for that as well.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.paths import REPOSITORY

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_INTERVAL: Final = 0.05
_PROC: Final = Path("/proc")


class CommandFailed(Exception):
    """A measured command exited with a status that means failure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took.

    ``cpu_seconds`` is the CPU time of the process and its descendants on all cores: other
    load on the machine changes it less than ``seconds``. ``peak_bytes`` is the greatest sum of
    the resident sizes of the process and its descendants, sampled every 50 ms where there is a
    /proc; pages that they share count for each.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run(
    command: Sequence[str],
    *,
    success: Sequence[int] = (0,),
    timeout: float | None = None,
    watch: bool = True,
) -> Run:
    """Run a command to its end; ``success`` are the exit statuses that mean success.

    Raises :class:`CommandFailed` for other statuses, and for a command that runs longer than
    ``timeout`` seconds. ``watch`` says whether to sample memory.
    """
    before = _cpu_of_children()
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  (the bench's own commands)
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    watcher = _Watcher(process.pid) if watch else None
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as exc:
        raise CommandFailed(f"not done after {timeout:,.0f} s: {_shown(command)}") from exc
    finally:
        if process.poll() is None:
            # Stopped by the timeout or by Ctrl-C: its worker processes must end as well.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        seconds = time.perf_counter() - started
        peak = watcher.stop() if watcher else 0
    if process.returncode not in success:
        last = err.decode("utf-8", "replace").strip()[-600:]
        raise CommandFailed(f"{_shown(command)} exited with {process.returncode}: {last}")
    return Run(seconds, _cpu_of_children() - before, peak, out.decode("utf-8", "replace"))


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _shown(command: Sequence[str]) -> str:
    return " ".join(Path(part).name if "/" in part else part for part in command)[:200]


class _Watcher(threading.Thread):
    """Samples the resident size of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = pid
        self._peak = 0
        self._over = threading.Event()
        if _PROC.exists():
            self.start()

    def run(self) -> None:
        """Sample until :meth:`stop` is called."""
        while not self._over.wait(_INTERVAL):
            self._peak = max(self._peak, _tree_bytes(self._root))

    def stop(self) -> int:
        """Return the greatest sum seen, in bytes."""
        self._over.set()
        if self.is_alive():
            self.join()
        return self._peak


def _tree_bytes(root: int) -> int:
    parents: dict[int, int] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name, in brackets, may contain anything; what follows it may not.
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[1])
    family = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(map(_resident, family))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((_PROC / str(pid) / "statm").read_text("ascii").split()[1]) * _PAGE
    return 0


def median(values: Sequence[float]) -> float:
    """Return the median, or NaN if there are no values."""
    return statistics.median(values) if values else float("nan")
