"""The group of all commands, loaded one by one, and the last line of defence for errors."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final, NoReturn

import click

from newsgrep import __version__
from newsgrep.errors import Interrupted, NewsgrepError, QueryError
from newsgrep.terminal import OutputClosed

COMMANDS: Final = (
    "index",
    "search",
    "batch",
    "show",
    "timeline",
    "kwic",
    "similar",
    "keywords",
    "compare",
    "saved",
    "new",
    "stats",
    "doctor",
    "reindex",
    "copy",
)
"""In the order of ``--help``; each is a module of this package with a ``command``."""

_LONG_RUNNING: Final = ("index", "batch", "copy")
"""Those that may run for hours, and must not keep their garbage."""


class _LazyGroup(click.Group):
    """Imports a command's module when it is asked for: a search must not wait for the rest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (Click's interface)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (Click's interface)
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in _LONG_RUNNING:
            gc.disable()  # what reads is soon done, and leaves no more garbage than it needs
        command: click.Command = import_module(f"newsgrep.cli.{cmd_name}").command
        return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 found or done, 1 nothing found, 2 error, 75 index locked by another.",
)
@click.version_option(__version__, prog_name="newsgrep")
def group() -> None:
    """Full-text search for news archives, mostly Chinese.

    \b
    newsgrep index seeds/
    newsgrep search 联合声明
    newsgrep search --json '"联合声明" source:青石湖' | jq -r '.hits[].url'
    """


def main() -> None:
    """Run the command line and exit; no exception ever reaches the terminal as a traceback."""
    try:
        _exit(run_command())
    except (OutputClosed, BrokenPipeError):
        # Whoever reads our output has seen enough (| head): no error, and nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def run_command() -> int:
    """Run the command in ``sys.argv`` and return its exit status; errors are printed."""
    try:
        status = group.main(standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort) as exc:
        from newsgrep.cli.progress import signal_status

        _print_error("stopped; the index is as it was before this command.")
        return signal_status(exc)
    except Interrupted as exc:
        from newsgrep.cli.progress import signal_status

        _print_error(str(exc))
        return signal_status(exc)
    except NewsgrepError as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        _print_error(str(exc))
        if isinstance(exc, QueryError) and exc.position is not None:
            _show_position(exc.query, exc.position)
        return exc.exit_status
    except (OutputClosed, BrokenPipeError):
        raise
    except MemoryError:
        _print_error("out of memory: give it fewer files at a time.")
        return 2
    except OSError as exc:
        what = f"{exc.strerror or exc}" + (f": {os.fsdecode(exc.filename)}" if exc.filename else "")
        _print_error(f"{what}. Mend that and run the same command again.")
        return 2
    except Exception as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        _print_error(
            f"internal error ({type(exc).__name__}: {exc}). The index is as it was. Please "
            "report it with what NEWSGREP_DEBUG=1 prints for the same command."
        )
        return 2


def _exit(status: int) -> NoReturn:
    """Exit at once after a command that only read: everything is written and flushed."""
    if "newsgrep.index.update" in sys.modules:
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # full or closed, as has been said by now
            stream.flush()
    # Taking every module apart would take Python a tenth of the time of a search.
    os._exit(status)


def _print_error(message: str) -> None:
    from newsgrep.terminal import sanitize

    click.echo(f"newsgrep: {sanitize(message)}", err=True)


def _show_position(query: str, position: int) -> None:
    """Show the part of the query around ``position`` with a caret under it."""
    from newsgrep.terminal import display_width, sanitize

    start = max(0, position - 30)
    before = sanitize(query[start:position].replace("\n", " "))
    after = sanitize(query[position : position + 30].replace("\n", " "))
    click.echo(f"  {before}{after}\n  {' ' * display_width(before)}^", err=True)
