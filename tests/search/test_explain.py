"""``search --explain``: the parts of each score, and that they add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import EngineRequest
from newsgrep.query.parser import parse
from newsgrep.search.diagnose import explain
from newsgrep.search.search import SearchRequest, search
from tests.support.cli import REPOSITORY, Cli
from tests.support.contract_archive import ARCHIVE
from tests.support.factories import ENGINES, engine_with

QUERIES = (
    "联合声明",
    "联合 声明 大桥",
    "水 OR 声明 -渔业",
    "title:联合 市长",
    "汀海晚报 OR 水",
    "聯*聲明",
    "-水",
)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("recency", [None, Recency(3e7, 1.75e9)])
def test_explain_parts_multiply_to_the_score(
    name: str, query: str, recency: Recency | None, tmp_path: Path
) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    result = search(engine, SearchRequest(parse(query), recency=recency))
    explanation = explain(engine, result)
    assert result.hits
    for hit in result.hits:
        each = explanation.hits[hit.article.id]
        factor = each.features.factor if each.features else 1.0
        assert sum(each.terms.values()) * each.recency * factor == pytest.approx(hit.score)
    for term, articles in explanation.terms:
        assert articles == engine.search(EngineRequest(parse(f'"{term}"').root, limit=0)).total
    engine.close()


def explained(cli: Cli, *args: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cli("search", "--json", "--explain", *args).stdout)
    schema = json.loads((REPOSITORY / "docs" / "search.schema.json").read_text("utf-8"))
    jsonschema.validate(answer, schema)
    return answer


def test_search_explain_prints_each_score(seeds: Cli) -> None:
    lines = seeds("search", "--explain", "-n", "2", "联合声明 渔场").lines
    assert lines[0] == "parsed  联合声明 AND 渔场"
    assert sum(line.strip().startswith("score ") for line in lines) == 2
    answer = explained(seeds, "联合声明 渔场")
    assert [term["term"] for term in answer["terms"]] == ["联合声明", "渔场"]
    first = answer["hits"][0]
    parts = first["explanation"]
    assert first["score"] == pytest.approx(
        sum(parts["terms"].values()) * parts["rerank"]["factor"], rel=1e-3
    )
    assert explained(seeds, "联合声明", "--recency", "30d")["hits"][0]["explanation"]["recency"] < 1


def test_search_explain_allows_text_and_json_only(seeds: Cli) -> None:
    for option in ("--csv", "--jsonl", "--paths", "--collapse"):
        assert "--explain works with" in seeds("search", "--explain", option, "水", status=2).err
