"""How commands print: one table of output formats for all, and messages on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import click
from click.core import ParameterSource

from newsgrep._io import encode_json, read_regular
from newsgrep.cli.options import Decorated, Options, enum_option
from newsgrep.errors import UsageError
from newsgrep.messages import _, alternatives, localize
from newsgrep.terminal import (
    Screen,
    StyledLine,
    display_width,
    flush,
    format_colored,
    format_plain,
    one_line,
    path_bytes,
    quote_path,
    replace_invisible,
    terminal_size,
    wrap_message,
    write_bytes,
    write_flushed,
    write_streaming,
)
from newsgrep.views import CsvForm

if TYPE_CHECKING:
    from newsgrep.engines.base import Engine
    from newsgrep.indexing.store import Index
    from newsgrep.models import Hit
    from newsgrep.query.ast import Node
    from newsgrep.search.diagnose import Diagnosis


_FORCING: Final = ("FORCE_COLOR", "CLICOLOR_FORCE")
"""Variables that request colours wherever the output goes, unless they are 0."""

CSV_FORM: Final = "--csv-form"
"""The hidden option that ``--csv=FORM`` means."""


class OutputFormat(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PATHS = "paths"


_FOR_PEOPLE: Final = frozenset((OutputFormat.TEXT, OutputFormat.CSV))
"""Formats without ``parsed``."""


class OutputOptions(Options):
    """How to print; ``color`` is ``auto``, ``always`` or ``never``, ``null`` goes with paths."""

    output: OutputFormat = OutputFormat.TEXT
    null: bool = False
    color: str = "auto"
    pager: bool = False
    csv_form: CsvForm = CsvForm.SAFE
    bom: bool = False
    columns: str = ""

    formats_with_columns: ClassVar[frozenset[OutputFormat]] = frozenset((OutputFormat.CSV,))

    def validate(self) -> None:
        """Raise :class:`UsageError` for an option of another format."""
        if self.columns and self.output not in self.formats_with_columns:
            names = alternatives([f"--{each}" for each in sorted(self.formats_with_columns)])
            raise UsageError(
                "--columns needs {names}. Add it, or leave --columns out.", names=names
            )
        if self.null and self.output is not OutputFormat.PATHS:
            raise UsageError("-0 needs --paths. Add it.")
        if self.bom and (self.output is not OutputFormat.CSV or self.csv_form is CsvForm.RAW):
            raise UsageError("--bom needs --csv, and not its raw form. Add it, or leave --bom out.")

    @property
    def is_for_people(self) -> bool:
        """Whether the format has no place for notes on the query, as ``parsed`` in JSON."""
        return self.output in _FOR_PEOPLE

    @property
    def use_color(self) -> bool:
        """Whether to print in colour: by ``--color``, the environment and the terminal.

        NO_COLOR comes before FORCE_COLOR and CLICOLOR_FORCE, which come before CLICOLOR and TERM.
        """
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if any(os.environ.get(name, "0") not in {"", "0"} for name in _FORCING):
            return True
        plain = os.environ.get("TERM") == "dumb" or os.environ.get("CLICOLOR") == "0"
        return sys.stdout.isatty() and not plain


_FORMAT_HELP: Final = {
    OutputFormat.JSON: "Print one JSON object.",
    OutputFormat.JSONL: "Print JSON Lines, one object per result.",
    OutputFormat.CSV: "Print CSV with a header row; --csv=excel for Excel, --csv=raw unchanged.",
    OutputFormat.PATHS: "Print paths only, one per line, in the form $'…' where needed.",
}


def output_options(
    *formats: OutputFormat, color: bool = True, columns: bool = True
) -> Callable[[Decorated], Decorated]:
    """Return a decorator that adds the fields of :class:`OutputOptions` for these formats.

    Without ``columns`` the command has an option ``--columns`` of its own.
    """

    def decorate(command: Decorated) -> Decorated:
        if color:
            command = click.option(
                "--color",
                type=click.Choice(["auto", "always", "never"]),
                default="auto",
                show_default=True,
                help="When to use colours; auto: on a terminal, unless NO_COLOR is set.",
            )(command)
            command = click.option(
                "--pager/--no-pager", default=True, help="Page long output on a terminal."
            )(command)
        if OutputFormat.PATHS in formats:
            command = click.option(
                "-0", "--null", is_flag=True, help="End paths with NUL, for xargs -0."
            )(command)
        if OutputFormat.CSV in formats:
            if columns:
                command = click.option(
                    "--columns",
                    metavar="NAMES",
                    default="",
                    help="Columns of --csv, separated by commas.",
                )(command)
            command = click.option(
                "--bom", is_flag=True, help="Write CSV for Excel, as --csv=excel."
            )(command)
            command = enum_option(
                CSV_FORM,
                choices=CsvForm,
                default=CsvForm.SAFE.value,
                hidden=True,
                help="Form of CSV, as --csv=FORM.",
            )(command)
        for each in reversed(formats):
            command = click.option(
                f"--{each}",
                "output",
                flag_value=each.value,
                callback=lambda _ctx, _param, value: OutputFormat(value or OutputFormat.TEXT),
                help=_FORMAT_HELP[each],
            )(command)
        return command

    return decorate


class Rendering(NamedTuple):
    """One result in each format that its command offers; only the one that is printed is made.

    They are the forms that :mod:`newsgrep.views` describes: ``text`` returns lines for people,
    ``json`` one object, ``jsonl`` objects for one line each, ``csv`` rows with a header, and
    ``paths`` paths of files. ``wrap`` allows lines of text to be wrapped on a terminal.
    ``drawn``, if given, returns the rows of text for a terminal with colours, drawn with rich.
    """

    text: Callable[[], Iterable[StyledLine]] = tuple
    json: Callable[[], Mapping[str, Any]] = dict
    jsonl: Callable[[], Iterable[Mapping[str, Any]]] = tuple
    csv: Callable[[], Iterable[Sequence[object]]] = tuple
    paths: Callable[[], Iterable[str]] = tuple
    wrap: bool = True
    drawn: Callable[[], Iterable[str]] | None = None


def print_result(rendering: Rendering, options: OutputOptions) -> None:
    """Print a result in the format of ``options``; raises :class:`OutputClosed`.

    When this returns, all of it is written out.
    """
    _PRINTERS[options.output](rendering, options)


def _print_text(rendering: Rendering, options: OutputOptions) -> None:
    rows: Iterable[str]
    if rendering.drawn and options.use_color and sys.stdout.isatty():
        rows = rendering.drawn()
    elif options.use_color:
        lines = rendering.text()
        rows = format_colored(lines, wrap=rendering.wrap and sys.stdout.isatty())
    else:
        rows = format_plain(rendering.text())
    if options.pager and sys.stdout.isatty():
        _write_paged(iter(rows), color=options.use_color)
    else:
        write_streaming(rows)


def _write_paged(rows: Iterator[str], *, color: bool) -> None:
    """Write ``rows`` to the terminal, by the user's pager if they are more than a screen."""
    # The shell takes the last line of the screen.
    size = terminal_size()
    first: list[str] = []
    height = 0
    for row in rows:
        first.append(row)
        height += 1 + max(display_width(row) - 1, 0) // size.columns if not color else 1
        if height >= size.lines:
            _page(chain(first, rows), color=color)
            return
    write_streaming(first)


