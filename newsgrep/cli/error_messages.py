"""Errors of the command line and of the operating system as sentences that say what to do."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from gettext import gettext
from typing import Final

import click

from newsgrep.cli.options import settings_file
from newsgrep.errors import closest
from newsgrep.messages import Message, _, mark, message, system_reason
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
        case click.BadOptionUsage() if exc.message == _lacks_value(exc.option_name):
            return _with_help(message("{option} needs a value.", option=exc.option_name), exc.ctx)
        case click.UsageError():
            problem = _first_upper(exc.format_message()).rstrip(".。")
            return _with_help(message("{problem}.", problem=problem), exc.ctx)
        case _:
            return exc.format_message()


def _lacks_value(option: str) -> str:
    """Return the message of Click for an option without its value, in the user's language."""
    return gettext("Option {name!r} requires an argument.").format(name=option)


def _with_help(problem: Message, ctx: click.Context | None) -> Message:
    """Return ``problem``, a sentence, with the command that prints help."""
    path = ctx.command_path if ctx else "newsgrep"
    return message("{problem} See: {command} --help", problem=problem, command=path)


def _describe_unknown_command(exc: click.NoSuchCommand) -> str:
    name = exc.command_name
    group = exc.ctx.command if exc.ctx else None
    known = group.list_commands(exc.ctx) if isinstance(group, click.Group) and exc.ctx else []
    path = exc.ctx.command_path if exc.ctx else "newsgrep"
    is_main = exc.ctx is not None and exc.ctx.parent is None
    close = [same for other, same in _SYNONYMS if other == name and same in known]
    if close := close or closest(name, known):
        return message(
            "Unknown command “{name}”. Did you mean: {path} {close}? All commands: {path} --help",
            name=_quote(name),
            path=path,
            close=close[0],
        )
    if is_main:
        return message(
            "Unknown command “{name}”. Did you mean: newsgrep search {name}? "
            "All commands: newsgrep help",
            name=_quote(name),
        )
    return message(
        "Unknown command “{name}”. Commands are {known}.",
        name=_quote(name),
        known=", ".join(known),
    )


def _describe_unknown_option(exc: click.NoSuchOption) -> str:
    name, command = exc.option_name, exc.ctx.command if exc.ctx else None
    if getattr(command, "takes_query", False) and (word := _excluded_word(name)):
        return message(
            "Unknown option {option}. To exclude the word, write: NOT {word}",
            option=_quote(word),
            word=_quote(word[1:]),
        )
    options = _option_names(command)
    close = closest(name.lstrip("-"), [each.lstrip("-") for each in options])
    if close:
        problem = message(
            "Unknown option {option}. Did you mean --{close}?", option=_quote(name), close=close[0]
        )
        return _with_help(problem, exc.ctx)
    takes_arguments = any(
        isinstance(p, click.Argument) for p in (command.params if command else ())
    )
    if takes_arguments and (word := _excluded_word(name)):
        problem = message(
            "Unknown option {option}. If it is a value, write -- before it.", option=_quote(word)
        )
        return _with_help(problem, exc.ctx)
    return _with_help(message("Unknown option {option}.", option=_quote(name)), exc.ctx)


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
    name: str = message("an argument")
    if isinstance(param, click.Option):
        name = param.opts[-1]
    elif param is not None:
        name = param.make_metavar(exc.ctx).removesuffix("...") if exc.ctx else str(param.name)
    examples = _examples(exc.ctx)
    if not examples:
        return _with_help(message("Missing {name}.", name=name), exc.ctx)
    return message(
        "Missing {name}. Example: {example}; see: {command} --help",
        name=name,
        example=examples[0],
        command=exc.ctx.command_path if exc.ctx else "newsgrep",
    )


def _examples(ctx: click.Context | None) -> list[str]:
    """Return the examples in the help text of a command."""
    lines = (ctx.command.help or "").splitlines() if ctx else []
    return [line.strip() for line in lines if ctx and line.strip().startswith(ctx.command_path)]


