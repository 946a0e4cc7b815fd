"""``newsgrep kwic``: aligned text, JSON Lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from newsgrep.terminal import display_width
from tests.support.cli import REPOSITORY, TIDE_COUNT, TIDE_SOURCES, Cli, write_article
from tests.support.schemas import load_schema, schema_errors

SCHEMA: dict[str, Any] = json.loads((REPOSITORY / "docs" / "kwic.schema.json").read_text("utf-8"))


def jsonl(cli: Cli, *args: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in cli("kwic", *args, "--jsonl").lines]
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    assert [error.message for line in lines for error in validator.iter_errors(line)] == []
    return lines


def test_kwic_offsets_match_the_article(seeds: Cli) -> None:
    found = jsonl(seeds, "联合声明")
    assert {place["field"] for place in found} == {"title", "body"}
    articles = {place["id"]: seeds.json("show", place["id"]) for place in found}
    assert len(articles) == 8
    for place in found:
        article = articles[place["id"]]
        text, start, end = article[place["field"]], place["start"], place["end"]
        assert place["keyword"] == text[start:end]
        assert text[:start].endswith(place["left"])
        assert text[end:].startswith(place["right"])
        assert max(display_width(place["left"]), display_width(place["right"])) <= 60
        for name in ("title", "source", "published", "url", "path"):
            assert place[name] == article[name]


def test_kwic_csv_equals_jsonl(seeds: Cli) -> None:
    found = jsonl(seeds, '"漁場" OR 声明', "--sort", "right")
    rows = list(
        csv.DictReader(io.StringIO(seeds("kwic", '"漁場" OR 声明', "--sort", "right", "--csv").out))
    )
    assert len(rows) == len(found) > 20
    for row, place in zip(rows, found, strict=True):
        del place["version"]
        assert list(row) == list(place)
        for name, value in place.items():
            flat = (
                value.replace("\n\n", "¶").replace("\n", " ") if isinstance(value, str) else value
            )
            assert row[name] == ("" if value is None else str(flat))


@pytest.mark.parametrize("columns", [24, 39, 40, 59, 60, 80, 133])
def test_kwic_aligns_keywords_on_a_terminal(seeds: Cli, columns: int) -> None:
    status, screen = seeds.on_terminal("kwic", "聯合聲明 OR 水", "--color=always", columns=columns)
    assert status == 0
    *rows, last = screen.splitlines()
    total = seeds.json("search", "聯合聲明 OR 水")["total"]
    assert last == f"{len(rows)} occurrences in {total} articles"
    begins = set()
    for row in rows:
        before, _, rest = row.partition("\x1b[1;31m")
        assert re.match("(联合声明|聯合聲明|水)\x1b", rest)
        begins.add(display_width(without_codes(before)))
        assert display_width(without_codes(row)) <= columns
    assert len(begins) == 1
    shown = [without_codes(row) for row in rows]
    assert any("¶" in row for row in shown)
    plain = seeds("kwic", "聯合聲明 OR 水", "--width", str(columns))
    assert [row.rstrip() for row in shown] == plain.lines


def without_codes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)


def test_kwic_prints_date_and_source_first(tides: Cli) -> None:
    lines = tides("kwic", "台风", "--sort", "date").lines
    assert len(lines) == TIDE_COUNT // 3
    assert lines[0].startswith("2023-01-15  雾港日报     ")
    assert lines[-1].startswith("2025-04-15  雾港日报     ")
    assert [line[:10] for line in lines] == sorted(line[:10] for line in lines)


def test_kwic_reports_a_reached_limit(tides: Cli) -> None:
    ran = tides("kwic", "潮汐", "-n", "3")
    assert len(ran.lines) == 3
    assert "3 occurrences in 1 article. There are more: raise -n." in ran.err
    total = len(tides("kwic", "潮汐").lines)
    for args in ([], ["-n", str(total)], ["--sort", "right"]):
        ran = tides("kwic", "潮汐", *args)
        assert ran.err == f"{total} occurrences in {TIDE_COUNT} articles\n"
    ran = tides("kwic", "潮汐", "--sort", "right", "-n", "3")
    assert ran.err == f"{total} occurrences in {TIDE_COUNT} articles, 3 shown\n"


def test_kwic_groups_are_printed(tides: Cli) -> None:
    total = len(tides("kwic", "潮汐").lines)
    ran = tides("kwic", "潮汐", "--group", "source")
    assert {re.sub(r"  .*", "", line) for line in ran.lines} == set(TIDE_SOURCES)
    assert ran.err == f"{total} occurrences in {TIDE_COUNT} articles\n"
    groups = [json.loads(line) for line in tides("kwic", "潮汐", "--group=year", "--jsonl").lines]
    schema = json.loads((REPOSITORY / "docs" / "kwic-groups.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert all(Draft202012Validator(schema).is_valid(group) for group in groups)
    assert sorted(group["value"] for group in groups) == ["2023", "2024", "2025"]
    assert sum(group["occurrences"] for group in groups) == total
    assert sum(group["articles"] for group in groups) == TIDE_COUNT
    rows = list(csv.DictReader(tides("kwic", "潮汐", "--group=year", "--csv", "-n", "1").lines))
    assert [(row["group"], row["value"]) for row in rows] == [("year", groups[0]["value"])]
    assert "no article with 海豚" in tides("kwic", "海豚", "--group", "left", status=1).err


def test_kwic_json_is_one_object(tides: Cli) -> None:
    schema = load_schema("kwic-json")
    lines = jsonl(tides, "潮汐", "--sort", "right")
    found = tides.json("kwic", "潮汐", "--sort", "right")
    assert schema_errors(found, schema) == []
    assert [{"version": 1, **line} for line in found["lines"]] == lines
    assert (found["occurrences"], found["articles"]) == (len(lines), TIDE_COUNT)
    assert (found["query"], found["parsed"], found["has_more"]) == ("潮汐", "潮汐", False)
    for options in (("-n", "3"), ("-n", "3", "--sort", "left")):
        assert tides.json("kwic", "潮汐", *options)["has_more"]
    found = tides.json("kwic", "潮汐", "--group", "year")
    assert schema_errors(found, schema) == []
    assert sum(group["occurrences"] for group in found["groups"]) == len(lines)
    found = tides.json("kwic", "没有", status=1)
    assert (schema_errors(found, schema), found["lines"]) == ([], [])


def test_kwic_truncates_long_keywords_in_text_only(cli: Cli) -> None:
    long = "潮汐表照常张贴" * 20
    write_article(cli.folder / "a.md", "题目", f"码头上，{long}，船都在。")
    cli("index", "a.md")
    (line,) = cli("kwic", f'"{long}"', "--width", "80").lines
    assert display_width(line) <= 80
    assert " 潮汐表照常张贴潮… ，船都在。" in line
    assert jsonl(cli, f'"{long}"')[0]["keyword"] == long


def test_kwic_sanitizes_context(cli: Cli) -> None:
    source = "\\x1b[31m[bold]\\u202e雾港日报"
    write_article(
        cli.folder / "a.md", "题目", "\x1b]0;evil\x07前\u202e面 潮汐 后[red]面。", source=source
    )
    cli("index", "a.md")
    status, screen = cli.on_terminal("kwic", "潮汐", "--color=never")
    assert status == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", screen)
    assert "后[red]面" in screen


def test_kwic_without_matches_is_explained(tides: Cli) -> None:
    ran = tides("kwic", "海豚", status=1)
    assert ran.stdout == b""
    assert "no article with 海豚" in ran.err
    ran = tides("kwic", "海豚 OR source:雾港", status=1)
    assert "10 articles match, but none contains a word of QUERY" in ran.err


@pytest.mark.parametrize("query", ["source:雾港", "date:2024", "source:雾港 -潮汐"])
def test_kwic_needs_a_text_query(tides: Cli, query: str) -> None:
    assert "Add a word" in tides("kwic", query, status=2).err


@pytest.mark.parametrize("form", ["", "--jsonl", "--csv", "--sort=left", "--color=always"])
def test_kwic_into_a_closed_pipe_exits_0(cli: Cli, form: str) -> None:
    for number in range(4):
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐表，" * 3000)
    cli("index", "n")
    ran = cli.bash(f'newsgrep kwic {form} 潮汐 | head -1; echo "${{PIPESTATUS[@]}}"')
    assert ran.stderr == b""
    assert (len(ran.lines), ran.lines[1]) == (2, "0 0")
