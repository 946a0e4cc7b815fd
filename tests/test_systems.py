"""What other systems lack or do otherwise: no call is needed that only POSIX systems have.

The real processes here are started with ``tests/support/windows`` on their path, which takes from
newsgrep what Windows does not have, and refuses what Windows refuses.
"""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.request import urlopen

import pytest
import yaml

from newsgrep import _io, terminal
from newsgrep.cli import cite, file_options
from newsgrep.cli.file_options import expanded_paths
from newsgrep.extraction import walk
from tests.support.cli import REPOSITORY, TIMEOUT, Cli, CommandResult, write_article

EMULATION = REPOSITORY / "tests" / "support" / "windows"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Windows:
    """The newsgrep command as on Windows, with output in a code page of its own."""

    def __init__(self, folder: Path) -> None:
        self.cli = Cli(folder)
        (folder / "processes").mkdir()
        self.env: Mapping[str, str] = {
            "NEWSGREP_AS_WINDOWS": str(folder / "processes"),
            "PYTHONPATH": str(EMULATION),
            "PYTHONIOENCODING": "cp1252",
        }

    def run(self, *args: str, status: int = 0, **env: str) -> CommandResult:
        ran = self.cli.process(*args, env={**self.env, **env})
        assert ran.status == status, ran
        assert b"Traceback" not in ran.stderr, ran.err
        return ran

    @contextmanager
    def running(self, *args: str) -> Iterator[subprocess.Popen[bytes]]:
        process = self.cli.start(*args, env=self.env)
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=TIMEOUT)


def write(folder: Path, *numbers: int) -> None:
    for number in numbers:
        write_article(folder / f"{number}.md", f"第{number}号灯塔", f"大雾笼罩港口{number}天。")


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """An index of three articles, made with two workers."""
    found = Windows(tmp_path_factory.mktemp("windows"))
    write(found.cli.folder / "a", 1, 2, 3)
    (found.cli.folder / "a" / "b" / "c").mkdir(parents=True)
    write(found.cli.folder / "a" / "b" / "c", 4)
    ran = found.run("index", "a", "--jobs", "2", "--json")
    assert json.loads(ran.stdout)["added"] == 4
    return found


