"""An index records its engine; a missing engine names the extra that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgrep.indexing.manifest import fingerprint
from tests.support.cli import Argument, Cli, CommandResult, Environment, write_article
from tests.support.manifests import change_manifest

_START = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "tantivy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Missing())
"""


class BareCli(Cli):
    """The newsgrep command where no extra is installed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._start = folder / "start"
        self._start.mkdir()
        (self._start / "sitecustomize.py").write_text(_START, "utf-8")

    def run(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        env = {"PYTHONPATH": str(self._start), **(env or {})}
        return super().run(*args, stdin=stdin, env=env)


@pytest.fixture
def bare(tmp_path: Path) -> BareCli:
    cli = BareCli(tmp_path)
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    return cli


def test_missing_engine_names_its_extra(bare: BareCli) -> None:
    advice = 'newsgrep: The engine “tantivy” is not installed: pip install "newsgrep[tantivy]".\n'
    assert bare("index", "n", "--engine", "tantivy", status=2).err == advice
    assert not (bare.index / "newsgrep.json").exists()
    assert bare("index", "n").out.startswith("1 file seen: 1 added")
    assert bare("copy", "--to", "big", "--engine", "tantivy", status=2).err == advice
    assert not (bare.folder / "big" / "newsgrep.json").exists()


def test_index_with_missing_engine_names_its_extra(bare: BareCli) -> None:
    bare("index", "n")
    change_manifest(bare.index, engine="tantivy", data="tantivy", analyser=fingerprint("tantivy"))
    for command in (
        ("search", "渡轮"),
        ("index", "n"),
        ("stats",),
        ("doctor",),
        ("doctor", "--fix"),
        ("doctor", "--rollback", "--yes"),
        ("reindex",),
        ("copy", "--to", "other"),
    ):
        assert 'pip install "newsgrep[tantivy]"' in bare(*command, status=2).err


def test_server_index_needs_no_extra(bare: BareCli) -> None:
    url = "opensearch://localhost:1/news"
    bare("index", "n")
    for command in (
        ("search", "渡轮", "--index", url),
        ("index", "n", "--index", url),
        ("copy", "--to", url),
        ("copy", "--index", url, "--to", "other"),
    ):
        assert "can't be reached (Connection refused)" in bare(*command, status=2).err
    assert not (bare.folder / "other").exists()


def test_invalid_address_is_reported_first(bare: BareCli) -> None:
    ran = bare("search", "渡轮", "--index", "opensearch://localhost/News", status=2)
    assert "lower case" in ran.err


def test_existing_index_determines_the_engine(cli: Cli) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常，海带上市。")
    cli("index", "n", "--engine", "whoosh")
    assert cli.json("stats")["engine"] == "whoosh"
    assert cli("index", "n", "--engine", "whoosh").out.startswith("1 file seen: 1 unchanged")
    write_article(cli.folder / "n" / "b.md", "乙岛休渔", "渡轮停航。")
    ran = cli("index", "n", "--engine", "tantivy", status=2)
    assert "newsgrep copy --index index --to INDEX --engine tantivy" in ran.err
    assert "has the engine “whoosh”" in ran.err
    assert cli.json("stats")["articles"] == 1
    assert cli("index", "n").out.startswith("2 files seen: 1 added, 1 unchanged")


@pytest.mark.parametrize("name", ["memory", "opensearch", "lucene"])
def test_engine_option_offers_folder_engines_only(cli: Cli, name: str) -> None:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    ran = cli("index", "n", "--engine", name, status=2)
    assert "whoosh" in ran.err
    assert not cli.index.exists()
