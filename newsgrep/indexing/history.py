"""Earlier versions of articles in a run: which texts are kept, and in which order.

A text becomes an earlier version if another text of the same article was captured. That of a file
that was overwritten is only in the index, and so it is stored together with the text that replaces
it. Texts of files that are still there are collected in a temporary file and added to their
articles at the end: if the run stops before that, the next one reads these files again.
"""

from __future__ import annotations

import pickle
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from functools import cache
from itertools import groupby
from operator import attrgetter
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import finalize

from newsgrep.analysis.characters import fold
from newsgrep.analysis.document import IndexDocument, PackedArticle
from newsgrep.analysis.packed_texts import unpack_folded
from newsgrep.analysis.sketch import (
    TextKey,
    key_in_sketch,
    make_sketch,
    text_key,
    unpack_sketch,
)
from newsgrep.engines.base import Engine, Stored
from newsgrep.errors import IndexDamaged
from newsgrep.indexing.plan import STREAM
from newsgrep.models import Article, FileRecord, Status, Version

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_IN_MEMORY: Final = 1 << 23
"""Bytes of texts in memory; more of them are in a file."""


class _Texts:
    """Values in a temporary file, each at its place."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  (closed with this object)
        finalize(self, self._file.close)
        self._end = 0

    def add(self, value: Any) -> int:
        """Store ``value`` and return its place."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        place = self._end
        self._file.seek(place)
        self._file.write(data)
        self._end += len(data)
        return place

    def read(self, place: int) -> Any:
        """Return the value at a place."""
        self._file.seek(place)
        return pickle.load(self._file)  # noqa: S301  (a file of this process without a name)

    def clear(self) -> None:
        """Forget all values."""
        self._file.seek(0)
        self._file.truncate()
        self._end = 0


class _Capture(NamedTuple):
    """A text that was captured: what is known of it, and the place of a :class:`Version`."""

    captured: str
    path: str
    digest: str
    key: TextKey
    place: int

    @property
    def source(self) -> tuple[str, str]:
        """The file and its bytes: one version, by whatever rules they were read."""
        return self.path, self.digest


_Captures = dict[tuple[str, str], _Capture]
"""Captures by their source."""


