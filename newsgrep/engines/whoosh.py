"""The default engine: a Whoosh index in a folder; the only module that knows Whoosh.

Whoosh keeps postings, columns and commits. What matches and how it ranks is decided in
:mod:`newsgrep.engines.evaluate`; no class of newsgrep is inside Whoosh's pickles.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from os import fsencode
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

from whoosh.codec.whoosh3 import W3LeafMatcher
from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import COLUMN, ID, KEYWORD, Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.index import EmptyIndexError, FileIndex, LockError
from whoosh.index import IndexError as WhooshIndexError
from whoosh.matching.mcore import Matcher
from whoosh.reading import CorruptIndexError, IndexReader, ReaderClosed, TermNotFound
from whoosh.writing import SegmentWriter

from newsgrep.engines.base import Candidate, Change, Forget, Note, Order, Page, Remove, Upsert
from newsgrep.engines.bm25 import ZONES
from newsgrep.engines.entry import Entry, month_of
from newsgrep.engines.evaluate import arrange, match, score, tally
from newsgrep.engines.packing import (
    pack_article,
    pack_folded,
    pack_stamp,
    unpack_article,
    unpack_stamp,
)
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing
from newsgrep.models import ARCHIVE_ZONE, Article, Stamp
from newsgrep.query.tree import Node, scoring_terms
from newsgrep.text.fold import fold

_INDEX_NAME: Final = "NEWSGREP"
_ARTICLE: Final = "article"
_NOTE: Final = "note"
_TERM_ZONES: Final = ("title", "lead", "body", "caption")
_NUMBERS: Final = {"first_day": "i", "last_day": "i", "moment": "d"} | {
    f"{zone}_length": "I" for zone in ZONES
}
_DEFAULTS: Final = {"moment": float("-inf")}


def _schema() -> Schema:
    fields: dict[str, Any] = {"kind": ID(), "key": ID(), "source_name": ID()}
    # Terms arrive cut already, as lists; lengths are kept exactly, in columns of our own,
    # where Whoosh would round them to a byte.
    fields |= {zone: KEYWORD() for zone in _TERM_ZONES}
    fields |= {name: COLUMN(VarBytesColumn()) for name in ("id", "folded", "article", "stamp")}
    fields |= {name: COLUMN(RefBytesColumn()) for name in ("source", "month")}
    fields |= {
        name: COLUMN(NumericColumn(code, default=_DEFAULTS.get(name, 0)))
        for name, code in _NUMBERS.items()
    }
    return Schema(**fields)


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
    except (
        CorruptIndexError,
        WhooshIndexError,
        UnpicklingError,
        struct.error,
        zlib.error,
        EOFError,
        FileNotFoundError,
    ) as exc:
        raise IndexDamaged(
            f"The index in {folder} is damaged ({exc}): delete the folder and index again."
        ) from exc


class WhooshEngine:
    """One Whoosh index; every question is answered from the commit that was last when opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _damage_named(folder):
            self._index = FileIndex(FileStorage(str(folder)), indexname=_INDEX_NAME)
            self._store = _Store(self._index.reader())

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit of Whoosh's."""
        with _damage_named(self._folder):
            # Plain files are mapped when read; a compound one would be copied into memory.
            writer = SegmentWriter(self._index, compound=False, limitmb=256)
            try:
                _Batch(writer, self._index.reader()).apply(changes)
            except BaseException:
                writer.cancel()
                raise
            writer.commit()
            self._store.close()
            self._store = _Store(self._index.reader())

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
            numbers = (self._store.find(_article_key(article_id)) for article_id in ids)
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
        FileIndex.create(FileStorage(str(folder)), _schema(), indexname=_INDEX_NAME)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return WhooshEngine(folder)


def _article_key(article_id: str) -> str:
    return f"a {article_id}"


def _note_key(path: str) -> str:
    # A term must be text; a path may be any bytes.
    return f"n {sha256(fsencode(path)).hexdigest()}"


class _Batch:
    """The changes of one commit, with those documents of it that a later one replaces."""

    def __init__(self, writer: SegmentWriter, reader: IndexReader) -> None:
        self._writer = writer
        self._committed = _Store(reader)
        self._added: dict[str, int] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        with self._committed:
            for change in changes:
                match change:
                    case Upsert(entry):
                        self._replace(_article_key(entry.article.id), _article_fields(entry))
                    case Remove(article_id):
                        self._delete(_article_key(article_id))
                    case Note(stamp):
                        fields = {"kind": _NOTE, "stamp": pack_stamp(stamp)}
                        self._replace(_note_key(stamp.path), fields)
                    case Forget(path):
                        self._delete(_note_key(path))

    def _replace(self, key: str, fields: Mapping[str, Any]) -> None:
        self._delete(key)
        self._added[key] = self._writer.docnum
        self._writer.add_document(key=key, **fields)

    def _delete(self, key: str) -> None:
        if (number := self._added.pop(key, None)) is not None:
            # Whoosh deletes by number in committed segments only; this one is being written.
            self._writer.newsegment.delete_document(number)
        elif (number := self._committed.find(key)) is not None:
            self._writer.delete_document(number)


def _article_fields(entry: Entry) -> dict[str, Any]:
    article = entry.article
    folded = pack_folded(entry)
    fields: dict[str, Any] = {
        "kind": _ARTICLE,
        "id": article.id.encode(),
        "folded": folded,
        "article": pack_article(article, folded),
        "stamp": pack_stamp(entry.stamp),
        "month": month_of(article).encode(),
    }
    fields |= {zone: getattr(entry, zone) for zone in _TERM_ZONES}
    fields |= {f"{zone}_length": len(getattr(entry, zone)) for zone in ZONES}
    if article.source:
        fields["source"] = article.source.encode("utf-8", "replace")
        # The whole name is one term, spaces and all: KEYWORD would split it.
        fields["source_name"] = [fold(article.source)]
    if article.published:
        first, last = article.published.days(ARCHIVE_ZONE)
        fields["first_day"], fields["last_day"] = first.toordinal(), last.toordinal()
        fields["moment"] = article.published.sort_key()
    return fields


