"""What a release says about itself agrees, and its checks find what they are for."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hatch_build import Readme, absolute_links
from newsgrep import __version__
from newsgrep.indexing.manifest import INDEX_FORMAT, REBUILDABLE_FORMATS
from release.first_steps import BareMachine, StepFailed, check_quiet, first_steps
from release.report import Check, Report, pythons_at, pythons_check, write_report
from tests.support.cli import REPOSITORY

PYTHON: dict[str, Any] = {
    "version": "3.14.3",
    "implementation": "cpython",
    "free_threaded": False,
    "wheel_smoke": "passed",
    "tests": {"passed": 1234, "failed": 0, "skipped": 5},
    "types": "passed",
    "seconds": 100,
    "note": "",
}


shells = pytest.mark.skipif(os.name == "nt", reason="the bare machine has shell scripts")


def page(name: str) -> str:
    return (REPOSITORY / name).read_text("utf-8")


# Versions


def test_version_is_in_one_place() -> None:
    project = tomllib.loads(page("pyproject.toml"))
    assert project["project"]["dynamic"] == ["readme", "version"]
    assert project["tool"]["hatch"]["version"] == {"path": "newsgrep/__init__.py"}


def test_changelog_and_citation_have_version_and_date() -> None:
    newest = re.search(r"^## \[([\d.]+)\] – (\d{4}-\d\d-\d\d)$", page("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == __version__
    citation = page("CITATION.cff")
    assert f"\nversion: {__version__}\ndate-released: {newest[2]}\n" in citation


def test_security_page_names_the_fixed_version() -> None:
    minor = __version__.rpartition(".")[0]
    assert f"`{minor}.x`" in page("SECURITY.md")


def test_upgrade_policy_names_the_formats() -> None:
    text = page("docs/RELEASE.md")
    row = f"| {__version__} | {INDEX_FORMAT} | {min(REBUILDABLE_FORMATS)} to {INDEX_FORMAT} |"
    assert row in text


@pytest.mark.parametrize("engine", ["", "-tantivy"])
def test_released_format_has_an_index_for_later(engine: str) -> None:
    folder = REPOSITORY / "tests" / "fixtures" / f"index-format-{INDEX_FORMAT}{engine}"
    assert json.loads((folder / "newsgrep.json").read_bytes())["format"] == INDEX_FORMAT


def test_container_copies_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", page("Containerfile"), re.MULTILINE)
    assert copied == ["requirements-run.txt", "${WHEEL}"]
    kept = [line for line in page(".dockerignore").splitlines() if line.startswith("!")]
    assert kept == ["!requirements-run.txt", "!dist/*.whl"]


# The long description


def long_description(source: str | None) -> str:
    metadata: dict[str, Any] = {"version": "0.1.0", "urls": {"Source": source} if source else {}}
    Readme(str(REPOSITORY), {}).update(metadata)
    assert metadata["readme"]["content-type"] == "text/markdown"
    return str(metadata["readme"]["text"])


def test_long_description_is_the_readme_without_an_address() -> None:
    assert long_description(None) == page("README.md")


def test_long_description_has_absolute_links_with_an_address() -> None:
    text = long_description("https://example.org/news/")
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert len(links) == len(re.findall(r"\]\(", page("README.md"))) > 20
    assert all(link.startswith("https://") for link in links)
    assert "](https://example.org/news/blob/v0.1.0/docs/QUERY.md)" in text
    assert "](https://example.org/news/raw/v0.1.0/docs/terminal.svg)" in text


def test_readme_links_to_files_that_are_there() -> None:
    prefix = "https://example.org/news/"
    for link in re.findall(rf"\({prefix}\w+/v0.1.0/([^)#]*)", long_description(prefix)):
        assert (REPOSITORY / link).is_file(), link


def test_links_elsewhere_stay_as_they_are() -> None:
    text = "[a](https://example.net/) [b](#part) [c](mailto:someone) `[d]` [e](docs/E.md#f)"
    absolute = absolute_links(text, "https://example.org/news", "1.0")
    assert absolute == text.replace("(docs", "(https://example.org/news/blob/v1.0/docs")


# First steps


@pytest.mark.parametrize(
    "line", ["WARNING: old", "DeprecationWarning: x", "error: no", "Traceback"]
)
def test_first_steps_fail_on_a_warning(line: str) -> None:
    with pytest.raises(StepFailed, match="printed"):
        check_quiet("newsgrep index", f"10 files\n{line}\n")


@shells
def test_first_steps_fail_on_a_failed_command(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, "pip")
    with pytest.raises(StepFailed, match="ended with 3"):
        machine.run("python3", "-c", "raise SystemExit(3)")


def test_first_steps_need_nothing_to_be_built(tmp_path: Path) -> None:
    (tmp_path / "jieba-0.42.1.tar.gz").touch()
    with pytest.raises(StepFailed, match="would have to be built"):
        first_steps(tmp_path / "newsgrep.whl", tmp_path, "pip")


@shells
def test_bare_machine_has_no_compiler(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path, "pip")
    look = (
        "import shutil; print([shutil.which(name) for name in ('cc', 'gcc', 'make', 'newsgrep')])"
    )
    assert machine.run("python3", "-c", look) == "[None, None, None, None]\n"


# Report


def test_report_has_checks_pythons_and_sums(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"a")
    checks = [Check("build", "passed", "one | two", 1.25), Check("container", "not run", "", 0)]
    report = Report("0.1.0", "abc", "2026-11-28T00:00:00+00:00", checks, [PYTHON])
    write_report(tmp_path, report)
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert (tmp_path / "SHA256SUMS").read_text("utf-8") == f"{digest}  a.whl\n"
    text = (tmp_path / "REPORT.md").read_text("utf-8")
    assert r"| build | passed | one \| two | 1.2 |" in text
    assert "| 3.14.3 | passed | 1,234 passed, 0 failed, 5 skipped | passed |  |" in text
    assert f"| `a.whl` | 1 | `{digest}` |" in text
    stored = json.loads((tmp_path / "report.json").read_bytes())
    assert [check["name"] for check in stored["checks"]] == ["build", "container"]
    assert stored["pythons"] == [PYTHON]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "passed"),
        ({"wheel_smoke": "failed"}, "failed"),
        ({"types": "failed"}, "failed"),
        ({"tests": {"passed": 1, "failed": 1, "skipped": 0}}, "failed"),
        ({"tests": None}, "passed"),
        ({"wheel_smoke": "not run", "tests": None}, "not run"),
    ],
)
def test_report_fails_with_any_python(changes: dict[str, Any], outcome: str) -> None:
    assert pythons_check([{**PYTHON, **changes}], 0).outcome == outcome


def test_results_of_another_commit_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "pythons.json"
    assert pythons_at(path, "abc") == []
    path.write_text(json.dumps({"commit": "abc", "date": "", "pythons": [PYTHON]}), "utf-8")
    assert pythons_at(path, "abc") == [PYTHON]
    assert pythons_at(path, "def") == []
