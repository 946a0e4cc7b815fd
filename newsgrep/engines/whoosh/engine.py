"""Writing to and asking a Whoosh index; what Whoosh raises becomes an error of ours here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import FileFormatError
from whoosh.index import EmptyIndexError, FileIndex, LockError
from whoosh.index import IndexError as WhooshIndexError
from whoosh.reading import CorruptIndexError

from newsgrep.engines.base import Candidate, Change, Forget, Note, Order, Page, Remove, Upsert
from newsgrep.engines.entry import Entry, month_of
from newsgrep.engines.evaluate import arrange, match, score, tally
from newsgrep.engines.packing import pack_stamp
from newsgrep.engines.whoosh.bulk import BulkWriter, Place, Terms
from newsgrep.engines.whoosh.schema import (
    ARTICLE,
    CAPTION,
    INDEX_NAME,
    KEY,
    KIND,
    LENGTHS,
    NO_VALUES,
    NOTE,
    SOURCE_NAME,
    TEXT,
    make_schema,
    note_key,
)
from newsgrep.engines.whoosh.store import Store
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing
from newsgrep.models import ARCHIVE_ZONE, Article, Stamp
from newsgrep.query.tree import Node, scoring_terms
from newsgrep.text.fold import fold

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


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Turn what Whoosh raises on files it can't make sense of into our own error."""
    try:
        yield
    except LockError as exc:
        raise IndexLocked(
            f"Another newsgrep is writing to the index in {folder}: wait for it and try again."
        ) from exc
    except EmptyIndexError as exc:
        raise IndexDamaged(
            f"The index in {folder} has lost its table of contents: delete the folder and "
            "index again."
        ) from exc
    except _SIGNS_OF_DAMAGE as exc:
        what = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(
            f"The index in {folder} is damaged ({what}): delete the folder and index again."
        ) from exc


class WhooshEngine:
    """One Whoosh index; every question is answered from the commit that was last when opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _damage_named(folder):
            self._index = FileIndex(FileStorage(str(folder)), indexname=INDEX_NAME)
            self._store = Store(self._index)

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit of Whoosh's."""
        with _damage_named(self._folder):
            writer = BulkWriter(self._index)
            committed = Store(self._index)
        try:
            # Outside of the net above: what goes wrong here is not the index.
            _Batch(writer, committed).apply(changes)
        except BaseException:
            writer.cancel()
            raise
        writer.commit(mergetype=writer.merge_small)
        with _damage_named(self._folder):
            self._store.close()
            self._store = Store(self._index)

    def search(
        self,
        query: Node,
        order: Order = Order.RELEVANCE,
        limit: int = 10,
        offset: int = 0,
        facets: Sequence[str] = (),
    ) -> Page:
        """Match, score and arrange over postings."""
        store = self._store
        with _damage_named(self._folder):
            matched = match(store, query)
            ranks = order is Order.RELEVANCE and limit > 0
            scores = score(store, scoring_terms(query) if ranks else (), matched)
            shown = arrange(store, scores, order, offset, limit) if limit > 0 else []
            return Page(
                total=len(matched),
                candidates=tuple(Candidate(store.identifier(d), scores[d]) for d in shown),
                facets={name: tally(store.values(name, matched)) for name in facets},
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        with _damage_named(self._folder):
            numbers = (self._store.find(article_id) for article_id in ids)
            return [self._store.article(number) for number in numbers if number is not None]

    def stamps(self) -> Iterator[Stamp]:
        """Unpack every stamp."""
        with _damage_named(self._folder):
            yield from self._store.stamps()

    def check(self) -> list[str]:
        """Read every article and stamp back."""
        problems = []
        try:
            with _damage_named(self._folder):
                for number in self._store.everything():
                    self._store.article(number)
                for _ in self._store.stamps():
                    pass
        except IndexDamaged as exc:
            problems.append(str(exc))
        return problems

    def close(self) -> None:
        """Close all files."""
        self._store.close()
        self._index.close()


def open_engine(folder: Path, create: bool) -> WhooshEngine:
    """Open the Whoosh index in ``folder``; with ``create`` make an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        FileIndex.create(FileStorage(str(folder)), make_schema(), indexname=INDEX_NAME)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return WhooshEngine(folder)


class _Batch:
    """The changes of one commit, with those documents of it that a later one replaces."""

    def __init__(self, writer: BulkWriter, committed: Store) -> None:
        self._writer = writer
        self._committed = committed
        self._articles: dict[str, Place] = {}
        self._notes: dict[str, Place] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        with self._committed:
            for change in changes:
                match change:
                    case Upsert(entry):
                        self._remove(entry.article_id)
                        self._articles[entry.article_id] = self._writer.add(*_article(entry))
                    case Remove(article_id):
                        self._remove(article_id)
                    case Note(stamp):
                        self._forget(stamp.path)
                        self._notes[stamp.path] = self._writer.add(*_note(stamp))
                    case Forget(path):
                        self._forget(path)

    def _remove(self, article_id: str) -> None:
        self._delete(self._articles.pop(article_id, None) or self._committed.find(article_id))

    def _forget(self, path: str) -> None:
        self._delete(self._notes.pop(path, None) or self._committed.find_note(path))

    def _delete(self, where: Place | int | None) -> None:
        match where:
            case (segment, number):
                # Whoosh deletes by number in committed segments only; this is being written.
                segment.delete_document(number)
            case int(number):
                self._writer.delete_document(number)


def _note(stamp: Stamp) -> tuple[dict[str, Terms], dict[str, Any]]:
    terms = {KIND: _one(NOTE), KEY: _one(note_key(stamp.path))}
    return terms, NO_VALUES | {"stamp": pack_stamp(stamp)}


def _one(term: str) -> Terms:
    return Terms((term,), (1,))


def _article(entry: Entry) -> tuple[dict[str, Terms], dict[str, Any]]:
    terms = {KIND: _one(ARTICLE)}
    if entry.terms:
        terms[TEXT] = Terms(entry.terms.split("\n"), entry.packed_counts)
    if entry.caption_terms:
        terms[CAPTION] = Terms(entry.caption_terms, (1,) * len(entry.caption_terms))
    columns: dict[str, Any] = NO_VALUES | {
        "id": entry.article_id.encode(),
        "folded": entry.folded,
        "rest": entry.rest,
        "stamp": pack_stamp(entry.stamp),
        "month": month_of(entry.published).encode(),
    }
    columns |= dict(zip(LENGTHS, entry.lengths, strict=True))
    if entry.source:
        columns["source"] = entry.source.encode("utf-8", "replace")
        terms[SOURCE_NAME] = _one(fold(entry.source))  # the whole name is one term
    if entry.published:
        first, last = entry.published.days(ARCHIVE_ZONE)
        columns["first_day"], columns["last_day"] = first.toordinal(), last.toordinal()
        columns["moment"] = entry.published.sort_key()
    return terms, columns
