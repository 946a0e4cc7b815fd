"""``newsgrep collect``, ``newsgrep note`` and ``in:NAME``."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.cli import Cli, write_article

FILE = "newsgrep.collections.jsonl"


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    folder = cli.folder / "a"
    for number in range(1, 5):
        write_article(
            folder / f"{number}.md",
            f"第{number}号",
            "潮汐。" + "灯塔。" * (number % 2),
            date=f"2024-05-0{number}",
            url=f"https://fog.example/{number}",
        )
    cli("index", "a")
    cli("search", "潮汐", "--sort", "date")
    return cli


def test_collect_adds_articles_and_matches(harbour: Cli) -> None:
    assert harbour("collect", "甲", "2", "4").out == "甲: 2 articles added, 2 in it now\n"
    assert harbour("collect", "甲", "2-3").out == "甲: 1 article added, 3 in it now\n"
    assert harbour("collect", "乙", "灯塔 date:2024").out == "乙: 2 articles added, 2 in it now\n"
    assert harbour.found("in:甲", "--sort", "date") == ["第2号", "第3号", "第4号"]
    assert harbour.found("in:甲 灯塔") == ["第3号"]
    assert harbour.found("in:甲 -in:乙", "--sort", "date") == ["第2号", "第4号"]
    assert harbour("collect").lines == ["     2  乙", "     3  甲"]
    found = harbour.json("collect")["collections"]
    assert found == [{"name": "乙", "articles": 2}, {"name": "甲", "articles": 3}]


def test_collect_accepts_ids_addresses_and_paths(harbour: Cli) -> None:
    short = harbour("list", "--sort", "date").lines[0].split()[1]
    harbour("collect", "甲", short, "https://fog.example/2", "a/3.md")
    assert harbour.found("in:甲", "--sort", "date") == ["第1号", "第2号", "第3号"]
    ids = harbour("search", "潮汐", "--jsonl").stdout
    harbour("collect", "乙", "-", stdin=ids)
    assert harbour("count", "in:乙").out == "4\n"


def test_words_are_names_only_if_all_are(harbour: Cli) -> None:
    ran = harbour("collect", "甲", "1", "珊瑚", status=1)
    assert "No article matches 1 AND 珊瑚" in ran.err
    assert "There are no collections" in harbour("collect", status=1).err


def test_collect_removes_articles_and_collections(harbour: Cli) -> None:
    harbour("collect", "甲", "1-4")
    assert harbour("collect", "甲", "1", "--remove").out == "甲: 1 article removed, 3 in it now\n"
    assert harbour("collect", "甲", "--remove").out == "甲: removed, with 3 articles\n"
    assert "There is no collection “甲”" in harbour("collect", "甲", "--remove", status=2).err
    assert "No collection “甲”" in harbour("search", "in:甲", status=2).err


def test_spellings_of_a_name_are_one_collection(harbour: Cli) -> None:
    harbour("collect", "漁權A", "1")
    assert harbour("collect", "渔权a", "2").out == "渔权a: 1 article added, 2 in it now\n"
    assert harbour("collect").lines == ["     2  漁權A"]
    assert harbour("count", "in:渔权A").out == "2\n"


@pytest.mark.parametrize("name", ["a b", "../x", "a/b", "x" * 49, "-x"])
def test_invalid_names_are_errors(harbour: Cli, name: str) -> None:
    harbour("collect", "--", name, "1", status=2)
    assert not (harbour.folder / "index.saved" / FILE).exists()


def test_note_is_written_shown_and_removed(harbour: Cli) -> None:
    harbour("note", "2", "与印刷版", "不同")
    assert harbour("note", "2").lines[1].strip() == "与印刷版 不同"
    assert "note: 与印刷版 不同" in harbour("show", "2").out
    harbour("collect", "甲", "2")
    shown = harbour.json("show", "2")
    assert (shown["note"], shown["collections"]) == ("与印刷版 不同", ["甲"])
    assert [each["title"] for each in harbour.json("note")["notes"]] == ["第2号"]
    harbour("note", "2", "--remove")
    assert "There are no notes. Write one with: " in harbour("note", status=1).err
    assert "There is no note on " in harbour("note", "2", status=1).err
    assert harbour("note", "--json", status=1).err == ""
    assert harbour("count", "in:甲").out == "1\n"


def test_annotations_outlive_the_index(harbour: Cli) -> None:
    harbour("collect", "甲", "1-2")
    harbour("note", "1", "留着")
    harbour("reindex")
    assert harbour("count", "in:甲").out == "2\n"
    shutil.rmtree(harbour.index)
    harbour("index", "a")
    assert harbour("count", "in:甲").out == "2\n"
    harbour("copy", "--to", "other")
    assert harbour("count", "in:甲", "--index", "other").out == "2\n"
    (harbour.folder / "a" / "1.md").unlink()
    harbour("index", "a")
    assert "第1号  (not in the index now)" in harbour("collect", "甲").out


def test_file_is_text_that_can_be_edited(harbour: Cli) -> None:
    harbour("collect", "甲", "1")
    path = harbour.folder / "index.saved" / FILE
    version, line = path.read_text("utf-8").splitlines()
    assert json.loads(version) == {"version": 1}
    article = json.loads(line)
    assert (article["title"], article["in"]) == ("第1号", ["甲"])
    path.write_text(f"{version}\n{line.replace('甲', '乙')}\n\n", "utf-8")
    assert harbour("count", "in:乙").out == "1\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"version": 2}\n{}', "its first line is not the version 1"),
        ('{"version": 1}\n{', "line 2 is not valid JSON"),
        ('{"version": 1}\n[]', "line 2 is not an article with an id"),
        ('{"version": 1}\n{"id": "a", "in": ["a b"]}', "invalid name of a collection"),
        ('{"version": 1}\n{"id": "a", "note": 1}', "line 2 is not an article with an id"),
    ],
)
def test_damaged_file_is_an_error_and_stays(harbour: Cli, text: str, why: str) -> None:
    harbour("collect", "甲", "1")
    path = harbour.folder / "index.saved" / FILE
    path.write_text(f"{text}\n", "utf-8")
    for command in (("search", "in:甲"), ("collect", "甲", "2"), ("note", "1", "x")):
        assert why in harbour(*command, status=2).err
    assert path.read_text("utf-8") == f"{text}\n"


def test_saved_query_may_name_a_collection(harbour: Cli) -> None:
    harbour("collect", "甲", "1-3")
    harbour("saved", "add", "灯", "灯塔 in:甲")
    assert harbour.found("saved:灯", "--sort", "date") == ["第1号", "第3号"]
    assert "No collection “丙”" in harbour("saved", "add", "x", "in:丙", status=2).err
