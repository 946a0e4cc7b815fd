"""The stored part of a tantivy document: an article and a stamp, unpacked.

What makes no sense raises one of the errors that the engine takes for damage.
"""

from __future__ import annotations

from dataclasses import replace

from tantivy import Document

from newsgrep.engines.clauses.fields import ID
from newsgrep.engines.packing import unpack_article, unpack_stamp
from newsgrep.engines.tantivy.schema import REST, STAMP, TEXTS, URL
from newsgrep.models import Article, Stamp


def article_in(document: Document) -> Article:
    """Return the article in a document, unpacked."""
    folded, rest = bytes_in(document, TEXTS), bytes_in(document, REST)
    article = unpack_article(folded, rest, stamp_in(document).path)
    return replace(article, url=bytes_in(document, URL).decode() or None)


def stamp_in(document: Document) -> Stamp:
    """Return the stamp in a document, of an article or a note."""
    return unpack_stamp(bytes_in(document, STAMP), document.get_first(ID) or "")


def bytes_in(document: Document, field: str) -> bytes:
    """Return the bytes that a document keeps in ``field``.

    Raises :class:`ValueError` where there are none.
    """
    value = document.get_first(field)
    if value is None:
        raise ValueError(f"a document has no {field}")
    return bytes(value)
