"""``newsgrep history`` and ``newsgrep diff``, and what keeps the versions that they show."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.cli import Cli, write_article
from tests.support.optional_engines import require_installed
from tests.support.schemas import load_schema, schema_errors

URL = "https://wugang.example/news/20240516/ferry-1234.html"
COMMON = "雾港渡轮从六月起增开晚班，港务局星期四在码头宣布了这一决定，乘客表示欢迎。"
BODIES = ("晚班每天三班，票价八折。", "晚班每天两班，票价八折。", "晚班每天两班，票价维持不变。")
FIRST, SECOND, THIRD = range(3)


def write_capture(folder: Path, number: int, name: str = "ferry.md") -> None:
    """Write a file with one of the captures of a page, a day apart."""
    body = f"{COMMON}\n\n{BODIES[number]}"
    path = write_article(folder / name, "渡轮增开晚班", body, url=URL, date="2024-05-15")
    time = datetime(2024, 5, 16 + number, 8, tzinfo=UTC).timestamp()
    os.utime(path, (time, time))


def index_captures(cli: Cli, *options: str) -> None:
    """Index three captures that overwrite each other."""
    for number in (FIRST, SECOND, THIRD):
        write_capture(cli.folder / "crawl", number)
        cli("index", "crawl", *options)


def captured(cli: Cli, *options: str) -> list[str]:
    versions = cli.json("history", URL, *options)["versions"]
    return [each["captured"][:10] for each in versions]


DAYS = ["2024-05-16", "2024-05-17", "2024-05-18"]


@pytest.mark.parametrize("engine", ["whoosh", "tantivy"])
def test_overwritten_captures_are_versions(cli: Cli, engine: str) -> None:
    require_installed(engine)
    index_captures(cli, "--engine", engine)
    assert captured(cli) == DAYS
    assert cli.json("search", "earlier:八折 -八折")["total"] == 1
    assert cli.json("search", "changed:2024-05-18")["total"] == 1
    shown = cli("diff", URL).out
    assert "晚班每天两班，票价[-八折-]{+维持不变+}。" in shown
    assert "晚班每天[-三班-]{+两班+}，票价[-八折-]{+维持不变+}。" in cli("diff", URL, "1", "3").out
    assert cli("diff", URL, "3").out.count("[-") == 0


def test_records_of_one_file_are_versions(cli: Cli) -> None:
    rows = [
        {"url": URL, "title": "渡轮增开晚班", "text": f"{COMMON}\n\n{BODIES[number]}"}
        | {"fetched": f"2024-05-{16 + number}T08:00:00Z"}
        for number in (SECOND, THIRD, FIRST)
    ]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (cli.folder / "dump.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    notes = cli("index", "dump.jsonl").err
    assert "1 article was captured with different texts: newsgrep search changed: lists" in notes
    assert captured(cli) == DAYS
    assert [each["path"][-2:] for each in cli.json("history", URL)["versions"]] == [
        ":3",
        ":1",
        ":2",
    ]


def test_rebuilt_copied_and_repaired_indexes_keep_versions(cli: Cli) -> None:
    index_captures(cli)
    cli("reindex")
    assert captured(cli) == DAYS
    cli("copy", "--to", "copied")
    assert captured(cli, "--index", "copied") == DAYS
    for each in cli.index.rglob("*.trm"):
        each.write_bytes(b"")
    cli("doctor", status=2)
    cli("doctor", "--fix")
    assert captured(cli) == DAYS


def test_deleted_and_moved_captures(cli: Cli) -> None:
    for number in (FIRST, SECOND, THIRD):
        write_capture(cli.folder / "crawl", number, f"{number}.md")
    cli("index", "crawl")
    shutil.move(cli.folder / "crawl" / "0.md", cli.folder / "crawl" / "moved.md")
    cli("index", "crawl")
    assert captured(cli) == DAYS
    (cli.folder / "crawl" / "2.md").unlink()
    cli("index", "crawl")
    assert captured(cli) == DAYS[:2]
    assert cli.json("search", "不变", "--versions", "all", status=1)["total"] == 0


@pytest.mark.parametrize(("keep", "days"), [("1", DAYS[1:]), ("none", DAYS[2:]), ("all", DAYS)])
def test_keep_versions(cli: Cli, keep: str, days: list[str]) -> None:
    index_captures(cli, "--keep-versions", keep)
    assert captured(cli) == days


@pytest.mark.parametrize("keep", ["-1", "some", "", "1.5", "²", "9" * 30])
def test_keep_versions_is_a_number_or_a_word(cli: Cli, keep: str) -> None:
    write_capture(cli.folder / "crawl", FIRST)
    result = cli("index", "crawl", f"--keep-versions={keep}", status=2)
    assert "Write a number such as 5, or all, or none." in result.err
    assert not cli.index.exists()


def test_json_matches_the_schemas(cli: Cli) -> None:
    index_captures(cli)
    assert schema_errors(cli.json("history", URL), load_schema("history")) == []
    assert schema_errors(cli.json("diff", URL, "1"), load_schema("diff")) == []


def test_an_article_with_one_version(cli: Cli) -> None:
    write_capture(cli.folder / "crawl", FIRST)
    cli("index", "crawl")
    assert captured(cli) == DAYS[:1]
    assert "has one version" in cli("diff", URL, status=1).err
    assert "it has one version" in cli("diff", URL, "2", status=2).err
    assert "Name one or two versions" in cli("diff", URL, "1", "2", "3", status=2).err
    assert "No article" in cli("history", "nowhere.md", status=1).err


def test_show_prints_a_version(cli: Cli) -> None:
    index_captures(cli)
    earlier = cli.json("show", URL, "--version", "1")
    assert earlier["body"] == f"{COMMON}\n\n{BODIES[FIRST]}"
    assert earlier["notes"] == ["version 1 of 3, captured 2024-05-16 16:00 +08:00"]
    assert cli.json("show", URL, "--version", "3") == cli.json("show", URL)
    assert "versions 1 to 3" in cli("show", URL, "--version", "4", status=2).err
    assert "leave --raw and --all out" in cli("show", URL, "--version", "1", "--raw", status=2).err


def test_colours_replace_the_marks(cli: Cli) -> None:
    index_captures(cli)
    shown = cli("diff", URL, "--color", "always").out
    assert "票价\x1b[9;31m八折\x1b[0m\x1b[1;32m维持不变\x1b[0m。" in shown
    assert "[-" not in shown
