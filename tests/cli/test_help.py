"""newsgrep help: the commands and options in groups, and the syntax of queries."""

from __future__ import annotations

import re

import pytest

from newsgrep.cli.help import QUERY_HELP
from newsgrep.query.lexer import FIELDS
from newsgrep.query.parser import parse
from tests.support.cli import Cli


def sections(text: str) -> dict[str, list[str]]:
    """Return the names of the commands or options in each section of a help text."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if title := re.fullmatch(r"([A-Z][a-z ]+):", line):
            found[title[1]] = []
        elif found and (entry := re.match(r"  (?:-\S, )?(\S+)", line)) and line[2] != " ":
            found[list(found)[-1]].append(entry[1])
    return found


def test_help_of_search_shows_groups_of_options(cli: Cli) -> None:
    groups = sections(cli("search", "--help").out)
    assert groups["Common options"] == ["--limit", "--source", "--since", "--sort", "--json"]
    assert list(groups) == ["Common options", "Query", "Filters", "Output", "Index", "Other"]
    names = [name for group in groups.values() for name in group]
    assert len(names) == len(set(names))
    assert {"--any", "--until", "--paths", "--timeout", "--help"} <= set(names)


@pytest.mark.parametrize("command", ["timeline", "kwic", "compare", "keywords", "index"])
def test_help_lists_five_most_used_options_first(cli: Cli, command: str) -> None:
    groups = sections(cli(command, "--help").out)
    assert next(iter(groups)) == "Common options"
    assert len(groups["Common options"]) == 5


def test_help_of_few_options_has_one_group(cli: Cli) -> None:
    groups = sections(cli("reindex", "--help").out)
    assert list(groups) == ["Options"]
    assert "--help" in groups["Options"]


def test_main_help_lists_common_commands_first(cli: Cli) -> None:
    groups = sections(cli("help").out)
    assert groups["Common commands"] == ["index", "search", "show", "timeline", "kwic"]
    assert {"completion", "config", "help"} <= set(groups["Other commands"])
    assert "stats" in groups["Maintain the index"]
    names = [name for group in groups.values() for name in group if name[0] != "-"]
    assert len(names) == len(set(names)) > 30


def test_help_shows_no_ranges_of_numbers(cli: Cli) -> None:
    assert not re.search("x[<>]=", "".join(cli(name, "--help").out for name in ("search", "kwic")))


def test_help_command_equals_help_option(cli: Cli) -> None:
    assert cli("help").out == cli("--help").out
    assert cli("help", "search").out == cli("search", "--help").out
    assert cli("help", "saved", "add").out == cli("saved", "add", "--help").out


def test_help_query_names_every_field(cli: Cli) -> None:
    text = cli("help", "query").out
    assert text == QUERY_HELP
    assert [name for name in FIELDS if f"{name}:" not in text] == []


def test_examples_of_help_query_are_valid() -> None:
    examples = re.findall(r"^  (\S.*?) {2,}\S", QUERY_HELP.partition("Fields:")[0], re.MULTILINE)
    assert len(examples) >= 8
    for example in examples:
        for query in re.split(r" {2,}", example):
            assert parse(query).warnings == (), query
