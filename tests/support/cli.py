"""The newsgrep command for tests, and the archives that several tests search.

Imports nothing that exists on POSIX systems only, so that tests can be collected anywhere.
"""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from newsgrep.cli.main import group, run_command

REPOSITORY = Path(__file__).parents[2]
NEWSGREP = shutil.which("newsgrep", path=str(Path(sys.executable).parent)) or "newsgrep"
TIMEOUT = 120.0
IGNORES_MODES = not hasattr(os, "geteuid") or os.geteuid() == 0
"""Whether modes of files keep this process from nothing: root on POSIX, everybody on Windows."""

Argument = str | bytes | Path
Environment = Mapping[str, str | None]


@dataclass(frozen=True)
class CommandResult:
    """What a command printed, and its exit status."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8")

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


_TERMINAL_VARIABLES = frozenset(
    ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PAGER", "LESS", "LANG", "TERM")
)


def clean_environment(home: Path, changes: Environment | None = None) -> dict[str, str]:
    """Return the environment without what the user has configured, with ``changes``."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NEWSGREP", "PYTHON", "LANG", "LC_", "COLUMNS", "LINES"))
        and name not in _TERMINAL_VARIABLES
    }
    env |= {
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHONWARNINGS": "error",
        "PAGER": "cat",  # less would wait for a key
    }
    for name, value in (changes or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


class _Stream(io.TextIOWrapper):
    """A standard stream in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = io.BytesIO(data)
        super().__init__(
            self.data, "utf-8", errors="surrogateescape", newline="\n", write_through=True
        )


_PROCESS_ONLY = ("PYTHON", "TZ", "LANG", "LC_")
"""How names of environment variables begin that Python reads when it starts."""


@contextmanager
def _like_a_process(
    arguments: Sequence[str], folder: Path, stdin: _Stream, env: Mapping[str, str]
) -> Iterator[tuple[_Stream, _Stream]]:
    """Make folder, environment, arguments and streams those of a process, and restore them."""
    out, err = _Stream(), _Stream()
    before = Path.cwd(), dict(os.environ), sys.argv, sys.stdin, sys.stdout, sys.stderr
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = ["newsgrep", *arguments]
        sys.stdin, sys.stdout, sys.stderr = stdin, out, err
        yield out, err
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before[2:]
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        gc.enable()


class Cli:
    """The newsgrep command, run in a folder of its own with the index in ``index/``.

    A call runs the command within the test's process, which takes a tenth of the time, with the
    folder, environment and streams that a process would have. ``process``, ``start``, ``bash``
    and ``on_terminal`` start a real one, for tests of signals, pipes, terminals and start-up.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def index(self) -> Path:
        return self.folder / "index"

    def start(
        self, *args: Argument, env: Environment | None = None, new_session: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a command as a process, and return it while it runs."""
        return subprocess.Popen(
            [NEWSGREP, *args],
            cwd=self.folder,
            env=clean_environment(self.folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=new_session,
        )

    def process(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        """Run a command as a process of its own, whatever its exit status."""
        done = subprocess.run(
            [NEWSGREP, *args],
            cwd=self.folder,
            env=clean_environment(self.folder, env),
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def run(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        """Run a command, whatever its exit status.

        It runs in this process, with one job, unless the environment holds something that only
        a new interpreter reads, or this is not the main thread, where no signal can be handled.
        """
        if threading.current_thread() is not threading.main_thread() or any(
            name.startswith(_PROCESS_ONLY) for name in env or ()
        ):
            return self.process(*args, stdin=stdin, env=env)
        arguments = [os.fsdecode(each) for each in args]
        if arguments[:1] == ["index"] and "--jobs" not in arguments:
            arguments[1:1] = ["--jobs", "1"]  # or two processes are started for a few files
        whole = clean_environment(self.folder, env)
        with _like_a_process(arguments, self.folder, _Stream(stdin), whole) as (out, err):
            try:
                status = run_command()
            except SystemExit as exc:
                status = int(exc.code or 0)
        return CommandResult(status, out.data.getvalue(), err.data.getvalue())

    def __call__(
        self,
        *args: Argument,
        status: int | None = 0,
        stdin: bytes = b"",
        env: Environment | None = None,
    ) -> CommandResult:
        """Run a command, which must exit with ``status`` (``None``: any) and print no traceback."""
        ran = self.run(*args, stdin=stdin, env=env)
        assert_no_crash(ran.stderr)
        if status is not None:
            assert ran.status == status, f"{args}: {ran}"
        return ran

    def json(self, *args: Argument, status: int = 0) -> Any:
        return json.loads(self(*args, "--json", status=status).stdout)

    def bash(self, script: str, env: Environment | None = None) -> CommandResult:
        """Run a bash script with newsgrep on its path."""
        path = f"{Path(NEWSGREP).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=clean_environment(self.folder, {"PATH": path, **(env or {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def on_terminal(
        self, *args: Argument, env: Environment | None = None, columns: int = 80
    ) -> tuple[int, str]:
        """Run a command on a terminal; return its exit status and all that the screen received."""
        from tests.support.pseudo_terminal import run_on_terminal

        whole = clean_environment(self.folder, env)
        status, screen = run_on_terminal([NEWSGREP, *args], self.folder, whole, columns, TIMEOUT)
        assert_no_crash(screen)
        return status, screen.decode("utf-8").replace("\r\n", "\n")

    def found(self, *args: Argument) -> list[str]:
        """Return the titles of a search's hits, in their order."""
        ran = self("search", "--json", *args, status=None)
        assert ran.status in {0, 1}, ran
        return [hit["title"] for hit in json.loads(ran.stdout)["hits"]]


def leaf_commands(parent: click.Group = group) -> Iterator[click.Command]:
    """Yield every command of newsgrep, and those of groups."""
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaf_commands(command)
        else:
            yield command


def assert_no_crash(stderr: bytes) -> None:
    assert b"Traceback" not in stderr, stderr.decode("utf-8", "replace")
    assert b"internal error" not in stderr, stderr.decode("utf-8", "replace")
    assert b"Warning" not in stderr, stderr.decode("utf-8", "replace")


def write_article(
    path: Path,
    title: str,
    body: str,
    *,
    source: str = "雾港日报",
    date: str = "2024-05-17",
    url: str = "",
    more: Sequence[str] = (),
) -> Path:
    """Write an article under front matter, which names its source and date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = [f'title: "{title}"', f'source: "{source}"', f"date: {date}", *more]
    head += [f"from: {url}"] if url else []
    path.write_text("\n".join(("---", *head, "---", "", body, "")), "utf-8")
    return path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run newsgrep in an empty folder, without an index."""
    return Cli(tmp_path)


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep where the sample corpus is indexed; not to be changed."""
    cli = Cli(tmp_path_factory.mktemp("seeds"))
    shutil.copytree(REPOSITORY / "seeds", cli.folder / "seeds")
    cli("index", "seeds")
    return cli


TIDE_SOURCES = ("雾港日报", "鹭岛电台", "Harbour Post")
TIDE_COUNT = 30


@pytest.fixture(scope="session")
def tides(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep on thirty reports about tides from three outlets; not to be changed.

    Number n of 30 was published in month n since January 2023, by the source n modulo 3.
    All contain 潮汐, the even ones 灯塔, those divisible by 3 台风.
    """
    cli = Cli(tmp_path_factory.mktemp("tides"))
    for number in range(TIDE_COUNT):
        body = f"鹭岛测站发布第{number}号潮汐公报。" + "潮汐表照常张贴。" * (number % 4)
        body += "\n\n灯塔守望者记下了水位。" if number % 2 == 0 else ""
        body += "\n\n台风过后码头恢复装卸。" if number % 3 == 0 else ""
        write_article(
            cli.folder / "tides" / f"{number:02}.md",
            f"第{number}号公报",
            body,
            source=TIDE_SOURCES[number % 3],
            date=f"{2023 + number // 12}-{number % 12 + 1:02}-15",
        )
    cli("index", "tides")
    return cli


MANY_FILES = 1500


@pytest.fixture(scope="session")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files that take some seconds to index."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY_FILES):
        paragraphs = [
            f"鹭岛码头第{number}班渡轮在{n}号泊位靠岸，搬运工把{number * n}箱海带抬上栈桥。"
            for n in range(1, 25)
        ]
        write_article(folder / f"{number:04}.md", f"第{number}班渡轮靠岸", "\n\n".join(paragraphs))
    return folder


@pytest.fixture(scope="session")
def dictionary() -> dict[str, int]:
    """Return jieba's dictionary: each word with its frequency."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    lines = Path(jieba.__file__).with_name("dict.txt").read_text("utf-8").splitlines()
    rows = (line.split() for line in lines)
    return {word: int(frequency) for word, frequency, _ in rows}
