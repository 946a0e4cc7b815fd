"""Articles and file records as documents on a server: their fields, and reading them back."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from newsgrep.analysis.characters import SOLO
from newsgrep.analysis.codec import (
    pack_file_record,
    unpack_article,
    unpack_file_record,
    unpack_left_out,
)
from newsgrep.analysis.document import IndexDocument
from newsgrep.analysis.packed_texts import DamagedData
from newsgrep.analysis.versions import stored_length, unpack_versions
from newsgrep.engines.base import FACET_FIELDS
from newsgrep.engines.engine_query.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    CHANGES,
    EARLIER,
    EVEN,
    FIRST_DAY,
    FOLDED_NAMES,
    HAS_TIME,
    ID,
    ID_PREFIX,
    IMPACTS,
    LAST_DAY,
    LEFT_OUT,
    LONG_ADDRESS,
    LONG_TERM,
    MAX_TOKEN_LENGTH,
    SURROGATES,
    TERMS,
    TIMESTAMP,
    TITLE,
    UNDATED_TIMESTAMP,
    id_prefix,
    index_fields,
)
from newsgrep.engines.opensearch.problems import items, mapping, text
from newsgrep.messages import message
from newsgrep.models import ARCHIVE_ZONE, Article, FileRecord

ServerHit = Mapping[str, Any]
"""A hit in a server's response."""

UNDATED_YEAR: Final = "undated"
"""In place of the year of an undated article."""

LATIN_TERMS: Final = "latin"
"""The terms that are runs of letters and digits, for listing; they are found by ``TERMS``."""

SUFFIX_START: Final = -3
"""Where the suffix of an impact token begins (:func:`impact_tokens`).

There is a field for each suffix, with the terms that have it.
"""

ADDRESS_ID: Final = "address_id"
"""The id that the article's URL gives, if it has another one; for finding articles of one URL."""

PACKED_TEXTS: Final = "packed"
PACKED_REST: Final = "rest"
"""The article, packed as in :mod:`newsgrep.analysis.codec`."""

PACKED_LEFT_OUT: Final = "left_out_passages"
"""The left-out text, packed likewise; absent if there is none."""

PACKED_VERSIONS: Final = "versions"
"""The earlier versions, packed as in :mod:`newsgrep.analysis.versions`; absent likewise."""

PACKED_FILE_RECORD: Final = "packed_file_record"
PACKED_FILE_RECORD_IN_FORMAT_4: Final = "stamp"
"""Read when an index is rebuilt."""

PACKED_URL: Final = "link"
"""The article's URL as it is, in UTF-8."""

PACKED_ARTICLE_FIELDS: Final = (
    PACKED_TEXTS,
    PACKED_REST,
    PACKED_LEFT_OUT,
    PACKED_VERSIONS,
    PACKED_FILE_RECORD,
    PACKED_URL,
)
"""The fields that :func:`stored_article` reads."""

MAX_UNPACKED_BYTES: Final = 128 << 20
MAX_BYTES_PER_ARTICLE: Final = 1 << 20
"""Text that is unpacked for one request: so much for the longest article, which is more than a
server accepts, and so much for each of them. A server could send any amount in few bytes."""

READABLE_ARTICLE: Final = "article"
READABLE_FILE_RECORD: Final = "file_record"
"""For other programs; newsgrep itself reads the packed fields."""


def _text_field(*, positions: bool) -> dict[str, object]:
    return {
        "type": "text",
        "analyzer": "whitespace",
        "norms": False,
        "index_options": "positions" if positions else "docs",
    }


_KEYWORD: Final = {"type": "keyword"}
_SEARCH_ONLY_KEYWORD: Final = {"type": "keyword", "doc_values": False}
_BYTES: Final = {"type": "binary", "store": True}
_INTEGER: Final = {"type": "integer", "doc_values": False}
_OPAQUE: Final = {"type": "object", "enabled": False}

