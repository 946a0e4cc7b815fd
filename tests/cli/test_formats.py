"""Output for scripts: JSON with a schema, JSON Lines, CSV and paths, in real pipelines."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from newsgrep.analysis.characters import fold
from tests.support.cli import TIDE_COUNT, Cli, write_article
from tests.support.schemas import SEARCH_SCHEMA, schema_errors

LINE = SEARCH_SCHEMA | {"$ref": "#/$defs/line"}
for _key in ("type", "properties", "required", "additionalProperties", "if", "then", "else"):
    del LINE[_key]


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield each property that a schema defines, at any depth."""
    if isinstance(schema, dict):
        if "type" in schema or "$schema" in schema:
            yield from schema.get("properties", {}).items()
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


# The schema


def test_search_schema_describes_every_property() -> None:
    Draft202012Validator.check_schema(SEARCH_SCHEMA)
    described = dict(properties(SEARCH_SCHEMA))
    assert len(described) > 30
    assert [
        name for name, schema in described.items() if len(schema.get("description", "")) < 9
    ] == []


@pytest.mark.parametrize(
    "args",
    [
        ["联合声明"],
        ['"聯合聲明"', "--sort", "date", "--offset", "2", "-n", "3"],
        ["caption:渔民"],
        ["-联合声明", "--since", "2023", "-n", "99"],
        ["水", "-n", "0"],
    ],
    ids=["words", "quoted", "caption", "excluded", "no hits shown"],
)
def test_search_json_matches_the_schema(seeds: Cli, args: list[str]) -> None:
    result = seeds.json("search", *args)
    assert schema_errors(result) == []
    assert result["total"] > 0
    assert result["query"] == args[0]


@pytest.mark.parametrize(
    "args",
    [
        ["海豚音乐厅", "联合声明"],
        ["联合声明", "--source", "没有这家", "-屿"],
        ["联合声明 date:1999"],
        [" ".join(f"词{n}" for n in range(40))],
    ],
    ids=["words", "source", "date", "many words"],
)
def test_search_json_without_hits_has_a_diagnosis(seeds: Cli, args: list[str]) -> None:
    result = seeds.json("search", *args, status=1)
    assert schema_errors(result) == []
    assert (result["total"], result["hits"]) == (0, [])
    assert result["diagnosis"]["articles"] == 16
    assert result["diagnosis"]["terms"]


def test_search_shows_closest_articles_apart_from_matches(seeds: Cli) -> None:
    query = ("search", "联合声明 朱鹮 渔业", "--source", "汀海")
    closest = seeds.json(*query, "--json", status=1)["closest"]
    assert closest
    assert all("朱鹮" in each["lacks"] for each in closest)
    for form in ("--no-pager", "--jsonl"):
        ran = seeds(*query, form, status=1)
        assert ran.out == ""
        assert all(each["title"] in ran.err for each in closest)
        assert f"lacks {', '.join(closest[0]['lacks'])}\n" in ran.err
    for form in ("--csv", "--paths"):
        assert "Closest" not in seeds(*query, form, status=1).err
    seeds(*query, status=1)
    assert seeds.json("show", "1")["id"] == closest[0]["id"]


def test_search_jsonl_matches_the_schema(seeds: Cli) -> None:
    lines = [json.loads(line) for line in seeds("search", "联合声明", "--jsonl").lines]
    assert [problem for line in lines for problem in schema_errors(line, LINE)] == []
    versions = [line.pop("version") for line in lines]
    assert versions == [1] * len(lines)
    assert lines == seeds.json("search", "联合声明")["hits"]


def test_search_schema_rejects_unknown_properties(seeds: Cli) -> None:
    result = seeds.json("search", "联合声明")
    hit = result["hits"][0]
    assert schema_errors(result | {"more": 1})
    assert schema_errors(result | {"hits": [hit | {"more": 1}]})
    assert schema_errors(result | {"hits": [hit | {"provenance": {"more": "here"}}]})
    assert schema_errors(result | {"total": 0})
    assert schema_errors(hit, LINE)
    assert schema_errors(hit | {"version": 1, "more": 1}, LINE)
    without_id = {name: value for name, value in hit.items() if name != "id"}
    assert schema_errors(result | {"hits": [without_id]})


