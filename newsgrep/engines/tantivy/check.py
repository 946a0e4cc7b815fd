"""Everything that a tantivy index holds is read and compared with what it should be.

Files with the checksums that tantivy puts at their ends, articles with themselves, and
words with the articles' texts.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsgrep.engines.clauses.fields import BODY, CAPTION, ID, LEVELS, TITLE, WORDS, fields_of
from newsgrep.engines.entry import make_entry
from newsgrep.engines.tantivy.asking import Asking
from newsgrep.engines.tantivy.folder import files_of, missing_files
from newsgrep.engines.tantivy.schema import ARTICLE, KIND, make_schema
from newsgrep.engines.tantivy.stored import article_in, stamp_in

if TYPE_CHECKING:
    from tantivy import Searcher

    from newsgrep.engines.tantivy.engine import TantivyEngine

_MAGIC: Final = 1337
_TAIL: Final = 8
_AT_ONCE: Final = 1 << 20
_TEXTS: Final = (TITLE, BODY, CAPTION, WORDS, LEVELS)


def problems(
    folder: Path, engine: TantivyEngine, searcher: Searcher, *, deep: bool
) -> Iterator[str]:
    """Yield what is wrong, one sentence each; may also raise what damaged data raises."""
    missing = missing_files(folder)
    yield from (f"The file {name} is missing." for name in missing)
    harmed = missing + [sentence for path in files_of(folder) if (sentence := _harm(path))]
    yield from harmed[len(missing) :]
    if harmed:
        return  # what they hold need not make any sense
    counts: dict[str, Counter[str]] = {field: Counter() for field in _TEXTS}
    for document in engine.documents():
        stamp = stamp_in(document)
        if document.get_first(KIND) != ARTICLE:
            continue
        article = article_in(document)
        if article.id != document.get_first(ID):
            yield f"The article {article.id} is kept as {document.get_first(ID)}."
        if deep:
            texts = fields_of(make_entry(article, stamp)).texts
            for field in _TEXTS:
                counts[field].update(set(texts[field].split()))
    if deep:
        articles = Asking(make_schema()).articles
        for field in _TEXTS:
            told = searcher.terms_with_prefix(field, "", articles)
            if {token: count for token, count in told if count} != counts[field]:
                yield f"The terms of {field} are not those of the articles' texts."


def _harm(path: Path) -> str | None:
    """Return what is wrong with a file, whose end says what the sum of the rest is."""
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            stream.seek(-_TAIL, 2)
            tail = stream.read()
            length = int.from_bytes(tail[:4], "little")
            if int.from_bytes(tail[4:], "little") != _MAGIC:
                raise ValueError("no end")
            stream.seek(-_TAIL - length, 2)
            expected = json.loads(stream.read(length))["crc"]
            stream.seek(0)
            left, found = size - _TAIL - length, 0
            while left > 0 and (part := stream.read(min(left, _AT_ONCE))):
                found, left = zlib.crc32(part, found), left - len(part)
    except (OSError, ValueError, KeyError, TypeError):
        return f"The file {path.name} has lost its end."
    if found != expected:
        return f"The file {path.name} has other bytes than it was written with."
    return None
