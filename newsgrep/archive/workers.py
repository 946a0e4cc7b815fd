"""Work on many items in several processes, with the results in the items' order.

Worker processes never hear Ctrl-C: their parent alone decides what it means.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, Final, TypeVar, cast

from newsgrep.errors import WorkerLost
from newsgrep.text.segment import segmenter

_CHUNK: Final = 32
_MANY_OBJECTS: Final = 50_000
_IN_FLIGHT: Final = 4

_UNHEARD: Final = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)
)
"""What a terminal sends to all of a group. SIGTERM is how a pool ends its own workers."""

_A_MOMENT: Final = 0.1
"""Seconds; by then a signal that ended a worker has come here, too, if it was sent to all."""

Item = TypeVar("Item")
Made = TypeVar("Made")
Setting = TypeVar("Setting")


def in_order(
    prepare: Callable[[Setting], Callable[[Item], Made]],
    setting: Setting,
    items: Iterable[Item],
    jobs: int,
) -> Iterator[Made]:
    """Yield what ``prepare(setting)`` makes of each item, in ``jobs`` processes if not in this one.

    ``prepare`` is called once in each process. At most a few chunks of items for each of
    them are under way at a time, so memory does not grow with the number of items. Raises
    :class:`WorkerLost` if somebody else ends one of them.
    """
    if jobs <= 1:
        yield from map(prepare(setting), items)
        return
    with _deaf_children():  # there is one more than those who work
        pool = ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=_start_worker, initargs=(prepare, setting)
        )
    try:
        under_way: deque[Future[list[Any]]] = deque()
        for chunk in _chunks(iter(items)):
            with _deaf_children():
                under_way.append(pool.submit(_work_on, chunk))
            if len(under_way) >= jobs * _IN_FLIGHT:
                yield from cast("list[Made]", under_way.popleft().result())
        while under_way:
            yield from cast("list[Made]", under_way.popleft().result())
    except BrokenProcessPool as exc:
        time.sleep(_A_MOMENT)
        raise WorkerLost(
            "A process that was reading files is gone, perhaps because memory was short: run the "
            "same command again, with --jobs 1 if that happens again."
        ) from exc
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Start processes that never see what a terminal sends to all of a group.

    The parent alone decides what it means, and hears of it right afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover  (Windows)
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _UNHEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _chunks(items: Iterator[Item]) -> Iterator[Sequence[Item]]:
    while chunk := list(islice(items, _CHUNK)):
        yield chunk


_work: Callable[[Any], Any]


def _start_worker(prepare: Callable[[Setting], Callable[[Any], Any]], setting: Setting) -> None:
    for stop in _UNHEARD:
        signal.signal(stop, signal.SIG_IGN)
    Thread(target=_go_with_parent, daemon=True).start()
    # What a worker makes lives until its chunk is done, and hardly any of it in circles.
    gc.set_threshold(_MANY_OBJECTS)
    segmenter()
    global _work
    _work = prepare(setting)


def _go_with_parent() -> None:
    """End this process when its parent has ended, however that came.

    Workers wait for work on a pipe that they themselves hold open, so they would wait for ever.
    """
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _work_on(chunk: Sequence[Any]) -> list[Any]:
    return [_work(item) for item in chunk]
