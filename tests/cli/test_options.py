"""The typed options of commands, and values that parameters convert."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import click
import pytest

from newsgrep.cli.file_options import SizeParam
from newsgrep.cli.main import COMMANDS, group
from newsgrep.cli.output import OutputFormat, OutputOptions
from newsgrep.cli.search import FacetsParam, HalfLifeParam
from newsgrep.errors import UsageError
from tests.support.cli import Cli, leaf_commands

DAY = 86_400.0


@pytest.fixture(autouse=True)
def _collect_garbage() -> Iterator[None]:
    yield
    gc.enable()  # most commands disable it when they are loaded


def test_options_have_a_field_for_each_parameter() -> None:
    for command in leaf_commands():
        function = getattr(command.callback, "__wrapped__")  # noqa: B009  (mypy does not know it)
        options = function.__globals__[function.__annotations__["options"]]
        known = {name for base in options.__mro__ for name in vars(base).get("__annotations__", ())}
        given = {parameter.name for parameter in command.params}
        assert given <= known, command.name
        assert {name for name in known - given if not hasattr(options, name)} == set(), command.name


def test_options_are_frozen() -> None:
    options = OutputOptions(output=OutputFormat.JSON)
    assert (options.output, options.null, options.color) == (OutputFormat.JSON, False, "auto")
    with pytest.raises(AttributeError, match="read-only"):
        options.null = True  # type: ignore[misc]


def test_help_of_options_is_a_phrase() -> None:
    for command in leaf_commands():
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                text = (option.help or "").split("  [default")[0]
                assert text[0].isupper(), text
                assert text.endswith(
                    (".", "; a Han character takes two cells", "...", "]", "on Monday")
                ), text
                assert len(text) < 100, text


def test_commands_are_named_as_in_the_table() -> None:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_output_options_reject_null_without_paths() -> None:
    assert OutputOptions(output=OutputFormat.PATHS, null=True).null
    with pytest.raises(UsageError, match="--paths"):
        OutputOptions(output=OutputFormat.JSON, null=True)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500K", 512_000), ("64m", 2**26), (" 1G ", 2**30)]
)
def test_size_param_converts_units(text: str, size: int) -> None:
    assert SizeParam().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "2G", "1.5M", "-1", "1T", "９"])
def test_size_param_rejects_other_text(text: str) -> None:
    with pytest.raises(click.BadParameter, match="500K"):
        SizeParam().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * DAY), ("6W", 42 * DAY), ("12m", 365.25 * DAY), ("2y", 730.5 * DAY)],
)
def test_half_life_param_converts_units(text: str, seconds: float) -> None:
    assert HalfLifeParam().convert(text, None, None) == pytest.approx(seconds)


def test_facets_param_removes_repeats() -> None:
    assert FacetsParam().convert(" Source,month,source,", None, None) == ("source", "month")
    assert FacetsParam().convert("", None, None) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "x", "--json", "--csv"), "--json and --csv exclude each other"),
        (("search", "x", "--csv=excel", "--json"), "--csv and --json exclude each other"),
        (("search", "x", "--jsonl", "-n", "3", "--paths"), "--jsonl and --paths exclude"),
        (("timeline", "x", "--csv", "--json"), "--csv and --json exclude each other"),
        (("search", "x", "--columns", "id"), "--columns needs --csv"),
        (("list", "--columns", "id", "--paths"), "--columns needs --csv or --jsonl"),
    ],
)
def test_options_of_two_formats_are_an_error(
    seeds: Cli, arguments: tuple[str, ...], message: str
) -> None:
    assert message in seeds(*arguments, status=2).err


def test_format_may_be_repeated_or_be_text(seeds: Cli) -> None:
    assert seeds("search", "渔业", "--json", "--json").out.startswith("{")
    assert seeds("search", "渔业", "--json", "--source", "--csv", status=1).out.startswith("{")
    assert seeds("search", "--json", "--any", "渔业", "--", "--csv").out.startswith("{")
