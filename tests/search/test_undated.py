"""Articles without a date: no filter by date matches them, and results count them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches
from newsgrep.query.parser import parse
from newsgrep.search.bins import UNDATED, count_undated
from newsgrep.search.diagnose import diagnose
from newsgrep.search.search import SearchRequest, search
from tests.support.cli import Cli, write_article
from tests.support.factories import FOLDER_ENGINES, engine_with, make_article

ARTICLES = (
    make_article("dated", "渡轮改点", "渡轮清晨开船。", date="2024-05-17"),
    make_article("month", "渡轮修理", "渡轮进坞。", date="2024-06"),
    make_article("none", "渡轮停航", "渡轮停了。"),
    make_article("other", "灯塔修好", "守塔人下岛。"),
)


@pytest.fixture(params=["memory", *FOLDER_ENGINES])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with closing(engine_with(request.param, tmp_path, ARTICLES)) as engine:
        yield engine


def test_filters_by_date_count_undated_articles(engine: Engine) -> None:
    assert count_matches(engine, UNDATED) == 2
    for query, undated, total in (
        ("渡轮 date:2024-05", 1, 1),
        ("渡轮 date:2020", 1, 0),
        ("date:2024", 2, 2),
        ("渡轮 date:2024 date:..2024-05", 1, 1),
        ("灯塔 source:没有 date:2024", 0, 0),
        ("渡轮", None, 3),
        ("渡轮 -date:2024", None, 1),
        ("(渡轮 OR date:2024)", None, 3),
    ):
        result = search(engine, SearchRequest(parse(query)))
        assert (result.undated, result.total) == (undated, total), query
        assert count_undated(engine, parse(query).root) == undated, query
    assert diagnose(engine, parse("渡轮 date:2020").root).undated == 1
    assert diagnose(engine, parse("没有").root).undated == 0


def test_undated_articles_are_last_by_date(engine: Engine) -> None:
    root = parse("渡轮").root
    for order in (Order.OLDEST, Order.NEWEST):
        page = engine.search(EngineRequest(root, order, facets=("month", "day")))
        assert page.candidates[-1].id == "none"
        assert dict(page.facets["month"]) == {"2024-05": 1, "2024-06": 1, "": 1}
    recent = search(engine, SearchRequest(parse("渡轮"), recency=Recency(86400.0, 1715900000.0)))
    assert recent.hits[-1].article.id == "none"


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "渡轮改点", "渡轮清晨开船。", date="2024-05-17")
    path = cli.folder / "n" / "b.txt"
    path.write_text("渡轮停航\n\n渡轮停了一天。\n", "utf-8")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    cli("index", "n")
    return cli


def test_hits_and_empty_results_name_undated_articles(harbour: Cli) -> None:
    ran = harbour("search", "渡轮")
    assert "undated (file of 2020-09-13)" in ran.out
    assert "without a date" not in ran.out
    ran = harbour("search", "渡轮", "--since", "2024")
    assert ran.lines[-1] == "1 article without a date matches otherwise"
    ran = harbour("search", "渡轮 date:2020", status=1)
    assert "  1 article without a date of publication otherwise\n" in ran.err
    result = harbour.json("search", "渡轮 date:2020", status=1)
    assert (result["undated"], result["diagnosis"]["undated"]) == (1, 1)
    (hit,) = harbour.json("search", "停了")["hits"]
    assert (hit["published"], hit["file_time"][:10]) == (None, "2020-09-13")


def test_counts_by_date_name_undated_articles(harbour: Cli) -> None:
    assert "1 article without a date" in harbour("timeline", "渡轮").out
    assert harbour.json("timeline", "渡轮")["undated"] == 1
    stats = harbour.json("stats")
    assert stats["undated"] == 1
