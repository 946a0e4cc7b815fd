"""Worker processes, and what turns stored articles into documents for an engine.

:func:`map_in_order` distributes items and returns results in their order. Workers ignore
Ctrl-C: only their parent decides what to do.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Change, PutArticle, PutFileRecord, Stored, Unreadable
from newsgrep.errors import IndexDamaged, WorkerDied
from newsgrep.messages import message

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_CHUNK_SIZE: Final = 32
"""Items that are sent to a worker at once."""

_CHUNKS_PER_WORKER: Final = 4
"""Chunks that are sent before the first result is awaited."""

_MAX_CHUNK_BYTES: Final = 4 * 1024 * 1024
_MAX_BYTES_SENT: Final = 64 * 1024 * 1024
"""Bytes of items before the first result is awaited; a record may have as many alone."""

_GC_THRESHOLD: Final = 50_000
"""New objects before a worker collects garbage: few of its objects are in cycles."""

_IGNORED_SIGNALS: Final = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""Signals that a terminal sends to all processes of a group. A pool ends workers by SIGTERM."""

_ENDING_SIGNALS: Final = frozenset((*_IGNORED_SIGNALS, signal.SIGTERM))

_SIGNAL_DELAY: Final = 0.1
"""Seconds until a signal that ended a worker has also arrived here, if it was sent to all."""

_SAFE_PATH: Final = "PYTHONSAFEPATH"
"""Python does not import from the current folder if this variable is set."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Setting = TypeVar("Setting")


def no_size(_item: object) -> int:
    """Return the size of an item that is small."""
    return 0


def map_in_order(
    prepare: Callable[[Setting], Callable[[Item], Result]],
    setting: Setting,
    items: Iterable[Item],
    jobs: int,
    size_of: Callable[[Item], int] = no_size,
) -> Iterator[Result]:
    """Yield ``prepare(setting)(item)`` for each item, computed in ``jobs`` worker processes.

    With one job, it is computed in this process. ``prepare`` is called once in each worker. Only
    a few chunks per worker are in progress at a time, so memory does not grow with the number
    of items, nor with their sizes, which ``size_of`` returns in bytes. Raises
    :class:`WorkerDied` if a worker is ended from outside.
    """
    if jobs <= 1:
        yield from map(prepare(setting), items)
        return
    with deferred_signals(), _starting_children():  # the pool has one child more than workers
        pool = ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=_start_worker, initargs=(prepare, setting)
        )
    try:
        under_way: deque[tuple[Future[list[Any]], int]] = deque()
        sent = 0
        for chunk, size in _chunks(iter(items), size_of):
            with deferred_signals(), _starting_children():
                under_way.append((pool.submit(_process_chunk, chunk), size))
            sent += size
            while len(under_way) >= jobs * _CHUNKS_PER_WORKER or sent > _MAX_BYTES_SENT:
                future, size = under_way.popleft()
                yield from cast("list[Result]", future.result())
                sent -= size
        while under_way:
            yield from cast("list[Result]", under_way.popleft()[0].result())
    except BrokenProcessPool as exc:
        time.sleep(_SIGNAL_DELAY)
        raise WorkerDied(
            "A worker process was ended, perhaps because memory was short: run the same command "
            "again, with --jobs 1 if this happens again."
        ) from exc
    except BaseException:
        # Nobody needs what the workers do now, which may take long.
        for worker in list((pool._processes or {}).values()):  # noqa: SLF001  (public in 3.14)
            worker.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Call the handlers of signals that end a command after the block, and not within it.

    It is not enough to block a signal in this thread: if another thread receives it, Python calls
    its handler in this one. An exception would leave a child that is only half started.
    """
    if current_thread() is not main_thread():  # handlers are called in the main one only
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    replaced = {number: each for number, each in handlers.items() if callable(each)}
    for number in replaced:
        signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(arrived):
            replaced[signal.Signals(number)](number, None)


