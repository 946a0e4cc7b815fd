"""What the tests of the command line share: running newsgrep as a process, and texts to index."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
NEWSGREP = shutil.which("newsgrep", path=str(Path(sys.executable).parent)) or "newsgrep"
TIMEOUT = 120.0

Argument = str | bytes | Path
Environment = Mapping[str, str | None]


@dataclass(frozen=True)
class CommandResult:
    """A process that ended: its status and what it wrote."""

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


def clean_environment(home: Path, changes: Environment | None = None) -> dict[str, str]:
    """Return an environment in which nothing of the user's own decides."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NEWSGREP", "PYTHON", "LC_", "COLUMNS", "LINES"))
        and name not in {"NO_COLOR", "FORCE_COLOR", "CLICOLOR", "PAGER", "LESS", "LANG", "TERM"}
    }
    env |= {
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHONWARNINGS": "error",
    }
    for name, value in (changes or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


class Cli:
    """The newsgrep command, run in a folder of its own with the index in ``index/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def index(self) -> Path:
        return self.folder / "index"

    def start(
        self, *args: Argument, env: Environment | None = None, new_session: bool = False
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [NEWSGREP, *args],
            cwd=self.folder,
            env=clean_environment(self.folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=new_session,
        )

    def run(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        """Run a command, whatever comes of it."""
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

    def __call__(
        self,
        *args: Argument,
        status: int | None = 0,
        stdin: bytes = b"",
        env: Environment | None = None,
    ) -> CommandResult:
        """Run a command, and expect ``status`` of it (``None``: any), and never a traceback."""
        ran = self.run(*args, stdin=stdin, env=env)
        assert_no_crash(ran.stderr)
        if status is not None:
            assert ran.status == status, f"{args}: {ran}"
        return ran

    def json(self, *args: Argument, status: int = 0) -> Any:
        return json.loads(self(*args, "--json", status=status).stdout)

    def bash(self, script: str, env: Environment | None = None) -> CommandResult:
        """Run a script of bash with newsgrep on its path."""
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
        """Run a command on a terminal; return its status and all that the screen was sent."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [NEWSGREP, *args],
            cwd=self.folder,
            env=clean_environment(self.folder, env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        screen = b""
        try:
            while data := _read_terminal(ours):
                screen += data
        finally:
            os.close(ours)
        status = process.wait(TIMEOUT)
        assert_no_crash(screen)
        return status, screen.decode("utf-8").replace("\r\n", "\n")

    def found(self, *args: Argument) -> list[str]:
        """Return the titles that a search finds, in its order."""
        ran = self("search", "--json", *args, status=None)
        assert ran.status in {0, 1}, ran
        return [hit["title"] for hit in json.loads(ran.stdout)["hits"]]


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so where the other end is closed
        return b""


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
    """Write an article under front matter, where its source and date are beyond doubt."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = [f'title: "{title}"', f'source: "{source}"', f"date: {date}", *more]
    head += [f"from: {url}"] if url else []
    path.write_text("\n".join(("---", *head, "---", "", body, "")), "utf-8")
    return path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run newsgrep where there is no index yet."""
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
    """Run newsgrep where a paper, a station and the Harbour Post wrote of tides; not to be changed.

    Number n of 30 was published in month n since January 2023, by the source n modulo 3.
    All hold 潮汐, the even ones 灯塔, those divisible by 3 台风.
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


@pytest.fixture(scope="session")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files that take some seconds to index."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(2500):
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
