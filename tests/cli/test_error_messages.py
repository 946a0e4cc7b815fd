"""Errors of the system and of files that a user edits: a sentence with the next step."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from newsgrep.cli.error_messages import describe_system_error
from tests.support.cli import Cli, assert_no_crash, write_article


@pytest.fixture
def small(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n")
    return cli


# Usage of commands


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("serach x", "Unknown command “serach”. Did you mean: newsgrep search?"),
        ("联合声明", "Unknown command “联合声明”. Did you mean: newsgrep search 联合声明?"),
        ("find x", "Unknown command “find”. Did you mean: newsgrep search?"),
        ("saved rm x", "Unknown command “rm”. Did you mean: newsgrep saved remove?"),
        ("search 声明 -gpt", "Unknown option -gpt. To exclude the word, write: NOT gpt"),
        ("search --limt 3 x", "Unknown option --limt. Did you mean --limit?"),
        ("search x --zzz", "Unknown option --zzz. See: newsgrep search --help"),
        ("search x -n abc", "--limit needs a whole number of 0 or more, not “abc”."),
        ("search x --limit=-4", "--limit needs a whole number of 0 or more, not “-4”."),
        ("kwic x --width 3", "--width needs a whole number from 20 to 10,000, not “3”."),
        ("index n --wait x", "--wait needs a number of 0 or more, not “x”."),
        ("search x --sort dat", "Choose from relevance, date, -date. Did you mean date?"),
        ("search x --limit", "--limit needs a value. See: newsgrep search --help"),
        ("show 1 --version x", "--version needs a whole number, not “x”."),
        ("diff 1 x", "A B needs a whole number, not “x”."),
        ("config search.sort -date", "Unknown option -date. If it is a value, write -- before"),
        ("search", "Missing QUERY. Example: newsgrep search "),
        ("compare", "Missing QUERY. Example: newsgrep compare "),
        ("stats x", "Got unexpected extra argument (x). See: newsgrep stats --help"),
        ("help nothing", "No help for “nothing”."),
    ],
)
def test_wrong_usage_is_one_sentence_with_next_step(cli: Cli, arguments: str, message: str) -> None:
    ran = cli(*arguments.split(), status=2)
    assert message in ran.err
    assert ran.err.startswith("newsgrep: ")
    assert (ran.err.count("\n"), ran.out) == (1, "")


def test_usage_error_shows_no_control_characters(cli: Cli) -> None:
    for arguments in (("a\x1b[31m\n",), ("search", "x", "-n", "\x1b[31m"), ("search", "--\x1b]x")):
        assert "\x1b" not in cli(*arguments, status=2).err


def test_invalid_number_in_environment_is_reported(cli: Cli) -> None:
    ran = cli("stats", env={"NEWSGREP_TIMEOUT": "soon"}, status=2)
    assert ran.err == (
        "newsgrep: --timeout needs a whole number from 1 to 86,400, not “soon” "
        "(NEWSGREP_TIMEOUT).\n"
    )


def test_option_after_double_dash_is_pointed_out(small: Cli) -> None:
    ran = small("search", "--", "渡轮", "-n", "0", "--json=x", status=1)
    assert "newsgrep: -n after -- is part of the query. Write options before --.\n" in ran.err
    assert "--json=x after -- is part" in ran.err
    assert "after --" not in small("search", "--", "渡轮", "-gpt").err


# Standard streams


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_output_is_an_error(small: Cli, closed: str) -> None:
    for command in ("search 渡轮", "search 渡轮 --json", "stats", "--help", "doctor"):
        ran = small.bash(f"newsgrep {command} {closed}")
        assert (ran.status, ran.out) == (2, "")
        message = "newsgrep: Standard output is closed. Redirect it to /dev/null.\n"
        assert ran.err == ("" if "2>&-" in closed else message)


def test_closed_input_is_empty(small: Cli) -> None:
    ran = small.bash("newsgrep batch - <&-")
    assert ran.status == 2
    assert ran.err == "newsgrep: - contains no query. Write one query per line.\n"
    ran = small.bash("newsgrep extract - <&-")
    assert ran.err.startswith("newsgrep: Cannot read standard input: the file is empty.")


def test_closed_streams_do_not_become_files_of_the_index(small: Cli) -> None:
    write_article(small.folder / "n" / "b.md", "乙岛休渔", "渡轮停航。")
    ran = small.bash("newsgrep index n missing <&- 2>&-")
    assert ran.status == 2
    assert small.bash("newsgrep index n <&- 2>&-").out.startswith("2 files seen: 1 added")
    assert "is intact" in small("doctor").out


def test_full_output_device_is_an_error(small: Cli) -> None:
    for command in ("search 渡轮", "search 渡轮 --json", "stats", "--help"):
        ran = small.bash(f"newsgrep {command} > /dev/full")
        assert ran.status == 2
        assert ran.err == (
            "newsgrep: No space left on device. Free some disk space and run the command again.\n"
        )


# The operating system


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some disk space"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EROFS, "Name another folder"),
        (errno.EACCES, "Check the permissions"),
        (errno.ENAMETOOLONG, "Use a shorter name"),
        (errno.EIO, "Check the disk"),
        (errno.EXDEV, "Fix this"),
    ],
)
def test_system_error_names_file_and_next_step(number: int, advice: str) -> None:
    message = describe_system_error(OSError(number, os.strerror(number), "a\nb\x1b"))
    assert message.startswith(os.strerror(number))
    assert advice in message
    assert "\n" not in message
    assert "\x1b" not in message


def test_deleted_current_folder_is_reported(cli: Cli) -> None:
    for command in ("index .", "extract a.md"):
        ran = cli.bash(f"mkdir gone; cd gone; rmdir ../gone; newsgrep {command}")
        assert ran.status == 2
        assert ran.err == (
            "newsgrep: The current folder no longer exists. Change to another one.\n"
        )


def test_few_file_descriptors_are_reported(small: Cli) -> None:
    for limit in range(6, 16):
        for command in ("search 渡轮", "index n", "doctor", "stats"):
            ran = small.bash(f"ulimit -n {limit}; newsgrep {command}")
            assert_no_crash(ran.stderr)
            assert ran.status in (0, 2), (limit, command, ran)
    assert "is intact" in small("doctor").out


# Files that a user edits


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "line 1 is not valid JSON"),
        ('{"version": 1,\n"queries"}', "line 2 is not valid JSON"),
        ("[]", "its version is not 1"),
        ('{"version": 9, "queries": {}}', "its version is not 1"),
        ('{"version": 1}', "it contains no “queries”"),
        ('{"version": 1, "queries": []}', "it contains no “queries”"),
        ('{"version": 1, "queries": {"a": 1}}', "the query “a” is not a string"),
        ('{"version": 1, "queries": {"../a": "渡轮"}}', "“../a” is not a valid name"),
        ("[" * 100_000, "it is not valid JSON"),
        ("1" + "0" * 9_999, "it is not valid JSON"),
    ],
)
def test_invalid_saved_queries_are_described(small: Cli, text: str, problem: str) -> None:
    path = small.folder / "index.saved" / "newsgrep.saved.json"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    for command in (("search", "saved:a"), ("saved", "list"), ("saved", "add", "b", "海带")):
        ran = small(*command, status=2)
        assert f"newsgrep.saved.json can't be read ({problem}" in ran.err
        assert ran.err.startswith("newsgrep: ")
    assert path.read_text("utf-8") == text


def test_credentials_that_nest_deeply_are_invalid_toml(cli: Cli) -> None:
    path = cli.folder / "config" / "newsgrep" / "opensearch.toml"
    path.parent.mkdir(parents=True)
    path.write_text("a = " + "[" * 100_000, "ascii")
    path.chmod(0o600)
    ran = cli("search", "渡轮", "--index", "opensearch://127.0.0.1:9/n", status=2)
    assert f"The file {path} is not valid TOML" in ran.err


def test_credentials_in_a_folder_are_reported(cli: Cli) -> None:
    path: Path = cli.folder / "config" / "newsgrep" / "opensearch.toml"
    path.mkdir(parents=True)
    ran = cli("search", "渡轮", "--index", "opensearch://127.0.0.1:9/n", status=2)
    assert f"The credentials in {path} can't be read (Is a directory)" in ran.err


def test_missing_folder_of_an_output_has_advice() -> None:
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "/none/a.svg")
    assert "/none/a.svg. Check the path, or name another one." in describe_system_error(missing)
