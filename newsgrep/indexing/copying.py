"""Copying an index to another location or engine, or the articles that match a query: a sub-corpus.

A sub-corpus is an index of its own. Its manifest says where it comes from, and newsgrep index
refuses it, because files that do not match the query would be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from newsgrep import __version__
from newsgrep.engines.base import Engine, EngineRequest, Order, Stored, Unreadable, count_matches
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexProblem, UsageError
from newsgrep.indexing.annotations import Annotation, merge_annotations, read_annotations
from newsgrep.indexing.maintenance import open_stored, remove_all_leftovers
from newsgrep.indexing.store import Index, Session
from newsgrep.indexing.user_state import merge_saved, read_saved
from newsgrep.indexing.workers import Progress, Transfer, no_progress
from newsgrep.models import FileRecord, Status
from newsgrep.query.ast import describe
from newsgrep.query.parser import Query


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy an index.

    ``engine`` is the engine of the copy; by default that of the index to be replaced, or else
    of the source, if the target can have it. ``replace`` allows replacing an index that is not
    empty. ``jobs`` is the number of worker processes, ``wait`` how many seconds to wait for
    another writer, and ``progress`` is called with the number of articles read. With ``query``
    only matching articles are copied.
    """

    engine: str | None = None
    replace: bool = False
    jobs: int = 1
    wait: float = 0.0
    progress: Progress = no_progress
    query: Query | None = None


class CopyResult(NamedTuple):
    """How many articles, files and saved queries were copied, and the engine of the copy.

    ``of`` is the number of articles in the source. ``is_repeated`` says that an earlier run had
    created the same copy, so that only what it may have left was done.
    """

    articles: int
    files: int
    queries: int
    engine: str
    of: int
    is_repeated: bool = False


def copy_index(source: Index, target: Index, options: CopyOptions) -> CopyResult:
    """Copy what is stored in ``source`` to ``target``: articles, file records, queries, notes.

    Without a query, that is everything. The articles that match one have their versions, notes
    and collections in the copy, and the records of their files and of duplicates. The copy exists
    once it is complete; if something fails, the target is as it was before. Raises
    :class:`UsageError` if the target is neither empty nor a copy already, and is not to be
    replaced, or if no article matches, :class:`IndexDamaged` if something can't be read,
    :class:`IndexProblem` if the source changes meanwhile, and what opening and creating an index
    do.
    """
    if source.same_as(target):
        raise UsageError("--index and --to name the same index: newsgrep reindex rebuilds it.")
    target.choose_engine(options.engine)
    queries, annotations = read_saved(source), read_annotations(source)
    read_saved(target)  # damage to them is reported before the work
    read_annotations(target)
    with source.freeze(options.wait), source.session() as session:
        part = _Part(session.engine, options.query)
        origin = _origin(source, session, options.query)
        notes = {i: each for i, each in annotations.items() if part.has_article(i)}
        original = _Original(session, part, origin)
        _is_copied(target, options, original)
        if not target.exists():
            target.prepare()
        with target.lock(options.wait):
            if _is_copied(target, options, original):
                _copy_personal_files(target, queries, notes)
                remove_all_leftovers(target)
                articles, files, _ = _store_totals(session.engine, part)
                engine_name = target.read_manifest().engine
                return CopyResult(
                    articles, files, len(queries), engine_name, part.of, is_repeated=True
                )
            engine_name = _target_engine(target, session.manifest.engine, options.engine)
            transfer, commit = Transfer(), session.engine.commit()
            user = session.manifest.user_dictionary
            with (
                open_stored(source, session.manifest) as stored,
                target.replace(engine_name, user, origin) as copy,
            ):
                items = part.select(stored)
                copy.write(transfer.changes(items, options.jobs, options.progress, user))
                _verify_unchanged(source, commit)
                _verify_complete(source, session.engine, copy, part)
                _copy_personal_files(target, queries, notes)
            target.remove_leftovers(target.read_manifest())
    return CopyResult(transfer.articles, transfer.files, len(queries), engine_name, part.of)


def _copy_personal_files(
    target: Index, queries: dict[str, str], annotations: dict[str, Annotation]
) -> None:
    merge_saved(target, queries)
    merge_annotations(target, annotations)


