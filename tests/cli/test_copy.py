"""``newsgrep copy``: the whole index moves to another location without its files, or nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from newsgrep.errors import IndexDamaged, IndexProblem, UsageError
from newsgrep.indexing.copying import CopyOptions, copy_index
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.update import update_index
from tests.support import fake_server
from tests.support.cli import IGNORES_MODES, MANY_FILES, REPOSITORY, TIMEOUT, Cli, write_article
from tests.support.fake_server import FakeServerCli
from tests.support.simulated_archive import index_contents

URL = "opensearch://localhost/news"
COMMANDS = (
    ("search", "联合声明", "--facets", "source,month"),
    ("search", '"渔业" OR caption:渔民 -灯塔', "-n", "99"),
    ("search", "-没有这样的词", "--sort", "date", "-n", "99"),
    ("keywords", "渔业"),
    ("saved", "list"),
)


def answers(cli: Cli, index: str | Path) -> list[Any]:
    result = []
    for command in COMMANDS:
        answer = json.loads(cli(*command, "--json", "--index", index).out)
        answer.pop("took_ms", None)
        result.append(_rounded(answer))
    return result


def _rounded(value: Any) -> Any:
    """Return ``value`` with close scores made equal: engines may add them in another order."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.fixture
def full(tmp_path: Path) -> FakeServerCli:
    """Run newsgrep where the sample corpus is indexed, with duplicates, notes, saved queries."""
    cli = FakeServerCli(tmp_path)
    shutil.copytree(REPOSITORY / "seeds", cli.folder / "seeds")
    (cli.folder / "seeds" / "empty.txt").write_bytes(b"")
    cli("index", "seeds")
    cli("saved", "add", "渔业", "渔业 OR 海带")
    return cli


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_copy_gives_equal_answers_without_files(full: FakeServerCli) -> None:
    before = bytes_in(full.index)
    (full.folder / "seeds").rename(full.folder / "away")
    ran = full("copy", "--to", "other")
    assert ran.out == ("Copied 16 articles, 18 file records and 1 saved query to other (whoosh)\n")
    assert ran.err == ""
    assert answers(full, "other") == answers(full, full.index)
    assert index_contents(FolderIndex(full.folder / "other")) == index_contents(
        FolderIndex(full.index)
    )
    full("doctor", "--deep", "--index", "other")
    assert bytes_in(full.index) == before


def test_index_finds_a_copy_up_to_date(full: FakeServerCli) -> None:
    for place in ("other", URL):
        full("copy", "--to", place)
        result = json.loads(full("index", "seeds", "--json", "--index", place).out)
        assert (result["unchanged"], result["duplicate"], result["rejected"]) == (16, 1, 1)
        assert result["added"] == result["updated"] == result["removed"] == result["failed"] == 0
        assert all(item["known"] for items in result["files"].values() for item in items)


def test_copy_to_a_server_and_back_is_lossless(full: FakeServerCli) -> None:
    full("copy", "--to", URL)
    assert answers(full, URL) == answers(full, full.index)
    ran = full("copy", "--index", URL, "--to", "back")
    assert "(whoosh)" in ran.out
    assert answers(full, "back") == answers(full, full.index)
    assert index_contents(FolderIndex(full.folder / "back")) == index_contents(
        FolderIndex(full.index)
    )


# Existing targets


