"""Options that several commands share: their declarations, and the typed values they become.

Click calls a command with one keyword argument per option. :func:`pass_options` collects them
in one frozen value, such as ``SearchOptions``, whose fields have the names of the parameters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, dataclass_transform

import click
from click.core import ParameterSource

from newsgrep.engines.base import Order
from newsgrep.engines.registry import DEFAULT_TIMEOUT
from newsgrep.errors import UsageError
from newsgrep.indexing import INDEX_NAME, find_index, index_at
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.store import Index
from newsgrep.messages import localize
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.ast import Node, Versions
from newsgrep.query.parser import Query, parse
from newsgrep.query.warnings import split_word_notes
from newsgrep.search.search import build_query
from newsgrep.terminal import sanitize, wrap_message

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from newsgrep.query.dates import Calendar

_MAX_TIMEOUT: Final = 86_400
"""Seconds of a day."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_Options = TypeVar("_Options")
_Enum = TypeVar("_Enum", bound=StrEnum)


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

    @property
    def is_for_people(self) -> bool:
        """Whether the format has no place for notes on the query, so that they are printed."""
        return True

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
            click.echo(wrap_message(f"newsgrep: {sanitize(localize(warning))}"), err=True)
        if self.is_for_people:
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

HIDDEN_MINUS: Final = "\ue000"
"""Stands for the minus of an excluded word: a private-use character, which no query contains."""


def query_text(words: tuple[str, ...]) -> str:
    """Return the words that a :class:`QueryCommand` received as one query."""
    return " ".join(words).replace(HIDDEN_MINUS, "-")


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
) -> Callable[[Decorated], Decorated]:
    """Return an option whose value is a member of ``choices``, or ``None`` without a default."""
    return click.option(
        *names,
        type=click.Choice([choice.value for choice in choices]),
        callback=lambda _ctx, _param, value: None if value is None else choices(value),
        **attributes,
    )


# Options


def variants_option(command: Decorated) -> Decorated:
    """Add ``--variants``."""
    command = click.option(
        "--variants",
        "variants",
        flag_value="words",
        help="Match regional spellings, too (川普, 特朗普); --variants=all also in quotes.",
    )(command)
    return click.option("--variants-in-strings", "variants", flag_value="all", hidden=True)(command)


def narrowing_options(command: Decorated) -> Decorated:
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


def filter_options(command: Decorated) -> Decorated:
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


def query_options(command: Decorated, *, required: bool = True) -> Decorated:
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


def order_option(command: Decorated) -> Decorated:
    """Add ``--sort``: the order of hits."""
    return enum_option(
        "--sort",
        choices=Order,
        default=Order.RELEVANCE.value,
        show_default=True,
        help="Sort order; date: oldest first, -date: newest first.",
    )(command)


def limit_option(
    default: int, help_text: str, *, least: int = 1
) -> Callable[[Decorated], Decorated]:
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


def index_option(command: Decorated) -> Decorated:
    """Add the fields of :class:`IndexOptions`."""
    return _add_index_option(command, _one_index, "Index folder, or opensearch://HOST[:PORT]/NAME.")


def indexes_option(command: Decorated) -> Decorated:
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
    command: Decorated,
    choose: Callable[[click.Context, click.Parameter, tuple[Index, ...]], Index],
    help_text: str,
) -> Decorated:
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
