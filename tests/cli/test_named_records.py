"""Records of files of many by their names: ``show PATH:LOCATOR``, ``show ID --raw``, ``stats``."""

from __future__ import annotations

import json
import zipfile

import pytest

from tests.support.cli import Cli

TEXT = "工程昨天完工，沿岸的村子不再需要沙袋。"


def row(number: int, **fields: str) -> str:
    article = {"title": f"第{number}号工程", "url": f"https://a.example/{number}"}
    return json.dumps({**article, "text": f"第{number}号{TEXT}", **fields}, ensure_ascii=False)


@pytest.fixture
def dump(cli: Cli) -> Cli:
    """An index of a dump of two articles and a row without text, and of an archive of it."""
    lines = "\n".join([row(1), row(2), '{"title": "只有标题", "id": 3}', ""])
    (cli.folder / "d.jsonl").write_text(lines, "utf-8")
    with zipfile.ZipFile(cli.folder / "e.zip", "w") as archive:
        archive.writestr("x/f.jsonl", row(4) + "\n" + row(5))
    cli("index", "d.jsonl", "e.zip")
    return cli


def test_show_finds_a_record_by_its_locator(dump: Cli) -> None:
    found = dump.json("show", "d.jsonl:2")
    assert (found["title"], found["path"]) == ("第2号工程", f"{dump.folder}/d.jsonl:2")
    assert dump.json("show", "./x/../d.jsonl:2") == found
    assert dump.json("show", "e.zip!/x/f.jsonl:2")["title"] == "第5号工程"
    paths = [each["path"] for each in dump.json("similar", "d.jsonl:2")["articles"]]
    assert found["path"] not in paths
    assert f"{dump.folder}/d.jsonl:1" in paths


def test_show_finds_records_of_a_deleted_file(dump: Cli) -> None:
    (dump.folder / "d.jsonl").unlink()
    assert dump.json("show", "d.jsonl:2")["title"] == "第2号工程"
    ran = dump("show", "d.jsonl:2", "--raw", status=2)
    assert "d.jsonl:2: No such file" in ran.err
    assert "newsgrep show" in ran.err


def test_show_of_a_dump_lists_what_to_name(dump: Cli) -> None:
    ran = dump("show", "d.jsonl", status=1)
    assert "d.jsonl contains 2 articles. Name one of them, such as d.jsonl:1" in ran.err
    ran = dump("show", "d.jsonl:3", status=1)
    assert "Fields: title, id. newsgrep extract d.jsonl:3 shows it" in ran.err
    assert (
        "No article with the id, path, address or title d.jsonl:9"
        in dump("show", "d.jsonl:9", status=1).err
    )


def test_show_of_a_dump_of_one_article_prints_it(dump: Cli) -> None:
    (dump.folder / "g.jsonl").write_text(f"{row(6)}\n[]\n", "utf-8")
    dump("index", "g.jsonl")
    assert dump.json("show", "g.jsonl")["path"].endswith("g.jsonl:1")


def test_similar_reads_a_record_that_is_not_indexed(dump: Cli) -> None:
    (dump.folder / "h.jsonl").write_text(f"{row(7)}\n{row(8)}\n", "utf-8")
    assert dump.json("similar", "h.jsonl:2")["articles"]
    assert "it has no such record" in dump("similar", "h.jsonl:3", status=2).err


def test_show_raw_prints_the_bytes_of_the_record(dump: Cli) -> None:
    assert dump("show", "d.jsonl:2", "--raw").stdout == row(2).encode()
    assert dump("show", "e.zip!/x/f.jsonl:1", "--raw").stdout == row(4).encode()
    page = "<html><title>港口</title><p>港口昨天开放，渔船可以停靠了。</p></html>".encode("gb18030")
    (dump.folder / "p.html").write_bytes(page)
    dump("index", "p.html")
    assert dump("show", "p.html", "--raw").stdout == page
    assert "--raw" in dump("show", "p.html", "--raw", "--json", status=2).err


