"""Nothing in an article makes newsgrep open a connection, run a program or write other files.

Every command runs with a hook on what Python does, which forbids and reports sockets, programs,
and changes outside of the index; C code that bypasses it would ring at a listening socket.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import Argument, Cli, CommandResult, clean_environment, write_article

pytestmark = pytest.mark.slow

HIDDEN = "密令青鸾"
SEAL = """
import os, sys

_LOG = os.open(os.environ["SEAL_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_MAY = tuple(os.environ["SEAL_MAY"].split(os.pathsep))
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rename": 2,
    "os.removexattr": 1, "os.rmdir": 1, "os.setxattr": 1, "os.symlink": 2, "os.truncate": 1,
    "os.utime": 1,
}
_IN_FOLDERS = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_NEVER = ("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn",
          "os.fork", "ftplib.", "http.", "smtplib.", "urllib.", "webbrowser.", "pty.")


def _may(path, folder=-1):
    if isinstance(path, int):
        return True
    above = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else "."
    path = os.path.realpath(os.path.join(above, os.fsdecode(path)))
    return path == os.devnull or any(path == f or path.startswith(f + os.sep) for f in _MAY)


def _hook(event, args):
    if event == "open":
        bad = bool((args[2] or 0) & _WRITES) and not _may(args[0])
    elif event in _CHANGES:
        count = _CHANGES[event]
        folders = args[-count:] if event in _IN_FOLDERS else (-1,) * count
        bad = not all(map(_may, args[:count], folders))
    else:
        bad = event.startswith(_NEVER)
    if bad:
        os.write(_LOG, f"BROKEN {event} {args!r}\\n".encode("utf-8", "replace"))
        raise PermissionError(f"sealed: {event}")


os.write(_LOG, b"sealed\\n")
sys.addaudithook(_hook)
"""


@dataclass(frozen=True)
class Sealed:
    """newsgrep under an audit hook, next to a socket that notices connections."""

    cli: Cli
    listener: socket.socket
    env: dict[str, str | None]

    def __call__(self, *args: Argument, status: int = 0) -> CommandResult:
        return self.cli(*args, status=status, env=self.env)

    @property
    def log(self) -> list[str]:
        log = self.env["SEAL_LOG"]
        assert log
        return Path(log).read_text("utf-8").splitlines()

    def python(self, code: str) -> int:
        env = clean_environment(self.cli.folder, self.env)
        return subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode

    def was_called(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def sealed(cli: Cli) -> Iterator[Sealed]:
    seal = cli.folder / "seal"
    seal.mkdir()
    (seal / "sitecustomize.py").write_text(SEAL, "utf-8")
    log = cli.folder / "log"
    log.touch()
    cache = cli.folder / "cache"  # where jieba keeps one, if rjieba is not there
    passing = cli.folder / "tmp"  # where filelock tries, when it is loaded, what links can do
    passing.mkdir()
    beside = cli.folder / "index.saved"
    state = cli.folder / "state"  # the numbers of the last search
    env = {
        "PYTHONPATH": str(seal),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(cache),
        "TMPDIR": str(passing),
        "SEAL_LOG": str(log),
        "SEAL_MAY": os.pathsep.join(
            map(os.path.realpath, (cli.index, beside, cache, passing, state))
        ),
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Sealed(cli, listener, dict(env))


def set_traps(folder: Path, port: int, secret: Path) -> None:
    """Write articles of every format that refer to files, programs and addresses."""
    home = f"http://127.0.0.1:{port}"
    text = f"<p>渡轮照常往返，码头没有排队。</p><p>&x;&y;%z;</p><p>{'海带三筐。' * 30}</p>"
    doctype = (
        f'<!DOCTYPE html PUBLIC "-//X//Y" "{home}/x.dtd" [<!ENTITY x SYSTEM "{secret.as_uri()}">'
        f'<!ENTITY y SYSTEM "{home}/y"><!ENTITY % z SYSTEM "{home}/z"> %z;]>'
    )
    pages = {
        "entity": f'<?xml version="1.0"?>{doctype}<html><body>{text}</body></html>',
        "include": f"""<html xmlns:xi="http://www.w3.org/2001/XInclude"><body>{text}
            <xi:include href="{secret}" parse="text"/><xi:include href="{home}/xi"/></body>""",
        "loads": f"""<html><head><base href="{home}/"><meta http-equiv=refresh content="0;{home}/r">
            <link rel=stylesheet href="{home}/s.css"><script src="{home}/s.js"></script>
            <style>@import "{home}/i.css";</style></head>
            <body background="{home}/b.png">{text}<iframe src="{home}/f"></iframe>
            <img src="{home}/i.png" alt="一行不短的说明文字，写在这里。">
            <object data="{home}/o"></object><video src="{home}/v"></video>
            <svg><use href="{home}/u"/></svg><form action="{home}/p"></form></body></html>""",
        "names": f"""<html><head><link rel=canonical href="file://{secret}">
            <meta property="og:url" content="../../escaped">
            <meta name=author content="../../escaped">
            <meta property="og:site_name" content="../../escaped">
            <script type="application/ld+json">{{"@type": "Article", "@id": "../../escaped",
            "@context": "{home}/context", "headline": "../../escaped", "url": "{home}/ld"}}</script>
            </head><body><h1>../../escaped</h1>{text}</body></html>""",
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    for number, line in enumerate(
        (
            "title: !!python/object/apply:os.system ['touch escaped']",
            "title: !!python/object/new:os.system ['touch escaped']",
            "title: !!python/name:os.system",
            "title: !!python/module:antigravity",
            f"title: !include {secret}",
            f'id: ../../escaped\nurl: ../../escaped\nfrom: "file://{secret}"\ntitle: ../../escaped',
            f"url: {home}/front\nimage: {home}/front.png\nsource: ../../escaped",
            "index: ../escaped\npath: /../escaped\nlayout: ../../escaped\nslug: $(touch escaped)",
        )
    ):
        head = f"---\n{line}\ndate: 2024-05-17\n---\n"
        link = f"![图]({home}/{number}.png) [这里]({home}/{number}) <{home}>\n\n{{% include x %}}"
        (folder / f"front{number}.md").write_text(
            f"{head}\n渡轮第{number}次停航。{link}\n", "utf-8"
        )
    header = f"<!--1715768431000-->\n[渡轮 `touch escaped`]({home}/../../escaped)\n------\n\n"
    (folder / "link.txt").write_text(f"{header}{text}", "utf-8")
    (folder / "`touch escaped`;$(touch escaped)|x.txt").write_text(f"渡轮来信\n\n{text}", "utf-8")


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return name, time and contents of all files but the index, the log and the user's state."""
    others = {"index", "index.saved", "log", "cache", "tmp", "state"}
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if path.relative_to(folder).parts[0] not in others
    }