def _describe_bad_value(exc: click.BadParameter) -> str:
    param = exc.param
    name = param.opts[-1] if isinstance(param, click.Option) else message("The argument")
    if isinstance(param, click.Argument) and param.metavar:
        name = param.metavar.replace("[", "").replace("]", "")
    given, origin = _given_value(param, exc)
    value = message("“{value}”{origin}", value=_quote(given), origin=origin)
    match param.type if param else None:
        case click.IntRange() as kind:
            needed = _describe_range(kind, message("a whole number"))
        case click.FloatRange() as kind:
            needed = _describe_range(kind, message("a number"))
        case click.types.IntParamType():
            needed = message("a whole number")
        case click.Choice() as kind:
            choices = [str(choice) for choice in kind.choices]
            problem = message(
                "{name} does not take {value}. Choose from {choices}.",
                name=name,
                value=value,
                choices=", ".join(choices),
            )
            if close := closest(_quote(given), choices):
                return message("{problem} Did you mean {close}?", problem=problem, close=close[0])
            return problem
        case _:
            return message("{name}: {problem}", name=name, problem=exc.message)
    return message("{name} needs {needed}, not {value}.", name=name, needed=needed, value=value)


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


def _describe_range(kind: click.IntRange | click.FloatRange, noun: Message) -> Message:
    """Return ``noun`` with the range of its values."""
    low, high = kind.min, kind.max
    if low is None:
        return noun
    if high is None:
        return message("{number} of {low:,} or more", number=noun, low=low)
    return message("{number} from {low:,} to {high:,}", number=noun, low=low, high=high)


def _quote(text: str) -> str:
    return truncate(one_line(text), _MAX_SHOWN)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# The operating system

SYSTEM_ADVICE: Final = {
    errno.ENOENT: mark("Check the path, or name another one."),
    errno.ENOTDIR: mark("Check the path, or name another one."),
    errno.EISDIR: mark("Name a file."),
    errno.ENOSPC: mark("Free some disk space and run the command again."),
    errno.EDQUOT: mark("Free some disk space and run the command again."),
    errno.EFBIG: mark(
        "Raise the limit for the size of files (ulimit -f) and run the command again."
    ),
    errno.EROFS: mark("Name another folder, or mount the file system writable."),
    errno.EACCES: mark("Check the permissions, or name another file."),
    errno.EPERM: mark("Check the permissions, or name another file."),
    errno.EMFILE: mark("Raise the limit (ulimit -n) and run the command again."),
    errno.ENFILE: mark("Close other programs and run the command again."),
    errno.ENOMEM: mark("Close other programs and run the command again."),
    errno.EAGAIN: mark("Close other programs, or use fewer --jobs."),
    errno.ENAMETOOLONG: mark("Use a shorter name."),
    errno.ELOOP: mark("Name the file that the links lead to."),
    errno.EISDIR: mark("Move this folder away, or name another file."),
    errno.EIO: mark("Check the disk and its connection, and run the command again."),
}


def describe_system_error(exc: OSError) -> str:
    """Return a sentence with what failed, the file if it is known, and the next step."""
    if exc.filename is None and exc.errno == errno.ENOENT and not _current_folder_exists():
        return _("The current folder no longer exists. Change to another one.")
    # What a file can't replace is the second name.
    is_in_the_way = exc.errno == errno.EISDIR and exc.filename2 is not None
    path = exc.filename2 if is_in_the_way else exc.filename
    advice = SYSTEM_ADVICE.get(exc.errno or 0, mark("Fix this and run the command again."))
    problem = system_reason(exc)
    if path is None:
        return message("{problem}. {advice}", problem=problem, advice=message(advice))
    return message(
        "{problem}: {path}. {advice}",
        problem=problem,
        path=quote_path(os.fsdecode(path)),
        advice=message(advice),
    )


def _current_folder_exists() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  (a string of any bytes)
    except OSError:
        return False
    return True
