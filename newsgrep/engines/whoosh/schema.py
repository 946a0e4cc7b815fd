"""Which fields and columns a document has in the Whoosh index."""

from __future__ import annotations

from os import fsencode
from typing import Any, Final

from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import COLUMN, ID, Schema

from newsgrep.query.tree import Name

INDEX_NAME: Final = "NEWSGREP"

ARTICLE: Final = "article"
NOTE: Final = "note"

TEXT: Final = "text"
"""Terms of title and body; a posting's weight tells how often (postings.py)."""

CAPTION: Final = "caption"
KIND: Final = "kind"
KEY: Final = "key"
NAMES: Final = {kind: f"{kind.value}_name" for kind in Name}
"""Fields whose terms are whole names, as they are written."""

LENGTHS: Final = ("title_length", "lead_length", "body_length")
_FEW: Final = 1000  # values of a column; more than these are found without adding lengths up

NUMBERS: Final = {"first_day": "i", "last_day": "i", "moment": "d"} | dict.fromkeys(LENGTHS, "I")
DEFAULTS: Final = {"moment": float("-inf")}
BYTES: Final = ("id", "url", "folded", "rest", "stamp")
FACETS: Final = ("source", "month")

COLUMNS: Final = (*NUMBERS, *BYTES, *FACETS)

# Every document has a value in every column, so a column whose file is missing is damage;
# Whoosh by itself would go on with the default value.
NO_VALUES: Final = (
    {name: DEFAULTS.get(name, 0) for name in NUMBERS}
    | dict.fromkeys(BYTES, b"")
    | dict.fromkeys(FACETS, b"")
)


def make_schema() -> Schema:
    """Return the schema; Whoosh stores it inside the index, made of its own classes only."""
    fields: dict[str, Any] = {KIND: ID(), KEY: ID()} | {field: ID() for field in NAMES.values()}
    # Terms arrive cut already. Lengths are kept exactly, in columns, where Whoosh would
    # round them to a byte. ID fields store no frequency beside the weight.
    fields |= {TEXT: ID(), CAPTION: ID()}
    fields |= {name: COLUMN(VarBytesColumn(write_offsets_cutoff=_FEW)) for name in BYTES}
    fields |= {name: COLUMN(RefBytesColumn()) for name in FACETS}
    fields |= {
        name: COLUMN(NumericColumn(code, default=DEFAULTS.get(name, 0)))
        for name, code in NUMBERS.items()
    }
    return Schema(**fields)


def note_key(path: str) -> str:
    """Return the key of the note on a file; a path may be any bytes, a term is text."""
    from hashlib import sha256  # a search has no use for it

    return sha256(fsencode(path)).hexdigest()
