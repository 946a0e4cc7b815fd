"""Writing to a tantivy index: all changes of a run become one commit.

tantivy works in folders in the folder ``work`` of the data, which contain links to files of the
last commit. It may delete links, and readers do not see what it writes there. Finished files are
moved beside the other files of the data and published.

**Merging.** tantivy deletes from the segments that it is shown, and merges eight of them that have
similar sizes, where all segments with up to 10,000 documents count as similar: with them, adding a
hundred documents may cost what ten thousand or more do. So a run works in passes. New documents are
written beside no other segments. Documents that they replace are deleted by passes that are shown
seven segments at most, which are not merged. Then :func:`segments_to_merge` chooses what is worth
it, and a pass is shown just these.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EIO
from itertools import chain
from math import log2
from pathlib import Path
from typing import Any, Final

from tantivy import Index, IndexWriter, Searcher

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
            work = _write_segments(folder, last, changes)
            commit = commits.publish(_take_files(folder, last, work), {"meta": work.meta()})
        except BaseException:
            with suppress(OSError):
                commits.remove_leftovers()
            raise
        record_written(commits, commit, last)


class _Work:
    """The passes of one run, and the segments that the next commit has after each.

    ``segments`` are as :data:`META` describes them. Readers of the last commit see none of this.
    """

    def __init__(self, folder: Path, last: Commit) -> None:
        self._folder = folder
        self._root = folder / WORK_FOLDER
        self._root.mkdir()
        self._passes = 0
        self._where = {name: folder / name for name in last.files}
        with translate_errors(folder):
            self._meta = commit_meta(last)
        self.segments: list[_Segment] = list(self._meta["segments"])

    def meta(self) -> dict[str, Any]:
        """Return the :data:`META` of the next commit."""
        return self._meta | {"segments": self.segments}

    def path_of(self, name: str) -> Path:
        """Return where a file of one of the segments is."""
        return self._where[name]

    def index(self, segments: Sequence[_Segment]) -> tuple[Path, Index]:
        """Return a new folder with links to the files of ``segments``, opened by tantivy."""
        inner = self._root / str(self._passes)
        inner.mkdir()
        self._passes += 1
        meta = self._meta | {"segments": list(segments)}
        with translate_errors(self._folder):
            for name in chain.from_iterable(segment_files(meta).values()):
                link_to(Path(os.path.relpath(self._where[name], inner)), inner / name)
            (inner / META).write_text(json.dumps(meta), "utf-8")
            return inner, Index.open(str(inner))

    @contextmanager
    def writer(self, segments: Sequence[_Segment]) -> Iterator[IndexWriter]:
        """Yield a writer that is shown these segments, and replace them by what it commits."""
        inner, index = self.index(segments)
        with translate_errors(self._folder):
            threads = min(max((os.cpu_count() or 1) // 2, 1), _MAX_THREADS)
            writer = index.writer(_HEAP_BYTES, threads)
        try:
            yield writer
            with translate_write_errors(self._folder):
                writer.commit()
        except BaseException:
            # The folder is deleted next, so no thread may still write to it.
            for stop in (writer.rollback, writer.wait_merging_threads):
                _call_ignoring_errors(stop)
            raise
        with translate_write_errors(self._folder):
            writer.wait_merging_threads()
            meta: dict[str, Any] = json.loads((inner / META).read_bytes())
            names = chain.from_iterable(segment_files(meta).values())
        self._where |= {name: inner / name for name in names if name not in self._where}
        self.segments = [each for each in self.segments if each not in segments]
        self.segments += meta["segments"]
        self._meta["opstamp"] = meta["opstamp"]


def _write_segments(folder: Path, last: Commit, changes: Iterable[Change]) -> _Work:
    """Let tantivy make the segments of the next commit."""
    work = _Work(folder, last)
    old = list(work.segments)
    known = work.index(old)[1].searcher()
    replaced: list[str] = []
    with work.writer(()) as writer:
        for change in changes:
            key = _apply_change(writer, change, folder)
            if old and known.doc_freq(KEY, key):
                replaced.append(key)
    written = sum(map(_size, work.segments)) - sum(map(_size, old))
    for at in range(0, len(old), _MAX_UNMERGED):
        _delete_from(work, old[at : at + _MAX_UNMERGED], replaced)
    while group := segments_to_merge(work.segments, written):
        with work.writer(group):
            pass
    return work


def _delete_from(work: _Work, segments: Sequence[_Segment], keys: Iterable[str]) -> None:
    """Delete the documents with these keys from segments, if these have any of them."""
    searcher: Searcher = work.index(segments)[1].searcher()
    found = [key for key in keys if searcher.doc_freq(KEY, key)]
    if found:
        with work.writer(segments) as writer:
            for key in found:
                writer.delete_documents_by_term(KEY, key)


_Segment = dict[str, Any]
"""A segment as :data:`META` describes it."""

_MIN_MERGED: Final = 8
"""Segments of one level that tantivy merges; fewer are left as they are."""

_MAX_UNMERGED: Final = _MIN_MERGED - 1

_LEVEL_DOCUMENTS: Final = 10_000
"""Segments with up to so many documents are of one level for tantivy."""

_LEVEL_LOG: Final = 0.75
"""The difference of sizes in a level, as a logarithm to base 2."""

_FREELY_MERGED: Final = 8_000
"""Documents that any run may merge: it takes about a second."""

_MERGED_PER_WRITTEN: Final = 8
"""Documents that a run may merge for each one that it writes."""

_MAX_SEGMENTS: Final = 40
"""With more segments, a run merges whatever that takes; each adds some 0.2 ms to opening."""


def segments_to_merge(segments: Sequence[_Segment], written: int) -> list[_Segment]:
    """Return the cheapest segments that are worth merging after a run, or none.

    They are eight of one level. None is larger than the others together, so that a document is
    merged a few times only, however small the runs are; and they have no more documents than a run
    may merge that has ``written`` so many. These two rules end where there are too many segments.
    """
    ordered = sorted(segments, key=_size)
    is_crowded = len(ordered) > _MAX_SEGMENTS
    limit = max(_FREELY_MERGED, _MERGED_PER_WRITTEN * written)
    for at in range(len(ordered) - _MIN_MERGED + 1):
        group = ordered[at : at + _MIN_MERGED]
        total = sum(map(_size, group))
        if not _is_level(group[0], group[-1]):
            continue
        if is_crowded or (2 * _size(group[-1]) <= total <= limit):
            return group
    return []


def _is_level(smallest: _Segment, largest: _Segment) -> bool:
    low, high = (log2(max(_size(each), _LEVEL_DOCUMENTS)) for each in (smallest, largest))
    return low >= high - _LEVEL_LOG


def _size(segment: _Segment) -> int:
    """Return how many documents of a segment are not deleted."""
    deletes = segment["deletes"]
    return int(segment["max_doc"]) - (int(deletes["num_deleted_docs"]) if deletes else 0)


def _apply_change(writer: IndexWriter, change: Change, folder: Path) -> str:
    """Replace or delete the documents with the key of a change in this pass; return the key."""
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
    return key


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


def _take_files(folder: Path, last: Commit, work: _Work) -> dict[str, FileChecksum]:
    """Move the new files of a commit out of the folder ``work``, and return all of its files."""
    files = dict[str, FileChecksum]()
    for name in chain.from_iterable(segment_files(work.meta()).values()):
        path = work.path_of(name)
        if path.parent == folder:
            files[name] = last.files[name]
        else:
            if problem := footer_problem(path):  # the disk has not stored what tantivy wrote
                raise OSError(EIO, f"{os.strerror(EIO)} ({problem.rstrip('.')})", str(path))
            files[name] = checksum_file(path)
            path.rename(folder / name)
    return files
