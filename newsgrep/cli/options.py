"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import FACETS, Engine, Order
from newsgrep.engines.registry import folder_engines
from newsgrep.errors import InputError, UsageError
from newsgrep.index.location import Index, described, index_at
from newsgrep.models import ARCHIVE_ZONE, Article
from newsgrep.query.dates import ARCHIVE_TIMEZONE_NAME, Calendar, calendar_in
from newsgrep.query.parser import (
    LoadSaved,
    Query,
    no_saved_queries,
    parse,
    parse_literal,
    parse_regex_query,
)
from newsgrep.search.search import build_filters, with_filters
from newsgrep.terminal import one_line, sanitize, truncate

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


_Command = TypeVar("_Command", bound=Callable[..., Any])


_HIDDEN_MINUS = "\ue000"  # of the private use area: in no query that anyone types


class QueryCommand(click.Command):
    """Takes ``-普京`` for an excluded word, where Click would look for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hide the minus of such words; :func:`query_text` shows it again."""
        kept = [re.sub(r"^-(?=[^\x00-\x7f]|[\"(])", _HIDDEN_MINUS, arg) for arg in args]
        return super().parse_args(ctx, kept)


def query_text(words: tuple[str, ...]) -> str:
    """Return the words that a :class:`QueryCommand` was given as one query."""
    return " ".join(words).replace(_HIDDEN_MINUS, "-")


class LocationParam(click.ParamType[Index]):
    """An index: its folder, or its address on a server."""

    name = "index"

    def convert(
        self,
        value: str | Index,
        param: click.Parameter | None,  # noqa: ARG002  (Click's interface)
        ctx: click.Context | None,  # noqa: ARG002  (likewise)
    ) -> Index:
        """Return where the index is; raises :class:`UsageError` for a wrong address."""
        return index_at(value) if isinstance(value, str) else value

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
        type=LocationParam(),
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


def use_color(choice: str) -> bool:
    """Return whether to print in colour, by the option, NO_COLOR and the terminal."""
    if choice == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return sys.stdout.isatty() and not plain
    return choice == "always"


class SizeParam(click.ParamType[int]):
    """A number of bytes as people write it: ``500K``, ``64M``, ``1G``."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the bytes in ``value``; a usage error if it is no such number."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        size = int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else 0
        if not 0 < size <= _MAX_SIZE:
            self.fail("say a size such as 500K, 64M or 1G, which is the most.", param, ctx)
        return size


_SIZE = re.compile(r"([0-9]{1,12})([KMG]?)", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_MAX_SIZE: Final = 2**30
"""What is read is held in memory, and the libraries that read it count to twice as much."""


_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def query_options(command: _Decorated) -> _Decorated:
    """Add the query itself and the options that narrow it."""
    for decorate in (
        click.option(
            "--tz",
            metavar="ZONE",
            default=ARCHIVE_TIMEZONE_NAME,
            envvar="NEWSGREP_TZ",
            show_default=True,
            help="Time zone whose days are meant, such as Europe/London; also NEWSGREP_TZ.",
        ),
        click.option("--until", default="", help="Published then or earlier, that day included."),
        click.option(
            "--since", default="", help="Published then or later: 2024-05-17, 2024-05, 7d, 上周 ..."
        ),
        click.option(
            "--source", "sources", multiple=True, help="Only sources whose name holds this."
        ),
        click.option("--scan", is_flag=True, help="Let a regular expression read every article."),
        click.option("--literal", is_flag=True, help="QUERY is a text to be found as it stands."),
        click.option("-E", "--regex", is_flag=True, help="QUERY is a regular expression."),
        click.option("--any", "any_word", is_flag=True, help="One of the words is enough."),
        click.argument("words", metavar="QUERY...", nargs=-1, required=True),
    ):
        command = decorate(command)
    return command


def build_query(
    words: tuple[str, ...], options: dict[str, Any], saved: LoadSaved = no_saved_queries
) -> Query:
    """Return what :func:`query_options` were given, as one query.

    What may be meant otherwise in it is told on standard error; ``saved`` knows saved queries.
    """
    calendar = calendar_in(options["tz"])
    query = _parse_query(query_text(words), options, calendar, saved)
    for doubt in query.doubts:
        click.echo(f"newsgrep: {sanitize(doubt)}", err=True)
    narrowing = build_filters(options["sources"], options["since"], options["until"], calendar)
    return with_filters(query, narrowing)


def _parse_query(text: str, options: dict[str, Any], calendar: Calendar, saved: LoadSaved) -> Query:
    if options["regex"] and options["literal"]:
        raise UsageError("--regex and --literal exclude each other: leave one of them out.")
    if options["literal"]:
        return parse_literal(text)
    if options["regex"]:
        return parse_regex_query(text, scan=options["scan"])
    return parse(
        text,
        any_word=options["any_word"],
        scan=options["scan"],
        calendar=calendar,
        saved=saved,
    )


def parse_facets(text: str) -> tuple[str, ...]:
    """Return the facets in a list such as ``source,month``, each once.

    Raises :class:`UsageError` for what is none.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    known = ", ".join(FACETS)
    if text and not names:
        raise UsageError(f"--facets names nothing: choose from {known}.")
    for name in names:
        if name not in FACETS:
            shown = truncate(one_line(name), 40)
            raise UsageError(f"There is no facet “{shown}”: choose from {known}.")
    return names


