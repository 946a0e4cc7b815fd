"""The Whoosh engine: one index in a folder. What Whoosh raises is translated here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from whoosh.filedb.filetables import FileFormatError
from whoosh.index import EmptyIndexError, FileIndex, LockError
from whoosh.index import IndexError as WhooshIndexError
from whoosh.reading import CorruptIndexError

from newsgrep.analysis.codec import unpack_folded
from newsgrep.engines.base import (
    DAMAGE_REMEDY,
    Change,
    EngineRequest,
    Order,
    Problem,
    ResultPage,
    ScoredDoc,
    Stored,
    Unreadable,
)
from newsgrep.engines.postings_query import count_facet, match_documents
from newsgrep.engines.ranking import after_cursor, apply_recency, score_documents, select_page
from newsgrep.engines.whoosh.codec import create_schema
from newsgrep.engines.whoosh.internals import INDEX_NAME
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing, UsageError
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node, scoring_terms

_DAMAGE_ERRORS = (
    CorruptIndexError,
    FileFormatError,
    WhooshIndexError,
    UnpicklingError,
    struct.error,
    zlib.error,
    EOFError,
    FileNotFoundError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)
"""Raised by Whoosh, pickle, struct and zlib for damaged bytes.

A damaged pickle or length can raise nearly any of the general ones.
"""


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    """Raise newsgrep's errors instead of what Whoosh raises."""
    try:
        yield
    except LockError as exc:
        raise IndexLocked(
            f"Another process is writing to the index in {folder}: wait for it and try again."
        ) from exc
    except EmptyIndexError as exc:
        raise IndexDamaged(
            f"The index in {folder} has lost its table of contents: {DAMAGE_REMEDY}."
        ) from exc
    except _DAMAGE_ERRORS as exc:
        what = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(f"The index in {folder} is damaged ({what}): {DAMAGE_REMEDY}.") from exc


class WhooshEngine:
    """One Whoosh index, read as of the last commit when it was opened or refreshed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = IndexFolder(str(folder))
        self._reader = self._open_last_commit()

    def _open_last_commit(self) -> WhooshReader:
        with _translate_errors(self._folder):
            while True:
                last = self._mark = self._storage.commit_mark()
                try:
                    return WhooshReader(IndexFolder(str(self._folder)))
                except (FileNotFoundError, CorruptIndexError):
                    # Files are deleted when two more commits are made meanwhile.
                    if self._storage.commit_mark() == last:
                        raise

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit."""
        # Imported here, since a search does not need it.
        from newsgrep.engines.whoosh.writer import ChangeWriter

        with _translate_errors(self._folder):
            writer = ChangeWriter(self._storage)
        # Not translated: errors that `changes` raises are not damage.
        writer.apply(changes)
        self._reopen()

    def _reopen(self) -> None:
        self._reader.close()
        self._reader = self._open_last_commit()

    def commit(self) -> int:
        """Return Whoosh's number of the commit, combined with a checksum of segment names."""
        return self._reader.commit

    def refresh(self) -> None:
        """Open the last commit if it is another one."""
        if self._storage.commit_mark() != self._mark:
            self._reopen()

    def rollback(self) -> None:
        """Drop the last commit and open the one before it."""
        rollback(self._folder)
        self._reopen()

    def search(self, request: EngineRequest) -> ResultPage:
        """Match, score and order over postings."""
        query, order, limit, offset, facets, recency, after = request
        reader = self._reader
        with _translate_errors(self._folder):
            matched = match_documents(reader, query)
            ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
            terms = scoring_terms(query) if ranks else []
            scores = score_documents(reader, terms, matched)
            if recency:
                scores = apply_recency(reader, scores, recency)
            if ranks and not terms:
                order = Order.NEWEST  # the same order, found faster
            beyond = scores if after is None else after_cursor(reader, scores, order, after)
            shown = select_page(reader, beyond, order, offset, limit) if limit > 0 else []
            timestamps = reader.timestamps() if shown else ()
            return ResultPage(
                total=len(matched),
                candidates=tuple(
                    ScoredDoc(reader.article_id(d), scores[d], timestamps[d]) for d in shown
                ),
                facets={name: count_facet(reader, name, matched) for name in facets},
                before=len(scores) - max(len(beyond) - offset, 0),
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Read the articles with these ids."""
        reader = self._reader
        with _translate_errors(self._folder):
            numbers = map(reader.find_article, ids)
            return [reader.article(number) for number in numbers if number is not None]

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Read the folded texts of these articles."""
        reader = self._reader
        with _translate_errors(self._folder):
            numbers = map(reader.find_article, ids)
            return [unpack_folded(reader.folded_text(n))[:2] for n in numbers if n is not None]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Read the frequency that is stored with each term, or count postings."""
        reader = self._reader
        with _translate_errors(self._folder):
            if within is None:
                return {term: reader.document_frequency(term) for term in terms}
            matched = match_documents(reader, within)
            return {term: len(matched.intersection(reader.postings(term)[0])) for term in terms}

    def file_records(self) -> Iterator[FileRecord]:
        """Read all file records."""
        with _translate_errors(self._folder):
            yield from self._reader.file_records()

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with their checksums and read everything."""
        from newsgrep.engines.whoosh.recovery import find_problems

        found: list[Problem] = []
        try:
            with _translate_errors(self._folder):
                found.extend(map(Problem, find_problems(self._storage, self._reader, deep=deep)))
        except IndexDamaged as exc:
            found.append(Problem(str(exc)))
        return found

    def remove_leftovers(self) -> list[str]:
        """Delete the files that neither of the two commits contains."""
        from newsgrep.engines.whoosh.writer import storage_lock

        with _translate_errors(self._folder):
            if not self._storage.leftovers():
                return []
            with storage_lock(self._storage):
                names = self._storage.leftovers()
                self._storage.remove_leftovers()
        return names

    def close(self) -> None:
        """Close all files."""
        self._reader.close()


def open_engine(folder: Path, create: bool) -> WhooshEngine:
    """Open the Whoosh index in ``folder``; with ``create`` create an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        FileIndex.create(IndexFolder(str(folder)), create_schema(), indexname=INDEX_NAME)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return WhooshEngine(folder)


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield what is readable in the index in ``folder``, then what is not."""
    from newsgrep.engines.whoosh import recovery

    storage = IndexFolder(str(folder))
    try:
        yield from recovery.salvage(storage)
    finally:
        storage.close_files()


def rollback(folder: Path) -> None:
    """Drop the last commit of the index in ``folder``, even if it is unreadable."""
    from newsgrep.engines.whoosh.writer import storage_lock

    storage = IndexFolder(str(folder))
    with _translate_errors(folder), storage_lock(storage):
        if storage.previous_commit() is None:
            raise UsageError(
                f"The index in {folder} has no commit to roll back to: only one is kept."
            )
        storage.rollback()
