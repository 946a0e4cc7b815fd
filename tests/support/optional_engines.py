"""Packages and servers that engines need and that may be missing: their tests are skipped.

``make test-engines`` sets NEWSGREP_TEST_ENGINES=all; tests of missing engines then fail.
"""

from __future__ import annotations

import importlib.util
import os
from typing import NoReturn

import pytest

VARIABLE = "NEWSGREP_TEST_ENGINES"
REQUIRE_ALL = os.environ.get(VARIABLE, "") == "all"

ENGINE_MODULES = {"tantivy": "tantivy"}
"""The module that an engine needs; the extra that installs it has the engine's name."""


def skip_or_fail(engine: str, why: str) -> NoReturn:
    """Skip the current test, naming the engine; fail it if no engine may be missing."""
    if REQUIRE_ALL:
        pytest.fail(f"{engine}: {why} ({VARIABLE}=all: nothing may be missing)", pytrace=False)
    pytest.skip(f"{engine}: {why}")


def require_installed(engine: str) -> None:
    """Call :func:`skip_or_fail` if an engine's package is not installed."""
    module = ENGINE_MODULES.get(engine)
    if module is not None and importlib.util.find_spec(module) is None:
        skip_or_fail(engine, f'no {module}: pip install "newsgrep[{engine}]"')
