"""Writing to and asking a Whoosh index; what Whoosh raises becomes an error of ours here."""

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

# Whoosh, pickle, struct and zlib say with these that bytes are not what they should be;
# damaged pickles and lengths come out as nearly any of the general ones.
_SIGNS_OF_DAMAGE = (
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


_REMEDY = (
    "newsgrep doctor --fix saves what can be read, newsgrep doctor --rollback goes back to the "
    "commit before, or delete the folder and index again"
)


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    """Turn what Whoosh raises on files it can't make sense of into our own error."""
    try:
        yield
    except LockError as exc:
        raise IndexLocked(
            f"Another process is writing to the index in {folder}: wait for it and try again."
        ) from exc
    except EmptyIndexError as exc:
        raise IndexDamaged(
            f"The index in {folder} has lost its table of contents: {_REMEDY}."
        ) from exc
    except _SIGNS_OF_DAMAGE as exc:
        what = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(f"The index in {folder} is damaged ({what}): {_REMEDY}.") from exc


class WhooshEngine:
    """One Whoosh index; every question is answered from the commit that was last when opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = IndexFolder(str(folder))
        self._store = self._last_commit()

    def _last_commit(self) -> WhooshReader:
        with _translate_errors(self._folder):
            while True:
                last = self._mark = self._storage.commit_mark()
                try:
                    return WhooshReader(IndexFolder(str(self._folder)))
                except (FileNotFoundError, CorruptIndexError):
                    # Where writers have made two more commits meanwhile, files are gone.
                    if self._storage.commit_mark() == last:
                        raise

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit of Whoosh's."""
        # Not needed, and not imported, by those who only ask.
        from newsgrep.engines.whoosh.writer import ChangeWriter

        with _translate_errors(self._folder):
            batch = ChangeWriter(self._storage)
        # Outside of the nets: what goes wrong here is not the index.
        batch.apply(changes)
        self._store.close()
        self._store = self._last_commit()

    def commit(self) -> int:
        """Return Whoosh's number of the generation, and a sum of its segments' names."""
        return self._store.commit

    def refresh(self) -> None:
        """Open the last commit if it is another one."""
        if self._storage.commit_mark() != self._mark:
            self._store.close()
            self._store = self._last_commit()

    def rollback(self) -> None:
        """Drop the last commit; the one before it was kept."""
        rollback(self._folder)
        self._store.close()
        self._store = self._last_commit()

    def search(self, request: EngineRequest) -> ResultPage:
        """Match, score and arrange over postings."""
        query, order, limit, offset, facets, recency, after = request
        store = self._store
        with _translate_errors(self._folder):
            matched = match_documents(store, query)
            ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
            terms = scoring_terms(query) if ranks else []
            scores = score_documents(store, terms, matched)
            if recency:
                scores = apply_recency(store, scores, recency)
            if ranks and not terms:
                order = Order.NEWEST  # the same, and sooner found
            beyond = scores if after is None else after_cursor(store, scores, order, after)
            shown = select_page(store, beyond, order, offset, limit) if limit > 0 else []
            moments = store.timestamps() if shown else ()
            return ResultPage(
                total=len(matched),
                candidates=tuple(
                    ScoredDoc(store.article_id(d), scores[d], moments[d]) for d in shown
                ),
                facets={name: count_facet(store, name, matched) for name in facets},
                before=len(scores) - max(len(beyond) - offset, 0),
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        with _translate_errors(self._folder):
            numbers = map(self._store.find_article, ids)
            return [self._store.article(number) for number in numbers if number is not None]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        with _translate_errors(self._folder):
            numbers = map(self._store.find_article, ids)
            return [unpack_folded(self._store.folded_text(n))[:2] for n in numbers if n is not None]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Ask for what is kept with each term, or count postings."""
        store = self._store
        with _translate_errors(self._folder):
            if within is None:
                return {term: store.document_frequency(term) for term in terms}
            matched = match_documents(store, within)
            return {term: len(matched.intersection(store.postings(term)[0])) for term in terms}

    def stamps(self) -> Iterator[FileRecord]:
        """Unpack every stamp."""
        with _translate_errors(self._folder):
            yield from self._store.file_records()

    def check(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with their sums and read everything back."""
        from newsgrep.engines.whoosh.recovery import find_problems

        found: list[Problem] = []
        try:
            with _translate_errors(self._folder):
                found.extend(map(Problem, find_problems(self._storage, self._store, deep=deep)))
        except IndexDamaged as exc:
            found.append(Problem(str(exc)))
        return found

    def tidy(self) -> list[str]:
        """Delete what neither of the two commits names."""
        from newsgrep.engines.whoosh.writer import write_lock

        with _translate_errors(self._folder):
            if not self._storage.leftovers():
                return []
            with write_lock(self._storage):
                names = self._storage.leftovers()
                self._storage.remove_leftovers()
        return names

    def close(self) -> None:
        """Close all files."""
        self._store.close()


def open_engine(folder: Path, create: bool) -> WhooshEngine:
    """Open the Whoosh index in ``folder``; with ``create`` make an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        FileIndex.create(IndexFolder(str(folder)), create_schema(), indexname=INDEX_NAME)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return WhooshEngine(folder)


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield what can still be read of the index in ``folder``, and what is lost."""
    from newsgrep.engines.whoosh.recovery import salvage

    storage = IndexFolder(str(folder))
    try:
        yield from salvage(storage)
    finally:
        storage.close_files()


def rollback(folder: Path) -> None:
    """Drop the last commit of the index in ``folder``, whether it can be read or not."""
    from newsgrep.engines.whoosh.writer import write_lock

    storage = IndexFolder(str(folder))
    with _translate_errors(folder), write_lock(storage):
        if storage.previous_commit() is None:
            raise UsageError(
                f"The index in {folder} has no commit to go back to: only one is kept."
            )
        storage.rollback()
