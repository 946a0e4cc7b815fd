"""JSON as newsgrep writes it everywhere: readable UTF-8, valid whatever a file name holds."""

from __future__ import annotations

import json
import re
from typing import Any

# Halves of characters have no UTF-8; the others turn text round or move a cursor.
_ESCAPED = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return ``value`` as JSON text that can be encoded in UTF-8.

    Invisible characters that a terminal would obey are escaped, too. A file name that is
    no valid text holds half characters (surrogates); they are written as ``\udcXX``
    escapes, and reading the JSON in Python gives the name back.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
