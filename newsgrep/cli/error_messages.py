"""Errors of the command line and of the operating system as sentences that say what to do."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from newsgrep.cli.options import QueryCommand, settings_file
from newsgrep.errors import closest
from newsgrep.terminal import one_line, quote_path, truncate

# Usage of commands

_SYNONYMS: Final = (
    ("add", "index"),
    ("fetch", "index"),
    ("import", "index"),
    ("init", "index"),
    ("update", "index"),
    ("find", "search"),
    ("grep", "search"),
    ("query", "search"),
    ("cat", "show"),
    ("get", "show"),
    ("read", "show"),
    ("view", "show"),
    ("ls", "list"),
    ("rm", "remove"),
    ("rm", "delete"),
    ("remove", "delete"),
    ("info", "stats"),
    ("status", "stats"),
    ("backup", "copy"),
    ("cp", "copy"),
    ("check", "doctor"),
    ("fsck", "doctor"),
    ("repair", "doctor"),
    ("rollback", "doctor"),
    ("rebuild", "reindex"),
    ("concordance", "kwic"),
    ("chart", "timeline"),
    ("settings", "config"),
)
"""Commands of other programs, and those that do the same here."""

_MAX_SHOWN: Final = 60


def describe_usage_error(exc: click.ClickException) -> str:
    """Return what is wrong with a command line and the next step, as one sentence or two."""
    match exc:
        case click.NoSuchCommand():
            return _describe_unknown_command(exc)
        case click.NoSuchOption():
            return _describe_unknown_option(exc)
        case click.MissingParameter():
            return _describe_missing(exc)
        case click.BadParameter():
            return _describe_bad_value(exc)
        case click.BadOptionUsage() if exc.message.endswith("requires an argument."):
            return f"{exc.option_name} needs a value. {_see_help(exc.ctx)}"
        case click.UsageError():
            return f"{_first_upper(exc.format_message()).rstrip('.')}. {_see_help(exc.ctx)}"
        case _:
            return exc.format_message()


def _describe_unknown_command(exc: click.NoSuchCommand) -> str:
    name = exc.command_name
    group = exc.ctx.command if exc.ctx else None
    known = group.list_commands(exc.ctx) if isinstance(group, click.Group) and exc.ctx else []
    path = exc.ctx.command_path if exc.ctx else "newsgrep"
    unknown = f"Unknown command “{_quote(name)}”."
    is_main = exc.ctx is not None and exc.ctx.parent is None
    close = [same for other, same in _SYNONYMS if other == name and same in known]
    if close := close or closest(name, known):
        return f"{unknown} Did you mean: {path} {close[0]}? All commands: {path} --help"
    if is_main:
        return (
            f"{unknown} Did you mean: newsgrep search {_quote(name)}? All commands: newsgrep help"
        )
    return f"{unknown} Commands are {', '.join(known)}."


def _describe_unknown_option(exc: click.NoSuchOption) -> str:
    name, command = exc.option_name, exc.ctx.command if exc.ctx else None
    if isinstance(command, QueryCommand) and (word := _excluded_word(name)):
        return f"Unknown option {_quote(word)}. To exclude the word, write: NOT {_quote(word[1:])}"
    options = _option_names(command)
    close = closest(name.lstrip("-"), [each.lstrip("-") for each in options])
    if close:
        return f"Unknown option {_quote(name)}. Did you mean --{close[0]}? {_see_help(exc.ctx)}"
    takes_arguments = any(
        isinstance(p, click.Argument) for p in (command.params if command else ())
    )
    if takes_arguments and (word := _excluded_word(name)):
        return (
            f"Unknown option {_quote(word)}. If it is a value, write -- before it. "
            f"{_see_help(exc.ctx)}"
        )
    return f"Unknown option {_quote(name)}. {_see_help(exc.ctx)}"


def _excluded_word(option: str) -> str:
    """Return the argument that Click took for the option ``option``, if it is ``-word``.

    Click reads ``-gpt`` as options of one letter each.
    """
    if option.startswith("--"):
        return ""
    for argument in sys.argv[1:]:
        if argument[:1] == "-" and argument[1:].isalnum() and option[1] in argument[1:]:
            return argument if len(argument) > len("-x") else ""
    return ""


def _option_names(command: click.Command | None) -> Sequence[str]:
    names = [
        name
        for param in (command.params if command else ())
        if isinstance(param, click.Option) and not param.hidden
        for name in (*param.opts, *param.secondary_opts)
    ]
    return [name for name in (*names, "--help") if name.startswith("--")]


def _describe_missing(exc: click.MissingParameter) -> str:
    param = exc.param
    name = "an argument"
    if isinstance(param, click.Option):
        name = param.opts[-1]
    elif param is not None:
        name = param.make_metavar(exc.ctx).removesuffix("...") if exc.ctx else str(param.name)
    examples = _examples(exc.ctx)
    example = f"Example: {examples[0]}; see" if examples else "See"
    return f"Missing {name}. {example}: {exc.ctx.command_path if exc.ctx else 'newsgrep'} --help"


def _examples(ctx: click.Context | None) -> list[str]:
    """Return the examples in the help text of a command."""
    lines = (ctx.command.help or "").splitlines() if ctx else []
    return [line.strip() for line in lines if ctx and line.strip().startswith(ctx.command_path)]


def _describe_bad_value(exc: click.BadParameter) -> str:
    param = exc.param
    name = param.opts[-1] if isinstance(param, click.Option) else "The argument"
    if isinstance(param, click.Argument) and param.metavar:
        name = param.metavar.replace("[", "").replace("]", "")
    given, origin = _given_value(param, exc)
    value = _quote(given)
    match param.type if param else None:
        case click.IntRange() as kind:
            return f"{name} needs a whole number{_describe_range(kind)}, not “{value}”{origin}."
        case click.FloatRange() as kind:
            return f"{name} needs a number{_describe_range(kind)}, not “{value}”{origin}."
        case click.types.IntParamType():
            return f"{name} needs a whole number, not “{value}”{origin}."
        case click.Choice() as kind:
            choices = [str(choice) for choice in kind.choices]
            close = closest(value, choices)
            hint = f" Did you mean {close[0]}?" if close else ""
            return (
                f"{name} does not take “{value}”{origin}. Choose from {', '.join(choices)}.{hint}"
            )
        case _:
            return f"{name}: {exc.message}"


def _given_value(param: click.Parameter | None, exc: click.BadParameter) -> tuple[str, str]:
    """Return the rejected value as typed, or as Click quotes it in its message, and its origin.

    The origin is empty for a value on the command line.
    """
    arguments = sys.argv[1:]
    names = (*param.opts, *param.secondary_opts) if isinstance(param, click.Option) else ()
    for at, argument in enumerate(arguments):
        option, has_value, value = argument.partition("=")
        if option in names and has_value:
            return value, ""
        if argument in names and at + 1 < len(arguments):
            return arguments[at + 1], ""
        if argument[:2] in names and not argument.startswith("--"):
            return argument[2:], ""
    in_environment = param.value_from_envvar(exc.ctx) if param and exc.ctx else None
    if in_environment is not None:
        return str(in_environment), f" ({param.envvar})" if param else ""
    quoted = exc.message.partition("'")[2].partition("'")[0] or exc.message.split(" ")[0]
    # newsgrep config checks a value of its own command line as that of an option
    typed = quoted in arguments
    configured = isinstance(param, click.Option) and not typed and settings_file().exists()
    return quoted, f" ({quote_path(str(settings_file()))})" if configured else ""


def _describe_range(kind: click.IntRange | click.FloatRange) -> str:
    low, high = kind.min, kind.max
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    return f" of {low:,} or more" if low is not None else ""


def _see_help(ctx: click.Context | None) -> str:
    return f"See: {ctx.command_path if ctx else 'newsgrep'} --help"


def _quote(text: str) -> str:
    return truncate(one_line(text), _MAX_SHOWN)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# The operating system

_ADVICE: Final = {
    errno.ENOENT: "Check the path, or name another one.",
    errno.ENOTDIR: "Check the path, or name another one.",
    errno.EISDIR: "Name a file.",
    errno.ENOSPC: "Free some disk space and run the command again.",
    errno.EDQUOT: "Free some disk space and run the command again.",
    errno.EFBIG: "Raise the limit for the size of files (ulimit -f) and run the command again.",
    errno.EROFS: "Name another folder, or mount the file system writable.",
    errno.EACCES: "Check the permissions, or name another file.",
    errno.EPERM: "Check the permissions, or name another file.",
    errno.EMFILE: "Raise the limit (ulimit -n) and run the command again.",
    errno.ENFILE: "Close other programs and run the command again.",
    errno.ENOMEM: "Close other programs and run the command again.",
    errno.EAGAIN: "Close other programs, or use fewer --jobs.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ELOOP: "Name the file that the links lead to.",
    errno.EISDIR: "Move this folder away, or name another file.",
    errno.EIO: "Check the disk and its connection, and run the command again.",
}


def describe_system_error(exc: OSError) -> str:
    """Return a sentence with what failed, the file if it is known, and the next step."""
    if exc.filename is None and exc.errno == errno.ENOENT and not _current_folder_exists():
        return "The current folder no longer exists. Change to another one."
    # What a file can't replace is the second name.
    is_in_the_way = exc.errno == errno.EISDIR and exc.filename2 is not None
    path = exc.filename2 if is_in_the_way else exc.filename
    name = "" if path is None else f": {quote_path(os.fsdecode(path))}"
    advice = _ADVICE.get(exc.errno or 0, "Fix this and run the command again.")
    return f"{exc.strerror or exc}{name}. {advice}"


def _current_folder_exists() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  (a string of any bytes)
    except OSError:
        return False
    return True
