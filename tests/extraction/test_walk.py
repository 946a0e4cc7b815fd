"""Finding files: each is found once and in a stable order, or listed with its reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from newsgrep.extraction.walk import File, Skipped, find_files
from tests.support.cli import IGNORES_MODES


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


@pytest.mark.skipif(IGNORES_MODES, reason="root may read everything")
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


class Folders:
    """What :func:`find_files` has found out about whole folders; it lists none of ``unchanged``."""

    def __init__(self, *unchanged: str) -> None:
        self.digests: dict[str, tuple[bytes, int]] = {}
        self.unchanged = unchanged

    def __call__(self, path: str, digest: bytes, count: int) -> bool:
        self.digests[Path(path).name] = digest, count
        return Path(path).name in self.unchanged


def walked(root: Path, folders: Folders) -> list[str]:
    return names(root, list(find_files([str(root)], is_unchanged=folders)))


def test_find_files_skips_unchanged_folders(tmp_path: Path) -> None:
    for name in ("a/1.md", "a/2.md", "a/b/3.md", "c/4.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    folders = Folders("a")
    assert walked(tmp_path, folders) == ["a/b/3.md", "c/4.md"]
    assert {name: count for name, (_, count) in folders.digests.items()} == {"a": 2, "b": 1, "c": 1}


def test_digest_of_folder_depends_on_names_sizes_and_times(tmp_path: Path) -> None:
    path = tmp_path / "a" / "1.md"
    path.parent.mkdir()

    def digest() -> bytes:
        folders = Folders()
        walked(tmp_path, folders)
        return folders.digests["a"][0]

    path.write_text("x")
    os.utime(path, ns=(5, 5))
    seen = [digest()]
    os.utime(path, ns=(5, 6))
    seen.append(digest())
    path.write_text("xy")
    os.utime(path, ns=(5, 6))
    seen.append(digest())
    path.rename(path.with_name("2.md"))
    seen.append(digest())
    assert len(set(seen)) == 4
    assert digest() == seen[-1]


@pytest.mark.parametrize("other", [".hidden.md", "a.mp4", "hts-log.txt", "link.md", "hard.md"])
def test_folders_with_other_files_are_listed(tmp_path: Path, other: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.md").write_text("x")
    (tmp_path / "z.md").write_text("z")
    match other:
        case "link.md":
            (tmp_path / "a" / other).symlink_to(tmp_path / "z.md")
        case "hard.md":
            (tmp_path / "a" / other).hardlink_to(tmp_path / "z.md")
        case _:
            (tmp_path / "a" / other).write_text("y")
    folders = Folders("a")
    assert "a/1.md" in walked(tmp_path, folders)
    assert "a" not in folders.digests


def test_links_to_files_of_unchanged_folders_are_no_files(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    (tmp_path / "b" / "1.md").write_text("x")
    (tmp_path / "c" / "link.md").symlink_to(tmp_path / "b" / "1.md")
    assert walked(tmp_path, Folders("b")) == []
    (tmp_path / "a" / "link.md").symlink_to(tmp_path / "b" / "1.md")
    assert walked(tmp_path, Folders("b")) == ["a/link.md"], "found first"
