"""One file becomes an entry or a reason why not; many files do so side by side.

Each file is read once and whole, so that its stamp and its article are of the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from newsgrep.archive.workers import in_order
from newsgrep.engines.entry import Entry, make_entry
from newsgrep.errors import Rejected
from newsgrep.ingest.find import File
from newsgrep.ingest.read import read_article
from newsgrep.ingest.sites import Sites, load_sites
from newsgrep.models import Article, Stamp, Status

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes; a larger file is no article, and is listed."""


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

    The result does not depend on ``jobs``.
    """
    return in_order(_with_rules, sites_file, files, jobs)


def _with_rules(sites_file: Path | None) -> Callable[[File], Prepared]:
    sites = load_sites(sites_file)
    return lambda file: prepare(file, sites)
