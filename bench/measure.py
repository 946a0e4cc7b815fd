"""One process run and measured as a whole: time on the clock, and memory of all its tree.

Start-up is part of it: whoever runs a command waits for that as well.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.paths import REPOSITORY

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_EVERY: Final = 0.05
_PROC: Final = Path("/proc")


class CommandFailed(Exception):
    """A measured command ended with a status that says it did not do its work."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took: seconds, and the most bytes in memory at once.

    ``cpu_seconds`` is what it and its descendants computed, on all cores: unlike the clock
    it hardly minds what else the machine is doing.
    ``peak_bytes`` is the sum of the resident sizes of the process and its descendants,
    sampled every 50 ms where there is a /proc; pages that they share count for each.
    What a server that is no descendant took meanwhile is told apart.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    server_cpu_seconds: float = 0.0
    server_peak_bytes: int = 0


def run(
    command: Sequence[str],
    *,
    fine: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    watch: bool = True,
    server: int | None = None,
) -> Run:
    """Run a command to its end; ``fine`` are the statuses of success.

    Raises :class:`CommandFailed` for others and for one that runs longer than ``timeout``
    seconds. ``watch`` says whether to sample memory. ``server`` is a process that does a part
    of the work and runs already.
    """
    before, server_before = _cpu_of_children(), cpu_of(server)
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  (the bench's own commands)
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    watcher = _Watcher(process.pid, server) if watch else None
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as exc:
        raise CommandFailed(f"not done after {timeout:,.0f} s: {_shown(command)}") from exc
    finally:
        if process.poll() is None:
            # Broken off, by the clock or by Ctrl-C: its own workers must go as well.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        seconds = time.perf_counter() - started
        peak, server_peak = watcher.stop() if watcher else (0, 0)
    if process.returncode not in fine:
        last = err.decode("utf-8", "replace").strip()[-600:]
        raise CommandFailed(f"{_shown(command)} ended with {process.returncode}: {last}")
    return Run(
        seconds,
        _cpu_of_children() - before,
        peak,
        out.decode("utf-8", "replace"),
        cpu_of(server) - server_before,
        server_peak,
    )


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int | None) -> float:
    """Return the seconds that a process has computed; none where there is no /proc."""
    if pid is not None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = _fields(_PROC / str(pid))
            return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _fields(folder: Path) -> list[str]:
    # The name in brackets may hold anything; what follows it does not.
    return (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _shown(command: Sequence[str]) -> str:
    return " ".join(Path(part).name if "/" in part else part for part in command)[:200]


class _Watcher(threading.Thread):
    """Samples the resident size of a process and all its descendants, and that of a server."""

    def __init__(self, pid: int, server: int | None) -> None:
        super().__init__(daemon=True)
        self._root = pid
        self._server = server
        self._peak = 0
        self._server_peak = 0
        self._over = threading.Event()
        if _PROC.exists():
            self.start()

    def run(self) -> None:
        """Sample until told to stop."""
        while not self._over.wait(_EVERY):
            self._peak = max(self._peak, _tree_bytes(self._root))
            if self._server is not None:
                self._server_peak = max(self._server_peak, resident(self._server))

    def stop(self) -> tuple[int, int]:
        """Return the highest sum seen, and the highest size of the server."""
        self._over.set()
        if self.is_alive():
            self.join()
        return self._peak, self._server_peak


def _tree_bytes(root: int) -> int:
    parents: dict[int, int] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(folder.name)] = int(_fields(folder)[1])
    family = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(resident(pid) for pid in family)


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has; none where there is no /proc."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((_PROC / str(pid) / "statm").read_text("ascii").split()[1]) * _PAGE
    return 0


def median(values: Sequence[float]) -> float:
    """Return the median; of none, not a number."""
    return statistics.median(values) if values else float("nan")
