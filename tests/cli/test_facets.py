"""``newsgrep search --facets``: counts over all matches."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from newsgrep.engines.base import FACETS
from newsgrep.terminal import display_width
from tests.support.cli import TIDE_COUNT, Cli, write_article
from tests.support.schemas import schema_errors


def counted(values: list[str | None]) -> list[dict[str, Any]]:
    order = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0] or ""))
    return [{"value": value, "count": count} for value, count in order]


def test_facets_count_all_matches(tides: Cli) -> None:
    hits = tides.json("search", "灯塔", "-n", "99")["hits"]
    for shown in ("0", "1", "99"):
        result = tides.json("search", "灯塔", "-n", shown, "--facets", "month,source,author,year")
        assert schema_errors(result) == []
        assert list(result["facets"]) == ["month", "source", "author", "year"]
        assert result["facets"]["year"] == counted([hit["published"][:4] for hit in hits])
        assert result["facets"]["source"] == counted([hit["source"] for hit in hits])
        assert result["facets"]["month"] == counted([hit["published"][:7] for hit in hits])
        assert result["facets"]["author"] == [{"value": None, "count": TIDE_COUNT // 2}]


def test_facets_match_the_schema(seeds: Cli) -> None:
    result = seeds.json("search", "水", "--facets", " Day, source,source,year,month,author,tag ")
    assert schema_errors(result) == []
    assert set(result["facets"]) == set(FACETS)
    none = seeds.json("search", "海豚音乐厅", "--facets", "source", status=1)
    assert schema_errors(none) == []
    assert none["facets"] == {"source": []}
    assert "facets" not in seeds.json("search", "水")
    assert schema_errors(result | {"facets": {"colour": []}})
    assert schema_errors(result | {"facets": {"source": [{"value": "", "count": 1}]}})


@pytest.fixture
def crowded(cli: Cli) -> Cli:
    for number in range(14):
        for copy in range(number + 1):
            write_article(
                cli.folder / "n" / f"{number}-{copy}.md",
                f"第{number}号第{copy}份",
                "潮汐公报。",
                source=f"第{number}家报纸" if number % 2 else f"Paper number {number}",
            )
    cli("index", "n")
    return cli


def test_facets_show_ten_aligned_values(crowded: Cli) -> None:
    lines = crowded("search", "潮汐", "-n", "0", "--facets", "source").lines
    assert lines[0] == "source"
    rows = [re.fullmatch(r"  (.*?) +(\d+)  (#+)", line) for line in lines[1:11]]
    found = [(row[1], int(row[2]), row[3]) for row in rows if row]
    assert [count for _, count, _ in found] == list(range(14, 4, -1))
    assert found[0] == ("第13家报纸", 14, "#" * 30)
    assert [len(bar) for _, _, bar in found] == [round(n * 30 / 14) for n in range(14, 4, -1)]
    # Han takes two cells, so bars begin in one column of the screen.
    assert len({display_width(line[: line.index("#")]) for line in lines[1:11]}) == 1
    assert lines[11] == "  … and 4 more values: --json lists all"
    assert len(crowded.json("search", "潮汐", "--facets", "source")["facets"]["source"]) == 14


def test_facets_draw_blocks_on_a_terminal(crowded: Cli) -> None:
    status, screen = crowded.on_terminal("search", "潮汐", "-n", "0", "--facets", "source")
    assert status == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen)
    assert "  第13家报纸       14  " + "█" * 30 in plain.splitlines()
    assert "  Paper number 12  13  " + "█" * 27 + "▉" in plain.splitlines()


def test_facets_sanitize_values(cli: Cli) -> None:
    evil = "\\x1b[31m[bold]雾港\\u202e日报\\n第二行" + "很长的名字" * 10  # a longer one is no name
    write_article(cli.folder / "a.md", "题目", "潮汐公报。", source=evil)
    cli("index", "a.md")
    status, screen = cli.on_terminal("search", "潮汐", "--facets", "source,tag", "--color=never")
    assert status == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", screen)
    rows = screen[screen.index("\nsource\n") :].splitlines()
    assert "[bold]雾港" in rows[2]
    assert max(map(display_width, rows)) <= 80


@pytest.mark.parametrize("names", ["sorce", "source,,colour", ",", "\x1b[31m" + "x" * 500])
def test_facets_reject_unknown_names(tides: Cli, names: str) -> None:
    ran = tides("search", "潮汐", "--facets", names, status=2)
    assert ran.stdout == b""
    assert "Choose from source, year, month, day, author, tag." in ran.err
    assert "\x1b" not in ran.err
    assert len(ran.err) < 200


@pytest.mark.parametrize("form", ["--jsonl", "--csv", "--paths"])
def test_facets_need_text_or_json(tides: Cli, form: str) -> None:
    assert "Use --json" in tides("search", "潮汐", "--facets", "source", form, status=2).err
