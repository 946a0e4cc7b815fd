"""newsgrep's own pipeline from files to entries, for peers that get the same terms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsgrep.archive.plan import MAX_FILE_SIZE
from newsgrep.archive.prepare import prepare_all
from newsgrep.engines.entry import Entry
from newsgrep.ingest.find import File, find_files


def entries(folder: Path, jobs: int) -> Iterator[Entry]:
    """Yield every article under ``folder`` as an index would get it."""
    files = (found for found in find_files([str(folder)]) if isinstance(found, File))
    yield from (
        made for made in prepare_all(files, None, jobs, MAX_FILE_SIZE) if isinstance(made, Entry)
    )
