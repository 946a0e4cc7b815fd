"""An entry or a note as a document of the server's, and back."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from newsgrep.engines.clauses.fields import (
    FAR_ADDRESS,
    ID,
    LEVELS,
    MOMENT,
    PLACE,
    UNDATED,
    WORDS,
    fields_of,
    place_of,
)
from newsgrep.engines.clauses.tokens import LONG_WORD, LONGEST
from newsgrep.engines.entry import Entry
from newsgrep.engines.opensearch.mapping import (
    DIGIT,
    LATIN,
    LINK,
    NOTE,
    PACKED,
    READABLE,
    REST,
    STAMP,
    UNDATED_YEAR,
)
from newsgrep.engines.packing import pack_stamp, unpack_article, unpack_stamp
from newsgrep.models import ARCHIVE_ZONE, Article, Stamp
from newsgrep.text.characters import SOLO

Hit = Mapping[str, Any]

_HALVES: Final = re.compile("[\ud800-\udfff]")
_RUNS: Final = re.compile(rf"^[^\W_{SOLO}]+$", re.MULTILINE)
_OWN_WORDS: Final = (LONG_WORD, FAR_ADDRESS)
_NOTE_DIGEST: Final = 16


def year_of(entry: Entry) -> str:
    """Return the year by which an article is put away, that of its first day."""
    if entry.published is None:
        return UNDATED_YEAR
    return f"{entry.published.days(ARCHIVE_ZONE)[0].year:04}"


def article_line(entry: Entry) -> str:
    """Return the document of an article, as JSON."""
    fields = fields_of(entry)
    document: dict[str, object] = {**fields.texts, **fields.values, **fields.numbers}
    del document[LEVELS]
    if document[MOMENT] == UNDATED:
        del document[MOMENT]
    document[PLACE] = position_of(entry.article_id)
    document |= _by_digit(fields.texts[LEVELS])
    document[WORDS] = " ".join(word for word in _OWN_WORDS if word in fields.texts[WORDS])
    document[LATIN] = [term for term in _RUNS.findall(entry.terms) if len(term) <= LONGEST]
    document[PACKED] = _text_of(entry.folded)
    document[REST] = _text_of(entry.rest)
    document[STAMP] = _text_of(pack_stamp(entry.stamp))
    if entry.url is not None:
        document[LINK] = _text_of(entry.url.encode("utf-8", "surrogatepass"))
    if entry.published:
        document["published"] = entry.published.iso
    document[READABLE] = _readable(entry.article())
    return _line(document)


def note_line(stamp: Stamp) -> str:
    """Return the document of a note, as JSON."""
    key = note_key(stamp.path)
    return _line(
        {
            ID: key,
            PLACE: position_of(key),
            STAMP: _text_of(pack_stamp(stamp)),
            NOTE: {"path": stamp.path, "status": stamp.status, "reason": stamp.reason},
        }
    )


def _by_digit(levels: str) -> dict[str, str]:
    """Return the level tokens by the digit at their end, without it.

    Each word would be written three times otherwise, with its digits and without; from these
    fields the server makes :data:`WORDS` by itself.
    """
    found: dict[str, list[str]] = {}
    for token in levels.split():
        found.setdefault(token[DIGIT:], []).append(token[:DIGIT])
    return {LEVELS + digit: " ".join(words) for digit, words in found.items()}


def is_run(term: str) -> bool:
    """Return whether a term is a run of letters and digits."""
    return _RUNS.fullmatch(term) is not None


def note_key(path: str) -> str:
    """Return the id of the note on a path, which may be too long for one itself."""
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=_NOTE_DIGEST).hexdigest()


def position_of(key: str) -> int:
    """Return a number in the order of ids, for a server goes through numbers fastest."""
    return place_of(key) >> 1  # the server's are signed


def article_of(hit: Hit) -> Article:
    """Return the article of a hit; raises :class:`newsgrep.engines.packing.Damaged`."""
    article = unpack_article(stored(hit, PACKED), stored(hit, REST), stamp_of(hit).path)
    return replace(article, url=link_of(hit))


def link_of(hit: Hit) -> str | None:
    """Return the URL of a hit's article."""
    if LINK not in hit["fields"]:
        return None
    return stored(hit, LINK).decode("utf-8", "surrogatepass")


def stamp_of(hit: Hit) -> Stamp:
    """Return the stamp of a hit; raises :class:`newsgrep.engines.packing.Damaged`."""
    # Only articles have a rest; the stamp of a note says by itself which article it is of.
    return unpack_stamp(stored(hit, STAMP), hit["_id"] if is_article(hit) else "")


def is_article(hit: Hit) -> bool:
    """Return whether a hit is of an article, and not of a note."""
    return not str(hit["_index"]).endswith(".notes")


def stored(hit: Hit, field: str) -> bytes:
    """Return the bytes that are stored in a field of a hit, or none."""
    values = hit.get("fields", {}).get(field)
    return b64decode(values[0]) if values else b""


def _text_of(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _readable(article: Article) -> dict[str, object]:
    published = article.published
    readable = {
        "id": article.id,
        "title": article.title,
        "body": article.body,
        "source": article.source,
        "url": article.url,
        "authors": article.authors,
        "published": published and {"date": published.iso, "precision": published.precision},
        "fetched": article.fetched,
        "tags": article.tags,
        "captions": article.captions,
        "path": article.path,
    }
    return {key: value for key, value in readable.items() if value}


def _line(document: dict[str, object]) -> str:
    line = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:  # bytes of a path that are no text; the stamp has them as they are
        return _HALVES.sub("\ufffd", line)
    return line
