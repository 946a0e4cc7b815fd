"""The man pages and the picture of the README are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import build_man, build_openapi, build_trust
from tests.support.cli import REPOSITORY

MAN_PAGES = REPOSITORY / "docs" / "man"
COMPLETIONS = REPOSITORY / "docs" / "completions"
TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


def test_man_pages_equal_the_help_texts(tmp_path: Path) -> None:
    build_man.build(tmp_path)
    generated = {page.name: page.read_text("utf-8") for page in tmp_path.iterdir()}
    checked_in = {page.name: page.read_text("utf-8") for page in MAN_PAGES.iterdir()}
    assert generated == checked_in, "run: make man"


def test_completions_are_those_of_the_command(tmp_path: Path) -> None:
    build_man.build_completions(tmp_path)
    generated = {script.name: script.read_text("utf-8") for script in tmp_path.iterdir()}
    checked_in = {script.name: script.read_text("utf-8") for script in COMPLETIONS.iterdir()}
    assert generated == checked_in, "run: make man"


def test_openapi_description_is_that_of_the_code() -> None:
    description = build_openapi.DESCRIPTION.read_text("utf-8")
    assert build_openapi.build() == description, "run: make man"


def test_picture_shows_what_newsgrep_prints() -> None:
    pytest.importorskip("termios", reason="the picture is taken of a POSIX terminal")
    from docs import build_screenshot

    def lines(picture: str) -> list[str]:
        return TEXT.findall(picture)

    assert lines(build_screenshot.build()) == lines(build_screenshot.PICTURE.read_text("utf-8")), (
        "run: make screenshot"
    )


def test_figures_are_written_between_their_marks() -> None:
    counts = {"trials": 1200, "failures": 0}
    name = "test_fault_leaves_old_or_new_index"
    recorded = {
        "tests": {
            f"{name}[whoosh-copy]": {"date": "2026-11-20", "share": 1, "counts": counts},
            f"{name}[whoosh-reindex]": {"date": "2026-11-21", "share": 0.1, "counts": counts},
            f"{name}[tantivy-doctor --rollback]": {
                "date": "2026-11-21",
                "share": 0.1,
                "counts": counts,
            },
        },
        "versions": {"newsgrep": "1"},
    }
    page = build_trust.PAGE.read_text("utf-8")
    new = build_trust.build(page, recorded)
    copied, rolled_back = (row for row in build_trust.BY_ENGINE if row.test == name)
    assert f"| {copied.label} | 2,400 trials, 0 failures | not run |" in new
    assert f"| {rolled_back.label} | not run | 1,200 trials, 0 failures |" in new
    assert "Last run: 2026-11-20 to 2026-11-21; newsgrep 1." in new
    assert "some with 10% of their number" in new
    assert build_trust.build(new, recorded) == new


def test_every_row_of_the_figures_has_a_test() -> None:
    sources = "".join(path.read_text("utf-8") for path in (REPOSITORY / "tests").rglob("test_*.py"))
    for row in (*build_trust.BY_ENGINE, *build_trust.OTHERS):
        assert f"def {row.test}(" in sources
