"""``newsgrep delete`` and ``newsgrep forget``."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.cli import Cli, write_article
from tests.support.fake_server import FakeServerCli


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    for number in range(1, 5):
        write_article(
            cli.folder / "a" / f"{number}.md",
            f"第{number}号",
            "潮汐。" + "灯塔。" * (number % 2),
            date=f"2024-05-0{number}",
            url=f"https://fog.example/{number}",
        )
    cli("index", "a")
    cli("search", "潮汐", "--sort", "date")
    return cli


def titles(cli: Cli) -> list[str]:
    return cli.found("潮汐", "--sort", "date")


def test_delete_needs_a_yes(harbour: Cli) -> None:
    ran = harbour("delete", "2", status=2)
    assert "第2号" in ran.out
    assert "Delete 1 article from the index? Nothing was changed. Add --yes" in ran.err
    ran = harbour("delete", "2", "--preview")
    assert ran.lines[-1] == "Delete 1 article from the index: add --yes"
    assert len(titles(harbour)) == 4
    harbour("delete", "2", "--yes", "--preview", status=2)


def test_deleted_articles_stay_deleted(harbour: Cli) -> None:
    ran = harbour("delete", "灯塔", "-y")
    assert ran.lines[-1] == "2 articles deleted; 2 articles left in the index"
    assert (harbour.folder / "a" / "1.md").exists()
    harbour("index", "a")
    harbour("index", "--reextract")
    harbour("reindex")
    assert titles(harbour) == ["第2号", "第4号"]
    assert harbour("doctor", "--deep").status == 0


def test_deleted_articles_stay_deleted_in_a_moved_folder(harbour: Cli) -> None:
    before = int(harbour("count", "*").out)
    harbour("delete", "1", "--yes")
    (harbour.folder / "a").rename(harbour.folder / "moved")
    harbour("index", "moved")
    assert int(harbour("count", "*").out) == before - 1


def test_deleted_article_returns_when_its_file_changes(harbour: Cli) -> None:
    harbour("delete", "1", "3", "-y")
    write_article(harbour.folder / "a" / "1.md", "第1号改", "潮汐。", date="2024-05-01")
    harbour("index", "a")
    assert titles(harbour) == ["第1号改", "第2号", "第4号"]
    harbour("forget", "a/3.md", "-y")
    harbour("index", "a")
    assert titles(harbour) == ["第1号改", "第2号", "第3号", "第4号"]


def test_delete_includes_copies_in_other_files(harbour: Cli) -> None:
    shutil.copyfile(harbour.folder / "a" / "1.md", harbour.folder / "a" / "copy.md")
    harbour("index", "a")
    harbour("delete", "https://fog.example/1", "-y")
    harbour("index", "a")
    assert titles(harbour) == ["第2号", "第3号", "第4号"]
    (harbour.folder / "a" / "1.md").unlink()
    harbour("index", "a")
    assert titles(harbour) == ["第2号", "第3号", "第4号"]


def test_rollback_brings_deleted_articles_back(harbour: Cli) -> None:
    harbour("delete", "潮汐", "-y")
    assert titles(harbour) == []
    harbour("doctor", "--rollback", "--yes")
    assert len(titles(harbour)) == 4


def test_delete_of_nothing_explains_why(harbour: Cli) -> None:
    assert "No article matches" in harbour("delete", "珊瑚", "-y", status=1).err
    ran = harbour("delete", "-", "-y", stdin=b"aaaabbbbcccc\n", status=1)
    assert "No article with the id" in ran.err


def test_delete_reads_ids_from_standard_input(harbour: Cli) -> None:
    found = harbour("search", "灯塔", "--jsonl").stdout
    harbour("delete", "-", "-y", stdin=found)
    assert titles(harbour) == ["第2号", "第4号"]


def test_records_of_a_dump_are_deleted_one_by_one(cli: Cli) -> None:
    lines = [
        {"title": f"第{n}号", "body": f"潮汐公报第{n}号。", "url": f"https://fog.example/{n}"}
        for n in range(30)
    ]
    dump = cli.folder / "d.jsonl"
    dump.write_text("".join(json.dumps(each) + "\n" for each in lines), "utf-8")
    cli("index", "d.jsonl")
    cli("delete", "潮汐 -13", "-y")
    assert cli.found("潮汐") == ["第13号"]
    with dump.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"title": "新", "body": "潮汐。", "url": "https://fog.example/x"}))
        stream.write("\n")
    cli("index", "d.jsonl")
    assert sorted(cli.found("潮汐")) == ["新", "第13号"]
    cli("forget", "d.jsonl", "-y")
    assert cli.found("潮汐") == []
    cli("index", "d.jsonl")
    assert cli("count", "潮汐").out == "31\n"


def test_older_rules_do_not_bring_deleted_articles_back(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        {"title": f"第{n}号", "body": f"潮汐公报第{n}号。", "url": f"https://fog.example/{n}"}
        for n in range(4)
    ]
    dump = cli.folder / "d.jsonl"
    dump.write_text("".join(json.dumps(each) + "\n" for each in lines), "utf-8")
    page = write_article(cli.folder / "e.md", "单篇", "潮汐。")
    cli("index", "d.jsonl", "e.md")
    cli("delete", "第3号 OR 单篇", "-y")
    monkeypatch.setattr("newsgrep.indexing.update.extraction_version", lambda *_: "newer")
    cli("index", "--reextract")
    assert sorted(cli.found("潮汐")) == ["第0号", "第1号", "第2号"]
    os.utime(page, (0, 0))
    os.utime(dump, (0, 0))
    cli("index", "d.jsonl", "e.md")
    assert sorted(cli.found("潮汐")) == ["第0号", "第1号", "第2号"]


def test_deleted_record_stays_out_at_another_place(cli: Cli) -> None:
    lines = [
        json.dumps(
            {"title": f"第{n}号", "body": f"潮汐公报{n}。", "url": f"https://fog.example/{n}"}
        )
        for n in range(4)
    ]
    dump = cli.folder / "d.jsonl"
    dump.write_text("\n".join(lines) + "\n", "utf-8")
    cli("index", "d.jsonl")
    cli("delete", "第1号", "-y")
    dump.write_text("\n".join([lines[3], *lines[:3]]) + "\n", "utf-8")
    for _ in range(2):
        cli("index", "d.jsonl")
        assert sorted(cli.found("潮汐")) == ["第0号", "第2号", "第3号"]
    changed = lines[1].replace("fog.example/1", "fog.example/one")
    dump.write_text("\n".join([*lines, changed]) + "\n", "utf-8")
    cli("index", "d.jsonl")
    assert sorted(cli.found("潮汐")) == ["第0号", "第1号", "第2号", "第3号"]


def test_forget_removes_a_folder_that_is_gone(harbour: Cli) -> None:
    write_article(harbour.folder / "b" / "5.md", "第5号", "潮汐。", date="2024-05-05")
    harbour("index", "b")
    shutil.rmtree(harbour.folder / "a")
    ran = harbour("forget", "a", "-y")
    assert ran.lines[-1] == "4 articles removed; 1 article left in the index"
    assert titles(harbour) == ["第5号"]
    ran = harbour("forget", "a", "-y", status=1)
    assert "The index contains nothing of a. newsgrep list --paths prints paths." in ran.err


def test_forget_names_articles_with_other_copies(harbour: Cli) -> None:
    shutil.copytree(harbour.folder / "a", harbour.folder / "b")
    harbour("index", "b")
    ran = harbour("forget", "a", "-y")
    assert "4 of these articles are in other files, too. Run newsgrep index" in ran.err
    harbour("index", "b")
    assert len(titles(harbour)) == 4
    assert all("/b/" in path for path in harbour("search", "潮汐", "--paths").lines)


@pytest.mark.parametrize("command", ["delete", "forget"])
def test_removal_waits_for_other_writers(harbour: Cli, command: str) -> None:
    from newsgrep.indexing import index_at

    with index_at(harbour.index).lock():
        ran = harbour(command, "a/1.md", "-y", status=75)
    assert "writing" in ran.err
    assert len(titles(harbour)) == 4


def test_articles_on_a_server_are_kept_apart_and_removed(tmp_path: Path) -> None:
    cli = FakeServerCli(tmp_path)
    for number in range(1, 5):
        write_article(
            cli.folder / "a" / f"{number}.md",
            f"第{number}号",
            "潮汐。",
            date=f"2024-05-0{number}",
            url=f"https://fog.example/{number}",
        )
    server = ("--index", "opensearch://localhost/news")
    cli("index", "a", *server)
    cli("search", "潮汐", "--sort", "date", *server)
    cli("collect", "甲", "1", "2", *server)
    assert cli("count", "in:甲", *server).out == "2\n"
    cli("delete", "1", "-y", *server)
    cli("index", "a", *server)
    assert cli("count", "潮汐", *server).out == "3\n"
    assert cli("count", "in:甲", *server).out == "1\n"
    cli("forget", "a/2.md", "-y", *server)
    assert cli("count", "潮汐", *server).out == "2\n"
    assert len(cli("export", "潮汐", *server).lines) == 2
    cli("index", "a", *server)
    assert cli("count", "潮汐", *server).out == "3\n"
