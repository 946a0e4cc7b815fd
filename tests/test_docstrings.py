"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import newsgrep
from tests.support.optional_engines import require_installed

ROOT = Path(newsgrep.__file__).parent
DECLARES_A_COMMAND = "cli.options"
"""Its example is a command, which is not called."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", [name for name in MODULES if name != DECLARES_A_COMMAND])
def test_docstring_examples(name: str) -> None:
    if name.startswith("engines.opensearch"):
        require_installed("opensearch")
    result = doctest.testmod(import_module(f"newsgrep.{name}"))
    assert result.attempted
    assert not result.failed
