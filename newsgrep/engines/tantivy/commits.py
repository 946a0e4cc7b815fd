"""The commits of a tantivy index: their files, writing the next one, and rolling back.

tantivy writes segment files once and keeps the last commit only. So the previous commit is
retained as hard links to its files in the folder ``before``. Before a commit the files of the
last one are linked into ``before.new``; after it that folder is renamed. A writer that dies in
between is noticed by the next one.

What tantivy raises for damaged data becomes :class:`IndexDamaged` in :func:`translate_errors`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from tantivy import Index, IndexWriter

from newsgrep._io import sync
from newsgrep.engines.base import (
    DAMAGE_REMEDY,
    Change,
    DeleteArticle,
    DropFileRecord,
    PutArticle,
    PutFileRecord,
)
from newsgrep.engines.tantivy.schema import (
    KEY,
    article_document,
    file_record_document,
    file_record_key,
)
from newsgrep.errors import IndexDamaged, IndexLocked, UsageError

META: Final = "meta.json"
"""The file that lists the segments of the last commit; tantivy replaces it atomically."""

MANAGED: Final = ".managed.json"
PREVIOUS: Final = "before"
_RETAINED: Final = "before.new"
_SEGMENT_SUFFIXES: Final = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_DELETES_SUFFIX: Final = ".del"
_OWN_NAMES: Final = {META, MANAGED, PREVIOUS, ".tantivy-meta.lock", ".tantivy-writer.lock"}

_HEAP_BYTES: Final = 256_000_000
"""Memory of all writer threads together, before a segment is written."""

_MIN_HEAP_BYTES: Final = 15_000_000
_MAX_THREADS: Final = 4

_DAMAGE_ERRORS: Final = (ValueError, OSError, LookupError, TypeError)
"""The binding raises ValueError and OSError; unpacking damaged data raises the others."""


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise :class:`IndexDamaged` for what tantivy raises when it can't read its files."""
    try:
        yield
    except _DAMAGE_ERRORS as exc:
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(
            f"The index in {folder} is damaged ({reason}): {DAMAGE_REMEDY}."
        ) from exc
    except BaseException as exc:
        # Damaged bytes may also cause a panic in Rust, whose class can't be imported.
        if type(exc).__name__ != "PanicException":
            raise
        raise IndexDamaged(f"The index in {folder} is damaged ({exc}): {DAMAGE_REMEDY}.") from exc


def read_meta(folder: Path) -> bytes:
    """Return the content of :data:`META`; raises :class:`IndexDamaged` if it can't be read."""
    try:
        return (folder / META).read_bytes()
    except OSError as exc:
        raise IndexDamaged(
            f"The file {META} of the index in {folder} is missing or can't be read "
            f"({exc.strerror}): {DAMAGE_REMEDY}."
        ) from exc


def commit_number(folder: Path) -> int:
    """Return a number that identifies the last commit, 0 for a new index."""
    meta = _parse_meta(folder)
    names = "".join(sorted(_segment_names(meta)))
    opstamp: int = meta["opstamp"]
    return opstamp << 32 | crc32(names.encode()) if names or opstamp else 0


