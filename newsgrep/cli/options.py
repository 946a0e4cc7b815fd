"""Options that several commands share: their declarations, and the typed values they become.

Click calls a command with one keyword argument per option. :func:`pass_options` collects them
in one frozen value, such as ``SearchOptions``, whose fields have the names of the parameters.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, TypeVar, dataclass_transform

import click
from click.core import ParameterSource

from newsgrep.engines.base import Order
from newsgrep.engines.registry import DEFAULT_TIMEOUT
from newsgrep.errors import UsageError
from newsgrep.indexing import INDEX_NAME, find_index, index_at
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.store import Index
from newsgrep.messages import _, language, localize
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.ast import Node, Versions
from newsgrep.query.parser import Query, parse
from newsgrep.query.warnings import split_word_notes
from newsgrep.search.search import build_query
from newsgrep.terminal import one_line, sanitize, truncate, wrap_message
from newsgrep.views import CsvForm

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from newsgrep.query.dates import Calendar

_FORCING: Final = ("FORCE_COLOR", "CLICOLOR_FORCE")
"""Variables that request colours wherever the output goes, unless they are 0."""

_MAX_TIMEOUT: Final = 86_400
"""Seconds of a day."""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Options = TypeVar("_Options")
_Enum = TypeVar("_Enum", bound=StrEnum)


class OutputFormat(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PATHS = "paths"


OWN_PROCESS: Final = "own process"
"""The ``obj`` of the context of Click where newsgrep runs as a process, and may end it."""


# Typed values


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Options:
    """Base of the typed options of commands: frozen, created from keyword arguments.

    Type checkers see a frozen dataclass. A real one generates its methods at every start, which
    takes 1 ms for each class: a thirtieth of a cold search for the four classes that it needs.
    """

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)
        self.validate()

    def validate(self) -> None:
        """Raise :class:`UsageError` for options that exclude each other."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Raise :class:`AttributeError`: options do not change."""
        raise AttributeError(f"{type(self).__name__}.{name} is read-only")


class IndexOptions(Options):
    """Which index to open, and how long a server may take."""

    index: Index
    timeout: int

    def saved_queries(self) -> Mapping[str, str]:
        """Return the text of each saved query of the index by its name."""
        from newsgrep.indexing.user_state import read_saved  # few queries name a saved one

        return read_saved(self.index)

    def parse(self, text: str) -> Query:
        """Return the query ``text``, which may name saved queries and collections."""
        return parse(
            text,
            saved=self.saved_queries,
            collections=self.collections,
            user=self.index.user_dictionary(),
        )

    def collections(self) -> Mapping[str, tuple[str, ...]]:
        """Return the ids of the articles in each collection by its name."""
        from newsgrep.indexing.annotations import read_collections  # few queries name one

        return read_collections(self.index)


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
            names = " or ".join(f"--{each}" for each in sorted(self.formats_with_columns))
            raise UsageError(
                "--columns needs {names}. Add it, or leave --columns out.", names=names
            )
        if self.null and self.output is not OutputFormat.PATHS:
            raise UsageError("-0 needs --paths. Add it.")
        if self.bom and (self.output is not OutputFormat.CSV or self.csv_form is CsvForm.RAW):
            raise UsageError("--bom needs --csv, and not its raw form. Add it, or leave --bom out.")

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


_FOR_PEOPLE: Final = frozenset((OutputFormat.TEXT, OutputFormat.CSV))
"""Formats without ``parsed``, with which notes on the query are printed."""


class NarrowingOptions(IndexOptions):
    """Filters by source and date."""

    sources: tuple[str, ...]
    since: str
    until: str
    tz: str

    def filters(self) -> Node:
        """Return the filters as a query; raises :class:`UsageError` for a wrong date."""
        return build_query(
            None,
            sources=self.sources,
            since=self.since,
            until=self.until,
            calendar=self.calendar(),
        ).root

    def calendar(self) -> Calendar | None:
        """Return the calendar of ``--tz``; ``None`` is that of the archive."""
        if self.tz == str(ARCHIVE_ZONE):
            return None
        from newsgrep.query.dates import calendar_in  # only a query with a date needs one

        return calendar_in(self.tz)


