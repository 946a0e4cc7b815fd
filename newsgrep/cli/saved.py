"""``newsgrep saved`` and ``newsgrep new``: saved queries, and the new articles that match them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import click

from newsgrep.cli.file_options import wait_option
from newsgrep.cli.main import Command, Group, QueryCommand
from newsgrep.cli.options import (
    IndexOptions,
    completing,
    index_option,
    pass_options,
    query_text,
    variants_option,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_message,
    print_result,
    screen,
)
from newsgrep.engines.base import Engine
from newsgrep.errors import InputError, NewsgrepError, UsageError
from newsgrep.indexing.lock import exclusive_lock
from newsgrep.indexing.user_state import (
    read_saved,
    read_seen,
    remove_query,
    save_query,
    saved_name,
    seen_file_name,
    seen_folder,
    write_seen,
)
from newsgrep.messages import _, system_reason
from newsgrep.search.search import expand_variants
from newsgrep.terminal import count_noun, one_line, quote_path, write
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.new import NewArticles, find_new, to_json, to_jsonl, to_text

# saved


@click.group("saved", cls=Group, short_help="Keep queries under a name.")
def saved_group() -> None:
    """Keep queries under a name, with the index.

    saved:NAME stands for the query, also inside other queries. newsgrep new lists new
    articles that match saved queries.

    \b
    newsgrep saved add 渔业 '渔业 OR "海带" -source:青石湖'
    newsgrep search saved:渔业 since:2024
    newsgrep new 渔业
    """


class SavedNameOptions(IndexOptions):
    """The options of commands on one saved query."""

    name: str


class SavedAddOptions(SavedNameOptions):
    """The options of ``newsgrep saved add``."""

    words: tuple[str, ...]
    replace: bool


class SavedListOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep saved list``."""


@saved_group.command("add", cls=QueryCommand, short_help="Save a query.")
@click.argument("name")
@click.argument("words", metavar="QUERY...", nargs=-1, required=True)
@click.option("--replace", is_flag=True, help="Replace the query of this name.")
@index_option
@pass_options(SavedAddOptions)
def add_command(options: SavedAddOptions) -> int:
    """Save QUERY as NAME, which consists of letters, digits, - _ and ."""
    name = query_text((options.name,))
    save_query(options.index, name, query_text(options.words), replace=options.replace)
    return 0


@saved_group.command("list", cls=Command, short_help="List all saved queries.")
@output_options(OutputFormat.JSON, color=False)
@index_option
@pass_options(SavedListOptions)
def list_command(options: SavedListOptions) -> int:
    """List the names and queries of all saved queries, one per line, separated by a tab."""
    queries = read_saved(options.index)
    if not queries:
        print_message(_("No saved queries. Save one with: newsgrep saved add NAME QUERY"))
    if options.output is OutputFormat.TEXT:
        for name, query in queries.items():
            write(f"{name}\t{one_line(query)}")
    else:
        listed = [{"name": name, "query": query} for name, query in queries.items()]
        print_result(
            Rendering(json=lambda: {"version": SCHEMA_VERSION, "queries": listed}), options
        )
    return 0 if queries else 1


@saved_group.command("show", cls=Command, short_help="Print a saved query.")
@click.argument("name", shell_complete=completing("saved"))
@index_option
@pass_options(SavedNameOptions)
def show_saved_command(options: SavedNameOptions) -> int:
    """Print the query saved as NAME."""
    queries = read_saved(options.index)
    write(one_line(queries[saved_name(queries, options.name)]))
    return 0


@saved_group.command("remove", cls=Command, short_help="Remove a saved query.")
@click.argument("name", shell_complete=completing("saved"))
@index_option
@pass_options(SavedNameOptions)
def remove_command(options: SavedNameOptions) -> int:
    """Remove the query NAME. Articles that newsgrep new has shown stay marked as seen."""
    remove_query(options.index, options.name)
    return 0


# new


class NewOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep new``."""

    names: tuple[str, ...]
    include_existing: bool
    peek: bool
    command: str | None
    atom: Path | None
    state: Path | None
    variants: str | None
    wait: float

    def validate(self) -> None:
        """Raise :class:`UsageError` for outputs that exclude each other, or an empty command."""
        super().validate()
        if self.atom and (self.command is not None or self.output is not OutputFormat.TEXT):
            other = f"--{self.output}" if self.command is None else "--exec"
            raise UsageError("--atom and {other} exclude each other. Use one of them.", other=other)
        if self.command is None:
            return
        if self.output is not OutputFormat.TEXT:
            raise UsageError(
                "--exec passes JSON Lines to its command. Leave --{output} out.", output=self.output
            )
        if not self.command.strip() or "\0" in self.command:
            raise UsageError("--exec needs a shell command, such as --exec 'mail -s news me'.")

    def state_folder(self) -> Path:
        """Return the folder that remembers what was shown; create it if it does not exist."""
        try:
            if self.state is None:
                return seen_folder(self.index)
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            folder = self.state or self.index.personal_folder
            raise InputError(
                "Cannot write to {folder} ({reason}). Name another folder with --state.",
                folder=folder,
                reason=system_reason(exc),
            ) from exc
        return self.state


@click.command("new", cls=QueryCommand, short_help="Show new articles for saved queries.")
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=completing("saved"))
@click.option(
    "--all",
    "include_existing",
    is_flag=True,
    help="On the first run, report all existing articles.",
)
@variants_option
@click.option("--peek", is_flag=True, help="Do not mark articles as seen.")
@click.option(
    "--exec",
    "command",
    metavar="CMD",
    help="Run a shell command for each query with new articles, which it reads as JSON Lines.",
)
@click.option(
    "--atom",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add new articles to the Atom feed in FILE instead of printing them.",
)
@output_options(OutputFormat.JSON, OutputFormat.JSONL)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder that remembers which articles were seen.  [default: beside the index]",
)
@wait_option
@index_option
@pass_options(NewOptions)
def new_command(options: NewOptions) -> int:
    """Show the articles that were added since the last run, for each saved query.

    The first run prints nothing and marks all existing articles as seen. Output is JSON
    Lines, one object per new article with the name of the query under "saved"; on a terminal
    it is text. --json prints one object for all queries. Articles that were printed are not
    printed again.

    \b
    newsgrep new
    newsgrep index ~/archive && newsgrep new 渔业 > news.jsonl
    newsgrep new --exec 'mail -s "$NEWSGREP_SAVED" me'
    newsgrep new --atom ~/public_html/news.atom

    Exit status: 0 if there are new articles, 1 if not, 2 error.
    """
    queries = read_saved(options.index)
    if not queries:
        raise UsageError(
            "There are no saved queries {where}. Add one with: newsgrep saved add NAME QUERY",
            where=options.index.where,
        )
    names = dict.fromkeys(saved_name(queries, name) for name in options.names)
    state = options.state_folder()
    count, status = 0, 0
    as_one = options.output is OutputFormat.JSON
    with options.index.open() as engine, ExitStack() as all_printed:
        found = []
        for name in names or queries:
            try:
                with ExitStack() as printed:
                    reported = _new_articles(engine, name, queries, state, options)
                    new = (all_printed if as_one else printed).enter_context(reported)
                    count += new.total
                    found.append(new)
                    if not as_one:
                        _report(new, state, options)
            except NewsgrepError as exc:
                # A failing query must not block the others.
                print_message(f"{one_line(name)}: {one_line(str(exc))}")
                status = status or exc.exit_status
        if as_one:
            print_result(Rendering(json=lambda: to_json(found)), options)
    return status or (0 if count else 1)


@contextmanager
def _new_articles(
    engine: Engine, name: str, queries: Mapping[str, str], state: Path, options: NewOptions
) -> Iterator[NewArticles]:
    """Return the new articles of a saved query; mark them as seen after they were printed."""
    query = options.parse(queries[name])
    if options.variants:
        query = expand_variants(query, options.variants)
    path = state / seen_file_name(name)
    with exclusive_lock(
        path.with_suffix(".lock"), _("The state in {state}", state=state), options.wait
    ):
        seen = read_seen(path)
        new = find_new(engine, name, query, seen, include_existing=options.include_existing)
        # Print first, then remember: a run that dies between the two prints them again.
        yield new
        if not options.peek and (seen is None or seen.commit != engine.commit()):
            write_seen(path, engine.commit(), new.present | (seen.articles if seen else set()))
    if seen is None and not options.include_existing and not options.peek:
        click.echo(
            _(
                "{name}: existing articles are marked as seen; later runs show new ones.",
                name=one_line(name),
            ),
            err=True,
        )


def _report(new: NewArticles, state: Path, options: NewOptions) -> None:
    """Print new articles, or pass them to a feed or a command."""
    if options.atom:
        _update_feed(options.atom, new, state, options.wait)
    elif options.command is None:
        output = options.output if sys.stdout.isatty() else OutputFormat.JSONL
        print_result(
            Rendering(text=lambda: to_text(new, screen()), jsonl=lambda: to_jsonl(new)),
            OutputOptions(output=output, color=options.color),
        )
    elif new.total:
        _run_for_new(options.command, new.name, new)


def _update_feed(path: Path, new: NewArticles, state: Path, wait: float) -> None:
    """Add the new articles of a saved query to the feed in ``path``, which is created if needed.

    Raises :class:`InputError` if it cannot be written.
    """
    from newsgrep._io import write_atomically
    from newsgrep.views.atom import to_atom

    if not new.total and path.exists():
        return
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with exclusive_lock(state / "atom.lock", _("The feeds of {state}", state=state), wait):
        try:
            write_atomically(path, to_atom(new, path=path, time=now))
        except OSError as exc:
            raise InputError(
                "Cannot write {path} ({reason}). Name another file.",
                path=quote_path(str(path)),
                reason=system_reason(exc),
            ) from exc


def _run_for_new(command: str, name: str, new: NewArticles) -> None:
    """Run a shell command that reads new articles of the query ``name`` as JSON Lines.

    Raises :class:`InputError` if it cannot be started or fails.
    """
    import subprocess

    from newsgrep._io import encode_json

    environment = {**os.environ, "NEWSGREP_SAVED": name, "NEWSGREP_COUNT": str(new.total)}
    try:
        # The user's own command line; what articles contain is passed by standard input only.
        process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)  # noqa: S602
    except OSError as exc:
        raise InputError(
            "--exec cannot start its command: {reason}.", reason=system_reason(exc)
        ) from exc
    with process:
        stream = cast("IO[bytes]", process.stdin)
        # A command may end before it has read everything, or anything; Windows has an error of its
        # own for that.
        with suppress(OSError):
            for each in to_jsonl(new):
                stream.write(encode_json(each).encode("utf-8", "replace") + b"\n")
        with suppress(OSError):
            stream.close()
    if process.returncode:
        raise InputError(
            "The command of --exec failed with status {returncode}. Its "
            "{articles} will be reported again.",
            returncode=process.returncode,
            articles=count_noun(new.total, "article"),
        )
