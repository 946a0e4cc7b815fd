"""The configuration file: defaults of options, and the index where no other one is found.

It is TOML. Keys at the top are options of all commands that have them; a table has the options
of one command and takes precedence::

    index = "~/archive.index"
    tz = "Europe/London"

    [search]
    limit = 20

A command line and the environment take precedence over the file. Only commands read it that
find one: parsing TOML takes time.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from newsgrep._io import write_atomically
from newsgrep.errors import InputError, closest
from newsgrep.messages import message, system_reason
from newsgrep.terminal import one_line, quote_path, truncate

GLOBAL_KEYS: Final = ("index", "engine", "tz", "timeout", "color", "pager", "jobs")
"""Options that can be set for all commands at once."""

_UNSETTABLE: Final = frozenset(("help", "version", "index"))
"""Options that a table of a command cannot set. The index is one for all commands."""

_MAX_NAME: Final = 60

Value = str | int | float | bool | list[str]


class Settings:
    """What a configuration file contains.

    ``values`` has the value of each key: ``("", "tz")`` at the top, ``("search", "limit")`` in a
    table. Creating an object raises :class:`InputError` if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text = path.read_text("utf-8") if path.exists() else ""
            tables = tomllib.loads(self._text)
        except OSError as exc:
            raise InputError(
                "The configuration in {shown_path} can't be read ({reason}). "
                "Check its permissions, or delete it.",
                shown_path=self._shown_path,
                reason=system_reason(exc),
            ) from exc
        except (ValueError, RecursionError) as exc:
            raise InputError(
                "{shown_path} is not valid TOML ({reason}). Fix it, or delete it.",
                shown_path=self._shown_path,
                reason=truncate(one_line(str(exc)), 80),
            ) from exc
        self.values = _flatten(tables)

    def check(self) -> None:
        """Raise :class:`InputError` for keys and values that no command could have."""
        for (command, key), value in self.values.items():
            if not _is_value(value):
                raise self.invalid(command, key, message("not a string, a number, true or false"))
            if not command and key not in GLOBAL_KEYS:
                raise self.invalid(command, key, _describe_unknown(key, GLOBAL_KEYS))

    @property
    def _shown_path(self) -> str:
        return quote_path(str(self.path))

    def invalid(self, command: str, key: str, reason: str) -> InputError:
        """Return the error for the value of ``key`` in the table ``command``."""
        name = truncate(one_line(f"{command}.{key}" if command else key), _MAX_NAME)
        return InputError(
            "{shown_path}: {name}: {reason}. Edit the file, or run: newsgrep config --unset {name}",
            shown_path=self._shown_path,
            name=name,
            reason=reason,
        )

    def defaults(self, command: click.Command, path: str) -> dict[str, Any]:
        """Return the defaults that the file sets for ``command``, by name of the parameter.

        ``path`` is the name of the command, or of its group: a table applies to all of a group.
        Raises :class:`InputError` for a key that is not an option of a command.
        """
        if isinstance(command, click.Group):
            ctx = click.Context(command)
            children = {name: command.get_command(ctx, name) for name in command.list_commands(ctx)}
            return {name: self.defaults(child, path) for name, child in children.items() if child}
        found: dict[str, Any] = {}
        for (table, key), value in self.values.items():
            if table not in {"", path} or (table, key) == ("", "index"):
                continue
            option = find_option(command, key)
            if option is not None and option.name is not None:
                found[option.name] = self._default(option, table, key, value)
            elif table:
                raise self.invalid(table, key, _describe_unknown(key, option_keys(command)))
        return found

    def _default(self, option: click.Option, table: str, key: str, value: Value) -> object:
        if option.is_flag and not isinstance(value, bool):
            raise self.invalid(table, key, message("not true or false"))
        if option.is_flag and not isinstance(option.flag_value, bool):
            return option.flag_value if value else None
        return [value] if option.multiple and not isinstance(value, list) else value

    @property
    def index(self) -> str | None:
        """Return the configured index."""
        value = self.values.get(("", "index"))
        if value is None or (isinstance(value, str) and value):
            return value
        raise self.invalid("", "index", message("not the name of a folder or the URL of an index"))

    def change(self, command: str, key: str, value: Value | None) -> None:
        """Write the file with another value for ``key``, ``None`` for none; comments stay.

        Raises :class:`InputError` if the file cannot be written, or has a form in which only a
        person can change it.
        """
        expected = {name: each for name, each in self.values.items() if name != (command, key)}
        if value is not None:
            expected[command, key] = value
        text = _edit(self._text, command, key, value)
        try:
            written = _flatten(tomllib.loads(text))
        except ValueError:
            written = {}
        if written != expected:
            raise InputError(
                "newsgrep config cannot change how {key} is written. Edit {shown_path}.",
                key=key,
                shown_path=self._shown_path,
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, text.encode())
        except OSError as exc:
            raise InputError(
                "Cannot write {shown_path} ({reason}). Check its permissions.",
                shown_path=self._shown_path,
                reason=system_reason(exc),
            ) from exc
        self._text, self.values = text, written