@contextmanager
def _starting_children() -> Iterator[None]:
    """Start child processes that ignore signals from a terminal.

    The parent receives such a signal when the block ends. The children import nothing from the
    current folder, which may be an archive from anywhere: a file ``json.py`` in it would be run.
    """
    safe_path = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    before: Iterable[int] = ()
    if sys.platform != "win32" and hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED_SIGNALS)
    try:
        yield
    finally:
        if sys.platform != "win32" and hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if safe_path is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = safe_path


def _chunks(
    items: Iterator[Item], size_of: Callable[[Item], int]
) -> Iterator[tuple[Sequence[Item], int]]:
    """Yield ``items`` in chunks, each with the sum of their sizes."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += size_of(item)
        if len(chunk) == _CHUNK_SIZE or size >= _MAX_CHUNK_BYTES:
            yield chunk, size
            chunk, size = [], 0
    if chunk:
        yield chunk, size


_process_item: Callable[[Any], Any]


def _start_worker(prepare: Callable[[Setting], Callable[[Any], Any]], setting: Setting) -> None:
    for stop in _IGNORED_SIGNALS:
        signal.signal(stop, signal.SIG_IGN)
    Thread(target=_exit_with_parent, daemon=True).start()
    gc.set_threshold(_GC_THRESHOLD)
    global _process_item
    _process_item = prepare(setting)


def _exit_with_parent() -> None:
    """End this process when its parent has ended in any way.

    Workers wait for items on a pipe that they keep open themselves, so they would wait forever.
    """
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _process_chunk(chunk: Sequence[Any]) -> list[Any]:
    return [_process_item(item) for item in chunk]


Progress = Callable[[int, int | None], None]
"""Called with the number of files or articles read, and their total, ``None`` if unknown."""


def no_progress(_done: int, _total: int | None) -> None:
    """Show nothing."""


class Transfer:
    """Turns what one index has stored into changes for another, and counts it.

    ``articles`` and ``files`` count what was read so far. ``lost`` has, for each unreadable
    article, the path of its file, ``None`` if unknown.
    """

    def __init__(self, *, lossy: bool = False) -> None:
        self.articles = 0
        self.files = 0
        self.lost: list[str | None] = []
        self._lossy = lossy

    def changes(
        self,
        items: Iterable[Stored | Unreadable],
        jobs: int,
        progress: Progress,
        user: UserDictionary | None,
    ) -> Iterator[Change]:
        """Yield the changes that write ``items``, with terms computed from the stored texts.

        ``user`` is the user's dictionary of the other index. ``progress`` is called with the
        number of articles. Raises :class:`IndexDamaged` for an
        unreadable item, or skips it if ``lossy``.
        """
        return rewrite_articles(self._checked(items, progress), jobs, user)

    def _checked(
        self, items: Iterable[Stored | Unreadable], progress: Progress
    ) -> Iterator[Stored]:
        for item in items:
            if isinstance(item, Stored):
                self.articles += item.article is not None
                self.files += 1
                progress(self.articles, None)
                yield item
            elif self._lossy:
                self.lost.append(item.path)
            else:
                raise IndexDamaged(
                    "The stored article from {path} can't be read: newsgrep doctor --fix leaves "
                    "it out and saves the others. Nothing was changed.",
                    path=item.path or message("an unknown file"),
                )


def rewrite_articles(
    items: Iterable[Stored], jobs: int, user: UserDictionary | None
) -> Iterator[Change]:
    """Yield the changes that write ``items`` as they are, with terms computed from their texts."""
    return map_in_order(_change_maker, user, items, jobs)


def _change_maker(user: UserDictionary | None) -> Callable[[Stored], Change]:
    def make_change(item: Stored) -> Change:
        if item.article is None:
            return PutFileRecord(item.file_record)
        return PutArticle(make_document(item.article, item.file_record, user=user))

    return make_change