ARTICLE_FIELDS: Final[Mapping[str, object]] = {
    **{name: _text_field(positions=True) for name in (TITLE, BODY, CAPTION, LEFT_OUT, EARLIER)},
    TERMS: _text_field(positions=False),
    **{
        f"{IMPACTS}_{half}{digit}": {**_text_field(positions=False), "copy_to": TERMS}
        for half in "hl"
        for digit in range(1, 8)
    },
    **dict.fromkeys((ID, *FACET_FIELDS, *FOLDED_NAMES.values()), _KEYWORD),
    **dict.fromkeys((CHANGES, *ADDRESSES.values()), _SEARCH_ONLY_KEYWORD),
    ADDRESS_ID: _SEARCH_ONLY_KEYWORD,
    LATIN_TERMS: {"type": "keyword", "index": False},
    **dict.fromkeys((FIRST_DAY, LAST_DAY, HAS_TIME), _INTEGER),
    TIMESTAMP: {"type": "double"},
    ID_PREFIX: {"type": "long"},
    **dict.fromkeys(PACKED_ARTICLE_FIELDS, _BYTES),
    # For charts in other programs; newsgrep counts months and days.
    "published": {
        "type": "date",
        "format": "strict_date_optional_time",
        "ignore_malformed": True,
    },
    READABLE_ARTICLE: _OPAQUE,
}
"""The mapping of articles."""

FILE_RECORD_FIELDS: Final[Mapping[str, object]] = {
    ID: _KEYWORD,
    ID_PREFIX: {"type": "long"},
    PACKED_FILE_RECORD: _BYTES,
    READABLE_FILE_RECORD: _OPAQUE,
}
"""The mapping of file records without an article."""

_LATIN_TERM: Final = re.compile(rf"^[^\W_{SOLO}]+$", re.MULTILINE)
_MARKER_TERMS: Final = (LONG_TERM, LONG_ADDRESS, EVEN)
_KEY_BYTES: Final = 16


def publication_year(document: IndexDocument) -> str:
    """Return the year of an article's first possible day, or :data:`UNDATED_YEAR`."""
    if document.published is None:
        return UNDATED_YEAR
    return f"{document.published.days(ARCHIVE_ZONE)[0].year:04}"


def article_json(document: IndexDocument) -> str:
    """Return the document of an article, as JSON."""
    fields = index_fields(document)
    found: dict[str, object] = {**fields.texts, **fields.values, **fields.numbers}
    del found[IMPACTS]
    if found[TIMESTAMP] == UNDATED_TIMESTAMP:
        del found[TIMESTAMP]
    found[ID_PREFIX] = signed_id_prefix(document.article_id)
    found |= _terms_by_suffix(fields.texts[IMPACTS])
    found[TERMS] = " ".join(marker for marker in _MARKER_TERMS if marker in fields.texts[TERMS])
    found[LATIN_TERMS] = [
        term for term in _LATIN_TERM.findall(document.terms) if len(term) <= MAX_TOKEN_LENGTH
    ]
    found[PACKED_TEXTS] = _base64(document.folded)
    found[PACKED_REST] = _base64(document.rest)
    found[PACKED_FILE_RECORD] = _base64(pack_file_record(document.file_record))
    if document.file_record.address:
        found[ADDRESS_ID] = document.file_record.address
    if document.left_out:
        found[PACKED_LEFT_OUT] = _base64(document.left_out)
    if document.versions:
        found[PACKED_VERSIONS] = _base64(document.versions)
    else:
        del found[EARLIER], found[CHANGES]
    if document.url is not None:
        found[PACKED_URL] = _base64(document.url.encode("utf-8", "surrogatepass"))
    if document.published:
        found["published"] = document.published.iso
    found[READABLE_ARTICLE] = _readable_article(document.article())
    return _json_line(found)


def file_record_json(record: FileRecord) -> str:
    """Return the document of a file without an article of its own, as JSON."""
    key = file_record_key(record.path)
    return _json_line(
        {
            ID: key,
            ID_PREFIX: signed_id_prefix(key),
            PACKED_FILE_RECORD: _base64(pack_file_record(record)),
            READABLE_FILE_RECORD: {
                "path": record.path,
                "status": record.status,
                "reason": record.reason,
            },
        }
    )


def _terms_by_suffix(impact_tokens: str) -> dict[str, str]:
    """Return the impact tokens by field, without their suffix.

    The server copies them to ``TERMS``. Otherwise each term would be sent three times.
    """
    found: dict[str, list[str]] = {}
    for token in impact_tokens.split():
        found.setdefault(token[SUFFIX_START:], []).append(token[:SUFFIX_START])
    return {IMPACTS + suffix: " ".join(terms) for suffix, terms in found.items()}


