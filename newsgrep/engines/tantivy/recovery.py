"""Everything that a tantivy index holds is read and compared with what it should be.

Files with the checksums that tantivy puts at their ends, articles with themselves, and
words with the articles' texts.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tantivy import Document

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import Stored, Unreadable
from newsgrep.engines.engine_query.fields import (
    BODY,
    CAPTION,
    ID,
    IMPACTS,
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
)
from newsgrep.engines.tantivy.engine import TantivyEngine, translate_errors
from newsgrep.engines.tantivy.query import QueryBuilder
from newsgrep.engines.tantivy.schema import (
    ARTICLE_KIND,
    KIND,
    create_schema,
    stored_article,
    stored_file_record,
)
from newsgrep.errors import IndexDamaged

if TYPE_CHECKING:
    from tantivy import Searcher

    from newsgrep.engines.tantivy.engine import TantivyEngine


_FOOTER_MAGIC: Final = 1337
_FOOTER_TAIL_BYTES: Final = 8
_READ_BYTES: Final = 1 << 20
_TOKEN_FIELDS: Final = (TITLE, BODY, CAPTION, TERMS, IMPACTS)


def find_problems(
    folder: Path, engine: TantivyEngine, searcher: Searcher, *, deep: bool
) -> Iterator[str]:
    """Yield what is wrong, one sentence each; may also raise what damaged data raises."""
    missing = missing_files(folder)
    yield from (f"The file {name} is missing." for name in missing)
    harmed = missing + [
        sentence for path in commit_files(folder) if (sentence := _file_problem(path))
    ]
    yield from harmed[len(missing) :]
    if harmed:
        return  # what they hold need not make any sense
    counts: dict[str, Counter[str]] = {field: Counter() for field in _TOKEN_FIELDS}
    for document in engine.documents():
        stamp = stored_file_record(document)
        if document.get_first(KIND) != ARTICLE_KIND:
            continue
        article = stored_article(document)
        if article.id != document.get_first(ID):
            yield f"The article {article.id} is kept as {document.get_first(ID)}."
        if deep:
            texts = index_fields(make_document(article, stamp)).texts
            for field in _TOKEN_FIELDS:
                counts[field].update(set(texts[field].split()))
    if deep:
        articles = QueryBuilder(create_schema()).articles
        for field in _TOKEN_FIELDS:
            told = searcher.terms_with_prefix(field, "", articles)
            if {token: count for token, count in told if count} != counts[field]:
                yield f"The terms of {field} are not those of the articles' texts."


def _file_problem(path: Path) -> str | None:
    """Return what is wrong with a file, whose end says what the sum of the rest is."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            stream.seek(-_FOOTER_TAIL_BYTES, 2)
            tail = stream.read()
            length = int.from_bytes(tail[:4], "little")
            if int.from_bytes(tail[4:], "little") != _FOOTER_MAGIC:
                raise ValueError("no end")
            stream.seek(-_FOOTER_TAIL_BYTES - length, 2)
            expected = json.loads(stream.read(length))["crc"]
            stream.seek(0)
            left, found = size - _FOOTER_TAIL_BYTES - length, 0
            while left > 0 and (part := stream.read(min(left, _READ_BYTES))):
                found, left = zlib.crc32(part, found), left - len(part)
    except (OSError, ValueError, KeyError, TypeError):
        return f"The file {path.name} has lost its end."
    if found != expected:
        return f"The file {path.name} has other bytes than it was written with."
    return None


def salvage(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield all that is stored, each article and note once, and what is lost."""
    seen: set[tuple[bool, str]] = set()
    lost, is_open = 0, True
    for item in _salvage_commit(folder):
        if isinstance(item, Stored):
            seen.add(_stored_key(item))
            yield item
        else:
            lost, is_open = lost + 1, is_open and item.path is None
    if lost and (folder / PREVIOUS / META).exists():
        for item in _salvage_commit(folder / PREVIOUS):
            # Where documents were lost one by one, no more can come back than were there.
            if isinstance(item, Stored) and _stored_key(item) not in seen and (lost or not is_open):
                lost = max(lost - 1, 0)
                seen.add(_stored_key(item))
                yield item
    for _ in range(lost):
        yield Unreadable(None)


def _stored_key(item: Stored) -> tuple[bool, str]:
    return (True, item.article.id) if item.article else (False, item.stamp.path)


def _salvage_commit(folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield what a commit has; what is lost with a whole segment is told by the segment's name."""
    try:
        engine = TantivyEngine(folder)
    except IndexDamaged:
        yield from _salvage_segments(folder)
        return
    try:
        addresses = engine.everywhere()
        for address in addresses:
            try:
                with translate_errors(folder):
                    item = _stored_record(engine.at(address))
            except IndexDamaged:
                yield Unreadable(None)
            else:
                yield item
    except IndexDamaged:
        yield Unreadable(folder.name)
    finally:
        engine.close()


def _salvage_segments(folder: Path) -> Iterator[Stored | Unreadable]:
    """Open every segment as if it were alone."""
    commits: dict[str, bytes] = {}
    with suppress(IndexDamaged):
        commits = single_segment_metas(folder)
    if not commits:
        yield Unreadable(folder.name)
    for name, commit in commits.items():
        with TemporaryDirectory(prefix="salvage-", dir=folder) as made:
            alone = Path(made)
            for path in folder.glob(f"{name}.*"):
                os.link(path, alone / path.name)
            (alone / META).write_bytes(commit)
            try:
                TantivyEngine(alone).close()
            except IndexDamaged:
                yield Unreadable(name)
            else:
                yield from _salvage_commit(alone)


def _stored_record(document: Document) -> Stored:
    stamp = stored_file_record(document)
    return Stored(
        stored_article(document) if document.get_first(KIND) == ARTICLE_KIND else None, stamp
    )
