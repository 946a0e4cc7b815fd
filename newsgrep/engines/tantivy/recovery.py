"""Verifying a tantivy index, and salvaging what can be read of a damaged one."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tantivy import Document

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Stored, Unreadable
from newsgrep.engines.engine_query.fields import (
    BODY,
    CAPTION,
    ID,
    IMPACTS,
    LEFT_OUT,
    TERMS,
    TITLE,
    index_fields,
)
from newsgrep.engines.tantivy.commits import (
    META,
    PREVIOUS,
    commit_files,
    missing_files,
    single_segment_metas,
    translate_errors,
)
from newsgrep.engines.tantivy.reader import CommitReader
from newsgrep.engines.tantivy.schema import (
    ARTICLE_KIND,
    KIND,
    stored_article,
    stored_file_record,
)
from newsgrep.errors import IndexDamaged

_FOOTER_MAGIC: Final = 1337
_FOOTER_TAIL_BYTES: Final = 8
_READ_BYTES: Final = 1 << 20
_TOKEN_FIELDS: Final = (TITLE, BODY, CAPTION, LEFT_OUT, TERMS, IMPACTS)


def find_problems(folder: Path, reader: CommitReader, *, deep: bool) -> Iterator[str]:
    """Yield what is wrong with the commit of ``reader``, one sentence each.

    Compares each file with the checksum that tantivy puts at its end, reads every document,
    and with ``deep`` compares the index's terms with those of the articles' texts. May raise
    what damaged data raises (:func:`translate_errors`).
    """
    missing = missing_files(folder)
    yield from (f"The file {name} is missing." for name in missing)
    damaged = list(filter(None, map(_file_problem, commit_files(folder))))
    yield from damaged
    if missing or damaged:
        return  # the content of damaged files may mean anything
    expected: dict[str, Counter[str]] = {field: Counter() for field in _TOKEN_FIELDS}
    for document in reader.documents():
        record = stored_file_record(document)
        if document.get_first(KIND) != ARTICLE_KIND:
            continue
        article = stored_article(document)
        if article.id != document.get_first(ID):
            yield f"The article {article.id} is stored as {document.get_first(ID)}."
        if deep:
            texts = index_fields(make_document(article, record)).texts
            for field in _TOKEN_FIELDS:
                expected[field].update(set(texts[field].split()))
    if deep:
        for field in _TOKEN_FIELDS:
            terms = reader.searcher.terms_with_prefix(field, "", reader.builder.articles)
            if {token: count for token, count in terms if count} != expected[field]:
                yield f"The terms of {field} do not match the articles' texts."


def _file_problem(path: Path) -> str | None:
    """Return what is wrong with a file, whose footer contains the checksum of the rest."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            stream.seek(-_FOOTER_TAIL_BYTES, 2)
            tail = stream.read()
            length = int.from_bytes(tail[:4], "little")
            if int.from_bytes(tail[4:], "little") != _FOOTER_MAGIC:
                raise ValueError("no footer")
            stream.seek(-_FOOTER_TAIL_BYTES - length, 2)
            expected = json.loads(stream.read(length))["crc"]
            stream.seek(0)
            left, crc = size - _FOOTER_TAIL_BYTES - length, 0
            while left > 0 and (part := stream.read(min(left, _READ_BYTES))):
                crc, left = zlib.crc32(part, crc), left - len(part)
    except (OSError, ValueError, KeyError, TypeError):
        return f"The file {path.name} has no valid footer."
    if crc != expected:
        return f"The file {path.name} does not match its checksum."
    return None


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield all that is stored, each article and file record once, and what is unreadable.

    Segments that can't be opened are left out. What they contained comes from the previous
    commit if that has it in another segment.
    """
    seen: set[tuple[bool, str]] = set()
    unreadable, is_counted = 0, True
    for item in _salvage_commit(folder):
        if isinstance(item, Stored):
            seen.add(_stored_key(item))
            yield item
        else:
            unreadable, is_counted = unreadable + 1, is_counted and item.path is None
    if unreadable and (folder / PREVIOUS / META).exists():
        for item in _salvage_commit(folder / PREVIOUS):
            if not isinstance(item, Stored) or _stored_key(item) in seen:
                continue
            # If single documents are unreadable, no more than these can be restored.
            if unreadable or not is_counted:
                unreadable = max(unreadable - 1, 0)
                seen.add(_stored_key(item))
                yield item
    for _ in range(unreadable):
        yield Unreadable(None)


def _stored_key(item: Stored) -> tuple[bool, str]:
    return (True, item.article.id) if item.article else (False, item.file_record.path)


def _salvage_commit(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield the content of a commit; an unreadable segment is one item, with its name as path."""
    try:
        reader = CommitReader(folder)
    except IndexDamaged:
        yield from _salvage_segments(folder)
        return
    try:
        for address in reader.addresses():
            try:
                with translate_errors(folder):
                    item = _stored_record(reader.document(address))
            except IndexDamaged:
                yield Unreadable(None)
            else:
                yield item
    except IndexDamaged:
        yield Unreadable(folder.name)


def _salvage_segments(folder: Path) -> Iterator[Stored | Unreadable]:
    """Open every segment as an index of its own."""
    metas: dict[str, bytes] = {}
    with suppress(IndexDamaged):
        metas = single_segment_metas(folder)
    if not metas:
        yield Unreadable(folder.name)
    for name, meta in metas.items():
        with TemporaryDirectory(prefix="salvage-", dir=folder) as temporary:
            single = Path(temporary)
            for path in folder.glob(f"{name}.*"):
                os.link(path, single / path.name)
            (single / META).write_bytes(meta)
            try:
                CommitReader(single)
            except IndexDamaged:
                yield Unreadable(name)
            else:
                yield from _salvage_commit(single)


def _stored_record(document: Document) -> Stored:
    is_article = document.get_first(KIND) == ARTICLE_KIND
    return Stored(stored_article(document) if is_article else None, stored_file_record(document))
