"""Changes become one commit of tantivy's: its own writer, its own lock, its own merges."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tantivy import Index, IndexWriter

from newsgrep._io import sync
from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.tantivy.commits import (
    delete_files,
    leftovers,
    promote_retained,
    retain_commit,
)
from newsgrep.engines.tantivy.engine import translate_errors
from newsgrep.engines.tantivy.schema import (
    KEY,
    article_document,
    file_record_document,
    file_record_key,
)
from newsgrep.errors import IndexLocked

_HEAP_BYTES: Final = 256_000_000
"""Bytes for what is gathered before it becomes a segment, of all threads together."""

_MIN_HEAP_BYTES: Final = 15_000_000
_MAX_THREADS: Final = 4


@contextmanager
def _open_writer(folder: Path, heap: int = _HEAP_BYTES, threads: int = 1) -> Iterator[IndexWriter]:
    """Open tantivy's writer; its lock is the system's, so that a dead process holds none."""
    with translate_errors(folder):
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
        with translate_errors(folder):
            writer.wait_merging_threads()


def apply_changes(folder: Path, changes: Iterable[Change]) -> None:
    """Apply all changes to the index in ``folder`` and commit them, or give all of them up."""
    threads = min(max((os.cpu_count() or 1) // 2, 1), _MAX_THREADS)
    with _open_writer(folder, threads=threads) as writer:
        with translate_errors(folder):
            promote_retained(folder)  # a writer may have died between its commit and this
            # What one wrote that died before its commit may be in the way of the same work,
            # done again: tantivy names files of deleted documents by how many changes there were.
            delete_files(folder, leftovers(folder))
            retain_commit(folder)
        try:
            for change in changes:
                _apply_change(writer, change)
        except BaseException:
            writer.rollback()
            promote_retained(folder)
            raise
        with translate_errors(folder):
            writer.commit()
            sync(folder)
            promote_retained(folder)


def _apply_change(writer: IndexWriter, change: Change) -> None:
    match change:
        case PutArticle(entry):
            writer.delete_documents_by_term(KEY, entry.article_id)
            writer.add_document(article_document(entry))
        case DeleteArticle(article_id):
            writer.delete_documents_by_term(KEY, article_id)
        case PutFileRecord(stamp):
            writer.delete_documents_by_term(KEY, file_record_key(stamp.path))
            writer.add_document(file_record_document(stamp))
        case DropFileRecord(path):
            writer.delete_documents_by_term(KEY, file_record_key(path))


def remove_leftovers(folder: Path, first: Callable[[Path], None]) -> None:
    """Delete what no commit has, after ``first``, while nobody else writes."""
    with _open_writer(folder, _MIN_HEAP_BYTES) as writer:
        first(folder)
        with translate_errors(folder):
            writer.garbage_collect_files()
            delete_files(folder, leftovers(folder))
