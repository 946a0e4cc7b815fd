"""How an article lies in an engine's store: its folded text first, the rest as a difference.

A literal is looked for in the folded bytes without decoding them; the article's own text
compresses to little when the folded one is given as the dictionary.
"""

from __future__ import annotations

import json
import zlib
from typing import Final

from newsgrep.engines.entry import CAPTION_BREAK, Entry
from newsgrep.jsontext import to_json
from newsgrep.models import Article, Precision, Published, Stamp, Status
from newsgrep.query.tree import Field, Phrase
from newsgrep.text.literal import holds_literal

# Two bytes for a Han character where UTF-8 takes three: compressed texts are 15 % smaller
# (1,000 articles of each archive). Every character has its code, so nothing is lost.
_ENCODING: Final = "gb18030"
_LEVEL: Final = 6
_RAW_DEFLATE: Final = -15
_WINDOW: Final = 32 * 1024
_BREAK: Final = "\x1e"  # tidied texts hold no control characters


def pack_folded(entry: Entry) -> bytes:
    """Return the folded title, body and captions, compressed."""
    texts = (entry.folded_title, entry.folded_body, entry.folded_captions)
    return zlib.compress(_BREAK.join(texts).encode(_ENCODING, "replace"), _LEVEL)


def unpack_folded(folded: bytes) -> tuple[str, str]:
    """Return the folded title and body."""
    title, body, _ = zlib.decompress(folded).decode(_ENCODING).split(_BREAK)
    return title, body


def pack_article(article: Article, folded: bytes) -> bytes:
    """Return ``article`` as its difference from ``folded``, see :func:`pack_folded`."""
    published = article.published
    fields = [
        article.id,
        article.title,
        article.body,
        article.path,
        article.source,
        article.url,
        article.authors,
        [published.iso, published.precision.value] if published else None,
        article.fetched,
        article.tags,
        article.captions,
        dict(article.found),
        article.notes,
    ]
    packer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=zlib.decompress(folded)[-_WINDOW:]
    )
    return packer.compress(to_json(fields).encode(_ENCODING)) + packer.flush()


def unpack_article(folded: bytes, difference: bytes) -> Article:
    """Return the article that the two packed parts hold."""
    dictionary = zlib.decompress(folded)[-_WINDOW:]
    data = zlib.decompressobj(_RAW_DEFLATE, zdict=dictionary).decompress(difference)
    (
        article_id,
        title,
        body,
        path,
        source,
        url,
        authors,
        published,
        fetched,
        tags,
        captions,
        found,
        notes,
    ) = json.loads(data.decode(_ENCODING))
    return Article(
        id=article_id,
        title=title,
        body=body,
        path=path,
        source=source,
        url=url,
        authors=tuple(authors),
        published=Published(published[0], Precision(published[1])) if published else None,
        fetched=fetched,
        tags=tuple(tags),
        captions=tuple(captions),
        found=found,
        notes=tuple(notes),
    )


class Verifier:
    """Tells whether packed folded texts hold a phrase in the right place."""

    def __init__(self, phrase: Phrase) -> None:
        self._phrase = phrase
        self._bytes = phrase.literal.encode(_ENCODING, "replace")

    def __call__(self, folded: bytes) -> bool:
        """Return whether the texts of ``folded`` (:func:`pack_folded`) hold the phrase."""
        data = zlib.decompress(folded)
        # Bytes of two characters can look like another one, so a find is only a hint;
        # what is not found is not there.
        if self._bytes not in data:
            return False
        title, body, captions = data.decode(_ENCODING).split(_BREAK)
        literal = self._phrase.literal
        match self._phrase.field:
            case Field.TITLE:
                return holds_literal(title, literal)
            case Field.BODY:
                return holds_literal(body, literal)
            case Field.CAPTION:
                return any(holds_literal(text, literal) for text in captions.split(CAPTION_BREAK))
            case Field.TEXT:
                return holds_literal(title, literal) or holds_literal(body, literal)


def pack_stamp(stamp: Stamp) -> bytes:
    """Return ``stamp`` as bytes."""
    fields = [
        stamp.path,
        stamp.size,
        stamp.mtime_ns,
        stamp.digest,
        stamp.status.value,
        stamp.article_id,
        stamp.reason,
        stamp.rank,
    ]
    return to_json(fields).encode("utf-8")


def unpack_stamp(data: bytes) -> Stamp:
    """Return the stamp in ``data``."""
    path, size, mtime_ns, digest, status, article_id, reason, rank = json.loads(data)
    return Stamp(
        path, size, mtime_ns, digest, Status(status), article_id, reason, (rank[0], rank[1])
    )
