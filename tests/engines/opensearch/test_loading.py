"""Loading a server: bounded requests, retries, several loaders, interruptions."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsgrep.engines.base import DeleteArticle, Engine, EngineRequest
from newsgrep.engines.opensearch import bulk, loader
from newsgrep.errors import ChangesRejected, ServerProblem
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.plan import Shard
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.store import Index
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Article
from newsgrep.query.ast import MatchAll
from tests.support.cli import TIMEOUT, Cli, assert_no_crash, write_article
from tests.support.factories import make_article, server_engine, upsert
from tests.support.recording_proxy import (
    BulkOperation,
    Forward,
    RecordingProxy,
    Request,
    Response,
    json_response,
    reject_some,
)
from tests.support.simulated_archive import (
    SimulatedArchive,
    contents_in_any_order,
    index_contents,
    random_article,
)

pytestmark = pytest.mark.engines

YEARS = (2021, 2022, 2023)


def engine_at(url: str) -> Engine:
    return server_engine(url, create=True)


def tides(count: int) -> list[Article]:
    """Return short articles of three years."""
    return [
        make_article(
            f"tide{n:05}", f"第{n}号公报", "潮汐表照常张贴。", date=f"{YEARS[n % 3]}-05-17"
        )
        for n in range(count)
    ]


def files(folder: Path, count: int) -> Path:
    for n in range(count):
        date = f"{YEARS[n % 3]}-05-17"
        write_article(folder / f"{n:04}.md", f"第{n}号公报", "潮汐表照常张贴。", date=date)
    return folder


def locations(proxy: RecordingProxy, url: str) -> list[tuple[str, str]]:
    """Return index and id of every article, from the server itself."""
    name = urlsplit(url).path
    proxy.cluster.request(f"{name}.*/_refresh", method="POST")
    body = {"size": 10_000, "_source": False, "query": {"exists": {"field": "timestamp"}}}
    response = proxy.cluster.request(f"{name}/_search", method="POST", body=body)
    return sorted((hit["_index"], hit["_id"]) for hit in response["hits"]["hits"])


def contents(index: Index) -> tuple[dict[str, Article], set[Any]]:
    """Return all articles and file records of an index."""
    with index.open() as engine:
        found = engine.search(EngineRequest(MatchAll(), limit=9_999)).candidates
        assert len(found) == len({each.id for each in found})
        articles = {each.id: each for each in engine.get(each.id for each in found)}
        return articles, set(engine.file_records())


# Size of requests


def test_bulk_requests_are_bounded(proxy: RecordingProxy) -> None:
    def long_one(number: int, length: int) -> Article:
        # An address is large, and takes the server little time.
        return make_article(f"long{number}", "长文", url="https://fog.example/" + "x" * length)

    articles = [*tides(1_100), *(long_one(n, 400_000) for n in range(18)), long_one(99, 4_000_000)]

    def wait_for_another(request: Request, forward: Forward) -> Response:
        """Delay a bulk request until another one is running, or for three seconds."""
        end = time.monotonic() + 3
        while request.is_bulk and proxy.max_concurrent_bulks < 2 and time.monotonic() < end:
            time.sleep(0.01)
        return forward(request)

    proxy.handler = wait_for_another
    engine = engine_at(proxy.new())
    engine.write(map(upsert, articles))
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == len(articles)
    engine.close()
    sizes = [(len(each.operations), len(each.body)) for each in proxy.bulks]
    assert max(count for count, _ in sizes) <= 500
    assert all(size <= 8 << 20 or count == 1 for count, size in sizes)
    # So both limits were reached.
    assert max(size for _, size in sizes) > 8 << 20
    assert sum(size > 6 << 20 for _, size in sizes) > 1
    assert 1 < proxy.max_concurrent_bulks <= loader.LOADER_THREADS


def test_oversized_document_is_reported_by_path(
    proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_DOCUMENT_BYTES", 20_000)
    engine = engine_at(proxy.new())
    long_one = make_article("long", "长文", "潮汐表照常张贴。" * 2_000)
    with pytest.raises(
        ChangesRejected, match=r"(?m)^/archive/long\.md: longer than a server accepts"
    ):
        engine.write(map(upsert, [*tides(3), long_one, make_article("other", "短文")]))
    assert [each.id for each in engine.get(["tide00000", "long", "other"])] == [
        "tide00000",
        "other",
    ]
    engine.close()


# Rejected operations


@pytest.mark.parametrize("status", [429, 503])
def test_rejected_operations_are_repeated_alone(proxy: RecordingProxy, status: int) -> None:
    sent: Counter[str] = Counter()

    def busy(request: Request, forward: Forward) -> Response:
        if not request.is_bulk:
            return forward(request)
        sent.update(each.key for each in request.operations)
        return reject_some(request, forward, first_of_some, status)

    def first_of_some(operation: BulkOperation) -> bool:
        return operation.key.endswith("7") and sent[operation.key] == 1

    proxy.handler = busy
    engine = engine_at(proxy.new())
    engine.write(map(upsert, tides(600)))
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 600
    engine.close()
    assert {key for key, times in sent.items() if times > 1} == {
        f"tide{n:05}" for n in range(7, 600, 10)
    }
    assert max(sent.values()) == 2


def test_rejected_request_is_repeated(proxy: RecordingProxy) -> None:
    rejected: list[bytes] = []

    def busy(request: Request, forward: Forward) -> Response:
        if request.is_bulk and not rejected:
            rejected.append(request.body)
            error = {"type": "circuit_breaking_exception", "reason": "too much data"}
            return json_response(429, {"error": error, "status": 429})
        return forward(request)

    proxy.handler = busy
    engine = engine_at(proxy.new())
    engine.write(map(upsert, tides(9)))
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 9
    engine.close()
    assert [each.body for each in proxy.bulks] == rejected * 2


def block(proxy: RecordingProxy, index: str, *, yes: bool) -> None:
    """Make an index read-only, as an administrator may."""
    body = {"index.blocks.write": yes}
    proxy.cluster.request(f"/{index}/_settings", method="PUT", body=body)


def test_finally_rejected_files_are_listed_and_retried(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    files(cli.folder / "n", 6)
    cli("index", "n", "--index", url)
    blocked = f"{urlsplit(url).path[1:]}.g1.2022"
    block(proxy, blocked, yes=True)
    for number in (20, 21, 22, 23):
        date = f"{YEARS[number % 3]}-06-01"
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号公报", "潮", date=date)
    ran = cli("index", "n", "--index", url, status=2)
    assert "rejected 1 of the changes" in ran.err
    (listed,) = ran.err.splitlines()[1:]
    assert listed.startswith(f"{cli.folder / 'n' / '22.md'}: cluster_block_exception: ")
    assert len(locations(proxy, url)) == 9
    assert "rejected 1 " in cli("index", "n", "--index", url, status=2).err
    block(proxy, blocked, yes=False)
    assert cli("index", "n", "--index", url).out.startswith("10 files seen: 1 added, 9 unchanged")
    assert len(locations(proxy, url)) == 10


@pytest.mark.parametrize("count", [3, 1_100])
def test_full_disk_of_the_server_is_reported_at_once(
    proxy: RecordingProxy, cli: Cli, count: int
) -> None:
    url = proxy.new()
    files(cli.folder / "n", 3)
    cli("index", "n", "--index", url)
    write_article(cli.folder / "n" / "0000.md", "第0号公报", "海带上市。", date="2021-06-01")
    files(cli.folder / "more", count)
    name = ServerIndex(url).address.name
    full = {"index.blocks.read_only_allow_delete": True}
    proxy.cluster.request(f"/{name}.*/_settings", method="PUT", body=full)
    sent: list[float] = []

    def timed(request: Request, forward: Forward) -> Response:
        sent.extend([time.monotonic()] * request.is_bulk)
        return forward(request)

    proxy.handler = timed
    ran = cli("index", "n", "more", "--index", url, status=2)
    assert time.monotonic() - sent[0] < 15  # reading the files before is not counted
    assert len(sent) <= loader.LOADER_THREADS + 1
    assert "has made the index read-only, because its disk is almost full" in ran.err
    assert "Free disk space on the server" in ran.err
    assert ran.err.count("\n") == 1
    cli("search", "渡轮 OR 潮汐表", "--index", url)
    free = {"index.blocks.read_only_allow_delete": None}
    proxy.cluster.request(f"/{name}.*/_settings", method="PUT", body=free)
    cli("index", "n", "more", "--index", url)
    assert cli.json("search", "--index", url, "公报")["total"] == count + 3


def test_busy_server_is_waited_for_no_longer_than_the_timeout(
    proxy: RecordingProxy, cli: Cli
) -> None:
    def busy(request: Request, forward: Forward) -> Response:
        if not request.is_bulk:
            return forward(request)
        return reject_some(request, forward, lambda _: True, 429)

    proxy.handler = busy
    files(cli.folder / "n", 3)
    begin = time.monotonic()
    ran = cli("index", "n", "--index", proxy.new(), "--timeout", "2", status=2)
    assert 2 < time.monotonic() - begin < 15
    assert "is overloaded (rejected_execution_exception: rejected by the proxy)" in ran.err
    assert "Try again later" in ran.err


def test_run_continues_after_rejected_files(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    update_index(index, [str(files(tmp_path / "n", 3))])
    block(proxy, f"{index.address.name}.g1.2021", yes=True)
    files(tmp_path / "n", 12)  # unchanged ones and more
    with pytest.raises(ChangesRejected) as raised:
        update_index(index, [str(tmp_path / "n")], UpdateOptions(commit_every=0.0))
    assert [Path(path).name for path, _ in raised.value.items] == [
        "0000.md", "0003.md", "0006.md", "0009.md",
    ]  # fmt: skip
    assert len(locations(proxy, index.url)) == 9


# Repeated and concurrent loads


def test_repeated_write_changes_nothing(proxy: RecordingProxy) -> None:
    url = proxy.new()
    engine = engine_at(url)
    engine.write(map(upsert, tides(600)))
    before = locations(proxy, url)
    engine.write(map(upsert, tides(600)))
    engine.write(map(upsert, tides(600)[::-1]))
    assert locations(proxy, url) == before
    assert len(before) == 600
    engine.close()


def test_two_loaders_leave_the_result_of_one(proxy: RecordingProxy, cli: Cli) -> None:
    folder = files(cli.folder / "n", 640)
    for number in range(0, 60, 2):  # two files of one article, in two years
        write_article(
            folder / f"{number:04}.md", f"第{number}号公报", "潮。", date="2021-05-17",
            url=f"https://fog.example/{number}",
        )  # fmt: skip
        write_article(
            folder / f"{number:04}-again.md", f"第{number}号公报", "潮汐。", date="2023-05-17",
            url=f"https://fog.example/{number}",
        )  # fmt: skip
    (folder / "empty.txt").write_bytes(b"")
    url = proxy.new()
    processes = [cli.start("index", "n", "--index", url) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=TIMEOUT)
        assert_no_crash(err)
        assert process.returncode == 0, (out, err)
    cli("index", "n")
    assert contents(ServerIndex(url)) == contents(FolderIndex(cli.index))
    assert len(locations(proxy, url)) == 640


@pytest.mark.parametrize("seed", range(2))
def test_article_dated_differently_by_two_loaders(proxy: RecordingProxy, seed: int) -> None:
    chance = random.Random(seed)
    url = proxy.new()
    first, second = engine_at(url), engine_at(url)
    count = 620
    changes = [
        [
            upsert(
                make_article(
                    f"tide{n:05}", "公报", "潮" * chance.randrange(1, 5), date=f"{year}-01"
                )
            )
            for n in chance.sample(range(count), count)
            for year in (chance.choice(YEARS),)
        ]
        for _ in range(2)
    ]
    inside = iter(changes[1])

    def meanwhile() -> Any:
        for number, change in enumerate(changes[0]):
            if number == 560:
                second.write(inside)
            yield change

    first.write(meanwhile())
    keys = [key for _, key in locations(proxy, url)]
    assert sorted(keys) == sorted(set(keys)) == sorted(f"tide{n:05}" for n in range(count))
    first.close()
    second.close()


@pytest.mark.parametrize("first", [1, 2])
def test_loaders_of_shards_equal_one_in_any_order(
    proxy: RecordingProxy, tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def takes(shard: Shard, path: str) -> bool:  # does not depend on the folder of the test
        return int(Path(path).stem) % shard.count == shard.number - 1

    monkeypatch.setattr(Shard, "takes", takes)
    chance = random.Random(20261127)
    archive = SimulatedArchive(tmp_path / "n")
    paths = [str(archive.folder)]
    for number in range(120):
        archive.write(f"{number}.md", random_article(chance, number, addresses=8))
    index = ServerIndex(proxy.new())

    def meanwhile(done: int, _: int | None) -> None:
        if done == 30:
            update_index(index, paths, UpdateOptions(shard=Shard(3 - first, 2), commit_every=0))

    update_index(index, paths, UpdateOptions(shard=Shard(first, 2), progress=meanwhile))
    whole = FolderIndex(tmp_path / "whole")
    update_index(whole, paths)
    assert contents_in_any_order(index) == contents_in_any_order(whole)
    assert len(locations(proxy, index.url)) == len(index_contents(whole)[0])


def test_file_edited_to_a_shorter_text_is_replaced(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    path = tmp_path / "n" / "a.md"
    for body in ("渡轮照常，雾散得早。", "渡轮照常。"):
        write_article(path, "甲岛开渔", body, date="2021-12-31", url="https://fog.example/1")
        update_index(index, [str(tmp_path / "n")])
        (found,) = index_contents(index)[0].values()
        assert found == f"{path}: {body}"


# Articles that move to another year


def test_article_with_a_new_date_moves(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    name = index.address.name
    path = tmp_path / "n" / "a.md"
    years = []
    for date in ("2021-12-31", "2022-01-01", "2021-12-31"):
        write_article(path, "甲岛开渔", "渡轮照常。", date=date, url="https://fog.example/1")
        update_index(index, [str(tmp_path / "n")])
        hits = proxy.cluster.request(f"/{name}.g1/_search")["hits"]["hits"]
        years.append([hit["_index"].removeprefix(f"{name}.g1.") for hit in hits])
    assert years == [["2021"], ["2022"], ["2021"]]


def test_last_date_within_one_load_counts(proxy: RecordingProxy) -> None:
    url = proxy.new()
    engine = engine_at(url)
    versions = [
        upsert(make_article(f"tide{n:05}", "公报", "潮", date=date))
        for date in ("2021-01-01", None, "2022")
        for n in range(520)
    ]
    engine.write([*versions, DeleteArticle("tide00007")])
    assert locations(proxy, url) == [
        (f"{urlsplit(url).path[1:]}.g1.2022", f"tide{n:05}") for n in range(520) if n != 7
    ]
    engine.close()


def test_interrupted_move_is_completed_by_the_next_run(
    proxy: RecordingProxy, tmp_path: Path
) -> None:
    index = ServerIndex(proxy.new())
    path = tmp_path / "n" / "a.md"
    write_article(path, "甲岛开渔", "渡轮照常。", date="2021-12-31", url="https://fog.example/1")
    update_index(index, [str(tmp_path / "n")])
    write_article(path, "甲岛开渔", "渡轮照常。", date="2022-01-01", url="https://fog.example/1")

    def cut(request: Request, forward: Forward) -> Response | None:
        puts = request.is_bulk and any(each.action != "delete" for each in request.operations)
        return None if puts else forward(request)

    proxy.handler = cut
    with pytest.raises(ServerProblem, match="can't be reached"):
        update_index(index, [str(tmp_path / "n")])
    assert locations(proxy, index.url) == []  # missing rather than there twice
    proxy.handler = lambda request, forward: forward(request)
    update_index(index, [str(tmp_path / "n")])
    ((index_name, _),) = locations(proxy, index.url)
    assert index_name.endswith(".g1.2022")


# Interrupted loads


def test_load_that_loses_its_server_can_be_repeated(proxy: RecordingProxy, cli: Cli) -> None:
    files(cli.folder / "n", 520)
    url = proxy.new()

    def lost(request: Request, forward: Forward) -> Response | None:
        return None if len(proxy.bulks) > 1 else forward(request)

    proxy.handler = lost
    ran = cli("index", "n", "--index", url, status=2)
    assert ran.err.startswith("newsgrep: The server at 127.0.0.1:")
    assert "can't be reached" in ran.err
    proxy.handler = lambda request, forward: forward(request)
    cli("index", "n", "--index", url)
    assert len(locations(proxy, url)) == 520
    cli("doctor", "--deep", "--index", url)


def test_killed_load_can_be_repeated(proxy: RecordingProxy, cli: Cli) -> None:
    files(cli.folder / "n", 520)
    url = proxy.new()
    reached, dead = Event(), Event()

    def hold_back(request: Request, forward: Forward) -> Response | None:
        if len(proxy.bulks) < 2:
            return forward(request)
        reached.set()
        dead.wait(TIMEOUT)
        return None

    proxy.handler = hold_back
    process = cli.start("index", "n", "--index", url)
    assert reached.wait(TIMEOUT)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    proxy.handler = lambda request, forward: forward(request)
    dead.set()
    assert len(locations(proxy, url)) == 500
    ran = cli("index", "n", "--index", url)
    assert ran.out.startswith("520 files seen: 20 added, 500 unchanged")
    cli("index", "n")
    assert contents(ServerIndex(url)) == contents(FolderIndex(cli.index))
