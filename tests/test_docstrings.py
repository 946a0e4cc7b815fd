"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import newsgrep
from tests.support.optional_engines import require_installed

ROOT = Path(newsgrep.__file__).parent
ELSEWHERE = {"cli.options", "api.archive", "api.building", "api.counting", "api.opened"}
"""The example of the first is a command, which is not called; tests/api runs the others."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ELSEWHERE])
def test_docstring_examples(name: str) -> None:
    if name.startswith("engines.opensearch"):
        require_installed("opensearch")
    result = doctest.testmod(import_module(f"newsgrep.{name}"))
    assert result.attempted
    assert not result.failed
