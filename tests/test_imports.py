"""The import rules: a package imports only packages before it, nothing imports in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.conftest import pytest_plugins
from tests.support.cli import REPOSITORY

ORDER = (
    {"newsgrep"},  # only the version
    {"messages"},
    {"errors"},
    {"models"},
    {"_io"},
    {"terminal"},  # terminal: also the display width of snippets
    {"analysis"},
    {"query"},
    {"extraction", "engines"},
    {"indexing"},
    {"search"},
    {"views"},
    {"api"},
    {"web", "mcp"},
    {"cli"},
    {"__main__"},
)
"""The packages and modules of newsgrep: each may import only those before it."""

RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(top: str) -> Mapping[str, Path]:
    """Return all modules below a folder of the repository, by their names."""
    return {module_name(path): path for path in sorted((REPOSITORY / top).rglob("*.py"))}


@cache
def imports(path: Path, *, for_types: bool = True) -> frozenset[str]:
    """Return the names of all modules that a file imports, at its top or in a function.

    ``from package import name`` counts as the module ``package.name`` if there is one.
    ``for_types`` says whether to include imports that only type checkers see.
    """
    package = module_name(path) if path.name == "__init__.py" else module_name(path.parent)
    known = modules(path.relative_to(REPOSITORY).parts[0])
    tree = ast.parse(path.read_text("utf-8"))
    if not for_types:
        tree.body = [node for node in tree.body if not _is_for_types(node)]
    return frozenset(_imports(tree, package, known))


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _imports(tree: ast.AST, package: str, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *base.split(".")]).strip(
                    "."
                )
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if name in known else base


def part_of(module: str) -> str:
    """Return which package or module of :data:`ORDER` a module of newsgrep belongs to."""
    return module.split(".")[1] if "." in module else module


def test_every_package_has_a_rank() -> None:
    assert {part_of(name) for name in modules("newsgrep")} == RANKS.keys()


def test_packages_import_only_those_before_them() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules("newsgrep").items()
        if name != "newsgrep"  # names the API for type checkers
        for imported in imports(path)
        if imported.partition(".")[0] == "newsgrep"
        and part_of(imported) != part_of(name)
        and RANKS[part_of(imported)] >= RANKS[part_of(name)]
    ]
    assert wrong == []


def test_engines_do_not_import_each_other() -> None:
    engines = {"whoosh", "tantivy", "opensearch", "memory"}
    wrong = []
    for name, path in modules("newsgrep").items():
        if not name.startswith("newsgrep.engines"):
            continue
        own = set(name.split(".")[2:3])
        for imported in imports(path):
            parts = imported.split(".")
            if parts[:2] == ["newsgrep", "engines"] and (set(parts[2:3]) & engines) - own:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_only_the_whoosh_engine_imports_whoosh() -> None:
    importers = {
        name
        for name, path in modules("newsgrep").items()
        if any(imported.partition(".")[0] == "whoosh" for imported in imports(path))
    }
    assert importers
    assert {name for name in importers if not name.startswith("newsgrep.engines.whoosh.")} == set()


def test_no_module_imports_in_a_circle() -> None:
    for top in ("newsgrep", "bench", "fuzz"):
        known = modules(top)
        graph = {
            name: imports(path, for_types=False) & known.keys() - {name}
            for name, path in known.items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_no_test_module_imports_another() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules("tests").items()
        for imported in imports(path)
        if imported.rpartition(".")[2].startswith("test_") and imported.startswith("tests.")
    ]
    assert wrong == []


def test_fixtures_can_be_imported_on_any_system() -> None:
    posix_only = {"fcntl", "grp", "pty", "pwd", "resource", "termios"}
    known = modules("tests")
    pending, seen = [*pytest_plugins], set()
    while pending:
        if (name := pending.pop()) in known and name not in seen:
            seen.add(name)
            at_top = ast.Module(
                [n for n in ast.parse(known[name].read_text("utf-8")).body if _is_import(n)], []
            )
            imported = set(_imports(at_top, name.rpartition(".")[0], known))
            assert imported & posix_only == set(), name
            pending += imported
    assert len(seen) > 10


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_only_tests_import_tests() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules("newsgrep").items()
        for imported in imports(path)
        if imported.partition(".")[0] in {"tests", "bench", "fuzz"}
    ]
    assert wrong == []