def test_copy_replaces_an_index_only_with_replace(full: FakeServerCli) -> None:
    write_article(full.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    for place in ("other", URL):
        full("index", "n", "--index", place)
        full("saved", "add", "船", "渡轮", "--index", place)
        full("saved", "add", "渔业", "渔船", "--index", place)
        ran = full("copy", "--to", place, status=2)
        assert "--replace" in ran.err
        assert full.json("stats", "--index", place)["articles"] == 1
        full("copy", "--to", place, "--replace")
        assert answers(full, place)[:-1] == answers(full, full.index)[:-1]
        result = full.json("saved", "list", "--index", place)["queries"]
        assert {each["name"]: each["query"] for each in result} == {
            "船": "渡轮",
            "渔业": "渔业 OR 海带",
        }
        full("doctor", "--index", place)
    assert sorted(path.name for path in (full.folder / "other").iterdir() if path.is_dir()) == [
        "whoosh-2"
    ]


def test_copy_replaces_an_empty_index(full: FakeServerCli) -> None:
    (full.folder / "n").mkdir()
    for place in ("other", URL):
        full("index", "n", "--index", place, status=1)
        full("copy", "--to", place)
        assert answers(full, place) == answers(full, full.index)


def test_copy_replaces_a_damaged_index_only_with_replace(full: FakeServerCli) -> None:
    shutil.copytree(full.index, full.folder / "other")
    for path in (full.folder / "other" / "whoosh").iterdir():
        os.truncate(path, path.stat().st_size // 2)
    assert "--replace" in full("copy", "--to", "other", status=2).err
    full("copy", "--to", "other", "--replace")
    assert answers(full, "other") == answers(full, full.index)


def test_copy_leaves_a_folder_with_other_files(full: FakeServerCli) -> None:
    before = bytes_in(full.folder / "seeds")
    for more in ((), ("--replace",)):
        ran = full("copy", "--to", "seeds", *more, status=2)
        assert "contains other files" in ran.err
    assert bytes_in(full.folder / "seeds") == before


def test_copy_onto_itself_is_an_error(full: FakeServerCli) -> None:
    (full.folder / "link").symlink_to("index")
    full("copy", "--to", URL)
    for one, other in (("index", "./index"), ("index", "link"), (URL, f"{URL}?shards=3")):
        ran = full("copy", "--index", one, "--to", other, "--replace", status=2)
        assert "the same index" in ran.err
    assert full.json("stats")["articles"] == 16


def test_copy_without_a_source_creates_nothing(full: FakeServerCli) -> None:
    for index in ("nowhere", "opensearch://localhost/nowhere"):
        ran = full("copy", "--index", index, "--to", "other", status=2)
        assert "No index" in ran.err
    assert not (full.folder / "other").exists()
    assert not (full.folder / "nowhere").exists()
    assert "--to" in full("copy", status=2).err


def test_copy_to_a_server_rejects_folder_engines(full: FakeServerCli) -> None:
    ran = full("copy", "--to", URL, "--engine", "whoosh", status=2)
    assert "on a server" in ran.err


# Damage, other writers, crashes


def test_copy_refuses_a_damaged_source(full: FakeServerCli) -> None:
    for path in (full.index / "whoosh").glob("*.folded.col"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(bytes(data))
    for place in ("other", URL):
        ran = full("copy", "--to", place, status=2)
        assert "newsgrep doctor --fix" in ran.err
        assert ran.out == ""
        assert full("search", "渔业", "--index", place, status=None).status in {1, 2}
    assert not (full.folder / "other" / "newsgrep.json").exists()
    full("doctor", "--fix", status=2)
    full("copy", "--to", "other")
    assert answers(full, "other") == answers(full, full.index)


def test_copy_does_not_mistake_an_older_commit(cli: Cli) -> None:
    """Salvage finds what is damaged in the commit before; a copy must not take that over."""
    path = write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    write_article(cli.folder / "n" / "b.md", "乙岛休渔", "渡轮停航。")
    cli("index", "n")
    first = set((cli.index / "whoosh").iterdir())
    write_article(path, "甲岛开渔", "渡轮增开两班，海带上市，渔船回港。")
    cli("index", "n")
    (new,) = (path for path in (cli.index / "whoosh").glob("*.folded.col") if path not in first)
    data = bytearray(new.read_bytes())
    data[10] ^= 0xFF
    new.write_bytes(bytes(data))
    ran = cli("copy", "--to", "other", status=2)
    assert "newsgrep doctor --fix" in ran.err
    assert not (cli.folder / "other" / "newsgrep.json").exists()


@pytest.fixture
def empty_server() -> Iterator[None]:
    with fake_server.registered_server():
        yield


@pytest.mark.usefixtures("empty_server")
def test_copy_is_confirmed_only_if_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    source, target = ServerIndex(URL), tmp_path / "other"
    for number in (1, 2, 3):
        write_article(tmp_path / "n" / f"{number}.md", f"第{number}号公报", "潮汐表照常张贴。")
    update_index(source, [str(tmp_path / "n")])
    index = fake_server.INDEXES["localhost:9200/news"]
    whole = index.stored
    monkeypatch.setattr(index, "stored", lambda: list(whole())[1:])
    with pytest.raises(IndexDamaged, match="Of 3 articles and 3 files"):
        copy_index(source, FolderIndex(target), CopyOptions())
    monkeypatch.setattr(index, "stored", whole)
    assert not (target / "newsgrep.json").exists()

    def meanwhile(done: int, _: int | None) -> None:
        if done == 2:
            write_article(tmp_path / "n" / "4.md", "第4号公报", "潮汐表照常张贴。")
            update_index(source, [str(tmp_path / "n")])

    with pytest.raises(IndexProblem, match="changed"):
        copy_index(source, FolderIndex(target), CopyOptions(progress=meanwhile))
    assert not (target / "newsgrep.json").exists()
    assert copy_index(source, FolderIndex(target), CopyOptions()).articles == 4
    assert copy_index(source, FolderIndex(target), CopyOptions()).is_repeated
    write_article(tmp_path / "n" / "5.md", "第5号公报", "潮汐表照常张贴。")
    update_index(source, [str(tmp_path / "n")])
    with pytest.raises(UsageError, match="--replace"):
        copy_index(source, FolderIndex(target), CopyOptions())


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory, many_files: Path) -> Path:
    """Return an index that takes a while to copy; it must not be changed."""
    cli = Cli(tmp_path_factory.mktemp("copied"))
    cli("index", str(many_files))
    return cli.index


DELAYS = (0.3, 0.1, 0.03, 0.0, 0.0)
"""Seconds after the beginning of a copy when it is disturbed; less if it had ended by then."""


@contextmanager
def copy_halfway(cli: Cli, *args: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that copies, and return its process in the middle of it; then kill it.

    A busy machine may not return here before the copy is complete: it is undone, and begins again.
    """
    kept = cli.folder / "before"
    target = cli.folder / args[args.index("--to") + 1]
    if target.exists():
        shutil.copytree(target, kept)
    for delay in DELAYS:
        process = cli.start(*args, env={"PYTHONWARNINGS": None}, new_session=True)
        try:
            if has_begun(process, target):
                time.sleep(delay)
                if process.poll() is None:
                    yield process
                    return
        finally:
            end(process, signal.SIGKILL)
        assert process.returncode == 0
        shutil.rmtree(target)
        if kept.exists():
            shutil.copytree(kept, target)
    pytest.fail("each copy was complete before it could be disturbed")


def has_begun(process: subprocess.Popen[bytes], index: Path) -> bool:
    """Wait for the draft of an index; return whether it was seen before the process ended."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        if (index / "newsgrep.json.new").exists():
            return True
        time.sleep(0.005)
    return False


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
    with suppress(ValueError):  # its output was read before
        process.communicate(timeout=TIMEOUT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_copy_killed_halfway_can_be_repeated(cli: Cli, many: Path, name: str) -> None:
    number = signal.Signals[name]
    command = ("copy", "--index", many, "--to", "other")
    statuses = {
        signal.SIGKILL: {-signal.SIGKILL},
        signal.SIGINT: {130, -signal.SIGINT},  # by the signal itself while Python ends
        signal.SIGTERM: {143},
    }
    with copy_halfway(cli, *command) as process:
        end(process, number)
    assert process.returncode in statuses[number]
    assert "No index" in cli("search", "渡轮", "--index", "other", status=2).err
    assert cli(*command).out.startswith(f"Copied {MANY_FILES:,} articles")
    assert sorted(path.name for path in (cli.folder / "other").iterdir() if path.is_dir()) == [
        "whoosh"
    ]
    cli("doctor", "--index", "other")


@pytest.mark.slow
def test_copy_replace_killed_halfway_keeps_the_old_index(cli: Cli, many: Path) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n")
    command = ("copy", "--index", many, "--to", "index", "--replace")
    with copy_halfway(cli, *command) as process:
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            assert cli.found("渡轮") == ["甲岛开渔"]
            assert "is writing to" in cli("reindex", status=75).err
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert cli.found("渡轮") == ["甲岛开渔"]
    cli(*command)
    assert cli.json("stats")["articles"] == MANY_FILES


@pytest.mark.slow
def test_copy_locks_its_source(cli: Cli, many: Path) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    with copy_halfway(cli, "copy", "--index", many, "--to", "other") as process:
        os.killpg(process.pid, signal.SIGSTOP)
        ran = cli("index", "n", "--index", many, status=75)
        assert f"Process {process.pid} " in ran.err
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(IGNORES_MODES, reason="root writes everywhere")
def test_copy_reads_a_read_only_index(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n")
    (cli.index / "newsgrep.lock").unlink()
    folders = [cli.index, *(path for path in cli.index.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        cli("copy", "--to", "other")
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert cli.found("渡轮", "--index", "other") == ["甲岛开渔"]


def test_copy_to_the_root_folder_is_refused(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n")
    assert "/ contains other files and no index" in cli("copy", "--to", "/", status=2).err
