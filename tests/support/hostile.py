"""Indexes that somebody has made up, and processes with little memory and time that read them."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from newsgrep.engines.commit_writer import seal
from newsgrep.engines.commits import checksum_file, copy_name, parse_name

MEMORY_BYTES = 256 << 20
"""What a child may reserve in addition to what it has."""

SECONDS = 20


def run_limited(work: Callable[[], Any], memory: int = MEMORY_BYTES) -> Any:
    """Return what ``work`` returns, as JSON, in a child with limited memory and processor time.

    Fails with the child's traceback if it raises, and if it is ended for exceeding a limit.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            _limit(memory)
            with os.fdopen(writing, "w", encoding="utf-8") as stream:
                try:
                    json.dump({"value": work()}, stream)
                except BaseException:  # noqa: BLE001  (reported by the parent)
                    json.dump({"failed": traceback.format_exc()}, stream)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    started = time.monotonic()
    with os.fdopen(reading, encoding="utf-8") as stream:
        text = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"ended with status {status} after {time.monotonic() - started:.0f} s"
    result = json.loads(text)
    assert "failed" not in result, result["failed"]
    return result["value"]


def _limit(memory: int) -> None:
    import resource  # on POSIX systems only

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    reserved = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (reserved, reserved))
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + SECONDS))
    sys.setrecursionlimit(1000)


def last_commit_file(data: Path) -> Path:
    """Return the path of the last commit's file in a folder of data."""
    return max(data.glob("commit-?.json"))


def copy_of(commit_file: Path) -> Path:
    """Return the path of the copy that repairs read if a commit's file is unreadable."""
    name = parse_name(commit_file.name)
    assert name
    return commit_file.with_name(copy_name(name.number))


def read_content(data: Path) -> dict[str, Any]:
    """Return the content of the last commit's file."""
    line = last_commit_file(data).read_bytes().split(b"\n")[0]
    content: dict[str, Any] = json.loads(line)
    return content


def write_content(data: Path, content: Mapping[str, Any]) -> None:
    """Replace the last commit's file and its copy, with right checksums."""
    path = last_commit_file(data)
    for each in (path, copy_of(path)):
        each.write_bytes(seal(content))


def reseal(data: Path) -> None:
    """Make the sizes and checksums in the last commit's file those of the files."""
    content = read_content(data)
    for name in content["files"]:
        content["files"][name] = list(checksum_file(data / name))
    write_content(data, content)