class QueryOptions(NarrowingOptions):
    """A query as typed, how to read it, and the filters that narrow it."""

    words: tuple[str, ...]
    any_word: bool
    regex: bool
    literal: bool
    scan: bool
    everything: bool
    versions: Versions
    variants: str | None

    @property
    def text(self) -> str:
        """The words as one query."""
        return query_text(self.words)

    @property
    def only_for_queries(self) -> str:
        """An option that was given and concerns queries only, or ""."""
        given = {
            "--any": self.any_word,
            "--regex": self.regex,
            "--literal": self.literal,
            "--scan": self.scan,
            "--everything": self.everything,
            "--versions": self.versions is Versions.ALL,
            "--variants": self.variants,
            "--source": self.sources,
            "--since": self.since,
            "--until": self.until,
        }
        return next((name for name, value in given.items() if value), "")

    def query(self) -> Query:
        """Parse the query, print its warnings to standard error, and add the filters.

        Raises :class:`UsageError`, also for a wrong date.
        """
        return self.query_of(self.words)

    def query_of(self, words: tuple[str, ...]) -> Query:
        """Parse another query with the same options and filters, as :meth:`query` does."""
        query = build_query(
            query_text(words) if words else None,
            any_word=self.any_word,
            regex=self.regex,
            literal=self.literal,
            scan=self.scan,
            everything=self.everything,
            versions=self.versions,
            variants=self.variants or "off",
            sources=self.sources,
            since=self.since,
            until=self.until,
            calendar=self.calendar(),
            saved=self.saved_queries,
            collections=self.collections,
            user=self.index.user_dictionary(),
        )
        for warning in query.warnings:
            click.echo(wrap_message(f"newsgrep: {sanitize(warning)}"), err=True)
        if getattr(self, "output", OutputFormat.TEXT) in _FOR_PEOPLE:
            for note in split_word_notes(query.root):
                click.echo(wrap_message(f"newsgrep: {sanitize(localize(note))}"), err=True)
        return query


def pass_options(
    options: Callable[..., _Options],
) -> Callable[[Callable[[_Options], int]], Callable[..., int]]:
    """Return a decorator for a command: it is called with one ``options`` value.

    >>> @click.command()
    ... @index_option
    ... @pass_options(IndexOptions)
    ... def stats(options: IndexOptions) -> int: ...
    """

    def decorate(command: Callable[[_Options], int]) -> Callable[..., int]:
        @wraps(command)
        def call(**values: Any) -> int:
            return command(options(**values))

        return call

    return decorate


# Queries on the command line

_HIDDEN_MINUS = "\ue000"  # a private-use character, which no query contains
_CSV_FORM: Final = "--csv-form"
_OPTIONAL_VALUES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "--csv": {form: ("--csv", f"{_CSV_FORM}={form}") for form in CsvForm},
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
                    "{names} exclude each other. Use one of them.", names=" and ".join(names)
                )
        return super().parse_args(ctx, args)


class QueryCommand(Command):
    """A command that takes ``-普京`` as an excluded word, where Click would see an option.

    It also takes ``--csv=FORM`` and ``--variants=all``: options whose value can be left out.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hide the minus of such words from Click; :func:`query_text` restores it."""
        hidden = [re.sub(r"^-(?=[^\x00-\x7f]|[\"(])", _HIDDEN_MINUS, arg) for arg in args]
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
                    known = (" or " if len(values) == _PAIR else ", ").join(values)
                    raise UsageError(
                        "Unknown value {name}={shown}. Choose {known}.",
                        name=name,
                        shown=shown,
                        known=known,
                    )
                yield from values[value]
            else:
                yield arg


def query_text(words: tuple[str, ...]) -> str:
    """Return the words that a :class:`QueryCommand` received as one query."""
    return " ".join(words).replace(_HIDDEN_MINUS, "-")


# Parameter types


