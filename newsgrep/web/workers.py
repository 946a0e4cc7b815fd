"""Worker processes that answer calls: at most a given number at once, each for a limited time.

A search cannot be stopped from outside while it runs, whatever its engine is. A process can: a
worker whose answer takes too long, or whose client has gone, is ended, and another one is started
when it is needed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple, TypeVar

from newsgrep.errors import NewsgrepError
from newsgrep.web.calls import Answer, Call
from newsgrep.web.site import Settings, Site, describe

_WAITING_PER_WORKER: Final = 8
"""Calls that may wait for each worker; further ones are refused at once."""

_START_SECONDS: Final = 60.0
"""Seconds until a new process is ready, also on a machine that is busy."""

_DOWNLOADS: Final = 2
"""Bodies in parts that are sent at once; each keeps a worker of its own busy."""


class Busy(NewsgrepError):
    """Too many calls, or one that took too long."""


_Received = TypeVar("_Received")


class _Start(NamedTuple):
    """The beginning of an answer; ``body`` is ``None`` if it follows in parts."""

    status: int
    media_type: str
    headers: dict[str, str]
    body: bytes | None
    problem: str


def _work(connection: Connection, settings: Settings) -> None:
    """Answer calls until the server closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides what to do
    site = Site(settings)
    site.prepare()
    with suppress(EOFError, OSError):
        connection.send_bytes(b"")
        while True:
            _send_answer(connection, site, settings, connection.recv())


def _send_answer(connection: Connection, site: Site, settings: Settings, call: Call) -> None:
    try:
        answer = site.answer(call)
    except MemoryError:
        answer = describe(settings, call, Busy("The server is out of memory. Narrow the query."))
    except Exception as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        problem = NewsgrepError(
            "Internal error ({kind}). Report the address.", kind=type(exc).__name__
        )
        answer = describe(settings, call, problem, 500)
    whole = answer.body if isinstance(answer.body, bytes) else None
    start = _Start(answer.status, answer.media_type, dict(answer.headers), whole, answer.problem)
    connection.send(start)
    if not isinstance(answer.body, bytes):
        for part in answer.body:
            connection.send_bytes(part)
        connection.send_bytes(b"")


class Worker:
    """A process with the index open, as the server sees it."""

    def __init__(self, settings: Settings) -> None:
        context = get_context("spawn")
        self._connection, other = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(other, settings), daemon=True, name="newsgrep serve"
        )
        self._process.start()
        self._is_ready = False
        # An event loop of Windows can't wait for a connection, a thread can on every system.
        self._waiting = ThreadPoolExecutor(1, "newsgrep serve")
        other.close()

    async def prepared(self) -> None:
        """Wait until the process has loaded what it needs: that is no part of a query's time.

        Raises ``EOFError`` if the process has ended.
        """
        if not self._is_ready:
            async with asyncio.timeout(_START_SECONDS):
                await self._received(self._connection.recv_bytes)
            self._is_ready = True

    def send(self, call: Call) -> None:
        """Send a call; raises ``OSError`` if the process has ended."""
        self._connection.send(call)

    async def receive_start(self) -> _Start:
        """Return the beginning of the answer; raises ``EOFError`` if the process has ended."""
        found: object = await self._received(self._connection.recv)
        assert isinstance(found, _Start)  # noqa: S101  (for type checkers)
        return found

    async def receive_part(self) -> bytes:
        """Return the next part of a body, empty at its end."""
        return await self._received(self._connection.recv_bytes)

    async def _received(self, receive: Callable[[], _Received]) -> _Received:
        """Return what the process sends next.

        If the task is cancelled meanwhile, the thread waits until :meth:`end`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._waiting, receive)

    def is_alive(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.is_alive()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join(1)
        # A thread that waits receives the end of the connection now.
        self._waiting.submit(self._connection.close)
        self._waiting.shutdown(wait=False)


class Workers:
    """The workers of a server: they are started when needed, and end with it."""

    def __init__(self, settings: Settings, *, most: int, seconds: float) -> None:
        self._settings = settings
        self._most = most
        self._seconds = seconds
        self._free: list[Worker] = []
        self._busy: set[Worker] = set()
        self._turns = asyncio.Semaphore(most)
        self._downloads = 0
        self._waiting = 0

    def start_one(self) -> None:
        """Start a worker before the first call."""
        self._free.append(Worker(self._settings))

    def end(self) -> None:
        """End all workers."""
        for each in (*self._free, *self._busy):
            each.end()
        self._free.clear()
        self._busy.clear()

    async def answer(self, call: Call) -> tuple[Answer, Download | None]:
        """Return the answer to a call; a body in parts is a download, which must be closed.

        Raises :class:`Busy` if it takes longer than allowed, or if too many calls wait. If the
        task is cancelled, the worker is ended.
        """
        if self._waiting >= self._most * _WAITING_PER_WORKER:
            raise Busy("Too many queries are waiting. Try again in a moment.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy("All workers are busy. Try again in a moment.") from None
        finally:
            self._waiting -= 1
        try:
            return await self._answer(call)
        finally:
            self._turns.release()

    async def _answer(self, call: Call) -> tuple[Answer, Download | None]:
        worker = self._take()
        keep = False
        try:
            await worker.prepared()
            async with asyncio.timeout(self._seconds):
                worker.send(call)
                start = await worker.receive_start()
            keep = True
        except TimeoutError:
            raise Busy(
                "The query took longer than {seconds:g} seconds and was stopped. Narrow it by "
                "source or date, or start newsgrep serve with a longer --time-limit.",
                seconds=self._seconds,
            ) from None
        except (EOFError, OSError):
            raise Busy(
                "The worker ended before its answer, perhaps because memory was short. Narrow the "
                "query."
            ) from None
        finally:
            if not keep:
                self._drop(worker)
        answer = Answer(
            start.status, start.media_type, start.body or b"", start.headers, start.problem
        )
        if start.body is not None:
            self._give_back(worker)
            return answer, None
        if self._downloads >= _DOWNLOADS:
            self._drop(worker)
            raise Busy(
                "{count} downloads are running. Try again when one is complete.", count=_DOWNLOADS
            )
        self._downloads += 1
        return answer, Download(worker, self._end_download)

    def _end_download(self, worker: Worker, complete: bool) -> None:
        self._downloads -= 1
        if complete:
            self._give_back(worker)
        else:
            self._drop(worker)

    def _take(self) -> Worker:
        while self._free:
            worker = self._free.pop()
            if worker.is_alive():
                self._busy.add(worker)
                return worker
            worker.end()
        worker = Worker(self._settings)
        self._busy.add(worker)
        return worker

    def _give_back(self, worker: Worker) -> None:
        self._busy.discard(worker)
        if len(self._free) < self._most:
            self._free.append(worker)
        else:
            worker.end()

    def _drop(self, worker: Worker) -> None:
        self._busy.discard(worker)
        worker.end()


class Download:
    """A body that a worker sends in parts; :meth:`close` must be called at the end."""

    def __init__(self, worker: Worker, end: Callable[[Worker, bool], None]) -> None:
        self._worker = worker
        self._end = end
        self._is_open = True
        self._is_complete = False

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body, as the client takes them."""
        while part := await self._worker.receive_part():
            yield part
        self._is_complete = True

    def close(self) -> None:
        """Free the worker, or end it if the body is not complete."""
        if self._is_open:
            self._is_open = False
            self._end(self._worker, self._is_complete)
