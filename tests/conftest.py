"""The fixtures and hooks that all tests share; they are defined in ``tests/support``."""

import os

import pytest

os.environ["LANGUAGE"] = "en"  # tests in this process expect English, whatever the locale is

pytest.register_assert_rewrite("tests.support")

pytest_plugins = (
    "tests.support.cli",
    "tests.support.cluster.fixtures",
    "tests.support.engine_hooks",
    "tests.support.recording_proxy",
    "tests.support.scheduling",
    "tests.support.stress",
)
