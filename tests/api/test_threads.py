"""One archive answers many threads and an event loop, also while it moves to another commit."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import newsgrep
from newsgrep import Archive
from newsgrep.engines.whoosh.storage import PAGE_BYTES, CheckedFile, checksum_pages
from tests.support.cli import Cli, write_article
from tests.support.cluster.fixtures import IndexNames

THREADS = 16
QUERIES = (
    "潮汐",
    "灯塔",
    "台风",
    '"潮汐公报"',
    "source:鹭岛电台",
    "/第1.?号/",
    "码头 OR 守望者",
    "潮*",
)


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Let threads take turns after a few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def answer(archive: Archive, query: str) -> tuple[object, ...]:
    hits = archive.search(query, limit=30)
    return (
        hits.total,
        [(hit.article, round(hit.score, 6), hit.snippets) for hit in hits],
        archive.facets(query, "source", "month").facets,
        archive.timeline(query).series,
    )


def test_threads_read_different_pages_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "pages"
    data = random.Random(1).randbytes(200 * PAGE_BYTES)
    path.write_bytes(data)
    file = CheckedFile(path, len(data), checksum_pages(path)[1])

    def read(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(200):
            start = choose.randrange(len(data) - 2 * PAGE_BYTES)
            assert file.get(start, 2 * PAGE_BYTES) == data[start : start + 2 * PAGE_BYTES]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, range(THREADS)))
    file.close()


@pytest.mark.parametrize(("engine", "rounds"), [("whoosh", 2), ("tantivy", 2), ("opensearch", 1)])
def test_sixteen_threads_get_the_same_answers(
    engine: str, rounds: int, tides: Cli, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine == "opensearch":
        names: IndexNames = request.getfixturevalue("opensearch")
        location: str | Path = names.new()
        newsgrep.index([tides.folder / "tides"], location)
    else:
        location = tmp_path / "index"
        newsgrep.index([tides.folder / "tides"], location, engine=engine)
    check_threads(location, rounds)


def check_threads(location: str | Path, rounds: int) -> None:
    """Compare the answers of one thread with those of 16 that begin at the same time."""
    with newsgrep.open(location) as archive:
        expected = [answer(archive, query) for query in QUERIES]
    for _ in range(rounds):  # nothing is cached in a new archive
        with newsgrep.open(location) as archive:
            barrier = Barrier(THREADS)

            def run(number: int, archive: Archive = archive, barrier: Barrier = barrier) -> None:
                barrier.wait()
                for at in range(len(QUERIES)):
                    chosen = (at + number) % len(QUERIES)
                    assert answer(archive, QUERIES[chosen]) == expected[chosen]

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(run, range(THREADS)))


def test_refresh_disturbs_no_call_in_other_threads(tmp_path: Path) -> None:
    files, commits = tmp_path / "files", 4
    files.mkdir()
    write_article(files / "0.md", "公报零", "潮汐公报第零号。潮汐表照常张贴，码头照常装卸。")
    newsgrep.index([files], tmp_path / "index")
    with newsgrep.open(tmp_path / "index") as archive:

        def read() -> list[int]:
            counts: list[int] = []
            while not counts or counts[-1] < commits:
                hits = archive.search("潮汐", limit=20)
                assert len(hits) == hits.total
                counts.append(hits.total)
            return counts

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read) for _ in range(4)]
            for number in range(1, commits):
                write_article(
                    files / f"{number}.md",
                    f"公报{number}",
                    f"潮汐公报第{number}号。潮汐表照常张贴。",
                )
                newsgrep.index([files], tmp_path / "index")
                assert archive.refresh()
            seen = [reader.result() for reader in readers]
    assert all(counts == sorted(counts) for counts in seen)


def test_asyncio_uses_threads(seeds: Cli) -> None:
    async def count_all(archive: Archive, queries: list[str]) -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(archive.count, each) for each in queries))

    with newsgrep.open(seeds.folder / "index") as archive:
        assert asyncio.run(count_all(archive, ["声明", "渔业"])) == [9, 2]


def test_open_archives_write_nothing(seeds: Cli, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(seeds.folder / "index", index)
    before = {path: path.stat().st_mtime_ns for path in index.rglob("*")}
    with newsgrep.open(index) as archive:
        archive.search("声明 没有的词儿")
        archive.similar(next(iter(archive)))
        archive.refresh()
    assert {path: path.stat().st_mtime_ns for path in index.rglob("*")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]
