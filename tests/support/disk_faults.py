"""Faults of the disk below Python, C and Rust, by ``disk_faults.c``, and its record of all calls.

::

    plan = FaultPlan(at=12, action=Action.FAIL, error=errno.ENOSPC)
    env = fault_environment(library(), sandbox, log, plan)   # of a process, with LD_PRELOAD
    calls = read_calls(log)
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
_BUILD = Path(__file__).parents[2] / "build"


class Kind(IntEnum):
    """Kinds of calls, numbered as in the C source."""

    OPEN = 0
    READ_OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    RENAME = 4
    UNLINK = 5
    MKDIR = 6
    RMDIR = 7
    LINK = 8
    SYMLINK = 9
    SYNC = 10
    READ = 11


READING = frozenset({Kind.READ_OPEN, Kind.READ})
"""Calls that read; not to be counted in programs that start others."""

CHANGES = frozenset(Kind) - READING
"""All calls that change a disk, and syncs."""

SPACE = frozenset({Kind.OPEN, Kind.WRITE, Kind.TRUNCATE, Kind.MKDIR, Kind.LINK, Kind.SYMLINK})
"""Calls that fail on a full disk."""

OPENS = frozenset({Kind.OPEN, Kind.READ_OPEN})
INTERRUPTIBLE = frozenset({Kind.OPEN, Kind.WRITE, Kind.TRUNCATE, Kind.SYNC})


class Action(IntEnum):
    """What happens at a call, numbered as in the C source."""

    KILL = 0
    """The process is killed before the call."""
    CUT = 1
    """It is killed after half of a write."""
    FAIL = 2
    """The call fails."""
    FAIL_FROM = 3
    """It and all later ones of the same kinds fail."""
    SHORT = 4
    """Half of a write is written."""
    SHORT_FROM = 5
    """Half of it and of all later writes."""
    FULL = 6
    """Half of it is written, and all later calls fail, as on a full disk."""


@dataclass(frozen=True)
class FaultPlan:
    """A fault at the counted call number ``at``, from 1; 0: the calls are only recorded."""

    at: int = 0
    action: Action = Action.KILL
    kinds: frozenset[Kind] = CHANGES
    error: int = 0


@dataclass(frozen=True)
class DiskCall:
    """One recorded call.

    ``result`` is that of the system, a negative errno for an error; ``offset`` is where was
    written, the new size (TRUNCATE), or 1 for a created and 2 for a truncated file (OPEN);
    ``other`` is the new name (RENAME, LINK) or the target (SYMLINK).
    """

    kind: Kind
    injected: bool
    result: int
    inode: int
    offset: int
    path: str
    other: str
    data: bytes


def library() -> Path:
    """Return the compiled library; skips the test where it can't be built or used."""
    found = _built()
    if isinstance(found, str):
        pytest.skip(f"no faults below Python can be injected: {found}")
    return found


@functools.cache
def _built() -> Path | str:
    """Return the library, or why there is none."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "needs Linux on x86-64"
    compiler = shutil.which("cc")
    if compiler is None:
        return "no C compiler: install one as cc"
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    target = _BUILD / f"disk_faults-{digest}.so"
    if not target.exists():
        _BUILD.mkdir(exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", str(draft), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"cc fails: {done.stderr[-500:]}"
        draft.replace(target)
    env = os.environ | {"LD_PRELOAD": str(target), "DISK_FAULTS_FOLDER": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", "print(1)"], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode or done.stdout != "1\n":
        return f"the system forbids seccomp filters ({done.returncode}, {done.stderr[-300:]})"
    return target


def fault_environment(
    library: Path, folder: Path, log: Path | None, plan: FaultPlan
) -> dict[str, str]:
    """Return the variables that start ``plan`` for calls below ``folder``."""
    return {
        "LD_PRELOAD": str(library),
        "DISK_FAULTS_FOLDER": str(folder.resolve()),
        "DISK_FAULTS_LOG": str(log) if log else "",
        "DISK_FAULTS_KINDS": str(sum(1 << kind for kind in plan.kinds)),
        "DISK_FAULTS_AT": str(plan.at),
        "DISK_FAULTS_ACTION": str(int(plan.action)),
        "DISK_FAULTS_ERROR": str(plan.error),
    }


_RECORD = struct.Struct("=IIqQqIIQ")


def read_calls(log: Path) -> list[DiskCall]:
    """Return the recorded calls in their order."""
    return list(_iter_calls(log.read_bytes())) if log.exists() else []


def _iter_calls(data: bytes) -> Iterator[DiskCall]:
    at = 0
    while at < len(data):
        kind, injected, result, inode, offset, first, second, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        path, other = data[at : at + first], data[at + first : at + first + second]
        at += first + second
        yield DiskCall(
            Kind(kind),
            bool(injected),
            result,
            inode,
            offset,
            os.fsdecode(path),
            os.fsdecode(other),
            data[at : at + size],
        )
        at += size


def count_calls(calls: list[DiskCall], kinds: frozenset[Kind]) -> int:
    """Return how many of the calls a plan for ``kinds`` counts."""
    return sum(call.kind in kinds for call in calls)


def describe(plan: FaultPlan) -> Mapping[str, object]:
    """Return what identifies a plan in a message."""
    return {"at": plan.at, "action": plan.action.name, "error": plan.error}
