"""Text that extraction left out of the body: ``show --all``, and ``--everything``."""

from __future__ import annotations

import json

import pytest

from newsgrep.indexing.folder import FolderIndex
from tests.support.cli import Cli
from tests.support.factories import make_article, upsert

ARTICLES = (
    make_article(
        "aaaaaaaaaaaa",
        "雾港灯塔熄灯",
        "守塔人下了岛。",
        source="雾港日报",
        date="2024-05-17",
        captions=["灯塔旧照"],
        left_out=[
            ("转载本文须经雾港日报书面同意。", "notice"),
            ("同意者\n\n可来信。", "notice"),
            ("读者说：我想念那束光。", "comments"),
        ],
    ),
    make_article("bbbbbbbbbbbb", "渡轮停航", "渡轮因大雾停航。", date="2024-05-18"),
)


@pytest.fixture
def press(cli: Cli) -> Cli:
    index = FolderIndex(cli.index)
    index.prepare()
    with index.create() as engine:
        engine.write(map(upsert, ARTICLES))
        index.confirm()
    return cli


def test_show_prints_left_out_text_with_all(press: Cli) -> None:
    plain, whole = press("show", "aaaaaaaaaaaa"), press("show", "aaaaaaaaaaaa", "--all")
    assert "同意" not in plain.out
    assert whole.out.startswith(plain.out)
    assert whole.lines[len(plain.lines) :] == [
        "",
        "left out: 3 passages",
        "  notice:",
        "    转载本文须经雾港日报书面同意。",
        "    同意者",
        "    可来信。",
        "  comments:",
        "    读者说：我想念那束光。",
    ]
    assert press("show", "bbbbbbbbbbbb", "--all").lines[-1] == "left out: nothing"


def test_show_json_contains_left_out_text_with_all(press: Cli) -> None:
    assert "left_out" not in press.json("show", "aaaaaaaaaaaa")
    whole = press.json("show", "aaaaaaaaaaaa", "--all")
    assert whole["left_out"][1] == {"text": "同意者\n\n可来信。", "reason": "notice"}
    assert len(whole["left_out"]) == 3


def test_search_everything(press: Cli) -> None:
    missing = press("search", "转载", status=1)
    assert "1 article with it in text that was left out: add --everything" in missing.err
    found = press("search", "转载", "--everything")
    assert "left out: 转载本文须经雾港日报书面同意。" in found.out
    (hit,) = press.json("search", "转载", "--everything")["hits"]
    assert hit["snippets"][-1]["field"] == "left out"
    diagnosis = press.json("search", "转载", status=1)["diagnosis"]
    assert diagnosis["left_out"] == 1
    assert press.json("search", "--everything", "转载 灯塔旧照")["total"] == 1
    assert press.json("search", "--everything", "--literal", "同意者 ")["total"] == 1
    assert press.json("search", "--everything", "-E", "想.那")["total"] == 1
    assert press("search", "转载", "-渡轮", "--everything", "--paths").lines == [
        "/archive/aaaaaaaaaaaa.md"
    ]


def test_other_commands_search_everything(press: Cli) -> None:
    lines = press("kwic", "同意", "--everything", "--jsonl").lines
    assert [json.loads(line)["field"] for line in lines] == ["left out", "left out"]
    timeline = press.json("timeline", "想念", "--everything")
    assert timeline["total"] == 1
    given = '{"query": "想念"}\n{"query": "想念", "everything": true}\n'
    answers = press("batch", "-", stdin=given.encode()).lines
    assert [json.loads(line)["total"] for line in answers] == [0, 1]
    press("saved", "add", "读者", "everything:想念")
    assert press.json("search", "saved:读者")["total"] == 1


def test_show_match_does_not_mark_left_out_text(press: Cli) -> None:
    ran = press("show", "aaaaaaaaaaaa", "--all", "--match", "灯塔", "--color", "always")
    assert ran.out.count("\x1b[1;31m") == 1
