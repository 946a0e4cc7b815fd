"""Stored articles and stamps are read one by one, whatever else of their index is damaged.

What the last commit can't give may still stand in the commit before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from whoosh.codec.whoosh3 import W3Segment
from whoosh.fields import Schema
from whoosh.index import TOC

from newsgrep.engines.base import Kept, Lost
from newsgrep.engines.packing import unpack_article, unpack_stamp
from newsgrep.engines.whoosh.schema import BYTES
from newsgrep.engines.whoosh.storage import Folder
from newsgrep.errors import IndexDamaged
from newsgrep.models import Stamp, Status

_ID: Final = "id"


def kept_in(storage: Folder) -> Iterator[Kept | Lost]:
    """Yield all that can be read, each article and note once, and then what is lost.

    Raises :class:`IndexDamaged` where neither commit's table of contents can be read.
    """
    seen: set[str] = set()
    lost: list[str | None] = []
    commits = storage.readable_contents()
    if not commits:
        raise IndexDamaged(
            f"Nothing can be saved from {storage.folder}, which has lost its tables of contents: "
            "delete the folder of the index and index again."
        )
    last, *before = (_of_commit(storage, contents) for contents in commits)
    for item in last:
        if isinstance(item, Lost):
            lost.append(item.path)
        else:
            seen.add(_key(item.stamp))
            yield item
    # What only the commit before has, was taken out by the last, unless it is lost there.
    for item in before[0] if lost and before else ():
        if isinstance(item, Lost) or _key(item.stamp) in seen:
            continue
        path = item.stamp.path
        if path in lost or None in lost:
            lost.remove(path if path in lost else None)
            yield item
    yield from map(Lost, lost)


def _of_commit(storage: Folder, contents: TOC) -> Iterator[Kept | Lost]:
    for segment in contents.segments:
        yield from _of_segment(storage, contents.schema, segment)


def _key(stamp: Stamp) -> str:
    is_shown = stamp.status is Status.INDEXED
    return f"article {stamp.article_id}" if is_shown else f"note {stamp.path}"


def _of_segment(storage: Folder, schema: Schema, segment: W3Segment) -> Iterator[Kept | Lost]:
    reader = segment.codec().per_document_reader(storage, segment)
    columns: dict[str, Any] = {}
    for name in BYTES:
        try:
            columns[name] = reader.column_reader(name, schema[name].column_type)
        except Exception:  # noqa: BLE001  (bytes without sense end as nearly any error)
            columns[name] = _Gone()
    dead = frozenset(segment.deleted_docs())
    try:
        for number in range(segment.doc_count_all()):
            if number not in dead:
                yield _document(columns, number)
    finally:
        reader.close()


class _Gone:
    """A column that can't be read at all."""

    def __getitem__(self, number: int) -> bytes:
        raise LookupError(number)


def _document(columns: dict[str, Any], number: int) -> Kept | Lost:
    path = None
    try:
        stamp = unpack_stamp(columns["stamp"][number], columns[_ID][number].decode())
        path = stamp.path
        if stamp.status is not Status.INDEXED:
            return Kept(None, stamp)
        article = unpack_article(columns["folded"][number], columns["rest"][number], path)
        return Kept(replace(article, url=columns["url"][number].decode() or None), stamp)
    except Exception:  # noqa: BLE001  (likewise)
        return Lost(path)
