"""Responses of a server are complete or errors: deep pages, long queries, lost shards."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from newsgrep.engines.base import Engine, EngineRequest, Order, ScoredDoc
from newsgrep.engines.memory import MemoryEngine
from newsgrep.errors import ServerProblem
from newsgrep.indexing.server import ServerIndex
from newsgrep.models import Article
from newsgrep.query.ast import And, MatchAll, Node, Not, Or
from newsgrep.query.parser import parse
from tests.support.cli import TIMEOUT, Cli, write_article
from tests.support.cluster import Cluster
from tests.support.cluster.fixtures import IndexNames
from tests.support.factories import make_article, server_engine, upsert
from tests.support.recording_proxy import Forward, RecordingProxy, Request, Response, json_response

pytestmark = pytest.mark.engines

# More hits than a server returns at once


DEEP = 10_250
"""More than a stock server counts, or returns at once."""

TAGS = ("渔业", "气象", "航运")
DATES = (None, "2021-05-17", "2021-05-17", "2022", "2022-01-01", "2023-07")


def deep_articles() -> list[Article]:
    """Return articles with few dates and fewer lengths, so that often only the id decides."""
    chance = random.Random(11)
    return [
        make_article(
            f"{chance.getrandbits(60):012x}",
            "",
            "潮" * (1 + n % 2),
            date=chance.choice(DATES),
            tags=(TAGS[n % 3],),
        )
        for n in range(DEEP)
    ]


@pytest.fixture(scope="module")
def deep(opensearch_server: Cluster) -> Iterator[tuple[Engine, list[Article]]]:
    """Return an engine with more articles than a server returns at once; do not change it."""
    names = IndexNames(opensearch_server)
    engine = server_engine(f"{names.new()}?replicas=0", create=True)
    articles = deep_articles()
    engine.write(map(upsert, articles))
    yield engine, articles
    engine.close()
    names.delete()


def in_order(articles: list[Article], order: Order) -> list[str]:
    """Return the ids in an order, computed here: by date, undated ones last, then by id."""
    sign = 1 if order is Order.OLDEST else -1
    keys = {
        each.id: (
            not each.published,
            sign * each.published.sort_key() if each.published else 0,
            each.id,
        )
        for each in articles
    }
    return sorted(keys, key=keys.__getitem__)


def test_totals_beyond_ten_thousand_are_exact(deep: tuple[Engine, list[Article]]) -> None:
    engine, articles = deep
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == DEEP
    assert engine.search(EngineRequest(parse("潮").root, limit=1)).total == DEEP
    page = engine.search(EngineRequest(MatchAll(), limit=0, facets=("tag",)))
    assert dict(page.facets["tag"]) == Counter(tag for each in articles for tag in each.tags)


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
def test_pages_beyond_ten_thousand_equal_brute_force(
    deep: tuple[Engine, list[Article]], order: Order
) -> None:
    engine, articles = deep
    expected = in_order(articles, order)
    for offset, limit in ((9_990, 20), (10_000, 10), (10_240, 50), (DEEP, 5), (DEEP + 9, 5)):
        page = engine.search(EngineRequest(MatchAll(), order, limit=limit, offset=offset))
        assert [each.id for each in page.candidates] == expected[offset : offset + limit]
        assert page.total == DEEP
    assert (
        ids(engine.search(EngineRequest(MatchAll(), order, limit=DEEP + 7)).candidates) == expected
    )


def ids(candidates: tuple[ScoredDoc, ...]) -> list[str]:
    return [each.id for each in candidates]


@pytest.mark.parametrize("order", list(Order))
def test_cursor_and_offset_agree_beyond_ten_thousand(
    deep: tuple[Engine, list[Article]], order: Order
) -> None:
    engine, _ = deep
    whole = engine.search(EngineRequest(parse("潮").root, order, limit=DEEP)).candidates
    assert len(set(ids(whole))) == DEEP
    if order is Order.RELEVANCE:
        assert all(one.score >= other.score for one, other in pairwise(whole))
    last = whole[10_003]
    page = engine.search(EngineRequest(parse("潮").root, order, limit=30, after=last))
    assert page.candidates == whole[10_004:10_034]
    assert page.before == 10_004
    page = engine.search(EngineRequest(parse("潮").root, order, limit=30, offset=10_004))
    assert page.candidates == whole[10_004:10_034]


def test_file_records_beyond_ten_thousand_are_complete(
    deep: tuple[Engine, list[Article]],
) -> None:
    engine, articles = deep
    assert {each.article_id for each in engine.file_records()} == {each.id for each in articles}


# Larger queries than a server accepts


COUNT = 60
WORDS = [chr(0x4E00 + n) + chr(0x5E00 + n * 7 % 400) for n in range(1_400)]


@pytest.fixture(scope="module")
def engines(opensearch_server: Cluster) -> Iterator[tuple[Engine, MemoryEngine]]:
    """Return a server's engine and the memory engine, with the same articles."""
    names = IndexNames(opensearch_server)
    chance = random.Random(3)
    articles = [
        make_article(
            f"a{n:02}", "，".join(chance.sample(WORDS, 3)), "。".join(chance.sample(WORDS, 40))
        )
        for n in range(COUNT)
    ]
    engine = server_engine(f"{names.new()}?replicas=0", create=True)
    memory = MemoryEngine()
    engine.write(map(upsert, articles))
    memory.write(map(upsert, articles))
    yield engine, memory
    engine.close()
    names.delete()


