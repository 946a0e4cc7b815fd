"""Formats of other packages: found by their entry points, indexed, and refused if broken."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.errors import UsageError
from newsgrep.extraction.records import registry
from newsgrep.extraction.records.base import declared_formats
from newsgrep.extraction.records.names import may_be_readable
from tests.support.cli import REPOSITORY, Cli

_MODULE = """
from newsgrep.extraction.records.base import Record, RecordFormat

def read(source, options):
    with source.open_stream() as stream:
        parts = stream.read().split(b"%%")
    for number, part in enumerate(parts[1:], 1):
        yield Record(f"#{number}", part, "text")

FORMAT = RecordFormat("paper", read, lambda head: head.startswith(b"PAPER"), suffixes=(".paper",))
NO_FORMAT = 7
"""
_TEXT = "PAPER%%港务局公告\n\n渡轮的班次会随之增加。%%鱼市开市\n\n海带今天上市，价格不变。"


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the entry-point file of an installed package that declares the format paper."""
    metadata = tmp_path / "site" / "newsgrep_paper-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "newsgrep_paper_format.py").write_text(_MODULE, "utf-8")
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: newsgrep-paper\nVersion: 1.0\n"
    )
    declared = metadata / "entry_points.txt"
    declared.write_text("[newsgrep.formats]\npaper = newsgrep_paper_format:FORMAT\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    declared_formats.cache_clear()
    yield declared
    declared_formats.cache_clear()


@pytest.mark.usefixtures("declare")
def test_declared_format_is_indexed(cli: Cli) -> None:
    folder = cli.folder / "n"
    folder.mkdir()
    (folder / "a.PAPER").write_text(_TEXT, "utf-8")
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.writestr("in.paper", _TEXT.replace("渡轮", "班轮"))
    cli("index", "n")
    assert cli("search", "渡轮", "--paths").lines == [f"{folder}/a.PAPER#1"]
    assert cli("search", "班轮", "--paths").lines == [f"{folder}/b.zip!/in.paper#1"]


@pytest.mark.usefixtures("declare")
def test_declared_format_does_not_take_own_suffixes() -> None:
    assert registry.find_format("a.paper", b"PAPER%%") is not None
    assert registry.find_format("a.md", b"PAPER%%") is None
    assert registry.find_format("a.paper", b"other") is None
    assert not may_be_readable("a.papers")


@pytest.mark.parametrize("value", ["newsgrep_paper_format:NO_FORMAT", "newsgrep_missing:FORMAT"])
def test_broken_declared_format_is_an_error(declare: Path, value: str) -> None:
    declare.write_text(f"[newsgrep.formats]\npaper = {value}\n")
    with pytest.raises(UsageError, match=r"format paper .* Update or uninstall"):
        may_be_readable("a.paper")


def test_own_formats_are_declared() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    declared = project["entry-points"]["newsgrep.formats"]
    own = {**registry._CERTAIN, **registry._BY_NAME}
    assert declared == {
        name: f"newsgrep.extraction.records.{module}:FORMAT" for name, module in own.items()
    }
