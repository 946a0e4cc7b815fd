"""A cold search imports what it uses: nobody waits for what only indexing needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cli import Cli, clean_environment

_NEVER = {
    "asyncio",
    "bs4",
    "charset_normalizer",
    "concurrent",
    "csv",
    "difflib",
    "email",
    "importlib.metadata",
    "importlib.resources",
    "jieba",
    "logging",
    "lxml",
    "markdown_it",
    "multiprocessing",
    "newsgrep.search.diagnose",
    "newsgrep.extract",
    "opencc",
    "platformdirs",
    "rich",
    "rjieba",
    "tomllib",
    "whoosh.qparser",
    "whoosh.query",
    "whoosh.searching",
    "yaml",
    "zoneinfo",
}


_TOLD = """
import os, sys
from newsgrep.cli import main

def leave(status):
    print(*sys.modules, file=sys.stderr, flush=True)
    leave_for_good(status)

leave_for_good, os._exit = os._exit, leave
main()
"""


@pytest.mark.parametrize(
    "asked",
    [
        ("--json", "联合声明"),
        ("--json", '"渔业联合声明" OR 声明 -台风x'),
        ("--color=always", "联合声明"),
        ("--paths", "title:声明 since:2020"),
    ],
)
def test_search_imports_only_what_it_uses(seeds: Cli, asked: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _TOLD, "search", *asked],
        cwd=seeds.folder,
        env=clean_environment(seeds.folder, None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    imported = set(ran.stderr.split())
    assert "newsgrep.search.search" in imported
    assert imported & _NEVER == set()
