"""Processes that exit, fail or lose power at a chosen write, and what is left of their files.

Every call that changes a disk is counted in a forked child; at the chosen call the child exits
at once and loses what it has not yet written.
"""

# ruff: noqa: PTH100, PTH110, PTH113, PTH115
from __future__ import annotations

import builtins
import io
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Calls are counted in os, which all of them pass through.


EXIT_KILLED = 77


@dataclass
class DiskState:
    """What the child has changed since the last syncs, which a loss of power can undo."""

    unsynced: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)


class DiskCallCounter:
    """Counts the calls that change a disk, and ends the process or raises at one of them."""

    def __init__(self, stop_at: int, folder: Path, error: OSError | None) -> None:
        self.calls = 0
        self.disk = DiskState()
        self._stop_at = stop_at
        self._folder = folder
        self._error = error

    def step(self) -> None:
        self.calls += 1
        if self.calls != self._stop_at:
            return
        if self._error is not None:
            raise self._error
        changes = {
            "unsynced": sorted(self.disk.unsynced),
            "created": sorted(self.disk.created),
            "renamed": self.disk.renamed,
            "deleted": self.disk.deleted,
        }
        descriptor = os.open(self._folder / "changes.json", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, json.dumps(changes).encode())
        os._exit(EXIT_KILLED)

    def install(self) -> None:
        """Replace the real calls of this process with counting ones, permanently."""
        real_open, fsync, rename, unlink = builtins.open, os.fsync, os.replace, os.unlink

        def counted_open(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+") or not isinstance(file, str | os.PathLike):
                return real_open(file, mode, *args, **options)
            self.step()
            if not os.path.exists(file):
                self.disk.created.add(os.path.abspath(file))
            stream = real_open(file, mode, *args, **options)
            self.disk.unsynced.add(os.path.abspath(file))
            return _CountedFile(stream, self.step)

        def counted_fsync(descriptor: int) -> None:
            self.step()
            fsync(descriptor)
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            self.disk.unsynced.discard(path)
            if Path(path).is_dir():
                self.disk.created = {c for c in self.disk.created if Path(c).parent != Path(path)}
                self.disk.renamed = [
                    r for r in self.disk.renamed if Path(r[1]).parent != Path(path)
                ]
                self.disk.deleted = [
                    d for d in self.disk.deleted if Path(d[0]).parent != Path(path)
                ]

        def counted_rename(old: Any, new: Any, *args: Any, **options: Any) -> None:
            self.step()
            rename(old, new, *args, **options)
            self.disk.renamed.append((os.path.abspath(old), os.path.abspath(new)))
            for names in (self.disk.unsynced, self.disk.created):
                if os.path.abspath(old) in names:
                    names.discard(os.path.abspath(old))
                    names.add(os.path.abspath(new))

        def counted_unlink(path: Any, *args: Any, **options: Any) -> None:
            self.step()
            if options or args or not os.path.isfile(path):
                unlink(path, *args, **options)
                return
            kept = self._folder / f"{self.calls}"
            shutil.copyfile(path, kept)
            unlink(path)
            self.disk.deleted.append((os.path.abspath(path), str(kept)))

        for module, name, call in (
            (builtins, "open", counted_open),
            (io, "open", counted_open),
            (os, "fsync", counted_fsync),
            (os, "rename", counted_rename),
            (os, "replace", counted_rename),
            (os, "unlink", counted_unlink),
            (os, "remove", counted_unlink),
        ):
            setattr(module, name, call)


class _CountedFile:
    """A file that counts what is written to it."""

    def __init__(self, stream: Any, step: Callable[[], None]) -> None:
        self._stream = stream
        self._step = step

    def write(self, data: Any) -> Any:
        self._step()
        return self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _CountedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def run_in_child(
    work: Callable[[], None], stop_at: int, folder: Path, error: OSError | None = None
) -> int:
    """Run ``work`` in a child that stops at call ``stop_at``; return the child's exit status.

    0: it finished before that call; EXIT_KILLED: it was stopped; 2: it failed with one of
    newsgrep's own errors or the injected ``error``; any other status is a defect.
    """
    folder.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        status = 3
        try:
            DiskCallCounter(stop_at, folder, error).install()
            status = _outcome(work)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _outcome(work: Callable[[], None]) -> int:
    from newsgrep.errors import NewsgrepError

    try:
        work()
    except (NewsgrepError, OSError):
        return 2
    return 0


def simulate_power_loss(folder: Path, chance: random.Random) -> None:
    """Undo or damage at random what the stopped child had not synced."""
    changes = json.loads((folder / "changes.json").read_text())
    for path, kept in reversed(changes["deleted"]):
        if chance.random() < 0.5 and Path(path).parent.is_dir() and not Path(path).exists():
            shutil.copyfile(kept, path)
    for old, new in reversed(changes["renamed"]):
        if chance.random() < 0.5 and Path(new).exists() and not Path(old).exists():
            Path(new).rename(old)
            for names in (changes["unsynced"], changes["created"]):
                if new in names:
                    names.append(old)
    for path in changes["unsynced"]:
        file = Path(path)
        if not file.is_file():
            continue
        content = file.read_bytes()
        match chance.randrange(4):
            case 1:
                file.write_bytes(content[: chance.randrange(len(content) + 1)])
            case 2:
                file.write_bytes(bytes(len(content)))
    for path in changes["created"]:
        if chance.random() < 0.5:
            Path(path).unlink(missing_ok=True)
