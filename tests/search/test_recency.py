"""``--recency``: newer articles first, with the same weights on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsgrep.analysis.scoring import MIN_RECENCY_WEIGHT, Recency
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.parser import parse
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import SearchRequest, search
from tests.support.cli import Cli
from tests.support.factories import ENGINES, engine_with, make_article

DAY = 86_400.0
NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
MONTH = Recency(30 * DAY, NOW)

# All have the same text, so that without recency only the date orders them.
SAME = [
    make_article("today", "潮位", "渔港的潮位公报。", date="2024-06-01"),
    make_article("later", "潮位", "渔港的潮位公报。", date="2030-01-01"),
    make_article("month", "潮位", "渔港的潮位公报。", date="2024-05-02"),
    make_article("year", "潮位", "渔港的潮位公报。", date="2023-06-01"),
    make_article("old", "潮位", "渔港的潮位公报。", date="1993"),
    make_article("undated", "潮位", "渔港的潮位公报。"),
]


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(name: str, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(name, tmp_path, SAME)
    yield engine
    engine.close()


def test_recency_halves_scores_down_to_minimum(engine: Engine) -> None:
    root = parse("渔港").root
    plain = {each.id: each.score for each in engine.search(EngineRequest(root)).candidates}
    weighed = {
        each.id: each.score for each in engine.search(EngineRequest(root, recency=MONTH)).candidates
    }
    shares = {key: weighed[key] / plain[key] for key in plain}
    assert shares == pytest.approx(
        {
            "today": 1.0,
            "later": 1.0,
            "month": 0.5,
            "year": MIN_RECENCY_WEIGHT,
            "old": MIN_RECENCY_WEIGHT,
            "undated": MIN_RECENCY_WEIGHT,
        }
    )


def test_recency_weighs_all_matches_on_every_engine(name: str, tmp_path: Path) -> None:
    begin = datetime(2021, 1, 1, tzinfo=UTC)
    many = [
        make_article(
            f"n{i:03}",
            "潮位" * (i % 3),
            "渔港的潮位。" * (1 + i % 5) + "码头的事。" * (i % 7),
            date=f"{begin + timedelta(days=i * 17 % 1000):%Y-%m-%d}" if i % 10 else None,
        )
        for i in range(RERANK_DEPTH + 50)
    ]
    engine = engine_with(name, tmp_path, many)
    root = parse("潮位 渔港").root
    scores = {
        each.id: each.score for each in engine.search(EngineRequest(root, limit=1000)).candidates
    }
    published = {each.id: each.published for each in many}
    for recency in (MONTH, Recency(2000 * DAY, NOW), Recency(DAY, NOW)):
        page = engine.search(EngineRequest(root, limit=1000, recency=recency))
        assert page.total == len(many)
        for candidate in page.candidates:
            date = published[candidate.id]
            weight = recency.weight(date.sort_key()) if date else MIN_RECENCY_WEIGHT
            assert candidate.score == pytest.approx(scores[candidate.id] * weight)
        found = [candidate.score for candidate in page.candidates]
        assert found == sorted(found, reverse=True)
        parts = [
            engine.search(EngineRequest(root, limit=40, offset=at, recency=recency))
            for at in (0, 40, 80)
        ]
        assert tuple(c for part in parts for c in part.candidates) == page.candidates[:120]
    engine.close()


def test_recency_weight_for_extreme_half_lives() -> None:
    moments = (float("-inf"), -1e12, 0.0, NOW, 1e12)
    for half_life in (1e-9, DAY, 1e15):
        weights = [Recency(half_life, NOW).weight(moment) for moment in moments]
        assert weights == sorted(weights)
        assert weights[0] == MIN_RECENCY_WEIGHT
        assert weights[-1] == 1.0


def test_rerank_keeps_recency_weights(engine: Engine) -> None:
    def search_ids(recency: Recency | None) -> list[str]:
        request = SearchRequest(parse("渔港潮位"), recency=recency)
        return [hit.article.id for hit in search(engine, request).hits]

    assert search_ids(None) == ["later", "today", "month", "year", "old", "undated"]
    assert search_ids(MONTH) == ["later", "today", "month", "year", "old", "undated"]
    request = SearchRequest(parse("渔港潮位"), recency=MONTH)
    scores = [hit.score for hit in search(engine, request).hits]
    assert scores[2] == pytest.approx(scores[0] / 2)


@pytest.fixture
def archive(cli: Cli, tmp_path: Path) -> Cli:
    today = datetime.now(ARCHIVE_ZONE).date()
    for name, days, times in (("old", 3000, 12), ("new", 20, 1)):
        (tmp_path / f"{name}.md").write_text(
            f"---\ntitle: {name}\ndate: {today - timedelta(days=days)}\n---\n\n"
            + "渔港的潮位公报说了很多。" * times
            + "\n\n"
            + "码头的灯塔、仓库与渡船也在文中。" * (14 - times)
            + "\n",
            "utf-8",
        )
    cli("index", str(tmp_path))
    return cli


def test_recency_option_is_off_by_default(archive: Cli) -> None:
    assert archive.found("潮位") == ["old", "new"]
    assert archive.found("潮位", "--recency", "30d") == ["new", "old"]
    assert archive.found("潮位", "--recency", "90Y") == ["old", "new"]


@pytest.mark.parametrize("wrong", ["", "30", "d", "0d", "-3d", "1.5y", "30 days", "９d", "999999d"])
def test_recency_option_rejects_invalid_half_life(archive: Cli, wrong: str) -> None:
    ran = archive("search", "潮位", "--recency", wrong, status=2)
    assert "such as 30d" in ran.err
    assert ran.stdout == b""


def test_recency_option_excludes_sort_by_date(archive: Cli) -> None:
    ran = archive("search", "潮位", "--recency", "1y", "--sort", "date", status=2)
    assert "Remove it, or --sort" in ran.err


def test_search_orders_equal_scores_by_date(engine: Engine) -> None:
    page = engine.search(EngineRequest(parse("渔港").root, Order.RELEVANCE))
    assert [each.id for each in page.candidates][:2] == ["later", "today"]
