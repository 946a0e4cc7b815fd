"""What newsgrep imports and installs: known packages, permissive licences, 50 MB, fallbacks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import Distribution, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.cli import REPOSITORY, Cli, clean_environment

REQUIRED = {
    "backports": "backports-zstd",
    "bs4": "beautifulsoup4",
    "click": "click",
    "filelock": "filelock",
    "lxml": "lxml",
    "markdown_it": "markdown-it-py",
    "platformdirs": "platformdirs",
    "rich": "rich",
    "rjieba": "rjieba",
    "soupsieve": "soupsieve",
    "whoosh": "whoosh3",
    "yaml": "pyyaml",
}
"""Packages that every installation has, by the module that is imported."""

OPTIONAL = {
    "brotli": "warc",
    "feedparser": "feeds",
    "jieba": "jieba",
    "jinja2": "web",
    "markupsafe": "web",
    "mcp": "mcp",
    "mcp_types": "mcp",
    "pandas": "pandas",
    "pyarrow": "arrow",
    "pydantic": "mcp",
    "pypdfium2": "pdf",
    "re2": "fast",
    "starlette": "web",
    "tantivy": "tantivy",
    "typing_extensions": "mcp",
    "uvicorn": "web",
    "watchfiles": "watch",
    "zstandard": "fast",
}
"""Extras that have the others."""

LICENCES = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"),
    *("MIT", "MIT-0", "PSF-2.0", "Zlib"),
}
"""Permissive licences; a package with another one needs a decision."""

_OLDER_NAMES = {
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
_IN_PARTS = {"pypdfium2": "Apache-2.0 OR BSD-3-Clause"}
"""Licences that the metadata describes in a sentence."""

MAX_BYTES = 50_000_000
"""Of the files of newsgrep and everything that it requires, without compiled Python."""


@cache
def _project() -> dict[str, list[str] | dict[str, list[str]]]:
    project: dict[str, list[str] | dict[str, list[str]]] = tomllib.loads(
        (REPOSITORY / "pyproject.toml").read_text("utf-8")
    )["project"]
    return project


def _required() -> list[str]:
    found = _project()["dependencies"]
    assert isinstance(found, list)
    return found


def _extras() -> dict[str, list[str]]:
    found = _project()["optional-dependencies"]
    assert isinstance(found, dict)
    return found


def _installed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Return the packages that ``requirements`` install here, and those that these require."""
    found: dict[str, Distribution] = {}
    pending = list(map(Requirement, requirements))
    while pending:
        wanted = pending.pop()
        environments = [{"extra": extra} for extra in (*wanted.extras, "")]
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not any(map(wanted.marker.evaluate, environments))):
            continue
        found[name] = distribution(name)
        for other in map(Requirement, found[name].requires or ()):
            if other.marker is None or any(map(other.marker.evaluate, environments)):
                other.marker = None
                pending.append(other)
    return found


def _foreign_imports() -> set[str]:
    # The last two are for type checkers, and part of Python 3.14.
    known = {*sys.stdlib_module_names, "newsgrep", "_typeshed", "compression"}
    names: set[str] = set()
    for path in (REPOSITORY / "newsgrep").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(imported):
                    names.update(alias.name for alias in imported)
                case ast.ImportFrom(str(module), _, 0):
                    names.add(module)
    return {name.partition(".")[0] for name in names} - known


def test_imports_are_declared_dependencies() -> None:
    assert _foreign_imports() <= REQUIRED.keys() | OPTIONAL.keys()
    required = {canonicalize_name(Requirement(each).name) for each in _required()}
    # jieba: where rjieba has no wheel; tzdata: where the system has no time zones.
    assert required == set(REQUIRED.values()) | {"jieba", "tzdata"}
    assert set(OPTIONAL.values()) | {"opensearch"} == _extras().keys()


def test_newest_overrides_only_upper_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("PATH", "")  # the module changes it
    noxfile = import_module("noxfile")
    free = set(noxfile.unbounded(_required()))
    assert {"click", "soupsieve", "backports.zstd ; python_version < '3.14'"} <= free
    assert {Requirement(each).name for each in free} & {
        "tzdata",
        "lxml",
        "whoosh3",
        "jieba",
    } == set()
    assert all(not Requirement(each).specifier for each in free)


def _field(package: Distribution, name: str) -> str:
    return str((package.metadata.get_all(name) or [""])[0])


def _licences(name: str, package: Distribution) -> set[str]:
    stated = _IN_PARTS.get(name) or _field(package, "License-Expression")
    if not stated:
        classified = [
            value.rpartition(" :: ")[2]
            for value in package.metadata.get_all("Classifier") or ()
            if value.startswith("License :: ")
        ]
        stated = (classified or [_field(package, "License") or "not stated"])[0]
    parts = re.split(r" AND | OR |[()]", _OLDER_NAMES.get(stated, stated))
    return {part.strip() for part in parts if part.strip()}


def test_licences_are_permissive() -> None:
    packages = _installed([*_required(), *(one for each in _extras().values() for one in each)])
    assert len(packages) > 40
    wrong = {
        name: licences
        for name, package in packages.items()
        if (licences := _licences(name, package)) - LICENCES
    }
    assert wrong == {}


def _sizes(package: Distribution) -> Iterator[int]:
    for file in package.files or ():
        path = package.locate_file(file)
        if file.suffix != ".pyc" and (found := REPOSITORY / str(path)).is_file():
            yield found.stat().st_size


@pytest.mark.skipif(sys.platform != "linux", reason="wheels of other systems have other sizes")
def test_installation_takes_at_most_50_mb() -> None:
    sizes = {name: sum(_sizes(package)) for name, package in _installed(_required()).items()}
    sizes["newsgrep"] = sum(
        path.stat().st_size
        for path in (REPOSITORY / "newsgrep").rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".po"}
    )
    assert "jieba" not in sizes
    assert min(sizes.values()) > 10_000, sizes
    assert 20_000_000 < sum(sizes.values()) <= MAX_BYTES, sizes


_WITHOUT = """
import sys
for name in ("zstandard", "re2", "rjieba", "jieba"):
    sys.modules[name] = None
from newsgrep.cli import main
main()
"""


def without_optional(cli: Cli, *arguments: str) -> str:
    """Run a command in a process where no optional package can be imported; return its output."""
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *arguments],
        cwd=cli.folder,
        env=clean_environment(cli.folder, None),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


_ARTICLES = REPOSITORY / "seeds"


@pytest.mark.slow
def test_answers_are_the_same_without_optional_packages(cli: Cli) -> None:
    assert cli("index", "--index", "with", _ARTICLES).status == 0
    without_optional(cli, "index", "--index", "without", "--jobs", "1", str(_ARTICLES))
    for query in (["联合声明"], ['"联合声明" OR 渡轮'], ["~harbor"], ["-E", "[0-9]+年", "--scan"]):
        answers = []
        for index in ("with", "without"):
            arguments = ["search", "--index", index, "--json", *query]
            answers += [cli.json(*arguments), json.loads(without_optional(cli, *arguments))]
        assert answers[0]["total"] > 0, query
        assert all(answer["hits"] == answers[0]["hits"] for answer in answers), query
