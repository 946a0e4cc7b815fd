"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    *("analysis.characters", "analysis.fold", "analysis.numerals", "analysis.segment"),
    *("query.ast", "query.dates", "query.lexer", "query.match", "query.parser", "models"),
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    result = doctest.testmod(import_module(f"newsgrep.{name}"))
    assert result.attempted
    assert not result.failed
