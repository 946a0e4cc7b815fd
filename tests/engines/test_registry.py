"""Engines are declared by specs and found by name, also those of other packages."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.engines import registry
from newsgrep.engines.base import RolledBack
from newsgrep.engines.memory import MemoryEngine
from newsgrep.engines.registry import (
    EngineSpec,
    LocationKind,
    engine_names,
    find_engine,
    folder_engines,
    is_on_server,
    open_engine,
    register_engine,
    server_operations,
    unregister_engine,
)
from newsgrep.errors import IndexMismatch, UsageError
from tests.support.cli import REPOSITORY, Cli, write_article
from tests.support.factories import FOLDER_ENGINES, engine_with, make_article, upsert

_MODULE = """
from newsgrep.engines.whoosh import SPEC as WHOOSH

SPEC = WHOOSH._replace(name="paper")
NO_SPEC = 7
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an installed package that declares the engines paper and broken."""
    folder = tmp_path / "site"
    metadata = folder / "newsgrep_paper-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "newsgrep_paper.py").write_text(_MODULE, "utf-8")
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: newsgrep-paper\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[newsgrep.engines]\npaper = newsgrep_paper:SPEC\nbroken = newsgrep_paper:NO_SPEC\n"
        "whoosh = newsgrep_paper:SPEC\n"
    )
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def registered() -> Iterator[EngineSpec]:
    spec = EngineSpec(
        "paper",
        LocationKind.FOLDER,
        open=lambda _folder, _create: MemoryEngine(),
        salvage=lambda _folder: iter(()),
        rollback=lambda _folder: RolledBack(1, "", dropped=2),
    )
    register_engine("paper", spec)
    yield spec
    unregister_engine("paper")


@pytest.mark.usefixtures("installed")
def test_find_engine_of_another_package(tmp_path: Path) -> None:
    spec = find_engine("paper")
    assert spec is not None
    assert (spec.name, spec.location) == ("paper", LocationKind.FOLDER)
    open_engine("paper", tmp_path / "paper", create=True).close()
    with pytest.raises(TypeError, match="not an EngineSpec"):
        find_engine("broken")


@pytest.mark.usefixtures("installed")
def test_find_engine_prefers_own_engines() -> None:
    spec = find_engine("whoosh")
    assert spec is not None
    assert spec.name == "whoosh"


@pytest.mark.usefixtures("installed")
def test_commands_use_engine_of_another_package(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    cli("index", "n", "--engine", "paper")
    assert cli.json("stats")["engine"] == "paper"
    assert (cli.index / "paper").is_dir()
    assert cli("search", "渡轮", "--paths").lines == [str(cli.folder / "n" / "a.md")]
    cli("reindex")
    assert (cli.index / "paper-2").is_dir()
    assert not (cli.index / "paper").exists()
    cli("doctor", "--deep")
    cli("copy", "--to", "other", "--engine", "paper")
    assert cli("search", "海带", "--paths", "--index", "other").out.endswith("a.md\n")


def test_register_engine(registered: EngineSpec, tmp_path: Path) -> None:
    assert find_engine("paper") is registered
    assert "paper" in folder_engines()
    assert isinstance(open_engine("paper", tmp_path), MemoryEngine)
    unregister_engine("paper")
    assert find_engine("paper") is None
    with pytest.raises(IndexMismatch, match="“paper”"):
        open_engine("paper", tmp_path)
    with pytest.raises(UsageError, match="choose one of"):
        open_engine("paper", tmp_path, create=True)


def test_engine_in_folders_declares_salvage() -> None:
    with pytest.raises(ValueError, match="`salvage`"):
        EngineSpec("paper", LocationKind.FOLDER, open=lambda _folder, _create: MemoryEngine())


def test_register_engine_replaces_own_engine(tmp_path: Path) -> None:
    register_engine("whoosh", "newsgrep.engines.memory:SPEC")
    try:
        assert isinstance(open_engine("whoosh", tmp_path), MemoryEngine)
    finally:
        unregister_engine("whoosh")
    assert find_engine("whoosh") is not find_engine("memory")


def test_engines_and_their_locations(tmp_path: Path) -> None:
    assert set(folder_engines()) == {"whoosh", "tantivy"}
    assert [name for name in engine_names() if is_on_server(name)] == ["opensearch"]
    with pytest.raises(IndexMismatch, match="can't have its data in"):
        open_engine("opensearch", tmp_path)
    with pytest.raises(IndexMismatch, match="can't have its data in"):
        server_operations("whoosh")


def test_spec_of_server_engine_needs_operations() -> None:
    with pytest.raises(ValueError, match="paper"):
        EngineSpec("paper", LocationKind.SERVER)


def test_own_engines_are_declared_as_entry_points() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"][registry.ENTRY_POINTS] == registry._OWN


def test_specs_import_no_engine() -> None:
    code = (
        "import sys\n"
        "from newsgrep.engines.registry import engine_names, find_engine\n"
        "assert all(map(find_engine, engine_names()))\n"
        "print(*sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    heavy = {"whoosh", "tantivy", "http.client", "importlib.metadata"}
    assert heavy.isdisjoint(ran.stdout.split())


@pytest.mark.parametrize("name", FOLDER_ENGINES)
def test_refresh_moves_to_the_last_commit(name: str, tmp_path: Path) -> None:
    writer = engine_with(name, tmp_path, [make_article("a", "公报", "潮汐表照常张贴。")])
    reader = open_engine(name, tmp_path / name)
    first = reader.commit()
    reader.refresh()
    assert reader.commit() == first
    writer.write([upsert(make_article("b", "公报", "潮汐表照常张贴。"))])
    assert reader.commit() == first
    assert len(reader.get(["a", "b"])) == 1
    reader.refresh()
    assert reader.commit() == writer.commit() != first
    assert len(reader.get(["a", "b"])) == 2
    dropped = reader.commit()
    writer.rollback()
    reader.refresh()
    assert reader.commit() == writer.commit() != dropped
    reader.close()
    writer.close()
