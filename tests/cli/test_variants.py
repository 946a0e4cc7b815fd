"""``--variants``: regional spellings in every command that takes a query."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.schemas import schema_errors

ARTICLES = {
    "mainland": "特朗普宣布对软件征收关税，汀海市场下跌。",
    "taiwan": "川普宣布對軟體課徵關稅，汀海市場下跌。",
    "other": "汀海昨天没有别的消息。",
}


@pytest.fixture
def press(tmp_path: Path) -> Cli:
    for name, body in ARTICLES.items():
        head = f"---\ntitle: {name}\ndate: 2024-05-17\nsource: 汀海晚报\n---\n\n"
        (tmp_path / f"{name}.md").write_text(f"{head}{body}\n", "utf-8")
    cli = Cli(tmp_path)
    cli("index", *(f"{name}.md" for name in ARTICLES))
    return cli


def test_search_variants_finds_both_spellings(press: Cli) -> None:
    assert press.json("search", "特朗普")["total"] == 1
    for typed in ("特朗普", "川普", "川普 软件", "特朗普軟體"):
        result = press.json("search", "--variants", typed)
        assert schema_errors(result) == []
        assert {hit["title"] for hit in result["hits"]} == {"mainland", "taiwan"}
        assert result["variants"]
    assert "variants" not in press.json("search", "--variants", "汀海")


def test_search_variants_expands_strings_on_request(press: Cli) -> None:
    assert press.json("search", "--variants", '"川普宣布"')["total"] == 1
    assert press.json("search", "--variants=all", '"川普宣布"')["total"] == 2
    assert press.json("search", "--variants=words", "特朗普")["total"] == 2
    assert press.json("search", "--literal", "--variants=all", "川普宣布")["total"] == 2
    ran = press("search", "--variants=some", "川普", status=2)
    assert "Choose words or all" in ran.err
    assert press("search", "--", "川普", "--variants=all", status=None).status != 2


def test_search_explain_shows_added_spellings(press: Cli) -> None:
    ran = press("search", "--explain", "--variants", "特朗普")
    assert "added 特朗普 is also 川普" in ran.out


def test_search_hints_at_more_articles_with_variants(press: Cli) -> None:
    hint = "1 more article with regional spellings (特朗普: 川普): add --variants"
    assert hint in press("search", "特朗普").err
    hint = "2 more articles with regional spellings (特朗普: 川普; 软体: 软件): add --variants"
    assert press("search", "特朗普 软体", status=1).err.endswith(f"{hint}\n")
    for args in (("--variants", "特朗普"), ("汀海",), ('"特朗普"',), ("--json", "特朗普")):
        assert "regional" not in press("search", *args).err


@pytest.mark.parametrize(
    ("command", "marks"),
    [
        (("count",), ("2",)),
        (("timeline", "--csv"), (",2",)),
        (("kwic",), ("川普", "特朗普")),
        (("list",), ("mainland", "taiwan")),
        (("export", "--to", "jsonl"), ("mainland", "taiwan")),
        (("search", "--paths"), ("mainland.md", "taiwan.md")),
        (("search", "--jsonl"), ("mainland", "taiwan")),
        (("search", "--collapse"), ("mainland", "taiwan")),
        (("keywords",), ("关税",)),
    ],
    ids=lambda value: "-".join(value),
)
def test_variants_apply_to_every_view(
    press: Cli, command: tuple[str, ...], marks: tuple[str, ...]
) -> None:
    ran = press(*command, "--variants", "特朗普", status=None)
    assert ran.status == 0, ran
    assert all(mark in ran.out for mark in marks), ran.out


def test_variants_apply_to_saved_queries(press: Cli) -> None:
    press("saved", "add", "tariffs", "特朗普")
    assert press.json("search", "--variants", "saved:tariffs")["total"] == 2


def test_batch_line_chooses_variants(press: Cli) -> None:
    lines = [
        {"query": "特朗普"},
        {"query": "特朗普", "variants": True},
        {"query": '"特朗普"', "variants": "words"},
        {"query": '"特朗普"', "variants": "all"},
        {"query": "特朗普", "variants": "some"},
    ]
    stdin = "\n".join(json.dumps(line) for line in lines).encode()
    answers = [json.loads(line) for line in press("batch", "-", stdin=stdin, status=2).lines]
    assert [answer.get("total") for answer in answers] == [1, 2, 1, 2, None]
    assert "variants" in answers[-1]["error"]["message"]


def test_collect_and_delete_take_options_of_queries(press: Cli) -> None:
    press("collect", "关税", "特朗普", "--since", "2024", "--source", "汀海")
    assert press("count", "in:关税").out == "1\n"
    press("collect", "关税", "--variants", "特朗普", "--until", "2024-05-17")
    assert press("count", "in:关税").out == "2\n"
    press("collect", "五月", "--since", "2024-05-17")
    assert press("count", "in:五月").out == "3\n"
    ran = press("delete", "--variants", "特朗普", "--preview")
    assert ran.out.endswith("Delete 2 articles from the index: add --yes\n")
    assert press("delete", "汀海", "--until", "2023", "-y", status=1).out == ""
    ran = press("delete", "mainland.md", "--since", "2025", "-y", status=2)
    assert "--since narrows a query, but mainland.md names articles" in ran.err
    press("delete", "--variants", "特朗普", "-y")
    assert press("count", "*").out == "1\n"


def test_new_finds_regional_spellings(press: Cli) -> None:
    press("saved", "add", "tariffs", "特朗普")
    for options, found in (((), 1), (("--variants",), 2), (("--variants=all",), 2)):
        assert len(press("new", "--all", "--peek", *options).lines) == found
