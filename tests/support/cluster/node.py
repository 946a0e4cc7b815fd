"""One server: its folder, its two ports, its process.

The process is ended by its id, or by the kernel when the process that started it is gone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.cluster.distribution import Missing, unpack

LOOPBACK = "127.0.0.1"
# Below the ports that systems assign to connections, so that none is taken before it is used.
PORTS = range(12_000, 32_000)

_QUICK_START = "-XX:TieredStopAtLevel=1"
"""Compile quickly instead of well: starting and 1,300 requests take 15 s of CPU time, not 29."""

# The kernel kills a server when the *thread* that started it ends. So one thread, which ends
# with this process, starts all servers: tests may call from threads of their own.
_LAUNCHER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="opensearch-launcher")

# The kernel watches the parent from this call on. If the parent died before, end here.
_UNLESS_ORPHANED = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


class ClusterFailed(Exception):
    """A server ended or did not reach a state in time; the message has the end of its log."""


def free_port() -> int:
    """Return an unused port."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as trial:
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise ClusterFailed(f"none of 200 ports from {PORTS[0]} to {PORTS[-1]} is free")


class Node:
    """One server in a folder of its own, where it can be restarted after it has ended."""

    def __init__(self, folder: Path, name: str, distribution: Path, java: Path, heap: str) -> None:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise Missing("no setpriv (util-linux) found, which ends servers with the tests")
        self.name = name
        self.http = free_port()
        self.transport = free_port()
        self.home = unpack(distribution, folder)
        self._java = java
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._guard = [setpriv, "--pdeathsig", "KILL"]
        if os.geteuid() == 0:  # OpenSearch refuses to run as root
            import pwd  # on POSIX systems only

            nobody = pwd.getpwnam("nobody")
            self._guard += [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
            self._guard += ["--clear-groups"]
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self._log = folder / "console.log"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http}"

    @property
    def pid(self) -> int | None:
        """The process id while the server runs; its scripts are replaced by Java in one process."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def crashed(self) -> bool:
        """Whether the server has ended without being killed by a test."""
        return self._process is not None and self.pid is None and not self._killed

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server and return at once."""
        if self.pid is not None:
            raise ClusterFailed(f"{self.name} is running already")
        own = {
            "node.name": self.name,
            "network.host": LOOPBACK,
            "http.port": str(self.http),
            "transport.port": str(self.transport),
        }
        command = [*self._guard, "sh", "-c", _UNLESS_ORPHANED, "sh", str(os.getpid())]
        command.append(str(self.home / "bin" / "opensearch"))
        command += [f"-E{key}={value}" for key, value in {**own, **settings}.items()]
        self._killed = False
        self._process = _LAUNCHER.submit(self._launch, command).result()

    def _launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        temporary = self.home / "tmp"
        if not temporary.exists():
            temporary.mkdir()
            shutil.copymode(self.home, temporary)
            found = self.home.stat()
            os.chown(temporary, found.st_uid, found.st_gid)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.home,
                env={  # independent of the user's environment
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LANG": "C.UTF-8",
                    "HOME": str(self.home),
                    "OPENSEARCH_JAVA_HOME": str(self._java),
                    "OPENSEARCH_JAVA_OPTS": f"-Xms{self._heap} -Xmx{self._heap} {_QUICK_START}",
                    "OPENSEARCH_TMPDIR": str(temporary),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the tests, which then stop the server
            )

    def terminate(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait_or_kill(self, seconds: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the server as a power failure would, and wait until its process is gone."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._killed = True
            # Its group: while it starts, the script runs another Java process.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self, lines: int = 30) -> str:
        """Return the end of the server's log."""
        if not self._log.exists():
            return ""
        log = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join([f"--- {self.name}, end of the log", *log[-lines:]])
