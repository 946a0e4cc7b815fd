"""newsgrep's own pipeline from files to entries, for peers that get the same terms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsgrep.analysis.document import IndexDocument
from newsgrep.extract.walk import File, find_files
from newsgrep.index.plan import MAX_FILE_SIZE
from newsgrep.index.workers import prepare_files


def entries(folder: Path, jobs: int) -> Iterator[IndexDocument]:
    """Yield every article under ``folder`` as an index would get it."""
    files = (found for found in find_files([str(folder)]) if isinstance(found, File))
    yield from (
        made
        for made in prepare_files(files, None, jobs, MAX_FILE_SIZE)
        if isinstance(made, IndexDocument)
    )