@ON_LINUX
def test_all_modules_import_without_posix(windows: Windows) -> None:
    script = """
import os, pkgutil, sys
import newsgrep
from importlib import import_module
for each in pkgutil.walk_packages(newsgrep.__path__, "newsgrep."):
    if not each.name.endswith("__main__"):
        import_module(each.name)
seen = vars(sys.modules["newsgrep._io"])["os"]
assert not hasattr(seen, "geteuid") and hasattr(os, "geteuid")
print("imported")
for refused in (lambda: os.open(".", os.O_RDONLY), lambda: os.unlink(stream.name)):
    with open("open", "w") as stream:
        try:
            refused()
        except PermissionError:
            print("refused")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=windows.cli.folder,
        env={**os.environ, **windows.env},
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert ran.stdout == b"imported\nrefused\nrefused\n", ran.stderr.decode()


@ON_LINUX
def test_output_is_utf8_in_any_code_page(windows: Windows) -> None:
    ran = windows.run("search", "大雾")
    assert "第1号灯塔" in ran.out
    assert "潮汐" in windows.run("search", "潮汐", status=1).err
    assert "é普京*" in windows.run("search", '"é普京*"', status=1).err


@ON_LINUX
def test_index_is_written_while_others_read(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    windows = Windows(tmp_path)
    archive, data = tmp_path / "a", tmp_path / "index"
    write(archive, 1, 2)
    windows.run("index", "a")
    with windows.running("serve", "--port", "0", "--no-browser", "--workers", "1") as server:
        assert server.stdout
        url = server.stdout.readline().decode().strip()

        def search() -> int:
            with urlopen(f"{url}api/v1/search?q=%E5%A4%A7%E9%9B%BE", timeout=60) as reply:  # noqa: S310
                return int(json.load(reply)["total"])

        assert search() == 2
        write(archive, 3)
        summary = json.loads(windows.run("index", "a", "--json").stdout)
        assert (summary["added"], summary["unchanged"]) == (1, 2)
        assert search() == 3
        windows.run("reindex")
        assert {each.name for each in data.iterdir() if each.is_dir()} == {"whoosh", "whoosh-2"}
        assert search() == 3
    write(archive, 4)
    windows.run("index", "a")  # nobody has the files of the first index open any more
    assert {each.name for each in data.iterdir() if each.is_dir()} == {"whoosh-2"}
    assert "intact" in windows.run("doctor").out
    windows.run("doctor", "--rollback", "--yes")
    assert len(json.loads(windows.run("search", "--json", "大雾").stdout)["hits"]) == 3


@ON_LINUX
def test_watch_and_saved_queries_without_posix(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    windows = Windows(tmp_path)
    write(tmp_path / "a", 1)
    with windows.running("watch", "a") as process:
        assert process.stdout
        assert b"1 added" in process.stdout.readline()
        write(tmp_path / "a", 2)
        assert b"1 added" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) in {0, 128 + signal.SIGINT}
    windows.run("saved", "add", "nul", "大雾")
    assert windows.run("new", "nul", "--all").stdout.count(b"\n") == 2
    assert windows.run("new", "nul", status=1).stdout == b""
    assert (tmp_path / "index.saved" / "newsgrep.seen" / "nul~.seen").exists()


@ON_LINUX
def test_tantivy_uses_hard_links_without_symbolic_ones(tmp_path: Path) -> None:
    pytest.importorskip("tantivy")
    windows = Windows(tmp_path)
    write(tmp_path / "a", 1)
    windows.run("index", "a", "--engine", "tantivy", NEWSGREP_LINKS="1")
    write(tmp_path / "a", 2)
    windows.run("index", "a", NEWSGREP_LINKS="1")
    ran = windows.run("search", "--json", "大雾", NEWSGREP_LINKS="1")
    assert json.loads(ran.stdout)["total"] == 2
    assert "No temporary folder" in windows.run("search", "大雾", status=2).err


# The rules, one by one


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_io, terminal, cite, file_options):
        monkeypatch.setattr(module, "IS_WINDOWS", True)


@pytest.mark.usefixtures("on_windows")
def test_replace_waits_for_a_reader_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"new")
    refusals = [PermissionError(errno.EACCES, "open")] * 3
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    _io.replace_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"new"
    assert not refusals
    monkeypatch.setattr(_io, "_SHARING_SECONDS", 0.05)
    refusals += [PermissionError(errno.EACCES, "open")] * 1000
    start = time.monotonic()
    with pytest.raises(PermissionError):
        _io.replace_file(tmp_path / "b", tmp_path / "c")
    assert time.monotonic() - start < 2


def test_replace_fails_at_once_on_other_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(path: Path, target: Path) -> None:
        calls.append((path, target))
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        _io.replace_file(tmp_path / "a", tmp_path / "b")
    assert len(calls) == 1


@pytest.mark.usefixtures("on_windows")
def test_sync_opens_files_for_writing_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = os.open

    def note(path: Path, flags: int) -> int:
        opened.append((path, flags & (os.O_RDWR | os.O_WRONLY)))
        return real(path, flags)

    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(os, "open", note)
    _io.sync(tmp_path / "a")
    _io.sync(tmp_path)
    assert opened == [(tmp_path / "a", os.O_RDWR)]


def test_flush_empties_the_cache_of_a_disk_on_macos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    module = ModuleType("fcntl")
    vars(module).update(F_FULLFSYNC=51, fcntl=lambda *args: calls.append(args))
    monkeypatch.setitem(sys.modules, "fcntl", module)
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    with (tmp_path / "a").open("wb") as stream:
        _io.flush_descriptor(stream.fileno())
        assert calls == [(stream.fileno(), 51)]

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "a network drive")

    vars(module).update(fcntl=refuse)
    _io.flush_descriptor(0)
    assert calls[1:] == ["fsync"]


@pytest.mark.usefixtures("on_windows")
def test_invalid_argument_is_a_closed_pipe_on_windows() -> None:
    assert terminal.is_closed_pipe(OSError(errno.EINVAL, "Invalid argument"))
    assert not terminal.is_closed_pipe(OSError(errno.ENOSPC, "full"))


@pytest.mark.usefixtures("on_windows")
def test_patterns_of_paths_are_expanded_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.md", "a.md", "[x].md"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded_paths(None, None, ("?.md", "[x].md", "*.pdf", "~")) == (
        *("a.md", "b.md", "[x].md", "*.pdf"),
        str(tmp_path),
    )


def test_patterns_are_left_to_the_shell_elsewhere() -> None:
    assert expanded_paths(None, None, ("*.md", "~")) == ("*.md", "~")


@pytest.mark.usefixtures("on_windows")
def test_editor_may_have_backslashes_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    split = cite._split_command(r'"C:\Program Files\Vim\vim.exe" -R')
    assert split == [r"C:\Program Files\Vim\vim.exe", "-R"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("nul.seen", "nul~.seen"),
        ("COM1", "COM1~"),
        ("lpt².a.b", "lpt²~.a.b"),
        ("null.seen", "null.seen"),
        ("com10.seen", "com10.seen"),
        ("渔业.seen", "渔业.seen"),
        ("a.nul.seen", "a.nul.seen"),
    ],
)
def test_reserved_file_names_get_a_tilde(name: str, safe: str) -> None:
    assert _io.safe_file_name(name) == safe


# One file with several spellings


class Insensitive:
    """A file system like macOS's: case and Unicode's normal form do not distinguish names."""

    def __init__(self, paths: Mapping[str, int]) -> None:
        self.paths = paths
        self.listings = 0

    def lstat(self, path: str) -> os.stat_result:
        for each, inode in self.paths.items():
            if walk._spelling_key(each) == walk._spelling_key(path):
                return os.stat_result((0o100644, inode, 1, 1, 0, 0, 0, 0, 0, 0))
        raise FileNotFoundError(path)

    def listdir(self, folder: str) -> list[str]:
        self.listings += 1
        found = [each.rpartition("/") for each in self.paths]
        return [name for above, _, name in found if (above or "/") == folder and name]


COMPOSED, DECOMPOSED = "caf\xe9が.md", "cafe\u0301か\u3099.md"


@pytest.fixture
def insensitive(monkeypatch: pytest.MonkeyPatch) -> Insensitive:
    found = Insensitive(
        {"/": 1, "/Users": 2, "/Users/Archive": 3, f"/Users/Archive/{DECOMPOSED}": 4, "/x.md": 5}
    )
    monkeypatch.setattr(os, "lstat", found.lstat)
    monkeypatch.setattr(os, "listdir", found.listdir)
    return found


def test_spelling_is_that_of_the_folder(insensitive: Insensitive) -> None:
    listed = f"/Users/Archive/{DECOMPOSED}"
    typed = [
        f"/users/ARCHIVE/{COMPOSED}",
        listed,
        f"/USERS/archive/{DECOMPOSED.upper()}",
        "/users/archive/Gone.md",
        "/X.MD",
        "/",
    ]
    assert walk.spelled_paths(typed) == [
        listed,
        listed,
        listed,
        "/Users/Archive/Gone.md",
        "/x.md",
        "/",
    ]
    assert insensitive.listings == 3, "a folder is read once"


def test_spelling_of_links_to_one_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    try:
        os.link(tmp_path / "a.md", tmp_path / "A.md")
    except (OSError, AttributeError):
        pytest.skip("no hard links, or names that differ by case are one")
    typed = [str(tmp_path / "a.md"), str(tmp_path / "A.md"), str(tmp_path / "B.MD")]
    assert walk.spelled_paths(typed) == typed


def test_spelling_of_deep_and_odd_paths(tmp_path: Path) -> None:
    deep = str(tmp_path) + "/a" * 1900
    assert walk.spelled_path(deep) == deep
    assert walk.spelled_path("/a\0b/\udcff") == "/a\0b/\udcff"


# What tests and modules may use


def _posix_names() -> dict[str, frozenset[str]]:
    """Return what the emulation takes from each module, which this does not load."""
    tree = ast.parse((EMULATION / "sitecustomize.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_MISSING_NAMES":
            found: dict[str, str] = ast.literal_eval(node.value)
            return {name: frozenset((*names.split(), "link")) for name, names in found.items()}
    raise AssertionError("no names")


def _uses(node: ast.AST, names: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield POSIX names used in a part of a module without a ``hasattr`` in the same part."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            module, name = each.value.id, each.attr
            guard = f"hasattr({module}, '{name}')"
            if name in names.get(module, ()) and guard not in ast.unparse(node):
                yield f"{module}.{name}"


def test_posix_calls_are_guarded() -> None:
    names, found = _posix_names(), set()
    for path in sorted((REPOSITORY / "newsgrep").rglob("*.py")):
        text = path.read_text("utf-8")
        if not any(f".{name}" in text for every in names.values() for name in every):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in _uses(node, names):
                    found.add((path.relative_to(REPOSITORY).as_posix(), name))
    assert found == set()


POSIX_ONLY = {"pseudo_terminal.py", "sitecustomize.py"}
"""Modules that tests import in functions only."""


def _collected_code(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs when a module of tests is imported: all but the bodies of functions."""
    stack: list[ast.AST] = [*tree.body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            stack += node.decorator_list
        elif isinstance(node, ast.ClassDef):
            stack += [*node.decorator_list, *node.body]
        else:
            yield node


def test_tests_are_collected_without_posix() -> None:
    names, problems = _posix_names(), []
    modules = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        if path.name in POSIX_ONLY:
            continue
        for node in _collected_code(ast.parse(path.read_text("utf-8"))):
            imported = {alias.name for alias in getattr(node, "names", []) if alias}
            if isinstance(node, ast.ImportFrom):
                imported = {str(node.module)}
            if isinstance(node, ast.Import | ast.ImportFrom):
                found = [each for each in imported if each in modules or "pseudo_term" in each]
            else:
                found = list(_uses(node, names))
            problems += [f"{path.name}: {each}" for each in found]
    assert problems == []


WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
WRITING = {("release.yml", "attach"): "contents", ("release.yml", "publish"): "id-token"}
"""The jobs that may write anything, and what."""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_actions_and_permissions(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        allowed = WRITING.get((path.name, name))
        assert job.get("permissions", {}) == ({allowed: "write"} if allowed else {}), name
        for step in job["steps"]:
            action, _, commit = step.get("uses", "").partition("@")
            assert not action or re.fullmatch("[0-9a-f]{40}", commit), step
            if action == "actions/checkout":
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", ""), "a value could be a command"


def test_workflow_runs_on_three_systems() -> None:
    workflow = yaml.safe_load(WORKFLOWS[-1].read_text("utf-8"))
    matrix = workflow["jobs"]["fast"]["strategy"]["matrix"]
    assert {each.partition("-")[0] for each in matrix["system"]} == {"ubuntu", "macos", "windows"}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if ":: 3." in each]
    assert matrix["python"] == named
