"""What a document looks like in the Whoosh index: its fields, its columns, its weights.

An article has terms in the text fields and one term for each of its names;
everything else is in columns. A file record without an article has a key and its column only.
Names of fields and columns, and the terms of ``kind``, are on disk: they change only with the
format of the index.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from os import fsencode
from typing import Any, Final

from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.fields import COLUMN, ID, Schema

from newsgrep.analysis.scoring import FieldCounts, pack_counts, unpack_counts
from newsgrep.engines.whoosh.internals import PostingsBlock
from newsgrep.query.ast import Field, NameField

KIND_FIELD: Final = "kind"
ARTICLE: Final = "article"
FILE_RECORD: Final = "file record"
"""The terms of the field ``kind``: a document is an article, or a file record without one."""

TEXT_FIELD: Final = "text"
"""Terms of title and body; the weight of a posting contains their counts (:func:`to_weight`)."""

CAPTION_FIELD: Final = "caption"

LEFT_OUT_FIELD: Final = "left_out"

FIELD_BY_PASSAGE_KIND: Final = {Field.CAPTION: CAPTION_FIELD, Field.LEFT_OUT: LEFT_OUT_FIELD}
"""Fields of texts that no other search counts; all weights are 1."""

KEY_FIELD: Final = "key"
"""One term for each file record without an article, see :func:`file_record_key`."""

FIELD_BY_NAME_KIND: Final = {kind: f"{kind.value}_name" for kind in NameField}
"""Fields whose terms are whole names, as they are written."""

LENGTH_COLUMNS: Final = ("title_length", "lead_length", "body_length")
NUMBER_COLUMNS: Final = {"first_day": "i", "last_day": "i", "timestamp": "d"} | dict.fromkeys(
    LENGTH_COLUMNS, "I"
)
"""Columns of numbers with their type codes, as in :mod:`array`."""

NUMBER_DEFAULTS: Final = {"timestamp": float("-inf")}
BYTES_COLUMNS: Final = ("id", "url", "folded", "rest", "left_out_passages", "file_record")
FACET_COLUMNS: Final = ("source", "month")

COLUMNS: Final = (*NUMBER_COLUMNS, *BYTES_COLUMNS, *FACET_COLUMNS)

DEFAULT_VALUES: Final = (
    {name: NUMBER_DEFAULTS.get(name, 0) for name in NUMBER_COLUMNS}
    | dict.fromkeys(BYTES_COLUMNS, b"")
    | dict.fromkeys(FACET_COLUMNS, b"")
)
"""Written for every document that has no other value.

So each column has a file, and a missing file is damage. Whoosh alone would read default values.
"""

_OFFSETS_CUTOFF: Final = 1000
"""Columns with more values store offsets; else they are computed from the values' lengths."""


def create_schema() -> Schema:
    """Return the schema, made from Whoosh's classes only: Whoosh stores it in the index."""
    fields: dict[str, Any] = {KIND_FIELD: ID(), KEY_FIELD: ID()}
    fields |= {field: ID() for field in FIELD_BY_NAME_KIND.values()}
    # Texts are cut into terms before. Field lengths are stored exactly, in columns, since
    # Whoosh rounds them to a byte. ID fields store a weight and no frequency beside it.
    fields |= {field: ID() for field in (TEXT_FIELD, *FIELD_BY_PASSAGE_KIND.values())}
    for name in BYTES_COLUMNS:
        fields[name] = COLUMN(VarBytesColumn(write_offsets_cutoff=_OFFSETS_CUTOFF))
    for name in FACET_COLUMNS:
        fields[name] = COLUMN(RefBytesColumn())
    for name, code in NUMBER_COLUMNS.items():
        fields[name] = COLUMN(NumericColumn(code, default=NUMBER_DEFAULTS.get(name, 0)))
    return Schema(**fields)


def file_record_key(path: str) -> str:
    """Return the key of the record of a file without an article.

    A digest, since a path may contain any bytes and a term is text.
    """
    from hashlib import sha256  # not needed by a search

    return sha256(fsencode(path)).hexdigest()


class _WeightByCounts(dict[int, int]):
    """Weights by packed counts, each computed once.

    The low byte of a weight contains the low bits of all three counts (4 of the body's, 3 of
    the lead's, 1 of the title's), so that 98 of 100 postings have a weight of one byte.
    """

    def __missing__(self, packed: int) -> int:
        title, lead, body = unpack_counts(packed)
        low = body & 0xF | (lead & 7) << 4 | (title & 1) << 7
        weight = low | (body >> 4) << 8 | (lead >> 3) << 16 | (title >> 1) << 21
        self[packed] = weight
        return weight


class _CountsByWeight(dict[int, int]):
    """Packed counts by weight: the inverse of :class:`_WeightByCounts`."""

    def __missing__(self, weight: int) -> int:
        body = weight & 0xF | (weight >> 8 & 0xFF) << 4
        lead = weight >> 4 & 7 | (weight >> 16 & 0x1F) << 3
        title = weight >> 7 & 1 | (weight >> 21) << 1
        packed = self[weight] = pack_counts(FieldCounts(title, lead, body))
        return packed


to_weight: Final = _WeightByCounts().__getitem__
"""Return the weight on disk, below 2**24, of a posting with these packed counts."""

from_weight: Final = _CountsByWeight().__getitem__
"""Return the packed counts (:func:`newsgrep.analysis.scoring.pack_counts`) of a weight."""


def join_blocks(blocks: Iterable[PostingsBlock]) -> tuple[array[int], array[int]]:
    """Return all postings as one array of document numbers and one of packed counts."""
    numbers, counts = array("L"), array("L")
    for block_numbers, weights in blocks:
        numbers.extend(block_numbers)
        counts.extend(map(from_weight, weights))
    return numbers, counts
