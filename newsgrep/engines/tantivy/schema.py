"""Which fields a document has in the tantivy index, and how an entry or a note becomes one.

The fields to be found by are those of :mod:`newsgrep.engines.clauses.fields`.
"""

from __future__ import annotations

from hashlib import sha256
from os import fsencode
from typing import Final

from tantivy import Document, Schema, SchemaBuilder

from newsgrep.engines.clauses.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    FACETS,
    FIRST_DAY,
    FOLDED,
    ID,
    LAST_DAY,
    LEVELS,
    MOMENT,
    PLACE,
    TIMED,
    TITLE,
    UNDATED,
    WORDS,
    fields_of,
)
from newsgrep.engines.entry import Entry
from newsgrep.engines.packing import pack_stamp
from newsgrep.models import Stamp

KIND: Final = "kind"
ARTICLE: Final = "article"
NOTE: Final = "note"

KEY: Final = "key"
"""The id of an article, or what stands for the path of a note: what is written again."""

AGE: Final = "age"
"""The moment with its sign changed, so that the undated come last in both orders by date."""

TEXTS: Final = "texts"
REST: Final = "rest"
STAMP: Final = "stamp"
URL: Final = "whole_url"
"""What is given back, packed as in :mod:`newsgrep.engines.packing`; in no index."""

DAYS: Final = (FIRST_DAY, LAST_DAY, TIMED)
MOMENTS: Final = (MOMENT, AGE)


def make_schema() -> Schema:
    """Return the schema; tantivy keeps it in the index."""
    builder = SchemaBuilder()
    for field in (TITLE, BODY, CAPTION):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="position")
    for field in (WORDS, LEVELS):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="basic")
    for field in (KIND, KEY, ID, *FOLDED.values(), *ADDRESSES.values()):
        # The id tells of which article a document is when it is read.
        stored = field in {KIND, ID}
        builder.add_text_field(field, stored=stored, tokenizer_name="raw", index_option="basic")
    for field in FACETS:
        builder.add_text_field(field, fast=True, tokenizer_name="raw", index_option="basic")
    for field in DAYS:
        builder.add_integer_field(field, fast=True)
    for field in MOMENTS:
        builder.add_float_field(field, fast=True)
    builder.add_unsigned_field(PLACE, fast=True)
    for field in (TEXTS, REST, STAMP, URL):
        builder.add_bytes_field(field, stored=True)
    return builder.build()


def article_document(entry: Entry) -> Document:
    """Return an article as it is written."""
    fields = fields_of(entry)
    document = Document()
    document.add_text(KIND, ARTICLE)
    document.add_text(KEY, entry.article_id)
    for field, text in fields.texts.items():
        document.add_text(field, text)
    for field, values in fields.values.items():
        for value in values:
            document.add_text(field, value)
    for field in DAYS:
        document.add_integer(field, int(fields.numbers[field]))
    moment = fields.numbers[MOMENT]
    document.add_float(MOMENT, moment)
    document.add_float(AGE, -moment if moment != UNDATED else UNDATED)
    document.add_unsigned(PLACE, int(fields.numbers[PLACE]))
    document.add_bytes(TEXTS, entry.folded)
    document.add_bytes(REST, entry.rest)
    document.add_bytes(URL, (entry.url or "").encode("utf-8", "replace"))
    document.add_bytes(STAMP, pack_stamp(entry.stamp))
    return document


def note_document(stamp: Stamp) -> Document:
    """Return a note as it is written."""
    document = Document()
    document.add_text(KIND, NOTE)
    document.add_text(KEY, note_key(stamp.path))
    document.add_bytes(STAMP, pack_stamp(stamp))
    return document


def note_key(path: str) -> str:
    """Return the key of the note on a file; a path may be any bytes, a term is text."""
    return f"note {sha256(fsencode(path)).hexdigest()}"
