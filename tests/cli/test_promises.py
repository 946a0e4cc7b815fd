"""The promises of newsgrep, tested on the sample corpus as a user sees them."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from newsgrep.analysis.characters import fold
from tests.support.cli import REPOSITORY, Cli

GOLD: list[dict[str, Any]] = json.loads(
    (REPOSITORY / "tests" / "fixtures" / "seeds_gold.json").read_text("utf-8")
)["articles"]
HAN = re.compile("[\u4e00-\u9fff]+")


def found_files(cli: Cli, *args: str) -> set[str]:
    ran = cli("search", *args, "--paths", "-n", "999", status=None)
    return {Path(line).name for line in ran.lines}


@pytest.fixture(scope="module")
def texts(seeds: Cli) -> dict[str, str]:
    """Return title and body of every article, folded, by the name of its file."""
    names = found_files(seeds, "-没有这样的词")
    result = {name: seeds.json("show", f"seeds/{name}") for name in names}
    assert len(result) == 16
    return {name: fold(f"{one['title']}\n{one['body']}") for name, one in result.items()}


def test_exact_quoted_string_equals_gold(seeds: Cli) -> None:
    wanted = {
        article["file"]
        for article in GOLD
        if article["joint_statement_in"] and article["joint_statement_in"] != ["caption"]
    }
    assert len(wanted) == 8
    assert found_files(seeds, '"联合声明"') == wanted


def test_exact_any_substring_finds_all_articles(seeds: Cli, texts: dict[str, str]) -> None:
    chance = random.Random(11)
    runs = sorted({run for text in texts.values() for run in HAN.findall(text)})
    for length in (1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 12):
        run = chance.choice([run for run in runs if len(run) >= length])
        start = chance.randrange(len(run) - length + 1)
        piece = run[start : start + length]
        wanted = {name for name, text in texts.items() if piece in text}
        assert wanted
        assert found_files(seeds, f'"{piece}"') == wanted, piece


def test_script_blind_spellings_give_equal_hits(
    seeds: Cli,
) -> None:
    wanted = seeds.json("search", "澜江 OR gpt OR 电车")
    for query in ("瀾江 OR ＧＰＴ OR 電車", "瀾江 OR Gpt OR 電车"):
        result = seeds.json("search", query)
        assert result["total"] == wanted["total"] > 2
        assert result["hits"] == wanted["hits"]
    out = seeds("search", "电车 OR gpt").out
    assert "電車" in out
    assert "GPT-4o" in out


def test_zero_hits_are_explained(seeds: Cli) -> None:
    ran = seeds("search", "联合声明", "海豚音乐厅", "--since", "2030", status=1)
    assert ran.stdout == b""
    assert "8 articles with 联合声明" in ran.err
    assert "no article with 海豚" in ran.err
    result = seeds.json("search", "联合声明", "--since", "2030", status=1)["diagnosis"]
    assert result["terms"] == [{"part": "联合声明", "articles": 8}]
    assert result["without"] == [{"part": "date:2030-01-01..", "articles": 8}]


def test_zero_hits_from_damage_is_an_error(seeds: Cli, tmp_path: Path) -> None:
    shutil.copytree(seeds.index, tmp_path / "index")
    for path in (tmp_path / "index").glob("*/*.trm"):
        path.unlink()
    ran = seeds("search", "联合声明", "--index", tmp_path / "index", status=2)
    assert ran.stdout == b""
    assert "damaged" in ran.err


def test_nothing_is_dropped_silently(seeds: Cli, tmp_path: Path) -> None:
    result = seeds.json("index", "seeds", "--index", str(tmp_path / "index"))
    assert result["seen"] == len(GOLD) == result["added"] + result["duplicate"]
    (duplicate,) = result["files"]["duplicate"]
    loser = next(article for article in GOLD if article.get("wins") is False)
    assert Path(duplicate["path"]).name == loser["file"]
    assert loser["same_article_as"] in duplicate["reason"]
    listed = {Path(item["path"]).name for items in result["skipped"].values() for item in items}
    on_disk = {path.name for path in (seeds.folder / "seeds").iterdir()}
    assert on_disk == {article["file"] for article in GOLD} | listed


def test_indexing_twice_changes_nothing(seeds: Cli, tmp_path: Path) -> None:
    place = str(tmp_path / "index")
    seeds("index", "seeds", "--index", place)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    seeds("index", "seeds", "--index", place)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
