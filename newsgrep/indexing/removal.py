"""Removing articles on request: those that are named, and all that a file or folder contains.

A deleted article stays deleted: its files are recorded as rejected, and later runs skip them until
they change. A forgotten file is unknown to the index, so the next run that finds it reads it. In
both cases files on the disk are not touched, and the commit before still has the articles until
something else is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Final, NamedTuple

from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    Engine,
    PutFileRecord,
    count_matches,
)
from newsgrep.extraction.walk import iter_parents, spelled_paths
from newsgrep.indexing.known_table import ChangeLog, load_table, save_after_removal
from newsgrep.indexing.store import Index, Session
from newsgrep.messages import message
from newsgrep.models import FileRecord, Status

DELETED: Final = "deleted with newsgrep delete"
"""How the reason in the file record of a deleted article begins."""


class Removal(NamedTuple):
    """How many articles and file records were removed, and how many articles are left.

    ``copies`` is how many of the removed articles are in other files, which are still known: the
    next run that sees these files adds the articles again.
    """

    articles: int
    files: int
    left: int
    copies: int = 0


class Content(NamedTuple):
    """What an index knows of some files: ids of articles, and how many file records there are."""

    articles: tuple[str, ...]
    files: int


def delete_articles(index: Index, ids: Collection[str], *, wait: float = 0.0) -> Removal:
    """Delete the articles with ``ids``, and record all their files as rejected.

    Raises what :meth:`Index.session` and :meth:`Index.lock` do.
    """
    with index.lock(wait), closing(_open(index)) as session:
        engine = session.engine
        wanted = frozenset(ids)
        records = [each for each in engine.file_records() if each.article_id in wanted]
        found = {each.article_id for each in records if each.status is Status.INDEXED}
        _write(index, session, _deletions(records))
        return Removal(len(found), len(records), count_matches(engine))


def _deletions(records: Iterable[FileRecord]) -> Iterator[Change]:
    for record in records:
        if record.status is Status.INDEXED:
            yield DeleteArticle(record.article_id or "")
        yield PutFileRecord(as_deleted(record))


def as_deleted(record: FileRecord) -> FileRecord:
    """Return the record of a file whose article is deleted."""
    # With the id, because of many records with one reason only some are recorded.
    return record._replace(
        status=Status.REJECTED,
        article_id=None,
        reason=message("deleted with newsgrep delete (id {id})", id=record.article_id),
        version_key=("", 0),
        sketch=b"",
        address="",
    )


def note_deleted(
    records: Iterable[FileRecord], deleted: set[tuple[str, str]]
) -> Iterator[FileRecord]:
    """Yield ``records``; add file and digest of those whose articles are deleted to ``deleted``.

    A record in a file may have another place when it is read again, but it has the same digest.
    """
    for record in records:
        if record.status is Status.REJECTED and (record.reason or "").startswith(DELETED):
            deleted.add((record.file, record.digest))
        yield record


def content_under(engine: Engine, paths: Iterable[str]) -> Content:
    """Return what the index knows of the files ``paths``, and of all in the folders ``paths``."""
    records = list(_records_under(engine, paths))
    ids = (each.article_id for each in records if each.status is Status.INDEXED)
    return Content(tuple(i for i in ids if i), len(records))


def forget_paths(index: Index, paths: Collection[str], *, wait: float = 0.0) -> Removal:
    """Remove the articles and the file records of the files and folders ``paths``.

    Raises what :meth:`Index.session` and :meth:`Index.lock` do.
    """
    with index.lock(wait), closing(_open(index)) as session:
        engine = session.engine
        records = list(_records_under(engine, paths))
        gone = {each.article_id for each in records if each.status is Status.INDEXED}
        changes: list[Change] = [
            DeleteArticle(each.article_id or "")
            if each.status is Status.INDEXED
            else DropFileRecord(each.path)
            for each in records
        ]
        _write(index, session, changes)
        left = {each.article_id for each in engine.file_records()}
        return Removal(len(gone), len(records), count_matches(engine), len(gone & left))


def _records_under(engine: Engine, paths: Iterable[str]) -> Iterator[FileRecord]:
    roots = set(spelled_paths(paths))
    for record in engine.file_records():
        if record.path in roots or not roots.isdisjoint(iter_parents(record.file)):
            yield record


def _open(index: Index) -> Session:
    opened = index.try_open()
    if opened is None:
        raise index.missing()
    return Session(index, opened)


def _write(index: Index, session: Session, changes: Iterable[Change]) -> None:
    engine, log = session.engine, ChangeLog()
    index.remove_leftovers(session.manifest)
    engine.remove_leftovers()
    known = load_table(index, session.manifest, engine)
    engine.write(changes if known is None else log.note(changes))
    index.confirm()
    table = index.table_of_known_files(session.manifest)
    if table and known is not None:
        save_after_removal(table, known, log, engine)