class IndexParam(click.ParamType[Index]):
    """An index: a folder, or an address on a server."""

    name = "index"

    def convert(
        self,
        value: str | Index,
        param: click.Parameter | None,  # noqa: ARG002  (Click's interface)
        ctx: click.Context | None,
    ) -> Index:
        """Return the index at ``value``; raises :class:`UsageError` for a wrong address.

        ``~`` is the home folder, which shells do not put into ``--index=~/news.index``.
        """
        if not isinstance(value, str):
            return value
        options = {} if ctx is None else ctx.params
        timeout = options.get("timeout", DEFAULT_TIMEOUT)
        return index_at(os.path.expanduser(value), timeout)  # noqa: PTH111  (also part of a URL)

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the value of a variable as one index: a folder may have spaces in its name."""
        return [rv]

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete folder names."""
        return click.Path().shell_complete(ctx, param, incomplete)


def completing(
    kind: str,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]:
    """Return a ``shell_complete`` of Click: what :mod:`newsgrep.cli.completion` offers."""

    def offer(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        # By its name, because it imports this module.
        completion = import_module("newsgrep.cli.completion")
        items: list[CompletionItem[str]] = completion.complete(kind, ctx, incomplete)
        return items

    return offer


def enum_option(
    *names: str, choices: type[_Enum], **attributes: Any
) -> Callable[[_Command], _Command]:
    """Return an option whose value is a member of ``choices``, or ``None`` without a default."""
    return click.option(
        *names,
        type=click.Choice([choice.value for choice in choices]),
        callback=lambda _ctx, _param, value: None if value is None else choices(value),
        **attributes,
    )


# Options


def variants_option(command: _Command) -> _Command:
    """Add ``--variants``."""
    command = click.option(
        "--variants",
        "variants",
        flag_value="words",
        help="Match regional spellings, too (川普, 特朗普); --variants=all also in quotes.",
    )(command)
    return click.option("--variants-in-strings", "variants", flag_value="all", hidden=True)(command)


def narrowing_options(command: _Command) -> _Command:
    """Add the fields of :class:`NarrowingOptions`."""
    for decorate in (
        click.option(
            "--tz",
            metavar="ZONE",
            default=str(ARCHIVE_ZONE),
            envvar="NEWSGREP_TZ",
            shell_complete=completing("zone"),
            show_envvar=True,
            show_default=True,
            help="Time zone of the days in QUERY, --since and --until, e.g. Europe/London.",
        ),
        click.option(
            "--until", metavar="DATE", default="", help="Published on DATE or earlier (inclusive)."
        ),
        click.option(
            "--since",
            metavar="DATE",
            default="",
            help="Published on DATE or later, e.g. 2024-05-17, 2024-05, 7d or 上周.",
        ),
        click.option(
            "--source",
            "sources",
            metavar="TEXT",
            multiple=True,
            shell_complete=completing("source"),
            help="Only sources whose name contains TEXT. Can be repeated.",
        ),
    ):
        command = decorate(command)
    return command


def filter_options(command: _Command) -> _Command:
    """Add the fields of :class:`QueryOptions`, except ``words``."""
    for decorate in (
        narrowing_options,
        click.option(
            "--scan",
            is_flag=True,
            help="Allow a regular expression that must read every article.",
        ),
        click.option(
            "--everything",
            is_flag=True,
            help="Search captions and left-out text, too, not only title and body.",
        ),
        enum_option(
            "--versions",
            choices=Versions,
            default=Versions.NEWEST.value,
            show_default=True,
            help="Versions of each article in which title and body are searched.",
        ),
        variants_option,
        click.option("--literal", is_flag=True, help="Treat QUERY as a literal string."),
        click.option("-E", "--regex", is_flag=True, help="Treat QUERY as a regular expression."),
        click.option("--any", "any_word", is_flag=True, help="Match any word instead of all."),
    ):
        command = decorate(command)
    return command


def query_options(command: _Command, *, required: bool = True) -> _Command:
    """Add the fields of :class:`QueryOptions`."""
    command = filter_options(command)
    return click.argument(
        "words",
        metavar="QUERY..." if required else "[QUERY...]",
        nargs=-1,
        required=required,
        shell_complete=completing("query"),
    )(command)


optional_query_options: Final = partial(query_options, required=False)
"""Add the fields of :class:`QueryOptions`; without a query, every article matches."""

_FORMAT_HELP: Final = {
    OutputFormat.JSON: "Print one JSON object.",
    OutputFormat.JSONL: "Print JSON Lines, one object per result.",
    OutputFormat.CSV: "Print CSV with a header row; --csv=excel for Excel, --csv=raw unchanged.",
    OutputFormat.PATHS: "Print paths only, one per line, in the form $'…' where needed.",
}


def output_options(
    *formats: OutputFormat, color: bool = True, columns: bool = True
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds the fields of :class:`OutputOptions` for these formats.

    Without ``columns`` the command has an option ``--columns`` of its own.
    """

    def decorate(command: _Command) -> _Command:
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
                _CSV_FORM,
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


def order_option(command: _Command) -> _Command:
    """Add ``--sort``: the order of hits."""
    return enum_option(
        "--sort",
        choices=Order,
        default=Order.RELEVANCE.value,
        show_default=True,
        help="Sort order; date: oldest first, -date: newest first.",
    )(command)


def limit_option(default: int, help_text: str, *, least: int = 1) -> Callable[[_Command], _Command]:
    """Return a decorator that adds ``-n``, which is at least ``least``."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(min=least),
        metavar="N",
        default=default,
        show_default=True,
        help=help_text,
    )


def default_index() -> Index | str:
    """Return the nearest index from the current folder upwards, or else the configured one.

    If there is neither, it is that in the current folder, which ``newsgrep index`` creates.
    """
    found = find_index()
    if not found.exists() and settings_file().exists():
        from newsgrep.cli.settings import configured_index  # few users have one

        return configured_index(settings_file()) or found
    return found


def settings_file() -> Path:
    """Return the path of the configuration file, which may not exist."""
    return Path(click.get_app_dir("newsgrep")) / "config.toml"


def index_option(command: _Command) -> _Command:
    """Add the fields of :class:`IndexOptions`."""
    return _add_index_option(command, _one_index, "Index folder, or opensearch://HOST[:PORT]/NAME.")


def indexes_option(command: _Command) -> _Command:
    """Add the fields of :class:`IndexOptions`; several indexes are searched as one."""
    return _add_index_option(
        command,
        _several_indexes,
        "Index folder, or opensearch://HOST[:PORT]/NAME. Repeat it to search several as one.",
    )


def _several_indexes(
    ctx: click.Context, param: click.Parameter, values: tuple[Index, ...]
) -> Index:
    if len(values) == 1:
        return _with_origin(values[0], ctx.get_parameter_source(param.name or ""))
    from newsgrep.indexing.combined import combine_indexes  # few searches name several

    return combine_indexes(values)


def _with_origin(index: Index, source: ParameterSource | None) -> Index:
    """Return ``index`` with what named it, for its error, if the user did not just type it."""
    if source is ParameterSource.COMMANDLINE or not isinstance(index, FolderIndex):
        return index
    if source is ParameterSource.ENVIRONMENT:
        return FolderIndex(index.path, named_by="NEWSGREP_INDEX")
    if not index.searched and index.path != Path(INDEX_NAME):
        return FolderIndex(index.path, named_by=str(settings_file()))
    return index


def _one_index(ctx: click.Context, param: click.Parameter, values: tuple[Index, ...]) -> Index:
    index = _several_indexes(ctx, param, values)
    if len(index.parts) > 1:
        raise UsageError(
            "newsgrep {name} works on one index only. Name a single --index.", name=ctx.command.name
        )
    return index


def _add_index_option(
    command: _Command,
    choose: Callable[[click.Context, click.Parameter, tuple[Index, ...]], Index],
    help_text: str,
) -> _Command:
    command = click.option(
        "--timeout",
        type=click.IntRange(1, _MAX_TIMEOUT),
        metavar="SECONDS",
        default=int(DEFAULT_TIMEOUT),
        envvar="NEWSGREP_TIMEOUT",
        show_envvar=True,
        show_default=True,
        is_eager=True,  # known before the index is
        help="Seconds that a server may take for each request.",
    )(command)
    return click.option(
        "--index",
        type=IndexParam(),
        multiple=True,
        callback=choose,
        default=lambda: (default_index(),),
        envvar="NEWSGREP_INDEX",
        show_envvar=True,
        show_default="index in this folder or the nearest above",
        help=help_text,
    )(command)
