"""Changes become documents of a Whoosh index, and take the place of what they replace.

All changes of a batch are one commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from whoosh.index import FileIndex, LockError

from newsgrep.engines.base import Change, Forget, Note, Remove, Upsert
from newsgrep.engines.entry import Entry, month_of
from newsgrep.engines.packing import pack_stamp
from newsgrep.engines.whoosh.bulk import BulkWriter, Place, Terms
from newsgrep.engines.whoosh.schema import (
    ARTICLE,
    CAPTION,
    INDEX_NAME,
    KEY,
    KIND,
    LENGTHS,
    NAMES,
    NO_VALUES,
    NOTE,
    TEXT,
    note_key,
)
from newsgrep.engines.whoosh.storage import Folder
from newsgrep.engines.whoosh.store import Store
from newsgrep.models import ARCHIVE_ZONE, Stamp
from newsgrep.query.tree import Name


@contextmanager
def locked(storage: Folder) -> Iterator[None]:
    """Keep writers out; raises Whoosh's ``LockError`` where one is at work."""
    lock = storage.lock(f"{INDEX_NAME}_WRITELOCK")
    if not lock.acquire():
        raise LockError
    try:
        yield
    finally:
        lock.release()


class Batch:
    """The changes of one commit, with those documents of it that a later one replaces."""

    def __init__(self, storage: Folder) -> None:
        self._storage = storage
        self._writer = BulkWriter(FileIndex(storage, indexname=INDEX_NAME))
        try:
            self._storage.contents()  # what is taken over from there is compared with its sums
            self._committed = Store(Folder(storage.folder))
        except BaseException:
            self._writer.cancel()  # or nobody could write again
            raise
        self._articles: dict[str, Place] = {}
        self._notes: dict[str, Place] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply all changes and commit them, or give all of them up."""
        try:
            self._apply(changes)
        except BaseException:
            self._writer.cancel()
            raise
        try:
            self._writer.commit(mergetype=self._writer.merge_small)
        finally:
            self._storage.let_go()

    def _apply(self, changes: Iterable[Change]) -> None:
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
        "url": (entry.url or "").encode("utf-8", "replace"),
        "month": month_of(entry.published).encode(),
    }
    columns |= dict(zip(LENGTHS, entry.lengths, strict=True))
    if entry.source:
        columns["source"] = entry.source.encode("utf-8", "replace")
    names = {
        Name.SOURCE: (entry.source,) if entry.source else (),
        Name.AUTHOR: entry.authors,
        Name.TAG: entry.tags,
    }
    for kind, written in names.items():
        if each := tuple(sorted({name.encode("utf-8", "replace").decode() for name in written})):
            terms[NAMES[kind]] = Terms(each, (1,) * len(each))
    if entry.published:
        first, last = entry.published.days(ARCHIVE_ZONE)
        columns["first_day"], columns["last_day"] = first.toordinal(), last.toordinal()
        columns["moment"] = entry.published.sort_key()
    return terms, columns
