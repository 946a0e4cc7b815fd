"""The schema of a tantivy index, and articles and file records as its documents.

The indexed fields are those of :mod:`newsgrep.engines.engine_query.fields`.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final
from zlib import crc32

from tantivy import Document, Schema, SchemaBuilder

from newsgrep._io import path_key
from newsgrep.analysis.codec import (
    pack_file_record,
    unpack_article,
    unpack_file_record,
    unpack_left_out,
)
from newsgrep.analysis.document import IndexDocument
from newsgrep.analysis.versions import unpack_versions
from newsgrep.engines.base import FACET_FIELDS
from newsgrep.engines.engine_query.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    CHANGES,
    EARLIER,
    FIRST_DAY,
    FOLDED_NAMES,
    HAS_TIME,
    ID,
    ID_PREFIX,
    IMPACTS,
    LAST_DAY,
    LEFT_OUT,
    TERMS,
    TIMESTAMP,
    TITLE,
    UNDATED_TIMESTAMP,
    index_fields,
)
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord

KIND: Final = "kind"
ARTICLE_KIND: Final = "article"
FILE_RECORD_KIND: Final = "file record"

KEY: Final = "key"
"""The id of an article or the key of a file record: a document replaces those with its key."""

NEGATED_TIMESTAMP: Final = "negated_timestamp"
"""The negative timestamp, so that undated articles come last in both orders by date."""

PACKED_TEXTS: Final = "texts"
PACKED_REST: Final = "rest"
PACKED_LEFT_OUT: Final = "left_out_passages"
PACKED_VERSIONS: Final = "versions"
PACKED_FILE_RECORD: Final = "file_record"
PACKED_URL: Final = "whole_url"
"""What is returned, packed as in :mod:`newsgrep.analysis.codec`; stored, not indexed.

