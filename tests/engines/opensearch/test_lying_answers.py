"""Answers of a server with values of another type, missing or without end: always an error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.engines.opensearch import client, pages
from newsgrep.engines.opensearch import engine as engine_module
from newsgrep.errors import IndexDamaged, IndexProblem, ServerProblem
from newsgrep.indexing.server import ServerIndex
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.cli import Cli, assert_no_crash, write_article
from tests.support.factories import make_article, server_engine, upsert
from tests.support.recording_proxy import (
    Forward,
    RecordingProxy,
    Request,
    Response,
    forward_all,
    json_response,
)
from tests.support.stress import trial_count

pytestmark = pytest.mark.engines

OTHER_VALUES: tuple[object, ...] = (
    None, True, -1, 7, 1e400, 1e39, "", "fog", "2021", [], [None], [[]], {}, {"fog": {}},
)  # fmt: skip
COMMANDS: tuple[Callable[[Engine], object], ...] = (
    lambda engine: engine.search(EngineRequest(parse("潮").root, facets=("source", "month"))),
    lambda engine: engine.search(EngineRequest(parse('"汐表照" OR ta*').root, Order.NEWEST)),
    lambda engine: engine.get(["a1", "a2"]),
    lambda engine: engine.folded_texts(["a1", "a2"]),
    lambda engine: engine.document_frequencies(["潮", "tide"], parse("表").root),
    lambda engine: list(engine.file_records()),
    lambda engine: engine.commit(),
    lambda engine: engine.verify(deep=True),
    lambda engine: engine.remove_leftovers(),
    lambda engine: engine.write([upsert(make_article("a9", "公报", "潮", date="2029"))]),
)


@pytest.fixture
def url(proxy: RecordingProxy) -> str:
    """Return the address of an index with a few articles."""
    url = proxy.new()
    with ServerIndex(url).create() as engine:
        engine.write(
            upsert(make_article(f"a{n}", "公报", "潮汐表照常张贴 table", date=f"{2021 + n}"))
            for n in range(3)
        )
    return url


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value inside of ``value``."""
    inner = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def changed(value: Any, chance: random.Random) -> Any:
    """Return ``value`` with one value inside of it replaced or deleted."""
    paths = list(places(value))
    if not paths:
        return chance.choice(OTHER_VALUES)
    *parents, last = chance.choice(paths)
    where = value
    for key in parents:
        where = where[key]
    if chance.random() < 0.3:
        del where[last]
    else:
        where[last] = chance.choice(OTHER_VALUES)
    return value


class Liar:
    """Changes one value in one response, the one after ``targets`` many others."""

    def __init__(self, proxy: RecordingProxy, chance: random.Random, targets: range) -> None:
        self._proxy = proxy
        self._chance = chance
        self._left = chance.choice(targets)
        proxy.handler = self._respond

    def _respond(self, request: Request, forward: Forward) -> Response:
        response = forward(request)
        self._left -= 1
        if self._left >= 0:
            return response
        self.stop()
        return json_response(response.status, changed(response.json, self._chance))

    def stop(self) -> None:
        self._proxy.handler = forward_all


@pytest.mark.torture
def test_changed_answer_is_an_error_or_harmless(proxy: RecordingProxy, url: str) -> None:
    count = trial_count(150, 3_000)
    problems: list[str] = []
    for seed in range(count):
        liar = Liar(proxy, random.Random(seed), range(8))
        try:
            engine = server_engine(url)
            try:
                COMMANDS[seed % len(COMMANDS)](engine)
            finally:
                engine.close()
        except IndexProblem as exc:
            problems.append(str(exc))
        liar.stop()
    assert not [each for each in problems if "\n" in each]
    assert len(problems) > count // 5  # so many lies were noticed


SHELL_COMMANDS = (
    ("search", "潮", "--facet", "source"),
    ("search", "--json", "-n", "2", "潮汐 OR table"),
    ("stats", "--json"),
    ("stats",),
    ("doctor",),
    ("doctor", "--fix"),
    ("timeline", "潮"),
    ("kwic", "潮"),
    ("keywords", "潮"),
    ("compare", "潮", "table"),
    ("show", "a1"),
    ("new", "--all"),
    ("index", "n"),
    ("reindex",),
    ("copy", "--to", "other", "--replace"),
)