def _flatten(tables: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    values: dict[tuple[str, str], Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            values |= {(name, key): each for key, each in value.items()}
        else:
            values["", name] = value
    return values


def _is_value(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str | int | float)


def configured_index(path: Path) -> str | None:
    """Return the index that the configuration file names; raises :class:`InputError`."""
    return Settings(path).index


def option_defaults(path: Path, command: click.Command, name: str) -> dict[str, Any]:
    """Return the ``default_map`` of Click for ``command``; raises :class:`InputError`."""
    settings = Settings(path)
    settings.check()
    return {name: settings.defaults(command, name)}


def option_keys(command: click.Command) -> list[str]:
    """Return the keys that the table of a command may have: its options without dashes."""
    return [
        name.removeprefix("--")
        for param in command.params
        if isinstance(param, click.Option) and not param.hidden
        for name in param.opts
        if name.startswith("--") and name.removeprefix("--") not in _UNSETTABLE
    ]


def find_option(command: click.Command, key: str) -> click.Option | None:
    """Return the option ``--key`` of ``command``, if it has one that a file can set."""
    for param in command.params:
        if key not in _UNSETTABLE and isinstance(param, click.Option) and f"--{key}" in param.opts:
            return param
    return None


def _describe_unknown(key: str, known: Sequence[str]) -> str:
    close = closest(key, known)
    return (
        message("unknown key; did you mean {close}", close=close[0])
        if close
        else message("unknown key; keys are {known}", known=", ".join(known))
    )


# Editing

_TABLE: Final = re.compile(r"^\s*\[\s*([\w.-]+)\s*\]\s*(#.*)?$")


def _edit(text: str, table: str, key: str, value: Value | None) -> str:
    """Return ``text`` with the line of ``key`` replaced, added, or left out."""
    line_of_key = re.compile(rf"^\s*{re.escape(key)}\s*=")
    new = [] if value is None else [f"{key} = {format_value(value)}"]
    lines = text.splitlines()
    begin, end = _table_range(lines, table)
    if begin is None:
        gap = [""] if lines else []
        return _join([*lines, *gap, f"[{table}]", *new] if new else lines)
    for at in range(begin, end):
        if line_of_key.match(lines[at]):
            return _join([*lines[:at], *new, *lines[at + 1 :]])
    while end > begin and not lines[end - 1].strip():
        end -= 1
    gap = [""] if new and not table and end < len(lines) and lines[end].strip() else []
    return _join([*lines[:end], *new, *gap, *lines[end:]])


def _table_range(lines: list[str], table: str) -> tuple[int | None, int]:
    """Return the first line after the header of ``table`` and the end of it."""
    begin = None if table else 0
    for at, line in enumerate(lines):
        if header := _TABLE.match(line):
            if begin is not None:
                return begin, at
            if header[1] == table:
                begin = at + 1
    return begin, len(lines)


def _join(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def format_value(value: Value) -> str:
    """Return ``value`` as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