class Histories:
    """The earlier versions of the articles that one run writes.

    ``engine`` is open at the last commit, and ``changed_before`` returns the ids of articles that
    have versions. At most ``keep`` versions of an article are kept, the latest ones; all if it is
    ``None``.
    """

    def __init__(
        self,
        engine: Engine | None,
        keep: int | None = None,
        changed_before: Callable[[], Set[str]] = frozenset,
    ) -> None:
        self.changed: set[str] = set()
        """The ids of articles with a new earlier version."""
        self.joined: set[str] = set()
        """The ids of articles that became part of the history of another one."""

        self._engine = engine
        self._keep = keep
        self._changed_before = cache(changed_before)
        self._texts = _Texts()
        # Articles that are written since the last commit, and their places.
        self._written = _Texts()
        self._places: dict[str, int] = {}
        # The earlier versions of articles that this run has written or looked up, by id.
        self._known: dict[str, _Captures] = {}
        # Texts of duplicates by path, to be added at the end.
        self._duplicates: dict[str, _Capture] = {}
        # Hashes of the paths of files that are gone, of which there may be millions, and the file
        # records of those with a text of an article that has versions.
        self._gone_paths: set[int] = set()
        self._gone: dict[str, FileRecord] = {}
        self._gone_by_digest: dict[str, FileRecord] = {}

    @property
    def user_dictionary(self) -> UserDictionary | None:
        """The user's dictionary of the index."""
        return self._engine.user_dictionary if self._engine else None

    @property
    def is_off(self) -> bool:
        """Whether no earlier versions are kept."""
        return self._keep == 0

    def commit(self) -> None:
        """Note that everything written so far is committed: the engine has it."""
        self._places.clear()
        self._written.clear()

    @property
    def gone(self) -> Iterable[FileRecord]:
        """The files that are gone in which a text of an article with versions was captured."""
        return self._gone.values()

    def forget(self, record: FileRecord) -> None:
        """Note that a file is gone, and with it the texts that were captured in it."""
        if record.article_id and not self.is_off:
            self._gone_paths.add(hash(record.path))
            if self._has_versions(record.article_id):
                self._gone[record.path] = record
                if record.status is Status.INDEXED:
                    self._gone_by_digest[record.digest] = record

    def add_duplicate(self, document: IndexDocument, better: FileRecord) -> None:
        """Note a text that is not shown, because that of the file record ``better`` is."""
        if self.is_off:
            return
        key = _key_of(document)
        if key != self._key_of_present(better) or self._has_versions(better.article_id):
            capture = self._capture(document.as_version(), key)
            self._duplicates[document.file_record.path] = capture

    def write(
        self, document: IndexDocument, before: FileRecord | None, demoted: Iterable[FileRecord]
    ) -> IndexDocument:
        """Return ``document`` with the versions that must be written together with it.

        ``before`` is the file record that the index has for the article, if its file has changed
        or is gone. ``demoted`` are the file records of articles whose files are still there, and
        whose texts this one replaces.
        """
        if self.is_off:
            return document
        article_id, key = document.article_id, _key_of(document)
        found: _Captures = {}
        since: list[str] = []
        if before:
            found |= self._versions_of(article_id)
            if found and before.digest == document.file_record.digest:
                since += [article.captured for article in self.stored(article_id)]
            elif before.digest != document.file_record.digest:
                since += self._replace(before, document, key, found)
        elif moved := self._gone_by_digest.get(document.file_record.digest):
            # The article has no address: its path was its identity.
            found |= self._moved_versions(moved, document.file_record.path)
            since += [article.captured for article in self.stored(moved.article_id or "")]
        for each in demoted:
            self._demote(each, article_id, key, found)
        if found or self._known.get(article_id) or article_id in self.joined:
            self._known[article_id] = found
        if found or since:
            document = self._with_versions(document, found, since)
        self._places[article_id] = self._written.add(document.packed_article())
        return document

    def _moved_versions(self, moved: FileRecord, path: str) -> _Captures:
        """Return the versions of the article in a file that is at another ``path`` now."""
        versions = self._versions_of(moved.article_id or "").values()
        renamed = (
            each._replace(path=path) if each.path == moved.path else each for each in versions
        )
        return {each.source: each for each in renamed}

    def _replace(
        self, before: FileRecord, document: IndexDocument, key: TextKey, found: _Captures
    ) -> Iterator[str]:
        """Add the text of a file that was overwritten; yield when the same text was captured."""
        text = None if hash(before.path) in self._gone_paths else self._present(before)
        if text is None:
            return
        old_key = _key_of_text(text)
        if old_key == key:
            yield text.captured
        elif _is_same_article(before, text, document):
            capture = self._capture(text, old_key)
            found[capture.source] = capture
            self.changed.add(document.article_id)

    def _demote(self, record: FileRecord, article_id: str, key: TextKey, found: _Captures) -> None:
        """Keep the text of an article whose file is there, and its earlier versions."""
        if record.article_id and record.article_id != article_id:
            self.joined.add(record.article_id)
        found |= self._versions_of(record.article_id or "")
        text = None if self._key_of_present(record) == key else self._present(record)
        if text is None:
            return
        capture = self._capture(text, _key_of_text(text))
        if record.file == STREAM:  # its text is in no file
            found[capture.source] = capture
            self.changed.add(article_id)
        else:
            self._duplicates[record.path] = capture

    def _with_versions(
        self, document: IndexDocument, found: _Captures, since: Sequence[str]
    ) -> IndexDocument:
        present = self._present_capture(document.article(), document.file_record)
        versions, first = self._arrange(found.values(), present, since)
        if not (versions or first):
            return document
        return document.with_versions(versions, first, self.user_dictionary)

    def delete(self, article_id: str) -> None:
        """Note that an article is deleted; another file with it may follow."""
        if not self.is_off:
            if found := self._versions_of(article_id):
                self._known[article_id] = found
            self._places.pop(article_id, None)

    def complete(
        self, groups: Iterable[tuple[FileRecord, Sequence[FileRecord]]]
    ) -> Iterator[Stored]:
        """Yield the articles whose versions are not all stored, with the missing ones.

        A group is the file record of an article and those of its duplicates.
        """
        for leader, duplicates in groups:
            article_id = leader.article_id or ""
            added = filter(None, (self._duplicates.get(each.path) for each in duplicates))
            new = {capture.source: capture for capture in added}
            if not (new or self._has_versions(article_id)):
                continue
            for article in self.stored(article_id):
                present = self._present_capture(article, leader)
                found = {
                    **{each.source: each for each in _same_texts(present, leader, duplicates)},
                    **self._versions_of(article_id),
                    **new,
                }
                captures = self._without_gone(found.values(), (leader, *duplicates))
                versions, since = self._arrange(captures, present, [article.since or ""])
                if versions == tuple(article.versions):
                    continue
                if len(versions) > len(article.versions):
                    self.changed.add(article_id)
                yield Stored(article._replace(versions=versions, since=since), leader)

    def _without_gone(
        self, captures: Collection[_Capture], records: Sequence[FileRecord]
    ) -> Iterator[_Capture]:
        """Yield captures in files that are still there, also in another place."""
        places = {record.digest: record.path for record in records}
        sources = {each.source for each in captures}
        for each in captures:
            gone = self._gone.get(each.path)
            if gone is None or (gone.status is Status.INDEXED and gone.file == records[0].file):
                yield each  # the record is at another place in its file
            elif path := places.get(gone.digest) or places.get(each.digest):
                moved = each._replace(path=path)
                if moved.source not in sources:
                    yield moved

    def _arrange(
        self, captures: Iterable[_Capture], present: _Capture, same: Iterable[str]
    ) -> tuple[tuple[Version, ...], str | None]:
        """Return the versions besides ``present``, and when its text was captured first.

        ``same`` are times when its text was captured. The time is ``None`` if it is its own.
        """
        others = [each for each in captures if each.source != present.source]
        others += (present._replace(captured=time, digest="") for time in filter(None, same))
        others.sort()
        at = bisect_right(others, present.captured, key=attrgetter("captured"))
        others.insert(at if present.captured else len(others), present)
        since: str | None = None
        kept: list[_Capture] = []
        for _, group in groupby(others, attrgetter("key")):
            first, *_ = members = list(group)
            if present in members:
                since = first.captured if first.captured < present.captured else None
            else:
                kept.append(first)
        latest = kept if self._keep is None else kept[max(len(kept) - self._keep, 0) :]
        return tuple(map(self._version, latest)), since

    # Texts

    def _capture(self, text: Version, key: TextKey) -> _Capture:
        place = self._texts.add((text.title, text.body))
        return _Capture(text.captured, text.path, text.digest, key, place)

    def _present_capture(self, article: Article, record: FileRecord) -> _Capture:
        captured, text = article.fetched or article.file_time or "", (article.title, article.body)
        place = self._texts.add(text)
        return _Capture(captured, article.path, record.digest, _key_of_text(article), place)

    def _version(self, capture: _Capture) -> Version:
        title, body = self._texts.read(capture.place)
        return Version(capture.captured, title, body, capture.path, capture.digest)

    def _has_versions(self, article_id: str | None) -> bool:
        if article_id is None:
            return False
        known = self._known.get(article_id)
        return article_id in self._changed_before() if known is None else bool(known)

    def _versions_of(self, article_id: str) -> _Captures:
        """Return the earlier versions of an article that are stored or will be."""
        if not self._has_versions(article_id):
            return {}
        if article_id not in self._known:
            stored = (
                self._capture(version, _key_of_text(version))
                for article in self.stored(article_id)
                for version in article.versions
            )
            self._known[article_id] = {capture.source: capture for capture in stored}
        return dict(self._known[article_id])

    def stored(self, article_id: str) -> list[Article]:
        """Return the article as it was written last, in a list; an empty one without any."""
        place = self._places.get(article_id)
        if place is not None:
            written: PackedArticle = self._written.read(place)
            return [written.unpack()]
        try:
            return self._engine.get([article_id]) if self._engine else []
        except IndexDamaged:  # its texts are lost; the new one may still replace them
            return []

    def _present(self, record: FileRecord) -> Version | None:
        """Return the text of the article in a file."""
        for article in self.stored(record.article_id or ""):
            if article.path == record.path:
                title, body, path = article.title, article.body, article.path
                return Version(article.captured, title, body, path, record.digest)
        return None

    def _key_of_present(self, record: FileRecord) -> TextKey | None:
        if key := key_in_sketch(record.sketch):
            return key
        text = self._present(record)
        return _key_of_text(text) if text else None