class _Part:
    """The part of an index that is copied: all of it without a query."""

    def __init__(self, engine: Engine, query: Query | None) -> None:
        self.of = count_matches(engine)
        self._ids: frozenset[str] | None = None
        self._files: frozenset[str] = frozenset()
        if query is None:
            return
        total = count_matches(engine, query.root)
        if not total:
            raise UsageError("No article matches the query, so there is nothing to copy.")
        page = engine.search(EngineRequest(query.root, Order.NEWEST, limit=total))
        self._ids = frozenset(each.id for each in page.candidates)
        records = engine.find_file_records(self._ids)
        self._files = frozenset(record.file for record in records if record.locator)

    def has_article(self, article_id: str) -> bool:
        """Return whether the article is copied."""
        return self._ids is None or article_id in self._ids

    def has_record(self, record: FileRecord) -> bool:
        """Return whether the file record is copied: of an article, a duplicate, or its file."""
        if record.status is Status.CONTAINER and self._ids is not None:
            return record.path in self._files
        return self._ids is None or record.article_id in self._ids

    @property
    def articles(self) -> int:
        """The number of articles that are copied."""
        return self.of if self._ids is None else len(self._ids)

    def select(self, items: Iterable[Stored | Unreadable]) -> Iterator[Stored | Unreadable]:
        """Yield those of ``items`` that are copied, and those that can't be read."""
        for item in items:
            if isinstance(item, Unreadable) or self.has_record(item.file_record):
                yield item


def _origin(source: Index, session: Session, query: Query | None) -> tuple[dict[str, Any], ...]:
    """Return what the manifest of the copy says about where it comes from."""
    origin = session.manifest.origin
    if query is None:
        return origin
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    step = {
        "index": str(source),
        "commit": session.engine.commit(),
        "articles": count_matches(session.engine),
        "query": query.text,
        "parsed": describe(query.root),
        "time": now,
        "made_by": __version__,
    }
    return (*origin, step)


class _Original(NamedTuple):
    """What is copied, and what the copy says about its origin."""

    session: Session
    part: _Part
    origin: tuple[dict[str, Any], ...]


def _is_copied(target: Index, options: CopyOptions, original: _Original) -> bool:
    """Return whether the target is a copy already.

    Raises :class:`UsageError` if it is another index that is not to be replaced.
    """
    if options.replace or not target.exists():
        return False
    session, part, origin = original
    try:
        with target.session() as other:
            totals, manifest = _store_totals(other.engine), other.manifest
    except (IndexDamaged, IndexMismatch):
        totals, manifest = None, session.manifest
    if totals and not any(totals):
        return False
    is_alike = (
        options.engine in {None, manifest.engine}
        and manifest.words == session.manifest.words
        and [step["parsed"] for step in manifest.origin] == [step["parsed"] for step in origin]
    )
    if is_alike and totals == _store_totals(session.engine, part):
        return True
    raise UsageError(
        "There is already an index {where}: name another with --to, or replace it with --replace.",
        where=target.where,
    )


def _target_engine(target: Index, source_engine: str, wanted: str | None) -> str:
    preferred = source_engine
    if not wanted and target.exists():
        preferred = target.read_manifest(any_analyser=True).engine
    return target.choose_engine(wanted, preferred)


def _verify_unchanged(source: Index, commit: int) -> None:
    with source.open() as engine:
        if engine.commit() != commit:
            raise IndexProblem(
                "The index {where} changed while it was copied, and no copy was created: "
                "run the same command again when nobody writes to it.",
                where=source.where,
            )


def _verify_complete(source: Index, original: Engine, copy: Engine, part: _Part) -> None:
    expected, copied = _store_totals(original, part), _store_totals(copy)
    if expected != copied:
        raise IndexDamaged(
            "Of {articles:,} articles and {files:,} files of the index "
            "{where}, {articles2:,} and {files2:,} could be read, some of them "
            "perhaps in an older version, and no copy was created: newsgrep doctor shows the "
            "problems, and newsgrep doctor --fix saves what can be read.",
            articles=expected.articles,
            files=expected.files,
            where=source.where,
            articles2=copied.articles,
            files2=copied.files,
        )


class _StoreTotals(NamedTuple):
    """How many articles and file records an engine or a part has, and a checksum of the records.

    If the last commit is damaged, the previous one may still contain an older version of an
    article; its record is another.
    """

    articles: int
    files: int
    checksum: int


def _store_totals(engine: Engine, part: _Part | None = None) -> _StoreTotals:
    files = checksum = 0
    for record in engine.file_records():
        if part is None or part.has_record(record):
            files += 1
            checksum += hash(record)
    articles = part.articles if part else count_matches(engine)
    return _StoreTotals(articles, files, checksum)
