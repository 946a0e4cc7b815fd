"""The examples in README and docs print what newsgrep prints."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.cli import REPOSITORY, Cli

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
VARYING = re.compile(r"\d+ ms|\d+\.\d s|[a-z2-7]{6}(?=  seeds/)")
"""How long it took, and ids: those of articles without an address depend on the folder."""


class Example(NamedTuple):
    """A command of a page and the lines under it; ``…`` stands for lines that are left out."""

    command: str
    printed: tuple[str, ...]


def examples(page: Path) -> list[Example]:
    found = []
    fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for block in (text for language, text in fences if not language):
        for part in re.split(r"^\$ (?=newsgrep )", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append(Example(command, tuple(printed.rstrip("\n").splitlines())))
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda p: p.name)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "seeds", tmp_path / "seeds")
    shutil.copytree(REPOSITORY / "docs" / "examples", tmp_path / "examples")
    cli = Cli(tmp_path)
    cli("index", "seeds/")
    for example in examples(page):
        arguments = shlex.split(example.command)[1:]
        if arguments[0] == "index":
            shutil.rmtree(cli.index)
        ran = cli(*arguments, status=None)
        # index prints its notes before its summary, others their hints after the result.
        streams = (ran.err, ran.out) if arguments[0] == "index" else (ran.out, ran.err)
        printed = "".join(streams).rstrip("\n")
        shown = [VARYING.sub("…", line) for line in printed.splitlines()]
        expected = [VARYING.sub("…", line) for line in example.printed]
        head, tail = expected, []
        if "…" in expected:
            cut = expected.index("…")
            head, tail = expected[:cut], expected[cut + 1 :]
        assert shown[: len(head)] == head, example.command
        if tail or head != expected:
            assert shown[len(shown) - len(tail) :] == tail, example.command
        else:
            assert len(shown) == len(head), example.command


def test_readme_shows_a_search_with_and_without_hits() -> None:
    commands = [example.command for example in examples(REPOSITORY / "README.md")]
    assert len([command for command in commands if "search" in command]) == 2
