"""An empty result reports whether files have changed, within a time limit."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsgrep.engines.base import Engine
from newsgrep.indexing import known_table, update
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.freshness import FreshnessCheck, check_freshness, check_index, check_table
from newsgrep.indexing.known import KnownRecords
from newsgrep.models import FileRecord, Status
from tests.support.cli import Cli, write_article

FOLDERS, EACH = 4, 300


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [
        tmp_path / f"folder-{folder}" / f"{number}.md"
        for folder in range(FOLDERS)
        for number in range(EACH)
    ]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("渡轮")
    return paths


def _file_record(path: Path) -> FileRecord:
    status = path.stat()
    return FileRecord(str(path), status.st_size, status.st_mtime_ns, "", Status.INDEXED, "id")


def _slowly(records: list[FileRecord], pause: float) -> Iterator[FileRecord]:
    for record in records:
        yield record
        time.sleep(pause)


def _check_table(records: list[FileRecord]) -> FreshnessCheck:
    return check_table(KnownRecords(records))


@pytest.mark.parametrize("check", [check_freshness, _check_table])
def test_check_freshness_counts_new_changed_and_missing(
    files: list[Path], check: Callable[[list[FileRecord]], FreshnessCheck]
) -> None:
    records = [_file_record(path) for path in files]
    assert check(records) == FreshnessCheck(0, complete=True)
    files[0].write_text("渡轮停航")
    os.utime(files[1], ns=(1, 1))
    files[2].unlink()
    (files[3].parent / "new.html").write_text("渡轮")
    (files[3].parent / ".hidden.html").write_text("渡轮")
    (files[3].parent / "notes.xyz").write_text("渡轮")
    (files[3].parent / "link.html").symlink_to(files[4])
    assert check(records) == FreshnessCheck(4, complete=True)
    shutil.rmtree(files[-1].parent)
    assert check(records) == FreshnessCheck(4 + EACH, complete=True)


def test_check_freshness_begins_with_the_last_changed_folder(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [_file_record(path) for path in files]
    changed = files[EACH].parent
    (changed / "new.html").write_text("渡轮")
    for path in {path.parent for path in files} - {changed}:
        os.utime(path, ns=(1, 1))
    looked: list[str] = []
    real = os.scandir

    def scandir(folder: str) -> object:
        looked.append(folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert check_freshness(records) == FreshnessCheck(1, complete=True)
    assert looked[0] == str(changed)
    assert len(looked) == FOLDERS


def test_check_freshness_ends_at_its_time_limit(
    files: list[Path],
) -> None:
    records = [_file_record(path) for path in files]
    files[0].unlink()
    (files[0].parent / "new.html").write_text("渡轮")
    # Not enough time for all records: a new file can't be distinguished from those not read yet.
    assert check_freshness(_slowly(records, 0.001), time_limit=0.01) == FreshnessCheck(
        1, complete=False
    )
    # Not enough time for the folders.
    assert check_freshness(records[:10], time_limit=0) == FreshnessCheck(0, complete=False)
    assert check_table(KnownRecords(records), time_limit=0) == FreshnessCheck(0, complete=False)


def test_check_index_reads_no_record_if_there_is_a_table(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (known_table, update):
        monkeypatch.setattr(module, "MIN_ROWS", 1)
    write_article(cli.folder / "news" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    cli("index", "news")
    index = FolderIndex(cli.folder / "index")
    with index.open() as engine:
        assert check_index(engine, index) == FreshnessCheck(0, complete=True)
        write_article(cli.folder / "news" / "b.md", "丙岛造船", "渡轮下水。")
        monkeypatch.setattr(type(engine), "file_records", _refuse)
        assert check_index(engine, index) == FreshnessCheck(1, complete=True)


def _refuse(_: Engine) -> Iterator[FileRecord]:
    raise AssertionError("file records are read")


def test_empty_result_counts_new_files(cli: Cli) -> None:
    write_article(cli.folder / "news" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    cli("index", "news")
    diagnosis = cli.json("search", "造船", status=1)["diagnosis"]
    assert (diagnosis["newer_files"], diagnosis["all_files_checked"]) == (0, True)
    assert "run newsgrep index again" not in cli("search", "造船", status=1).err
    write_article(cli.folder / "news" / "b.md", "丙岛造船", "渡轮下水。")
    diagnosis = cli.json("search", "造船", status=1)["diagnosis"]
    assert (diagnosis["newer_files"], diagnosis["all_files_checked"]) == (1, True)
    assert "1 file is new, changed or gone since: run newsgrep index again" in (
        cli("search", "造船", status=1).err
    )


def test_hidden_file_that_was_named_is_not_missing(cli: Cli) -> None:
    write_article(cli.folder / "news" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    write_article(cli.folder / "news" / ".b.md", "丙岛休渔", "渡轮停航。")
    cli("index", "news", "news/.b.md")
    assert cli.json("stats")["articles"] == 2
    assert "run newsgrep index again" not in cli("search", "造船", status=1).err


def test_unread_copies_of_programs_are_not_new(tmp_path: Path) -> None:
    snapshot = tmp_path / "1715914243.5"
    snapshot.mkdir()
    for folder, names in (
        (tmp_path, ("a.md", "hts-log.txt")),
        (snapshot, ("index.html", "b.html")),
    ):
        for name in names:
            (folder / name).write_text("渡轮")
    records = [_file_record(tmp_path / "a.md"), _file_record(snapshot / "b.html")]
    assert check_freshness(records) == FreshnessCheck(0, complete=True)
    (tmp_path / "c.md").write_text("渡轮")
    assert check_freshness(records) == FreshnessCheck(1, complete=True)