# Offsets and spans


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("联合声明", {"联合声明"}),
        ('"渔场" "声明"', {"渔场", "声明"}),
        ("ＧＰＴ", {"gpt"}),
        ("caption:渔民", {"渔民"}),
    ],
)
def test_json_spans_mark_the_matches(seeds: Cli, query: str, wanted: set[str]) -> None:
    hits = seeds.json("search", query, "-n", "99")["hits"]
    marked = [
        text[start:end]
        for hit in hits
        for text, spans in [
            (hit["title"], hit["title_spans"]),
            *((snippet["text"], snippet["spans"]) for snippet in hit["snippets"]),
        ]
        for start, end in spans
    ]
    assert {fold(text) for text in marked} == wanted
    assert len(marked) >= len(hits) > 0


def test_json_spans_are_sorted_and_disjoint(seeds: Cli) -> None:
    for hit in seeds.json("search", "水 OR 声明 OR 渔场 OR 声 OR the", "-n", "99")["hits"]:
        for text, spans in [
            (hit["title"], hit["title_spans"]),
            *((snippet["text"], snippet["spans"]) for snippet in hit["snippets"]),
        ]:
            edges = [edge for span in spans for edge in span]
            assert edges == sorted(set(edges))
            assert not edges or edges[-1] <= len(text)


def test_json_snippet_offsets_count_body_characters(seeds: Cli) -> None:
    hits = seeds.json("search", "联合声明", "-n", "99")["hits"]
    assert len(hits) == 8
    for hit in hits:
        body = seeds.json("show", hit["id"])["body"]
        assert hit["snippets"]
        for snippet in hit["snippets"]:
            assert snippet["field"] == "body"
            end = snippet["offset"] + len(snippet["text"])
            assert body[snippet["offset"] : end] == snippet["text"]


def test_json_offsets_count_astral_characters_once(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "𠮷野家🐟开张", "🐟🐟𠮷日开张的鱼市，第一天卖出三筐𩸽鱼。")
    cli("index", "a.md")
    (hit,) = cli.json("search", '"鱼市"')["hits"]
    (snippet,) = hit["snippets"]
    assert [snippet["text"][start:end] for start, end in snippet["spans"]] == ["鱼市"]
    body = cli.json("show", "a.md")["body"]
    assert body[snippet["offset"] :].startswith(snippet["text"])


# CSV and paths


def test_search_csv_has_a_header_and_a_row_per_hit(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "逗号, 和「引号」", '他说"行, 走吧"。\n\n海带, 三筐。')
    write_article(cli.folder / "n" / "b.md", "=1+1", "海带。", source="Harbour Post")
    cli("index", "n")
    rows = list(csv.DictReader(io.StringIO(cli("search", "海带", "--csv").out, newline="")))
    hits = cli.json("search", "海带")["hits"]
    assert [row["id"] for row in rows] == [hit["id"] for hit in hits]
    for row, hit in zip(rows, hits, strict=True):
        for column in ("source", "published", "precision", "path"):
            assert row[column] == hit[column]
        assert row["title"] == hit["title"].replace("=1+1", "'=1+1")
        assert "海带" in row["snippet"]
    assert len({len(row) for row in rows}) == 1


def test_search_paths_end_with_newline_or_nul(tides: Cli) -> None:
    wanted = [os.fsencode(hit["path"]) for hit in tides.json("search", "灯塔", "-n", "99")["hits"]]
    assert len(wanted) == TIDE_COUNT / 2
    assert tides("search", "灯塔", "--paths", "-n", "99").stdout == b"\n".join(wanted) + b"\n"
    assert tides("search", "灯塔", "--paths", "-0", "-n", "99").stdout == (
        b"\0".join(wanted) + b"\0"
    )
    assert "--paths" in tides("search", "灯塔", "-0", status=2).err


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_json_and_csv_are_never_coloured(seeds: Cli, form: str) -> None:
    assert b"\x1b" not in seeds("search", "联合声明", form, "--color", "always").stdout


# Pipelines


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_search_output_feeds_jq(seeds: Cli) -> None:
    script = "set -o pipefail; newsgrep search --json 联合声明 | jq -r '.hits[].url'"
    ran = seeds.bash(script)
    assert (ran.status, ran.stderr) == (0, b"")
    assert "https://www.qundao.example/a/ouwan-fishery-observers-20240516/7714020.html" in ran.lines
    script = "set -o pipefail; newsgrep search --jsonl 联合声明 | jq -r .title"
    ran = seeds.bash(script)
    assert (ran.status, ran.stderr) == (0, b"")
    assert ran.lines == seeds.found("联合声明")
    script = "set -o pipefail; newsgrep search --json 海豚音乐厅 2>&- | jq .diagnosis.articles"
    assert seeds.bash(script).out == "16\n"


