"""A cold search imports only what it uses, and few modules of newsgrep."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cli import Cli, clean_environment

_NEVER = {
    "asyncio",
    "bs4",
    "concurrent",
    "csv",
    "dataclasses",
    "difflib",
    "email",
    "hashlib",
    "importlib.metadata",
    "importlib.resources",
    "jieba",
    "logging",
    "lxml",
    "markdown_it",
    "multiprocessing",
    "newsgrep.search.diagnose",
    "newsgrep.engines.commit_writer",
    "newsgrep.extraction",
    "opencc",
    "pickle",
    "platformdirs",
    "rich",
    "rjieba",
    "shutil",
    "tempfile",
    "tomllib",
    "whoosh",
    "yaml",
    "zoneinfo",
}


_MAX_MODULES = 46
"""Modules of newsgrep that a plain search may load: each costs about half a millisecond."""

_PRINT_MODULES = """
import os, sys
from newsgrep.cli import main

def print_modules(status):
    print(*sys.modules, file=sys.stderr, flush=True)
    exit_at_once(status)

exit_at_once, os._exit = os._exit, print_modules
main()
"""


def imported_by(cli: Cli, *arguments: str) -> set[str]:
    """Run a command in a new process, and return the names of the modules that it imported."""
    ran = subprocess.run(
        [sys.executable, "-c", _PRINT_MODULES, *arguments],
        cwd=cli.folder,
        env=clean_environment(cli.folder, None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "联合声明"),
        ("--json", '"渔业联合声明" OR 声明 -台风x'),
        ("--color=always", "联合声明"),
        ("--paths", "title:声明 since:2020"),
    ],
)
def test_search_imports_only_what_it_uses(seeds: Cli, arguments: tuple[str, ...]) -> None:
    imported = imported_by(seeds, "search", *arguments)
    assert "newsgrep.search.search" in imported
    assert imported & _NEVER == set()


def test_search_loads_few_modules(seeds: Cli) -> None:
    imported = imported_by(seeds, "search", "联合声明")
    ours = {name for name in imported if name.split(".")[0] == "newsgrep"}
    assert len(ours) <= _MAX_MODULES, sorted(ours)