Only articles with earlier versions have a value for these.
"""

PACKED_CHECKSUM: Final = "checksum"
"""The CRC-32 of what is stored in a document; formats 4 and 5 have none."""

_PACKED: Final = (
    PACKED_TEXTS,
    PACKED_REST,
    PACKED_LEFT_OUT,
    PACKED_URL,
    PACKED_FILE_RECORD,
    PACKED_VERSIONS,
)

_PACKED_FILE_RECORD_IN_FORMAT_4: Final = "stamp"
"""Read when an index is rebuilt."""

INTEGER_FIELDS: Final = (FIRST_DAY, LAST_DAY, HAS_TIME)
TEXT_FIELDS: Final = (TITLE, BODY, CAPTION, LEFT_OUT, EARLIER)
FLOAT_FIELDS: Final = (TIMESTAMP, NEGATED_TIMESTAMP)


@cache
def create_schema() -> Schema:
    """Return the schema of a new index; tantivy stores it in the index."""
    builder = SchemaBuilder()
    for field in TEXT_FIELDS:
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="position")
    for field in (TERMS, IMPACTS):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="basic")
    for field in (KIND, KEY, ID, CHANGES, *FOLDED_NAMES.values(), *ADDRESSES.values()):
        # The id is stored as well, so that a document can be identified when it is read.
        stored = field in {KIND, ID}
        builder.add_text_field(field, stored=stored, tokenizer_name="raw", index_option="basic")
    for field in FACET_FIELDS:
        builder.add_text_field(field, fast=True, tokenizer_name="raw", index_option="basic")
    for field in INTEGER_FIELDS:
        builder.add_integer_field(field, fast=True)
    for field in FLOAT_FIELDS:
        builder.add_float_field(field, fast=True)
    builder.add_unsigned_field(ID_PREFIX, fast=True)
    for field in (*_PACKED, PACKED_CHECKSUM):
        builder.add_bytes_field(field, stored=True)
    return builder.build()


def article_document(article: IndexDocument) -> Document:
    """Return the document of an article, with its file record."""
    fields = index_fields(article)
    document = Document()
    document.add_text(KIND, ARTICLE_KIND)
    document.add_text(KEY, article.article_id)
    for field, text in fields.texts.items():
        document.add_text(field, text)
    for field, values in fields.values.items():
        for value in values:
            document.add_text(field, value)
    for field in INTEGER_FIELDS:
        document.add_integer(field, int(fields.numbers[field]))
    timestamp = fields.numbers[TIMESTAMP]
    document.add_float(TIMESTAMP, timestamp)
    document.add_float(
        NEGATED_TIMESTAMP, -timestamp if timestamp != UNDATED_TIMESTAMP else UNDATED_TIMESTAMP
    )
    document.add_unsigned(ID_PREFIX, int(fields.numbers[ID_PREFIX]))
    document.add_bytes(PACKED_TEXTS, article.folded)
    document.add_bytes(PACKED_REST, article.rest)
    document.add_bytes(PACKED_LEFT_OUT, article.left_out)
    document.add_bytes(PACKED_URL, (article.url or "").encode("utf-8", "replace"))
    document.add_bytes(PACKED_FILE_RECORD, pack_file_record(article.file_record))
    if article.versions:
        document.add_bytes(PACKED_VERSIONS, article.versions)
    document.add_bytes(PACKED_CHECKSUM, _checksum(document))
    return document


def file_record_document(record: FileRecord) -> Document:
    """Return the document of a file without an article of its own."""
    document = Document()
    document.add_text(KIND, FILE_RECORD_KIND)
    document.add_text(KEY, file_record_key(record.path))
    document.add_bytes(PACKED_FILE_RECORD, pack_file_record(record))
    document.add_bytes(PACKED_CHECKSUM, _checksum(document))
    return document


def _checksum(document: Document) -> bytes:
    crc = crc32(f"{document.get_first(KIND)} {document.get_first(ID)}".encode())
    for field in _PACKED:
        value = bytes(document.get_first(field) or b"")
        if field == PACKED_VERSIONS and not value:
            continue  # as in format 6
        crc = crc32(value, crc32(len(value).to_bytes(8, "little"), crc))
    return crc.to_bytes(4, "little")


def verify_stored(document: Document) -> None:
    """Compare what is stored in a document with its checksum; formats 4 and 5 have none.

    Raises :class:`ValueError` if they do not match.
    """
    if stored_bytes(document, PACKED_CHECKSUM) != _checksum(document):
        raise ValueError(message("a document does not match its checksum"))


def file_record_key(path: str) -> str:
    """Return the key for a path: a digest, since a path may be any bytes and a term is text."""
    return f"note {sha256(path_key(path)).hexdigest()}"


def stored_article(document: Document) -> Article:
    """Return the article in a document.

    Like the other readers here, it raises :class:`ValueError`, :class:`LookupError` or
    :class:`TypeError` for damaged data.
    """
    folded, rest = stored_bytes(document, PACKED_TEXTS), stored_bytes(document, PACKED_REST)
    article = unpack_article(folded, rest, stored_file_record(document).path)
    return article._replace(
        url=stored_bytes(document, PACKED_URL).decode() or None,
        left_out=unpack_left_out(left_out_bytes(document)),
        versions=unpack_versions(versions_bytes(document), article),
    )


def stored_file_record(document: Document) -> FileRecord:
    """Return the file record in a document, with or without an article."""
    is_current = document.get_first(PACKED_FILE_RECORD) is not None
    name = PACKED_FILE_RECORD if is_current else _PACKED_FILE_RECORD_IN_FORMAT_4
    packed = stored_bytes(document, name)
    return unpack_file_record(packed, document.get_first(ID) or "")


def left_out_bytes(document: Document) -> bytes:
    """Return the packed left-out text; format 4 has none."""
    return bytes(document.get_first(PACKED_LEFT_OUT) or b"")


def versions_bytes(document: Document) -> bytes:
    """Return the packed earlier versions; most articles have none."""
    return bytes(document.get_first(PACKED_VERSIONS) or b"")


def stored_bytes(document: Document, field: str) -> bytes:
    """Return the bytes stored in ``field``; raises :class:`ValueError` if there are none."""
    value = document.get_first(field)
    if isinstance(value, bytes | list):
        return bytes(value)
    raise ValueError(message("a document has no {field}", field=field))
