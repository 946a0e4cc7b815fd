"""Earlier versions of articles: ``--versions all``, ``earlier:`` and ``changed:``."""

from __future__ import annotations

import json

import pytest

from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index
from tests.support.cli import Cli
from tests.support.factories import make_article, upsert

HARBOUR = "雾港海事局宣布，渔船将于%s靠岸。\n\n海事局长说，渔船没有损失。"
ARTICLES = (
    make_article(
        "aaaaaaaaaaaa",
        "渔船改期靠岸",
        HARBOUR % "周日",
        source="雾港日报",
        date="2024-05-17",
        fetched="2024-06-01T17:00:00+00:00",
        versions=[
            ("2024-05-17T04:00:00+00:00", "渔船周五靠岸", HARBOUR % "周五"),
            ("2024-05-18T04:00:00+00:00", "渔船改期靠岸", HARBOUR % "周六"),
        ],
    ),
    make_article("bbbbbbbbbbbb", "渡轮停航", "渡轮因大雾于周五停航。", date="2024-05-18"),
)


@pytest.fixture
def press(cli: Cli) -> Cli:
    index = FolderIndex(cli.index)
    index.prepare()
    with index.create() as engine:
        engine.write(map(upsert, ARTICLES))
        index.confirm()
    return cli


def ids(press: Cli, *arguments: str, status: int = 0) -> list[str]:
    found = press.json("search", *arguments, status=status)
    assert found["total"] == len(found["hits"])
    return sorted(hit["id"][0] for hit in found["hits"])


def test_search_finds_the_newest_version(press: Cli) -> None:
    assert ids(press, "周五") == ["b"]
    assert ids(press, "周五", "--versions", "newest") == ["b"]
    assert ids(press, "渔船 周日") == ["a"]


def test_search_versions_all_counts_articles(press: Cli) -> None:
    found = press.json("search", "周五", "--versions", "all", "--facets", "source")
    assert found["total"] == 2
    assert {each["value"]: each["count"] for each in found["facets"]["source"]} == {
        "雾港日报": 1,
        None: 1,
    }
    assert ids(press, "周五 周六 周日", "--versions", "all") == ["a"]
    assert ids(press, '"周六靠岸"', "--versions", "all") == ["a"]
    assert ids(press, "--literal", "将于周五", "--versions", "all") == ["a"]
    assert ids(press, "-E", "周[五六]靠", "--versions", "all") == ["a"]
    assert ids(press, "title:周五", "--versions", "all", status=1) == []
    assert ids(press, "-周五", "--versions", "all", status=1) == []


@pytest.mark.parametrize("everything", [(), ("--everything",)])
def test_search_shows_earlier_versions_with_capture(press: Cli, everything: tuple[str]) -> None:
    found = press.json("search", "周六", "--versions", "all", *everything)
    (hit,) = found["hits"]
    assert [each["field"] for each in hit["snippets"]] == ["body", "earlier version"]
    snippet = hit["snippets"][1]
    assert snippet["captured"] == "2024-05-18T04:00:00+00:00"
    start, end = snippet["spans"][0]
    assert snippet["text"][start:end] == "周六"
    assert (HARBOUR % "周六")[snippet["offset"] :].startswith(snippet["text"])
    text = press("search", "周六", "--versions", "all").out
    assert "version of 2024-05-18: 雾港海事局宣布，渔船将于周六靠岸。" in text


def test_search_shows_each_snippet_once(press: Cli) -> None:
    (hit,) = press.json("search", "earlier:渔船", "渔船")["hits"]
    earlier = [each for each in hit["snippets"] if each["field"] == "earlier version"]
    assert len(earlier) == len({each["text"] for each in earlier}) == 3
    assert earlier[0]["captured"] == "2024-05-18T04:00:00+00:00"
    (hit,) = press.json("search", "渔船", "--versions", "all")["hits"]
    assert {each["field"] for each in hit["snippets"]} == {"body"}


def test_search_says_that_an_earlier_version_matches(press: Cli) -> None:
    missing = press("search", "周六", status=1)
    assert "1 article in an earlier version: add --versions all" in missing.err
    assert press.json("search", "周六", status=1)["diagnosis"]["earlier"] == 1
    assert press.json("search", "周四", status=1)["diagnosis"]["earlier"] == 0


def test_changed_finds_edited_articles(press: Cli) -> None:
    assert ids(press, "changed:") == ids(press, "changed:title") == ids(press, "changed:body")
    assert ids(press, "changed:", "渔船") == ["a"]
    assert ids(press, "NOT changed:") == ["b"]
    assert ids(press, "changed:2024-05-18") == ids(press, "changed:2024-06-02") == ["a"]
    assert ids(press, "changed:2024-05-17", status=1) == []
    assert ids(press, "changed:2024-05-18..2024-05-30") == ["a"]
    wrong = press("search", "changed:often", status=2)
    assert "Without a date, write changed:, changed:title or changed:body." in wrong.err


def test_other_commands_search_versions(press: Cli) -> None:
    def kwic(*arguments: str) -> list[tuple[str, str]]:
        lines = map(json.loads, press("kwic", *arguments, "--jsonl").lines)
        return [(line["field"], line["left"] + line["keyword"]) for line in lines]

    assert kwic("周六", "--versions", "all") == [
        ("earlier version", "雾港海事局宣布，渔船将于周六")
    ]
    # Of what all versions have in common, only the newest is listed.
    assert [field for field, _ in kwic("损失", "--versions", "all")] == ["body"]
    assert [field for field, _ in kwic("earlier:损失")] == ["earlier version"]
    assert press.json("timeline", "周六", "--versions", "all")["total"] == 1
    given = '{"query": "周六"}\n{"query": "周六", "versions": "all"}\n'
    answers = press("batch", "-", stdin=given.encode()).lines
    assert [json.loads(line)["total"] for line in answers] == [0, 1]
    wrong = press("batch", "-", stdin=b'{"query": "x", "versions": "old"}', status=2)
    assert "Unknown versions" in json.loads(wrong.lines[0])["error"]["message"]


def test_versions_survive_copy_rebuild_and_repair(press: Cli) -> None:
    index = FolderIndex(press.index)
    rebuild_index(index)
    with index.open() as engine:
        assert engine.get(["aaaaaaaaaaaa"]) == [ARTICLES[0]]
        assert engine.verify(deep=True) == []
    press("copy", "--to", "copy", "--engine", "whoosh")
    with FolderIndex(press.folder / "copy").open() as engine:
        assert engine.get(["aaaaaaaaaaaa"]) == [ARTICLES[0]]
    folder = next(press.index.glob("whoosh*"))
    (terms,) = folder.glob("*.trm")
    terms.write_bytes(terms.read_bytes()[:-1])
    press("doctor", "--fix")
    with index.open() as engine:
        assert engine.get(["aaaaaaaaaaaa"]) == [ARTICLES[0]]
