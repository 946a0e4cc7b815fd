"""``newsgrep export``, ``list``, ``count``, ``sources``: what people take away."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path

import pytest

from newsgrep.models import Article, Precision, Published
from newsgrep.views.listing import COLUMNS, EXPORT_COLUMNS, LIST_COLUMNS, escape_markdown, file_name
from tests.support.cli import TIDE_COUNT, Cli, CommandResult, write_article


def objects(ran: CommandResult) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.lines]


def rows(ran: CommandResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ran.out)))


# export


def test_export_writes_all_matches_with_texts(tides: Cli) -> None:
    ran = tides("export", "灯塔")
    found = objects(ran)
    assert [each["id"] for each in found] == [
        hit["id"] for hit in tides.json("search", "灯塔", "-n", "100")["hits"]
    ]
    assert len(found) == TIDE_COUNT // 2
    shown = tides.json("show", str(found[3]["id"]))
    assert found[3] == shown


def test_export_without_query_is_the_whole_index(tides: Cli) -> None:
    assert len(tides("export").lines) == TIDE_COUNT
    ran = tides("export", "--source", "鹭岛电台", "--since", "2024")
    assert {each["source"] for each in objects(ran)} == {"鹭岛电台"}


def test_export_says_where_it_comes_from(tides: Cli, tmp_path: Path) -> None:
    ran = tides("export", "灯塔", "--since", "2024", "-n", "3")
    assert "newsgrep: exported 3 of 9 articles; query 灯塔 AND date:2024-01-01..; index " in ran.err
    file = tmp_path / "a.jsonl"
    tides("export", "灯塔", "--sample", "4", "--seed", "x", "-o", file)
    stated = json.loads(file.with_name("a.jsonl.provenance.json").read_bytes())
    assert stated["query"] == "灯塔"
    assert (stated["matching"], stated["exported"], stated["articles"]) == (15, 4, TIDE_COUNT)
    assert (stated["sample"], stated["seed"], stated["limit"]) == (4, "x", None)
    assert stated["index"] == str(tides.index)
    assert stated["commit"] > 0


def test_export_of_nothing_explains_why(tides: Cli) -> None:
    ran = tides("export", "没有这个词", status=1)
    assert ran.stdout == b""
    assert "No article matches" in ran.err


def test_export_to_csv_has_columns(tides: Cli) -> None:
    table = rows(tides("export", "灯塔", "--to", "csv"))
    assert tuple(table[0]) == EXPORT_COLUMNS
    assert "灯塔守望者记下了水位。" in table[0]["body"]
    ran = tides("export", "灯塔", "--to", "csv", "--columns", "title, id", "--bom")
    assert ran.out.startswith("\ufefftitle,id\r\n")
    chosen = objects(tides("export", "灯塔", "--columns", "characters,digest"))
    assert set(chosen[0]) == {"version", "characters", "digest"}
    ran = tides("export", "--to", "csv", "--columns", "id,autor", status=2)
    assert "Unknown column “autor”. Choose from id, title, " in ran.err


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_has_values(tides: Cli, name: str) -> None:
    ran = tides("list", "-n", "1", "--csv", "--columns", name)
    assert ran.lines[0] == name
    assert len(ran.lines) >= 2


def test_sample_is_fixed_and_stays_when_articles_are_added(cli: Cli) -> None:
    for number in range(40):
        write_article(cli.folder / "a" / f"{number}.md", f"第{number}号", "潮汐。")
    cli("index", "a")
    sample = cli("list", "--sample", "10", "--paths").lines
    assert len(sample) == 10
    assert sample == cli("list", "--sample", "10", "--paths").lines
    assert sample != cli("list", "--sample", "10", "--seed", "2", "--paths").lines
    assert set(sample) < set(cli("list", "--sample", "20", "--paths").lines)
    order = cli("list", "--paths").lines
    assert sample == [path for path in order if path in set(sample)]
    write_article(cli.folder / "a" / "new.md", "新", "潮汐。")
    cli("index", "a")
    assert len(set(sample) - set(cli("list", "--sample", "10", "--paths").lines)) <= 1
    ran = cli("list", "--sample", "10", "-n", "5", status=2)
    assert "--sample and -n exclude each other" in ran.err


def test_markdown_files_can_be_indexed_again(seeds: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "md"
    ran = seeds("export", "--to", "md", "--dir", folder)
    assert ran.stdout == b""
    seeds("index", folder, "--index", tmp_path / "again")
    columns = ("--columns", "title,source,published,authors,url,body")
    first = objects(seeds("export", *columns, "--sort", "date"))
    again = objects(seeds("export", *columns, "--sort", "date", "--index", tmp_path / "again"))
    assert sorted(map(str, again)) == sorted(map(str, first))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").touch()
    ran = seeds("export", "--to", "md", "--dir", tmp_path / "other", status=2)
    assert "is not empty, and not an earlier export. Name a new folder." in ran.err


def test_export_replaces_an_earlier_one_on_request(seeds: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "md"
    to_folder = ("--to", "md", "--dir", folder)
    seeds("export", "渔业", *to_folder)
    mine = folder / "notes-abcdef.md"
    mine.write_text("my own notes", "utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ran = seeds("export", "大桥", *to_folder, status=2)
    assert "contains an earlier export (渔业, 20" in ran.err
    seeds("export", "没有这个词", *to_folder, "--replace", status=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    ran = seeds("export", "大桥", *to_folder, "--replace")
    assert "deleted 2 files of the earlier export" in ran.err
    exported = json.loads((folder / "provenance.json").read_bytes())["exported"]
    assert len(list(folder.glob("20*.md"))) == exported > 0
    assert mine.read_text("utf-8") == "my own notes"
    seeds("export", "没有这个词", "--to", "md", "--dir", tmp_path / "none", status=1)
    assert not (tmp_path / "none").exists()


def test_names_of_markdown_files_are_safe(cli: Cli, tmp_path: Path) -> None:
    write_article(cli.folder / "a.md", "../../etc: 甲*乙?.md", "潮汐。" * 200)
    write_article(cli.folder / "b.md", "很" * 200, "潮汐。")
    cli("index", "a.md", "b.md")
    cli("export", "--to", "md", "--dir", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 3
    assert all(len(name.encode()) < 160 and "/" not in name for name in names)
    assert not any(name.startswith(".") for name in names)


def test_escaped_markdown_is_not_markup() -> None:
    from markdown_it import MarkdownIt

    text = "# 甲\n- 乙 *丙* [丁](x) <b> &amp; `x`\n1. 戊\n===\n\n> 己\n\n---\n\n| a |\n|---|"
    tokens = MarkdownIt("commonmark").parse(escape_markdown(text))
    allowed = {"inline", "text", "text_special", "hardbreak"}
    kinds = {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or ()
    }
    assert kinds <= {"paragraph_open", "paragraph_close", *allowed}


def test_export_of_markdown_in_one_file(tides: Cli) -> None:
    ran = tides("export", "灯塔", "--to", "md", "-n", "2", "--sort", "date")
    assert ran.lines[:3] == ["# 第0号公报", "", "雾港日报 · 2023-01-15"]
    assert sum(line.startswith("# ") for line in ran.lines) == 2


def test_export_to_file_appears_when_complete(tides: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    tides("export", "--to", "csv", "-o", file)
    assert len(rows(CommandResult(0, file.read_bytes(), b""))) == TIDE_COUNT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.csv.provenance.json"]
    ran = tides("export", "-o", tmp_path / "none" / "a", status=2)
    assert "Name another file." in ran.err


def test_export_to_a_link_writes_its_file(tides: Cli, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "a.jsonl")
    tides("export", "-n", "2", "-o", link)
    assert link.is_symlink()
    assert len((tmp_path / "a.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_export_never_replaces_a_pipe_or_device(tides: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        tides("export", "-n", "1", "--columns", "title", "-o", pipe)
        assert json.loads(os.read(reader, 1000))["title"].endswith("号公报")
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]  # no provenance beside it


def test_export_to_minus_is_standard_output(tides: Cli) -> None:
    assert len(tides("export", "-n", "2", "-o", "-").lines) == 2
    assert not (tides.folder / "-").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "csv", "--dir", "x"), "--dir writes Markdown files"),
        (("--to", "ris", "--columns", "id"), "--columns works with"),
        (("--bom",), "--bom works with --to csv only"),
    ],
)
def test_export_refuses_options_without_effect(
    tides: Cli, arguments: tuple[str, ...], message: str
) -> None:
    assert message in tides("export", *arguments, status=2).err


# list, count, sources


def test_list_numbers_are_accepted_by_show(tides: Cli) -> None:
    ran = tides("list", "灯塔", "--sort", "-date")
    third = ran.lines[2].split()
    assert third[0] == "3"
    assert tides.json("show", "3")["id"].startswith(third[1])
    assert tides.json("show", "3")["title"] == third[-1]


def test_list_prints_tables(tides: Cli) -> None:
    table = rows(tides("list", "--csv", "--sort", "date"))
    assert tuple(table[0]) == LIST_COLUMNS
    assert [row["published"] for row in table] == sorted(row["published"] for row in table)
    assert len(tides("list", "灯塔", "--jsonl").lines) == TIDE_COUNT // 2
    ran = tides("list", "没有这个词", "--csv", status=1)
    assert ran.lines == [",".join(LIST_COLUMNS)]


def test_count_prints_one_number(tides: Cli) -> None:
    assert tides("count", "灯塔").out == "15\n"
    ran = tides("count", "没有这个词", status=1)
    assert ran.out == "0\n"
    assert "No article matches" in ran.err


def test_count_by_facets(tides: Cli) -> None:
    found = tides.json("count", "灯塔", "--by", "source,month")
    assert found["total"] == 15
    assert {each["value"]: each["count"] for each in found["facets"]["source"]} == {
        "雾港日报": 5,
        "鹭岛电台": 5,
        "Harbour Post": 5,
    }
    table = rows(tides("count", "灯塔", "--by", "source,month", "--csv"))
    assert sum(int(row["count"]) for row in table if row["facet"] == "month") == 15
    assert rows(tides("count", "灯塔", "--csv"))[0]["count"] == "15"


def test_sources_lists_all_with_counts(tides: Cli) -> None:
    found = tides.json("sources")
    assert [(s["source"], s["articles"]) for s in found["sources"]] == [
        ("Harbour Post", 10),
        ("雾港日报", 10),
        ("鹭岛电台", 10),
    ]
    assert tides("sources", "灯塔").lines[-1] == "3 sources, 15 articles"
    assert {row["articles"] for row in rows(tides("sources", "--csv"))} == {"10"}
    tides("sources", "没有这个词", status=1)


@pytest.mark.parametrize(
    ("iso", "title", "article_id"),
    [
        ("../../../a", "灯塔", "voxg36vu63he"),
        ("2024-05-17", "../../a", "../../"),
        ("/etc/a.b.c", "\x00", "..\\..\\.."),
        ("..", "..", ".."),
        ("", "", ""),
    ],
)
def test_file_name_has_no_separator(iso: str, title: str, article_id: str) -> None:
    published = Published(iso, Precision.DAY)
    name = file_name(Article(article_id, title, "雾散了。", "/a.md", published=published))
    assert name.endswith(".md")
    assert not set(name.removesuffix(".md")) & set("/\\.\0:")


def test_count_lists_months_in_the_order_of_time(seeds: Cli) -> None:
    shown = [
        line.split()[0] for line in seeds("count", "*", "--by", "month").lines if line[:1] == " "
    ]
    assert shown == sorted(shown)
    assert len(shown) == 12
