"""Install the wheel on a bare machine, index ten files, search and serve, and time each step.

    python -m release.first_steps dist/newsgrep-0.1.0-py3-none-any.whl --installer uv

The machine is bare in what the commands can see: an empty home folder, a ``PATH`` with Python and
one installer and nothing else, so no compiler, and no network except the machine's own address,
where the system has network namespaces. Packages come from a folder of wheels. A step that fails,
prints a warning or takes too long ends the run with exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

REPOSITORY: Final = Path(__file__).parents[1]
QUERY: Final = "联合声明"
"""A query that articles of ``seeds/`` answer."""

INSTALLERS: Final = ("uv", "pipx", "pip")
LIMIT: Final = 300.0
"""Seconds that all steps together may take."""

_NOISE: Final = re.compile(r"(?i)warn|deprecat|traceback|\berror")
_COMPILERS: Final = ("cc", "gcc", "clang", "c++", "g++", "rustc", "cargo", "make")
_LOOPBACK_UP: Final = """
import fcntl, os, socket, struct, sys
request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # up and running
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, request)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""


class StepFailed(Exception):
    """A step failed, or printed what a user should not see."""


class Step(NamedTuple):
    """A step with its duration in seconds and what it printed."""

    name: str
    seconds: float
    printed: str


class BareMachine:
    """A folder with a home and a ``PATH`` of its own.

    ``installer`` is one of :data:`INSTALLERS`, and its program is found on the present ``PATH``
    or beside this Python.
    """

    def __init__(self, folder: Path, installer: str) -> None:
        self.home = folder / "home"
        self.programs = folder / "bin"
        self.work = self.home / "work"
        for each in (self.programs, self.work, self.home / ".local" / "bin"):
            each.mkdir(parents=True)
        python = Path(sys.executable).resolve()
        self._run_by("python3", python)
        if installer != "pip":
            self._run_by(installer, program(installer))
        self.path = os.pathsep.join([str(self.programs), str(self.home / ".local" / "bin")])
        found = [name for name in _COMPILERS if shutil.which(name, path=self.path)]
        if found:
            raise StepFailed(f"not a bare machine: {', '.join(found)}")

    def _run_by(self, name: str, target: Path) -> None:
        # A link would hide the environment that a script of Python belongs to.
        script = self.programs / name
        script.write_text(f'#!/bin/sh\nexec "{target}" "$@"\n', "utf-8")
        script.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that every command gets."""
        return {
            "HOME": str(self.home),
            "PATH": self.path,
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.home),
            # What a missing network would answer, where there are no network namespaces.
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
            "no_proxy": "127.0.0.1",
        }

    def run(self, *command: str) -> str:
        """Run a command in the work folder and return what it printed.

        Raises :class:`StepFailed` if it fails or prints a warning.
        """
        done = subprocess.run(  # noqa: S603  (our own commands)
            [shutil.which(command[0], path=self.path) or command[0], *command[1:]],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        shown = " ".join(command)
        if done.returncode:
            raise StepFailed(f"{shown} ended with {done.returncode}:\n{done.stdout}")
        check_quiet(shown, done.stdout)
        return done.stdout


def program(name: str) -> Path:
    """Return the path of a program beside this Python or on the ``PATH``."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name)
    if found is None:
        raise StepFailed(f"{name} is not installed")
    return Path(found)


def check_quiet(command: str, printed: str) -> None:
    """Raise :class:`StepFailed` if ``printed`` contains a warning."""
    line = next((line for line in printed.splitlines() if _NOISE.search(line)), None)
    if line is not None:
        raise StepFailed(f"{command} printed: {line}")


# Steps


def install(machine: BareMachine, installer: str, wheel: Path, wheelhouse: Path) -> str:
    """Install ``newsgrep[web]`` from wheels, so that its command is on the ``PATH``."""
    wanted = f"{wheel}[web]"
    offline = ("--no-index", f"--find-links={wheelhouse}")
    if installer == "uv":
        python = ("--python", "python3", "--no-python-downloads")
        return machine.run("uv", "tool", "install", "--offline", *offline, *python, wanted)
    if installer == "pipx":
        given = f"--pip-args={' '.join(offline)}"
        return machine.run("pipx", "install", given, wanted)
    environment = machine.home / "newsgrep"
    printed = machine.run("python3", "-m", "venv", str(environment))
    pip = ("pip", "--disable-pip-version-check", "install", *offline, wanted)
    printed += machine.run(str(environment / "bin" / "python"), "-m", *pip)
    command = machine.home / ".local" / "bin" / "newsgrep"
    command.symlink_to(environment / "bin" / "newsgrep")
    return printed


