"""Queries of every kind: how they are parsed and which articles they find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import QueryError
from newsgrep.query.ast import describe
from newsgrep.query.parser import parse
from tests.support.contract_archive import ARCHIVE
from tests.support.factories import ENGINES, engine_with

GOLDEN = Path(__file__).parents[1] / "golden" / "queries.tsv"


class Golden(NamedTuple):
    query: str
    parsed: str
    ids: str


CASES = [
    Golden(*line.split("\t"))
    for line in GOLDEN.read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    made = engine_with(request.param, tmp_path_factory.mktemp("golden"), ARCHIVE)
    yield made
    made.close()


def test_golden_queries_are_many() -> None:
    assert len({case.query for case in CASES}) == len(CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query)
def test_golden_query_is_parsed_and_finds(engine: Engine, case: Golden) -> None:
    root = parse(case.query).root
    assert describe(root) == case.parsed
    found = sorted(
        candidate.id for candidate in engine.search(EngineRequest(root, limit=100)).candidates
    )
    assert (" ".join(found) or "-") == case.ids


WRONG = {
    "": 0,
    "   ": 0,
    "联合 OR": 3,
    "OR 联合": 0,
    "联合 AND": 3,
    "AND": 0,
    "(联合": 0,
    "联合)": 2,
    '"联合': 0,
    "“联合": 0,
    '联合 ""': 3,
    "联合 NOT": 3,
    "title:": 0,
    "source:(a b)": 0,
    "date:": 0,
    "date:昨日吧": None,
    "date:2024-13": 10,
    "since:2024-02-31": 14,
    "changed:often": 8,
    "changed:2024-13": 13,
    "changed:(title body)": 0,
    "earlier:": 0,
    "date:2024..2023": None,
    "a NEAR/2000 b": 2,
    "NEAR 水": 0,
    "~水": 0,
    "/(/": 0,
    r"/\d/": 0,
    r"水 OR /\d/": 5,
    "x" * 100_001: 100_000,
}


@pytest.mark.parametrize("query", WRONG, ids=lambda query: query[:20] or "empty")
def test_invalid_query_has_position(query: str) -> None:
    place = WRONG[query]
    with pytest.raises(QueryError) as error:
        parse(query)
    if place is not None:
        assert error.value.position == place
    assert 0 <= (error.value.position or 0) <= len(query)
