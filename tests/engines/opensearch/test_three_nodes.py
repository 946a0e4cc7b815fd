"""Three servers, one copy of each part: any of them may die, and no answer is wrong for it.

What is loaded and asked meanwhile are real processes; what they say is compared with brute force.
"""

from __future__ import annotations

import json
import random
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

from newsgrep.engines.base import FACETS, EngineRequest, Order, ResultPage
from newsgrep.index.store import FolderIndex, Index, ServerIndex
from newsgrep.query.parser import parse
from tests.support.cli import Cli, CommandResult, assert_no_crash
from tests.support.cluster import Cluster
from tests.support.cluster.fixtures import IndexNames, start_cluster
from tests.support.simulated_archive import (
    QUERIES,
    SimulatedArchive,
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
"""Of those that are loaded, so many are on their way when a server is killed."""

LONGEST = 1_200.0
"""Seconds in which a load must have ended, one way or another, on a machine that is busy."""

LATE = "旧港晚报"
SETTLED = f"source:{LATE}"
"""What finds all old articles and no new one."""

ANSWERS = 4
"""The least that is asked of each state of the cluster."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """Return three servers; whoever kills one of them restarts it."""
    with start_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def names(servers: Cluster) -> Iterator[IndexNames]:
    """Return names for indexes of this test's own."""
    servers.wait("green", nodes=3)
    names = IndexNames(servers)
    yield names
    names.delete()


@dataclass(frozen=True)
class Served:
    """One index, by the address of each of the servers."""

    cluster: Cluster
    name: str

    @property
    def addresses(self) -> list[str]:
        return [self.at(number) for number in range(len(self.cluster.urls))]

    def at(self, number: int, options: str = "shards=2&replicas=1") -> str:
        host = urlsplit(self.cluster.urls[number]).netloc
        return f"opensearch://{host}/{self.name}?{options}"

    def written(self) -> int:
        """Return how many documents the servers have taken, seen by searches or not."""
        answer = self.cluster.request(f"/{self.name}.g1*/_stats/indexing", seconds=10)
        return int(answer["_all"]["primaries"].get("indexing", {}).get("index_total", 0))

    def documents(self) -> int:
        """Return how many articles there are, by the servers' own count."""
        return int(self.cluster.request(f"/{self.name}/_count")["count"])

    def unsettled(self, copies: int = 1) -> list[str]:
        """Return the indexes that are still kept as while loading."""
        answer = self.cluster.request(f"/{self.name}.*/_settings?flat_settings=true")
        return [
            index
            for index, told in sorted(answer.items())
            if told["settings"].get("index.refresh_interval") == "-1"
            or told["settings"]["index.number_of_replicas"] != str(copies)
        ]


def served(names: IndexNames) -> Served:
    """Return an index that isn't there yet."""
    return Served(names.cluster, urlsplit(names.new()).path.removeprefix("/"))


class Archive:
    """Articles in two folders, some of which have been in the index for long."""

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

    def holding(self, text: str) -> set[str]:
        """Return the files whose articles have a string, by reading them all."""
        return {path for path, content in self.every_file.items() if content.holds(text)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return 21,000 articles, not to be changed."""
    return Archive(tmp_path_factory.mktemp("archive"), MANY)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return 7,000 articles, not to be changed."""
    return Archive(tmp_path_factory.mktemp("smaller"), FEWER)


@dataclass
class Asked:
    """A search as a process, and what came of it."""

    question: str
    address: str
    ran: CommandResult

    @property
    def answer(self) -> Any:
        return json.loads(self.ran.stdout)


class Asking:
    """Asks the same questions of all servers in turn, until it is told to stop."""

    def __init__(self, cli: Cli, index: Served, questions: list[str]) -> None:
        self.asked: list[Asked] = []
        self._cli = cli
        self._index = index
        self._questions = questions
        self._stop = Event()
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[None] | None = None

    def __enter__(self) -> Asking:
        self._future = self._pool.submit(self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def _ask(self) -> None:
        addresses = self._index.addresses
        number = 0
        while not self._stop.is_set():
            question = self._questions[number % len(self._questions)]
            address = addresses[number // len(self._questions) % len(addresses)]
            args = ("search", "--json", "-n", "50", "--index", address, question)
            self.asked.append(Asked(question, address, self._cli.run(*args)))
            number += 1

    def more(self, answers: int = ANSWERS) -> None:
        """Wait until every question has been asked so often again."""
        wanted = len(self.asked) + answers * len(self._questions)
        until(lambda: len(self.asked) >= wanted or self._ended())
        if self._future is not None and self._future.done():
            self._future.result()

    def _ended(self) -> bool:
        return self._future is not None and self._future.done()


def until(condition: Any, seconds: float = LONGEST) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def a_clear_error(ran: CommandResult) -> None:
    assert_no_crash(ran.stderr)
    assert ran.status == 2, ran
    assert ran.err.startswith("newsgrep: "), ran.err
    # What happened, and what to do next.
    assert ": " in ran.err.removeprefix("newsgrep: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert ran.stdout == b"", ran


def ended(process: subprocess.Popen[bytes]) -> CommandResult:
    out, err = process.communicate(timeout=LONGEST)
    return CommandResult(process.returncode, out, err)


def all_answers_are_whole_or_errors(
    asked: list[Asked], archive: Archive, growing: str, figures: Tally
) -> None:
    """Compare each answer with what could be in the index while it was asked."""
    right = archive.holding(growing)
    settled = right & archive.old.files.keys()
    assert settled
    last = 0
    for each in asked:
        if each.ran.status not in {0, 1}:
            a_clear_error(each.ran)
            gone = "can't be reached" in each.ran.err
            figures["asked of the dead server" if gone else "that said what is missing"] += 1
            continue
        assert_no_crash(each.ran.stderr)
        answer = each.answer
        paths = [hit["path"] for hit in answer["hits"]]
        assert len(paths) == len(set(paths)) == min(50, answer["total"])
        figures["searches answered"] += 1
        if each.question == f'"{growing}"':
            figures["totals that fell"] += answer["total"] < last
            last = answer["total"]
            assert len(settled) <= answer["total"] <= len(right), each
            assert set(paths) <= right
        else:
            assert answer["total"] == OLD, each
            assert set(paths) <= archive.old.files.keys()


GROWING = "发表联合声明"
QUOTED = (GROWING, "表决之后", "人在望津市", "长在灯塔下记", "第777号", "第20999号", "没有的")


def nothing_lost_nothing_double(cli: Cli, index: Served, archive: Archive, figures: Tally) -> None:
    """Compare the index with brute force, by the address of every server."""
    files = archive.every_file
    assert index.documents() == len(files)
    assert index.unsettled() == []
    with ServerIndex(index.at(0)).open() as engine:
        paths = [stamp.path for stamp in engine.stamps()]
        assert len(paths) == len(files)
        assert set(paths) == files.keys()
        assert engine.check() == []
    for address in index.addresses:
        for text in QUOTED:
            right = archive.holding(text)
            args = ("search", "--json", "-n", "50", "--index", address)
            ran = cli(*args, "--facets", "source,month", f'"{text}"', status=None)
            answer = json.loads(ran.stdout)
            assert answer["total"] == len(right), text
            assert {hit["path"] for hit in answer["hits"]} <= right
            figures["counts compared"] += 1
        with ServerIndex(address).open() as engine:
            for text in QUOTED:
                right = archive.holding(text)
                page = engine.search(
                    EngineRequest(parse(f'"{text}"').root, Order.NEWEST, MANY, 0, FACETS)
                )
                found = [each.path for each in engine.get(c.id for c in page.candidates)]
                assert sorted(found) == sorted(right)
                sums = {name: sum(count for _, count in page.facets[name]) for name in FACETS}
                assert sums["source"] == sums["month"] == len(right)


@pytest.mark.parametrize("role", ["only parts of indexes", "the manager's role"])
def test_a_server_killed_while_articles_are_loaded_and_searched_costs_no_article_and_no_answer(
    role: str, names: IndexNames, archive: Archive, tmp_path: Path, figures: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), served(names)
    manager = cluster.manager()
    others = [number for number in range(3) if number != manager]
    victim = manager if role == "the manager's role" else others[0]
    told, elsewhere = (number for number in range(3) if number != victim)
    ran = cli("index", str(archive.old.folder), "--index", index.at(told))
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    command = ("index", str(archive.old.folder), str(archive.new.folder), "--jobs", "2")

    with Asking(cli, index, [SETTLED, f'"{GROWING}"']) as asking:
        load = cli.start(*command, "--index", index.at(told))
        until(lambda: index.written() > OLD + EARLY or load.poll() is not None)
        assert load.poll() is None
        cluster.kill(victim)
        asking.more()
        figures["articles loaded when the server was back"] += index.written() - OLD
        cluster.restart(victim)
        asking.more()
        ran = ended(load)
        figures["loads that went on to their end"] += ran.status == 0
        if ran.status:
            a_clear_error(ran)
        asking.more()
    all_answers_are_whole_or_errors(asking.asked, archive, GROWING, figures)

    ran = cli.run(*command, "--index", index.at(elsewhere))
    assert ran.status == 0, ran
    assert ran.out.startswith(f"{OLD + MANY:,} files seen: "), ran
    assert f"{OLD + MANY:,} articles in " in ran.out
    cluster.wait("green", nodes=3)
    nothing_lost_nothing_double(cli, index, archive, figures)


def test_when_the_server_that_was_named_dies_another_takes_the_same_command(
    names: IndexNames, smaller: Archive, tmp_path: Path, figures: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), served(names)
    named = (cluster.manager() + 1) % 3
    other = (named + 1) % 3
    command = ("index", str(smaller.old.folder), str(smaller.new.folder), "--jobs", "2")
    load = cli.start(*command, "--index", index.at(named))
    until(lambda: index.written() > EARLIER or load.poll() is not None)
    assert load.poll() is None
    cluster.kill(named)
    ran = ended(load)
    for cut_short in (ran, cli.run("search", "--index", index.at(named), GROWING)):
        a_clear_error(cut_short)
        assert "can't be reached" in cut_short.err
        assert "If it is one of a cluster, name another server of it" in cut_short.err
    figures["articles that were there when the command ended"] += index.written()

    ran = ended(cli.start(*command, "--index", index.at(other)))
    assert ran.status == 0, ran
    assert f"{OLD + FEWER:,} articles in " in ran.out
    cluster.restart(named)
    cluster.wait("green", nodes=3)
    nothing_lost_nothing_double(cli, index, smaller, figures)


def test_with_too_few_servers_left_nothing_is_answered_from_a_part(
    names: IndexNames, smaller: Archive, tmp_path: Path, figures: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), served(names)
    last = 2
    ran = cli("index", str(smaller.old.folder), "--index", index.at(last))
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    cluster.wait("green", nodes=3)
    for number in (0, 1):
        cluster.kill(number)
    command = ("index", str(smaller.old.folder), str(smaller.new.folder / "07"))
    asked = (("search", "--json", SETTLED), ("search", "--json", f'"{GROWING}"'), command)
    for process in [cli.start(*args, "--index", index.at(last)) for args in asked]:
        ran = ended(process)
        a_clear_error(ran)
        assert "finds no cluster manager" in ran.err
        figures["commands that said what is missing"] += 1
    for number in (0, 1):
        cluster.restart(number)
    cluster.wait("green", nodes=3)
    assert index.documents() == OLD
    ran = cli(*command, "--index", index.at(0))
    assert ran.out.startswith(f"{OLD + FEWER // 100:,} files seen: ")
    assert index.documents() == OLD + FEWER // 100
    assert index.unsettled() == []


def test_without_copies_a_load_ends_where_a_server_dies_and_is_completed_when_it_is_back(
    names: IndexNames, smaller: Archive, tmp_path: Path, figures: Tally
) -> None:
    cluster, cli, index = names.cluster, Cli(tmp_path), served(names)
    victim = (cluster.manager() + 1) % 3
    told = (victim + 1) % 3
    address = index.at(told, "shards=3&replicas=0")
    ran = cli("index", str(smaller.old.folder), "--index", address)
    assert ran.out.startswith(f"{OLD:,} files seen: {OLD:,} added"), ran
    command = ("index", str(smaller.old.folder), str(smaller.new.folder), "--index", address)
    load = cli.start(*command)
    until(lambda: index.written() > OLD + EARLIER or load.poll() is not None)
    assert load.poll() is None
    cluster.kill(victim)
    for ran in (ended(load), cli.run("search", "--json", "--index", address, SETTLED)):
        a_clear_error(ran)
        assert "health" in ran.err
        figures["commands that said what is missing"] += 1

    cluster.restart(victim)
    cluster.wait("green", nodes=3)
    figures["articles that were there when the server was back"] += index.documents() - OLD
    ran = ended(cli.start(*command))
    assert ran.status == 0, ran
    assert f"{OLD + FEWER:,} articles in " in ran.out
    assert index.documents() == OLD + FEWER
    assert index.unsettled(copies=0) == []
    with ServerIndex(address).open() as engine:
        assert {stamp.path for stamp in engine.stamps()} == smaller.every_file.keys()


def what_is_there(index: Index) -> tuple[Any, ...]:
    """Return all stamps and articles of an index, and its answers to some questions."""
    with index.open() as engine:
        stamps = sorted(engine.stamps())
        articles = engine.get(stamp.article_id or "" for stamp in stamps)
        pages = [
            engine.search(EngineRequest(parse(each).root, Order.NEWEST, 20, 0, FACETS))
            for each in QUERIES
        ]
    # Why a file is no article of its own names another file, as it was when that was found.
    known = [stamp._replace(reason=None) for stamp in stamps]
    return known, articles, [(page.total, page.facets, _ids(page)) for page in pages]


def _ids(page: ResultPage) -> list[str]:
    return [candidate.id for candidate in page.candidates]


def test_two_loaders_with_a_shard_each_at_two_servers_at_once_leave_what_one_run_does(
    names: IndexNames, tmp_path: Path, figures: Tally
) -> None:
    cli, index = Cli(tmp_path), served(names)
    chance = random.Random(20261122)
    shelf = SimulatedArchive(tmp_path / "n")
    for number in range(3_000):  # a third of them share addresses with others
        shelf.write(f"{number % 10}/{number}.md", random_article(chance, number, addresses=300))
    for _ in range(2):
        args = ("index", str(shelf.folder), "--json")
        loads = [
            cli.start(*args, "--shard", f"{number}/2", "--index", index.at(number))
            for number in (1, 2)
        ]
        for ran in map(ended, loads):
            assert_no_crash(ran.stderr)
            assert ran.status == 0, ran
            told = json.loads(ran.stdout)
            figures["files read"] += told["seen"] - told["unchanged"]
    whole = tmp_path / "whole"
    cli("index", str(shelf.folder), "--index", whole)
    assert what_is_there(ServerIndex(index.at(0))) == what_is_there(FolderIndex(whole))
    assert index.documents() == len(expected_state(shelf.files))
    figures["articles"] += index.documents()