@pytest.mark.torture
def test_changed_answer_is_never_an_internal_error(proxy: RecordingProxy, cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "公报", "潮汐表照常张贴 table", date="2021-05-17")
    write_article(cli.folder / "n" / "b.md", "公报", "潮汐表照常张贴 tide", date="2022-05-17")
    url = proxy.new()
    cli("index", "n", "--index", url)
    cli("saved", "add", "tides", "潮", "--index", url)
    failed = 0
    count = trial_count(60, 2_000)
    for seed in range(count):
        liar = Liar(proxy, random.Random(seed), range(12))
        ran = cli.run(*SHELL_COMMANDS[seed % len(SHELL_COMMANDS)], "--index", url)
        assert_no_crash(ran.stderr)
        assert b"nternal error" not in ran.stderr, (seed, ran)
        assert ran.status in (0, 1, 2), (seed, ran)
        failed += ran.status == 2
        liar.stop()
    assert failed > count // 6  # so many lies were noticed


# Answers without end


def test_server_that_repeats_a_page_is_an_error(
    proxy: RecordingProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsgrep.engines.opensearch.maintenance._FILE_RECORDS_PER_REQUEST", 2)

    def repeat(request: Request, forward: Forward) -> Response:
        if b"search_after" not in request.body:
            return forward(request)
        body = json.loads(request.body)
        del body["search_after"]
        return forward(
            Request(request.method, request.path, request.headers, json.dumps(body).encode())
        )

    engine = server_engine(url)
    proxy.handler = repeat
    with pytest.raises(ServerProblem, match="sort is not after that of the last page"):
        list(engine.file_records())
    engine.close()


def test_article_that_was_found_and_is_missing_is_an_error(proxy: RecordingProxy, url: str) -> None:
    def forget(request: Request, forward: Forward) -> Response:
        response = forward(request)
        body = response.json
        if b"stored_fields" in request.body and body["hits"]["hits"]:
            del body["hits"]["hits"][0]
        return json_response(response.status, body)

    with ServerIndex(url).open() as engine:
        found = [each.id for each in engine.search(EngineRequest(MatchAll())).candidates]
        proxy.handler = forget
        for read in (engine.get, engine.folded_texts):
            with pytest.raises(ServerProblem, match="hits is not complete"):
                read(found)
            assert read(["unknown"]) == []


def test_too_large_page_is_requested_in_parts(
    proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    url = proxy.new()
    ids = [f"a{n}" for n in range(20)]
    with ServerIndex(url).create() as engine:
        for each in ids:
            body = "".join(chr(0x4E00 + chance.randrange(9_000)) for _ in range(4_000))
            engine.write([upsert(make_article(each, "公报", body, date="2021"))])
    monkeypatch.setattr(client, "MAX_RESPONSE_BYTES", 60_000)
    sizes: list[int] = []

    def watch(request: Request, forward: Forward) -> Response:
        if b"stored_fields" in request.body:
            sizes.append(json.loads(request.body)["size"])
        return forward(request)

    with ServerIndex(url).open() as engine:
        proxy.handler = watch
        assert [each.id for each in engine.get(ids)] == ids
    assert sizes[0] == pages.MAX_HITS
    assert sizes[-1] < len(ids)
    monkeypatch.setattr(client, "MAX_RESPONSE_BYTES", 10_000)
    with (
        ServerIndex(url).open() as engine,
        pytest.raises(ServerProblem, match="a response that is too large"),
    ):
        engine.get(ids)


def test_bombs_in_packed_texts_are_not_unpacked(
    proxy: RecordingProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "MAX_UNPACKED_BYTES", 1_000)
    monkeypatch.setattr(engine_module, "MAX_BYTES_PER_ARTICLE", 100)
    long_ones = [
        make_article(f"b{n}", "公报", "潮" * length, date="2021")
        for n, length in enumerate((300, 300, 900))
    ]
    with ServerIndex(url).open() as engine:
        engine.write(map(upsert, long_ones))
        for ids, is_error in ((["b0"], False), (["b0", "b1"], False), (["b2"], True),
                              (["b0", "b1", "b2"], True)):  # fmt: skip
            for read in (engine.get, engine.folded_texts):
                if is_error:
                    with pytest.raises(IndexDamaged, match="cut off or too long"):
                        read(ids)
                else:
                    assert len(read(ids)) == len(ids)
    assert proxy.requests
