"""What can still be read of a tantivy index, whatever has become of it.

What the last commit lost comes from the one before, if that has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tantivy import Document

from newsgrep.engines.base import Kept, Lost
from newsgrep.engines.tantivy.engine import TantivyEngine, article_in, damage_named, stamp_in
from newsgrep.engines.tantivy.folder import BEFORE, META
from newsgrep.engines.tantivy.schema import ARTICLE, KIND
from newsgrep.errors import IndexDamaged


def everything_kept(folder: Path) -> Iterator[Kept | Lost]:
    """Yield all that is stored, each article and note once, and what is lost."""
    seen: set[tuple[bool, str]] = set()
    lost = 0
    for item in _kept(folder):
        if isinstance(item, Kept):
            seen.add(_key(item))
            yield item
        else:
            lost += 1
    if lost and (folder / BEFORE / META).exists():
        for item in _kept(folder / BEFORE):
            if isinstance(item, Kept) and _key(item) not in seen and lost:
                lost -= 1
                yield item
    for _ in range(lost):
        yield Lost(None)


def _key(item: Kept) -> tuple[bool, str]:
    return (True, item.article.id) if item.article else (False, item.stamp.path)


def _kept(folder: Path) -> Iterator[Kept | Lost]:
    try:
        engine = TantivyEngine(folder)
    except IndexDamaged:
        yield Lost(None)
        return
    try:
        for address in engine.everywhere():
            try:
                with damage_named(folder):
                    item = _read(engine.at(address))
            except IndexDamaged:
                yield Lost(None)
            else:
                yield item
    except IndexDamaged:
        yield Lost(None)
    finally:
        engine.close()


def _read(document: Document) -> Kept:
    stamp = stamp_in(document)
    return Kept(article_in(document) if document.get_first(KIND) == ARTICLE else None, stamp)
