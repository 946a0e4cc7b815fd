"""Classes of commands, the group that loads a command when it is used, and the error handler."""

from __future__ import annotations

import gc
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import click

from newsgrep import __version__
from newsgrep._io import IS_WINDOWS
from newsgrep.cli.options import HIDDEN_MINUS, OWN_PROCESS, settings_file
from newsgrep.cli.output import CSV_FORM, OutputFormat, print_message
from newsgrep.errors import ChangesRejected, Interrupted, NewsgrepError, QueryError, UsageError
from newsgrep.messages import _, alternatives, conjunction, language, localize, use_for_gettext
from newsgrep.terminal import (
    OutputClosed,
    display_width,
    is_closed_pipe,
    one_line,
    replace_invisible,
    sanitize,
    truncate,
)
from newsgrep.views import CsvForm

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "index": "index:index_command",
    "watch": "watch:watch_command",
    "search": "search:search_command",
    "batch": "batch:batch_command",
    "show": "show:show_command",
    "history": "show:history_command",
    "diff": "show:diff_command",
    "list": "listing:list_command",
    "export": "export:export_command",
    "cite": "cite:cite_command",
    "open": "cite:open_command",
    "count": "listing:count_command",
    "sources": "listing:sources_command",
    "extract": "extract:extract_command",
    "timeline": "views:timeline_command",
    "kwic": "concordance:kwic_command",
    "collocates": "concordance:collocates_command",
    "similar": "views:similar_command",
    "keywords": "views:keywords_command",
    "compare": "views:compare_command",
    "collect": "collect:collect_command",
    "note": "collect:note_command",
    "delete": "remove:delete_command",
    "forget": "remove:forget_command",
    "serve": "serve:serve_command",
    "mcp": "serve:mcp_command",
    "saved": "saved:saved_group",
    "new": "saved:new_command",
    "stats": "admin:stats_command",
    "doctor": "admin:doctor_command",
    "reindex": "admin:reindex_command",
    "copy": "admin:copy_command",
    "completion": "completion:completion_command",
    "config": "general:config_command",
    "help": "general:help_command",
}
"""Module and function of each command, in the order of ``--help``."""

_LONG_RUNNING: Final = ("index", "watch", "batch", "copy", "export", "serve", "mcp")
"""Commands that may run for hours and need the garbage collector."""

_GC_THRESHOLD: Final = 50_000
"""New objects before garbage is collected: with Python's 700, that is a sixth of the time in which
postings are gathered."""

_UNCONFIGURED: Final = ("help", "config", "completion")
"""Commands that work whatever the configuration file contains."""


_INTERRUPTED: Final = 130
"""The exit status after Ctrl-C."""


_OPTIONAL_VALUES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "--csv": {form: ("--csv", f"{CSV_FORM}={form}") for form in CsvForm},
    "--variants": {"words": ("--variants",), "all": ("--variants-in-strings",)},
}
"""Options whose value can be left out, and the options that Click parses for each value."""
_PAIR: Final = 2
_FORMAT_NAMES: Final = frozenset(f"--{each}" for each in OutputFormat)


