"""What the README prints is what its reader sees."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.support.cli import REPOSITORY, Cli

BLOCKS = re.findall(
    r"^\$ (newsgrep search .+)\n((?:(?!\$ |```).*\n)+)",
    (REPOSITORY / "README.md").read_text("utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_what_the_readme_prints_is_what_is_printed(seeds: Cli, command: str, printed: str) -> None:
    ran = seeds(*shlex.split(command)[1:], status=None)
    shown = (ran.out + ran.err).splitlines()
    begin, cut, end = printed.rstrip("\n").partition("\n…\n")
    first = begin.split("\n")
    assert shown[: len(first)] == first
    if cut:  # all but how long it took, which is of one run
        assert shown[-1].rpartition(" in ")[0] == end.rpartition(" in ")[0]
    else:
        assert len(shown) == len(first)


def test_the_readme_shows_a_search_that_finds_and_one_that_does_not() -> None:
    assert len(BLOCKS) == 2