def is_latin_term(term: str) -> bool:
    """Return whether a term is a run of letters and digits."""
    return _LATIN_TERM.fullmatch(term) is not None


def file_record_key(path: str) -> str:
    """Return the id of the file record for a path; the path itself may be too long."""
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=_KEY_BYTES).hexdigest()


def signed_id_prefix(key: str) -> int:
    """Return a number that sorts as ids do; a server sorts by numbers fastest."""
    return id_prefix(key) >> 1  # the server's numbers are signed


def stored_article(hit: ServerHit, limit: int = MAX_UNPACKED_BYTES) -> Article:
    """Return the article of a hit, of at most ``limit`` bytes; raises :class:`DamagedData`."""
    article = unpack_article(
        stored_bytes(hit, PACKED_TEXTS),
        stored_bytes(hit, PACKED_REST),
        stored_file_record(hit).path,
        limit,
    )
    left_out = unpack_left_out(stored_bytes(hit, PACKED_LEFT_OUT), limit)
    versions = unpack_versions(stored_bytes(hit, PACKED_VERSIONS), article, limit)
    return article._replace(url=_stored_url(hit), left_out=left_out, versions=versions)


def text_length(article: Article) -> int:
    """Return the number of characters in the texts of an article, as they are in memory."""
    others = (*article.captions, *(each.text for each in article.left_out))
    own = len(article.title) + len(article.body) + sum(map(len, others))
    return own + stored_length(article.versions)


def _stored_url(hit: ServerHit) -> str | None:
    if PACKED_URL not in mapping(hit, "fields"):
        return None
    try:
        return stored_bytes(hit, PACKED_URL).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as exc:
        raise DamagedData("a URL is not valid text") from exc


def stored_file_record(hit: ServerHit) -> FileRecord:
    """Return the file record of a hit, with or without an article; raises :class:`DamagedData`."""
    # A file record without an article of its own contains the id of the other article.
    article_id = text(hit, "_id") if is_article_hit(hit) else ""
    packed = stored_bytes(hit, PACKED_FILE_RECORD)
    packed = packed or stored_bytes(hit, PACKED_FILE_RECORD_IN_FORMAT_4)
    return unpack_file_record(packed, article_id)


def is_article_hit(hit: ServerHit) -> bool:
    """Return whether a hit is an article, and not a file record without one."""
    return not text(hit, "_index").endswith(".notes")


def stored_bytes(hit: ServerHit, field: str) -> bytes:
    """Return the bytes stored in a field of a hit; ``b""`` if there are none.

    Raises :class:`DamagedData`.
    """
    if field not in mapping(hit.get("fields", {})):
        return b""
    values = items(hit, "fields", field)
    try:
        return b64decode(values[0]) if values else b""
    except (TypeError, ValueError) as exc:
        raise DamagedData(message("the field {field} is not in base64", field=field)) from exc


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
    except UnicodeEncodeError:  # undecodable bytes of a path, which the packed record preserves
        return SURROGATES.sub("\ufffd", line)
    return line


# Names of indices and aliases


@dataclass(frozen=True, slots=True)
class IndexNames:
    """The names of the indices and aliases of one generation."""

    name: str
    generation: int

    @property
    def articles(self) -> str:
        """The alias of all indices with articles."""
        return f"{self.name}.g{self.generation}"

    @property
    def file_records(self) -> str:
        """The index of file records without an article."""
        return f"{self.articles}.notes"

    @property
    def all_indices(self) -> str:
        """All indices, as they are named in a request."""
        return f"{self.articles},{self.file_records}"

    def of_year(self, year: str) -> str:
        """Return the index for the articles of a year, or for undated ones."""
        return f"{self.articles}.{year}"


def write_alias(index: str) -> str:
    """Return the alias for writing to an index.

    A server creates a missing index with its own settings when something is written to it,
    but not if the request requires an alias.
    """
    return f"{index}.w"


def parse_generation(index: str, name: str) -> int | None:
    """Return the generation of an index with articles; ``None`` if it is not newsgrep's."""
    found = re.fullmatch(rf"{re.escape(name)}\.g([0-9]{{1,9}})\.({UNDATED_YEAR}|[0-9]{{4}})", index)
    return int(found[1]) if found else None
