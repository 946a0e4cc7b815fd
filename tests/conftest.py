"""The fixtures and hooks that all tests share; they are defined in ``tests/support``."""

import pytest

pytest.register_assert_rewrite("tests.support")

pytest_plugins = (
    "tests.support.cli",
    "tests.support.cluster.fixtures",
    "tests.support.engine_hooks",
    "tests.support.recording_proxy",
    "tests.support.stress",
)
