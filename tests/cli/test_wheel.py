"""The wheel alone, in a bare environment, is a working newsgrep."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.cli import REPOSITORY, clean_environment, write_article

pytestmark = pytest.mark.slow

DEVELOPMENT = {"pytest", "ruff", "mypy", "hypothesis", "jsonschema", "build"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A copy, so that nothing is built in the working tree.
    shutil.copytree(
        REPOSITORY / "newsgrep",
        source / "newsgrep",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    shutil.copytree(REPOSITORY / "docs" / "man", source / "docs" / "man")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, source], folder)
    (path,) = folder.glob("*.whl")
    return path


def run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(folder, {"PYTHONWARNINGS": None}),
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_contains_data_types_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "newsgrep/py.typed",
        "newsgrep/extraction/outlets.toml",
        "newsgrep/analysis/folded_words.txt",
        "newsgrep/query/variants.txt",
        "newsgrep/locale/zh_CN/LC_MESSAGES/newsgrep.mo",
        "newsgrep/locale/zh_TW/LC_MESSAGES/newsgrep.mo",
        "newsgrep/web/static/openapi.json",
        "newsgrep/web/templates/base.html",
    } <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"newsgrep"}
    modules = {
        str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "newsgrep").rglob("*.py")
    }
    assert modules <= names


def test_wheel_contains_licence_and_man_pages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    pages = {name.rpartition("/")[2] for name in names if "/share/man/man1/" in name}
    assert pages == {page.name for page in (REPOSITORY / "docs" / "man").iterdir()}


def test_wheel_alone_is_a_working_newsgrep(wheel: Path, tmp_path: Path) -> None:
    run([sys.executable, "-m", "venv", "bare"], tmp_path)
    commands = tmp_path / "bare" / "bin"
    run([commands / "pip", "install", "--quiet", "--disable-pip-version-check", wheel], tmp_path)
    listed = run([commands / "pip", "list", "--format", "freeze"], tmp_path)
    installed = {line.partition("==")[0].lower() for line in listed.splitlines()}
    assert {"newsgrep", "whoosh3", "jieba", "beautifulsoup4", "click", "rich"} <= installed
    assert installed & DEVELOPMENT == set()

    where = "import newsgrep, sys; print(newsgrep.__file__); sys.exit('pytest' in sys.modules)"
    imported = run([commands / "python", "-W", "error", "-c", where], tmp_path)
    assert Path(imported.strip()).is_relative_to(tmp_path / "bare")

    write_article(tmp_path / "n" / "a.md", "渡轮停航", "雾港大雾，渡轮停航三小时。")
    (tmp_path / "n" / "b.html").write_text(
        "<html><head><title>海带丰收</title></head><body><article><h1>海带丰收</h1>"
        "<p>鹭岛海带丰收，渡轮加开两班。</p></article></body></html>",
        "utf-8",
    )
    assert "2 files seen: 2 added" in run([commands / "newsgrep", "index", "n"], tmp_path)
    found = run([commands / "newsgrep", "search", "渡輪"], tmp_path)
    assert "渡轮停航" in found
    assert "海带丰收" in found
    assert "2 articles in" in found