def test_show_raw_reports_a_record_that_has_changed(dump: Cli) -> None:
    path = dump.folder / "d.jsonl"
    path.write_text(f"{row(1)}\n{row(2, author='林一舟')}\n", "utf-8")
    ran = dump("show", "d.jsonl:2", "--raw")
    assert "林一舟" in ran.out
    assert "d.jsonl:2 has changed since it was indexed" in ran.err
    assert not dump("show", "d.jsonl:1", "--raw").err
    path.write_text(f"{row(1)}\n", "utf-8")
    ran = dump("show", "d.jsonl:2", "--raw", status=2)
    assert "it does not contain the record any more" in ran.err


def test_show_raw_uses_the_query_of_the_run(dump: Cli) -> None:
    import sqlite3

    with sqlite3.connect(dump.folder / "s.db") as database:
        database.execute("create table t (a, b)")
        database.execute("insert into t values ('港口开放', ?)", (TEXT * 3,))
    database.close()
    dump("index", "s.db", "--sql", "select a as title, b as content from t")
    hit = dump.json("search", "title:港口开放")["hits"][0]
    assert json.loads(dump("show", hit["id"], "--raw").out)["content"] == TEXT * 3


def test_show_raw_on_a_terminal_has_no_control_characters(dump: Cli) -> None:
    (dump.folder / "p.md").write_text(f"# 港口\n\n{TEXT}\x1b[31m\n", "utf-8")
    dump("index", "p.md")
    assert b"\x1b[31m" in dump("show", "p.md", "--raw").stdout
    status, screen = dump.on_terminal("show", "p.md", "--raw")
    assert status == 0
    assert TEXT in screen
    assert "\x1b[31m" not in screen


def test_stats_counts_files_and_records(dump: Cli) -> None:
    stats = dump.json("stats")
    assert stats["files"] == {"container": 2}
    assert stats["records"] == {"indexed": 4, "rejected": 1}
    out = dump("stats").out
    assert "files        2 of many records" in out
    assert "records      4 indexed, 1 rejected" in out


def test_summary_of_many_kinds_of_files_adds_up(cli: Cli) -> None:
    archive = cli.folder / "a"
    archive.mkdir()
    (archive / "d.jsonl").write_text(f"{row(1)}\n{'7' * 9}\n{row(2)}\n{row(2)}\n", "utf-8")
    (archive / "f.json").write_text(f"[{'3,' * 30}{row(3)}]", "utf-8")
    (archive / "p.md").write_text(f"# 港口\n\n{TEXT}", "utf-8")
    (archive / "q.txt").write_bytes(b"")
    with zipfile.ZipFile(archive / "e.zip", "w") as packed:
        packed.writestr("g.csv", f"title,url,text\n河堤,https://a.example/9,{TEXT}\n")
        packed.writestr("logo.png", b"\x89PNG")
    (archive / "c.zip").write_bytes((archive / "e.zip").read_bytes()[:-40])
    outcomes = ("added", "updated", "unchanged", "duplicate", "rejected", "failed")
    for added in (5, 0):
        summary = cli.json("index", "a")
        assert summary["seen"] == sum(summary[outcome] for outcome in outcomes)
        assert (summary["files_seen"], summary["containers"]) == (6, 3)
        assert (summary["added"], summary["articles"]) == (added, 5)
        listed = sum(map(len, summary["files"].values()))
        assert listed + summary["uncounted"] == summary["duplicate"] + summary["rejected"]
        assert summary["uncounted"] == 10
        in_files = cli.json("stats")
        counted = [*in_files["files"].items(), *in_files["records"].items()]
        assert summary["seen"] == sum(count for status, count in counted if status != "container")
    first = cli("index", "a").lines[0]
    assert first.startswith(f"{summary['seen']} records in 6 files seen: 5 unchanged, 1 duplicate")
