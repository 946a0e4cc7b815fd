"""``newsgrep watch``: the index follows its files, and nothing is deleted by a moved folder."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pytest

from newsgrep.errors import IndexDamaged, IndexLocked, NewsgrepError, ServerProblem
from newsgrep.indexing import watching
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.outcomes import UpdateSummary
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.cli import TIMEOUT, Cli, assert_no_crash, write_article

watchfiles = pytest.importorskip("watchfiles", reason="needs the extra watch")


def write(folder: Path, *numbers: int) -> None:
    for number in numbers:
        write_article(folder / f"{number}.md", f"第{number}号灯塔", f"大雾笼罩港口{number}天。")


class Watcher:
    """A running ``newsgrep watch`` with the lines that it prints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.errors: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        assert process.stdout
        assert process.stderr
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, self._lines.put)),
            threading.Thread(target=self._read, args=(process.stderr, self.errors.append)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], take: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                take(line.decode().rstrip("\n"))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        for reader in self._readers:
            reader.join(TIMEOUT)

    def wait_for(self, articles: int, *changes: str) -> None:
        """Wait until an update leads to this number of articles; it may take several.

        ``changes`` are words of which each occurs in one of the lines that are printed.
        """
        lines = ""
        while f"; {articles} articles in index" not in lines:
            lines += self._lines.get(timeout=TIMEOUT) + "\n"
        for change in changes:
            assert f" {change}" in lines

    def wait_for_error(self, text: str) -> str:
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            for error in self.errors:
                if text in error:
                    return error
            time.sleep(0.05)
        pytest.fail(f"{text!r} was not printed: {self.errors}")

    def has_printed(self) -> bool:
        return not self._lines.empty()


@contextmanager
def watch(cli: Cli, *args: str) -> Iterator[Watcher]:
    process = cli.start("watch", *args, "--jobs", "1", env={"PYTHONWARNINGS": None})
    watcher = Watcher(process)
    try:
        watcher.wait_for_error("Press Ctrl-C to stop.")
        yield watcher
    finally:
        watcher.end()
        assert_no_crash("\n".join(watcher.errors).encode())


@pytest.fixture
def folder(cli: Cli) -> Path:
    write(cli.folder / "n", 1, 2, 3, 4, 5)
    return cli.folder / "n"


@pytest.mark.slow
def test_watch_follows_new_changed_and_deleted_files(cli: Cli, folder: Path) -> None:
    with watch(cli, ".") as watcher:  # the index is in the watched folder
        watcher.wait_for(5, "added")
        write(folder, 6, 7)
        watcher.wait_for(7, "added")
        write_article(folder / "7.md", "第7号灯塔", "守塔人回来了。")
        watcher.wait_for(7, "updated")
        (folder / "1.md").unlink()
        watcher.wait_for(6, "removed")
        write(folder / "new" / "deep", 8)
        watcher.wait_for(7, "added")
        assert cli.found("守塔人") == ["第7号灯塔"]
        time.sleep(1.5)
        assert not watcher.has_printed(), "the index itself, or no change, counts as a change"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_ends_cleanly_on_a_signal(cli: Cli, folder: Path, number: signal.Signals) -> None:
    with watch(cli, str(folder)) as watcher:
        watcher.process.send_signal(number)
        assert watcher.process.wait(TIMEOUT) == 0
        watcher.wait_for_error("newsgrep: Stopped. The index is as of its last commit.")
    assert len(cli.found("大雾")) == 5
    assert cli.json("doctor", "--tidy")["deleted"] == []


@pytest.mark.slow
def test_watch_keeps_articles_of_a_moved_folder(cli: Cli, folder: Path) -> None:
    with watch(cli, "n") as watcher:
        watcher.wait_for(5)
        folder.rename(cli.folder / "away")
        watcher.wait_for_error("n does not exist now. Its articles are kept")
        assert len(cli.found("大雾")) == 5
        (cli.folder / "away").rename(folder)
        write(folder, 6)
        watcher.wait_for(6, "added")
        write(folder, 7)
        watcher.wait_for(7, "added")


