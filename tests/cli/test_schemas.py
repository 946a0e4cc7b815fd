"""Each kind of JSON output has a schema with an address of its own, and follows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli import REPOSITORY, Cli
from tests.support.schemas import SCHEMA_NAMES, load_schema, schema_errors

COMMANDS = {
    "article": ("show", "https://www.zedao.example/news/20240518/ouwan-hearing.html", "--all"),
    "count": ("count", "声明", "--by", "source,month,day,author,tag"),
    "sources": ("sources",),
    "similar": ("similar", "离岛代表", "-n", "2"),
    "keywords": ("keywords", "voxg36vu63he", "-n", "3"),
    "compare": ("compare", "声明", "--sources", "汀海,北河"),
    "stats": ("stats",),
    "doctor": ("doctor",),
    "index": ("index", "seeds"),
}


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_schema_is_valid_and_has_an_id(name: str) -> None:
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"https://newsgrep.example/schemas/1/{name}.schema.json"
    assert f"({name}.schema.json)" in (REPOSITORY / "docs" / "JSON.md").read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_output_follows_its_schema(seeds: Cli, name: str) -> None:
    assert schema_errors(seeds.json(*COMMANDS[name]), load_schema(name)) == []


def test_undocumented_keys_are_errors(seeds: Cli) -> None:
    shown = seeds.json(*COMMANDS["article"]) | {"surprise": 1}
    assert len(schema_errors(shown, load_schema("article"))) == 1


def test_lines_follow_the_schemas_of_objects(seeds: Cli, tmp_path: Path) -> None:
    ran = seeds("export", "声明", "--to", "jsonl", "-o", tmp_path / "a")
    assert ran.stdout == b""
    for line in (tmp_path / "a").read_text("utf-8").splitlines():
        assert schema_errors(json.loads(line), load_schema("article")) == []
    provenance = json.loads((tmp_path / "a.provenance.json").read_bytes())
    assert schema_errors(provenance, load_schema("provenance")) == []
    schema = load_schema("similar")
    line_schema = {**schema["$defs"]["similar"], "$id": schema["$id"], "$defs": schema["$defs"]}
    for line in seeds("similar", "离岛代表", "--jsonl").lines:
        assert schema_errors(json.loads(line), line_schema) == []


def test_dates_of_stats_are_iso_8601(seeds: Cli) -> None:
    found = seeds.json("stats")
    oldest = seeds.json("search", "*", "-n", "1", "--sort", "date")["hits"][0]
    assert found["oldest"] == oldest["published"]
    assert found["newest"][:10] in seeds("stats").out
