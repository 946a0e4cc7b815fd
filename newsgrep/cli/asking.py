"""What commands that ask have in common: the query with its filters, and why nothing was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from newsgrep.archive.location import Location, where
from newsgrep.cli.options import typed
from newsgrep.engines.base import FACETS, Engine
from newsgrep.errors import UsageError
from newsgrep.output.cells import shortened
from newsgrep.output.safe import one_line, safe
from newsgrep.query.library import Saved, nothing_saved
from newsgrep.query.parser import Query, by_regex, literally, parse
from newsgrep.query.zones import ARCHIVE_ZONE_NAME, Calendar, calendar_in
from newsgrep.search import filters, narrowed

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def query_options(command: _Decorated) -> _Decorated:
    """Add the query itself and the options that narrow it."""
    for decorate in (
        click.option(
            "--tz",
            metavar="ZONE",
            default=ARCHIVE_ZONE_NAME,
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


def asked(words: tuple[str, ...], options: dict[str, Any], saved: Saved = nothing_saved) -> Query:
    """Return what :func:`query_options` were given, as one query.

    What may be meant otherwise in it is told on standard error; ``saved`` knows saved queries.
    """
    calendar = calendar_in(options["tz"])
    query = _read(typed(words), options, calendar, saved)
    for doubt in query.doubts:
        click.echo(f"newsgrep: {safe(doubt)}", err=True)
    narrowing = filters(options["sources"], options["since"], options["until"], calendar)
    return narrowed(query, narrowing)


def _read(text: str, options: dict[str, Any], calendar: Calendar, saved: Saved) -> Query:
    if options["regex"] and options["literal"]:
        raise UsageError("--regex and --literal exclude each other: leave one of them out.")
    if options["literal"]:
        return literally(text)
    if options["regex"]:
        return by_regex(text, scan=options["scan"])
    return parse(
        text,
        any_word=options["any_word"],
        scan=options["scan"],
        calendar=calendar,
        saved=saved,
    )


def facet_names(text: str) -> tuple[str, ...]:
    """Return the facets in a list such as ``source,month``, each once.

    Raises :class:`UsageError` for what is none.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    known = ", ".join(FACETS)
    if text and not names:
        raise UsageError(f"--facets names nothing: choose from {known}.")
    for name in names:
        if name not in FACETS:
            shown = shortened(one_line(name), 40)
            raise UsageError(f"There is no facet “{shown}”: choose from {known}.")
    return names


def tell_why(engine: Engine, query: Query, understood: str, index: Location) -> dict[str, Any]:
    """Say on standard error why ``query`` finds nothing, and return it as an object."""
    from dataclasses import asdict

    from newsgrep.archive.staleness import Glance, glance
    from newsgrep.explain import explain_nothing
    from newsgrep.output.human import explanation_lines

    # The files of an index on a server may lie on other machines, where nobody can look.
    here = isinstance(index, Path)
    newer, all_seen = glance(engine.stamps()) if here else Glance(0, complete=False)
    explanation = explain_nothing(engine, query.root, newer, all_files_seen=all_seen)
    for line in explanation_lines(explanation, understood, where(index)):
        click.echo(line, err=True)
    return asdict(explanation)
