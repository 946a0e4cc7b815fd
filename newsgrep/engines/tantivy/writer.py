"""Writing to a tantivy index: all changes of a run become one commit.

tantivy works in the folder ``work`` of the data, which contains links to the files of the last
commit. It may delete links, and readers do not see what it writes there. Finished files are moved
beside the other files of the data and published.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EIO
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tantivy import Index, IndexWriter

from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    PutArticle,
    PutFileRecord,
)
from newsgrep.engines.commit_writer import CommitWriter
from newsgrep.engines.commits import Commit, FileChecksum, checksum_file
from newsgrep.engines.tantivy.files import (
    ENGINE,
    META,
    OWN_FILES,
    WORK_FOLDER,
    commit_meta,
    footer_problem,
    is_panic,
    link_to,
    segment_files,
    system_error,
    translate_errors,
)
from newsgrep.engines.tantivy.schema import (
    KEY,
    article_document,
    create_schema,
    file_record_document,
    file_record_key,
)
from newsgrep.engines.tantivy.verified import (
    is_full_verification_due,
    record_written,
    verify_files,
)
from newsgrep.errors import IndexProblem
from newsgrep.messages import message

_HEAP_BYTES: Final = 256_000_000
"""Memory of all writer threads together, before a segment is written."""

_MAX_THREADS: Final = 4


def commit_writer(folder: Path) -> CommitWriter:
    """Return the commits of the index in ``folder``, to be written."""
    return CommitWriter(folder, ENGINE, OWN_FILES)


def create_index(folder: Path) -> None:
    """Create an empty index in ``folder``; its other files are deleted."""
    commits = commit_writer(folder)
    with commits.lock():
        work = folder / WORK_FOLDER
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with translate_write_errors(folder):
                Index(create_schema(), path=str(work), reuse=False)
            meta = json.loads((work / META).read_bytes())
        finally:
            shutil.rmtree(work, ignore_errors=True)
        commits.create({}, {"meta": meta})


def apply_changes(folder: Path, changes: Iterable[Change]) -> None:
    """Apply all changes to the index in ``folder`` as one commit, or none of them.

    Raises :class:`IndexLocked` if another process is writing, ``OSError`` for what the operating
    system refuses, such as space on the disk, and :class:`IndexProblem` if tantivy stops for
    another reason. Whatever it raises, the last commit is what it was.
    """
    commits = commit_writer(folder)
    with commits.lock():
        commits.remove_leftovers()
        last = commits.last()
        try:
            verify_files(commits, last, deep=is_full_verification_due(folder))
        except FileNotFoundError as exc:
            raise commits.damaged(
                message("{name} is missing", name=Path(exc.filename).name)
            ) from exc
        try:
            meta = _write_segments(folder, last, changes)
            commit = commits.publish(_take_files(folder, last, meta), {"meta": meta})
        except BaseException:
            with suppress(OSError):
                commits.remove_leftovers()
            raise
        record_written(commits, commit, last)


def _write_segments(folder: Path, last: Commit, changes: Iterable[Change]) -> dict[str, Any]:
    """Let tantivy make its next commit in the folder ``work``, and return its :data:`META`."""
    work = folder / WORK_FOLDER
    work.mkdir()
    for name in last.files:
        link_to(Path("..", name), work / name)
    with translate_errors(folder):
        (work / META).write_text(json.dumps(commit_meta(last)), "utf-8")
        threads = min(max((os.cpu_count() or 1) // 2, 1), _MAX_THREADS)
        writer = Index.open(str(work)).writer(_HEAP_BYTES, threads)
    try:
        for change in changes:
            _apply_change(writer, change, folder)
        with translate_write_errors(folder):
            writer.commit()
    except BaseException:
        # The folder is deleted next, so no thread may still write to it.
        for stop in (writer.rollback, writer.wait_merging_threads):
            _call_ignoring_errors(stop)
        raise
    with translate_write_errors(folder):
        writer.wait_merging_threads()
        meta: dict[str, Any] = json.loads((work / META).read_bytes())
        segment_files(meta)
    return meta


def _apply_change(writer: IndexWriter, change: Change, folder: Path) -> None:
    document = None
    match change:
        case PutArticle(article):
            key, document = article.article_id, article_document(article)
        case DeleteArticle(article_id):
            key = article_id
        case PutFileRecord(record):
            key, document = file_record_key(record.path), file_record_document(record)
        case DropFileRecord(path):
            key = file_record_key(path)
    try:
        writer.delete_documents_by_term(KEY, key)
        if document is not None:
            writer.add_document(document)
    except ValueError:
        # A thread has failed; only a commit returns the reason.
        with translate_write_errors(folder):
            writer.commit()
            raise


@contextmanager
def translate_write_errors(folder: Path) -> Iterator[None]:
    """Raise ``OSError`` or :class:`IndexProblem` for what tantivy raises when it writes."""
    try:
        yield
    except BaseException as exc:
        if not isinstance(exc, ValueError | LookupError) and not is_panic(exc):
            raise
        if error := system_error(exc, folder):
            raise error from exc
        reason = " ".join(str(exc).split())
        raise IndexProblem(
            "tantivy stopped writing to the index in {folder} ({reason}), which is as it was "
            "before: run the command again.",
            folder=folder,
            reason=reason,
        ) from exc


def _call_ignoring_errors(function: Callable[[], object]) -> None:
    try:
        function()
    except BaseException as exc:
        if not isinstance(exc, Exception) and not is_panic(exc):
            raise


def _take_files(folder: Path, last: Commit, meta: Mapping[str, Any]) -> dict[str, FileChecksum]:
    """Move the new files of a commit out of the folder ``work``, and return all of its files."""
    work, files = folder / WORK_FOLDER, dict[str, FileChecksum]()
    for name in chain.from_iterable(segment_files(meta).values()):
        path = work / name
        if name in last.files:
            files[name] = last.files[name]
        else:
            if problem := footer_problem(path):  # the disk has not stored what tantivy wrote
                raise OSError(EIO, f"{os.strerror(EIO)} ({problem.rstrip('.')})", str(path))
            files[name] = checksum_file(path)
            path.rename(folder / name)
    return files
