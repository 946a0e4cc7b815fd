"""Which fields and columns a document has in the Whoosh index."""

from __future__ import annotations

from os import fsencode
from typing import Any, Final

from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import COLUMN, ID, KEYWORD, Schema

INDEX_NAME: Final = "NEWSGREP"

ARTICLE: Final = "article"
NOTE: Final = "note"

TEXT: Final = "text"
"""Terms of title and body; a posting's weight is :func:`pack_counts` of the term."""

CAPTION: Final = "caption"
KIND: Final = "kind"
KEY: Final = "key"
SOURCE_NAME: Final = "source_name"

LENGTHS: Final = ("title_length", "lead_length", "body_length")
NUMBERS: Final = {"first_day": "i", "last_day": "i", "moment": "d"} | dict.fromkeys(LENGTHS, "I")
DEFAULTS: Final = {"moment": float("-inf")}
BYTES: Final = ("id", "folded", "article", "stamp")
FACETS: Final = ("source", "month")

# Every document has a value in every column, so a column whose file is missing is damage;
# Whoosh by itself would go on with the default value.
NO_VALUES: Final = (
    {name: DEFAULTS.get(name, 0) for name in NUMBERS}
    | dict.fromkeys(BYTES, b"")
    | dict.fromkeys(FACETS, b"")
)


def make_schema() -> Schema:
    """Return the schema; Whoosh stores it inside the index, made of its own classes only."""
    fields: dict[str, Any] = {KIND: ID(), KEY: ID(), SOURCE_NAME: ID()}
    # Terms arrive cut already, as lists. Lengths are kept exactly, in columns, where
    # Whoosh would round them to a byte. ID fields store no frequency beside the weight.
    fields |= {TEXT: ID(), CAPTION: KEYWORD()}
    fields |= {name: COLUMN(VarBytesColumn()) for name in BYTES}
    fields |= {name: COLUMN(RefBytesColumn()) for name in FACETS}
    fields |= {
        name: COLUMN(NumericColumn(code, default=DEFAULTS.get(name, 0)))
        for name, code in NUMBERS.items()
    }
    return Schema(**fields)


def article_key(article_id: str) -> str:
    """Return the term that finds an article's document."""
    return f"a {article_id}"


def note_key(path: str) -> str:
    """Return the term that finds the note on a file; a path may be any bytes, a term is text."""
    from hashlib import sha256  # a search has no use for it

    return f"n {sha256(fsencode(path)).hexdigest()}"