def commit_files(folder: Path) -> list[Path]:
    """Return the files of the last commit except :data:`META`.

    Files with the deleted documents of other commits are left out.
    """
    meta = _parse_meta(folder)
    segments = _segment_names(meta)
    deletes = set(filter(None, map(_deletes_file, meta["segments"])))
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.split(".")[0] in segments
        and (path.suffix != _DELETES_SUFFIX or path.name in deletes)
    )


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files that the last commit needs and that do not exist."""
    existing = {path.name for path in folder.iterdir()}
    needed = []
    for segment in _parse_meta(folder)["segments"]:
        name = segment["segment_id"].replace("-", "")
        needed += [f"{name}.{suffix}" for suffix in _SEGMENT_SUFFIXES]
        needed += filter(None, [_deletes_file(segment)])
    return sorted(set(needed) - existing)


def single_segment_metas(folder: Path) -> dict[str, bytes]:
    """Return for each segment of the last commit a :data:`META` with that segment only."""
    meta = _parse_meta(folder)
    return {
        segment["segment_id"].replace("-", ""): json.dumps(meta | {"segments": [segment]}).encode()
        for segment in meta["segments"]
    }


def _parse_meta(folder: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(read_meta(folder))
        _segment_names(meta)
        if not isinstance(meta["opstamp"], int):
            raise TypeError("opstamp is not a number")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise IndexDamaged(f"The index in {folder} is damaged ({META}): {DAMAGE_REMEDY}.") from exc
    return meta


def _segment_names(meta: dict[str, Any]) -> set[str]:
    """Return the beginning of the file names of each segment."""
    return {segment["segment_id"].replace("-", "") for segment in meta["segments"]}


def _deletes_file(segment: dict[str, Any]) -> str | None:
    """Return the name of the file that lists the deleted documents of a segment."""
    if not segment["deletes"]:
        return None
    name = segment["segment_id"].replace("-", "")
    return f"{name}.{segment['deletes']['opstamp']}{_DELETES_SUFFIX}"


def apply_changes(folder: Path, changes: Iterable[Change]) -> None:
    """Apply all changes to the index in ``folder`` as one commit, or none of them.

    Raises :class:`IndexLocked` if another process is writing.
    """
    threads = min(max((os.cpu_count() or 1) // 2, 1), _MAX_THREADS)
    with _open_writer(folder, threads=threads) as writer:
        with translate_errors(folder):
            _promote_retained(folder)  # a writer may have died between its commit and this
            # Files of a writer that died before its commit may be in the way when the same
            # changes are repeated: tantivy names files of deleted documents by the number of
            # changes so far.
            _delete_files(folder, leftovers(folder))
            _retain_commit(folder)
        try:
            for change in changes:
                _apply_change(writer, change)
        except BaseException:
            writer.rollback()
            _promote_retained(folder)
            raise
        with translate_errors(folder):
            writer.commit()
            sync(folder)
            _promote_retained(folder)


def _apply_change(writer: IndexWriter, change: Change) -> None:
    match change:
        case PutArticle(article):
            writer.delete_documents_by_term(KEY, article.article_id)
            writer.add_document(article_document(article))
        case DeleteArticle(article_id):
            writer.delete_documents_by_term(KEY, article_id)
        case PutFileRecord(record):
            writer.delete_documents_by_term(KEY, file_record_key(record.path))
            writer.add_document(file_record_document(record))
        case DropFileRecord(path):
            writer.delete_documents_by_term(KEY, file_record_key(path))


@contextmanager
def _open_writer(folder: Path, heap: int = _HEAP_BYTES, threads: int = 1) -> Iterator[IndexWriter]:
    """Open tantivy's writer; the operating system releases its lock if the process dies."""
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
        # Wait for merges, so that no file changes after the lock is released.
        with translate_errors(folder):
            writer.wait_merging_threads()


def _retain_commit(folder: Path) -> None:
    """Link the files of the last commit, which is about to become the previous one."""
    retained = folder / _RETAINED
    shutil.rmtree(retained, ignore_errors=True)
    if not commit_number(folder):
        return  # nobody made the empty commit of a new index
    retained.mkdir()
    for path in commit_files(folder):
        os.link(path, retained / path.name)
    (retained / META).write_bytes(read_meta(folder))
    _write_managed_list(retained, {path.name for path in commit_files(retained)})
    sync(retained / META)
    sync(retained)


def _promote_retained(folder: Path) -> None:
    """After a commit, make the retained files the previous commit.

    If there was no commit, because the writer died or failed, delete the links.
    """
    retained = folder / _RETAINED
    if not (retained / META).exists() or (retained / META).read_bytes() == read_meta(folder):
        shutil.rmtree(retained, ignore_errors=True)
        return
    shutil.rmtree(folder / PREVIOUS, ignore_errors=True)
    retained.rename(folder / PREVIOUS)
    sync(folder)


def leftovers(folder: Path) -> list[str]:
    """Return the names of the files that neither the last nor the previous commit has."""
    used = {path.name for path in commit_files(folder)} | _OWN_NAMES
    return sorted(path.name for path in folder.iterdir() if path.name not in used)


def remove_leftovers(folder: Path) -> None:
    """Delete what neither of the two commits has, under tantivy's lock."""
    with _open_writer(folder, _MIN_HEAP_BYTES) as writer:
        _promote_retained(folder)
        with translate_errors(folder):
            writer.garbage_collect_files()
            _delete_files(folder, leftovers(folder))


def rollback(folder: Path) -> None:
    """Drop the last commit of the index in ``folder``, readable or not.

    The caller holds newsgrep's lock of the index. Raises :class:`UsageError` if there is no
    previous commit.
    """
    previous = folder / PREVIOUS
    if not (previous / META).exists():
        raise UsageError(f"The index in {folder} has no commit to roll back to: only one is kept.")
    for path in commit_files(previous):
        # The file of this name may be the damaged one.
        (folder / path.name).unlink(missing_ok=True)
        os.link(path, folder / path.name)
    restored = folder / f"{META}.again"
    restored.write_bytes(read_meta(previous))
    sync(restored)
    sync(folder)
    restored.replace(folder / META)
    sync(folder)
    shutil.rmtree(previous)
    _delete_files(folder, leftovers(folder))


def _delete_files(folder: Path, names: list[str]) -> None:
    """Delete files and folders of the index; the caller holds a lock."""
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    _write_managed_list(folder, {path.name for path in commit_files(folder)})


def _write_managed_list(folder: Path, names: set[str]) -> None:
    """Write the list of files that tantivy deletes itself once no commit has them."""
    new = folder / f"{MANAGED}.new"
    new.write_text(json.dumps([*sorted(names), META]), "utf-8")
    new.replace(folder / MANAGED)
