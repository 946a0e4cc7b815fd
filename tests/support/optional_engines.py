"""What engines need that may be absent here: their tests are skipped by name, or must not be.

``make test-engines`` sets NEWSGREP_TEST_ENGINES=all; what is absent then fails.
"""

from __future__ import annotations

import importlib.util
import os
from typing import NoReturn

import pytest

VARIABLE = "NEWSGREP_TEST_ENGINES"
REQUIRE_ALL = os.environ.get(VARIABLE, "") == "all"

ENGINE_MODULES = {"tantivy": "tantivy", "opensearch": "opensearchpy"}
"""What has to be importable for an engine; each has an extra of its name."""


def skip_or_fail(engine: str, why: str) -> NoReturn:
    """Skip the test that asks for it, with the engine's name; or fail it, where none may be."""
    if REQUIRE_ALL:
        pytest.fail(f"{engine}: {why} ({VARIABLE}=all: nothing may be absent)", pytrace=False)
    pytest.skip(f"{engine}: {why}")


def require_installed(engine: str) -> None:
    """Go on if an engine's package is installed, and see ``absent`` if not; others need none."""
    module = ENGINE_MODULES.get(engine)
    if module is not None and importlib.util.find_spec(module) is None:
        skip_or_fail(engine, f'no {module}: pip install "newsgrep[{engine}]"')
