"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from newsgrep.archive.location import Location, location
from newsgrep.engines.base import folder_engines

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_Command = TypeVar("_Command", bound=Callable[..., Any])


_MINUS = "\ue000"  # of the private use area: in no query that anyone types


class QueryCommand(click.Command):
    """Takes ``-普京`` for an excluded word, where Click would look for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hide the minus of such words; :func:`typed` shows it again."""
        kept = [re.sub(r"^-(?=[^\x00-\x7f]|[\"(])", _MINUS, arg) for arg in args]
        return super().parse_args(ctx, kept)


def typed(words: tuple[str, ...]) -> str:
    """Return the words that a :class:`QueryCommand` was given as one query."""
    return " ".join(words).replace(_MINUS, "-")


class IndexPlace(click.ParamType[Location]):
    """An index: its folder, or its address on a server."""

    name = "index"

    def convert(
        self,
        value: str | Location,
        param: click.Parameter | None,  # noqa: ARG002  (Click's interface)
        ctx: click.Context | None,  # noqa: ARG002  (likewise)
    ) -> Location:
        """Return where the index is; raises :class:`UsageError` for a wrong address."""
        return location(value) if isinstance(value, str) else value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete names of folders."""
        return click.Path().shell_complete(ctx, param, incomplete)


def index_option(command: _Command) -> _Command:
    """Add ``--index``, where the index is, and ``--trust``."""
    command = click.option(
        "--trust",
        is_flag=True,
        envvar="NEWSGREP_TRUST",
        help="Open the index even if others own it or may write to it; also NEWSGREP_TRUST=1.",
    )(command)
    return click.option(
        "--index",
        type=IndexPlace(),
        default=Path("index"),
        envvar="NEWSGREP_INDEX",
        show_default=True,
        help="Folder of the index, or opensearch://HOST[:PORT]/NAME; also NEWSGREP_INDEX.",
    )(command)


def engine_option(command: _Command) -> _Command:
    """Add ``--engine``: what keeps an index that is made."""
    return click.option(
        "--engine",
        type=click.Choice(folder_engines()),
        help="Engine of an index that is made in a folder; one that is there has its own.",
    )(command)


def wait_option(command: _Command) -> _Command:
    """Add ``--wait``: how long to wait for another writer."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=0.0,
        help="Wait so long for another process that writes to the index.",
    )(command)


def jobs_option(command: _Command) -> _Command:
    """Add ``--jobs``: how many processes do the work."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=lambda: os.cpu_count() or 1,
        show_default="one for each processor",
        help="Processes that read and cut up articles.",
    )(command)


def color_option(command: _Command) -> _Command:
    """Add ``--color``."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="When to use colours; auto: on a terminal, unless NO_COLOR is set.",
    )(command)


def wants_color(choice: str) -> bool:
    """Return whether to print in colour, by the option, NO_COLOR and the terminal."""
    if choice == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return sys.stdout.isatty() and not plain
    return choice == "always"


class Size(click.ParamType[int]):
    """A number of bytes as people write it: ``500K``, ``64M``, ``1G``."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the bytes in ``value``; a usage error if it is no such number."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        size = int(match[1]) * _STEPS[match[2].upper()] if match else 0
        if not 0 < size <= _LARGEST:
            self.fail("say a size such as 500K, 64M or 1G, which is the most.", param, ctx)
        return size


_SIZE = re.compile(r"([0-9]{1,12})([KMG]?)", re.IGNORECASE)
_STEPS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_LARGEST: Final = 2**30
"""What is read is held in memory, and the libraries that read it count to twice as much."""
