"""Three servers and one replica of each shard: any server may die, and no result is wrong.

Articles are loaded and searched by real processes; results are compared with brute force.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsgrep.engines.base import FACETS, EngineRequest, Order
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.store import Index
from newsgrep.query.parser import parse
from tests.support.cli import Cli, CommandResult, assert_no_crash
from tests.support.cluster import Cluster
from tests.support.cluster.fixtures import IndexNames, start_cluster
from tests.support.simulated_archive import (
    QUERIES,
    SimulatedArchive,
    contents_in_any_order,
    expected_state,
    random_article,
)
from tests.support.stress import Tally

pytestmark = [pytest.mark.engines, pytest.mark.cluster3]

MANY = 20_000
FEWER = 6_000
OLD = 1_000
"""Articles that are in the index before anything happens to a server."""

EARLY = 3_000
EARLIER = 1_000
"""Articles that have been loaded when a server is killed."""

LOAD_TIMEOUT = 1_200.0
"""Seconds within which a load must have ended, on a busy machine."""

LATE = "旧港晚报"
SETTLED = f"source:{LATE}"
"""A query that matches all old articles and no new one."""

SEARCHES = 4
"""Searches by each query in each state of the cluster."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """Return three servers; a test that kills one of them restarts it."""
    with start_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def names(servers: Cluster) -> Iterator[IndexNames]:
    """Return names for indices of this test."""
    servers.wait("green", nodes=3)
    names = IndexNames(servers)
    yield names
    names.delete()


@dataclass(frozen=True)
class ClusterIndex:
    """One index, at the address of each of the servers."""

    cluster: Cluster
    name: str

    @property
    def addresses(self) -> list[str]:
        return [self.at(number) for number in range(len(self.cluster.urls))]

    def at(self, number: int, options: str = "shards=2&replicas=1") -> str:
        host = urlsplit(self.cluster.urls[number]).netloc
        return f"opensearch://{host}/{self.name}?{options}"

    def written(self) -> int:
        """Return how many documents the servers have written, visible to searches or not."""
        response = self.cluster.request(f"/{self.name}.g1*/_stats/indexing", seconds=10)
        return int(response["_all"]["primaries"].get("indexing", {}).get("index_total", 0))

    def documents(self) -> int:
        """Return how many articles there are, as the servers count."""
        return int(self.cluster.request(f"/{self.name}/_count")["count"])

    def unrestored(self, replicas: int = 1) -> list[str]:
        """Return the indices that still have the settings for loading."""
        response = self.cluster.request(f"/{self.name}.*/_settings?flat_settings=true")
        return [
            index
            for index, each in sorted(response.items())
            if each["settings"].get("index.refresh_interval") == "-1"
            or each["settings"]["index.number_of_replicas"] != str(replicas)
        ]


def new_index(names: IndexNames) -> ClusterIndex:
    """Return an index that does not exist yet."""
    return ClusterIndex(names.cluster, urlsplit(names.new()).path.removeprefix("/"))


class Archive:
    """Articles in two folders, old ones and new ones."""

    def __init__(self, folder: Path, many: int) -> None:
        chance = random.Random(20261121)
        self.old = SimulatedArchive(folder / "old")
        self.new = SimulatedArchive(folder / "new")
        for number in range(OLD):
            content = replace(random_article(chance, MANY + number), source=LATE, url="")
            self.old.write(f"{number}.md", replace(content, date=f"2023{content.date[4:]}"))
        for number in range(many):
            content = replace(random_article(chance, number), url="")
            date = f"{2023 + number % 2}{content.date[4:]}"
            self.new.write(f"{number % 100:02}/{number}.md", replace(content, date=date))

    @property
    def every_file(self) -> dict[str, Any]:
        return self.old.files | self.new.files

    def containing(self, text: str) -> set[str]:
        """Return the files whose articles contain a string, by brute force."""
        return {path for path, content in self.every_file.items() if content.contains(text)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return 21,000 articles; do not change them."""
    return Archive(tmp_path_factory.mktemp("archive"), MANY)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return 7,000 articles; do not change them."""
    return Archive(tmp_path_factory.mktemp("smaller"), FEWER)


@dataclass
class Search:
    """A search by a process, and its result."""

    query: str
    address: str
    ran: CommandResult

    @property
    def result(self) -> Any:
        return json.loads(self.ran.stdout)


class Searcher:
    """Searches by the same queries at all servers in turn, until the block ends."""

    def __init__(self, cli: Cli, index: ClusterIndex, queries: list[str]) -> None:
        self.searches: list[Search] = []
        self._cli = cli
        self._index = index
        self._queries = queries
        self._stop = Event()
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[None] | None = None

    def __enter__(self) -> Searcher:
        self._future = self._pool.submit(self._search)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def _search(self) -> None:
        addresses = self._index.addresses
        number = 0
        while not self._stop.is_set():
            query = self._queries[number % len(self._queries)]
            address = addresses[number // len(self._queries) % len(addresses)]
            args = ("search", "--json", "-n", "50", "--index", address, query)
            self.searches.append(Search(query, address, self._cli.run(*args)))
            number += 1

    def wait_for_more(self, searches: int = SEARCHES) -> None:
        """Wait until there were ``searches`` more searches by every query."""
        wanted = len(self.searches) + searches * len(self._queries)
        until(lambda: len(self.searches) >= wanted or self._ended())
        if self._future is not None and self._future.done():
            self._future.result()

    def _ended(self) -> bool:
        return self._future is not None and self._future.done()


def until(condition: Any, seconds: float = LOAD_TIMEOUT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def assert_clear_error(ran: CommandResult) -> None:
    assert_no_crash(ran.stderr)
    assert ran.status == 2, ran
    assert ran.err.startswith("newsgrep: "), ran.err
    # What happened, and what to do.
    assert re.search(r"[.:] ", ran.err.removeprefix("newsgrep: ")), ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert ran.stdout == b"", ran


def ended(process: subprocess.Popen[bytes]) -> CommandResult:
    out, err = process.communicate(timeout=LOAD_TIMEOUT)
    return CommandResult(process.returncode, out, err)


def assert_complete_or_errors(
    searches: list[Search], archive: Archive, growing: str, tally: Tally
) -> None:
    """Compare each result with what may have been in the index at that time."""
    right = archive.containing(growing)
    settled = right & archive.old.files.keys()
    assert settled
    last = 0
    for each in searches:
        if each.ran.status not in {0, 1}:
            assert_clear_error(each.ran)
            is_dead = "can't be reached" in each.ran.err
            tally["searches at the dead server" if is_dead else "errors of living servers"] += 1
            continue
        assert_no_crash(each.ran.stderr)
        result = each.result
        paths = [hit["path"] for hit in result["hits"]]
        assert len(paths) == len(set(paths)) == min(50, result["total"])
        tally["complete results"] += 1
        if each.query == f'"{growing}"':
            tally["totals that fell"] += result["total"] < last
            last = result["total"]
            assert len(settled) <= result["total"] <= len(right), each
            assert set(paths) <= right
        else:
            assert result["total"] == OLD, each
            assert set(paths) <= archive.old.files.keys()


GROWING = "发表联合声明"
QUOTED = (GROWING, "表决之后", "人在望津市", "长在灯塔下记", "第777号", "第20999号", "没有的")


def assert_complete(cli: Cli, index: ClusterIndex, archive: Archive, tally: Tally) -> None:
    """Compare the index with brute force, at every server."""
    files = archive.every_file
    assert index.documents() == len(files)
    assert index.unrestored() == []
    with ServerIndex(index.at(0)).open() as engine:
        paths = [record.path for record in engine.file_records()]
        assert len(paths) == len(files)
        assert set(paths) == files.keys()
        assert engine.verify() == []
    for address in index.addresses:
        for text in QUOTED:
            right = archive.containing(text)
            args = ("search", "--json", "-n", "50", "--index", address)
            ran = cli(*args, "--facets", "source,month", f'"{text}"', status=None)
            result = json.loads(ran.stdout)
            assert result["total"] == len(right), text
            assert {hit["path"] for hit in result["hits"]} <= right
            tally["counts compared"] += 1
        with ServerIndex(address).open() as engine:
            for text in QUOTED:
                right = archive.containing(text)
                page = engine.search(
                    EngineRequest(parse(f'"{text}"').root, Order.NEWEST, MANY, 0, FACETS)
                )
                found = [each.path for each in engine.get(c.id for c in page.candidates)]
                assert sorted(found) == sorted(right)
                sums = {name: sum(count for _, count in page.facets[name]) for name in FACETS}
                assert sums["source"] == sums["month"] == len(right)


@pytest.mark.parametrize("role", ["data only", "manager"])
def test_killed_server_loses_no_article_and_no_result(
    role: str, names: IndexNames, archive: Archive, tmp_path: Path, tally: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), new_index(names)
    manager = cluster.manager()
    others = [number for number in range(3) if number != manager]
    victim = manager if role == "manager" else others[0]
    named, other = (number for number in range(3) if number != victim)
    ran = cli("index", str(archive.old.folder), "--index", index.at(named))
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    command = ("index", str(archive.old.folder), str(archive.new.folder), "--jobs", "2")

    with Searcher(cli, index, [SETTLED, f'"{GROWING}"']) as searcher:
        load = cli.start(*command, "--index", index.at(named))
        until(lambda: index.written() > OLD + EARLY or load.poll() is not None)
        assert load.poll() is None
        cluster.kill(victim)
        searcher.wait_for_more()
        tally["articles loaded when the server was back"] += index.written() - OLD
        cluster.restart(victim)
        searcher.wait_for_more()
        ran = ended(load)
        tally["loads that succeeded"] += ran.status == 0
        if ran.status:
            assert_clear_error(ran)
        searcher.wait_for_more()
    assert_complete_or_errors(searcher.searches, archive, GROWING, tally)

    ran = cli.run(*command, "--index", index.at(other))
    assert ran.status == 0, ran
    assert ran.out.startswith(f"{OLD + MANY:,} files seen: "), ran
    assert f"{OLD + MANY:,} articles in " in ran.out
    cluster.wait("green", nodes=3)
    assert_complete(cli, index, archive, tally)


def test_command_can_be_repeated_at_another_server(
    names: IndexNames, smaller: Archive, tmp_path: Path, tally: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), new_index(names)
    named = (cluster.manager() + 1) % 3
    other = (named + 1) % 3
    command = ("index", str(smaller.old.folder), str(smaller.new.folder), "--jobs", "2")
    load = cli.start(*command, "--index", index.at(named))
    until(lambda: index.written() > EARLIER or load.poll() is not None)
    assert load.poll() is None
    cluster.kill(named)
    ran = ended(load)
    for failed in (ran, cli.run("search", "--index", index.at(named), GROWING)):
        assert_clear_error(failed)
        assert "can't be reached" in failed.err
        assert "If it is one of a cluster, name another server of it" in failed.err
    tally["articles that were there when the command ended"] += index.written()

    ran = ended(cli.start(*command, "--index", index.at(other)))
    assert ran.status == 0, ran
    assert f"{OLD + FEWER:,} articles in " in ran.out
    cluster.restart(named)
    cluster.wait("green", nodes=3)
    assert_complete(cli, index, smaller, tally)


def test_too_few_servers_are_an_error(
    names: IndexNames, smaller: Archive, tmp_path: Path, tally: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), new_index(names)
    last = 2
    ran = cli("index", str(smaller.old.folder), "--index", index.at(last))
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    cluster.wait("green", nodes=3)
    for number in (0, 1):
        cluster.kill(number)
    command = ("index", str(smaller.old.folder), str(smaller.new.folder / "07"))
    commands = (("search", "--json", SETTLED), ("search", "--json", f'"{GROWING}"'), command)
    for process in [cli.start(*args, "--index", index.at(last)) for args in commands]:
        ran = ended(process)
        assert_clear_error(ran)
        assert "finds no cluster manager" in ran.err
        tally["commands with a clear error"] += 1
    for number in (0, 1):
        cluster.restart(number)
    cluster.wait("green", nodes=3)
    assert index.documents() == OLD
    ran = cli(*command, "--index", index.at(0))
    assert ran.out.startswith(f"{OLD + FEWER // 100:,} files seen: ")
    assert index.documents() == OLD + FEWER // 100
    assert index.unrestored() == []


def test_load_without_replicas_can_be_repeated(
    names: IndexNames, smaller: Archive, tmp_path: Path, tally: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), new_index(names)
    victim = (cluster.manager() + 1) % 3
    named = (victim + 1) % 3
    address = index.at(named, "shards=3&replicas=0")
    ran = cli("index", str(smaller.old.folder), "--index", address)
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    command = ("index", str(smaller.old.folder), str(smaller.new.folder), "--index", address)
    load = cli.start(*command)
    until(lambda: index.written() > OLD + EARLIER or load.poll() is not None)
    assert load.poll() is None
    cluster.kill(victim)
    for ran in (ended(load), cli.run("search", "--json", "--index", address, SETTLED)):
        assert_clear_error(ran)
        assert "health" in ran.err
        tally["commands with a clear error"] += 1

    cluster.restart(victim)
    cluster.wait("green", nodes=3)
    tally["articles that were there when the server was back"] += index.documents() - OLD
    ran = ended(cli.start(*command))
    assert ran.status == 0, ran
    assert f"{OLD + FEWER:,} articles in " in ran.out
    assert index.documents() == OLD + FEWER
    assert index.unrestored(replicas=0) == []
    with ServerIndex(address).open() as engine:
        assert {record.path for record in engine.file_records()} == smaller.every_file.keys()


def index_content(index: Index) -> tuple[Any, ...]:
    """Return all file records and articles of an index, and its results for some queries."""
    with index.open() as engine:
        pages = [
            engine.search(EngineRequest(parse(each).root, Order.NEWEST, 20, 0, FACETS))
            for each in QUERIES
        ]
    return contents_in_any_order(index), [(page.total, page.facets) for page in pages]


def test_two_loaders_of_shards_leave_the_result_of_one(
    names: IndexNames, tmp_path: Path, tally: Tally
) -> None:
    cli, index = Cli(tmp_path), new_index(names)
    chance = random.Random(20261122)
    archive = SimulatedArchive(tmp_path / "n")
    for number in range(3_000):  # a third of them share addresses with others
        archive.write(f"{number % 10}/{number}.md", random_article(chance, number, addresses=300))
    args = ("index", str(archive.folder), "--json")
    loads = [
        cli.start(*args, "--shard", f"{number}/2", "--index", index.at(number)) for number in (1, 2)
    ]
    for ran in map(ended, loads):
        assert_no_crash(ran.stderr)
        assert ran.status == 0, ran
        summary = json.loads(ran.stdout)
        tally["files read"] += summary["seen"] - summary["unchanged"]
    whole = tmp_path / "whole"
    cli("index", str(archive.folder), "--index", whole)
    assert index_content(ServerIndex(index.at(0))) == index_content(FolderIndex(whole))
    assert index.documents() == len(expected_state(archive.files))
    tally["articles"] += index.documents()
