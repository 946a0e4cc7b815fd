"""The man pages and the picture of the README are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import build_man
from tests.support.cli import REPOSITORY

MAN_PAGES = REPOSITORY / "docs" / "man"
TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


def test_man_pages_equal_the_help_texts(tmp_path: Path) -> None:
    build_man.build(tmp_path)
    generated = {page.name: page.read_text("utf-8") for page in tmp_path.iterdir()}
    checked_in = {page.name: page.read_text("utf-8") for page in MAN_PAGES.iterdir()}
    assert generated == checked_in, "run: make man"


def test_picture_shows_what_newsgrep_prints() -> None:
    pytest.importorskip("termios", reason="the picture is taken of a POSIX terminal")
    from docs import build_screenshot

    def lines(picture: str) -> list[str]:
        return TEXT.findall(picture)

    assert lines(build_screenshot.build()) == lines(build_screenshot.PICTURE.read_text("utf-8")), (
        "run: make screenshot"
    )