def _key_of(document: IndexDocument) -> TextKey:
    if key := key_in_sketch(document.file_record.sketch):
        return key
    title, body, _ = unpack_folded(document.folded)
    return text_key(title, body)


def _key_of_text(text: Version | Article) -> TextKey:
    return text_key(fold(text.title), fold(text.body))


def _same_texts(
    present: _Capture, leader: FileRecord, duplicates: Iterable[FileRecord]
) -> Iterator[_Capture]:
    """Yield captures of duplicates that have the text of ``leader``, if their times are known."""
    own = unpack_sketch(leader.sketch)
    for each in duplicates:
        sketch, fetched = unpack_sketch(each.sketch), each.version_key[0]
        if fetched and own and sketch and (own.title, own.text) == (sketch.title, sketch.text):
            yield present._replace(captured=fetched, path=each.path, digest=each.digest)


def _is_same_article(before: FileRecord, text: Version, document: IndexDocument) -> bool:
    """Return whether a file that was overwritten still has the same article.

    An address that names one article is trusted, otherwise the texts have to agree.
    """
    old, new = unpack_sketch(before.sketch), unpack_sketch(document.file_record.sketch)
    if old is None or new is None:
        title, body, _ = unpack_folded(document.folded)
        name = document.file_record.path
        old = unpack_sketch(make_sketch(fold(text.title), fold(text.body), name))
        new = unpack_sketch(make_sketch(title, body, name))
    elif not (old.vague or new.vague):
        return True
    return old is None or new is None or old.agrees(new)