def index(machine: BareMachine) -> str:
    """Index ten files."""
    folder = machine.work / "news"
    folder.mkdir()
    files = sorted((REPOSITORY / "seeds").glob("[!.0]*"))  # without the pair of duplicates
    for path in files[:10]:
        shutil.copy(path, folder)
    printed = machine.run("newsgrep", "index", "news")
    if "10 files seen: 10 added" not in printed:
        raise StepFailed(f"not ten articles from ten files:\n{printed}")
    return printed


def search(machine: BareMachine) -> str:
    """Search for a word that some of the ten articles contain."""
    printed = machine.run("newsgrep", "search", QUERY)
    if QUERY not in printed:
        raise StepFailed(f"no article with {QUERY}:\n{printed}")
    return printed


def serve(machine: BareMachine) -> str:
    """Start the page, read a result from it, and stop it."""
    with _server(machine) as address:
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"{address}?q={quote(QUERY)}", timeout=60) as response:
            page = str(response.read(), "utf-8")
    if "<mark>" not in page:
        raise StepFailed("the page shows no highlighted result")
    return page


@contextmanager
def _server(machine: BareMachine) -> Iterator[str]:
    """Yield the address of ``newsgrep serve``, which must end with 0 and without a warning."""
    command = shutil.which("newsgrep", path=machine.path)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [str(command), "serve", "--port", "0", "--no-browser"],
            cwd=machine.work,
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address.startswith("http://"):
                errors.seek(0)
                raise StepFailed(f"newsgrep serve printed no address:\n{address}{errors.read()}")
            yield address
            process.send_signal(signal.SIGINT)
            status = process.wait(30)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        errors.seek(0)
        check_quiet("newsgrep serve", errors.read())
        if status:
            raise StepFailed(f"newsgrep serve ended with {status}")


def first_steps(wheel: Path, wheelhouse: Path, installer: str) -> list[Step]:
    """Do all steps with one installer and return them; raises :class:`StepFailed`."""
    built = [path.name for path in wheelhouse.iterdir() if path.suffix != ".whl"]
    if built:
        raise StepFailed(f"{', '.join(built)} would have to be built")
    with tempfile.TemporaryDirectory() as folder:
        machine = BareMachine(Path(folder), installer)
        steps: list[tuple[str, Callable[[], str]]] = [
            ("install", lambda: install(machine, installer, wheel, wheelhouse)),
            ("index", lambda: index(machine)),
            ("search", lambda: search(machine)),
            ("serve", lambda: serve(machine)),
        ]
        done = []
        for name, action in steps:
            start = time.perf_counter()
            printed = action()
            done.append(Step(name, time.perf_counter() - start, printed))
    total = sum(step.seconds for step in done)
    if total > LIMIT:
        raise StepFailed(f"the steps took {total:.0f} s, more than {LIMIT:.0f} s")
    return done


# The command


def without_network() -> Sequence[str]:
    """Return what to put before a command so that it has no network, or nothing.

    Loopback remains. An empty sequence means that this system, or this user, has no network
    namespaces; the steps then rely on offline options and a proxy that does not exist.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    python = sys.executable
    for options in (["--net"], ["--net", "--map-root-user"]):
        prefix = [unshare, *options, python, "-c", _LOOPBACK_UP]
        tried = subprocess.run(  # noqa: S603  (our own command)
            [*prefix, python, "-c", ""], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return prefix
    return ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m release.first_steps")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--wheelhouse", type=Path, required=True, help="folder of dependencies")
    parser.add_argument("--installer", choices=INSTALLERS, default="uv")
    parser.add_argument("--json", action="store_true", help="print durations as JSON")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.inside:
        prefix = without_network()
        if prefix:
            given = list(sys.argv[1:] if arguments is None else arguments)
            command = [*prefix, sys.executable, "-m", "release.first_steps", *given, "--inside"]
            return subprocess.run(  # noqa: S603  (this script)
                command, cwd=REPOSITORY, check=False
            ).returncode
    try:
        steps = first_steps(
            options.wheel.resolve(), options.wheelhouse.resolve(), options.installer
        )
    except StepFailed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    if options.json:
        seconds = {step.name: round(step.seconds, 2) for step in steps}
        print(json.dumps({"network": "absent" if options.inside else "unused", **seconds}))
        return 0
    for step in steps:
        print(f"{step.name:8} {step.seconds:6.1f} s")
    print(f"{'total':8} {sum(step.seconds for step in steps):6.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
