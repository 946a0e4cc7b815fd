"""Paging by token: no hit is repeated or skipped, whatever is indexed in between."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from newsgrep.engines.base import Change, DeleteArticle, Engine, Order
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.parser import parse
from newsgrep.search.rerank import RERANK_DEPTH
from newsgrep.search.search import SearchRequest, SearchResult, search
from tests.support.cli import TIDE_COUNT, Cli, write_article
from tests.support.factories import ENGINES, engine_with, make_article, upsert

QUERIES = ("渔业声明", "渔业声明 OR 灯塔", '"渔业"', "-没有", "date:2024 -灯塔")


def random_article(chance: random.Random, name: str) -> Article:
    """Return an article; many of them share a score and a date, or have none."""
    body = "渔业的声明。" * chance.randint(0, 3) + "渔业声明。" * chance.randint(0, 2)
    date = chance.choice([None, "2024", "2024-05", "2024-05-17", "2023-01-02T03:04:05+08:00"])
    return make_article(name, chance.choice(["灯塔", "渔业声明", "码头"]), body, date=date)


def page(engine: Engine, query: str, order: Order, limit: int, after: str = "") -> SearchResult:
    return search(engine, SearchRequest(parse(query), order, limit, after=after))


def ids(result: SearchResult) -> list[str]:
    return [hit.article.id for hit in result.hits]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("query", QUERIES)
def test_search_pages_by_token_join_to_whole_result(name: str, query: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    count = RERANK_DEPTH + 60
    engine = engine_with(name, tmp_path, (random_article(chance, f"a{n}") for n in range(count)))
    for order in Order:
        whole = page(engine, query, order, 1000)
        assert whole.next is None
        for size in (17, RERANK_DEPTH - 1, RERANK_DEPTH, RERANK_DEPTH + 1, 0):
            found: list[str] = []
            after = ""
            while True:
                limit = size or chance.randint(1, 60)
                part = page(engine, query, order, limit, after)
                assert [hit.rank for hit in part.hits] == list(
                    range(len(found) + 1, len(found) + len(part.hits) + 1)
                )
                assert part.offset == len(found)
                found += ids(part)
                if part.next is None:
                    break
                assert len(part.hits) == limit
                after = part.next
            assert found == ids(whole)
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("query", "order"),
    [("渔业声明", Order.OLDEST), ("渔业声明", Order.NEWEST), ("-没有", Order.RELEVANCE)],
)
def test_cursor_by_date_survives_index_changes(
    name: str, query: str, order: Order, tmp_path: Path
) -> None:
    chance = random.Random(f"{name} {order}")
    articles = {f"a{n}": random_article(chance, f"a{n}") for n in range(120)}
    engine = engine_with(name, tmp_path, articles.values())
    stayed = set(ids(page(engine, query, order, 1000)))
    found: list[str] = []
    after: str | None = ""
    number = 0
    while after is not None:
        part = page(engine, query, order, 7, after)
        found += ids(part)
        after = part.next
        changes: list[Change] = []
        for _ in range(5):
            number += 1
            changes.append(upsert(random_article(chance, f"{chance.choice('ab')}-{number}")))
        # The last article of the page is changed or deleted as well.
        for key in {found[-1], *chance.sample(sorted(articles), 2)}:
            if chance.random() < 0.5:
                changes.append(DeleteArticle(key))
            else:
                changes.append(upsert(random_article(chance, key)))
            stayed.discard(key)
        engine.write(changes)
        if number > 400:
            break
    engine.close()
    stayed -= {each for each in stayed if "-" in each}
    assert stayed
    assert [found.count(each) for each in sorted(stayed)] == [1] * len(stayed)


@pytest.mark.parametrize("name", ENGINES)
def test_decode_cursor_rejects_scores_of_old_commit(name: str, tmp_path: Path) -> None:
    chance = random.Random(4)
    engine = engine_with(name, tmp_path, (random_article(chance, f"a{n}") for n in range(300)))
    tokens = [page(engine, "渔业声明", Order.RELEVANCE, size).next for size in (20, 120)]
    engine.write([upsert(make_article("new", "渔业声明", "渔业声明。"))])
    for token in tokens:
        assert token
        with pytest.raises(UsageError, match="--sort date"):
            page(engine, "渔业声明", Order.RELEVANCE, 20, token)
    engine.close()


@pytest.mark.parametrize("query", ["渔业声明", "-没有"])
@pytest.mark.parametrize("size", [20, 120])
def test_decode_cursor_rejects_altered_or_foreign_token(
    query: str, size: int, tmp_path: Path
) -> None:
    chance = random.Random(5)
    engine = engine_with("memory", tmp_path, (random_article(chance, f"a{n}") for n in range(300)))
    for order in Order:
        token = page(engine, query, order, size).next
        assert token
        assert set(token) <= {*string.ascii_letters, *string.digits, "-", "_"}
        assert len(token) < 80
        for other in Order:
            if other is not order:
                with pytest.raises(UsageError, match="another query or sort order"):
                    page(engine, query, other, size, token)
        with pytest.raises(UsageError, match="another query or sort order"):
            page(engine, f"{query} 灯塔", order, size, token)
        for _ in range(60):
            at = chance.randrange(len(token))
            letter = chance.choice([*string.ascii_letters, *string.digits, "-", "_", "", "声", "="])
            wrong = token[:at] + letter + token[at + chance.randint(0, 1) :]
            if wrong != token:
                with pytest.raises(UsageError, match="--after"):
                    page(engine, query, order, size, wrong)
    for wrong in ("1", "x", "1" * 100_000, "\ud800", "2abc", " "):
        with pytest.raises(UsageError, match="--after"):
            page(engine, query, Order.NEWEST, size, wrong)


def test_search_after_pages_through_all_hits(tides: Cli) -> None:
    for sort in ("relevance", "date", "-date"):
        whole = tides.found("潮汐公报", "-n", "99", "--sort", sort)
        found: list[str] = []
        args: list[str] = []
        while True:
            result = tides.json("search", "潮汐公报", "-n", "11", "--sort", sort, *args)
            assert result["offset"] == len(found)
            found += [hit["title"] for hit in result["hits"]]
            if "next" not in result:
                break
            args = ["--after", result["next"]]
        assert found == whole
        assert len(whole) == TIDE_COUNT
    ran = tides("search", "潮汐", "--after", "nonsense", status=2)
    assert "search without --after" in ran.err
    assert ran.stdout == b""


def test_search_after_by_date_in_a_grown_index(cli: Cli) -> None:
    for day in range(1, 10):
        write_article(
            cli.folder / "n" / f"{day}.md", f"第{day}天", "潮汐。", date=f"2024-05-0{day}"
        )
    cli("index", "n")
    first = cli.json("search", "潮汐", "-n", "4", "--sort", "-date")
    best = cli.json("search", "潮汐", "-n", "4")
    write_article(cli.folder / "n" / "new.md", "昨天", "潮汐。", date="2024-06-01")
    cli("index", "n")
    rest = cli.json("search", "潮汐", "--sort", "-date", "--after", first["next"])
    assert [hit["title"] for hit in rest["hits"]] == [f"第{day}天" for day in range(5, 0, -1)]
    assert rest["hits"][0]["rank"] == 6
    assert "changed" in cli("search", "潮汐", "--after", best["next"], status=2).err
