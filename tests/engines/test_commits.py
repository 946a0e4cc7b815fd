"""Commits of folder engines: the switch, the previous commit, rollback, damaged commit files."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from newsgrep._io import sync
from newsgrep.engines import commit_writer
from newsgrep.engines.base import RolledBack
from newsgrep.engines.commit_writer import CommitWriter, seal
from newsgrep.engines.commits import (
    LOCK_NAME,
    MAX_COMMIT_BYTES,
    Commit,
    FileChecksum,
    checksum_file,
    open_regular,
    parse_commit,
)
from newsgrep.errors import IndexDamaged, IndexLocked, InputError, UsageError
from newsgrep.indexing.lock import exclusive_lock, write_lock
from newsgrep.indexing.manifest import LOCK_FILE

OWN_FILES = re.compile(r"[a-z0-9]+\.data|work")


@pytest.fixture
def folder(tmp_path: Path) -> CommitWriter:
    """Return an empty index, with commit 0."""
    commits = CommitWriter(tmp_path, "whoosh", OWN_FILES)
    commits.create({}, {"names": []})
    return commits


def publish(folder: CommitWriter, *names: str) -> Commit:
    """Publish files with these names, which contain them."""
    with folder.lock():
        folder.remove_leftovers()
        for name in names:
            (folder.folder / f"{name}.data").write_text(name)
        paths = [folder.folder / f"{name}.data" for name in names]
        files = {path.name: checksum_file(path) for path in paths}
        return folder.publish(files, {"names": list(names)})


def roll_back(folder: CommitWriter) -> RolledBack:
    with folder.lock():
        return folder.rollback()


def names_in(folder: CommitWriter) -> set[str]:
    return {path.name for path in folder.folder.iterdir()} - {"writer.lock"}


def change_byte(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_publish_keeps_the_previous_commit_and_no_older(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "a", "b")
    commit = publish(folder, "b", "c")
    assert folder.last() == commit
    assert (commit.number, commit.previous, commit.state) == (3, 2, {"names": ["b", "c"]})
    previous = folder.previous(commit)
    assert previous
    assert previous.state == {"names": ["a", "b"]}
    commit_files = {"commit-3.json", "commit-3.copy.json", "commit-2.previous.json"}
    assert names_in(folder) == {*commit_files, "a.data", "b.data", "c.data"}
    assert folder.leftovers() == []


def test_mark_identifies_a_commit(folder: CommitWriter) -> None:
    assert folder.last().mark == 0
    marks = [publish(folder, "a").mark, publish(folder, "b").mark]
    roll_back(folder)
    marks += [folder.last().mark, publish(folder, "b").mark]
    assert len(set(marks)) == 4


def test_lost_last_commit_is_an_error(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "b")
    (folder.folder / "commit-2.json").unlink()
    with pytest.raises(IndexDamaged, match="last commit is missing"):
        folder.last()


def test_older_commit_in_place_of_the_last_is_an_error(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "b")
    (folder.folder / "commit-1.previous.json").replace(folder.folder / "commit-2.json")
    with pytest.raises(IndexDamaged, match="another commit's"):
        folder.last()


def test_next_writer_completes_an_interrupted_publication(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "a", "b")
    before = names_in(folder)
    # As left by a process that dies after the switch, before the commit before it is renamed.
    (folder.folder / "commit-1.previous.json").rename(folder.folder / "commit-1.json")
    left = ["commit-1.copy.json", "commit-3.copy.json", "commit-3.json.new"]
    for name in left:
        (folder.folder / name).touch()
    assert folder.last().number == 2
    assert folder.leftovers() == sorted(["commit-1.json", *left])
    with folder.lock():
        folder.remove_leftovers()
    assert names_in(folder) == before


def test_only_own_files_are_leftovers(folder: CommitWriter) -> None:
    publish(folder, "a")
    own, other = ("x.data", "commit-7.previous.json"), ("notes.txt", "x.data.txt", ".y.data")
    for name in (*own, *other):
        (folder.folder / name).touch()
    (folder.folder / "work" / "inner").mkdir(parents=True)
    with folder.lock():
        assert sorted(folder.remove_leftovers()) == sorted([*own, "work"])
    assert names_in(folder) == {"commit-1.json", "commit-1.copy.json", "a.data", *other}


def test_create_deletes_what_a_killed_first_run_left(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "b")
    folder.create({}, {})
    assert names_in(folder) == {"commit-0.json", "commit-0.copy.json"}


def test_rollback_publishes_the_previous_files(folder: CommitWriter) -> None:
    first = publish(folder, "a")
    second = publish(folder, "b")
    assert roll_back(folder) == RolledBack(1, first.time, dropped=2)
    last = folder.last()
    assert (last.number, last.files, last.state) == (3, first.files, first.state)
    assert last.index_id == second.index_id
    assert names_in(folder) == {"commit-3.json", "commit-3.copy.json", "a.data"}
    assert publish(folder, "b").previous == 3


def test_repeated_rollback_goes_back_once(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "b")
    done = roll_back(folder)
    before = names_in(folder)
    # As left by a process that dies after the switch.
    (folder.folder / "commit-2.json").touch()
    (folder.folder / "b.data").touch()
    assert roll_back(folder) == done._replace(is_repeated=True)
    assert names_in(folder) == before


@pytest.mark.parametrize("fault", ["damaged", "lost"])
def test_rollback_replaces_an_unreadable_last_commit(folder: CommitWriter, fault: str) -> None:
    first = publish(folder, "a")
    publish(folder, "b")
    if fault == "damaged":
        change_byte(folder.folder / "commit-2.json", 40)
    else:
        (folder.folder / "commit-2.json").unlink()
    assert roll_back(folder) == RolledBack(1, first.time, dropped=2)
    assert folder.last().files == first.files
    assert names_in(folder) == {"commit-3.json", "commit-3.copy.json", "a.data"}


def test_rollback_without_a_previous_commit_names_the_next_step(folder: CommitWriter) -> None:
    publish(folder, "a")
    for match in ("run newsgrep index PATH", "doctor --fix restores"):
        with pytest.raises(UsageError, match=match):
            roll_back(folder)
        (folder.folder / "commit-1.json").unlink(missing_ok=True)
    (folder.folder / "commit-1.copy.json").write_bytes(b"")
    with pytest.raises(UsageError, match="index again"):
        roll_back(folder)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("fault", ["damaged", "lost"])
def test_copy_of_a_lost_commit_file_can_be_read(
    folder: CommitWriter, number: int, fault: str
) -> None:
    for name in "abc"[:number]:
        commit = publish(folder, name)
    path = folder.folder / f"commit-{number}.json"
    path.unlink() if fault == "lost" else path.write_bytes(b"{")
    assert folder.readable_commits()[0] == commit
    assert [each.number for each in folder.readable_commits()] == [number, number - 1][:number]
    assert folder.expected_number() == number


def test_copy_of_an_unpublished_commit_is_ignored(folder: CommitWriter) -> None:
    publish(folder, "a")
    publish(folder, "b")
    (folder.folder / "commit-2.json").rename(folder.folder / "commit-3.copy.json")
    assert [each.number for each in folder.readable_commits()] == [2, 1]


def test_other_problems_finds_a_damaged_copy(folder: CommitWriter) -> None:
    commit = publish(folder, "a")
    copy = folder.folder / "commit-1.copy.json"
    assert list(folder.other_problems(commit)) == []
    change_byte(copy, 30)
    assert list(folder.other_problems(commit)) == [f"The file {copy.name} is damaged."]
    copy.write_bytes(seal(valid_content()))
    assert list(folder.other_problems(commit)) == [f"The file {copy.name} is another commit's."]
    copy.unlink()
    assert list(folder.other_problems(commit)) == [f"The file {copy.name} is missing."]


def test_rollback_refuses_a_damaged_previous_commit(folder: CommitWriter) -> None:
    publish(folder, "a")
    last = publish(folder, "b")
    change_byte(folder.folder / "a.data", 0)
    with pytest.raises(IndexDamaged, match=r"a\.data does not match"):
        roll_back(folder)
    assert folder.last() == last


@pytest.mark.parametrize("call", range(9))
@pytest.mark.parametrize("what", ["publish", "rollback"])
def test_failed_call_leaves_the_old_or_the_new_commit(
    folder: CommitWriter, monkeypatch: pytest.MonkeyPatch, what: str, call: int
) -> None:
    publish(folder, "a")
    old = publish(folder, "b")
    calls = 0

    def fails(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*args, **options)

        return counted

    run = (lambda: publish(folder, "c")) if what == "publish" else (lambda: roll_back(folder))
    with monkeypatch.context() as patch:
        patch.setattr(commit_writer, "sync", fails(sync))
        patch.setattr(os, "fsync", fails(os.fsync))
        patch.setattr(Path, "replace", fails(Path.replace))
        try:
            run()
        except OSError:
            assert folder.last() == old
        else:
            assert folder.last().number == old.number + 1
    run()
    assert folder.leftovers() == []
    assert folder.file_problems(folder.last()) == []


def test_second_writer_gets_index_locked(folder: CommitWriter) -> None:
    with folder.lock(), pytest.raises(IndexLocked, match="wait"), folder.lock():
        pass
    with folder.lock():
        pass


@pytest.mark.parametrize("kind", ["symbolic link", "named pipe", "folder"])
def test_special_file_as_lock_is_an_error(folder: CommitWriter, kind: str, tmp_path: Path) -> None:
    lock, other = folder.folder / LOCK_NAME, tmp_path / "other"
    other.write_text("kept")
    lock.unlink(missing_ok=True)
    match kind:
        case "symbolic link":
            lock.symlink_to(other)
        case "named pipe":
            os.mkfifo(lock)
        case "folder":
            lock.mkdir()
    with pytest.raises(InputError, match=f"{LOCK_NAME} is .* a {kind}: delete it"), folder.lock():
        pass
    assert other.read_text() == "kept"
    for locked in (write_lock, partial(exclusive_lock, what="The saved queries")):
        (tmp_path / LOCK_FILE).unlink(missing_ok=True)
        (tmp_path / LOCK_FILE).symlink_to(lock)
        path = tmp_path if locked is write_lock else tmp_path / LOCK_FILE
        with pytest.raises(InputError, match=f"{LOCK_FILE} is .* link: delete it"), locked(path):
            pass


def test_open_last_follows_a_writer(folder: CommitWriter) -> None:
    publish(folder, "a")
    opened = []

    def open_files(commit: Commit) -> list[bytes]:
        opened.append(commit.number)
        if len(opened) == 1:  # two commits are made meanwhile
            publish(folder, "b")
            publish(folder, "c")
        return [(folder.folder / name).read_bytes() for name in commit.files]

    assert folder.open_last(open_files) == [b"c"]
    assert opened == [1, 3]
    (folder.folder / "c.data").unlink()
    with pytest.raises(FileNotFoundError):
        folder.open_last(open_files)


@pytest.mark.parametrize("deep", [False, True])
def test_file_problems_finds_each_kind(folder: CommitWriter, deep: bool) -> None:
    commit = publish(folder, "a", "b", "c", "d", "e")
    change_byte(folder.folder / "a.data", 0)
    (folder.folder / "b.data").write_bytes(b"")
    (folder.folder / "c.data").unlink()
    (folder.folder / "d.data").unlink()
    (folder.folder / "d.data").symlink_to("e.data")
    found = folder.file_problems(commit, deep=deep)
    assert [sentence.split()[2] for sentence in found] == [
        *(["a.data"] if deep else []),
        "b.data",
        "c.data",
        "d.data",
    ]


def test_every_changed_byte_of_a_commit_file_is_an_error(folder: CommitWriter) -> None:
    publish(folder, "a", "b")
    path = folder.folder / "commit-1.json"
    data = path.read_bytes()
    for position in range(len(data)):
        change_byte(path, position)
        with pytest.raises(IndexDamaged):
            folder.last()
        path.write_bytes(data[:position])
        with pytest.raises(IndexDamaged):
            folder.last()
        path.write_bytes(data)
    assert folder.last().number == 1


def valid_content() -> dict[str, Any]:
    return {
        "number": 1,
        "time": "2024-05-17T08:00:00Z",
        "engine": "whoosh",
        "index": "a1",
        "previous": None,
        "rolled_back": None,
        "restored": None,
        "files": {},
        "state": {},
    }


def hostile_files() -> Iterator[bytes]:
    wrong: dict[str, list[Any]] = {
        "number": [-1, True, 1.0, "1", None, 10**15, 10**4000, 2],
        "previous": [-1, False, "x", []],
        "restored": [0, [1], [1, 2], ["1", "x"], {}],
        "time": [1, "", "a b", "x" * 101, "\x1b[2J", "2024\n"],
        "engine": ["tantivy"],
        "state": [[], None, 1],
        "files": [[], None, {"a": []}, {"a": [1]}, {"a": [1, -1]}],
    }
    names = ["..", "../a", "/a", "a/b", "a\\b", ".a", "", "a\0", "a\n", "x" * 201, "é"]
    names += ["commit-1.json", "writer.lock"]
    wrong["files"] += [{name: [1, 1]} for name in names]
    changes = [{key: value} for key, values in wrong.items() for value in values]
    yield from (seal(valid_content() | change) for change in changes)
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    text = json.dumps(valid_content() | {"state": {"x": deep}})
    yield with_checksum(text.replace("[[]]", "[" * 100_000 + "]" * 100_000))
    yield with_checksum(text.replace("[[]]", "NaN"))
    yield with_checksum("[" * MAX_COMMIT_BYTES)
    yield with_checksum("")
    yield with_checksum("[1]")
    yield b""


def with_checksum(text: str) -> bytes:
    """Return a text with a right checksum."""
    body = text.encode()
    return body + b"\ncrc32 %08x\n" % crc32(body)


def test_hostile_commit_file_is_an_error(folder: CommitWriter) -> None:
    assert parse_commit(seal(valid_content())).number == 1
    for data in hostile_files():
        (folder.folder / "commit-1.json").write_bytes(data)
        with pytest.raises(IndexDamaged, match=r"commit-1\.json can't be read"):
            folder.last()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_commit_file_must_be_a_regular_file(folder: CommitWriter, kind: str) -> None:
    publish(folder, "a")
    path = folder.folder / "commit-1.json"
    moved = path.rename(folder.folder / "elsewhere")
    match kind:
        case "link":
            path.symlink_to(moved)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(IndexDamaged, match=r"symbolic link|regular file"):
        folder.last()
    with pytest.raises(ValueError, match=r"symbolic link|regular file"):
        open_regular(path)


def test_draft_does_not_follow_a_link(folder: CommitWriter, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("unchanged")
    (folder.folder / "commit-1.json.new").symlink_to(other)
    publish(folder, "a")
    assert other.read_text() == "unchanged"
    assert folder.last().number == 1


def test_checksum_file_returns_size_and_crc(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123456789" * 200_000)
    assert checksum_file(path) == FileChecksum(1_800_000, 0x1F6335B5)
