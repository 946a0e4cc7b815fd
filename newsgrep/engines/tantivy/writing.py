"""Changes become one commit of tantivy's: its own writer, its own lock, its own merges."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tantivy import Index, IndexWriter

from newsgrep.disk import sync
from newsgrep.engines.base import Change, Forget, Note, Remove, Upsert
from newsgrep.engines.tantivy.engine import damage_named
from newsgrep.engines.tantivy.folder import delete, keep_aside, leftovers, set_aside
from newsgrep.engines.tantivy.schema import KEY, article_document, note_document, note_key
from newsgrep.errors import IndexLocked

_HEAP: Final = 256_000_000
"""Bytes for what is gathered before it becomes a segment, of all threads together."""

_LEAST_HEAP: Final = 15_000_000
_MOST_THREADS: Final = 4


@contextmanager
def _writer(folder: Path, heap: int = _HEAP, threads: int = 1) -> Iterator[IndexWriter]:
    """Open tantivy's writer; its lock is the system's, so that a dead process holds none."""
    with damage_named(folder):
        index = Index.open(str(folder))
        try:
            writer = index.writer(heap, threads)
        except ValueError as exc:
            if "LockBusy" not in str(exc):
                raise
            raise IndexLocked(
                f"Another process is writing to the index in {folder}: wait for it and try again."
            ) from exc
    try:
        yield writer
    finally:
        # Waits for merges, so that nothing changes any more when the lock is free.
        with damage_named(folder):
            writer.wait_merging_threads()


def apply(folder: Path, changes: Iterable[Change]) -> None:
    """Apply all changes to the index in ``folder`` and commit them, or give all of them up."""
    threads = min(max((os.cpu_count() or 1) // 2, 1), _MOST_THREADS)
    with _writer(folder, threads=threads) as writer:
        with damage_named(folder):
            set_aside(folder)  # a writer may have died between its commit and this
            # What one wrote that died before its commit may be in the way of the same work,
            # done again: tantivy names files of deleted documents by how many changes there were.
            delete(folder, leftovers(folder))
            keep_aside(folder)
        try:
            for change in changes:
                _apply(writer, change)
        except BaseException:
            writer.rollback()
            set_aside(folder)
            raise
        with damage_named(folder):
            writer.commit()
            sync(folder)
            set_aside(folder)


def _apply(writer: IndexWriter, change: Change) -> None:
    match change:
        case Upsert(entry):
            writer.delete_documents_by_term(KEY, entry.article_id)
            writer.add_document(article_document(entry))
        case Remove(article_id):
            writer.delete_documents_by_term(KEY, article_id)
        case Note(stamp):
            writer.delete_documents_by_term(KEY, note_key(stamp.path))
            writer.add_document(note_document(stamp))
        case Forget(path):
            writer.delete_documents_by_term(KEY, note_key(path))


def cleared(folder: Path, first: Callable[[Path], None]) -> None:
    """Delete what no commit has, after ``first``, while nobody else writes."""
    with _writer(folder, _LEAST_HEAP) as writer:
        first(folder)
        with damage_named(folder):
            writer.garbage_collect_files()
            delete(folder, leftovers(folder))
