"""One file becomes an entry or a reason why not; many files do so side by side.

Each file is read once and whole, so that its stamp and its article are of the same bytes.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from newsgrep.archive.workers import in_order
from newsgrep.engines.entry import Entry, make_entry
from newsgrep.errors import Rejected
from newsgrep.ingest.find import File, no_ordinary_file
from newsgrep.ingest.read import read_article
from newsgrep.ingest.sites import Sites, load_sites
from newsgrep.models import Article, Stamp, Status

_TRIES: Final = 3
_TICK: Final = 20_000_000
"""Nanoseconds: a file that is written to twice within so short a time may keep its mtime."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be read; it is not remembered, so the next run tries again."""

    path: str
    reason: str


Prepared = Entry | Stamp | Failed
"""An entry, the stamp of a file without an article, or a failure."""


def prepare(file: File, sites: Sites, largest: int) -> Prepared:
    """Read ``file`` and return what is to be done with it; never raises for its content.

    A file of more than ``largest`` bytes is not read.
    """
    try:
        status, data = _read(file.path, largest)
    except FileNotFoundError:
        return Failed(file.path, "it was gone before it could be read")
    except (OSError, ValueError) as exc:
        return Failed(file.path, getattr(exc, "strerror", None) or str(exc))
    stamp = Stamp(file.path, status.st_size, status.st_mtime_ns, "", Status.REJECTED)
    if data is None:
        return stamp._replace(
            reason=f"larger than --max-file-size, which is {_shown_size(largest)}"
        )
    stamp = stamp._replace(digest=blake2b(data, digest_size=16).hexdigest())
    try:
        article = read_article(file.path, data, sites=sites, mtime=status.st_mtime)
    except Rejected as exc:
        return stamp._replace(reason=str(exc))
    return make_entry(article, _accepted(stamp, article))


def _read(path: str, largest: int) -> tuple[os.stat_result, bytes | None]:
    """Return all bytes of a file, none if it is too large, and what the system says of these.

    A file may have become a pipe since it was found, and may change while it is read: nothing
    is waited for, and size and time are those of the bytes.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(_TRIES):
        with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123  (no path but a number)
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(no_ordinary_file(status.st_mode))
            if status.st_size > largest:
                return status, None
            if 0 <= time.time_ns() - status.st_mtime_ns < _TICK:
                time.sleep(_TICK / 1e9)
            # Some file systems tell no size.
            data = stream.read((status.st_size or largest) + 1)
            after = os.fstat(stream.fileno())
        if len(data) > largest:
            return status, None
        same = (status.st_size, status.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if same and len(data) == (status.st_size or len(data)):
            return status, data
    raise ValueError("it changes while it is read: index it again when nobody writes to it")


def _shown_size(size: int) -> str:
    for step, unit in ((2**30, "G"), (2**20, "M"), (2**10, "K")):
        if size % step == 0:
            return f"{size // step}{unit}"
    return f"{size} bytes"


def _accepted(stamp: Stamp, article: Article) -> Stamp:
    # Of two files with one article the later fetched is taken, then the fuller one.
    rank = (article.fetched or "", len(article.body))
    return stamp._replace(status=Status.INDEXED, article_id=article.id, rank=rank)


def prepare_all(
    files: Iterable[File], sites_file: Path | None, jobs: int, largest: int
) -> Iterator[Prepared]:
    """Yield what :func:`prepare` makes of each file, in the files' order, with ``jobs`` processes.

    The result does not depend on ``jobs``.
    """
    return in_order(_with_rules, (sites_file, largest), files, jobs)


def _with_rules(rules: tuple[Path | None, int]) -> Callable[[File], Prepared]:
    sites_file, largest = rules
    sites = load_sites(sites_file)
    return lambda file: prepare(file, sites, largest)