def report_no_match(engine: Engine, query: Query, understood: str, index: Index) -> dict[str, Any]:
    """Say on standard error why ``query`` finds nothing, and return it as an object."""
    from dataclasses import asdict

    from newsgrep.index.freshness import FreshnessCheck, check_freshness
    from newsgrep.search.diagnose import diagnose
    from newsgrep.views.hits import diagnosis_to_text

    # The files of an index on a server may lie on other machines, where nobody can look.
    here = isinstance(index, Path)
    newer, all_seen = (
        check_freshness(engine.stamps()) if here else FreshnessCheck(0, complete=False)
    )
    explanation = diagnose(engine, query.root, newer, all_files_checked=all_seen)
    for line in diagnosis_to_text(explanation, understood, described(index)):
        click.echo(line, err=True)
    return asdict(explanation)


_HALF_LIFE = re.compile(r"([0-9]{1,5})([dwmy])", re.IGNORECASE | re.ASCII)
_UNIT_DAYS: Final = {"d": 1.0, "w": 7.0, "m": 365.25 / 12, "y": 365.25}
_DAY_SECONDS: Final = 86_400.0


class HalfLifeParam(click.ParamType[float]):
    """A time in seconds, written ``30d``, ``6w``, ``6m`` or ``2y``."""

    name = "half-life"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds in ``value``; a usage error if it is no such time."""
        if isinstance(value, float):
            return value
        match = _HALF_LIFE.fullmatch(value.strip())
        seconds = int(match[1]) * _UNIT_DAYS[match[2].lower()] * _DAY_SECONDS if match else 0.0
        if not seconds:
            self.fail(
                "say after how long an article counts half, such as 30d, 6w, 6m or 2y.", param, ctx
            )
        return seconds


def make_recency(half_life: float | None, order: Order) -> Recency | None:
    """Return what ``--recency`` and ``--sort`` ask for together; raises :class:`UsageError`.

    Ages count from the end of today in China, so that pages asked for on one day fit together.
    """
    if half_life is None:
        return None
    if order is not Order.RELEVANCE:
        raise UsageError("--recency changes the order by relevance: leave out --sort, or this.")
    tomorrow = datetime.now(ARCHIVE_ZONE).date() + timedelta(days=1)
    now = datetime.combine(tomorrow, time(), ARCHIVE_ZONE).timestamp()
    return Recency(half_life, now)


_ID: Final = re.compile("[a-z2-7]{12}")
_MAX_ARTICLE_FILE: Final = 2**26


def find_article(engine: Engine, name: str) -> Article | None:
    """Return the indexed article with the id ``name``, or from the file at the path ``name``."""
    if found := engine.get([name]):
        return found[0]
    path = os.path.abspath(name)  # noqa: PTH100  (paths in an index are strings of any bytes)
    known = (stamp.article_id for stamp in engine.stamps() if stamp.path == path)
    article_id = next(known, None)
    return next(iter(engine.get([article_id])), None) if article_id else None


def looks_like_article(text: str) -> bool:
    """Return whether ``text`` looks like an id or is the path of a file: no mere words."""
    return bool(_ID.fullmatch(text)) or os.path.lexists(text)


def read_article_file(path: str) -> Article:
    """Return the article in a file that need not be indexed.

    Raises :class:`InputError` with the reason if there is none, or the file can't be read.
    """
    from newsgrep.analysis.document import IndexDocument
    from newsgrep.extract.outlets import load_outlets
    from newsgrep.extract.walk import File
    from newsgrep.index.workers import FailedFile, prepare_file

    whole = os.path.abspath(path)  # noqa: PTH100  (a string of any bytes)
    made = prepare_file(File(whole, 0, 0), load_outlets(outlet_rules_file()), _MAX_ARTICLE_FILE)
    if isinstance(made, IndexDocument):
        return made.article()
    reason = (
        made.reason if isinstance(made, FailedFile) or made.reason else "there is no article in it"
    )
    raise InputError(f"No article can be taken from {path}: {reason}. Name another file, or an id.")


def outlet_rules_file() -> Path | None:
    """Return the user's rules for outlets, if there are any."""
    path = Path(click.get_app_dir("newsgrep")) / "outlets.toml"
    return path if path.exists() else None
