"""The artifacts are reproducible and complete, and the wheel alone is a working newsgrep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from release.first_steps import LIMIT
from tests.support.cli import REPOSITORY, clean_environment

pytestmark = pytest.mark.slow

DEVELOPMENT = {"pytest", "ruff", "mypy", "hypothesis", "jsonschema", "build"}


class Artifacts(NamedTuple):
    """What ``make release`` builds."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Build the sdist of the working tree, and the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("artifacts")
    return build(REPOSITORY, folder)


@pytest.fixture(scope="module")
def wheel(artifacts: Artifacts) -> Path:
    return artifacts.wheel


def build(
    source: Path, folder: Path, *kinds: str, env: Mapping[str, str | None] | None = None
) -> Artifacts:
    """Build the artifacts of ``source`` with the pinned backend; nothing is written to it."""
    tool = [sys.executable, "-m", "build", "--no-isolation"]
    run(
        [*tool, *kinds, "--outdir", folder, source],
        folder,
        {"SOURCE_DATE_EPOCH": "1795000000", **(env or {})},
    )
    return Artifacts(*folder.glob("*.tar.gz"), *folder.glob("*.whl"))


def run(
    command: list[str | Path], folder: Path, env: Mapping[str, str | None] | None = None
) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(folder, {"PYTHONWARNINGS": None, **(env or {})}),
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_artifacts_are_equal_bit_by_bit(artifacts: Artifacts, tmp_path: Path) -> None:
    with tarfile.open(artifacts.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for path in source.rglob("*"):  # another user's clone, of another day
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    other = {"TZ": "Pacific/Kiritimati", "LANG": "C", "PYTHONHASHSEED": "7"}
    again = build(source, tmp_path, "--sdist", "--wheel", env=other)
    assert again.sdist.read_bytes() == artifacts.sdist.read_bytes()
    assert again.wheel.read_bytes() == artifacts.wheel.read_bytes()


def test_artifacts_have_the_time_of_the_commit(artifacts: Artifacts) -> None:
    with tarfile.open(artifacts.sdist) as archive:
        members = archive.getmembers()
    assert {member.mtime for member in members} == {1_795_000_000}
    assert {(member.uname, member.gname, member.uid) for member in members} == {("", "", 0)}
    times = {info.date_time for info in zipfile.ZipFile(artifacts.wheel).infolist()}
    assert times == {(2026, 11, 18, 11, 6, 40)}


def test_sdist_contains_what_make_test_needs(artifacts: Artifacts) -> None:
    with tarfile.open(artifacts.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, encoding="utf-8"
    )
    if listed.returncode:
        pytest.skip("not a clone")
    tracked = {name for name in listed.stdout.split("\0") if (REPOSITORY / name).is_file()}
    outside = {name for name in tracked - names if not name.startswith(".github/")}
    assert outside == set()
    ignored = {".venv", "__pycache__", "build", "dist"}
    assert not any(ignored & set(name.split("/")) for name in names)


def test_wheel_contains_data_types_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "newsgrep/py.typed",
        "newsgrep/extraction/outlets.toml",
        "newsgrep/analysis/folded_words.txt",
        "newsgrep/analysis/jieba-dict.txt",
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


def test_wheel_contains_completions(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shared = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    assert {name for name in shared if "/man/" not in name} == {
        "share/bash-completion/completions/newsgrep",
        "share/fish/vendor_completions.d/newsgrep.fish",
        "share/zsh/site-functions/_newsgrep",
    }


def test_wheel_contains_licence_and_man_pages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("LICENSE", "licenses/jieba.txt"):
        assert any(each.endswith(f".dist-info/licenses/{name}") for each in names)
    pages = {name.rpartition("/")[2] for name in names if "/share/man/man1/" in name}
    assert pages == {page.name for page in (REPOSITORY / "docs" / "man").iterdir()}


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheels of what newsgrep and its extras need."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    pinned = ["--require-hashes", "--requirement", str(REPOSITORY / "requirements-run.txt")]
    run([*pip, "wheel", "--quiet", *pinned, "--wheel-dir", folder], folder)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="the bare machine has shell scripts")
def test_first_steps_on_a_bare_machine(wheel: Path, wheelhouse: Path) -> None:
    script = [sys.executable, "-m", "release.first_steps", "--installer", "uv", "--json"]
    printed = run([*script, "--wheelhouse", wheelhouse, wheel], REPOSITORY)
    seconds = json.loads(printed)
    assert seconds.pop("network") in {"absent", "unused"}
    assert list(seconds) == ["install", "index", "search", "serve"]
    assert sum(seconds.values()) < LIMIT


def test_wheel_alone_imports_no_tool_of_development(
    wheel: Path, wheelhouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    uv = Path(sys.executable).with_name("uv")
    run([uv, "venv", "--quiet", "--python", sys.executable, folder], wheelhouse)
    offline = ["--offline", "--no-index", f"--find-links={wheelhouse}"]
    run([uv, "pip", "install", "--quiet", f"--python={folder}", *offline, wheel], wheelhouse)
    listed = run([uv, "pip", "list", f"--python={folder}", "--format=json"], wheelhouse)
    installed = {package["name"].lower() for package in json.loads(listed)}
    assert {"newsgrep", "whoosh3", "beautifulsoup4", "click", "rich"} <= installed
    assert installed & {"jieba", "zstandard"} == set()
    assert installed & DEVELOPMENT == set()
    where = "import newsgrep, sys; print(newsgrep.__file__); sys.exit('pytest' in sys.modules)"
    imported = run([folder / "bin" / "python", "-W", "error", "-c", where], wheelhouse)
    assert Path(imported.strip()).is_relative_to(folder)
