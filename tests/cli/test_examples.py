"""The examples in README and in the help texts find something in ``seeds/`` after ``make demo``."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from newsgrep.cli.main import group
from tests.support.cli import REPOSITORY, Cli, leaf_commands

READING = frozenset(
    (
        *("search", "list", "count", "sources", "show", "cite", "export", "history", "compare"),
        *("timeline", "kwic", "collocates", "similar", "keywords", "stats", "doctor"),
    )
)
"""Commands whose examples print something about articles of an existing index."""

WITH_OWN_FILES = ("~", "opensearch:", "dump.jsonl", "crawl.warc.gz", "draft.", "page.html")
"""Parts of examples that need files or servers that only a reader has."""

WITH_OWN_WORK = ("saved:", "in:", "changed:", "--version 1", "--rollback")
"""Parts of examples for what a user has done first, such as a second run after a change."""


def example_lines() -> Iterator[tuple[str, str]]:
    """Yield each example with the place that prints it."""
    for command in leaf_commands():
        for line in (command.help or "").splitlines():
            yield command.name or "", line
    yield "help", group.get_help(click.Context(group, **group.context_settings))
    for text in (REPOSITORY / "README.md", REPOSITORY / "docs" / "index.md"):
        for line in text.read_text("utf-8").splitlines():
            yield text.name, line


def runnable() -> Iterator[tuple[str, list[str]]]:
    """Yield the arguments of each example that can be run after ``make demo``, with its place.

    Only what precedes a pipe or a redirection is run; what reads articles from a pipe is not.
    """
    for place, line in example_lines():
        match = re.match(r"\s*newsgrep (\S.*)", line)
        if match is None:
            continue
        words = shlex.shlex(match[1], posix=True, punctuation_chars="|><")
        words.whitespace_split = True
        words.commenters = "#"
        arguments = []
        for word in words:
            if set(word) <= set("|><"):
                break
            arguments.append(word)
        if arguments[0] in READING and not any(part in line for part in WITH_OWN_FILES):
            yield place, arguments


EXAMPLES = [each for each in runnable() if not any(p in " ".join(each[1]) for p in WITH_OWN_WORK)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep after ``make demo``, with an index of the folder ``seeds``."""
    cli = Cli(tmp_path_factory.mktemp("demo"))
    shutil.copytree(REPOSITORY / "seeds", cli.folder / "seeds")
    cli("index", "seeds/")
    return cli


@pytest.mark.parametrize(
    ("place", "arguments"), EXAMPLES, ids=[f"{place}: {' '.join(args)}" for place, args in EXAMPLES]
)
def test_example_finds_something(
    demo: Cli, place: str, arguments: list[str], tmp_path: Path
) -> None:
    for option in ("-o", "--dir", "--svg"):
        if option in arguments:
            arguments = list(arguments)
            arguments[arguments.index(option) + 1] = str(tmp_path / "written")
    demo("search", "联合声明")  # the numbers of hits are those of the last search
    ran = demo(*arguments, status=None)
    assert ran.status == 0, f"{place}: {ran.err}"
    assert ran.stdout or any(tmp_path.iterdir()), place


def test_examples_are_found_in_all_places() -> None:
    assert len(EXAMPLES) > 60
    assert {"search", "kwic", "README.md"} <= {place for place, _ in EXAMPLES}
