"""``newsgrep timeline``: charts, JSON, CSV and SVG."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from newsgrep.terminal import display_width
from tests.support.cli import REPOSITORY, TIDE_COUNT, TIDE_SOURCES, Cli, write_article

SCHEMA: dict[str, Any] = json.loads(
    (REPOSITORY / "docs" / "timeline.schema.json").read_text("utf-8")
)
COLUMNS = ["bin", "first", "last", "source", "count", "all", "share"]
COLUMNS += ["query", "partial", "occurrences", "characters", "per_million"]
SVG = "{http://www.w3.org/2000/svg}"


def problems(value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(value)]


def counted(result: Any, at: int = 0) -> dict[str, int]:
    return {each["bin"]: each["count"] for each in result["series"][at]["bins"] if each["count"]}


def test_timeline_json_matches_schema_and_search(tides: Cli) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    hits = tides.json("search", "灯塔", "-n", "99")["hits"]
    result = tides.json("timeline", "灯塔")
    assert problems(result) == []
    assert result["by"] == "month"
    assert result["total"] == len(hits) == result["series"][0]["articles"]
    assert counted(result) == {hit["published"][:7]: 1 for hit in hits}
    # Every month, including those without articles.
    assert [each["count"] for each in result["series"][0]["bins"]] == [1, 0] * 14 + [1]


@pytest.mark.parametrize(
    "more", [[], ["--count", "per-million"], ["--per", "source"], ["--with", "灯塔 source:雾港"]]
)
@pytest.mark.parametrize("by", ["day", "week", "month", "year"])
def test_timeline_csv_equals_json(tides: Cli, by: str, more: list[str]) -> None:
    args = ["timeline", "潮汐", "--by", by, *more]
    result = tides.json(*args)
    assert problems(result) == []
    rows = list(csv.DictReader(io.StringIO(tides(*args, "--csv").out, newline="")))
    flat = [
        {"source": series.get("source") or "", "query": series["query"], **each}
        for series in result["series"]
        for each in series["bins"]
    ]
    assert len(rows) == len(flat) > 2
    for row, each in zip(rows, flat, strict=True):
        assert list(row) == COLUMNS
        for column, cell in row.items():
            value = each.get(column)
            if isinstance(value, float):
                assert float(cell) == value
            elif isinstance(value, bool):
                assert cell == str(value).lower()
            else:
                assert cell == str("" if value is None else value)


def test_timeline_share_counts_all_articles(tides: Cli) -> None:
    result = tides.json("timeline", "台风", "--share", "--by", "year", "--per", "source")
    assert result["share_of"] == "*"
    (series,) = result["series"]
    assert series["source"] == TIDE_SOURCES[0]
    # Every third number is from this source, and each of them contains 台风.
    assert [each["share"] for each in series["bins"]] == [100, 100, 100]
    result = tides.json("timeline", "台风", "--share", "--by", "year")
    assert [(each["count"], each["all"]) for each in result["series"][0]["bins"]] == [
        (4, 12),
        (4, 12),
        (2, 6),
    ]


def test_timeline_bars_are_aligned(tides: Cli) -> None:
    lines = tides("timeline", "潮汐", "--by", "year").lines
    assert lines == [
        "2023*  12  " + "#" * 60,
        "2024   12  " + "#" * 60,
        "2025*   6  " + "#" * 30,
        "",
        "30 articles by year, 2023 to 2025",
        "* not a whole year: articles from 2023-01-15 to 2025-06-15",
    ]
    _, screen = tides.on_terminal("timeline", "潮汐", "--by", "year", "--color", "never")
    assert screen.splitlines()[2] == "2025*   6  " + "█" * 30


def test_timeline_per_source_charts_are_aligned(tides: Cli) -> None:
    _, screen = tides.on_terminal("timeline", "潮汐", "--per", "source", "--color", "never")
    rows = screen.splitlines()
    for number, name in enumerate(sorted(TIDE_SOURCES)):
        at = number * 4
        assert rows[at].startswith(name + " ")
        assert rows[at + 1].startswith("10 articles  ")
        months = [n for n in range(TIDE_COUNT) if TIDE_SOURCES[n % 3] == name]
        drawn = {i for i, sign in enumerate(_from_cell(rows[at + 2], 30)) if sign == "█"}
        assert drawn == set(months)
    assert rows[12] == " " * 30 + "2023-01" + " " * 16 + "2025-06"
    assert max(map(display_width, rows)) <= 80


def _from_cell(row: str, begin: int) -> str:
    used = 0
    for at, character in enumerate(row):
        if used >= begin:
            return row[at:]
        used += display_width(character)
    return ""


def test_timeline_joins_bins_on_narrow_screens(cli: Cli) -> None:
    for number in range(100):
        date = f"{1990 + number // 12}-{number % 12 + 1:02}-03"
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐公报。", date=date)
    cli("index", "n")
    _, screen = cli.on_terminal("timeline", "潮汐", "--per", "source", "--by", "month", columns=60)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen)
    assert "full height: 4, a column for 4 months" in plain
    assert plain.splitlines()[2].endswith(" " + "█" * 25)


@pytest.fixture
def vague(cli: Cli) -> Cli:
    for number, date in enumerate(["2024", "2024", "2023-05", "2023-05-06", "2024-07-08"]):
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐公报。", date=date)
    cli("index", "n")
    return cli


def test_timeline_counts_coarse_dates_apart(vague: Cli) -> None:
    ran = vague("timeline", "潮汐", "--by", "day", "--csv")
    assert "2 articles are dated to the year only and not in any day" in ran.err
    assert "1 article is dated to the month only and not in any day" in ran.err
    assert sum(int(row["count"]) for row in csv.DictReader(ran.lines)) == 2
    result = vague.json("timeline", "潮汐", "--by", "month")
    assert (result["known_to_year"], result["known_to_month"], result["undated"]) == (2, 0, 0)
    assert counted(result) == {"2023-05": 2, "2024-07": 1}
    out = vague("timeline", "潮汐", "--by", "year").out
    assert "known to" not in out
    assert counted(vague.json("timeline", "潮汐", "--by", "year")) == {"2023": 2, "2024": 3}


def test_timeline_without_matching_dates(vague: Cli) -> None:
    ran = vague("timeline", "第0号", "--by", "day")
    assert ran.lines[0] == "1 article by day"
    assert (
        vague.json("timeline", "第0号", "--by", "day", "--per", "source")["series"][0]["bins"] == []
    )
    assert "longer --by" in vague("timeline", "第0号", "--by", "day", "--svg", "x", status=2).err


def test_timeline_too_many_bins_is_an_error(cli: Cli) -> None:
    for number, date in enumerate(["1921-05-06", "2024-07-08"]):
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐公报。", date=date)
    cli("index", "n")
    assert "Use --by week" in cli("timeline", "潮汐", "--by", "day", status=2).err
    assert len(cli.json("timeline", "潮汐")["series"][0]["bins"]) == 104


def test_timeline_without_matches_is_explained(tides: Cli) -> None:
    ran = tides("timeline", "海豚", status=1)
    assert (ran.out, "no article with 海豚" in ran.err) == ("", True)
    result = tides.json("timeline", "海豚", "--per", "source", status=1)
    assert problems(result) == []
    assert result["series"] == []
    assert tides("timeline", "海豚", "--csv", status=1).lines == [",".join(COLUMNS)]


def test_timeline_fills_the_requested_range(tides: Cli) -> None:
    ran = tides("timeline", "灯塔", "--since", "2022-11", "--until", "2026-03-10", "--csv")
    rows = list(csv.DictReader(ran.lines))
    assert [row["bin"] for row in rows] == ["2022", "2023", "2024", "2025", "2026"]
    rows = list(
        csv.DictReader(
            tides("timeline", "灯塔 date:2022-11..2023-03", "--by", "month", "--csv").lines
        )
    )
    assert [(row["bin"], row["count"], row["all"], row["partial"]) for row in rows] == [
        ("2022-11", "0", "0", "true"),
        ("2022-12", "0", "0", "true"),
        ("2023-01", "1", "1", "true"),
        ("2023-02", "0", "1", "false"),
        ("2023-03", "1", "1", "false"),
    ]


def test_timeline_with_other_queries(tides: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    chart = tides("timeline", "灯塔", "--with", "台风", "--by", "year", "--svg", path)
    rows = chart.lines
    assert rows[0].startswith("灯塔 ")
    assert rows[4].startswith("台风")
    assert "2 queries by year, 2023 to 2025" in rows
    texts = [text.text or "" for text in drawn(path).iter(f"{SVG}text")]
    assert {"灯塔 · 15", "台风 · 10"} <= set(texts)
    result = tides.json("timeline", "灯塔", "--with", "海豚", "--by", "year")
    assert problems(result) == []
    assert [series["articles"] for series in result["series"]] == [15, 0]
    assert [series["query"] for series in result["series"]] == ["灯塔", "海豚"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["潮汐", "--with", "灯塔", "--per", "source"], "exclude each other"),
        (["潮汐", "--share", "--count", "occurrences"], "--count per-million"),
        (["source:雾港", "--count", "occurrences"], "no text to count"),
        (["潮汐", *["--with", "灯塔"] * 20], "more than 20"),
    ],
)
def test_timeline_rejects_options(tides: Cli, args: list[str], message: str) -> None:
    assert message in tides("timeline", *args, status=2).err


def test_timeline_counts_occurrences(tides: Cli, tmp_path: Path) -> None:
    lines = len(tides("kwic", "潮汐", "--jsonl").lines)
    assert lines > TIDE_COUNT
    result = tides.json("timeline", "潮汐", "--count", "occurrences", "--by", "year")
    assert problems(result) == []
    (series,) = result["series"]
    assert series["occurrences"] == sum(each["occurrences"] for each in series["bins"]) == lines
    path = tmp_path / "a.svg"
    args = ("timeline", "潮汐", "--count", "per-million", "--by", "year")
    ran = tides(*args, "--svg", path)
    assert "per million characters of all articles, year by year" in ran.out
    (series,) = tides.json(*args)["series"]
    for row, (title, _, _), each in zip(ran.lines, bars(drawn(path)), series["bins"], strict=False):
        assert f"{each['per_million']:,.1f}" in row
        assert f"{each['per_million']:,.1f} per million of {each['characters']:,} char" in title


@pytest.mark.parametrize(("lines", "bins"), [(24, 3), (40, 30)])
def test_timeline_has_as_many_bins_as_lines(tides: Cli, lines: int, bins: int) -> None:
    env = {"LINES": str(lines), "COLUMNS": "80"}
    _, screen = tides.on_terminal("timeline", "潮汐", "--color", "never", env=env)
    assert screen.splitlines().index("") == bins


# SVG


def drawn(path: Path) -> ET.Element:
    text = path.read_text("utf-8")
    assert "href" not in text
    assert text.count("http") == 1  # the name of SVG itself
    root = ET.fromstring(text)  # noqa: S314  (ours)
    assert root.tag == f"{SVG}svg"
    return root


def bars(root: ET.Element) -> Iterator[tuple[str, float, float]]:
    """Yield the name, the left edge and the height of each bar."""
    for rect in root.iter(f"{SVG}rect"):
        if (title := rect.find(f"{SVG}title")) is not None:
            yield title.text or "", float(rect.attrib["x"]), float(rect.attrib["height"])


def test_svg_bar_heights_match_counts(tides: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    chart = tides("timeline", "潮汐", "--by", "year", "--svg", path).out
    assert chart.startswith("2023*  12")
    found = list(bars(drawn(path)))
    assert [name for name, _, _ in found] == [
        "2023: 12, not a whole year",
        "2024: 12",
        "2025: 6, not a whole year",
    ]
    assert found[0][2] == found[1][2] == pytest.approx(2 * found[2][2], abs=0.02)
    assert found[1][1] - found[0][1] == pytest.approx(found[2][1] - found[1][1], abs=0.02)
    texts = [text.text for text in drawn(path).iter(f"{SVG}text")]
    assert {"潮汐", "2023", "2024", "2025", "0", "30 articles by year, 2023 to 2025"} <= set(texts)


def test_svg_has_a_chart_per_source(tides: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    tides("timeline", "潮汐", "--per", "source", "--share", "--svg", path)
    root = drawn(path)
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert [text for text in texts if " · 10" in text] == [
        f"{name} · 10" for name in sorted(TIDE_SOURCES)
    ]
    assert len(list(bars(root))) == TIDE_COUNT
    assert all(": 1 of 1, 100.00 %" in name for name, _, _ in bars(root))


def test_svg_is_valid_for_any_text(cli: Cli, tmp_path: Path) -> None:
    evil = "<script>&amp;]]>\\u0001\\ufffe\\u202e‘“名"
    write_article(cli.folder / "a.md", "题目", "潮汐公报。", source=evil)
    cli("index", "a.md")
    for per in ([], ["--per", "source"]):
        path = tmp_path / "a.svg"
        query = "潮汐 </text><script>alert(1)</script> & \x01 \ufffe ]]> “" + "长" * 300 + "”"
        cli("timeline", "--any", query, *per, "--svg", path)
        root = drawn(path)
        assert not list(root.iter(f"{SVG}script"))
        title = root.find(f"{SVG}title")
        assert title is not None
        assert (title.text or "").startswith("潮汐 </text><script>alert(1)</script> & ")


def test_svg_names_the_filters(tides: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    tides("timeline", "潮汐", "--source", "雾港", "--since", "2024", "--svg", path)
    texts = [text.text for text in drawn(path).iter(f"{SVG}text")]
    assert 'articles by month · 潮汐 AND source:"雾港" AND date:2024-01-01..' in texts


def test_svg_to_standard_output(tides: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    tides("timeline", "潮汐", "--svg", path)
    ran = tides("timeline", "潮汐", "--svg", "-")
    assert (ran.stdout, ran.stderr) == (path.read_bytes(), b"")
    assert not (tides.folder / "-").exists()


def test_timeline_top_needs_per_source(tides: Cli) -> None:
    assert "--top needs --per source" in tides("timeline", "潮汐", "--top", "3", status=2).err
    result = tides.json("timeline", "潮汐", "--top", "1", "--per", "source")
    assert (len(result["series"]), len(result["other_sources"])) == (1, 2)
    chart = tides("timeline", "潮汐", "--top", "1", "--per", "source").out
    assert "not shown: 雾港日报 10, 鹭岛电台 10: --top shows more sources" in chart


def test_svg_unwritable_file_is_an_error(tides: Cli) -> None:
    err = tides("timeline", "潮汐", "--svg", "no/such/folder/a.svg", status=2).err
    assert "No such file or directory" in err
    assert "a.svg" in err