def _print_json(rendering: Rendering, _: OutputOptions) -> None:
    write_flushed(encode_json(rendering.json(), indent=2))


def _print_jsonl(rendering: Rendering, _: OutputOptions) -> None:
    write_streaming(encode_json(each) for each in rendering.jsonl())


def _print_csv(rendering: Rendering, options: OutputOptions) -> None:
    from newsgrep.views.table import choose_columns, csv_lines

    form = CsvForm.EXCEL if options.bom else options.csv_form
    rows = rendering.csv()
    if options.columns:
        rows = choose_columns(rows, options.columns)
    write_streaming(csv_lines(rows, form))


def _print_paths(rendering: Rendering, options: OutputOptions) -> None:
    if options.null:
        for path in rendering.paths():
            write_bytes(path_bytes(path) + b"\0")
    else:
        keep_bytes = not sys.stdout.isatty()
        for path in rendering.paths():
            write_bytes(path_bytes(quote_path(path, keep_bytes=keep_bytes)) + b"\n")
    flush()


_PRINTERS: Final[Mapping[OutputFormat, Callable[[Rendering, OutputOptions], None]]] = {
    OutputFormat.TEXT: _print_text,
    OutputFormat.JSON: _print_json,
    OutputFormat.JSONL: _print_jsonl,
    OutputFormat.CSV: _print_csv,
    OutputFormat.PATHS: _print_paths,
}


def screen() -> Screen:
    """Return what text is laid out for: the terminal, or a screen without block characters."""
    return Screen(terminal_size().columns, blocks=sys.stdout.isatty())


def draw(lines: Callable[[], Iterable[StyledLine]]) -> Callable[[], Iterable[str]]:
    """Return a function that draws ``lines`` with rich in the width of the terminal."""

    def drawn() -> Iterable[str]:
        from newsgrep.cli.drawing import draw_lines

        return draw_lines(lines(), terminal_size().columns)

    return drawn


