"""Commands about newsgrep itself: help, config."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import cast

import click

from newsgrep.cli.help import QUERY_HELP
from newsgrep.cli.main import Command
from newsgrep.cli.options import Options, pass_options, settings_file
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_message,
    print_result,
)
from newsgrep.cli.settings import (
    GLOBAL_KEYS,
    Settings,
    Value,
    find_option,
    format_value,
    option_keys,
)
from newsgrep.errors import UsageError, closest
from newsgrep.indexing import index_at
from newsgrep.messages import _, localize, message
from newsgrep.query.dates import timezone_named
from newsgrep.terminal import one_line, quote_path, truncate, write
from newsgrep.views import SCHEMA_VERSION

# help


class HelpOptions(Options):
    """The options of ``newsgrep help``."""

    topics: tuple[str, ...]


@click.command("help", cls=Command, short_help="Show help for a command or for queries.")
@click.argument("topics", metavar="[COMMAND|query]", nargs=-1)
@pass_options(HelpOptions)
def help_command(options: HelpOptions) -> int:
    """Show the help of newsgrep or of COMMAND, or the syntax of queries.

    \b
    newsgrep help
    newsgrep help search
    newsgrep help query
    """
    if options.topics == ("query",):
        write(localize(QUERY_HELP), end="")
        return 0
    ctx = click.get_current_context().find_root()
    command: click.Command = ctx.command
    for name in options.topics:
        found = command.get_command(ctx, name) if isinstance(command, click.Group) else None
        if found is None:
            raise UsageError(
                "No help for “{topics}”. Topics are the commands "
                "that newsgrep help lists, and query.",
                topics=one_line(" ".join(options.topics)),
            )
        ctx = click.Context(found, info_name=name, parent=ctx)
        command = found
    write(command.get_help(ctx))
    return 0


# config


class ConfigOptions(OutputOptions):
    """The options of ``newsgrep config``."""

    key: str | None
    value: str | None
    unset: str | None

    def validate(self) -> None:
        """Raise :class:`UsageError` for ``--unset`` with a key to be set."""
        super().validate()
        if self.unset and self.key:
            raise UsageError("--unset takes the key: newsgrep config --unset KEY.")


@click.command("config", cls=Command, short_help="Show or change the configuration.")
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--unset", metavar="KEY", help="Remove KEY from the configuration file.")
@output_options(OutputFormat.JSON, color=False)
@pass_options(ConfigOptions)
def config_command(options: ConfigOptions) -> int:
    """Print the configuration file, print KEY, or set KEY to VALUE.

    KEY is index, engine, tz, timeout, color, pager or jobs, for all commands; or COMMAND.OPTION
    for one of them, such as search.limit. The command line and the environment take precedence.

    \b
    newsgrep config
    newsgrep config index ~/archive.index
    newsgrep config search.limit 20
    newsgrep config --unset search.limit
    """
    settings = Settings(settings_file())
    if name := options.unset:
        if _split_key(name) not in settings.values:
            raise UsageError(
                "{name} is not set. Set keys are listed by: newsgrep config", name=_shown(name)
            )
        settings.change(*_split_key(name), None)
    elif options.value is not None and options.key:
        settings.change(*_split_key(options.key), _convert(options.key, options.value))
    elif options.key:
        value = settings.values.get(_split_key(options.key))
        if value is None:
            print_message(_("{key} is not set.", key=_shown(options.key)))
            return 1
        write(one_line(value if isinstance(value, str) else format_value(value)))
    elif options.output is OutputFormat.JSON:
        print_result(Rendering(json=lambda: _config_object(settings)), options)
    else:
        is_file = settings.path.exists()
        write(f"# {quote_path(str(settings.path))}{'' if is_file else _(' (does not exist)')}")
        for (command, key), value in settings.values.items():
            name = f"{command}.{key}" if command else key
            write(one_line(f"{name} = {format_value(value)}"))
    return 0


def _config_object(settings: Settings) -> dict[str, object]:
    values = {
        f"{command}.{key}" if command else key: value
        for (command, key), value in settings.values.items()
    }
    return {"version": SCHEMA_VERSION, "file": str(settings.path), "values": values}


def _split_key(name: str) -> tuple[str, str]:
    command, _, key = name.rpartition(".")
    return command, key


def _shown(name: str) -> str:
    return message("“{name}”", name=truncate(one_line(name), 60))


def _convert(name: str, text: str) -> Value:
    """Return ``text`` as the value of the option ``name``; raises :class:`UsageError`."""
    table, key = _split_key(name)
    if not table and key not in GLOBAL_KEYS:
        raise UsageError(
            "Unknown key {name}. {hint}", name=_shown(name), hint=_suggest(key, GLOBAL_KEYS)
        )
    if (table, key) == ("", "index"):
        # The file applies in every folder.
        whole = index_at(os.path.expanduser(text))  # noqa: PTH111  (may be a URL)
        return os.path.abspath(str(whole)) if whole.is_local else text  # noqa: PTH100  (a string)
    if key == "tz":
        timezone_named(text)  # a wrong one would fail in every command
    ctx = click.get_current_context()
    for command in _commands(ctx.find_root(), table):
        option = find_option(command, key)
        if option is not None:
            return _convert_option(option, text, ctx)
    if table and not (known := list(_commands(ctx.find_root(), table))):
        raise UsageError("There is no command {table}. See: newsgrep help", table=_shown(table))
    keys = list(dict.fromkeys(each for command in known for each in option_keys(command)))
    raise UsageError("Unknown key {name}. {hint}", name=_shown(name), hint=_suggest(key, keys))


def _suggest(key: str, known: Sequence[str]) -> str:
    close = closest(key, known)
    if close:
        return message("Did you mean {name}?", name=close[0])
    return message("Keys are {names}.", names=", ".join(known))


def _commands(root: click.Context, name: str) -> Iterator[click.Command]:
    """Yield the command ``name``, those of the group, or all if it is empty."""
    group = cast("click.Group", root.command)
    for each in [name] if name else group.list_commands(root):
        command = group.get_command(root, each)
        if isinstance(command, click.Group):
            yield from command.commands.values()
        elif command is not None:
            yield command


def _convert_option(option: click.Option, text: str, ctx: click.Context) -> Value:
    if option.is_flag:
        if text not in {"true", "false"}:
            raise UsageError(
                "{option} is true or false, not {text}.", option=option.opts[-1], text=_shown(text)
            )
        return text == "true"
    value = option.type.convert(text, option, ctx)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text
