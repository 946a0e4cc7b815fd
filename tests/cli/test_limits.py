"""``newsgrep index`` lists files that it does not read, and keeps or removes their articles."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from newsgrep.indexing.plan import make_plan
from newsgrep.models import FileRecord, Status
from tests.support.cli import IGNORES_MODES, Cli, write_article


def listed(result: dict[str, Any], group: str, kind: str) -> dict[str, str]:
    return {Path(item["path"]).name: item["reason"] for item in result[group].get(kind, ())}


def island(folder: Path, name: str, size: int = 0) -> Path:
    return write_article(folder / f"{name}.md", f"{name}岛来信", "渡轮照常。" + "潮" * (size // 3))


# Large files


def test_max_file_size_lists_larger_files(
    cli: Cli,
) -> None:
    folder = cli.folder / "n"
    island(folder, "甲")
    big = island(folder, "乙", size=3000)
    result = cli.json("index", "n", "--max-file-size", "2K")
    assert (result["seen"], result["added"], result["rejected"]) == (2, 1, 1)
    assert listed(result, "files", "rejected") == {
        big.name: "larger than --max-file-size, which is 2K"
    }
    assert cli.json("index", "n", "--max-file-size", "2k")["rejected"] == 1
    assert cli("index", "n", "--max-file-size", "2K").lines[0].startswith("2 files seen: 1 unch")
    result = cli.json("index", "n", "--max-file-size", "1M")
    assert (result["added"], result["unchanged"], result["rejected"]) == (1, 1, 0)
    assert set(cli.found("渡轮")) == {"甲岛来信", "乙岛来信"}


def test_max_file_size_ignores_unchanged_files(cli: Cli) -> None:
    island(cli.folder / "n", "甲", size=3000)
    cli("index", "n")
    result = cli.json("index", "n", "--max-file-size", "1K")
    assert (result["unchanged"], result["rejected"]) == (1, 0)
    island(cli.folder / "n", "甲", size=3003)
    result = cli.json("index", "n", "--max-file-size", "1K")
    assert (result["rejected"], result["removed"]) == (1, 1)


def test_max_file_size_default_skips_100_megabytes(cli: Cli) -> None:
    island(cli.folder / "n", "甲")
    with (cli.folder / "n" / "huge.txt").open("wb") as stream:
        stream.truncate(100 * 2**20)
    result = cli.json("index", "n")
    assert listed(result, "files", "rejected") == {
        "huge.txt": "larger than --max-file-size, which is 64M"
    }


@pytest.mark.parametrize("size", ["", "x", "0", "-1", "1.5M", "2G", "64MB", "９K", "1e3"])
def test_max_file_size_rejects_invalid_sizes(cli: Cli, size: str) -> None:
    island(cli.folder / "n", "甲")
    ran = cli("index", "n", "--max-file-size", size, status=2)
    assert "500K, 64M or 1G" in ran.err
    assert not cli.index.exists()


# Links that lead out of PATH


@pytest.fixture
def lured(cli: Cli) -> Cli:
    """Run newsgrep with an archive that links to private files outside of it."""
    own = cli.folder / "own"
    island(own, "私")
    island(own / "deep", "密")
    island(cli.folder / "n", "甲")
    island(cli.folder / "n" / "part", "乙")
    (cli.folder / "n" / "file.md").symlink_to(own / "私.md")
    (cli.folder / "n" / "folder").symlink_to("../own/deep")
    (cli.folder / "n" / "root").symlink_to("/")
    (cli.folder / "n" / "inner").symlink_to("part")
    (cli.folder / "n" / "chain").symlink_to("folder")
    return cli


def test_links_out_of_path_are_listed(lured: Cli) -> None:
    result = lured.json("index", "n")
    assert (result["seen"], result["added"]) == (2, 2)
    reasons = listed(result, "skipped", "outside")
    assert set(reasons) == {"file.md", "folder", "root", "chain"}
    assert all("--follow" in reason for reason in reasons.values())
    assert str(lured.folder / "own" / "私.md") in reasons["file.md"]
    ran = lured("index", "n")
    assert "outside: n/file.md: a link to own/私.md, outside the given paths" in ran.err
    assert set(lured.found("渡轮")) == {"甲岛来信", "乙岛来信"}


def test_follow_indexes_link_targets(lured: Cli) -> None:
    (lured.folder / "n" / "root").unlink()
    result = lured.json("index", "n", "--follow")
    assert (result["added"], result["skipped"].get("outside")) == (4, None)
    assert len(lured.found("渡轮")) == 4


def test_named_links_are_followed(lured: Cli) -> None:
    result = lured.json("index", "n/folder", "n/file.md")
    assert result["added"] == 2
    assert set(lured.found("渡轮")) == {"密岛来信", "私岛来信"}
    (lured.folder / "n" / "root").unlink()
    result = lured.json("index", "n", "own", "--index", "both")
    assert (result["added"], result["skipped"].get("outside")) == (4, None)
    listing = b"n/file.md\n"
    lured("index", "-", "--index", "list", stdin=listing)
    assert lured.found("渡轮", "--index", "list") == ["私岛来信"]


def test_link_to_a_folder_with_common_prefix_is_outside(cli: Cli) -> None:
    island(cli.folder / "n", "甲")
    island(cli.folder / "n2", "乙")
    (cli.folder / "n" / "b.md").symlink_to("../n2/乙.md")
    assert set(listed(cli.json("index", "n"), "skipped", "outside")) == {"b.md"}


def test_unfollowed_links_remove_their_articles(lured: Cli) -> None:
    (lured.folder / "n" / "root").unlink()
    lured("index", "n", "--follow")
    result = lured.json("index", "n", "--no-prune")
    assert (result["seen"], result["unchanged"], result["removed"]) == (2, 2, 0)
    assert len(lured.found("渡轮")) == 4
    result = lured.json("index", "n")
    assert (result["seen"], result["unchanged"], result["removed"]) == (2, 2, 2)
    assert {"file.md", "folder"} <= set(listed(result, "skipped", "outside"))
    assert result["articles"] == len(lured.found("渡轮")) == 2
    assert lured.json("stats")["files"] == {"indexed": 2}


def test_unfollowed_link_does_not_make_index_stale(lured: Cli) -> None:
    lured("index", "n")
    assert "index again" not in lured("search", "无此词", status=1).err
    island(lured.folder / "n", "丙")
    assert "index again" in lured("search", "无此词", status=1).err


# Unreadable files


@pytest.mark.skipif(IGNORES_MODES, reason="root reads every folder")
def test_unreadable_folder_keeps_its_articles(cli: Cli) -> None:
    folder = cli.folder / "n"
    for name in ("甲", "乙", "丙"):
        island(folder, name)
    island(folder / "closed" / "deep", "丁")
    cli("index", "n")
    (folder / "closed").chmod(0)
    try:
        result = cli.json("index", "n", "--prune", status=2)
    finally:
        (folder / "closed").chmod(0o700)
    assert (result["unchanged"], result["removed"]) == (3, 0)
    assert set(listed(result, "skipped", "unreadable")) == {"closed"}
    assert len(cli.found("渡轮")) == 4


def test_make_plan_removes_certainly_missing_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("a.md", "b.md", "closed/c.md", "closed/deep/d.md")]
    for path in paths[:2]:
        write_article(path, path.stem, "渡轮照常。")
    records = [FileRecord(str(path), 1, 2, "d1e57f", Status.INDEXED, path.stem) for path in paths]
    (tmp_path / "closed").mkdir()

    def scandir(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return whole(path)

    whole = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    plan = make_plan([str(tmp_path)], records, prune=True)
    assert plan.gone == []
    assert [skipped.kind for skipped in plan.skipped] == ["unreadable"]
    monkeypatch.undo()
    plan = make_plan([str(tmp_path)], records, prune=True)
    assert [record.article_id for record in plan.gone] == ["c", "d"]


def test_article_of_a_replaced_file_is_removed(cli: Cli) -> None:
    folder = cli.folder / "n"
    for name in ("甲", "乙", "丙", "丁", "戊"):
        island(folder, name)
    cli("index", "n")
    for name in ("甲", "乙"):
        (folder / f"{name}.md").unlink()
    os.mkfifo(folder / "甲.md")
    (folder / "乙.md").symlink_to("乙.md")
    result = cli.json("index", "n")
    assert (result["unchanged"], result["removed"]) == (3, 2)
    assert set(result["skipped"]) == {"loop", "special"}
    shutil.rmtree(folder)
