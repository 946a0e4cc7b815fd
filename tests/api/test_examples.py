"""The examples of the API are true, and what it exports is documented."""

from __future__ import annotations

import doctest
import inspect
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import newsgrep
from tests.support.cli import REPOSITORY, Cli


@pytest.mark.parametrize("name", ["archive", "building", "counting", "opened"])
def test_docstring_examples_are_true(
    name: str, seeds: Cli, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(seeds.folder / "seeds", folder / "seeds")
    monkeypatch.chdir(folder)
    newsgrep.index(["seeds"], "index")
    with newsgrep.open("index") as archive:
        module = import_module(f"newsgrep.api.{name}")
        result = doctest.testmod(module, extraglobs={"archive": archive})
    assert result.attempted
    assert not result.failed


def test_examples_of_the_documentation_are_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    shutil.copytree(REPOSITORY / "seeds", tmp_path / "seeds")
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(REPOSITORY / "docs" / "PYTHON.md"), module_relative=False)
    assert result.attempted > 30
    assert not result.failed


def test_docstrings_become_markdown() -> None:
    pytest.importorskip("griffe")
    from docs.docstrings import to_markdown

    text = "See :meth:`Archive.search`, ``None``::\n\n    open()\n\nEnd.\n\n>>> 1 + 1\n2\n\nMore."
    assert to_markdown(text) == (
        "See `Archive.search`, `None`:\n\n```python\nopen()\n```\nEnd.\n\n"
        "```pycon\n>>> 1 + 1\n2\n```\n\nMore."
    )


def test_all_names_exist_and_have_docstrings() -> None:
    assert newsgrep.__all__ == sorted(set(newsgrep.__all__))
    for name in newsgrep.__all__:
        assert inspect.getdoc(getattr(newsgrep, name)), name
    public = [name for name in vars(newsgrep.Archive) if not name.startswith("_")]
    assert all(inspect.getdoc(getattr(newsgrep.Archive, name)) for name in public)


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, newsgrep; print(*[m for m in sys.modules if m.startswith('newsgrep.')])"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="serach"):
        newsgrep.serach  # noqa: B018