class LocalizedCommand(click.Command):
    """A command whose help and completions are in the user's language."""

    def get_help(self, ctx: click.Context) -> str:
        """Return the help text; Click writes it if it is English."""
        if not language():
            return super().get_help(ctx)
        from newsgrep.cli.help import localized_help  # only for help

        return localized_help(self, ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what may complete ``incomplete``, with its description."""
        items = super().shell_complete(ctx, incomplete)
        for item in items:
            item.help = item.help and localize(item.help)
        return items


class Group(LocalizedCommand, click.Group):
    """A group of commands whose help is in the user's language."""


class Command(LocalizedCommand):
    """A command whose help lists its options in groups, those used most first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups."""
        from newsgrep.cli.help import write_options  # only for help

        write_options(self, ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args``; raises :class:`UsageError` for two formats, of which one would win."""
        if sum(arg in _FORMAT_NAMES for arg in args) > 1:
            _, _, order = self.make_parser(ctx).parse_args(list(args))
            given = dict.fromkeys(param.opts[0] for param in order if param.name == "output")
            names = [name for name in given if name in _FORMAT_NAMES]
            if len(names) > 1:
                raise UsageError(
                    "{names} exclude each other. Use one of them.",
                    names=reduce(conjunction, names),
                )
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as exc:
            exc.ctx = exc.ctx or ctx  # Click's parser leaves it out; messages name the command
            raise


class QueryCommand(Command):
    """A command that takes ``-普京`` as an excluded word, where Click would see an option.

    It also takes ``--csv=FORM`` and ``--variants=all``: options whose value can be left out.
    """

    takes_query = True
    """Errors explain what a minus before a word means."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hide the minus of such words from Click; :func:`query_text` restores it."""
        hidden = [re.sub(r"^-(?=[^\x00-\x7f]|[\"(])", HIDDEN_MINUS, arg) for arg in args]
        if "--" in args:
            self._warn_of_options(args[args.index("--") + 1 :])
        return super().parse_args(ctx, list(self._split_values(hidden)))

    def _warn_of_options(self, words: list[str]) -> None:
        """Print which words of the query after ``--`` are options everywhere else."""
        known = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        for word in words:
            if word.startswith("-") and word.partition("=")[0] in known:
                text = _(
                    "{word} after -- is part of the query. Write options before --.", word=word
                )
                click.echo(f"newsgrep: {one_line(text)}", err=True)

    def _split_values(self, args: list[str]) -> Iterator[str]:
        """Yield ``args`` with the options that ``--csv=FORM`` and the like mean, up to ``--``."""
        end = args.index("--") if "--" in args else len(args)
        offered = {name for param in self.params for name in param.opts}
        for at, arg in enumerate(args):
            name, has_value, value = arg.partition("=")
            if at < end and has_value and name in offered & _OPTIONAL_VALUES.keys():
                values = _OPTIONAL_VALUES[name]
                if value not in values:
                    shown = truncate(one_line(value), 40)
                    known = (
                        alternatives(list(values)) if len(values) == _PAIR else ", ".join(values)
                    )
                    raise UsageError(
                        "Unknown value {name}={shown}. Choose {known}.",
                        name=name,
                        shown=shown,
                        known=known,
                    )
                yield from values[value]
            else:
                yield arg


class _LazyGroup(Group):
    """Imports the module of a command when it is used, so that a search loads nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (Click's interface)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (Click's interface)
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in _LONG_RUNNING:
            gc.set_threshold(_GC_THRESHOLD)
        else:
            gc.disable()  # a command that reads ends soon, and collecting costs it time
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"newsgrep.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, with defaults of its options from the configuration file."""
        name, command, rest = super().resolve_command(ctx, args)
        if name and command and name not in _UNCONFIGURED and settings_file().exists():
            from newsgrep.cli.settings import option_defaults

            ctx.default_map = option_defaults(settings_file(), command, name)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, those used most first."""
        from newsgrep.cli.help import write_commands

        write_commands(self, ctx, formatter)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="newsgrep help COMMAND describes a command, newsgrep help query the query syntax. "
    "Exit status: 0 found or done, 1 nothing found, 2 error, 75 index locked.",
)
@click.version_option(__version__, "-V", "--version", prog_name="newsgrep")
def group() -> None:
    """Full-text search for news archives, mostly Chinese.

    \b
    newsgrep index seeds/
    newsgrep search 联合声明
    newsgrep search --json '"联合声明" source:汀海' | jq -r '.hits[].url'
    """


def main() -> None:
    """Run the command line and exit; no exception reaches the terminal as a traceback."""
    if sys.getfilesystemencoding() == "ascii":
        _restart_in_utf8()
    use_for_gettext()
    try:
        _exit(run_command(obj=OWN_PROCESS) if _prepare_streams() else 2)
    except KeyboardInterrupt:  # before or after a command
        os._exit(_INTERRUPTED)
    except (OutputClosed, BrokenPipeError):
        # The reader of our output has seen enough (| head): not an error, and nothing to report.
        _discard(sys.stdout)
        sys.exit(0)


def _restart_in_utf8() -> None:
    """Start again in Python's UTF-8 mode, unless that was tried.

    Python uses this mode by itself in the locale C, except with ``PYTHONUTF8=0``. Then no query
    could contain a Chinese word, and no path in an index that was made in another locale exists.
    """
    if os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"  # for this process and for workers
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - the same command


def _use_utf8() -> None:
    """Write UTF-8, also where Windows would use a code page without most characters.

    A console of Windows gets characters in any case, and codes for colours once it is prepared for
    them. Elsewhere standard error keeps the encoding of the locale.
    """
    streams = [sys.stdout, sys.stderr] if IS_WINDOWS else [sys.stdout]
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if IS_WINDOWS and any(stream.isatty() for stream in streams):
        with suppress(ImportError):
            import_module("colorama").just_fix_windows_console()  # installed with click


def _discard(stream: TextIO) -> None:
    """Let what is left in the buffers of a stream go to nowhere when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _prepare_streams() -> bool:
    """Open what the shell has closed of the standard streams; return whether output is possible.

    Otherwise the next files to be opened, such as those of an index, would take their place.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for _number in closed:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    sys.stdin = sys.stdin or _open_stream(0, "rb")
    sys.stderr = sys.stderr or _open_stream(2, "wb")
    if sys.stdout is not None:
        _use_utf8()
        return True
    sys.stdout = _open_stream(1, "wb")
    print_message(_("Standard output is closed. Redirect it to /dev/null."))
    return False


def _open_stream(number: int, mode: str) -> TextIO:
    return io.TextIOWrapper(open(number, mode, closefd=False), "utf-8")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def run_command(args: Sequence[str] | None = None, *, obj: object = None) -> int:
    """Run one command line, ``sys.argv`` by default; print errors and return the exit status.

    ``obj`` is that of the context of Click.

    Raises :class:`OutputClosed` or :class:`BrokenPipeError` where the reader closed our output.
    """
    try:
        status = group.main(
            args,
            prog_name="newsgrep",
            standalone_mode=False,
            windows_expand_args=False,  # ~普京 and 普? are queries, not files
            obj=obj,
        )
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.exceptions.NoArgsIsHelpError as exc:
        click.echo(exc.format_message(), err=True)
        return exc.exit_code
    except click.ClickException as exc:
        from newsgrep.cli.error_messages import describe_usage_error

        print_message(describe_usage_error(exc))
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort) as exc:
        from newsgrep.cli.progress import end_workers, signal_status

        end_workers()
        print_message(_("Stopped. The index is as it was before this command."))
        return signal_status(exc)
    except Interrupted as exc:
        from newsgrep.cli.progress import end_workers, signal_status

        end_workers()
        print_message(str(exc))
        return signal_status(exc)
    except NewsgrepError as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        _print_error(exc)
        return exc.exit_status
    except (OutputClosed, BrokenPipeError):
        raise
    except MemoryError:
        print_message(_("Out of memory. Close other programs, or use fewer --jobs."))
        return 2
    except OSError as exc:
        if is_closed_pipe(exc):
            raise OutputClosed from exc
        from newsgrep.cli.error_messages import describe_system_error

        print_message(describe_system_error(exc))
        return 2
    except Exception as exc:
        if os.environ.get("NEWSGREP_DEBUG"):
            raise
        print_message(
            _(
                "Internal error ({name}: {reason}). The index is unchanged. Please "
                "report it with the output of the same command under NEWSGREP_DEBUG=1.",
                name=type(exc).__name__,
                reason=exc,
            )
        )
        return 2


def _exit(status: int) -> NoReturn:
    """Exit at once after a command that only read: its output is written and flushed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # full, which was reported before
            _discard(stream)
    if "multiprocessing" in sys.modules:
        sys.exit(status)
    # Taking all modules down would cost a tenth of the time of a search.
    os._exit(status)


def _print_error(exc: NewsgrepError) -> None:
    if isinstance(exc, ChangesRejected):
        print_message(exc.summary)
        for subject, reason in exc.items:
            click.echo(replace_invisible(one_line(f"{subject}: {localize(reason)}")), err=True)
        return
    print_message(str(exc))
    if isinstance(exc, QueryError) and exc.position is not None:
        _show_position(exc.query, exc.position)


def _show_position(query: str, position: int) -> None:
    """Print the part of the query around ``position`` with a caret under it."""
    start = max(0, position - 30)
    before = sanitize(query[start:position].replace("\n", " "))
    after = sanitize(query[position : position + 30].replace("\n", " "))
    click.echo(f"  {before}{after}\n  {' ' * display_width(before)}^", err=True)
