"""Commands in forked processes of a server that has loaded newsgrep, with faults of the disk.

A process of its own takes a second to start; a forked one takes a few hundredths.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any

import newsgrep
from tests.support.cli import Cli, write_article
from tests.support.disk_faults import FaultPlan, fault_environment

REPOSITORY = Path(__file__).parents[2]
LONGEST = 120.0
"""Seconds after which a command is killed and counts as one that hangs."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status (negative: a signal, ``None``: it hung) and output."""

    status: int | None
    out: str
    err: str


@dataclass(frozen=True)
class IndexState:
    """What an index contains, as a digest; ``error`` instead if it can't be opened.

    ``problems`` is what its thorough verification found.
    """

    digest: str = ""
    error: str = ""
    problems: tuple[str, ...] = ()


class CommandServer:
    """A process that forks one child for each command. Use it as a context manager.

    Without ``library`` no faults can be injected. The arguments ``through`` start it by another
    program.
    """

    def __init__(
        self, home: Path, library: Path | None = None, through: Sequence[str] = ()
    ) -> None:
        self.home = home
        self.library = library
        self.through = through

    def __enter__(self) -> CommandServer:
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NEWSGREP", "PYTHON", "LC_", "DISK_FAULTS"))
        } | {
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "TMPDIR": str(temporary),
        }
        self._process = subprocess.Popen(
            [*self.through, sys.executable, "-m", "tests.support.forked_commands"],
            cwd=REPOSITORY,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LONGEST)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _request(self, **job: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the server of commands died"
        result: dict[str, Any] = json.loads(answer)
        return result

    def run(
        self,
        *arguments: str,
        cwd: Path,
        plan: FaultPlan | None = None,
        folder: Path | None = None,
        log: Path | None = None,
        commit_each: bool = False,
    ) -> Ended:
        """Run a newsgrep command, with the faults of ``plan`` for calls below ``folder``.

        By default that is ``cwd``; the calls are recorded in ``log``. With ``commit_each``,
        ``newsgrep index`` commits after each file, as a run of hours does from time to time.
        """
        faults = {}
        if plan:
            assert self.library is not None
            faults = fault_environment(self.library, folder or cwd, log, plan)
        answer = self._request(
            arguments=arguments,
            cwd=str(cwd),
            faults=faults,
            library=str(self.library),
            output=str(self.home / "output"),
            commit_each=commit_each,
        )
        return Ended(answer["status"], answer["out"], answer["err"])

    def take_temporary_files(self) -> list[str]:
        """Delete what commands have left in their folder of temporary files; return its names."""
        found = list((self.home / "tmp").iterdir())
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return [path.name for path in found]

    def shell(self, *command: str) -> None:
        """Run another program where the commands run."""
        answer = self._request(shell=command)
        assert answer["status"] == 0, (command, answer)

    def state(self, index: Path, *, verify: bool = True) -> IndexState:
        """Return what is in an index, and with ``verify`` the problems that it has."""
        answer = self._request(state=str(index), verify=verify, output=str(self.home / "output"))
        if not answer["out"]:
            status, err = answer["status"], answer["err"]
            return IndexState(error=f"the process that opened it ended with {status}: {err}")
        found = json.loads(answer["out"])
        return IndexState(
            found.get("digest", ""), found.get("error", ""), tuple(found.get("problems", ()))
        )


def main() -> None:
    """Answer requests from standard input, one by line."""
    _load_everything()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _load_everything() -> None:
    """Import what commands need and do once what takes time once, for all children."""
    for module in walk_packages(newsgrep.__path__, "newsgrep."):
        if "opensearch" not in module.name and "__main__" not in module.name:
            with suppress(ImportError):  # of a format whose package is not installed
                import_module(module.name)
    import_module("tests.support.simulated_archive")
    with TemporaryDirectory() as folder:
        cli = Cli(Path(folder))
        write_article(cli.folder / "n" / "a.md", "渡轮停航", "海面有雾。")
        for arguments in (("index", "n"), ("search", "渡轮"), ("doctor", "--deep")):
            cli(*arguments)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    if "shell" in job:
        done = subprocess.run(job["shell"], capture_output=True, text=True, check=False)
        return {"status": done.returncode, "out": done.stdout, "err": done.stderr}
    output = Path(job["output"])
    files = [output.with_suffix(suffix) for suffix in (".out", ".err")]
    child = os.fork()
    if child == 0:
        try:
            _become_command(job, files)
        except BaseException as exc:  # noqa: BLE001  (nothing else would print it)
            os.write(2, f"child: {exc!r}".encode())
        finally:
            os._exit(98)
    status = _wait(child)
    out, err = (path.read_text("utf-8", "replace") for path in files)
    return {"status": status, "out": out, "err": err}


def _wait(child: int) -> int | None:
    until = time.monotonic() + LONGEST
    pause = 0.002
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _become_command(job: dict[str, Any], files: list[Path]) -> None:
    """In the child: run the command, and end."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for descriptor, path in zip((1, 2), files, strict=True):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8")  # noqa: SIM115
    if "state" in job:
        print(json.dumps(_state(Path(job["state"]), verify=job["verify"])), flush=True)
        os._exit(0)
    os.chdir(job["cwd"])
    sys.argv = ["newsgrep", *job["arguments"]]
    if job["commit_each"]:
        from newsgrep.indexing import update

        update._timed_commits = partial(_timed_commits, update._timed_commits)
    if job["faults"]:
        os.environ.update(job["faults"])
        ctypes.CDLL(job["library"])  # starts the faults when it is loaded
    from newsgrep.cli.main import main as newsgrep

    try:
        newsgrep()
    except SystemExit as exc:
        sys.stdout.flush()
        os._exit(exc.code if isinstance(exc.code, int) else 0)


def _timed_commits(original: Callable[..., Any], groups: Any, seconds: float) -> Any:  # noqa: ARG001
    return original(groups, 0)


def _state(path: Path, *, verify: bool) -> dict[str, Any]:
    from newsgrep.errors import NewsgrepError
    from newsgrep.indexing.folder import FolderIndex
    from tests.support.simulated_archive import index_snapshot

    index = FolderIndex(path)
    try:
        with index.open() as engine:
            problems = [each.sentence for each in engine.verify(deep=True)] if verify else []
            records = Counter((record.path, record.locator) for record in engine.file_records())
            problems += [
                f"{key} has {count} records" for key, count in records.items() if count > 1
            ]
        snapshot = index_snapshot(path)
    except NewsgrepError as exc:
        return {"error": f"{type(exc).__name__}: {exc}"}
    return {
        "digest": hashlib.sha256(repr(snapshot).encode("utf-8", "surrogatepass")).hexdigest(),
        "problems": problems,
    }


if __name__ == "__main__":
    main()
