"""A command that is interrupted, or locked out by another, leaves the index as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from newsgrep.indexing.manifest import HOLDER_FILE
from tests.support.cli import (
    NEWSGREP,
    TIMEOUT,
    Cli,
    assert_no_crash,
    clean_environment,
    write_article,
)

pytestmark = pytest.mark.slow

OLD = "雾港灯塔熄灯"

MAX_END = 5.0
"""Seconds from Ctrl-C to the end of all processes; 0.1 to 0.8 on a machine with a load of 50."""


def start(cli: Cli, *args: str) -> subprocess.Popen[bytes]:
    # Ctrl-C may come at any moment, also just after a file was opened: users do not see
    # warnings about files left open.
    return cli.start(*args, env={"PYTHONWARNINGS": None}, new_session=True)


def wait_until_writing(process: subprocess.Popen[bytes], index: Path) -> None:
    """Wait until ``process`` holds the lock of the index."""
    import fcntl  # on POSIX systems only

    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        for lock in index.rglob("writer.lock"):
            with lock.open("r+b") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
        time.sleep(0.02)
    pytest.fail(f"it never began to write: {process.communicate(timeout=TIMEOUT)}")


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)


def stats_without_size(cli: Cli) -> dict[str, Any]:
    answer: dict[str, Any] = cli.json("stats")
    del answer["bytes"]
    return answer


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("wait", [0.25, 1.5], ids=["early", "late"])
def test_ctrl_c_leaves_the_index_unchanged(
    cli: Cli, many_files: Path, jobs: str, wait: float
) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    before = stats_without_size(cli)
    process = start(cli, "index", str(many_files), "--jobs", jobs)
    try:
        wait_until_writing(process, cli.index)
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
        # A worker that outlives newsgrep would keep its standard error open.
        out, err = process.communicate(timeout=20)
    finally:
        end(process)
    assert process.returncode == 130, err
    assert_no_crash(err)
    message = err.decode().strip()
    assert message == "newsgrep: Stopped. The index is as it was before this command."
    assert out == b""
    assert stats_without_size(cli) == before
    assert cli.found("-没有") == [OLD]
    assert cli("index", "n").out.startswith("1 file seen: 1 unchanged")
    write_article(cli.folder / "n" / "b.md", "雾港灯塔复明", "守塔人回来了。")
    cli("index", "n")
    assert set(cli.found("守塔人")) == {OLD, "雾港灯塔复明"}
    cli("index", "n", "--index", "fresh")
    assert bytes_of(cli.index) < 3 * bytes_of(cli.folder / "fresh"), "remains of the stopped run"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("to_all", [True, False])
def test_sigterm_and_sighup_act_like_ctrl_c(
    cli: Cli, many_files: Path, name: str, to_all: bool
) -> None:
    number = signal.Signals[name]
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    before = stats_without_size(cli)
    # Under nohup, the tests and their children ignore SIGHUP.
    habit = signal.signal(number, signal.SIG_DFL)
    try:
        process = start(cli, "index", str(many_files), "--jobs", "2")
    finally:
        signal.signal(number, habit)
    try:
        wait_until_writing(process, cli.index)
        time.sleep(0.5)
        (os.killpg if to_all else os.kill)(process.pid, number)
        # A worker that outlives newsgrep would keep its standard error open.
        _, err = process.communicate(timeout=20)
    finally:
        end(process)
    assert process.returncode == 128 + number, err
    assert err.decode().strip() == (
        "newsgrep: Stopped. The index is as it was before this command."
    )
    assert stats_without_size(cli) == before
    assert cli.json("doctor", "--tidy")["deleted"] == []


def test_ctrl_c_in_the_first_run_allows_another(cli: Cli, many_files: Path) -> None:
    process = start(cli, "index", str(many_files))
    try:
        wait_until_writing(process, cli.folder)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        end(process)
    assert process.returncode == 130, err
    assert_no_crash(err)
    assert cli("search", "渡轮", status=None).status in {1, 2}
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    assert cli.found("守塔人") == [OLD]


def test_second_writer_is_locked_out_readers_are_not(cli: Cli, many_files: Path) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    write_article(cli.folder / "n" / "b.md", "雾港灯塔复明", "守塔人回来了。")
    first = start(cli, "index", str(many_files), "--jobs", "1")
    try:
        wait_until_writing(first, cli.index)
        ran = cli("index", "n", status=75)
        assert ran.err.count("\n") == 1
        assert "try again" in ran.err
        assert ran.stdout == b""
        assert cli.found("守塔人") == [OLD]
        assert cli("index", "n/a.md").out.startswith("1 file seen: 1 unchanged")
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGINT)
        first.communicate(timeout=20)
    finally:
        end(first)
    assert cli("index", "n").out.startswith("2 files seen: 1 added, 1 unchanged")


def test_second_writer_waits_with_wait(cli: Cli, many_files: Path) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    first = start(cli, "index", str(many_files), "--jobs", "1")
    try:
        wait_until_writing(first, cli.index)
        ran = cli("index", "n", "--wait", "0.2", status=75)
        assert f"Process {first.pid} " in ran.err
        assert cli("index", "n", "--wait", "100").out.startswith("1 file seen: 1 added")
        assert first.wait(TIMEOUT) == 0
    finally:
        end(first)
    assert cli.found("守塔人") == [OLD]
    assert cli.json("stats")["articles"] > 1


def test_killed_run_leaves_no_lock(cli: Cli, many_files: Path) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    process = start(cli, "index", str(many_files), "--jobs", "2")
    try:
        wait_until_writing(process, cli.index)
        time.sleep(0.5)
    finally:
        end(process)
    assert process.returncode == -signal.SIGKILL
    assert cli.found("-没有") == [OLD]
    write_article(cli.folder / "n" / "b.md", "雾港灯塔复明", "守塔人回来了。")
    cli("index", "n")
    assert len(cli.found("守塔人")) == 2


def test_stale_lock_holder_is_removed(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    left = cli.index / HOLDER_FILE
    left.write_text('{"pid": 1, "host": "x", "since": "12:00:00"}')
    assert cli("index", "n").out.startswith("1 file seen: 1 unchanged")
    assert not left.exists()


# Twice, on a terminal


def press_ctrl_c(
    cli: Cli, archive: Path, delay: float, gaps: tuple[float, ...]
) -> tuple[int, str, float, float]:
    """Index on a terminal and press Ctrl-C there, ``delay`` seconds after the bar is shown.

    Return the exit status, what the screen received after the first press, and the seconds from
    there to the first answer and to the end of all processes.
    """
    from tests.support.pseudo_terminal import Terminal

    env = clean_environment(cli.folder, {"PYTHONWARNINGS": None})
    command = [NEWSGREP, "index", str(archive), "--jobs", "2"]
    with Terminal(command, cli.folder, env, timeout=TIMEOUT) as terminal:
        terminal.wait_for("\x1b[?25l")  # the bar hides the cursor
        terminal.read_for(delay)
        before = len(terminal.screen)
        pressed = time.monotonic()
        terminal.type("\x03")
        for gap in gaps:
            terminal.read_for(gap)
            terminal.type("\x03")
        terminal.wait_for("topp", before)
        answered = time.monotonic() - pressed
        # The other end is closed once no process has it open.
        status = terminal.wait()
        return status, terminal.screen[before:], answered, time.monotonic() - pressed


@pytest.mark.parametrize("moment", range(20))
def test_second_ctrl_c_ends_everything_at_once(cli: Cli, many_files: Path, moment: int) -> None:
    write_article(cli.folder / "n" / "a.md", OLD, "守塔人下了岛。")
    cli("index", "n")
    gaps = ((0.0,), (0.05,), (0.2,), (0.05, 0.05), (0.5,))[moment % 5]
    status, screen, _, ended = press_ctrl_c(cli, many_files, moment * 0.1, gaps)
    # A press while Python ends ends it by the signal itself.
    assert status in {130, -signal.SIGINT}, screen
    assert "Traceback" not in screen
    assert "Exception ignored" not in screen
    assert "leaked" not in screen
    assert "newsgrep: Stopped" in screen
    assert "\x1b[?25h" in screen, "the cursor stays hidden"
    assert ended < MAX_END, screen
    assert cli.found("-没有") == [OLD]
    assert cli.json("doctor")["sound"]
    assert cli("index", "n").out.startswith("1 file seen: 1 unchanged")


def test_ctrl_c_is_answered_at_once(cli: Cli, many_files: Path) -> None:
    status, screen, answered, ended = press_ctrl_c(cli, many_files, 1.5, ())
    assert status == 130
    assert "Stopping... Press Ctrl-C again to stop at once." in screen
    assert "newsgrep: Stopped. The index is as it was before this command." in screen
    assert answered < ended < MAX_END