@pytest.mark.parametrize("form", ["", "--json", "--jsonl", "--color=always"])
def test_search_into_a_closed_pipe_exits_0(seeds: Cli, form: str) -> None:
    # More than a pipe buffers, so that newsgrep still writes when head has exited.
    query = "水 OR 声明 OR 的 OR the"
    ran = seeds.bash(
        f"newsgrep search -n 999 {form} '{query}' '{'渔 ' * 900}' --any | head -1; "
        'echo "${PIPESTATUS[@]}"'
    )
    assert ran.stderr == b""
    assert len(ran.lines) == 2
    assert ran.lines[1] == "0 0"


def test_show_into_a_closed_pipe_exits_0(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "长文", "\n\n".join(f"第{n}段海带。" for n in range(20_000)))
    cli("index", "a.md")
    for form in ("", "--json"):
        ran = cli.bash(f'newsgrep show a.md {form} | head -1; echo "${{PIPESTATUS[@]}}"')
        assert ran.stderr == b""
        assert ran.lines[1:] == ["0 0"]


def test_search_paths_feed_xargs(tides: Cli) -> None:
    script = (
        "set -o pipefail; newsgrep search --paths -0 -n 99 灯塔 | xargs -0 grep -l 灯塔 | wc -l"
    )
    ran = tides.bash(script)
    assert (ran.status, ran.out.strip(), ran.stderr) == (0, str(TIDE_COUNT // 2), b"")


# Encodings


@pytest.mark.parametrize("form", ["--color=never", "--json", "--csv", "--paths"])
def test_output_is_utf8_in_any_locale(seeds: Cli, form: str) -> None:
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    ran = seeds("search", '"大桥通车日"', form, env=ascii_only)
    assert "大桥通车日" in ran.out
    assert ran.stderr == b""


def test_messages_are_readable_in_any_locale(seeds: Cli) -> None:
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    assert "海豚" in seeds("search", "海豚音乐厅", status=1, env=ascii_only).err
    assert "大桥通车日" in seeds("show", "seeds/大桥通车日", status=1, env=ascii_only).err


@pytest.mark.parametrize("name", [b"a\x9bb", b"\xb3\xa4-\x84", "a\x9bb".encode()])
def test_paths_quotes_control_bytes(cli: Cli, name: bytes) -> None:
    path = os.fsencode(cli.folder / "n") + b"/" + name + b".txt"
    write_article(cli.folder / "n" / "ordinary.txt", "普通文件", "海带三筐。")
    (cli.folder / "n" / "ordinary.txt").rename(os.fsdecode(path))
    cli("index", "n")
    printed = cli("search", "海带", "--paths").stdout
    assert printed.startswith(b"$'")
    assert printed.isascii()
    shell = subprocess.run(["bash", "-c", b"printf %s " + printed], capture_output=True, check=True)
    assert shell.stdout == path
    assert cli("search", "海带", "--paths", "-0").stdout == path + b"\0"


def test_undecodable_file_name_round_trips(cli: Cli) -> None:
    folder = os.fsencode(cli.folder / "n")
    name = folder + b"/\xb3\xa4\xb7\xe7-\xff.txt"
    write_article(cli.folder / "n" / "ordinary.txt", "普通文件", "海带三筐。")
    Path(os.fsdecode(folder + b"/ordinary.txt")).rename(os.fsdecode(name))
    cli("index", "n")
    assert cli("search", "海带", "--paths", "-0").stdout == name + b"\0"
    assert cli("search", "海带", "--paths").stdout == name + b"\n"
    quoted = rf"$'{os.fsdecode(folder)}/\263\244\267\347-\377.txt'"
    assert quoted in cli.on_terminal("search", "海带", "--paths", columns=999)[1]
    for form in ("--json", "--jsonl"):
        result = json.loads(cli("search", "海带", form).stdout.decode("utf-8"))
        hit = result["hits"][0] if form == "--json" else result
        assert os.fsencode(hit["path"]) == name
    assert r"$'n/\263\244\267\347-\377.txt'" in cli("search", "海带").out
    (row,) = csv.DictReader(cli("search", "海带", "--csv").lines)
    assert row["path"] == quoted
    (row,) = csv.DictReader(cli("search", "海带", "--csv=raw").lines)
    assert row["path"] == name.decode("utf-8", "replace")
    assert "海带三筐" in cli("show", name).out
    assert "海带三筐" in cli("show", name.removeprefix(os.fsencode(cli.folder) + b"/")).out
    summary = cli.json("index", "n")
    assert (summary["seen"], summary["unchanged"]) == (1, 1)
    assert cli("index", "-", stdin=name + b"\n").out.startswith("1 file seen: 1 unchanged")
    Path(os.fsdecode(name)).unlink()
    assert cli.json("index", "n", "--prune")["removed"] == 1
