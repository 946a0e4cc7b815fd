"""The pool of workers: how many calls run, wait and are refused, and that no process is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from newsgrep.web.calls import Call
from newsgrep.web.site import Settings
from newsgrep.web.workers import Busy, Workers
from tests.support.cli import Cli

pytestmark = pytest.mark.slow

SEARCH = Call("api_search", parameters=(("q", "潮汐"),))
DOWNLOAD = Call("api_articles", parameters=(("q", "潮汐"),))


def pool(index: Path, seconds: float = 60) -> Workers:
    return Workers(Settings((str(index),)), most=1, seconds=seconds)


def test_calls_beyond_the_queue_are_refused_at_once(tides: Cli) -> None:
    async def run() -> Counter[str]:
        workers = pool(tides.folder / "index")
        try:
            found = await asyncio.gather(
                *(workers.answer(SEARCH) for _ in range(20)), return_exceptions=True
            )
        finally:
            workers.end()
        assert all(each[0].status == 200 for each in found if isinstance(each, tuple))
        return Counter(type(each).__name__ for each in found)

    counts = asyncio.run(run())
    assert counts == {"tuple": 9, "Busy": 11}  # one runs and eight wait


def test_cancelled_call_ends_its_worker_and_no_other(tides: Cli) -> None:
    async def run() -> None:
        workers = pool(tides.folder / "index")
        workers.start_one()
        (first,) = workers._free
        await workers.answer(SEARCH)
        assert workers._free == [first]
        work = asyncio.ensure_future(workers.answer(SEARCH))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not first.is_alive()
        answer, _ = await workers.answer(SEARCH)
        assert answer.status == 200
        workers.end()

    asyncio.run(run())


def test_downloads_are_limited_and_free_their_workers(tides: Cli) -> None:
    async def run() -> None:
        workers = pool(tides.folder / "index")
        opened = [await workers.answer(DOWNLOAD) for _ in range(2)]
        with pytest.raises(Busy, match="2 downloads"):
            await workers.answer(DOWNLOAD)
        (_, whole), (_, cut) = opened
        assert whole
        assert cut
        lines = b"".join([part async for part in whole.parts()]).splitlines()
        assert len(lines) == 30
        for each in (whole, cut, cut):
            each.close()
        assert len(workers._free) == 1
        assert not workers._busy
        answer, again = await workers.answer(DOWNLOAD)
        assert answer.media_type == "application/jsonl"
        assert again
        again.close()
        workers.end()

    asyncio.run(run())
