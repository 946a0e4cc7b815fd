"""One file becomes an entry or a reason why not; many files do so in worker processes.

Each file is read once and whole, so that its stamp and its article are of the same bytes.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Final

from newsgrep.engines.entry import Entry, make_entry
from newsgrep.errors import Rejected, WorkerLost
from newsgrep.ingest.find import File
from newsgrep.ingest.read import read_article
from newsgrep.ingest.sites import Sites, load_sites
from newsgrep.models import Article, Stamp, Status
from newsgrep.text.segment import segmenter

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes; a larger file is no article, and is listed."""

_CHUNK: Final = 32
_MANY_OBJECTS: Final = 50_000
_IN_FLIGHT: Final = 4


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be read; it is not remembered, so the next run tries again."""

    path: str
    reason: str


Prepared = Entry | Stamp | Failed
"""An entry, the stamp of a file without an article, or a failure."""


def prepare(file: File, sites: Sites) -> Prepared:
    """Read ``file`` and return what is to be done with it; never raises for its content."""
    if file.size > MAX_FILE_SIZE:
        reason = f"larger than {MAX_FILE_SIZE // 1024 // 1024} MB"
        return Stamp(file.path, file.size, file.mtime_ns, "", Status.REJECTED, reason=reason)
    try:
        # Opened once: size and time are of the bytes read, even if the file changes meanwhile.
        with Path(file.path).open("rb") as stream:
            status = os.fstat(stream.fileno())
            # Not just so many as are allowed: room for all of them would be made each time.
            size = min(status.st_size, MAX_FILE_SIZE)
            data = stream.read(size + 1)
            if len(data) > size:  # it has grown, or is of those that tell no size
                data += stream.read(MAX_FILE_SIZE - size)
    except (OSError, ValueError) as exc:
        return Failed(file.path, getattr(exc, "strerror", None) or str(exc))
    digest = blake2b(data, digest_size=16).hexdigest()
    stamp = Stamp(file.path, status.st_size, status.st_mtime_ns, digest, Status.REJECTED)
    try:
        article = read_article(file.path, data, sites=sites, mtime=status.st_mtime)
    except Rejected as exc:
        return stamp._replace(reason=str(exc))
    return make_entry(article, _accepted(stamp, article))


def _accepted(stamp: Stamp, article: Article) -> Stamp:
    # Of two files with one article the later fetched is taken, then the fuller one.
    rank = (article.fetched or "", len(article.body))
    return stamp._replace(status=Status.INDEXED, article_id=article.id, rank=rank)


def prepare_all(files: Iterable[File], sites_file: Path | None, jobs: int) -> Iterator[Prepared]:
    """Yield what :func:`prepare` makes of each file, in the files' order, with ``jobs`` processes.

    The result does not depend on ``jobs``. At most a few chunks of files for each process
    are under way at a time, so memory does not grow with the number of files. Raises
    :class:`WorkerLost` if somebody else ends one of the processes.
    """
    if jobs <= 1:
        sites = load_sites(sites_file)
        yield from (prepare(file, sites) for file in files)
        return
    pool = ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_start_worker, initargs=(sites_file,)
    )
    try:
        under_way: deque[Future[list[Prepared]]] = deque()
        for chunk in _chunks(iter(files)):
            with _deaf_children():
                under_way.append(pool.submit(_prepare_chunk, chunk))
            if len(under_way) >= jobs * _IN_FLIGHT:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    except BrokenProcessPool as exc:
        raise WorkerLost(
            "A process that was reading files is gone, perhaps because memory was short: run the "
            "same command again, with --jobs 1 if that happens again."
        ) from exc
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Start processes that never see Ctrl-C, which a terminal sends to all of a group.

    The parent alone decides what it means, and hears of it right afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover  (Windows)
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _chunks(files: Iterator[File]) -> Iterator[Sequence[File]]:
    while chunk := list(islice(files, _CHUNK)):
        yield chunk


_prepare_here: Callable[[File], Prepared]


def _start_worker(sites_file: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_go_with_parent, daemon=True).start()
    # What a worker makes lives until its chunk is done, and hardly any of it in circles.
    gc.set_threshold(_MANY_OBJECTS)
    segmenter()
    sites = load_sites(sites_file)
    global _prepare_here
    _prepare_here = lambda file: prepare(file, sites)  # noqa: E731  (a closure over the rules)


def _go_with_parent() -> None:
    """End this process when its parent has ended, however that came.

    Workers wait for work on a pipe that they themselves hold open, so they would wait for ever.
    """
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _prepare_chunk(chunk: Sequence[File]) -> list[Prepared]:
    return [_prepare_here(file) for file in chunk]