def test_hostile_articles_reach_no_network_or_file(sealed: Sealed) -> None:
    cli = sealed.cli
    secret = cli.folder / "own" / "secret.txt"
    secret.parent.mkdir()
    secret.write_text(HIDDEN, "utf-8")
    for number in range(320):  # so many that other processes read them
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}班", "渡轮照常。")
    set_traps(cli.folder / "n", sealed.listener.getsockname()[1], secret)
    before = state(cli.folder)

    ran = sealed("index", "n", "--jobs", "2")
    processes = sealed.log.count("sealed")
    assert processes > 2
    assert "334 files seen: 334 added" in ran.out
    sealed("index", "n")
    for form in ("--json", "--jsonl", "--csv", "--paths", "--color=always", "--color=never"):
        sealed("search", "渡轮", form, "-n", "400")
    for path in sorted((cli.folder / "n").glob("[!0-9]*")):
        sealed("show", path, "--color", "always")
    assert HIDDEN not in sealed("search", HIDDEN, status=1).out
    sealed("search", f'"{HIDDEN}"', status=1)
    sealed("search", "渡轮", "--collapse", "-n", "400")
    sealed("keywords", "渡轮 touch")
    sealed("similar", cli.folder / "n" / "link.txt")
    sealed("compare", "渡轮", "--sources", "雾港,escaped")
    sealed("stats")
    sealed("batch", "n/0.md")  # its lines are as good as any
    sealed("saved", "add", "全", "-没有这样的词")
    sealed("saved", "list")
    sealed("new", "--all")
    sealed("doctor", "--deep")
    (cli.folder / "n" / "0.md").unlink()
    sealed("index", "n")
    sealed("doctor", "--rollback", "--yes")
    sealed("doctor", "--tidy")

    assert [line for line in sealed.log if line != "sealed"] == []
    assert not sealed.was_called()
    assert list((cli.folder / "tmp").iterdir()) == []
    del before[str(cli.folder / "n" / "0.md")]
    after = state(cli.folder)
    folder = str(cli.folder / "n")
    assert {**before, folder: (0, b"")} == {**after, folder: (0, b"")}


IMPORTED = ("json", "lxml", "multiprocessing", "newsgrep", "pickle", "signal", "struct", "tantivy")
"""Modules that a process imports, among them the first one of each kind of process."""


@pytest.mark.parametrize("engine", ["whoosh", pytest.param("tantivy", marks=pytest.mark.engines)])
def test_no_process_imports_from_the_current_folder(cli: Cli, engine: str) -> None:
    for number in range(320):  # so many that other processes read them
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}班", "渡轮照常。")
    for name in IMPORTED:
        code = f"import sys; sys.stderr.write('{name} is imported'); sys.exit(9)"
        (cli.folder / f"{name}.py").write_text(code, "utf-8")
    run = cli("index", "n", "--jobs", "2", "--engine", engine)
    assert "320 files seen: 320 added" in run.out
    assert "is imported" not in run.err
    for ending in (".store", ".folded.col"):
        for path in cli.index.glob(f"{engine}/*{ending}"):
            content = bytearray(path.read_bytes())
            content[40] ^= 1
            path.write_bytes(content)
    for arguments in (
        ["doctor", "--fix", "--jobs", "2"],
        ["reindex", "--jobs", "2"],
        ["search", "渡轮"],
    ):
        run = cli.run(*arguments)
        assert "is imported" not in run.err
    assert len(cli.found("渡轮", "-n", "999")) > 0


def test_audit_hook_detects_violations(sealed: Sealed) -> None:
    port = sealed.listener.getsockname()[1]
    for code in (
        "open('escaped', 'w')",
        "import os; os.open('escaped', os.O_CREAT | os.O_WRONLY)",
        "import os; os.rename('n', 'escaped')",
        "import pathlib; pathlib.Path('escaped').mkdir()",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.socket()",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
    ):
        assert sealed.python(f"try:\n    {code}\nexcept PermissionError: raise SystemExit(3)") == 3
    assert len([line for line in sealed.log if line.startswith("BROKEN")]) == 8
    assert not sealed.was_called()
    with socket.create_connection(("127.0.0.1", port)):
        assert sealed.was_called()
