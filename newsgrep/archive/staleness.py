"""Whether files have come, changed or gone since an index was made, as far as a glance tells."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Final

from newsgrep.ingest.formats import suffixes
from newsgrep.models import Stamp

_SECONDS: Final = 1.0
"""The glance ends then: it goes with an answer that somebody waits for."""


def newer_files(stamps: Iterable[Stamp]) -> int:
    """Return how many files in the folders of known ones differ from their stamps.

    Counts new, changed and missing files; not those in folders that hold no known file.
    After a second it returns what it has counted so far.
    """
    known: dict[str, Stamp] = {stamp.path: stamp for stamp in stamps}
    folders = sorted({os.path.dirname(path) for path in known})  # noqa: PTH120  (any bytes)
    readable = suffixes()
    differing, seen = 0, 0
    until = time.monotonic() + _SECONDS
    for folder in folders:
        if time.monotonic() > until:
            return differing
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    stamp = known.get(entry.path)
                    is_article = os.path.splitext(entry.name)[1].lower() in readable  # noqa: PTH122  (any bytes)
                    if entry.name.startswith(".") or not is_article or not entry.is_file():
                        continue
                    if stamp is None and entry.is_symlink():
                        continue  # it may lead out, or to what is known by another name
                    seen += stamp is not None
                    status = entry.stat()
                    if stamp is None or (stamp.size, stamp.mtime_ns) != (
                        status.st_size,
                        status.st_mtime_ns,
                    ):
                        differing += 1
        except OSError:
            continue  # the folder's files count as missing below
    return differing + len(known) - seen