PHRASES = [parse(f'"{word}"').root for word in WORDS]
LONG_QUERIES: dict[str, Node] = {
    "any of 1,200": Or(tuple(PHRASES[:1_200])),
    "none of 1,200": Not(Or(tuple(PHRASES[:1_200]))),
    "one, and none of 1,399": And((PHRASES[0], *map(Not, PHRASES[1:]))),
    "all of 1,300 pairs": And(
        tuple(Or((one, Not(other))) for one, other in pairwise(PHRASES[:1_301]))
    ),
    "any of 700 pairs": Or(
        tuple(And(pair) for pair in zip(PHRASES[:700], PHRASES[700:], strict=True))
    ),
}


@pytest.mark.parametrize("name", LONG_QUERIES)
@pytest.mark.parametrize("order", [Order.RELEVANCE, Order.NEWEST])
def test_queries_with_too_many_clauses_are_exact(
    engines: tuple[Engine, MemoryEngine], name: str, order: Order
) -> None:
    engine, memory = engines
    query = LONG_QUERIES[name]
    found = engine.search(EngineRequest(query, order, limit=COUNT))
    expected = memory.search(EngineRequest(query, order, limit=COUNT))
    assert found.total == expected.total
    assert sorted(ids(found.candidates)) == sorted(ids(expected.candidates))


# Shards that do not respond


def write_years(folder: Path) -> None:
    for year in (2021, 2022, 2023):
        path = folder / f"{year}.md"
        write_article(path, f"{year}年公报", "渡轮照常，海带上市。", date=f"{year}-05-17")


COMMANDS = (
    ("search", "渡轮"),
    ("search", "没有这样的词", "--json"),
    ("search", "渡轮", "--facets", "source,month", "-n", "0"),
    ("timeline", "渡轮"),
    ("keywords", "渡轮"),
    ("copy", "--to", "elsewhere"),
    ("index", "n"),
)


def create_unassigned(proxy: RecordingProxy, like: str, index: str) -> None:
    """Create an index whose shards no machine may have."""
    existing = proxy.cluster.request(f"/{like}")[like]
    shared: dict[str, dict[str, object]] = {
        alias: {} for alias in existing["aliases"] if not alias.endswith(".w")
    }
    body = {
        "mappings": existing["mappings"],
        "aliases": {**shared, f"{index}.w": {}},
        "settings": {"index.routing.allocation.require._name": "nobody"},
    }
    proxy.cluster.request(f"/{index}?wait_for_active_shards=0", method="PUT", body=body)


