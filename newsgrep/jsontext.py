"""JSON as newsgrep writes it everywhere: readable UTF-8, valid whatever a file name holds."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return ``value`` as JSON text that can be encoded in UTF-8.

    A file name that is no valid text holds half characters (surrogates); they are
    written as ``\udcXX`` escapes, and reading the JSON in Python gives the name back.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return _HALF_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
