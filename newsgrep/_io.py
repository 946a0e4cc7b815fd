"""JSON as newsgrep prints it, tables beside modules, and files that survive a crash."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
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


def table_lines(beside: str, name: str) -> list[str]:
    """Return the lines of the file ``name`` beside the module ``beside``, but for comments."""
    text = Path(beside).with_name(name).read_text("utf-8")
    return [line for line in text.split("\n") if not line.startswith("#")]


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Put a file with ``data`` at ``path``: whoever looks finds it whole, or what was there.

    For one writer at a time. When this returns it is on the disk.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_bytes(data)
        sync(draft)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    sync(path.parent)
