"""The table of known files: a run that finds it reads no file record, and sees every change."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.engines.registry import open_engine
from newsgrep.engines.whoosh.engine import WhooshEngine
from newsgrep.indexing import known_table, update
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.known import KnownRecords
from newsgrep.indexing.known_table import TABLE_NAME, find_problem, load
from newsgrep.indexing.maintenance import verify_index
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.removal import delete_articles, forget_paths
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import FileRecord
from tests.support.cli import write_article


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (known_table, update):
        monkeypatch.setattr(module, "MIN_ROWS", 0)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for number in range(6):
        path = tmp_path / "n" / "ab"[number % 2] / f"{number}.md"
        write_article(path, f"第{number}号公报", "潮汐表照常张贴。" * (number + 1))
    return tmp_path / "n"


@pytest.fixture
def index(tmp_path: Path, files: Path) -> FolderIndex:
    index = FolderIndex(tmp_path / "index")
    run(index, files)
    return index


@pytest.fixture
def unlisted(index: FolderIndex, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  (made first)
    """Make it a mistake to list the file records of the index."""

    def file_records(_: WhooshEngine) -> Iterator[FileRecord]:
        raise AssertionError("file records are listed")

    monkeypatch.setattr(WhooshEngine, "file_records", file_records)


def run(index: FolderIndex, *paths: Path, prune: bool | None = None) -> UpdateSummary:
    return update_index(index, list(map(str, paths)), UpdateOptions(prune=prune))


def table_of(index: FolderIndex) -> Path:
    return index.path / "whoosh" / TABLE_NAME


def counts(summary: UpdateSummary) -> dict[str, int]:
    return {outcome.value: count for outcome, count in summary.counts.items() if count}


@pytest.mark.usefixtures("unlisted")
def test_nothing_is_listed_if_nothing_is_new(index: FolderIndex, files: Path) -> None:
    before = table_of(index).stat()
    assert counts(run(index, files)) == {"unchanged": 6}
    assert table_of(index).stat().st_ino == before.st_ino, "the table is as it was"


@pytest.mark.usefixtures("unlisted")
def test_new_and_changed_files_are_found(index: FolderIndex, files: Path) -> None:
    write_article(files / "a" / "new.md", "新公报", "潮汐表改在周五张贴。")
    write_article(files / "b" / "1.md", "第1号公报", "潮汐表不再张贴。")
    (files / "a" / "0.md").unlink()
    summary = run(index, files)
    assert counts(summary) == {"added": 1, "updated": 1, "unchanged": 4}
    assert (summary.removed, summary.articles) == (1, 6)
    assert counts(run(index, files)) == {"unchanged": 6}


@pytest.mark.usefixtures("unlisted")
def test_file_of_equal_size_with_another_time_is_read(index: FolderIndex, files: Path) -> None:
    path = files / "a" / "2.md"
    path.write_bytes(path.read_bytes().replace("潮汐表".encode(), "停航表".encode()))
    os.utime(path, ns=(1, 1))
    assert counts(run(index, files)) == {"updated": 1, "unchanged": 5}


@pytest.mark.usefixtures("unlisted")
def test_file_that_becomes_older_again_is_read(index: FolderIndex, files: Path) -> None:
    path, before = files / "a" / "2.md", files / "a" / "2.md.before"
    shutil.copy2(path, files.parent / before.name)
    write_article(path, "第2号公报", "潮汐表不再张贴。")
    assert counts(run(index, files))["updated"] == 1
    shutil.copy2(files.parent / before.name, path)
    assert counts(run(index, files)) == {"updated": 1, "unchanged": 5}


@pytest.mark.usefixtures("unlisted")
def test_absent_file_is_remembered(index: FolderIndex, files: Path) -> None:
    (files / "a" / "0.md").unlink()
    for _ in range(3):
        assert run(index, files, prune=False).absent == 1
    assert run(index, files, prune=True).removed == 1
    assert run(index, files).articles == 5


@pytest.mark.usefixtures("unlisted")
def test_folder_that_is_gone_is_noticed(index: FolderIndex, files: Path) -> None:
    shutil.move(files / "b", files / "c")
    summary = run(index, files)
    assert len(summary.moved) == 3
    assert summary.articles == 6


@pytest.mark.usefixtures("unlisted")
def test_only_named_folders_are_compared(index: FolderIndex, files: Path) -> None:
    shutil.rmtree(files / "b")
    summary = run(index, files / "a")
    assert (counts(summary), summary.articles) == ({"unchanged": 3}, 6)
    summary = run(index, files / "a" / "0.md")
    assert (counts(summary), summary.articles) == ({"unchanged": 1}, 6)
    assert run(index, files, prune=True).removed == 3


@pytest.mark.usefixtures("unlisted")
def test_records_in_files_are_known(index: FolderIndex, files: Path) -> None:
    dump = files / "dump.jsonl"
    lines = [
        json.dumps({"url": f"https://w.example/{n}", "title": f"第{n}号", "text": "潮水很高。" * n})
        for n in range(1, 6)
    ]
    dump.write_text("\n".join(lines[:3]) + "\n", "utf-8")
    assert counts(run(index, files))["added"] == 3
    assert counts(run(index, files)) == {"unchanged": 9}
    dump.write_text("\n".join(lines) + "\n", "utf-8")
    assert counts(run(index, files)) == {"added": 2, "unchanged": 9}
    assert counts(run(index, files)) == {"unchanged": 11}


@pytest.mark.usefixtures("unlisted")
def test_duplicates_take_over_from_files_that_are_gone(index: FolderIndex, files: Path) -> None:
    url = "https://w.example/shared"
    for name in ("x", "y"):
        write_article(files / name / "1.md", "联合公报", "潮水很高,渡轮停航。" * 9, url=url)
    assert counts(run(index, files)) == {"added": 1, "duplicate": 1, "unchanged": 6}
    assert counts(run(index, files)) == {"duplicate": 1, "unchanged": 6 + 1}
    shutil.rmtree(files / "x")
    assert run(index, files).articles == 7
    assert counts(run(index, files)) == {"unchanged": 7}


def test_table_equals_file_records(index: FolderIndex, files: Path) -> None:
    write_article(files / "a" / "new.md", "新公报", "潮汐表改在周五张贴。")
    (files / "a" / "empty.md").write_text("")
    run(index, files)
    with index.open() as engine:
        assert find_problem(table_of(index), engine) is None
        loaded = load(table_of(index), engine.commit(), engine.find_file_records)
        assert loaded is not None
        assert dict(loaded) == dict(KnownRecords(engine.file_records()))


def test_removal_is_written_to_the_table(index: FolderIndex, files: Path) -> None:
    with index.open() as engine:
        ids = [each.article_id or "" for each in engine.file_records() if "/a/" in each.path]
    delete_articles(index, ids[:1])
    forget_paths(index, [str(files / "b" / "1.md")])
    with index.open() as engine:
        assert load(table_of(index), engine.commit(), engine.find_file_records) is not None
        assert find_problem(table_of(index), engine) is None
    assert counts(run(index, files)) == {"added": 1, "rejected": 1, "unchanged": 4}


@pytest.mark.parametrize("damage", ["cut", "changed", "copied", "folder", "another commit"])
def test_other_tables_are_not_used(index: FolderIndex, files: Path, damage: str) -> None:
    table = table_of(index)
    content = table.read_bytes()
    match damage:
        case "cut":
            os.truncate(table, len(content) - 7)
        case "changed":
            with table.open("r+b") as stream:
                stream.seek(len(content) // 2)
                stream.write(bytes([content[len(content) // 2] ^ 1]))
        case "copied":
            shutil.copyfile(table, table.with_name("copy"))
            table.with_name("copy").replace(table)
        case "folder":
            table.unlink()
            table.mkdir()
        case _:
            kept = table.rename(table.with_name("kept"))
            write_article(files / "a" / "new.md", "新公报", "潮汐表改在周五张贴。")
            run(index, files)
            kept.replace(table)
    with index.open() as engine:
        assert load(table, engine.commit(), engine.find_file_records) is None
    seen = run(index, files)
    assert counts(seen) == {"unchanged": 6 + (damage == "another commit")}
    assert table.is_dir() == (damage == "folder")


def test_doctor_reports_table_that_differs(index: FolderIndex) -> None:
    assert verify_index(index).problems == ()
    with index.open() as engine:
        known = load(table_of(index), engine.commit(), engine.find_file_records)
        assert known is not None
        known._second[0] += 1
        known_table.save(table_of(index), known, engine.commit())
    [problem] = verify_index(index).problems
    assert str(table_of(index)) in problem.sentence
    assert not problem.in_data
    table_of(index).unlink()
    assert verify_index(index).problems == ()


def test_small_index_has_no_table(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (known_table, update):
        monkeypatch.setattr(module, "MIN_ROWS", 7)
    index = FolderIndex(tmp_path / "small")
    assert counts(run(index, files)) == {"added": 6}
    assert not table_of(index).exists()
    write_article(files / "a" / "new.md", "新公报", "潮汐表改在周五张贴。")
    assert counts(run(index, files))[Outcome.ADDED.value] == 1
    assert table_of(index).exists()
    open_engine("whoosh", index.path / "whoosh").close()
