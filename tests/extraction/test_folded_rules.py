"""Rules that match folded text are written in folded characters, or they would never match."""

from __future__ import annotations

import re

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.extraction import bylines, labels, notices
from newsgrep.extraction.dates import lines

ON_ORIGINAL_TEXT = {
    "_GLUED",
    "_NEXT_LINE",
    "_HAS_HAN",
    "_SIGN",
    "_LABEL_SIGN",
    "_ENGLISH_NOTE",
    "_PICTURE_LABEL",
}
RULES = [
    pytest.param(value.pattern, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in (bylines, labels, notices)
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern) and name not in ON_ORIGINAL_TEXT
]
RULES += [
    pytest.param(getattr(lines, name).pattern, id=f"lines.{name}")
    for name in ("_LABEL", "_AFTER", "_PARTICIPLE", "_RELATIVE")
]


@pytest.mark.parametrize("pattern", RULES)
def test_rule_is_written_folded(pattern: str) -> None:
    literals = re.sub(r"\\[A-Za-z]|\(\?P[<=][a-z_]+", "", pattern)
    literals = re.sub(r"\\u[0-9a-f]{4}", "", literals)
    assert [char for char in literals if fold(char) != char] == []
