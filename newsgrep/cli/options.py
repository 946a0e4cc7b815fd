"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def index_option(command: _Command) -> _Command:
    """Add ``--index``, the folder of the index, and ``--trust``."""
    command = click.option(
        "--trust",
        is_flag=True,
        envvar="NEWSGREP_TRUST",
        help="Open the index even if others own it or may write to it; also NEWSGREP_TRUST=1.",
    )(command)
    return click.option(
        "--index",
        "index_folder",
        type=click.Path(path_type=Path),
        default=Path("index"),
        envvar="NEWSGREP_INDEX",
        show_default=True,
        help="Folder of the index; also NEWSGREP_INDEX.",
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
