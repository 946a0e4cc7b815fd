"""Writing to and asking a Whoosh index; what Whoosh raises becomes an error of ours here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from newsgrep.engines.evaluate import match
from newsgrep.engines.packing import pack_article, pack_folded, pack_stamp, unpack_folded
from newsgrep.engines.ranking import arrange, score, tally
from newsgrep.engines.whoosh.bulk import BulkWriter
from newsgrep.engines.whoosh.schema import (
    ARTICLE,
    CAPTION,
    INDEX_NAME,
    KIND,
    LENGTHS,
    NO_VALUES,
    NOTE,
    SOURCE_NAME,
    article_key,
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
        self._answered: dict[str, int] = {}

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
        writer.commit()
        with _damage_named(self._folder):
            self._store.close()
            self._store = Store(self._index)
            self._answered = {}

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
            self._answered = {store.identifier(document): document for document in shown}
            return Page(
                total=len(matched),
                candidates=tuple(Candidate(key, scores[d]) for key, d in self._answered.items()),
                facets={name: tally(store.values(name, matched)) for name in facets},
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        with _damage_named(self._folder):
            numbers = map(self._number, ids)
            return [self._store.article(number) for number in numbers if number is not None]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        with _damage_named(self._folder):
            numbers = map(self._number, ids)
            return [unpack_folded(self._store.folded(n)) for n in numbers if n is not None]

    def _number(self, article_id: str) -> int | None:
        # Most ids that are asked for were in the answer before.
        number = self._answered.get(article_id)
        return self._store.find(article_key(article_id)) if number is None else number

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
        self._added: dict[str, int] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        with self._committed:
            for change in changes:
                match change:
                    case Upsert(entry):
                        key = article_key(entry.article.id)
                        self._replace(key, entry.counts, _article_fields(entry))
                    case Remove(article_id):
                        self._delete(article_key(article_id))
                    case Note(stamp):
                        fields = NO_VALUES | {KIND: NOTE, "stamp": pack_stamp(stamp)}
                        self._replace(note_key(stamp.path), {}, fields)
                    case Forget(path):
                        self._delete(note_key(path))

    def _replace(self, key: str, terms: Mapping[str, int], fields: Mapping[str, Any]) -> None:
        self._delete(key)
        self._added[key] = self._writer.add_with_terms(terms, key=key, **fields)

    def _delete(self, key: str) -> None:
        if (number := self._added.pop(key, None)) is not None:
            # Whoosh deletes by number in committed segments only; this one is being written.
            self._writer.newsegment.delete_document(number)
        elif (number := self._committed.find(key)) is not None:
            self._writer.delete_document(number)


def _article_fields(entry: Entry) -> dict[str, Any]:
    article = entry.article
    folded = pack_folded(entry)
    fields: dict[str, Any] = NO_VALUES | {
        KIND: ARTICLE,
        CAPTION: sorted(entry.caption_terms),
        "id": article.id.encode(),
        "folded": folded,
        "article": pack_article(article, folded),
        "stamp": pack_stamp(entry.stamp),
        "month": month_of(article).encode(),
    }
    fields |= dict(zip(LENGTHS, entry.lengths, strict=True))
    if article.source:
        fields["source"] = article.source.encode("utf-8", "replace")
        # A list, for the whole name is one term, spaces and all.
        fields[SOURCE_NAME] = [fold(article.source)]
    if article.published:
        first, last = article.published.days(ARCHIVE_ZONE)
        fields["first_day"], fields["last_day"] = first.toordinal(), last.toordinal()
        fields["moment"] = article.published.sort_key()
    return fields
