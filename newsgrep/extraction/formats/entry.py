"""An entry of a feed: a JSON object whose fields have newsgrep's own names."""

from __future__ import annotations

from dataclasses import replace

from newsgrep.extraction.formats.base import Format, RawArticle, RawFile
from newsgrep.extraction.formats.fields import read_fields
from newsgrep.extraction.records.base import NO_FIELDS


def _read(raw: RawFile) -> RawArticle:
    # What the user states about the fields of dumps does not concern it.
    return read_fields(replace(raw, fields=NO_FIELDS), "identity")


FORMAT = Format("entry", _read)
