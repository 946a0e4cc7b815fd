"""An entry or a note as a document of the server's, and back."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from newsgrep.analysis.characters import SOLO
from newsgrep.analysis.codec import pack_file_record, unpack_article, unpack_file_record
from newsgrep.analysis.document import IndexDocument
from newsgrep.engines.engine_query.fields import (
    ID,
    ID_PREFIX,
    IMPACTS,
    LONG_ADDRESS,
    LONG_TERM,
    MAX_TOKEN_LENGTH,
    TERMS,
    TIMESTAMP,
    UNDATED,
    id_prefix,
    index_fields,
)
from newsgrep.engines.opensearch.indices import (
    LATIN_TERMS,
    PACKED_FILE_RECORD,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_URL,
    READABLE_ARTICLE,
    READABLE_FILE_RECORD,
    SUFFIX_START,
    UNDATED_YEAR,
)
from newsgrep.models import ARCHIVE_ZONE, Article, FileRecord

ServerHit = Mapping[str, Any]

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LATIN_TERM: Final = re.compile(rf"^[^\W_{SOLO}]+$", re.MULTILINE)
_MARKER_TERMS: Final = (LONG_TERM, LONG_ADDRESS)
_KEY_BYTES: Final = 16


def publication_year(entry: IndexDocument) -> str:
    """Return the year by which an article is put away, that of its first day."""
    if entry.published is None:
        return UNDATED_YEAR
    return f"{entry.published.days(ARCHIVE_ZONE)[0].year:04}"


def article_json(entry: IndexDocument) -> str:
    """Return the document of an article, as JSON."""
    fields = index_fields(entry)
    document: dict[str, object] = {**fields.texts, **fields.values, **fields.numbers}
    del document[IMPACTS]
    if document[TIMESTAMP] == UNDATED:
        del document[TIMESTAMP]
    document[ID_PREFIX] = signed_id_prefix(entry.article_id)
    document |= _terms_by_suffix(fields.texts[IMPACTS])
    document[TERMS] = " ".join(word for word in _MARKER_TERMS if word in fields.texts[TERMS])
    document[LATIN_TERMS] = [
        term for term in _LATIN_TERM.findall(entry.terms) if len(term) <= MAX_TOKEN_LENGTH
    ]
    document[PACKED_TEXTS] = _base64(entry.folded)
    document[PACKED_REST] = _base64(entry.rest)
    document[PACKED_FILE_RECORD] = _base64(pack_file_record(entry.stamp))
    if entry.url is not None:
        document[PACKED_URL] = _base64(entry.url.encode("utf-8", "surrogatepass"))
    if entry.published:
        document["published"] = entry.published.iso
    document[READABLE_ARTICLE] = _readable_article(entry.article())
    return _json_line(document)


def file_record_json(stamp: FileRecord) -> str:
    """Return the document of a note, as JSON."""
    key = file_record_key(stamp.path)
    return _json_line(
        {
            ID: key,
            ID_PREFIX: signed_id_prefix(key),
            PACKED_FILE_RECORD: _base64(pack_file_record(stamp)),
            READABLE_FILE_RECORD: {
                "path": stamp.path,
                "status": stamp.status,
                "reason": stamp.reason,
            },
        }
    )


def _terms_by_suffix(levels: str) -> dict[str, str]:
    """Return the level tokens by the digit at their end, without it.

    Each word would be written three times otherwise, with its digits and without; from these
    fields the server makes :data:`TERMS` by itself.
    """
    found: dict[str, list[str]] = {}
    for token in levels.split():
        found.setdefault(token[SUFFIX_START:], []).append(token[:SUFFIX_START])
    return {IMPACTS + digit: " ".join(words) for digit, words in found.items()}


def is_latin_term(term: str) -> bool:
    """Return whether a term is a run of letters and digits."""
    return _LATIN_TERM.fullmatch(term) is not None


def file_record_key(path: str) -> str:
    """Return the id of the note on a path, which may be too long for one itself."""
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=_KEY_BYTES).hexdigest()


def signed_id_prefix(key: str) -> int:
    """Return a number in the order of ids, for a server goes through numbers fastest."""
    return id_prefix(key) >> 1  # the server's are signed


def stored_article(hit: ServerHit) -> Article:
    """Return the article of a hit; raises :class:`newsgrep.analysis.codec.DamagedData`."""
    article = unpack_article(
        stored_bytes(hit, PACKED_TEXTS),
        stored_bytes(hit, PACKED_REST),
        stored_file_record(hit).path,
    )
    return replace(article, url=stored_url(hit))


def stored_url(hit: ServerHit) -> str | None:
    """Return the URL of a hit's article."""
    if PACKED_URL not in hit["fields"]:
        return None
    return stored_bytes(hit, PACKED_URL).decode("utf-8", "surrogatepass")


def stored_file_record(hit: ServerHit) -> FileRecord:
    """Return the stamp of a hit; raises :class:`newsgrep.analysis.codec.DamagedData`."""
    # Only articles have a rest; the stamp of a note says by itself which article it is of.
    return unpack_file_record(
        stored_bytes(hit, PACKED_FILE_RECORD), hit["_id"] if is_article_hit(hit) else ""
    )


def is_article_hit(hit: ServerHit) -> bool:
    """Return whether a hit is of an article, and not of a note."""
    return not str(hit["_index"]).endswith(".notes")


def stored_bytes(hit: ServerHit, field: str) -> bytes:
    """Return the bytes that are stored in a field of a hit, or none."""
    values = hit.get("fields", {}).get(field)
    return b64decode(values[0]) if values else b""


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _readable_article(article: Article) -> dict[str, object]:
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


def _json_line(document: dict[str, object]) -> str:
    line = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:  # bytes of a path that are no text; the stamp has them as they are
        return _SURROGATES.sub("\ufffd", line)
    return line
