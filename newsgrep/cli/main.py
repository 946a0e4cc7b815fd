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
from newsgrep.errors import NewsgrepError, QueryError, Stopped
from newsgrep.output.stream import ReaderGone

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

_LONG: Final = ("index", "batch", "copy")
"""Those that may run for hours, and must not keep their garbage."""


class _LazyGroup(click.Group):
    """Imports a command's module when it is asked for: a search must not wait for the rest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (Click's interface)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (Click's interface)
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in _LONG:
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
        _leave(_run())
    except (ReaderGone, BrokenPipeError):
        # Whoever reads our output has seen enough (| head): no error, and nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _run() -> int:
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
        from newsgrep.cli.signals import status_of

        _complain("stopped; the index is as it was before this command.")
        return status_of(exc)
    except Stopped as exc:
        from newsgrep.cli.signals import status_of

        _complain(str(exc))
        return status_of(exc)
    except NewsgrepError as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        _complain(str(exc))
        if isinstance(exc, QueryError) and exc.position is not None:
            _point_at(exc.query, exc.position)
        return exc.exit_status
    except (ReaderGone, BrokenPipeError):
        raise
    except MemoryError:
        _complain("out of memory: give it fewer files at a time.")
        return 2
    except OSError as exc:
        what = f"{exc.strerror or exc}" + (f": {os.fsdecode(exc.filename)}" if exc.filename else "")
        _complain(f"{what}. Mend that and run the same command again.")
        return 2
    except Exception as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        _complain(
            f"internal error ({type(exc).__name__}: {exc}). The index is as it was. Please "
            "report it with what NEWSGREP_DEBUG=1 prints for the same command."
        )
        return 2


def _leave(status: int) -> NoReturn:
    """Exit at once after a command that only read: everything is written and flushed."""
    if "newsgrep.archive.update" in sys.modules:
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # full or closed, as has been said by now
            stream.flush()
    # Taking every module apart would take Python a tenth of the time of a search.
    os._exit(status)


def _complain(message: str) -> None:
    from newsgrep.output.safe import safe

    click.echo(f"newsgrep: {safe(message)}", err=True)


def _point_at(query: str, position: int) -> None:
    """Show the part of the query around ``position`` with a caret under it."""
    from unicodedata import east_asian_width

    from newsgrep.output.safe import safe

    start = max(0, position - 30)
    before = safe(query[start:position].replace("\n", " "))
    after = safe(query[position : position + 30].replace("\n", " "))
    cells = sum(2 if east_asian_width(character) in "WF" else 1 for character in before)
    click.echo(f"  {before}{after}\n  {' ' * cells}^", err=True)
