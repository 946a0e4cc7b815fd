"""Tables of words and characters that lie beside the modules that use them."""

from __future__ import annotations

from pathlib import Path


def table_lines(beside: str, name: str) -> list[str]:
    """Return the lines of the file ``name`` beside the module ``beside``, but for comments."""
    text = Path(beside).with_name(name).read_text("utf-8")
    return [line for line in text.split("\n") if not line.startswith("#")]
