"""An index that others may have written is opened only with --trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.cli import Cli, write_article

STRANGER = 4242
COMMANDS = (
    ["search", "渡轮"],
    ["batch", "n/a.md"],
    ["stats"],
    ["show", "n/a.md"],
    ["index", "n"],
    ["doctor"],
    ["doctor", "--rollback"],
    ["reindex"],
)

superuser = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")


@pytest.fixture
def archive(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "渡轮停航", "大雾。")
    cli("index", "n")
    write_article(cli.folder / "n" / "b.md", "渡轮复航", "雾散了。")
    cli("index", "n")
    return cli


def refused(cli: Cli, why: str) -> None:
    for args in COMMANDS:
        ran = cli(*args, status=2)
        assert why in ran.err, args
        assert "--trust" in ran.err
        assert ran.err.count("\n") == 1
        assert ran.stdout == b""


@pytest.mark.parametrize("mode", [0o020, 0o002])
@pytest.mark.parametrize("of_folder", [True, False])
def test_index_writable_by_others_is_refused(archive: Cli, mode: int, of_folder: bool) -> None:
    data = archive.index / "whoosh"
    path = data if of_folder else next(data.glob("commit-*.json"))
    path.chmod(path.stat().st_mode | mode)
    refused(archive, "can be changed by other users")
    assert "渡轮" in archive("search", "渡轮", "--trust").out
    assert "渡轮" in archive("search", "渡轮", env={"NEWSGREP_TRUST": "1"}).out
    path.chmod(path.stat().st_mode & ~mode)
    assert "渡轮" in archive("search", "渡轮").out


@superuser
def test_index_of_another_user_is_refused(archive: Cli) -> None:
    path = next((archive.index / "whoosh").glob("*.trm"))
    os.chown(path, STRANGER, STRANGER)
    refused(archive, f"belongs to user {STRANGER}")
    for args in COMMANDS:
        archive(*args, "--trust")


@pytest.mark.parametrize("umask", ["000", "002", "077"])
def test_own_index_is_trusted_with_any_umask(cli: Cli, umask: str) -> None:
    write_article(cli.folder / "n" / "a.md", "渡轮停航", "大雾。")
    ran = cli.bash(f"umask {umask}; newsgrep index n && newsgrep reindex && newsgrep search 渡轮")
    assert ran.status == 0, ran.err
    for path in (cli.index / "whoosh-2").iterdir():
        assert not path.stat().st_mode & 0o022


def test_dangling_lock_link_is_ignored(archive: Cli) -> None:
    (archive.index / "whoosh" / "gone").symlink_to(Path("nowhere"))
    assert "渡轮" in archive("search", "渡轮").out
