"""A file system of a chosen size, which can be full or read-only: a tmpfs in a namespace.

It needs ``unshare`` and the right to create user namespaces, which containers may lack.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.forked_commands import CommandServer, Ended, IndexState

_NAMESPACE = ("unshare", "--mount", "--map-root-user")


class SmallDisk:
    """A file system at ``path`` that commands of ``server`` see, and nobody else."""

    def __init__(self, server: CommandServer, path: Path) -> None:
        self.server = server
        self.path = path

    def make(self, pages: int) -> None:
        """Make an empty file system of so many pages of 4 KiB."""
        self._mount(f"size={pages * 4}k", "tmpfs", "tmpfs")

    def resize(self, pages: int) -> None:
        self._mount(f"remount,size={pages * 4}k", "tmpfs", "tmpfs")

    def make_read_only(self) -> None:
        self._mount("remount,ro", "tmpfs", "tmpfs")

    def _mount(self, options: str, kind: str, device: str) -> None:
        self.server.shell("mount", "-t", kind, "-o", options, device, str(self.path))

    def copy(self, source: Path, name: str) -> None:
        self.server.shell("cp", "-a", str(source), str(self.path / name))

    def run(self, *arguments: str) -> Ended:
        return self.server.run(*arguments, cwd=self.path)

    def state(self, name: str) -> IndexState:
        return self.server.state(self.path / name)


@contextmanager
def small_disk(home: Path) -> Iterator[SmallDisk]:
    """Yield a disk that has no file system yet; skips the test where there can be none."""
    path = home / "disk"
    path.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no file system can be made full: there is no unshare")
    tried = subprocess.run(
        [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", path], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"no file system can be made full: {tried.stderr.decode()}")
    with CommandServer(home / "commands", through=_NAMESPACE) as server:
        yield SmallDisk(server, path)