class _Store:
    """A Whoosh reader as :class:`newsgrep.engines.evaluate.Store`; numbers span segments."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self._segments: list[tuple[IndexReader, int]] = list(reader.leaf_readers())
        self._postings: dict[tuple[str, str], tuple[array[int], array[float]]] = {}
        self._columns: dict[tuple[int, str], Any] = {}
        self._numbers: dict[str, array[Any]] = {}
        self._everything: set[int] | None = None
        self._averages: dict[str, float] = {}

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the reader's files."""
        with suppress(ReaderClosed):
            self._reader.close()

    def everything(self) -> set[int]:
        if self._everything is None:
            self._everything = set(self.postings("kind", _ARTICLE)[0])
        return self._everything

    def postings(self, zone: str, term: str) -> tuple[array[int], array[float]]:
        key = (zone, term)
        if key not in self._postings:
            numbers, counts = array("L"), array("f")
            for segment, offset in self._segments:
                with suppress(TermNotFound):
                    for ids, weights in _blocks(segment.postings(zone, term)):
                        numbers.extend(number + offset for number in ids)
                        counts.extend(weights)
            self._postings[key] = numbers, counts
        return self._postings[key]

    def sources(self) -> Iterator[tuple[str, array[int]]]:
        names: Iterable[bytes] = self._reader.lexicon("source_name") if self._segments else ()
        for name in names:
            text = name.decode("utf-8")
            yield text, self.postings("source_name", text)[0]

    def days(self) -> tuple[array[int], array[int]]:
        return self._number_column("first_day"), self._number_column("last_day")

    def moments(self) -> array[float]:
        return self._number_column("moment")

    def lengths(self, zone: str) -> array[int]:
        return self._number_column(f"{zone}_length")

    def average_length(self, zone: str) -> float:
        if zone not in self._averages:
            lengths, living = self.lengths(zone), self.everything()
            self._averages[zone] = sum(lengths[d] for d in living) / len(living) if living else 0
        return self._averages[zone]

    def folded(self, document: int) -> bytes:
        return self._value("folded", document)

    def identifier(self, document: int) -> str:
        return self._value("id", document).decode()

    def values(self, name: str, documents: Iterable[int]) -> Iterator[str]:
        """Yield the value of facet ``name`` for each of ``documents``."""
        return (self._value(name, document).decode("utf-8") for document in documents)

    def article(self, document: int) -> Article:
        """Return a document's article."""
        return unpack_article(self.folded(document), self._value("article", document))

    def find(self, key: str) -> int | None:
        """Return the living document with this key."""
        numbers = self.postings("key", key)[0]
        del self._postings["key", key]  # asked once for each article: not worth keeping
        return numbers[0] if numbers else None

    def stamps(self) -> Iterator[Stamp]:
        """Yield the stamps of all living documents and notes."""
        for segment, offset in self._segments:
            for number in segment.all_doc_ids():
                yield unpack_stamp(self._value("stamp", number + offset))

    def _value(self, name: str, document: int) -> bytes:
        segment, offset = next(
            (segment, offset) for segment, offset in reversed(self._segments) if offset <= document
        )
        if (offset, name) not in self._columns:
            self._columns[offset, name] = segment.column_reader(name, translate=False)
        value: bytes = self._columns[offset, name][document - offset]
        return value

    def _number_column(self, name: str) -> array[Any]:
        if name not in self._numbers:
            numbers: array[Any] = array(_NUMBERS[name])
            for segment, _ in self._segments:
                numbers.extend(_numbers_of(segment, name))
            self._numbers[name] = numbers
        return self._numbers[name]


def _blocks(matcher: Matcher) -> Iterator[tuple[Iterable[int], Iterable[float]]]:
    """Yield ids and weights of a term's postings, as many at a time as Whoosh stores together.

    Whoosh's own way is a method call for each posting and value; this is ten times as
    fast. A test compares the two.
    """
    if isinstance(matcher, W3LeafMatcher):
        while matcher.is_active():
            matcher.id(), matcher.weight()  # makes it read the block that it stands on
            yield matcher._ids, matcher._weights  # noqa: SLF001  (blocks have no public name)
            matcher._next_block()  # noqa: SLF001  (likewise)
        return
    # Very short postings come as a list, and a segment with deletions puts a filter round.
    while matcher.is_active():
        yield (matcher.id(),), (matcher.weight(),)
        matcher.next()


def _numbers_of(segment: IndexReader, name: str) -> array[Any]:
    """Return a segment's number column as an array, one value for each document."""
    code, default = _NUMBERS[name], _DEFAULTS.get(name, 0)
    count = segment.doc_count_all()
    numbers: array[Any] = array(code)
    column = segment.column_reader(name, translate=False)
    if isinstance(column, NumericColumn.Reader):
        # Big-endian on disk; documents at the end without a value are not there.
        size = numbers.itemsize
        numbers.frombytes(column._dbfile.get(column._basepos, column._count * size))  # noqa: SLF001  (read at once: 40 times as fast as one by one)
        if sys.byteorder == "little":
            numbers.byteswap()
    numbers.extend([default] * (count - len(numbers)))
    return numbers