def test_missing_shard_is_an_error_and_never_fewer_hits(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    index = f"{ServerIndex(url).address.name}.g1.2022"
    write_years(cli.folder / "n")
    cli("index", "n", "--index", url)
    assert cli.json("search", "渡轮", "--index", url)["total"] == 3
    create_unassigned(proxy, index, index.replace("2022", "2024"))
    (cli.folder / "n" / "2022.md").write_text("anders", "utf-8")
    for command in COMMANDS:
        ran = cli(*command, "--index", url, status=2)
        assert ran.out == "", command
        assert ran.err.startswith("newsgrep: The server ")
        assert "health" in ran.err
    for options in ((), ("--fix",)):
        ran = cli("doctor", *options, "--index", url, status=2)
        assert f"A shard of {index.replace('2022', '2024')} is not available" in ran.out
        assert "Rebuilt" not in ran.out
    assert not (cli.folder / "elsewhere" / "newsgrep.json").exists()


def test_missing_replicas_on_one_machine_are_no_problem(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    write_years(cli.folder / "n")
    cli("index", "n", "--index", f"{url.partition('?')[0]}?replicas=1")
    assert "is intact: " in cli("doctor", "--deep", "--index", url).out


def test_fix_does_not_rebuild_for_missing_replicas(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    write_years(cli.folder / "n")
    cli("index", "n", "--index", f"{url.partition('?')[0]}?replicas=1")
    name = ServerIndex(url).address.name
    before = proxy.cluster.request(f"/{name}*/_settings")

    def two_nodes(request: Request, forward: Forward) -> Response:
        response = forward(request)
        if "/_cluster/health/" not in request.path or response.status != 200:
            return response
        return json_response(200, response.json | {"number_of_data_nodes": 2})

    proxy.handler = two_nodes
    ran = cli("doctor", "--fix", "--index", url, status=2)
    assert "start more machines" in ran.out
    assert "Rebuilt" not in ran.out
    assert proxy.cluster.request(f"/{name}*/_settings") == before


def _some_failed(response: Any) -> None:
    response["_shards"] = {"total": 4, "successful": 3, "skipped": 0, "failed": 1}


def _timed_out(response: Any) -> None:
    response["timed_out"] = True


@pytest.mark.parametrize("change", [_some_failed, _timed_out])
def test_partial_response_is_an_error(proxy: RecordingProxy, change: Callable[[Any], None]) -> None:
    url = proxy.new()
    with ServerIndex(url).create() as engine:
        engine.write(
            upsert(make_article(f"a{n}", "公报", "潮", date=f"{2021 + n}")) for n in range(3)
        )
    changed: list[str] = []

    def partially(request: Request, forward: Forward) -> Response:
        response = forward(request)
        if "search" not in request.path or request.method == "DELETE":
            return response
        body = response.json
        for each in body.get("responses", [body]):
            change(each)
        changed.append(request.path.partition("?")[0])
        return json_response(response.status, body)

    ways: list[Callable[[Engine], object]] = [
        lambda engine: engine.search(EngineRequest(parse("潮").root)),
        lambda engine: engine.search(EngineRequest(MatchAll(), Order.NEWEST, facets=("source",))),
        lambda engine: engine.search(EngineRequest(parse('"公报"').root, limit=0)),
        lambda engine: engine.get(["a1"]),
        lambda engine: engine.folded_texts(["a1"]),
        lambda engine: engine.document_frequencies(["潮"]),
        lambda engine: list(engine.file_records()),
        lambda engine: engine.verify(),
    ]
    for commit_first in (False, True):
        for way in ways:
            engine = server_engine(url)
            proxy.handler = lambda request, forward: forward(request)
            if commit_first:
                engine.commit()
            proxy.handler = partially
            with pytest.raises(ServerProblem, match="only part of the index"):
                way(engine)
            engine.close()
    assert {"/_search", "/_msearch"} <= set(changed)


@pytest.mark.parametrize("what", ["/_search/point_in_time?", "/_search?"])
def test_shard_that_is_starting_is_waited_for(proxy: RecordingProxy, what: str) -> None:
    url = proxy.new()
    with ServerIndex(url).create() as engine:
        engine.write([upsert(make_article("a", "公报", "潮"))])
    waited: list[str] = []

    def starting(request: Request, forward: Forward) -> Response:
        if "wait_for_no_initializing_shards" in request.path:
            waited.append(request.path)
        elif what in request.path and not waited:
            error = {"type": "search_phase_execution_exception", "reason": "1 shards unavailable"}
            return json_response(503, {"error": error, "status": 503})
        return forward(request)

    proxy.handler = starting
    engine = server_engine(url)
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 1
    assert len(waited) == 1
    engine.close()


def test_discarded_point_in_time_is_an_error(proxy: RecordingProxy) -> None:
    url = proxy.new()
    with ServerIndex(url).create() as engine:
        engine.write([upsert(make_article("a", "公报", "潮"))])
        assert engine.search(EngineRequest(MatchAll())).total == 1
        proxy.cluster.request(
            "/_search/point_in_time", method="DELETE", body={"pit_id": pits(proxy)}
        )
        with pytest.raises(ServerProblem, match="discarded the point in time"):
            engine.search(EngineRequest(MatchAll()))


def test_search_that_timed_out_sends_nothing_more(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    write_years(cli.folder / "n")
    cli("index", "n", "--index", url)
    ended = Event()

    def stop_at_the_search(request: Request, forward: Forward) -> Response | None:
        if "/_search?" not in request.path:
            return forward(request)
        ended.wait(TIMEOUT)
        return None

    proxy.handler = stop_at_the_search
    ran = cli("search", "渡轮", "--index", url, "--timeout", "1", status=2)
    ended.set()
    assert "has not responded within 1 s" in ran.err
    assert "/_search?" in proxy.requests[-1].path


def pits(proxy: RecordingProxy) -> list[str]:
    """Return the id of the point in time that the last search used."""
    bodies = [json.loads(each.body) for each in proxy.requests if each.path.startswith("/_search?")]
    return [bodies[-1]["pit"]["id"]]


def test_every_point_in_time_is_deleted(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    write_years(cli.folder / "n")
    cli("index", "n", "--index", url)
    cli("search", "渡轮", "--index", url)
    cli("index", "n", "--index", url)
    cli("doctor", "--deep", "--index", url)
    made_and_gone = [
        sum(method == each.method and "point_in_time" in each.path for each in proxy.requests)
        for method in ("POST", "DELETE")
    ]
    assert made_and_gone[0] == made_and_gone[1] > 0
