"""What can still be read of a tantivy index, whatever has become of it.

Segments that can't be opened are left out; what they had comes from the commit before, if that
has it somewhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tantivy import Document

from newsgrep.engines.base import Kept, Lost
from newsgrep.engines.tantivy.engine import TantivyEngine, damage_named
from newsgrep.engines.tantivy.folder import BEFORE, META, commits_of_each_segment
from newsgrep.engines.tantivy.schema import ARTICLE, KIND
from newsgrep.engines.tantivy.stored import article_in, stamp_in
from newsgrep.errors import IndexDamaged


def everything_kept(folder: Path) -> Iterator[Kept | Lost]:
    """Yield all that is stored, each article and note once, and what is lost."""
    seen: set[tuple[bool, str]] = set()
    lost, is_open = 0, True
    for item in _kept(folder):
        if isinstance(item, Kept):
            seen.add(_key(item))
            yield item
        else:
            lost, is_open = lost + 1, is_open and item.path is None
    if lost and (folder / BEFORE / META).exists():
        for item in _kept(folder / BEFORE):
            # Where documents were lost one by one, no more can come back than were there.
            if isinstance(item, Kept) and _key(item) not in seen and (lost or not is_open):
                lost = max(lost - 1, 0)
                seen.add(_key(item))
                yield item
    for _ in range(lost):
        yield Lost(None)


def _key(item: Kept) -> tuple[bool, str]:
    return (True, item.article.id) if item.article else (False, item.stamp.path)


def _kept(folder: Path) -> Iterator[Kept | Lost]:
    """Yield what a commit has; what is lost with a whole segment is told by the segment's name."""
    try:
        engine = TantivyEngine(folder)
    except IndexDamaged:
        yield from _by_segments(folder)
        return
    try:
        addresses = engine.everywhere()
        for address in addresses:
            try:
                with damage_named(folder):
                    item = _read(engine.at(address))
            except IndexDamaged:
                yield Lost(None)
            else:
                yield item
    except IndexDamaged:
        yield Lost(folder.name)
    finally:
        engine.close()


def _by_segments(folder: Path) -> Iterator[Kept | Lost]:
    """Open every segment as if it were alone."""
    commits: dict[str, bytes] = {}
    with suppress(IndexDamaged):
        commits = commits_of_each_segment(folder)
    if not commits:
        yield Lost(folder.name)
    for name, commit in commits.items():
        with TemporaryDirectory(prefix="salvage-", dir=folder) as made:
            alone = Path(made)
            for path in folder.glob(f"{name}.*"):
                os.link(path, alone / path.name)
            (alone / META).write_bytes(commit)
            try:
                TantivyEngine(alone).close()
            except IndexDamaged:
                yield Lost(name)
            else:
                yield from _kept(alone)


def _read(document: Document) -> Kept:
    stamp = stamp_in(document)
    return Kept(article_in(document) if document.get_first(KIND) == ARTICLE else None, stamp)