@pytest.mark.slow
def test_watch_keeps_articles_if_most_files_vanish(cli: Cli, folder: Path) -> None:
    write(folder / "old", *range(6, 13))
    with watch(cli, "n") as watcher:
        watcher.wait_for(12)
        (folder / "1.md").unlink()
        watcher.wait_for(11, "removed")
        (folder / "old").rename(cli.folder / "away")
        error = watcher.wait_for_error("Their articles are kept.")
        assert "7 of the 11 indexed files" in error
        assert error.endswith("newsgrep index n --prune")
        # They stay, although they are less than half of all files then.
        write(folder, *range(21, 31))
        watcher.wait_for(21, "added")
        write(folder, 31)
        watcher.wait_for(22, "added")
        cli("index", "n", "--prune")
        write(folder, 32)
        watcher.wait_for(16, "added")
        (folder / "32.md").unlink()
        watcher.wait_for(15, "removed")


@pytest.mark.slow
def test_watch_compares_at_intervals(cli: Cli, folder: Path) -> None:
    (cli.folder / "outside").mkdir()
    (folder / "link").symlink_to(cli.folder / "outside")
    hidden = folder / ".hidden"
    with watch(cli, "n", "--follow", "--interval", "2") as watcher:
        watcher.wait_for(5)
        hidden.mkdir()
        write(hidden, 6)
        write(cli.folder / "outside", 7)
        watcher.wait_for(6, "added")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files of a process")
def test_watch_continues_after_a_full_disk(cli: Cli, folder: Path) -> None:
    import resource

    with watch(cli, "n") as watcher:
        watcher.wait_for(5)
        pid = watcher.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        write(folder, 6)
        watcher.wait_for_error("n is not indexed: File too large")
        assert len(cli.found("大雾")) == 5
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        watcher.wait_for(6, "added")


class Report:
    """The names of what :func:`newsgrep.indexing.watching.keep_updated` reports."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.events.append(name)


def run_watching(
    monkeypatch: pytest.MonkeyPatch, folder: Path, outcomes: Sequence[Exception | None]
) -> list[str]:
    """Report a change of ``folder`` for each outcome of an update; return all events."""
    report, left = Report(), list(outcomes)

    def changes(*_: object) -> Iterator[frozenset[str]]:
        while left:
            yield frozenset([str(folder)])
            time.sleep(0.3)

    def update(*arguments: Any) -> UpdateSummary:
        if error := left.pop(0):
            raise error
        return update_index(*arguments)

    monkeypatch.setattr(watching, "iter_changes", changes)
    monkeypatch.setattr(watching, "update_index", update)
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.0)
    index = FolderIndex(folder.parent / "index")
    try:
        watching.keep_updated(
            index, [str(folder)], UpdateOptions(), cast("watching.WatchReport", report), interval=99
        )
    except NewsgrepError as exc:
        report.events.append(type(exc).__name__)
    return report.events


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), IndexLocked("busy"), ServerProblem("down")]
)
def test_keep_updated_retries_after(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "n", 1)
    events = run_watching(monkeypatch, tmp_path / "n", [None, error, None])
    assert events == ["updated", "watching", "failed", "updated"]


def test_keep_updated_raises_what_no_retry_repairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "n", 1)
    events = run_watching(monkeypatch, tmp_path / "n", [None, IndexDamaged("checksum")])
    assert events == ["updated", "watching", "IndexDamaged"]
    assert run_watching(monkeypatch, tmp_path / "n", [IndexLocked("busy")]) == ["IndexLocked"]


def test_watch_names_a_path_that_does_not_exist(cli: Cli) -> None:
    assert "No file or folder at" in cli("watch", "none", status=2).err


@pytest.mark.usefixtures("folder")
def test_watch_without_its_package_names_the_extra(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    ran = cli("watch", "n", status=2)
    assert 'pip install "newsgrep[watch]"' in ran.err


def test_watch_refuses_standard_input(cli: Cli) -> None:
    assert "Name files or folders" in cli("watch", "-", status=2).err


@pytest.mark.usefixtures("folder")
def test_index_does_not_read_its_own_files(cli: Cli) -> None:
    cli("index", ".")
    assert cli("index", ".").out.startswith("5 files seen: 5 unchanged; 5 articles")
