"""Finding files: each is found once and in a stable order, or listed with its reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from newsgrep.extraction.walk import File, Skipped, find_files


def names(root: Path, found: list[File | Skipped]) -> list[str]:
    return [os.path.relpath(f.path, root) for f in found if isinstance(f, File)]


def kinds(root: Path, found: list[File | Skipped]) -> dict[str, str]:
    return {os.path.relpath(s.path, root): s.kind for s in found if isinstance(s, Skipped)}


def test_find_files_sorts_by_name(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.md", "a.html", "c.htm", "b/x/y.markdown", "a.TXT"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = list(find_files([str(tmp_path)]))
    assert names(tmp_path, found) == [
        "a.TXT",
        "a.html",
        "b/1.md",
        "b/2.txt",
        "b/x/y.markdown",
        "c.htm",
    ]
    first = found[0]
    assert isinstance(first, File)
    assert first.size == 1
    assert first.mtime_ns == (tmp_path / "a.TXT").stat().st_mtime_ns


def test_find_files_lists_skipped_paths(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.txt").write_text("x")
    (tmp_path / ".hidden.txt").write_text("x")
    (tmp_path / "a.mp4").write_text("x")
    (tmp_path / "bare").write_text("x")
    (tmp_path / "hts-cache").mkdir()
    (tmp_path / "hts-cache" / "new.txt").write_text("x")
    (tmp_path / "hts-log.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere")
    found = list(find_files([str(tmp_path), str(tmp_path / "absent")]))
    assert kinds(tmp_path, found) == {
        ".git": "hidden",
        ".hidden.txt": "hidden",
        "a.mp4": "format",
        "hts-cache": "tool",
        "hts-log.txt": "tool",
        "pipe.txt": "special",
        "broken.txt": "missing",
        "absent": "missing",
    }
    assert all(s.reason for s in found if isinstance(s, Skipped))


def test_find_files_skips_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("s.txt")
        assert kinds(tmp_path, list(find_files(["."]))) == {"s.txt": "special"}


def test_find_files_ends_loops_and_lists_files_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("x")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.txt").hardlink_to(tmp_path / "a" / "1.txt")
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    found = list(find_files([str(tmp_path), str(tmp_path / "a" / "1.txt"), str(tmp_path / "a")]))
    assert names(tmp_path, found) == ["a/1.txt"]
    assert kinds(tmp_path, found) == {"a/up": "loop", "self.txt": "loop"}


def test_find_files_keeps_any_byte_in_names(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n\xe6.txt")
    (tmp_path / name).write_text("x")
    [found] = find_files([str(tmp_path)])
    assert isinstance(found, File)
    assert Path(found.path).read_text() == "x"
    assert list(find_files(["a\0b.txt"])) == [
        Skipped("a\0b.txt", "cannot be read: a NUL character in its name", "unreadable")
    ]


def test_find_files_returns_absolute_unresolved_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("real.txt")
    monkeypatch.chdir(tmp_path)
    [found] = find_files(["link.txt"])
    assert found.path == str(tmp_path / "link.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_find_files_lists_unreadable_folders(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert kinds(tmp_path, list(find_files([str(tmp_path)]))) == {"closed": "unreadable"}
    finally:
        closed.chmod(0o700)


def test_one_copy_of_a_snapshot_is_read(tmp_path: Path) -> None:
    names = (
        "index.json",
        "index.html",
        "singlefile.html",
        "output.html",
        "readability/content.html",
    )
    for folder in ("1715914243.5", "news"):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    snapshot = tmp_path / "1715914243.5"

    def read() -> list[str]:
        found = find_files([str(snapshot)])
        return [os.path.relpath(each.path, snapshot) for each in found if isinstance(each, File)]

    assert read() == ["singlefile.html"]
    (snapshot / "singlefile.html").write_text("")
    assert read() == ["output.html", "singlefile.html"]
    (snapshot / "index.json").unlink()
    assert len(read()) == 4
    others = find_files([str(tmp_path / "news")])
    assert sum(isinstance(each, File) for each in others) == 5