def print_paged(lines: Iterable[StyledLine], *, color: bool) -> None:
    """Print ``lines`` on a terminal by the user's pager."""
    _page(draw(lambda: lines)() if color else format_plain(lines), color=color)


def _page(rows: Iterable[str], *, color: bool) -> None:
    os.environ.setdefault("LESS", "-R")  # passes colours through, unless the user chose
    # Click ends the text with a line break itself.
    between = ("\n" * (number > 0) + row for number, row in enumerate(rows))
    click.echo_via_pager(between, color=color)


def print_lines_to_stderr(lines: Iterable[StyledLine], options: OutputOptions) -> None:
    """Print lines that are no result, in colours where ``--color`` and standard error allow it."""
    terminal = sys.stderr.isatty()
    if options.use_color and (terminal or options.color == "always"):
        rows = format_colored(lines, wrap=terminal)
    else:
        rows = format_plain(lines)
    for row in rows:
        click.echo(row, err=True)


def print_message(message: str) -> None:
    """Print a warning or an error to standard error, on one line of visible characters.

    It is printed in the user's language, and wrapped on a terminal.
    """
    text = replace_invisible(one_line(localize(message)))
    click.echo(wrap_message(f"newsgrep: {text}"), err=True)


def show_scan(scan: bool) -> AbstractContextManager[None]:
    """Show how long a query with ``--scan`` takes; nothing may be printed meanwhile."""
    if not scan:
        return nullcontext()
    from newsgrep.cli.progress import show_elapsed

    return show_elapsed(_("reading all articles"))


def report_no_match(engine: Engine, root: Node, parsed: str, index: Index) -> Diagnosis:
    """Print to standard error why the query ``root`` has no match, and return it.

    ``parsed`` is the query as it was understood.
    """
    from newsgrep.search.diagnose import diagnose_in
    from newsgrep.views.hits import diagnosis_lines

    diagnosis = diagnose_in(engine, root, index)
    for line in diagnosis_lines(diagnosis, parsed, index.where):
        click.echo(wrap_message(one_line(line)), err=True)
    return diagnosis


# What a page of hits says on a terminal


def describe_next_step(shown: Sequence[Hit], total: int, index: Index) -> str:
    """Return for a terminal how to get the page after ``shown`` and how to read a hit, or "".

    ``total`` is the number of hits on all pages.
    """
    if not (shown and sys.stdout.isatty()):
        return ""
    source = click.get_current_context().get_parameter_source("index")
    same = f" {index.as_options}" if source is ParameterSource.COMMANDLINE else ""
    read = _("read: newsgrep show {rank}{same}", rank=shown[0].rank, same=same)
    last = shown[-1].rank
    if last < total:
        return _("next: --offset {last} · {read}", last=last, read=read)
    return read


# The hits of the last search, which other commands accept by number

_STATE_VERSION: Final = 1
_MAX_REMEMBERED: Final = 10_000


class LastSearch(NamedTuple):
    """The last search that was printed for people: its query, and ids and titles by rank."""

    query: str
    hits: Mapping[int, tuple[str, str]]


def _state_file() -> Path:
    """Return where the last search is: the user's own state, not part of any index."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(home) if home else Path.home() / ".local" / "state"
    return base / "newsgrep" / "last-search.json"


def remember_hits(index: Index, query: str, hits: Sequence[tuple[int, str, str]]) -> None:
    """Remember number, id and title of the hits on the screen; where that is impossible, nothing.

    The file is not flushed to the disk: a search must not wait for that.
    """
    stored = {
        "version": _STATE_VERSION,
        "index": index.identity,
        "query": query,
        "hits": hits[:_MAX_REMEMBERED],
    }
    with suppress(OSError, RuntimeError):  # no home folder, a read-only one, a full disk
        path = _state_file()
        if not path.parent.is_dir():
            path.parent.mkdir(0o700, parents=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(draft, flags, 0o600), "wb") as stream:
                stream.write(encode_json(stored).encode("utf-8", "replace"))
            draft.replace(path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()


def last_search(index: Index) -> LastSearch:
    """Return the last search of ``index``; without hits if it was of another one, or unreadable."""
    with suppress(OSError, RuntimeError, ValueError, TypeError, LookupError):
        stored = json.loads(read_regular(_state_file()).decode("utf-8"))
        if stored["version"] == _STATE_VERSION and stored["index"] == list(index.identity):
            hits = {int(rank): (str(i), str(title)) for rank, i, title in stored["hits"]}
            return LastSearch(str(stored["query"]), hits)
    return LastSearch("", {})
