"""The examples in README and docs print what newsgrep prints."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.cli import REPOSITORY, Cli, clean_environment

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
VARYING = re.compile(
    r"\d+ ms|\d+\.\d s|[a-z2-7]{6}(?=  seeds/)|index /\S+, commit \d+|\d{4}-\d\d-\d\dT[\d:]{8}Z"
)
"""Durations, ids of articles without an address, which depend on the folder, and provenance."""

PROGRAMS = ("newsgrep", "python", "Rscript", "cp")


class Example(NamedTuple):
    """A command of a page and the lines under it; ``…`` stands for lines that are left out."""

    command: str
    printed: tuple[str, ...]


def examples(page: Path) -> list[Example]:
    found = []
    fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    start = re.compile(rf"^\$ (?=(?:{'|'.join(PROGRAMS)}) )", re.MULTILINE)
    for block in (text for language, text in fences if not language):
        for part in start.split(block)[1:]:
            command, _, printed = part.partition("\n")
            found.append(Example(command, tuple(printed.rstrip("\n").splitlines())))
    return found


class Reader:
    """Runs the examples of a page in their order, as somebody who reads it would."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(REPOSITORY / "seeds", folder / "seeds")
        shutil.copytree(REPOSITORY / "docs" / "examples", folder / "examples")
        self.cli = Cli(folder)
        self.cli("index", "seeds/")
        self._is_first_index = True

    def run(self, command: str) -> str | None:
        """Return what ``command`` prints, or ``None`` if its program is not installed."""
        words, _, target = command.partition(" > ")
        program, *arguments = shlex.split(words)
        folder = self.cli.folder
        if program == "cp":
            shutil.copy(folder / arguments[0], folder / arguments[1])
            return ""
        if program != "newsgrep":
            return self._run_other(program, arguments)
        if arguments[0] == "new":  # text on a terminal only
            status, screen = self.cli.on_terminal(*arguments, env={"NO_COLOR": "1"}, columns=120)
            assert status in {0, 1}, screen
            return screen
        if arguments[0] == "index" and self._is_first_index and "--index" not in arguments:
            shutil.rmtree(self.cli.index)
            self._is_first_index = False
        ran = self.cli(*arguments, status=None)
        if target:
            (folder / target).write_bytes(ran.stdout)
            return ran.err
        # index prints its notes before its summary, others their hints after the result.
        return "".join((ran.err, ran.out) if arguments[0] == "index" else (ran.out, ran.err))

    def _run_other(self, program: str, arguments: list[str]) -> str | None:
        path = sys.executable if program == "python" else shutil.which(program)
        if path is None:
            return None
        env = clean_environment(self.cli.folder)
        done = subprocess.run(
            [path, *arguments], cwd=self.cli.folder, env=env, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode("utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda p: p.name)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for example in examples(page):
        printed = reader.run(example.command)
        if printed is None:
            continue
        lines = printed.rstrip().splitlines()
        shown = [VARYING.sub("…", line.rstrip()) for line in lines]
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


def test_scripts_are_shown_as_they_are() -> None:
    page = (REPOSITORY / "docs" / "tutorial-research.md").read_text("utf-8")
    for name, language in (("counts.py", "python"), ("counts.R", "r")):
        script = (REPOSITORY / "docs" / "examples" / name).read_text("utf-8")
        assert f"```{language}\n{script}```" in page


def test_readme_shows_a_search_with_and_without_hits() -> None:
    commands = [example.command for example in examples(REPOSITORY / "README.md")]
    assert len([command for command in commands if "search" in command]) == 2
